"""Animate first-layer filters that span several frames, as in early and slow fusion.

Section 4.1 of the paper shows slow fusion's filters over their four time steps: moving edges and blobs.
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
    """Return one image of conv1's filters per time step, with the fovea and context streams side by side.

    Each filter is normalised once over all of its time steps, as in `plot_filters`.

    Args:
        model: early or slow fusion, with any stream.
        max_filters: maximum number of filters per stream; the first ones are shown.

    Returns:
        One uint8 image `(height, width, 3)` per time step.

    Raises:
        PictureError: the model has no conv1, or its filters span a single frame.
    """
    kernels = first_layer_kernels(model)
    steps = next(iter(kernels.values())).shape[0]
    if steps == 1:
        raise PictureError(f"{model.name}: its filters span a single frame, nothing to animate; use the suffix .png")
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
    """Save the filters over time as a looping animated GIF. The file is written atomically.

    Args:
        model: early or slow fusion, with any stream.
        path: output file with the suffix `.gif`.
        max_filters: maximum number of filters per stream.
        seconds_per_frame: duration of each time step, in multiples of 0.01 s.

    Raises:
        PictureError: the suffix is not `.gif`, or the filters span a single frame.
        WriteError: the folder does not exist or is not writable.
    """
    path = Path(path)
    if path.suffix.lower() != ".gif":
        raise PictureError(f"{path}: animations are saved as GIF; use the suffix .gif")
    Film(np.stack(filter_frames(model, max_filters=max_filters)), 1 / seconds_per_frame).save(path)
