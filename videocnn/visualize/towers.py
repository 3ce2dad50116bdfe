"""The convolutions of a network, stream by stream, and which frames of the clip each of their steps in time sees.

Section 3.1 of the paper: slow fusion's conv1 has four steps of four frames each, its conv3 one step of all ten.
"""

from __future__ import annotations

import keras

from videocnn.layers import FrameDifference, TemporalConv
from videocnn.visualize.canvas import PictureError

STREAMS = {"full frame": "", "fovea": "fovea_", "context": "context_"}


def tower_layers(model: keras.Model) -> dict[str, list[TemporalConv]]:
    """Return the convolutions of each stream in their order, fovea before context.

    Raises:
        PictureError: the model has none (an average of networks; another package's network).
    """
    layers = [layer for layer in model.layers if isinstance(layer, TemporalConv)]
    towers: dict[str, list[TemporalConv]] = {stream: [] for stream in STREAMS}
    for layer in layers:
        stream = next((name for name, prefix in STREAMS.items() if prefix and layer.name.startswith(prefix)), None)
        towers[stream or "full frame"].append(layer)
    towers = {stream: tower for stream, tower in towers.items() if tower}
    if not towers:
        raise PictureError(
            f"{model.name}: has no convolutions of its own to look into; give one of the four networks (of an average, "
            "one of its members)"
        )
    return towers


def frames_seen(model: keras.Model, layer: TemporalConv) -> list[range]:
    """Return, for each step in time of a layer, the frames of the clip from which it is computed."""
    tower = next(tower for tower in tower_layers(model).values() if layer in tower)
    span = 1 + any(isinstance(other, FrameDifference) for other in model.layers)
    jump = 1
    for below in tower[: tower.index(layer) + 1]:
        span += (below.kernel_size[0] - 1) * jump
        jump *= below.strides[0]
    return [range(step * jump, step * jump + span) for step in range(layer.output.shape[1])]
