"""Plot class scores over the course of a video, one curve per class, distinguished by colour and line style."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from videocnn.visualize.canvas import PictureError, plain

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#404040")
LINES = ("-", "--", ":", "-.")  # with seven colours: 28 curves before two look the same
NAME_WIDTH = 26  # characters per line of the legend


def plot_timeline(
    start_seconds: np.ndarray, end_seconds: np.ndarray, scores: np.ndarray, class_names: Sequence[str]
) -> Figure:
    """Plot class scores over time, each clip's scores at its midpoint.

    Args:
        start_seconds: start of each clip, `(num_clips,)`, ascending.
        end_seconds: end of each clip, `(num_clips,)`.
        scores: class scores `(num_clips, num_classes)`, 0..1.
        class_names: one name per class, in the order of the columns of `scores`.

    Returns:
        A figure with one axes.

    Raises:
        PictureError: there are no clips, or the shapes do not match.
    """
    scores = np.asarray(scores)
    if (
        scores.shape != (len(start_seconds), len(class_names))
        or len(end_seconds) != len(start_seconds)
        or not len(scores)
    ):
        raise PictureError(
            f"scores have shape {scores.shape}, expected {len(start_seconds)} clips and {len(class_names)} classes, "
            "at least one of each"
        )
    middles = (np.asarray(start_seconds) + np.asarray(end_seconds)) / 2
    figure = Figure(figsize=(9, 3.4), layout="constrained")
    axes = figure.subplots()
    if len(scores) == 1:  # a line needs two points: a single clip is drawn from its start to its end
        middles, scores = np.array([start_seconds[0], end_seconds[0]]), np.repeat(scores, 2, axis=0)
    for number, name in enumerate(class_names):
        style = {"color": COLOURS[number % len(COLOURS)], "linestyle": LINES[number % len(LINES)]}
        # The leading space: matplotlib omits names that begin with "_" from legends.
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
    """Format seconds as `m:ss`, with a fraction if there is one."""
    whole, rest = divmod(round(seconds * 100), 100)
    return f"{whole // 60}:{whole % 60:02d}" + (f".{rest:02d}".rstrip("0") if rest else "")
