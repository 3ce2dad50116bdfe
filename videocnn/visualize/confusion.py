"""Plot the confusion matrix of an evaluated run.

Rows are true classes, columns predictions, and each row sums to 100 % (section 4.1 of the paper discusses confusions
between similar sports).
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from videocnn.evaluate.printing import counted
from videocnn.runs import read_metrics
from videocnn.visualize.canvas import PictureError, plain, text_inches

COUNTED = 20  # maximum number of classes for which every cell is annotated with its count


def plot_confusion(run: str | os.PathLike, split: str = "test", *, num_pairs: int = 15) -> Figure:
    """Plot the row-normalised confusion matrix of a run, with counts and a list of the most frequent mistakes.

    Args:
        run: an evaluated run folder.
        split: the evaluated split.
        num_pairs: maximum number of (true class, predicted class) pairs to list.

    Returns:
        A figure with two axes, the matrix and its colour bar, and the list beside them.

    Raises:
        PictureError: the run was not evaluated on this split, or its results have no confusion matrix.
    """
    result = read_result(run, split)
    names, table = result["class_names"], np.asarray(result["confusion"], np.float64)
    lines = [
        f"{plain(true)} taken for {plain(answer)}: {_count(n)} of {_count(total)}"
        for true, answer, n, total in worst_pairs(names, table, num_pairs)
    ]
    text = ["most often mistaken", "", *(lines or ["nothing: every video is right"])]
    small = len(names) <= COUNTED
    size = 8 if small else 6
    side = max((0.42 if small else 0.125) * len(names), 2.5)
    # Positioned in inches: a layout engine would shrink a square matrix to make room for 101 names.
    margin, below = text_inches(row_names(names, table), size) + 0.45, text_inches(map(plain, names), size) + 0.5
    width = max(margin + side + 1.3 + text_inches(text, 8), 7.5)
    height = 0.6 + max(side + below, 0.17 * len(text) + 0.2)
    figure = Figure(figsize=(width, height))
    matrix = figure.add_axes((margin / width, 1 - (side + 0.6) / height, side / width, side / height))
    draw_matrix(matrix, names, table, size)
    right = (margin + side + 0.12) / width
    bar_axes = figure.add_axes((right, 1 - (side + 0.6) / height, 0.13 / width, min(side, 3) / height))
    bar = figure.colorbar(matrix.images[0], cax=bar_axes)
    bar.set_ticks([0, 0.5, 1], labels=["0 %", "50 %", "100 %"], fontsize=8)
    bar.set_label("share of the true class's videos", fontsize=8)
    figure.text((margin + side + 1.1) / width, 1 - 0.6 / height, "\n".join(text), va="top", fontsize=8, linespacing=1.4)
    figure.suptitle(f"{plain(Path(run).name)}, split {plain(split)}: {basis(result)}", fontsize=9, y=1 - 0.08 / height)
    return figure


def read_result(run: str | os.PathLike, split: str) -> dict[str, Any]:
    """Return the results for one split from a run's `metrics.json`.

    Raises:
        PictureError: there are none, or they contain no confusion matrix.
    """
    if not Path(run).is_dir():
        raise PictureError(f"{run}: no such run folder; give the --out folder of `videocnn train`")
    metrics = read_metrics(run)
    if not isinstance(metrics, dict) or split not in metrics:
        known = f" (only for {', '.join(metrics)})" if metrics else ""
        raise PictureError(
            f"{run}: no results for split {split!r}{known}; run `videocnn evaluate {run} MANIFEST --split {split}`"
        )
    result = metrics[split]
    names, table = result.get("class_names", ()), np.asarray(result.get("confusion", ()))
    if not names or table.shape != (len(names), len(names)):
        raise PictureError(f"{run}: no confusion matrix for split {split!r}; evaluate the run again")
    return result


def basis(result: dict[str, Any]) -> str:
    """Return a two-line summary: hit@1 with its interval, the chance level, and the sample it was measured on."""
    hit = result["video_hit_at_1"]
    interval = "one group: no interval" if hit["low"] is None else f"[{100 * hit['low']:.1f}, {100 * hit['high']:.1f}]"
    rests_on = ((result[f"num_{noun}s"], noun) for noun in ("video", "group", "clip", "view"))
    videos, groups, clips, views = (counted(count, noun) for count, noun in rests_on)
    return (
        f"video hit@1 {100 * hit['value']:.1f} % {interval}, chance {100 * result['chance_hit_at_1']:.1f} %\n"
        f"{videos} in {groups}, {clips} a video, {views} a clip; 95 % interval by bootstrap over groups, "
        f"seed {result['seed']}"
    )


def draw_matrix(axes: Axes, names: list[str], table: np.ndarray, size: float) -> None:
    """Draw row-normalised counts; zero counts stay white, as do the rows of classes without videos."""
    totals = table.sum(axis=1, keepdims=True)
    shares = np.divide(table, totals, out=np.zeros_like(table), where=totals > 0)
    colours = matplotlib.colormaps["cividis_r"].with_extremes(bad="white")
    axes.imshow(np.where(table > 0, shares, np.nan), cmap=colours, vmin=0, vmax=1, interpolation="nearest")
    few = len(names) <= COUNTED
    places = range(len(names))
    axes.set_xticks(places, map(plain, names), rotation=90, fontsize=size)
    axes.set_yticks(places, row_names(names, table), fontsize=size)
    axes.set_xticks([place - 0.5 for place in places[1:]], minor=True)
    axes.set_yticks([place - 0.5 for place in places[1:]], minor=True)
    axes.grid(which="minor", color="0.85", linewidth=0.5 if few else 0.25)
    axes.tick_params(which="both", length=0)
    axes.set_xlabel("answer", fontsize=9)
    axes.set_ylabel("true class", fontsize=9)
    for row, column in zip(*np.nonzero(table), strict=True) if few else ():
        dark = shares[row, column] > 0.5
        axes.text(column, row, _count(table[row, column]), ha="center", va="center", fontsize=7,
                  color="white" if dark else "black")  # fmt: skip


def row_names(names: list[str], table: np.ndarray) -> list[str]:
    """Return the row labels: class names, with a note on classes that have no videos."""
    totals = table.sum(axis=1)
    return [plain(name) + ("" if total else " (no video)") for name, total in zip(names, totals, strict=True)]


def worst_pairs(names: list[str], table: np.ndarray, most: int) -> list[tuple[str, str, float, float]]:
    """Return the mistakes as `(true class, predicted class, videos, videos of the class)`, most frequent first."""
    totals = table.sum(axis=1)
    pairs = [(row, column) for row, column in zip(*np.nonzero(table), strict=True) if row != column]
    pairs.sort(key=lambda pair: (-table[pair], -table[pair] / totals[pair[0]], pair))
    return [(names[r], names[c], float(table[r, c]), float(totals[r])) for r, c in pairs[:most]]


def _count(value: float) -> str:
    """Format a number of videos, fractional where classes tied for the top score share a video."""
    return f"{value:.0f}" if abs(value - round(value)) < 0.05 else f"{value:.1f}"
