"""Read fine-tuned runs by regime and fold for Tables 3 and 4, and make Table 3: the accuracy of each regime.

A regime is a run folder, or a folder of `fold1`, `fold2`, ... as written by `videocnn finetune`. All regimes are
compared on the same folds, and within a fold on the same videos.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from videocnn.evaluate import Resampled, Scores, chance_level, common_videos, mean_over_folds, resample_folds
from videocnn.evaluate.printing import CHANCE, percent
from videocnn.report.paper.claims import verdicts
from videocnn.report.paper.evaluated import EvaluatedRun, read_evaluated, run_names
from videocnn.report.paper.notes import data_note, facts, interval_note, run_notes
from videocnn.report.paper.paper import TABLE_3
from videocnn.report.paper.table import Cell, Column, PaperTable, PaperTableError, Row, figure_cell
from videocnn.runs.folds import fold_names

REGIMES = {
    "scratch": "from scratch",
    "top": "fine-tuned top layer",
    "top3": "fine-tuned top 3 layers",
    "all": "fine-tuned all layers",
}
LABELS = {"soomro": "Soomro et al.", "histograms": "feature histograms", **REGIMES}
COLUMNS = (
    Column("accuracy", "accuracy", "percent"),
    Column("spread", "spread over folds", "percent", paper=False),
    Column("folds", "by fold", "text", paper=False),
)


@dataclasses.dataclass(frozen=True)
class Regimes:
    """Fine-tuned runs, by regime and fold.

    Attributes:
        runs: the run of each regime and fold.
        scores: for each fold the scores of each regime, of the videos that all of them scored.
        left_out: for each fold the videos that not all of them scored.
    """

    runs: dict[str, dict[str, EvaluatedRun]]
    scores: dict[str, dict[str, Scores]]
    left_out: dict[str, list[str]]

    @property
    def all_runs(self) -> list[EvaluatedRun]:
        """Every run, in the order of regimes and folds."""
        return [run for folds in self.runs.values() for run in folds.values()]

    @property
    def of_folds(self) -> list[Scores]:
        """One regime's scores of every fold: the videos and labels are the same in all."""
        return [next(iter(fold.values())) for fold in self.scores.values()]

    def resample(self, name: str, seed: int) -> dict[str, list[Resampled]]:
        """Return one figure of `resample_figures` for each regime and fold."""
        folds = self.scores.values()
        return {regime: resample_folds([fold[regime] for fold in folds], name, seed=seed) for regime in self.runs}

    def notes(self, seed: int) -> list[str]:
        """Return the data and intervals of the figures, fold by fold."""
        return [
            *(
                data_note(next(iter(scores.values())), self.left_out[fold], f", {fold}" if fold else "")
                for fold, scores in self.scores.items()
            ),
            interval_note(self.of_folds, seed) + (" (for every fold its own draws)" if len(self.scores) > 1 else ""),
        ]

    def chance(self) -> dict[str, float]:
        """Return the chance level of hit@k, mean over folds."""
        return {
            f"chance_hit_at_{k}": float(np.mean([chance_level(scores.labels, k) for scores in self.of_folds]))
            for k in (1, 5)
        }


def fold_folders(name: str) -> dict[str, str]:
    """Return the run folders of a regime by the name of their fold; a single run is a fold without a name.

    Raises:
        PaperTableError: the folder is neither a run nor a folder of folds.
    """
    folder = Path(name)
    if (folder / "run.json").is_file():
        return {"": name}
    folds = fold_names(folder)
    if not folds:
        raise PaperTableError(
            f"{name}: is no run folder (no run.json) and holds no fold1, fold2, ...; give the --out of "
            "`videocnn finetune`"
        )
    return {fold: f"{name}/{fold}" for fold in folds}


def read_regimes(runs: Sequence[str | os.PathLike], split: str, *, ungrouped: bool = False) -> Regimes:
    """Read fine-tuned runs and check that they can share a table.

    Raises:
        PaperTableError: a run without a regime, a duplicate regime, different folds, networks or pretrained
            weights, a class without a video in a fold, folds that share videos.
        CompareError: different data or classes within a fold.
        ScoresError: a run was not evaluated on this split.
    """
    found: dict[str, dict[str, EvaluatedRun]] = {}
    named: dict[str, str] = {}
    for name in run_names(runs):
        folds = {f: read_evaluated(path, split, ungrouped=ungrouped) for f, path in fold_folders(name).items()}
        regimes = {run.regime for run in folds.values()}
        regime = regimes.pop()
        if regimes or regime not in REGIMES:
            made = "not fine-tuned" if regime is None else f"fine-tuned in regime {regime}"
            made = "fine-tuned in several regimes" if regimes else made
            raise PaperTableError(
                f"{name}: was {made}; tables 3 and 4 take runs of `videocnn finetune`, in one of {', '.join(REGIMES)}"
            )
        if regime in found:
            raise PaperTableError(f"{named[regime]} and {name} are both regime {regime}; give one of each")
        found[regime], named[regime] = folds, name
    check_alike(found, named)
    found = {regime: found[regime] for regime in REGIMES if regime in found}
    scores, left_out = {}, {}
    for fold in next(iter(found.values())):
        kept = {folds[fold].name: folds[fold].scores for folds in found.values()}
        kept, left_out[fold] = common_videos(kept)
        scores[fold] = {regime: kept[folds[fold].name] for regime, folds in found.items()}
    result = Regimes(found, scores, left_out)
    check_folds(dict(zip(scores, result.of_folds, strict=True)))
    return result


