"""The paper's networks.

Four builders with the signature of those in `keras.applications`, the table they are built from, their average, clip
specification, preprocessing and decoding.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
