"""Layers of the four networks, registered, so that Keras saves and loads them by name.

Written in `keras.ops`, so every backend gives the same values (section 3 of the paper: networks, fusion in time,
two streams).
"""

from videocnn.layers.clip import ClipInput, Context, Fovea, FrameDifference, TakeFrames
from videocnn.layers.tower import FramePooling, LocalResponseNormalization, TemporalConv
from videocnn.layers.winograd import plain_convolutions

__all__ = [
    "ClipInput",
    "Context",
    "Fovea",
    "FrameDifference",
    "FramePooling",
    "LocalResponseNormalization",
    "TakeFrames",
    "TemporalConv",
    "plain_convolutions",
]
