"""Filters that see several frames, as a film: early and slow fusion's first layer, one picture a frame of the filter.

Section 4.1 of the paper shows slow fusion's filters over their four steps: edges and blobs that move.
"""

from __future__ import annotations

import os
from pathlib import Path

import keras
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from videocnn.visualize.canvas import PictureError, plain
from videocnn.visualize.films import Film
from videocnn.visualize.filters import filter_pictures, first_layer_kernels, strips

DPI = 100
WEIGHTS_PER_INCH = 25
ACROSS = 12  # filters in a row


def filter_frames(model: keras.Model, *, max_filters: int = 96) -> list[np.ndarray]:
    """Return one picture a step in time of conv1's filters, fovea beside context.

    Every filter has one contrast for all its steps, as in `plot_filters`.

    Args:
        model: early or slow fusion, with any stream.
        max_filters: most filters a stream, the first ones.

    Returns:
        uint8 `(height, width, 3)`, as many as the filters have steps.

    Raises:
        PictureError: the model has no conv1, or its filters see one frame only.
    """
    kernels = first_layer_kernels(model)
    steps = next(iter(kernels.values())).shape[0]
    if steps == 1:
        raise PictureError(f"{model.name}: its filters see one frame, nothing moves in them; draw them with .png")
    streams = {stream: filter_pictures(kernel[..., :max_filters]) for stream, kernel in kernels.items()}
    images = {stream: [strips(step[None], ACROSS) for step in pictures] for stream, pictures in streams.items()}
    widths = [stream[0].shape[1] / WEIGHTS_PER_INCH for stream in images.values()]
    height = max(stream[0].shape[0] for stream in images.values()) / WEIGHTS_PER_INCH
    figure = Figure(figsize=(max(sum(widths), 3) + 0.4, height + 1.0), dpi=DPI, layout="constrained")
    canvas = FigureCanvasAgg(figure)
    panels = figure.subplots(1, len(images), squeeze=False, width_ratios=widths)[0]
    drawn = []
    for axes, (stream, pictures) in zip(panels, images.items(), strict=True):
        drawn.append(axes.imshow(pictures[0], interpolation="nearest"))
        axes.set_title(stream, fontsize=9)
        axes.set_axis_off()
    title = figure.suptitle("", fontsize=10)
    frames = []
    for step in range(steps):
        for image, pictures in zip(drawn, images.values(), strict=True):
            image.set_data(pictures[step])
        title.set_text(f"{plain(model.name)}: first layer, frame {step + 1} of {steps}")
        canvas.draw()
        frames.append(np.asarray(canvas.buffer_rgba())[..., :3].copy())
    return frames


def save_filter_animation(
    model: keras.Model, path: str | os.PathLike, *, max_filters: int = 96, seconds_per_frame: float = 0.4
) -> None:
    """Write the filters over time as an animated GIF that runs for ever, whole or not at all.

    Args:
        model: early or slow fusion, with any stream.
        path: a file named `.gif`.
        max_filters: most filters a stream.
        seconds_per_frame: how long a step stays; steps of 0.01.

    Raises:
        PictureError: the file has another name, or nothing moves in the filters.
        WriteError: the folder is not there or cannot be written.
    """
    path = Path(path)
    if path.suffix.lower() != ".gif":
        raise PictureError(f"{path}: an animation is a GIF; name it .gif")
    Film(np.stack(filter_frames(model, max_filters=max_filters)), 1 / seconds_per_frame).save(path)
