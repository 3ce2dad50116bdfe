"""Plot the strongest feature maps of every convolution for one clip.

Takes a network and a clip; each layer gets one row of maps per time step. The number of steps shrinks where a network
fuses information over time (section 3.1 of the paper).
"""

from __future__ import annotations

import keras
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from videocnn.visualize.canvas import HEAT, PictureError, plain
from videocnn.visualize.clip import Clip, change_pictures, network_input, stream_frames
from videocnn.visualize.strip import draw_strip, shown_frames
from videocnn.visualize.towers import frames_seen, tower_layers

INCH = 0.8  # width of a map
PIXELS = 48  # minimum width of a map; smaller maps are enlarged so that all gaps look the same
GAP = 3  # pixels between maps


def layer_activations(model: keras.Model, clip: Clip) -> dict[str, np.ndarray]:
    """Return the outputs of a network's convolutions for a clip, keyed by layer name.

    Returns:
        float32 `(steps, height, width, filters)`, after ReLU.

    Raises:
        PictureError: the model has no convolutions of its own, or the clip does not fit it.
    """
    layers = [layer for tower in tower_layers(model).values() for layer in tower]
    outputs = keras.Model(model.input, {layer.name: layer.output for layer in layers})(
        network_input(model, clip), training=False
    )
    return {layer.name: _numpy(outputs[layer.name])[0] for layer in layers}


def plot_activations(model: keras.Model, clip: Clip, *, num_maps: int = 8) -> Figure:
    """Plot the strongest feature maps of every convolution, one row per time step, below the clip itself.

    All rows of a layer show the same filters: those with the largest mean activation over the clip, in descending
    order. Each layer has its own colour scale, whose maximum is given in the layer's title.

    Args:
        model: one of the four networks, with any stream.
        clip: a clip returned by `read_clip`.
        num_maps: maximum number of maps per layer.

    Returns:
        A figure with one axes for the frames and one per layer, with the fovea stream to the left of the context
        stream.

    Raises:
        PictureError: the model has no convolutions of its own, the clip does not fit it, or `num_maps` is below 1.
    """
    if num_maps < 1:
        raise PictureError(f"num_maps={num_maps}: must be at least 1")
    towers, values, inputs = tower_layers(model), layer_activations(model, clip), stream_frames(model, clip)
    chosen = {stream: shown_frames(len(inputs[stream]), num_maps) for stream in towers}
    heights = [[len(values[layer.name]) * _shape(values[layer.name]) for layer in tower] for tower in towers.values()]
    rows = [_shape(next(iter(inputs.values()))), *(max(column) for column in zip(*heights, strict=True))]
    figure, panels = place_rows([INCH * row for row in rows], INCH * num_maps, len(towers))
    for column, (stream, tower) in zip(panels, towers.items(), strict=True):
        frames = inputs[stream][chosen[stream]]
        frames = change_pictures(frames) if frames.shape[-1] == 1 else frames
        numbers = clip.numbers[-len(inputs[stream]) :][chosen[stream]]
        draw_strip(column[0], frames, stream, [f"frame {number}" for number in numbers])
        column[0].set_xlim(0, num_maps)
        column[0].set_anchor("NW")
        for axes, layer in zip(column[1:], tower, strict=True):
            seen = [_span(clip.numbers[steps.start], clip.numbers[steps[-1]]) for steps in frames_seen(model, layer)]
            draw_maps(axes, layer.name, values[layer.name], seen, num_maps)
    figure.suptitle(
        f"{plain(clip.name)}: the strongest filters of {plain(model.name)}, layer by layer", fontsize=10, y=0.995
    )
    return figure


def place_rows(heights: list[float], width: float, columns: int) -> tuple[Figure, list[list[Axes]]]:
    """Return a figure and its axes by column, positioned in inches so that all maps have the same size."""
    left, above, top = 1.05, 0.45, 0.1  # room for step labels, for a layer's title and captions, for the figure's title
    size = columns * (left + width) + 0.15, top + sum(heights) + above * len(heights) + 0.05
    figure = Figure(figsize=size)
    panels: list[list[Axes]] = []
    for column in range(columns):
        panels.append([])
        bottom = size[1] - top
        for height in heights:
            bottom -= height + above
            box = (left + column * (left + width), bottom + 0.2, width, height)
            panels[-1].append(figure.add_axes([inches / size[side % 2] for side, inches in enumerate(box)]))
    return figure, panels


def strongest(values: np.ndarray, count: int) -> np.ndarray:
    """Return the indices `(at most count,)` of the filters with the largest mean activation, in descending order."""
    return np.argsort(-values.mean(axis=(0, 1, 2)), kind="stable")[:count]


def draw_maps(axes: Axes, name: str, values: np.ndarray, seen: list[str], num_maps: int) -> None:
    """Draw a layer's strongest maps: filters from left to right, steps from top to bottom."""
    filters = strongest(values, num_maps)
    size, times = values.shape[1:3], -(-PIXELS // values.shape[2])
    large = values[..., filters].repeat(times, axis=1).repeat(times, axis=2)
    steps, height, width = large.shape[:3]
    image = np.full((steps * (height + GAP), len(filters) * (width + GAP)), np.nan, np.float32)
    for step in range(steps):
        for place in range(len(filters)):
            top, left = step * (height + GAP), place * (width + GAP)
            image[top : top + height, left : left + width] = large[step, ..., place]
    peak, tall = float(large.max()), (height + GAP) / (width + GAP)
    axes.imshow(
        image,
        cmap=HEAT,
        vmin=0,
        vmax=peak or 1,
        extent=(0, len(filters), steps * tall, 0),
        aspect="equal",
        interpolation="nearest",
    )
    unit = width / (width + GAP)
    axes.set_anchor("NW")
    axes.set_xlim(0, num_maps)
    axes.set_xticks([place + unit / 2 for place in range(len(filters))], [f"filter {n}" for n in filters], fontsize=7)
    axes.set_yticks([tall * (step + unit / 2) for step in range(steps)], seen, fontsize=7)
    axes.tick_params(length=0, pad=2)
    scale = f"0 to {peak:.3g}" if peak else "all are silent"
    axes.set_title(f"{name}: {size[0]} x {size[1]}, {scale}", fontsize=8, loc="left", pad=3)
    axes.spines[:].set_visible(False)


def _span(first: int, last: int) -> str:
    return f"frame {first}" if first == last else f"frames {first}-{last}"


def _shape(values: np.ndarray) -> float:
    return values.shape[1] / values.shape[2]


def _numpy(tensor) -> np.ndarray:
    return np.asarray(keras.ops.convert_to_numpy(keras.ops.cast(tensor, "float32")))
