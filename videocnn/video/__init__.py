"""One video file in, exact upright RGB frames and honest counts out; the only part of the package with a decoder.

`probe` measures a file, `read_frames` gives frames by number, `first_frames` gives many one by one, `stream_frames`
all of them with their times, `check_video` decodes everything. Frame `i` is the `i`-th picture in presentation order,
whatever header and time stamps claim. Every failure is a `VideoError`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
