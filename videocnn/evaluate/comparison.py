"""Compare several runs on the same videos: one table and paired differences, from the scores that `evaluate` kept.

Two networks are compared on the same videos and the same bootstrap draws, so that what makes a video hard for both
cancels out. The paper's "CNN average" (Table 1) is a row of its own: the mean of the networks' probabilities.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from videocnn.errors import VideoCNNError
from videocnn.evaluate.metrics import Resampled, chance_level
from videocnn.evaluate.scores import Scores, read_scores, resample_figures, summarize

AVERAGE = "average"


class CompareError(VideoCNNError):
    """The runs cannot be compared."""


def compare(
    runs: Sequence[str | os.PathLike], split: str = "test", *, average: bool = False, seed: int = 0
) -> dict[str, Any]:
    """Compare runs that `evaluate` has measured on the same split of the same data.

    Args:
        runs: run folders, without duplicates.
        split: the split whose kept scores are read.
        average: add a row for the mean of all runs' probabilities (the paper's CNN average).
        seed: of the bootstrap.

    Returns:
        `rows`, one a run: `name` and the figures of `videocnn.evaluate.summarize` over the videos that all runs scored;
        `differences`, one for each two rows: `first`, `second` and `first - second` of `video_hit_at_1`,
        `video_hit_at_5` and `mean_average_precision`, each `{"value", "low", "high"}`; chance levels, and `left_out`,
        the videos that not every run scored.

    Raises:
        CompareError: fewer than two runs, a duplicate run, different data or classes, or no video in common.
        ScoresError: a run was not evaluated on this split.
    """
    names = [os.fspath(run).rstrip("/") for run in runs]
    if len(names) < 2:
        raise CompareError(
            f"compare needs two runs or more, not {len(names)}; `videocnn evaluate` measures a single one"
        )
    if len({os.path.realpath(name) for name in names}) < len(names):
        raise CompareError(f"a run is named twice among {', '.join(names)}; name each once")
    if average and AVERAGE in names:
        raise CompareError(f"a run is named {AVERAGE!r}, as the row of the mean would be; give its folder another name")
    kept = dict(zip(names, (read_scores(run, split) for run in runs), strict=True))
    kept, left_out = common_videos(kept)
    if average:
        kept[AVERAGE] = average_scores(list(kept.values()))
    first = next(iter(kept.values()))
    figures = {name: resample_figures(scores, seed=seed) for name, scores in kept.items()}
    return {
        "split": split,
        "seed": seed,
        "num_videos": len(first),
        "num_groups": len(set(first.groups)),
        "chance_hit_at_1": chance_level(first.labels, 1),
        "chance_hit_at_5": chance_level(first.labels, 5),
        "left_out": left_out,
        "rows": [row(name, scores, figures[name], seed=seed) for name, scores in kept.items()],
        "differences": [
            {"first": later, "second": earlier, **paired_differences(figures[later], figures[earlier])}
            for position, later in enumerate(kept)
            for earlier in list(kept)[:position]
        ],
    }


def check_same_data(kept: dict[str, Scores]) -> None:
    """Raise `CompareError` unless all runs have the first one's data and classes."""
    (first, reference), *others = kept.items()
    for name, scores in others:
        if scores.class_names != reference.class_names:
            differing = sorted(set(scores.class_names) ^ set(reference.class_names))[:5]
            what = f"only one of them has {', '.join(differing)}" if differing else "the same names in another order"
            raise CompareError(f"{name} and {first} have different classes ({what}); compare runs on the same classes")
        if scores.manifest_hash != reference.manifest_hash:
            raise CompareError(
                f"{name} was evaluated on different data than {first} (manifest hash {scores.manifest_hash[:12]}..., "
                f"not {reference.manifest_hash[:12]}...); evaluate both on the same manifest"
            )
        labels = dict(zip(reference.paths, reference.labels, strict=True))
        if any(not np.array_equal(labels.get(p, x), x) for p, x in zip(scores.paths, scores.labels, strict=True)):
            raise CompareError(f"{name} and {first} have different labels for the same video; evaluate both again")


