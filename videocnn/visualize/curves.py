"""Plot training curves: loss and clip hit@1 by epoch or by training time, for one or more runs."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from videocnn.runs import read_history
from videocnn.visualize.canvas import PictureError, plain

# Runs are distinguished by colour and marker, training and validation by line style.
STYLES = tuple(zip(("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"), "osD^vP", strict=True))


def plot_curves(
    runs: str | os.PathLike | Sequence[str | os.PathLike] | Mapping[str, str | os.PathLike], *, over: str = "epoch"
) -> Figure:
    """Plot `history.csv` of one or more runs: training curves solid, validation curves dashed.

    Args:
        runs: one or more run folders, or a dictionary `{name: folder}` to name the runs in the legend.
        over: `"epoch"`, or `"minutes"` of training, which compares networks of different cost fairly.

    Returns:
        A figure with two axes: loss and clip hit@1.

    Raises:
        PictureError: `over` is neither `"epoch"` nor `"minutes"`.
        RunError: a folder has no training history, or its history is damaged.
    """
    if over not in ("epoch", "minutes"):
        raise PictureError(f"over={over!r}: expected 'epoch' or 'minutes'")
    if isinstance(runs, Mapping):
        named = list(runs.items())
    else:
        named = [(Path(run).name, run) for run in ([runs] if isinstance(runs, (str, os.PathLike)) else runs)]
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    panels = figure.subplots(1, 2)
    lines = {}
    for number, (_, folder) in enumerate(named):
        history = read_history(folder)
        position = history["epoch"] if over == "epoch" else history["seconds"] / 60
        colour, marker = STYLES[number % len(STYLES)]
        for axes, name in zip(panels, ("loss", "hit@1"), strict=True):
            for prefix, line in (("", "-"), ("val_", "--")):
                values = history.get(prefix + name)
                if values is None or np.isnan(values).all():
                    continue
                lines["val" if prefix else "train"] = line
                known = ~np.isnan(values)  # validation does not run after every epoch
                axes.plot(
                    position[known],
                    values[known],
                    line,
                    color=colour,
                    marker=marker,
                    markersize=4,
                    markerfacecolor=colour if not prefix else "white",
                    markevery=max(1, int(known.sum()) // 12),
                )
    for axes, title in zip(panels, ("loss", "clip hit@1"), strict=True):
        axes.set_title(title)
        axes.set_xlabel(over)
        axes.xaxis.set_major_locator(MaxNLocator(integer=over == "epoch"))
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    panels[1].set_ylim(0, 1)
    keys = [Line2D([], [], color="black", linestyle=line, label=name) for name, line in lines.items()]
    for number, (name, _) in enumerate(named):
        colour, marker = STYLES[number % len(STYLES)]
        keys.append(Line2D([], [], color=colour, marker=marker, label=plain(name)))
    figure.legend(handles=keys, loc="outside right upper", frameon=False)
    return figure
