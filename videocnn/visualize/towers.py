"""Find a network's convolutions by stream, and the frames of the clip that each of their time steps covers.

Section 3.1 of the paper: slow fusion's conv1 has four time steps of four frames each, its conv3 one step that covers
all ten frames.
"""

from __future__ import annotations

import keras

from videocnn.layers import FrameDifference, TemporalConv
from videocnn.visualize.canvas import PictureError

STREAM_PREFIXES = {"full frame": "", "fovea": "fovea_", "context": "context_"}


def tower_layers(model: keras.Model) -> dict[str, list[TemporalConv]]:
    """Return the convolutions of each stream in order, fovea before context.

    Raises:
        PictureError: the model has none (an average of networks, or a network from another package).
    """
    layers = [layer for layer in model.layers if isinstance(layer, TemporalConv)]
    towers: dict[str, list[TemporalConv]] = {stream: [] for stream in STREAM_PREFIXES}
    for layer in layers:
        named = (name for name, prefix in STREAM_PREFIXES.items() if prefix and layer.name.startswith(prefix))
        towers[next(named, "full frame")].append(layer)
    towers = {stream: tower for stream, tower in towers.items() if tower}
    if not towers:
        raise PictureError(
            f"{model.name}: no convolutions to visualize; give one of the four networks (for an average, one of its "
            "members)"
        )
    return towers


def frames_seen(model: keras.Model, layer: TemporalConv) -> list[range]:
    """Return the temporal receptive field, in frames of the clip, of each time step of a layer."""
    tower = next(tower for tower in tower_layers(model).values() if layer in tower)
    span = 1 + any(isinstance(other, FrameDifference) for other in model.layers)
    jump = 1
    for below in tower[: tower.index(layer) + 1]:
        span += (below.kernel_size[0] - 1) * jump
        jump *= below.strides[0]
    return [range(step * jump, step * jump + span) for step in range(layer.output.shape[1])]
