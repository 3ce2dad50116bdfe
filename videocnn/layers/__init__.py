"""Layers of the four networks, registered with Keras so that saved models load them by name.

Implemented with `keras.ops` for all backends (section 3 of the paper: networks, fusion in time, two streams).
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
