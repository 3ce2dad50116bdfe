"""Fine-tune and evaluate on every fold of a data set, then report the mean and the spread over the folds.

UCF-101 has three official splits; section 4.2 of the paper reports the mean over them (Table 3).
"""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from rich.console import Console
from rich.text import Text

from videocnn.clips import Dataset
from videocnn.errors import VideoCNNError
from videocnn.evaluate import Resampled, evaluate, mean_over_folds, read_scores, resample_folds
from videocnn.evaluate.printing import CHANCE, FIGURES, counted, figure_text, figures_table, percent, print_lines
from videocnn.files import write_json
from videocnn.manifest import ManifestError, check_trainable
from videocnn.runs import read_metrics, read_run
from videocnn.runs.folds import fold_names
from videocnn.train.recipes import ARCHITECTURE
from videocnn.transfer.run import finetune


class FoldError(VideoCNNError):
    """A folder has no folds, or its folds do not match."""


def find_folds(folder: str | os.PathLike) -> dict[str, Path]:
    """Return the folds of a folder in order: `fold1/manifest.csv`, or `fold1` as a folder of shards, and so on.

    Raises:
        FoldError: the folder has fewer than two.
    """
    found = {}
    for name in fold_names(folder):
        path = Path(folder) / name
        source = path if (path / "index.json").is_file() else path / "manifest.csv"
        if source.exists():
            found[name] = source
    if len(found) < 2:
        raise FoldError(
            f"{folder}: holds {counted(len(found), 'fold')}; several are fold1/manifest.csv, fold2/manifest.csv, ... "
            "(or folders of shards fold1, fold2, ...)"
        )
    return found


def finetune_folds(
    network: keras.Model | str | os.PathLike,
    folder: str | os.PathLike,
    out: str | os.PathLike,
    *,
    num_clips: int = 50,
    num_views: int = 4,
    resume: bool = False,
    overwrite: bool = False,
    quiet: bool = False,
    **options: Any,
) -> dict[str, Any]:
    """Fine-tune on every fold, evaluate each on its own test videos, and report mean and spread (Table 3).

    Args:
        network: as for `finetune`; the same for every fold.
        folder: a folder with `fold1/manifest.csv`, `fold2/manifest.csv`, ..., or folders of shards with these names.
        out: where a run folder for every fold (`fold1`, `fold2`, ...) and `folds.json` are written.
        num_clips: evenly spread clips of a test video (the paper: 50).
        num_views: crops and flips a clip.
        resume: keep finished folds, continue the unfinished one, and start the others with the same arguments.
        overwrite: replace existing runs in `out`.
        quiet: print nothing.
        **options: other arguments of `finetune`.

    Returns:
        The result of `summarize_folds`.

    Raises:
        FoldError: no folds, folds with different classes, or a class without training or test videos in one of them.
        VideoCNNError: as for `finetune` and `evaluate`.
    """
    datasets = {name: Dataset.open(source) for name, source in find_folds(folder).items()}
    check_folds({name: dataset.manifest for name, dataset in datasets.items()})
    with traced_once_a_fold():
        for name, dataset in datasets.items():
            run = Path(out) / name
            begun = (run / "run.json").is_file()
            if resume and not begun:
                options = {**arguments_of(Path(out)), **options}
            finetune(network, dataset, run, resume=resume and begun, overwrite=overwrite, quiet=quiet, **options)
            measure(run, dataset, num_clips=num_clips, num_views=num_views, quiet=quiet)
    result = summarize_folds([Path(out) / name for name in datasets])
    write_json(Path(out) / "folds.json", result)
    return result


@contextlib.contextmanager
def traced_once_a_fold() -> Iterator[None]:
    """Silence TensorFlow's retracing warning: every fold builds a new network, which has to be traced."""
    logger = tf.get_logger()

    def is_other(record: logging.LogRecord) -> bool:
        return "tf.function retracing" not in record.getMessage()

    logger.addFilter(is_other)
    try:
        yield
    finally:
        logger.removeFilter(is_other)


def check_folds(manifests: Mapping[str, Any]) -> None:
    """Raise `FoldError` unless all folds have the same classes, each with training and test videos."""
    (first, reference), *_ = manifests.items()
    for name, manifest in manifests.items():
        if manifest.class_names != reference.class_names:
            differing = ", ".join(sorted(set(manifest.class_names) ^ set(reference.class_names))[:5]) or "their order"
            raise FoldError(
                f"{name} and {first} have different classes ({differing}); prepare all folds from one data set"
            )
        test = manifest.select("test")
        if not len(test):
            raise FoldError(f"{name}: has no test videos; prepare it with its test videos")
        try:
            check_trainable(manifest)
        except ManifestError as error:
            raise FoldError(f"{name}: {error}") from None
        counts = test.class_counts()
        absent = [name_of for name_of, count in zip(test.class_names, counts, strict=True) if not count]
        if absent:
            more = f" (and {len(absent) - 1} more)" if len(absent) > 1 else ""
            raise FoldError(
                f"{name}: class {absent[0]!r}{more} has no test video, and a mean over folds needs every class in "
                "every fold; prepare the fold with its test videos, or leave the class out of all folds"
            )


