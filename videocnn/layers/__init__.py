"""Layers of the four networks, registered, so that Keras saves and loads them by name.

Written in `keras.ops`, so every backend gives the same values (section 3 of the paper: networks, fusion in time,
two streams).
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
