"""Table 1: clip hit@1, video hit@1 and hit@5 of every network, stream and other scorer, beside the paper's figures.

Rows of the paper without a run of ours keep its figure and a dash; rows that the paper lacks are marked.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from videocnn.evaluate import Resampled, Scores, average_scores, chance_level, common_videos, resample_figures
from videocnn.evaluate.printing import CHANCE
from videocnn.models import NETWORKS, STREAMS
from videocnn.report.paper.claims import verdicts
from videocnn.report.paper.evaluated import (
    EvaluatedRun,
    by_key,
    network_label,
    read_evaluated,
    run_names,
)
from videocnn.report.paper.notes import data_note, facts, interval_note, run_notes
from videocnn.report.paper.paper import TABLE_1
from videocnn.report.paper.table import Cell, Column, PaperTable, Row, figure_cell

HITS = ("clip_hit_at_1", "video_hit_at_1", "video_hit_at_5")
COLUMNS = tuple(Column(key, key.replace("_hit_at_", " hit@"), "percent") for key in HITS)
AVERAGED = tuple(f"{name}/full" for name, network in NETWORKS.items() if network.in_paper)
KEYS = [f"{network}/{stream}{end}" for network in NETWORKS for stream in STREAMS for end in ("", "/difference")]
LABELS = {
    "histograms": "feature histograms",
    **{key: network_label(key) for key in KEYS},
    "average": "CNN average",
}


def networks_table(
    runs: Sequence[str | os.PathLike], split: str = "test", *, seed: int = 0, ungrouped: bool = False
) -> PaperTable:
    """Make Table 1 (section 4.1): one row per network and stream, or other scorer.

    Args:
        runs: run folders, one per row, evaluated on the same split of the same data.
        split: the split.
        seed: of the bootstrap.
        ungrouped: treat every video as its own group where the manifest names none.

    Raises:
        PaperTableError: two runs for one row, a fine-tuned or unfinished run, a manifest without groups.
        CompareError: different data or classes.
        ScoresError: a run was not evaluated on this split.
    """
    found = by_key(read_evaluated(name, split, ungrouped=ungrouped) for name in run_names(runs))
    kept = {run.name: run.scores for run in found.values()}
    kept, left_out = common_videos(kept)
    scores = {key: kept[run.name] for key, run in found.items()}
    if all(key in scores for key in AVERAGED):
        scores["average"] = average_scores([scores[key] for key in AVERAGED])
    figures = {key: hits(part, seed) for key, part in scores.items()}
    labels = {**{key: run.label for key, run in found.items() if key not in LABELS}, **LABELS}
    first = next(iter(scores.values()))
    chance = {f"chance_hit_at_{k}": chance_level(first.labels, k) for k in (1, 5)}
    ordered = [key for key in labels if key in found]
    chosen = [found[key] for key in ordered]
    return PaperTable(
        name="1",
        title="Table 1: networks and streams, %",
        label_title="network",
        columns=COLUMNS,
        rows=(*rows(found, figures, labels), chance_row(chance)),
        facts=facts([first], chosen, chance, seed),
        notes=(
            data_note(first, left_out),
            interval_note([first], seed),
            CHANCE,
            "paper: test videos of Sports-1M, 487 classes, 20 clips x 4 views; different data, so compare the order "
            "of rows, not their values",
            *average_notes(scores),
            *run_notes(chosen),
        ),
        verdicts=verdicts(
            "1",
            {(key, name): figure for key, row in figures.items() for name, figure in row.items()},
            "percent",
            labels,
        ),
    )


def hits(scores: Scores, seed: int) -> dict[str, Resampled]:
    """Return the figures of one row; none at clip level for an average over runs with unequal numbers of clips."""
    return resample_figures(scores, HITS if scores.num_views else HITS[1:], seed=seed)


def rows(found: dict[str, EvaluatedRun], figures: dict[str, dict[str, Resampled]], labels: dict[str, str]) -> list[Row]:
    """Return the paper's rows and those that only we have: other scorers first, then the networks in their order."""
    result = []
    for key, label in labels.items():
        if key not in TABLE_1 and key not in found:
            continue
        paper = TABLE_1.get(key, (None,) * len(HITS))
        row = figures.get(key, {})
        result.append(
            Row(
                key,
                label + ("" if key in TABLE_1 else " (not in the paper)"),
                {name: figure_cell(row.get(name), value) for name, value in zip(HITS, paper, strict=True)},
                tuple(found[name].name for name in (AVERAGED if key == "average" else (key,)) if key in figures),
            )
        )
    return result


def chance_row(chance: dict[str, float]) -> Row:
    """Return the row of chance levels."""
    values = (chance["chance_hit_at_1"], chance["chance_hit_at_1"], chance["chance_hit_at_5"])
    return Row("chance", "chance", {name: Cell(value) for name, value in zip(HITS, values, strict=True)})


def average_notes(scores: dict[str, Scores]) -> list[str]:
    """Return which networks the average is taken over, or why it is empty."""
    missing = [LABELS[key] for key in AVERAGED if key not in scores]
    if missing:
        return [f"no CNN average: not measured: {', '.join(missing)}"]
    note = "CNN average: mean of the probabilities of the four full-frame networks"
    if not scores["average"].num_views:
        note += "; none at clip level, their clips or views are not equally many"
    return [note]