def arguments_of(out: Path) -> dict[str, Any]:
    """Return the arguments that the runs in `out` were started with; an empty dictionary without a run."""
    for run in sorted(out.glob("fold*")):
        if (run / "run.json").is_file():
            stored = read_run(run)["arguments"]
            return {name: value for name, value in stored.items() if name not in ARCHITECTURE}
    return {}


def measure(run: Path, dataset: Dataset, *, num_clips: int, num_views: int, quiet: bool = False) -> None:
    """Evaluate a finished run on its test videos, unless the same weights were already evaluated in the same way."""
    done = read_metrics(run).get("test", {})
    same = (done.get("num_clips"), done.get("num_views")) == (num_clips, num_views)
    if not same or (run / "metrics.json").stat().st_mtime_ns < (run / "model.keras").stat().st_mtime_ns:
        evaluate(run, dataset, split="test", num_clips=num_clips, num_views=num_views, quiet=quiet)


def summarize_folds(runs: Sequence[str | os.PathLike], split: str = "test", *, seed: int = 0) -> dict[str, Any]:
    """Return the figures of every fold, their mean with an interval, and their spread.

    Args:
        runs: the run folder of each fold, evaluated.
        split: the split whose kept scores are read.
        seed: of the bootstrap.

    Returns:
        `folds`, the figures of each by the name of its folder; `mean`, each figure's mean over the folds
        `{"value", "low", "high"}`; `spread`, their standard deviation over the folds (n - 1); `seen_videos`, how many
        test videos the pretrained network had seen; chance levels, and the counts and settings of the evaluation.
    """
    results = {Path(run).name: read_metrics(run)[split] for run in runs}
    means = {name: figure.estimate() for name, figure in mean_figures(runs, split, seed=seed).items()}
    values = {name: [result[name]["value"] for result in results.values()] for name in FIGURES}
    return {
        "split": split,
        "seed": seed,
        "num_clips": sorted({result["num_clips"] for result in results.values()}),
        "num_views": sorted({result["num_views"] for result in results.values()}),
        "num_videos": sum(result["num_videos"] for result in results.values()),
        "num_skipped": sum(result["num_skipped"] for result in results.values()),
        "seen_videos": sum(map(seen_videos, map(Path, runs))),
        "chance_hit_at_1": float(np.mean([result["chance_hit_at_1"] for result in results.values()])),
        "chance_hit_at_5": float(np.mean([result["chance_hit_at_5"] for result in results.values()])),
        "folds": {name: {figure: result[figure] for figure in FIGURES} for name, result in results.items()},
        "mean": {name: figure.plain() for name, figure in means.items()},
        "spread": {name: float(np.std(column, ddof=1)) for name, column in values.items()},
    }


def seen_videos(run: Path) -> int:
    """Return how many test videos of a run its pretrained network was trained or validated on, as far as is known."""
    described = read_run(run) if (run / "run.json").is_file() else {}
    seen = (described.get("pretrained") or {}).get("seen") or {}
    return seen.get("test", {}).get("seen_videos", 0)


def mean_figures(runs: Sequence[str | os.PathLike], split: str = "test", *, seed: int = 0) -> dict[str, Resampled]:
    """Return each figure's mean over the folds, over all videos and over draws of groups, independent in every fold.

    The test videos of the folds are taken to be disjoint, as UCF-101's are. The difference between two networks on
    the same folds is paired.
    """
    folds = [read_scores(run, split) for run in runs]
    return {name: mean_over_folds(resample_folds(folds, name, seed=seed)) for name in FIGURES}


def print_folds(result: dict[str, Any], *, console: Console | None = None) -> None:
    """Print the result of `summarize_folds`: one row per fold, then mean, spread and chance."""
    console = console or Console()
    names = ("video_hit_at_1", "video_hit_at_5", "mean_average_precision", "clip_hit_at_1")
    table = figures_table(f"split {result['split']}, % [95 % interval]", ("fold",), names)
    for label, figures in [*result["folds"].items(), ("mean", result["mean"])]:
        table.add_row(Text(label), *(figure_text(figures[name], percent) for name in names))
    table.add_row("spread", *(percent(result["spread"][name]) for name in names))
    chance = (percent(result[f"chance_hit_at_{k}"]) for k in (1, 5))
    table.add_row("chance", *chance, "", percent(result["chance_hit_at_1"]))
    console.print(table)
    sampling = [
        " or ".join(counted(count, noun) for count in result[name])
        for name, noun in (("num_clips", "clip"), ("num_views", "view"))
    ]
    lines = (
        f"{counted(len(result['folds']), 'fold')}, {counted(result['num_videos'], 'test video')} in all, "
        f"{counted(result['num_skipped'], 'video')} skipped; {sampling[0]} a video, {sampling[1]} a clip; "
        f"bootstrap over the groups of each fold, seed {result['seed']}",
        "spread: standard deviation over the folds (n - 1)",
        CHANCE,
    )
    if result["seen_videos"]:
        lines += (
            f"warning: the pretrained network has seen {result['seen_videos']} of these "
            f"{result['num_videos']} videos in training or validation: the figures measure memory",
        )
    print_lines(lines, console)
