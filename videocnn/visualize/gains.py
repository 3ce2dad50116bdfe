"""Plot the change in average precision by class between two networks, largest gains and losses (the paper's Table 2).

Both runs are compared on the same videos and the same bootstrap draws of groups.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from videocnn.evaluate import ClassChange, Scores, class_changes, common_videos, read_scores
from videocnn.evaluate.printing import counted
from videocnn.visualize.canvas import BLUE, ORANGE, PictureError, plain, text_inches


def plot_gains(
    first: str | os.PathLike, second: str | os.PathLike, split: str = "test", *, num_classes: int = 10, seed: int = 0
) -> Figure:
    """Plot the classes with the largest gains and losses of one run over another, with 95 % intervals.

    Gains are filled bars to the right, losses hatched bars to the left.

    Args:
        first: a run folder, for example slow fusion.
        second: the baseline's run folder, for example single-frame, evaluated on the same split of the same data.
        split: the evaluated split.
        num_classes: maximum number of classes at each end.
        seed: random seed of the bootstrap over groups.

    Returns:
        A figure with one axes.

    Raises:
        PictureError: `num_classes` is below 1, or both runs are the same.
        ScoresError: a run has no saved scores for this split.
        CompareError: the runs were evaluated on different data, classes or videos.
    """
    if num_classes < 1:
        raise PictureError(f"num_classes={num_classes}: must be at least 1")
    names = [os.fspath(run).rstrip("/") for run in (first, second)]
    kept = dict(zip(names, (read_scores(run, split) for run in names), strict=True))
    if len(kept) < 2:
        raise PictureError(f"{names[0]}: given twice; give two different runs")
    kept, left_out = common_videos(kept)
    scores = list(kept.values())
    gains = class_changes(*scores, seed=seed)
    cut = len(gains) > 2 * num_classes
    ends = [*gains[:num_classes], None, *gains[-num_classes:]] if cut else gains
    longest = text_inches([plain(gain.class_name) for gain in gains], 8)
    figure = Figure(figsize=(5.8 + longest, 0.27 * len(ends) + 2), layout="constrained")
    axes = figure.subplots()
    draw_gains(axes, ends, len(gains))
    one, other = (plain(Path(name).name) for name in names)
    axes.set_xlabel(f"change in average precision, {one} minus {other}", fontsize=9)
    figure.suptitle(f"what {one} gains on {other}, split {plain(split)}", fontsize=11)
    hidden = f"; {counted(len(left_out), 'video')} not scored by both left out" if left_out else ""
    chosen = "\nThe ends are chosen for being extreme: other videos would show less." if cut else ""
    size = f"{counted(len(scores[0]), 'video')} in {counted(len(set(scores[0].groups)), 'group')}"
    figure.supxlabel(
        f"{size}, {_sampling(scores)}{hidden}\n"
        f"lines: 95 % intervals by bootstrap over groups, seed {seed}, each class on its own{chosen}",
        fontsize=7.5,
    )
    return figure


def draw_gains(axes: Axes, gains: Sequence[ClassChange | None], total: int) -> None:
    """Draw one bar per class from top to bottom; None marks the gap between gains and losses."""
    shown = [gain for gain in gains if gain is not None]
    for place, gain in enumerate(gains):
        if gain is None:
            axes.text(0, place, f"{total - len(shown)} between", ha="center", va="center", fontsize=7.5,
                      color="0.3", bbox={"facecolor": "white", "edgecolor": "none"})  # fmt: skip
            continue
        change = gain.change.estimate()
        style = {"color": BLUE} if change.value > 0 else {"facecolor": "white", "edgecolor": ORANGE, "hatch": "////"}
        axes.barh(place, change.value, height=0.7, **style)
        if not np.isnan(change.low):
            axes.plot([change.low, change.high], [place, place], color="black", linewidth=1.2, marker="|", markersize=5)
    axes.axvline(0, color="black", linewidth=0.8)
    labels = ["" if gain is None else f"{plain(gain.class_name)} ({gain.num_videos})" for gain in gains]
    axes.set_yticks(range(len(gains)), labels, fontsize=8)
    axes.set_ylabel("class (videos)", fontsize=9)
    axes.set_ylim(len(gains) - 0.4, -0.6)
    ends = [end for gain in shown for end in dataclasses.astuple(gain.change.estimate()) if not np.isnan(end)]
    reach = max(map(abs, ends))
    axes.set_xlim(-1.05 * (reach or 1), 1.05 * (reach or 1))
    axes.xaxis.set_major_formatter("{x:+.2f}")
    axes.tick_params(axis="y", length=0)
    axes.tick_params(axis="x", labelsize=8)
    axes.grid(axis="x", alpha=0.3)
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "left"]].set_visible(False)


def _sampling(scores: Sequence[Scores]) -> str:
    ways = [f"{counted(kept.num_clips, 'clip')} x {counted(kept.num_views, 'view')}" for kept in scores]
    return ways[0] if ways[0] == ways[1] else f"{ways[0]} and {ways[1]}"