def common_videos(kept: dict[str, Scores]) -> tuple[dict[str, Scores], list[str]]:
    """Return every run's scores of the videos that all of them scored, in one order, and the paths of the others.

    Networks with longer clips skip videos that others score (late fusion needs 16 frames, single-frame one).

    Raises:
        CompareError: different data or classes, or no video in common.
    """
    check_same_data(kept)
    shared = set.intersection(*(set(scores.paths) for scores in kept.values()))
    if not shared:
        raise CompareError("the runs have no video in common; evaluate them on the same split of the same manifest")
    order = [path for path in next(iter(kept.values())).paths if path in shared]
    left_out = sorted(set.union(*(set(scores.paths) for scores in kept.values())) - shared)
    result = {}
    for name, scores in kept.items():
        number = {path: position for position, path in enumerate(scores.paths)}
        result[name] = scores.take([number[path] for path in order])
    return result, left_out


def average_scores(kept: Sequence[Scores]) -> Scores:
    """Return the mean of several networks' probabilities of the same videos (the paper's CNN average).

    A video's score is exactly that of a network which averages the others clip by clip, as long as each sees its own
    clips. At clip level, clip i of one network stands beside clip i of another: the same place of the video, up to the
    few frames by which their lengths differ. Without equally many clips in all runs there is only the video level: one
    clip a video, which is its score.
    """
    same = len({scores.num_clips for scores in kept}) == 1
    stacked = [scores.clip_scores if same else scores.video_scores[:, None] for scores in kept]
    return dataclasses.replace(
        kept[0],
        clip_scores=np.mean(stacked, axis=0, dtype=np.float64).astype(np.float32),
        num_views=kept[0].num_views if same and len({scores.num_views for scores in kept}) == 1 else 0,
    )


@dataclasses.dataclass(frozen=True)
class ClassChange:
    """How much better the first of two networks ranks the videos of one class (the paper's Table 2).

    Attributes:
        class_name: the class.
        change: difference of average precisions, -1..1; draws of groups without a video of the class are NaN.
        first: average precision of the first network.
        second: average precision of the second network.
        num_videos: videos of the class.
    """

    class_name: str
    change: Resampled
    first: float
    second: float
    num_videos: int


def class_changes(first: Scores, second: Scores, *, seed: int = 0) -> list[ClassChange]:
    """Return the change in average precision of every class that has a video, the largest gain first.

    Args:
        first: scores of one network.
        second: scores of another, of the same videos in the same order (`common_videos`).
        seed: of the bootstrap.
    """
    name = "average_precision"
    ends = [resample_figures(scores, (name,), seed=seed)[name] for scores in (first, second)]
    change, counts = ends[0] - ends[1], (first.labels > 0).sum(axis=0)
    changes = [
        ClassChange(name, change.of_class(i), float(ends[0].value[i]), float(ends[1].value[i]), int(counts[i]))
        for i, name in enumerate(first.class_names)
        if counts[i]
    ]
    return sorted(changes, key=lambda change: (-change.change.value, change.class_name))


def row(name: str, scores: Scores, figures: dict[str, Resampled], *, seed: int) -> dict[str, Any]:
    """Return the figures of one run; an average over runs with other numbers of clips has none at clip level."""
    clip_level = {} if scores.num_clips > 1 or scores.num_views else {"clip_hit_at_1": None, "clip_hit_at_5": None}
    sampling = f"{scores.num_clips} x {scores.num_views}" if scores.num_views and not clip_level else "as above"
    return {"name": name, "sampling": sampling, **summarize(scores, seed=seed, figures=figures), **clip_level}


def paired_differences(first: dict[str, Resampled], second: dict[str, Resampled]) -> dict[str, dict[str, float | None]]:
    """Return `first - second` of three video-level figures, over the same videos and the same draws of groups."""
    names = ("video_hit_at_1", "video_hit_at_5", "mean_average_precision")
    return {name: (first[name] - second[name]).estimate().plain() for name in names}
