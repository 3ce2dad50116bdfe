"""The paper's networks, and what goes in and out of them.

Four builders in the shape of `keras.applications`, their average, clip specification, preprocessing and decoding.
"""

from videocnn.models.ensemble import average
from videocnn.models.fusion import EarlyFusion, LateFusion, SingleFrame, SlowFusion
from videocnn.models.interface import (
    clip_spec,
    decode_predictions,
    load_model,
    preprocess_input,
    set_clip_spec,
    with_pooled_head,
)
from videocnn.models.tower import ModelError

__all__ = [
    "EarlyFusion",
    "LateFusion",
    "ModelError",
    "SingleFrame",
    "SlowFusion",
    "average",
    "clip_spec",
    "decode_predictions",
    "load_model",
    "preprocess_input",
    "set_clip_spec",
    "with_pooled_head",
]
