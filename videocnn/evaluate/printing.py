"""Print results as tables: each figure with its interval, the chance level, and the data it was measured on.

Names of classes, runs and videos are printed literally, never as markup.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from videocnn.evaluate.scores import ScoresError
from videocnn.manifest import Skip
from videocnn.runs import read_history, read_metrics, read_run
from videocnn.runs.figures import CHANCE, FIGURES, counted, interval, percent


def print_result(
    result: dict[str, Any],
    skips: Sequence[Skip] = (),
    folder: str | os.PathLike | None = None,
    *,
    console: Console | None = None,
) -> None:
    """Print the result of `evaluate`.

    Args:
        result: the dictionary that `evaluate` returns.
        skips: the skipped videos.
        folder: the run folder that keeps their list.
        console: where to print; standard output by default.
    """
    console = console or Console()
    table = Table(title=Text(f"split {result['split']}"), title_justify="left", box=SIMPLE_HEAD)
    table.add_column("%")
    for name in ("value", "95 % interval", "chance"):
        table.add_column(name, justify="right")
    for name, title in FIGURES.items():
        chance = result.get(f"chance_{name.partition('_')[2]}")
        table.add_row(
            title, percent(result[name]["value"]), interval(result[name]), "" if chance is None else percent(chance)
        )
    console.print(table)
    lines = [
        f"{counted(result['num_videos'], 'video')} in {counted(result['num_groups'], 'group')}, "
        f"{counted(result['num_clips'], 'clip')} a video, {counted(result['num_views'], 'view')} a clip; "
        f"{counted(result['num_skipped'], 'video')} skipped; bootstrap over groups, seed {result['seed']}",
        CHANCE,
    ]
    if result["absent_classes"]:
        absent = result["absent_classes"]
        names = ", ".join(absent[:5]) + (", ..." if len(absent) > 5 else "")
        lines.append(f"{counted(len(absent), 'class').replace('classs', 'classes')} without a video here: {names}")
    lines += [f"skipped {skip.path}: {skip.reason}" for skip in skips[:3]]
    if len(skips) > 3 and folder is None:
        lines.append(f"... and {len(skips) - 3} more")
    if skips and folder is not None:
        lines.append(f"all skipped videos: {Path(folder) / ('skipped_' + result['split'] + '.csv')}")
    print_lines(lines, console)


def print_comparison(comparison: dict[str, Any], *, console: Console | None = None) -> None:
    """Print the result of `compare`: one row per run, then the paired differences."""
    console = console or Console()
    names = ("video_hit_at_1", "video_hit_at_5", "mean_average_precision", "clip_hit_at_1")
    table = figures_table(f"split {comparison['split']}, % [95 % interval]", ("run",), names)
    for row in comparison["rows"]:
        table.add_row(Text(row["name"]), *(figure_text(row[name], percent) for name in names))
    chance = (percent(comparison[f"chance_hit_at_{k}"]) for k in (1, 5))
    table.add_row("chance", *chance, "", percent(comparison["chance_hit_at_1"]))
    console.print(table)
    table = figures_table("paired differences, points [95 % interval]", ("run", "minus"), names[:3])
    for row in comparison["differences"]:
        figures = (figure_text(row[name], lambda value: f"{100 * value:+.1f}") for name in names[:3])
        table.add_row(Text(row["first"]), Text(row["second"]), *figures)
    console.print(table)
    sampling = {row["name"]: row["sampling"] for row in comparison["rows"]}
    same = len(set(sampling.values())) == 1
    lines = [
        f"{counted(comparison['num_videos'], 'video')} in {counted(comparison['num_groups'], 'group')}; "
        f"bootstrap over groups, seed {comparison['seed']}",
        "clips x views a video: "
        + (next(iter(sampling.values())) if same else ", ".join(f"{name} {count}" for name, count in sampling.items())),
        CHANCE,
    ]
    if comparison["left_out"]:
        names = ", ".join(comparison["left_out"][:3]) + (", ..." if len(comparison["left_out"]) > 3 else "")
        lines.append(f"{counted(len(comparison['left_out']), 'video')} left out, not scored by every run: {names}")
    print_lines(lines, console)


def print_lines(lines: Iterable[str], console: Console) -> None:
    """Print lines literally and unbroken."""
    for line in lines:
        console.print(Text(line), soft_wrap=True)


def figures_table(title: str, texts: Sequence[str], figures: Sequence[str]) -> Table:
    """Return an empty table with columns of text, then one of each figure."""
    table = Table(title=Text(title), title_justify="left", box=SIMPLE_HEAD, padding=(0, 1))
    for text in texts:
        table.add_column(text, overflow="fold")
    for name in figures:
        table.add_column(FIGURES[name], justify="right", no_wrap=True)
    return table


def figure_text(figure: dict[str, float | None] | None, shown: Callable[[float], str]) -> Text:
    """Return a figure with its interval below it; a dash for none."""
    return Text("-" if figure is None else f"{shown(figure['value'])}\n{interval(figure)}")


def results_table(runs: Mapping[str, str | os.PathLike], split: str = "test") -> str:
    """Return the figures of runs as plain text: the cost of each run, its figures, and chance.

    Args:
        runs: run folders by the name shown in the table, each measured by `evaluate`.
        split: the split they were evaluated on.

    Returns:
        One line per run: parameters, epochs, training time in seconds, clip and video hit@1 in percent, the 95 %
        interval and chance; below, the data, seed and hardware.

    Raises:
        RunError: a folder is not a run, or has no history.
        ScoresError: no run is given, or one was not evaluated on this split.
    """
    if not runs:
        raise ScoresError("no run to show; give run folders by name")
    head = ("", "parameters", "epochs", "seconds", "clip hit@1", "video hit@1", "95 % interval", "chance")
    lines, notes = [head], {}
    for name, folder in runs.items():
        run, history, metrics = read_run(folder), read_history(folder), read_metrics(folder).get(split)
        if metrics is None:
            raise ScoresError(f"{folder}: was not measured on split {split!r}; run `videocnn evaluate` on it")
        figures = (metrics["clip_hit_at_1"], metrics["video_hit_at_1"])
        shown = (percent(figure["value"]) for figure in figures)
        cost = (f"{metrics['num_parameters']:,}", f"{history['epoch'][-1]:.0f}", f"{history['seconds'][-1]:.0f}")
        lines.append((name, *cost, *shown, interval(figures[1]), percent(metrics["chance_hit_at_1"])))
        machine, counts = run["hardware"], (metrics["num_videos"], metrics["num_groups"])
        devices = ", ".join(machine["gpus"]) or f"{machine['processors']} cores {machine['processor']}"
        note = (
            f"{counted(counts[0], 'video')} in {counted(counts[1], 'group')}, {counted(metrics['num_clips'], 'clip')} "
            f"a video, {counted(metrics['num_views'], 'view')} a clip, {metrics['num_skipped']} skipped; seed "
            f"{run['arguments']['seed']}; trained on {devices}"
        )
        notes.setdefault(note, []).append(name)
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    aligned = ["  ".join([line[0].ljust(widths[0]), *map(str.rjust, line[1:], widths[1:])]) for line in lines]
    rests = [note if len(notes) == 1 else f"{', '.join(names)}: {note}" for note, names in notes.items()]
    return "\n".join([f"split {split}, %", *aligned, *rests])
