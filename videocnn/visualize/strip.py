"""Frames side by side: the strips that pictures of clips are made of, each frame one unit wide whatever its pixels.

Strips of streams with other resolutions so stand exactly under one another.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from videocnn.visualize.canvas import text_inches

MOST_FRAMES = 11  # in a strip; of longer clips some are shown, evenly spread
GAP = 0.03  # between frames, as a share of one's width


def shown_frames(num_frames: int, most: int = MOST_FRAMES) -> np.ndarray:
    """Return which frames of a clip a strip shows: all, or `most` of them from the first to the last, int64."""
    return np.unique(np.linspace(0, num_frames - 1, min(num_frames, most)).round().astype(np.int64))


def strip_figure(
    columns: int, heights: Sequence[float], labels: Sequence[str], *, below: float = 0.3, right: float = 0.1
) -> tuple[Figure, list[Axes]]:
    """Return a figure with one axes a row, all as wide as `columns` frames, placed by hand under one another.

    Args:
        columns: frames in a strip.
        heights: height of each row, in widths of a frame.
        labels: what stands to the left of the rows.
        below: inches of room below each row, for captions.
        right: inches of room to the right of the rows.
    """
    inch = float(np.clip(11 / columns, 1.0, 1.7))
    left, top = text_inches("\n".join(labels).split("\n"), 9) + 0.2, 0.4
    # A title needs some width, however few the frames.
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
    """Draw frames side by side, to the right of each other in units of their width.

    Args:
        axes: where to.
        pictures: uint8 0..255 or float 0..1 `(frames, height, width, 3)`.
        label: what the row shows, to its left.
        captions: below each frame.
        columns: frames that the row has room for; fewer stand at its right end.
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
