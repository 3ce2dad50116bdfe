"""Plot the filters of a network's first layer, in a single frame or over time (section 4.1 of the paper).

The paper found grey, high-frequency filters in the fovea stream, coarse colours in the context stream, and moving edges
and blobs in slow fusion.
"""

from __future__ import annotations

import keras
import numpy as np
from matplotlib.figure import Figure

from videocnn.visualize.canvas import PictureError

GAP = 2  # white pixels around a filter


def plot_filters(model: keras.Model, *, max_filters: int = 96) -> Figure:
    """Plot conv1's filters, one panel per stream; a filter that spans several frames is drawn as a strip.

    Each filter is normalised on its own: zero is grey, and the largest weight is white or a saturated colour. The
    title of a panel gives the share of the weights' energy that is chromatic, so that it does not have to be judged by
    eye.

    Args:
        model: one of the four networks, with any stream.
        max_filters: maximum number of filters per panel; the first ones are shown.

    Returns:
        A figure with one axes per stream.

    Raises:
        PictureError: the model has no conv1 (an average of networks, or a network from another package).
    """
    kernels = first_layer_kernels(model)
    mosaics = {stream: mosaic(kernel[..., :max_filters]) for stream, kernel in kernels.items()}
    # Inches follow pixels, so that filters have the same size in all panels and for all networks.
    widths = [image.shape[1] / 45 for image in mosaics.values()]
    height = max(image.shape[0] for image in mosaics.values()) / 45
    figure = Figure(figsize=(max(sum(widths), 3) + 0.4, height + 1.5), layout="constrained")
    panels = figure.subplots(1, len(mosaics), squeeze=False, width_ratios=widths)[0]
    for axes, (stream, image) in zip(panels, mosaics.items(), strict=True):
        steps, rows, columns, channels, filters = kernels[stream].shape
        axes.imshow(image, interpolation="nearest")
        colour = "frame differences" if channels == 1 else f"colour {100 * colour_share(kernels[stream]):.0f} %"
        shown = f"{filters} filters" if filters <= max_filters else f"{max_filters} of {filters} filters"
        axes.set_title(f"{stream}\n{shown}, {rows} x {columns} px, {colour}", fontsize=9)
        axes.set_yticks([])
        pitch = columns + GAP
        axes.set_xticks([GAP + columns / 2 + pitch * step - 0.5 for step in range(steps)] if steps > 1 else [])
        axes.set_xticklabels(range(steps) if steps > 1 else [], fontsize=6)
        if steps > 1:
            axes.set_xlabel("frame of the filter (every strip reads from left to right)", fontsize=8, loc="left")
        axes.spines[:].set_visible(False)
    figure.suptitle(f"{model.name}: first layer", fontsize=11)
    return figure


def first_layer_kernels(model: keras.Model) -> dict[str, np.ndarray]:
    """Return conv1's kernels, float32 `(time, height, width, channels, filters)`, keyed by stream, fovea first."""
    layers = {layer.name: layer for layer in model.layers}
    names = {"full frame": "conv1", "fovea": "fovea_conv1", "context": "context_conv1"}
    kernels = {
        stream: keras.ops.convert_to_numpy(layers[name].kernel).astype(np.float32)
        for stream, name in names.items()
        if name in layers and hasattr(layers[name], "kernel")
    }
    if not kernels:
        raise PictureError(
            f"{model.name}: no layer named conv1; give one of the four networks (for an average, one of its members)"
        )
    return kernels


def colour_share(kernel: np.ndarray) -> float:
    """Return the chromatic share of a kernel's energy, 0..1: what the mean of red, green and blue does not explain."""
    energy = np.square(kernel).sum()
    grey = np.square(kernel.mean(axis=3)).sum() * kernel.shape[3]
    return float(1 - grey / energy) if energy else 0.0


def filter_pictures(kernel: np.ndarray) -> np.ndarray:
    """Return filters `(time, height, width, channels, filters)` as RGB images, float32 0..1, with zero at 0.5.

    Each filter is scaled by its largest weight over all time steps.
    """
    peak = np.abs(kernel).max(axis=(0, 1, 2, 3), keepdims=True)
    pictures = (0.5 + 0.5 * kernel / np.where(peak > 0, peak, 1)).astype(np.float32)
    return np.repeat(pictures, 3, axis=3) if kernel.shape[3] == 1 else pictures


def mosaic(kernel: np.ndarray) -> np.ndarray:
    """Arrange filters `(time, height, width, channels, filters)` in strips: float32 RGB 0..1 `(rows, columns, 3)`."""
    return strips(filter_pictures(kernel), 12 if len(kernel) == 1 else -(-16 // len(kernel)))


def strips(pictures: np.ndarray, across: int) -> np.ndarray:
    """Arrange images `(time, height, width, 3, filters)` in rows of `across` strips."""
    steps, height, width, _, filters = pictures.shape
    down = -(-filters // across)
    strip = steps * (width + GAP)
    image = np.ones((down * (height + GAP) + GAP, across * (strip + 2 * GAP) - GAP, 3), np.float32)
    for number in range(filters):
        top = GAP + number // across * (height + GAP)
        for step in range(steps):
            left = GAP + number % across * (strip + 2 * GAP) + step * (width + GAP)
            image[top : top + height, left : left + width] = pictures[step, ..., number]
    return image
