"""Which videos there are: a checked CSV file of paths, labels, splits and groups."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
