"""What holds for every test: property tests have no time limit of their own, since a busy machine is no fault."""

from hypothesis import settings

settings.register_profile("videocnn", deadline=None)
settings.load_profile("videocnn")
