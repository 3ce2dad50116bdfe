"""Table 2: the classes in which slow fusion gains and loses most over single-frame, by average precision.

The table shows the extremes among many classes, so every change has an interval and a note warns of selection bias.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np

from videocnn.evaluate import Resampled, chance_level, class_changes, common_videos
from videocnn.evaluate.printing import counted
from videocnn.report.paper.claims import side, verdicts
from videocnn.report.paper.evaluated import EvaluatedRun, by_key, read_evaluated, run_names
from videocnn.report.paper.notes import data_note, facts, interval_note, run_notes
from videocnn.report.paper.paper import TABLE_2
from videocnn.report.paper.table import Cell, Column, PaperTable, PaperTableError, Row, figure_cell

COLUMNS = (
    Column("change", "change of AP", "change"),
    Column("apart", "apart from 0", "text", paper=False),
    Column("single_frame", "single frame", "precision", paper=False),
    Column("slow_fusion", "slow fusion", "precision", paper=False),
    Column("chance", "chance", "precision", paper=False),
    Column("videos", "videos", "count", paper=False),
)
NUM_SHOWN = 10  # classes at each end


def classes_table(
    runs: Sequence[str | os.PathLike], split: str = "test", *, seed: int = 0, ungrouped: bool = False
) -> PaperTable:
    """Make Table 2 (section 4.1): the change of each class's average precision, at both ends.

    Args:
        runs: one run of slow fusion and one of single-frame with the same stream, in any order.
        split: the split that both were evaluated on.
        seed: of the bootstrap.
        ungrouped: treat every video as its own group where the manifest names none.

    Raises:
        PaperTableError: runs of other networks, or runs that `networks_table` would refuse.
        CompareError: different data or classes.
        ScoresError: a run was not evaluated on this split.
    """
    single, slow = pair(by_key(read_evaluated(name, split, ungrouped=ungrouped) for name in run_names(runs)))
    kept, left_out = common_videos({run.name: run.scores for run in (single, slow)})
    scores = kept[single.name]
    changes = class_changes(kept[slow.name], scores, seed=seed)
    absent = [name for name in scores.class_names if name not in {found.class_name for found in changes}]
    ends = changes if len(changes) <= 2 * NUM_SHOWN else changes[:NUM_SHOWN] + changes[-NUM_SHOWN:]
    rows = [
        Row(
            found.class_name,
            found.class_name,
            {
                "change": figure_cell(found.change, paper_change(found.class_name)),
                "apart": Cell(apart(found.change)),
                "single_frame": Cell(found.second),
                "slow_fusion": Cell(found.first),
                "chance": Cell(found.num_videos / len(scores)),
                "videos": Cell(found.num_videos),
            },
            (single.name, slow.name),
        )
        for found in ends
    ]
    known = {name.casefold() for name in scores.class_names}
    rows += [
        Row(f"paper: {name}", f"{name} (the paper's class)", {"change": Cell(paper=value)})
        for name, value in TABLE_2.items()
        if name.casefold() not in known
    ]
    return PaperTable(
        name="2",
        title="Table 2: average precision of slow fusion minus that of single-frame, by class",
        label_title="class",
        columns=COLUMNS,
        rows=tuple(rows),
        facts=facts(
            [scores], [single, slow], {f"chance_hit_at_{k}": chance_level(scores.labels, k) for k in (1, 5)}, seed
        ),
        notes=(
            data_note(scores, left_out),
            interval_note([scores], seed),
            *warnings([found.change for found in changes]),
            *([f"without a video in this split: {', '.join(absent)}"] if absent else []),
            "chance: the share of videos that have the class, which is the AP of equal scores for all",
            "paper: Sports-1M, 487 classes; the first of both ends of its table",
            *run_notes([single, slow]),
        ),
        verdicts=verdicts("2", {}, "change"),
    )


def pair(found: dict[str, EvaluatedRun]) -> tuple[EvaluatedRun, EvaluatedRun]:
    """Return the runs of single-frame and slow fusion.

    Raises:
        PaperTableError: there are others, or their streams differ.
    """
    by_model = {run.arguments["model"]: run for run in found.values()}
    if len(found) != 2 or set(by_model) != {"single_frame", "slow_fusion"}:
        given = ", ".join(f"{run.name} ({run.label})" for run in found.values())
        raise PaperTableError(f"table 2 is made from one run of Slow Fusion and one of Single-Frame, not from {given}")
    single, slow = by_model["single_frame"], by_model["slow_fusion"]
    if single.arguments["stream"] != slow.arguments["stream"]:
        raise PaperTableError(
            f"{slow.name} sees stream {slow.arguments['stream']} and {single.name} {single.arguments['stream']}; "
            "table 2 compares two networks that see the same"
        )
    return single, slow


def paper_change(name: str) -> float | None:
    """Return the paper's change of a class of the same name, or None."""
    return {key.casefold(): value for key, value in TABLE_2.items()}.get(name.casefold())


def apart(change: Resampled) -> str:
    """Return whether the interval of a change excludes zero."""
    estimate = change.estimate()
    return "-" if np.isnan(estimate.low) else "yes" if side(estimate) else "no"


def warnings(changes: Sequence[Resampled]) -> list[str]:
    """Return notes on the selection bias of the two ends."""
    separated = sum(bool(side(change.estimate())) for change in changes)
    count = counted(len(changes), "class").replace("classs", "classes")
    return [
        f"the interval excludes 0 for {separated} of {count}; by chance alone about {0.05 * len(changes):.1f} would",
        f"careful: the two ends are the extremes of {count}, selected by the figure that is shown, so they are "
        "biased: on other videos the same classes would change less",
    ]
