"""Film strips: frames drawn side by side, each one unit wide regardless of its resolution.

Strips of streams with different resolutions therefore line up.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from videocnn.visualize.canvas import text_inches

MOST_FRAMES = 11  # in a strip; longer clips are subsampled evenly
GAP = 0.03  # between frames, relative to a frame's width


def shown_frames(num_frames: int, most: int = MOST_FRAMES) -> np.ndarray:
    """Return the indices, int64, of the frames that a strip shows: all, or `most` of them, evenly spaced."""
    return np.unique(np.linspace(0, num_frames - 1, min(num_frames, most)).round().astype(np.int64))


def strip_figure(
    columns: int, heights: Sequence[float], labels: Sequence[str], *, below: float = 0.3, right: float = 0.1
) -> tuple[Figure, list[Axes]]:
    """Return a figure with one axes per row, all as wide as `columns` frames.

    Args:
        columns: number of frames in a strip.
        heights: height of each row, in units of a frame's width.
        labels: labels to the left of the rows.
        below: space below each row for captions, in inches.
        right: space to the right of the rows, in inches.
    """
    inch = float(np.clip(11 / columns, 1.0, 1.7))
    left, top = text_inches("\n".join(labels).split("\n"), 9) + 0.2, 0.4
    # The title needs a minimum width, however few frames there are.
    width, height = max(left + inch * columns + right, 5.5), top + sum(inch * row + below for row in heights)
    left += (width - left - inch * columns - right) / 2
    figure, panels, bottom = Figure(figsize=(width, height)), [], height - top
    for row in heights:
        bottom -= inch * row
        box = (left / width, bottom / height, inch * columns / width, inch * row / height)
        panels.append(figure.add_axes(box))
        bottom -= below
    return figure, panels


def draw_strip(
    axes: Axes, pictures: np.ndarray, label: str = "", captions: Sequence[str] = (), *, columns: int | None = None
) -> None:
    """Draw frames from left to right, each one unit wide.

    Args:
        axes: the axes to draw into.
        pictures: the frames, uint8 0..255 or float 0..1 `(frames, height, width, 3)`.
        label: label of the row, drawn to its left.
        captions: captions below the frames.
        columns: number of frames the row has room for; fewer frames are right-aligned.
    """
    count, height, width = pictures.shape[:3]
    columns = columns or count
    gap = max(1, round(GAP * width))
    white = 255 if pictures.dtype == np.uint8 else 1
    padded = np.pad(pictures, ((0, 0), (0, 0), (0, gap), (0, 0)), constant_values=white)
    image = np.concatenate(list(padded), axis=1)
    left, unit = columns - count, width / (width + gap)
    axes.imshow(image, extent=(left, columns, 0, height / (width + gap)), aspect="equal")
    axes.set_xlim(0, columns)
    axes.set_xticks([left + place + unit / 2 for place in range(len(captions))], captions, fontsize=8)
    axes.set_yticks([])
    axes.tick_params(length=0)
    axes.set_ylabel(label, rotation=0, ha="right", va="center", fontsize=9)
    axes.spines[:].set_visible(False)
