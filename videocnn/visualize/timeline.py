"""Class scores along a video: one curve a class, told apart by colour and by line."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from videocnn.visualize.canvas import PictureError, plain

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#404040")
LINES = ("-", "--", ":", "-.")  # with seven colours: 28 curves before two look the same
NAME_WIDTH = 26  # letters of a line of the legend


def plot_timeline(
    start_seconds: np.ndarray, end_seconds: np.ndarray, scores: np.ndarray, class_names: Sequence[str]
) -> Figure:
    """Draw scores over time, each clip's at its middle.

    Args:
        start_seconds: `(num_clips,)`, ascending.
        end_seconds: `(num_clips,)`.
        scores: `(num_clips, num_classes)`, in 0..1.
        class_names: as many names as curves.

    Returns:
        A figure with one axes.

    Raises:
        PictureError: no clip, or the shapes do not belong together.
    """
    scores = np.asarray(scores)
    if (
        scores.shape != (len(start_seconds), len(class_names))
        or len(end_seconds) != len(start_seconds)
        or not len(scores)
    ):
        raise PictureError(
            f"scores {scores.shape} need {len(start_seconds)} clips and {len(class_names)} classes, one at least"
        )
    middles = (np.asarray(start_seconds) + np.asarray(end_seconds)) / 2
    figure = Figure(figsize=(9, 3.4), layout="constrained")
    axes = figure.subplots()
    if len(scores) == 1:  # a line needs two points: a single clip is drawn as long as it is
        middles, scores = np.array([start_seconds[0], end_seconds[0]]), np.repeat(scores, 2, axis=0)
    for number, name in enumerate(class_names):
        style = {"color": COLOURS[number % len(COLOURS)], "linestyle": LINES[number % len(LINES)]}
        # The space: matplotlib leaves names that begin with "_" out of legends.
        axes.plot(middles, scores[:, number], label=" " + plain(textwrap.fill(name, NAME_WIDTH)), **style)
    axes.set_xlim(start_seconds[0], end_seconds[-1])
    axes.set_ylim(0, 1.02)
    axes.xaxis.set_major_locator(MaxNLocator(7, steps=[1, 2, 3, 6, 10]))
    axes.xaxis.set_major_formatter(FuncFormatter(minutes))
    axes.set_xlabel("time, minutes:seconds")
    axes.set_ylabel("class score")
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside right upper", frameon=False)
    return figure


def minutes(seconds: float, _: int | None = None) -> str:
    """Return seconds as `m:ss`, with a fraction where there is one."""
    whole, rest = divmod(round(seconds * 100), 100)
    return f"{whole // 60}:{whole % 60:02d}" + (f".{rest:02d}".rstrip("0") if rest else "")
