"""Which part of the clip a network sees: the full frame, the fovea, the context, or fovea and context together.

A clip and a tower come in, the tower's features come out, `(batch, time, height, width, channels)`. Section 3.2 of
the paper: two streams of 89 x 89 pixels, each with its own weights, joined before fc6.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras

from videocnn.layers import Context, Fovea
from videocnn.models.tower import TowerLayers

STREAMS = ("full", "multires", "fovea", "context")


def run_streams(clip: Any, tower: Callable[[Any, TowerLayers], Any], stream: str, layers: TowerLayers) -> Any:
    """Return the features of `tower` on one stream, or of two towers side by side in the channels.

    The streams are a quarter of the picture, so their towers go without the last pooling: all end at 7 x 7.
    """
    if stream == "full":
        return layers.pool("pool5")(tower(clip, layers))
    fovea = tower(Fovea(name="fovea")(clip), layers.replace(prefix="fovea_")) if stream != "context" else None
    context = tower(Context(name="context")(clip), layers.replace(prefix="context_")) if stream != "fovea" else None
    if stream == "multires":
        return keras.layers.Concatenate(name="streams")([fovea, context])
    return context if fovea is None else fovea
