"""Plots of trained networks, clips and results; each function returns a matplotlib `Figure`.

Figures are built without pyplot: nothing is displayed, no global state is changed, and drawing is thread-safe. The
palette is colour-blind friendly, and no information is conveyed by colour alone.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
