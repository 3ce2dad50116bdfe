"""The paper's networks, and what goes in and out of them.

Four builders in the shape of `keras.applications`, their average, clip specification, preprocessing and decoding.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
