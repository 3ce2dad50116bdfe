"""Table 4: mean average precision in each of UCF-101's five groups of actions, by regime of transfer (section 4.2)."""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np

from videocnn.datasets import ACTION_GROUPS, action_group
from videocnn.evaluate import Resampled, mean_over_folds
from videocnn.report.paper.claims import verdicts
from videocnn.report.paper.notes import facts, run_notes
from videocnn.report.paper.paper import TABLE_4
from videocnn.report.paper.regimes import REGIMES, Regimes, read_regimes
from videocnn.report.paper.table import Cell, Column, PaperTable, PaperTableError, Row, figure_cell

EVERY = "all groups"


def actions_table(
    runs: Sequence[str | os.PathLike], split: str = "test", *, seed: int = 0, ungrouped: bool = False
) -> PaperTable:
    """Make Table 4: a row for each group of classes, a column for each regime.

    Some of the classes will do: the table says on how many each group rests, and which groups have none.

    Args:
        runs: a run folder or a folder of folds for each regime.
        split: the split.
        seed: of the bootstrap; fold i draws with `seed + i`, counted from 0.
        ungrouped: treat every video as its own group where the manifest names none.

    Raises:
        PaperTableError: classes that are not UCF-101's, and as `read_regimes` says.
        VideoCNNError: as `read_regimes` says.
    """
    regimes = read_regimes(runs, split, ungrouped=ungrouped)
    columns = group_columns(regimes)
    by_class = regimes.resample("average_precision", seed)
    figures = {
        (group, regime): mean_over_folds([mean_of_classes(precisions, members) for precisions in folds])
        for group, members in columns.items()
        if members
        for regime, folds in by_class.items()
    }
    shares = np.mean([(scores.labels > 0).mean(axis=0) for scores in regimes.of_folds], axis=0)
    sizes = {group: len(names) for group, names in ACTION_GROUPS.items()}
    sizes[EVERY] = sum(sizes.values())
    rows = tuple(
        Row(
            group,
            group,
            {
                "classes": Cell(len(members), paper=sizes[group]),
                **{r: figure_cell(figures.get((group, r)), TABLE_4[group].get(r)) for r in REGIMES},
                "chance": Cell(float(shares[members].mean()) if members else None),
            },
            tuple(run.name for run in regimes.all_runs),
        )
        for group, members in columns.items()
    )
    empty = [group for group, members in columns.items() if not members]
    return PaperTable(
        name="4",
        title="Table 4: mean AP by group of UCF-101's classes and regime of transfer",
        label_title="group",
        columns=(
            Column("classes", "classes", "count"),
            *(Column(regime, regime, "precision", paper=regime != "all") for regime in REGIMES),
            Column("chance", "chance", "precision", paper=False),
        ),
        rows=rows,
        facts=facts(regimes.of_folds, regimes.all_runs, regimes.chance(), seed),
        notes=(
            *regimes.notes(seed),
            *([f"no class here is of the groups {', '.join(empty)}"] if empty else []),
            "chance: the share of videos that have a class, which is the AP of equal scores for all",
            "classes: ours, beside all of UCF-101's in that group (Soomro et al. 2012)",
            "paper: all 101 classes; it prints no figure of the regime all",
            *run_notes(regimes.all_runs),
        ),
        verdicts=verdicts("4", figures, "precision"),
    )


def group_columns(regimes: Regimes) -> dict[str, list[int]]:
    """Return for each group, and for all together, the numbers of the classes that belong to it.

    Raises:
        PaperTableError: a class is not UCF-101's.
    """
    names = regimes.of_folds[0].class_names
    unknown = [name for name in names if action_group(name) is None]
    if unknown:
        more = f" and {len(unknown) - 1} more" if len(unknown) > 1 else ""
        raise PaperTableError(
            f"{regimes.all_runs[0].name}: class {unknown[0]!r}{more} is none of UCF-101's 101 classes; table 4 groups "
            "those and no others (table 3 takes any data set)"
        )
    columns = {group: [i for i, name in enumerate(names) if action_group(name) == group] for group in ACTION_GROUPS}
    return {**columns, EVERY: list(range(len(names)))}


def mean_of_classes(precisions: Resampled, columns: Sequence[int]) -> Resampled:
    """Return the mean over some classes; a draw without a video of a class is the mean of the others."""
    draws = precisions.draws[:, columns]
    count = (~np.isnan(draws)).sum(axis=1)
    total = np.nansum(draws, axis=1)
    mean = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    return Resampled(float(precisions.value[columns].mean()), mean)