def check_alike(found: dict[str, dict[str, EvaluatedRun]], named: dict[str, str]) -> None:
    """Raise `PaperTableError` unless all regimes have the same folds, network and source."""
    (first, reference), *others = found.items()
    for regime, folds in others:
        if list(folds) != list(reference):
            shown = [", ".join(part) if any(part) else "a single run" for part in (folds, reference)]
            raise PaperTableError(
                f"{named[regime]} has {shown[0]}, {named[first]} has {shown[1]}; give every regime the same folds"
            )
    runs = [run for folds in found.values() for run in folds.values()]
    for run in runs[1:]:
        if run.key != runs[0].key or run.arguments.get("width") != runs[0].arguments.get("width"):
            raise PaperTableError(
                f"{run.name} is {run.label}, width {run.arguments.get('width')}, and {runs[0].name} {runs[0].label}, "
                f"width {runs[0].arguments.get('width')}; give regimes of one network"
            )
    sources: dict[str, str] = {}
    for run in runs:
        origin = run.described.get("pretrained")
        if run.regime != "scratch" and isinstance(origin, dict):
            sources.setdefault(str(origin.get("weights_hash")), f"{run.name} (from {origin.get('path')})")
    if len(sources) > 1:
        first, second, *_ = sources.values()
        raise PaperTableError(
            f"{first} and {second} started from different networks; fine-tune one network in every regime"
        )


def check_folds(scores: dict[str, Scores]) -> None:
    """Raise `PaperTableError` unless every fold has all classes and no test video of another fold."""
    owner: dict[str, str] = {}
    names = next(iter(scores.values())).class_names
    for fold, part in scores.items():
        shown = fold or "the run"
        if part.class_names != names:
            raise PaperTableError(f"{shown} has different classes than {next(iter(scores))}; prepare all folds alike")
        absent = [n for n, has in zip(part.class_names, (part.labels > 0).any(axis=0), strict=True) if not has]
        if absent:
            raise PaperTableError(
                f"{shown}: no video of split {part.split!r} has class {absent[0]!r}"
                + (f" (nor {len(absent) - 1} more)" if len(absent) > 1 else "")
                + "; give every class a video in every fold, or leave the class out of all of them"
            )
        for path in part.paths:
            if path in owner:
                raise PaperTableError(
                    f"{owner[path]} and {fold} were both evaluated on {path}; folds have disjoint test videos, so one "
                    "of them is another's copy or its lists are wrong"
                )
        owner |= dict.fromkeys(part.paths, fold)


def regimes_table(
    runs: Sequence[str | os.PathLike], split: str = "test", *, seed: int = 0, ungrouped: bool = False
) -> PaperTable:
    """Make Table 3 (section 4.2): video hit@1 of each regime, mean over the folds.

    Args:
        runs: a run folder or a folder of folds for each regime.
        split: the split.
        seed: of the bootstrap; fold i draws with `seed + i`, counted from 0, as `videocnn finetune` does.
        ungrouped: treat every video as its own group where the manifest names none.

    Raises:
        VideoCNNError: as `read_regimes` says.
    """
    regimes = read_regimes(runs, split, ungrouped=ungrouped)
    by_fold = regimes.resample("video_hit_at_1", seed)
    means = {regime: mean_over_folds(figures) for regime, figures in by_fold.items()}
    rows = []
    for key, label in LABELS.items():
        values = [figure.value for figure in by_fold.get(key, [])]
        cells = {"accuracy": figure_cell(means.get(key), TABLE_3[key])}
        if values:
            cells["spread"] = Cell(float(np.std(values, ddof=1)) if len(values) > 1 else None)
            cells["folds"] = Cell(", ".join(map(percent, values)))
        rows.append(Row(key, label, cells, tuple(run.name for run in regimes.runs.get(key, {}).values())))
    chance = regimes.chance()
    rows.append(Row("chance", "chance", {"accuracy": Cell(chance["chance_hit_at_1"])}))
    return PaperTable(
        name="3",
        title="Table 3: accuracy (video hit@1) by regime of transfer, mean over folds, %",
        label_title="regime",
        columns=COLUMNS,
        rows=tuple(rows),
        facts=facts(regimes.of_folds, regimes.all_runs, chance, seed),
        notes=(
            *regimes.notes(seed),
            "spread: standard deviation over the folds (n - 1)",
            CHANCE,
            "paper: UCF-101, 101 classes, mean over three splits, 50 clips a video, pretrained on Sports-1M",
            *run_notes(regimes.all_runs),
        ),
        verdicts=verdicts("3", {(key, "accuracy"): figure for key, figure in means.items()}, "percent", LABELS),
    )
