"""Data sets: toy videos, one's own folders and CSV files, UCF-101, HMDB-51; each ends as a `manifest.csv`."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
