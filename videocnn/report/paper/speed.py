"""Clips a second of training and evaluation, full frame against two streams, beside the paper's 6 to 21 and 5 to 10.

Training is timed by the steps of every epoch in `history.csv` but the first, which builds the network's graph. Only
runs of one machine and one set of settings are put into one ratio.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from videocnn.evaluate import Resampled
from videocnn.evaluate.comparison import check_same_data
from videocnn.evaluate.printing import counted
from videocnn.models import NETWORKS
from videocnn.report.paper.claims import verdicts
from videocnn.report.paper.evaluated import EvaluatedRun, by_key, read_evaluated, run_names
from videocnn.report.paper.notes import NUM_DRAWS, data_note, facts, run_notes
from videocnn.report.paper.paper import SPEED
from videocnn.report.paper.table import Cell, Column, PaperTable, PaperTableError, Row, figure_cell
from videocnn.runs import read_history

COLUMNS = (
    Column("full", "full frame, clips/s", "rate"),
    Column("multires", "two streams, clips/s", "rate"),
    Column("ratio", "times as fast", "times"),
)
# What must not differ within a ratio, beside the machine.
SAME = ("dtype", "width", "batch_size", "norm", "head", "optimizer", "augment", "cache", "frame_difference")
PHASES = ("training", "evaluation")


def speed_table(
    runs: Sequence[str | os.PathLike], split: str = "test", *, seed: int = 0, ungrouped: bool = False
) -> PaperTable:
    """Make the comparison of section 4.1: how much faster a network is on two streams than on the full frame.

    Args:
        runs: run folders, one a network and stream (full frame, two streams), evaluated on one split.
        split: the split whose evaluation was timed.
        seed: of the bootstrap over epochs.
        ungrouped: changes nothing here: no figure is drawn over groups.

    Raises:
        PaperTableError: runs of another stream, of different machines or settings in one ratio, a damaged history.
        VideoCNNError: as `networks_table` says.
    """
    found = by_key(read_evaluated(name, split, ungrouped=True) for name in run_names(runs))
    check_same_data({run.name: run.scores for run in found.values()})
    pairs: dict[str, dict[str, EvaluatedRun]] = {}
    for run in found.values():
        if run.arguments.get("stream") not in ("full", "multires"):
            raise PaperTableError(f"{run.name}: is {run.label}; speed is compared between full and multires")
        pairs.setdefault(run.key.replace(f"/{run.arguments['stream']}", ""), {})[run.arguments["stream"]] = run
    for pair in pairs.values():
        check_pair(pair)
    rates = {(m, stream): epoch_rates(run.name) for m, pair in pairs.items() for stream, run in pair.items()}
    figures = {
        (f"{model} training", stream): logarithm(values, [seed, number])
        for number, ((model, stream), values) in enumerate(rates.items())
        if len(values)
    }
    models = [m for name in NETWORKS for m in (name, f"{name}/difference") if m in pairs or m in SPEED]
    untimed = [pairs[m][stream].name for (m, stream), values in rates.items() if not len(values)]
    first = next(iter(found.values()))
    chosen = [run for model in models for run in pairs.get(model, {}).values()]
    return PaperTable(
        name="speed",
        title="Speed: full frame against two streams",
        label_title="network",
        columns=COLUMNS,
        rows=tuple(row(model, phase, pairs.get(model, {}), figures) for model in models for phase in PHASES),
        facts=facts([first.scores], chosen, {}, seed),
        notes=(
            data_note(first.scores),
            "training: median over the steps of each epoch but the first; "
            f"[ ]: 95 % intervals from {NUM_DRAWS} draws of epochs, seed {seed}: the unrest within a run, not the load "
            "of the machine that one run met and the other did not",
            evaluation_note(chosen),
            *(f"no training rate of {name}: its history.csv has no second epoch" for name in untimed),
            *(frame_sizes(pair) for pair in pairs.values() if len(pair) == 2),
            "paper: training on one replica; full frame 170 px, two streams cut from 178 px",
            *run_notes(chosen),
        ),
        verdicts=verdicts("speed", figures, "times", {f"{m} training": f"{label(m)}, training" for m in models}),
    )


def label(model: str) -> str:
    """Return what people call a network."""
    name, *difference = model.split("/")
    return NETWORKS[name].title + (" on frame differences" if difference else "")


def check_pair(pair: dict[str, EvaluatedRun]) -> None:
    """Raise `PaperTableError` unless two runs differ in nothing that decides speed but the stream."""
    if len(pair) < 2:
        return
    full, multires = pair["full"], pair["multires"]
    if full.machine != multires.machine:
        raise PaperTableError(
            f"{full.name} was trained on {full.machine}, {multires.name} on {multires.machine}; a ratio of speeds "
            "needs one machine"
        )
    devices = [computed_on(run) for run in (full, multires)]
    differing = [name for name in SAME if full.arguments.get(name) != multires.arguments.get(name)]
    if differing or devices[0] != devices[1]:
        name = differing[0] if differing else "devices"
        values = [run.arguments.get(name) for run in (full, multires)] if differing else devices
        raise PaperTableError(
            f"{full.name} has {name.replace('_', ' ')} {values[0]}, {multires.name} {values[1]}; a ratio of speeds "
            "needs runs that differ in their stream alone"
        )


def computed_on(run: EvaluatedRun) -> str:
    """Return the devices that trained a run, one after the other where they changed, and those that measured it."""
    trained = [entry.get("names") for entry in run.described.get("devices", [])]
    return f"{trained} (evaluation: {run.metrics.get('devices')})"


def epoch_rates(folder: str) -> np.ndarray:
    """Return the clips a second of each epoch's steps, without the first epoch: float64 `(num_epochs - 1,)`.

    Raises:
        RunError: `history.csv` is absent or damaged.
        PaperTableError: it does not tell clips and seconds.
    """
    path, history = Path(folder) / "history.csv", read_history(folder)
    if not {"clips", "train_seconds"} <= set(history):
        raise PaperTableError(f"{path}: does not tell clips and train_seconds of its epochs; train the run again")
    if not (history["train_seconds"] > 0).all():
        raise PaperTableError(f"{path}: an epoch took no time; train the run again")
    return np.diff(history["clips"]) / history["train_seconds"][1:]


def logarithm(rates: np.ndarray, seed: list[int]) -> Resampled:
    """Return the logarithm of the median rate, over all epochs and over draws of them; none of a single epoch."""
    value = float(np.log(np.median(rates)))
    if len(rates) < 2:
        return Resampled(value, np.full(NUM_DRAWS, np.nan))
    draws = np.random.default_rng(seed).integers(0, len(rates), (NUM_DRAWS, len(rates)))
    return Resampled(value, np.log(np.median(rates[draws], axis=1)))


def row(model: str, phase: str, pair: dict[str, EvaluatedRun], figures: dict[tuple[str, str], Resampled]) -> Row:
    """Return the speeds of one network and their ratio."""
    paper = SPEED.get(model, {}) if phase == "training" else {}
    ratio = paper["multires"] / paper["full"] if paper else None
    if phase == "training":
        logs = {stream: figures.get((f"{model} training", stream)) for stream in ("full", "multires")}
        cells = {stream: exponential(log, paper.get(stream)) for stream, log in logs.items()}
        both = None not in logs.values()
        quotient = exponential(logs["multires"] - logs["full"] if both else None, ratio)
    else:
        values = {stream: run.metrics.get("views_per_second") for stream, run in pair.items()}
        clips = {s: rate / pair[s].scores.num_views for s, rate in values.items() if rate and pair[s].scores.num_views}
        cells = {stream: Cell(clips.get(stream)) for stream in ("full", "multires")}
        both = all(values.get(stream) for stream in cells)
        quotient = Cell(values["multires"] / values["full"] if both else None)
    return Row(
        f"{model} {phase}",
        f"{label(model)}, {phase}",
        {**cells, "ratio": quotient},
        tuple(run.name for run in pair.values()),
    )


def evaluation_note(runs: Sequence[EvaluatedRun]) -> str:
    """Return how evaluation was timed."""
    views = sorted({run.scores.num_views for run in runs})
    text = f"evaluation: clips a second, {' or '.join(counted(count, 'view') for count in views)} of each"
    if len(views) > 1:
        text += (
            " (" + ", ".join(f"{run.name}: {run.scores.num_views}" for run in runs) + "; the ratio is that of views)"
        )
    return text + ", decoding included, one measurement each; taken to be of the machine that trained"


def exponential(log: Resampled | None, paper: float | None) -> Cell:
    """Return the cell of a figure that was resampled as its logarithm."""
    cell = figure_cell(log, paper)
    return dataclasses.replace(
        cell, **{k: float(np.exp(v)) for k, v in dataclasses.asdict(cell).items() if k != "paper" and v is not None}
    )


def frame_sizes(pair: dict[str, EvaluatedRun]) -> str:
    """Return how large the frames of a pair are, for the ratio depends on it."""
    sizes = {stream: pair[stream].arguments.get("frame_size") for stream in ("full", "multires")}
    name = label(pair["full"].arguments["model"])
    return f"{name}: frames of {sizes['full']} px whole, {sizes['multires']} px in two streams"
