"""Clips of videos as `tf.data` batches, from a manifest or from shards."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
