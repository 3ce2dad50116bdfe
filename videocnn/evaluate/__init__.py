"""Scores of clips and videos, their metrics with intervals, and comparisons of runs (section 4 of the paper)."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
