"""What a network said about every video of a split, kept in one file (`scores_<split>.npz`) of its run folder.

Figures, comparisons and averages of networks are computed from it, so no video is looked at twice. Plain NumPy arrays,
read without unpickling.
"""

from __future__ import annotations

import dataclasses
import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from videocnn.errors import VideoCNNError
from videocnn.evaluate.metrics import (
    Resampled,
    average_precision,
    chance_level,
    confusion,
    hit_at_k,
    mean_average_precision_of,
    mean_of,
    resample,
)
from videocnn.runs.folder import write_file


class ScoresError(VideoCNNError):
    """Kept scores are missing, damaged or do not belong together."""


@dataclasses.dataclass(frozen=True)
class Scores:
    """Probabilities of the scored videos of one split, in the order of the manifest.

    Attributes:
        split: the split.
        class_names: names of the columns, the network's order.
        paths: the videos, from the deepest folder that holds all of the data set.
        groups: the group of each video.
        labels: float32 `(num_videos, num_classes)`, one where a label is true.
        clip_scores: float32 `(num_videos, num_clips, num_classes)`: mean over the views of a clip.
        manifest_hash: of the whole data set.
        num_views: views of each clip.
    """

    split: str
    class_names: tuple[str, ...]
    paths: tuple[str, ...]
    groups: tuple[str, ...]
    labels: np.ndarray
    clip_scores: np.ndarray
    manifest_hash: str
    num_views: int

    def __len__(self) -> int:
        return len(self.paths)

    @property
    def num_clips(self) -> int:
        """Clips of each video."""
        return self.clip_scores.shape[1]

    @property
    def video_scores(self) -> np.ndarray:
        """float32 `(num_videos, num_classes)`: mean over the clips of a video."""
        return self.clip_scores.mean(axis=1, dtype=np.float64).astype(np.float32)

    def take(self, rows: np.ndarray | list[int]) -> Scores:
        """Return the scores of some videos, in the order of `rows`."""
        return dataclasses.replace(
            self,
            paths=tuple(self.paths[row] for row in rows),
            groups=tuple(self.groups[row] for row in rows),
            labels=self.labels[rows],
            clip_scores=self.clip_scores[rows],
        )


def scores_file(folder: str | os.PathLike, split: str) -> Path:
    """Return where a run folder keeps the scores of a split."""
    return Path(folder) / f"scores_{split}.npz"


def write_scores(scores: Scores, folder: str | os.PathLike) -> Path:
    """Write `scores_<split>.npz` whole or not at all, and return its path.

    Raises:
        RunError: the disk is full or the folder cannot be written.
    """
    path = scores_file(folder, scores.split)
    content = {
        "split": scores.split,
        "class_names": scores.class_names,
        "paths": scores.paths,
        "groups": scores.groups,
        "labels": scores.labels,
        "clip_scores": scores.clip_scores,
        "video_scores": scores.video_scores,
        "manifest_hash": scores.manifest_hash,
        "num_clips": scores.num_clips,
        "num_views": scores.num_views,
    }
    write_file(path, lambda file: np.savez_compressed(file, **content))
    return path


def read_scores(folder: str | os.PathLike, split: str) -> Scores:
    """Read the kept scores of a run.

    Raises:
        ScoresError: the folder is no run, was not evaluated on this split, or its file is damaged.
    """
    path = scores_file(folder, split)
    if not Path(folder).is_dir():
        raise ScoresError(f"{folder}: there is no such run folder; give the --out of `videocnn train`")
    if not path.is_file():
        if not (Path(folder) / "model.keras").is_file():
            raise ScoresError(f"{folder}: is not a run folder (no model.keras); give the --out of `videocnn train`")
        raise ScoresError(
            f"{folder}: has no kept scores of split {split!r}; run "
            f"`videocnn evaluate {folder} MANIFEST --split {split}` first"
        )
    try:
        with open(path, "rb") as stream, np.load(stream, allow_pickle=False) as content:
            return Scores(
                split=str(content["split"]),
                class_names=tuple(content["class_names"].tolist()),
                paths=tuple(content["paths"].tolist()),
                groups=tuple(content["groups"].tolist()),
                labels=content["labels"],
                clip_scores=content["clip_scores"],
                manifest_hash=str(content["manifest_hash"]),
                num_views=int(content["num_views"]),
            )
    except (OSError, ValueError, KeyError, EOFError, TypeError, AttributeError, zipfile.BadZipFile) as error:
        raise ScoresError(f"{path}: is damaged ({error}); evaluate the run again") from error


def summarize(scores: Scores, *, seed: int = 0, figures: dict[str, Resampled] | None = None) -> dict[str, Any]:
    """Return the figures of kept scores as plain values, ready for JSON.

    Clip hit@k is the mean over all clips of all videos, video hit@k over videos. Chance is the hit@k of always naming
    the k most frequent labels of these videos. Intervals: percentiles of 1000 draws of whole groups.

    Args:
        scores: the kept scores.
        seed: of the bootstrap.
        figures: what `resample_figures` made of them, where that is at hand.

    Returns:
        `clip_hit_at_1`, `clip_hit_at_5`, `video_hit_at_1`, `video_hit_at_5` and `mean_average_precision`, each
        `{"value", "low", "high"}` (None where there is one group only); `chance_hit_at_1`, `chance_hit_at_5`,
        `average_precision` by class (None where no video has it), `confusion` (rows are true), `absent_classes`, and
        what the figures rest on.
    """
    labels, videos = scores.labels, scores.video_scores
    estimates = {name: figure.estimate() for name, figure in (figures or resample_figures(scores, seed=seed)).items()}
    precisions = average_precision(videos, labels)
    return {
        "split": scores.split,
        "num_videos": len(scores),
        "num_groups": len(set(scores.groups)),
        "num_clips": scores.num_clips,
        "num_views": scores.num_views,
        "seed": seed,
        "manifest_hash": scores.manifest_hash,
        **{
            name: {"value": figure.value, "low": _or_none(figure.low), "high": _or_none(figure.high)}
            for name, figure in estimates.items()
        },
        "chance_hit_at_1": chance_level(labels, 1),
        "chance_hit_at_5": chance_level(labels, 5),
        "average_precision": dict(zip(scores.class_names, map(_or_none, precisions), strict=True)),
        "absent_classes": [n for n, has in zip(scores.class_names, labels.any(axis=0), strict=True) if not has],
        "class_names": list(scores.class_names),
        "confusion": confusion(videos, labels).tolist(),
    }


def resample_figures(scores: Scores, *, seed: int = 0) -> dict[str, Resampled]:
    """Compute the five figures over all videos and over draws of groups; the differences of two runs are paired."""
    labels, videos = scores.labels, scores.video_scores
    statistics = {
        **{f"clip_hit_at_{k}": mean_of(clip_hits(scores, k)) for k in (1, 5)},
        **{f"video_hit_at_{k}": mean_of(hit_at_k(videos, labels, k)) for k in (1, 5)},
        "mean_average_precision": mean_average_precision_of(videos, labels, scores.groups),
    }
    return {name: resample(statistic, scores.groups, seed=seed) for name, statistic in statistics.items()}


def clip_hits(scores: Scores, k: int) -> np.ndarray:
    """Return for each video the share of its clips that hit, float64 `(num_videos,)`."""
    flat = scores.clip_scores.reshape(-1, scores.clip_scores.shape[2])
    return hit_at_k(flat, np.repeat(scores.labels, scores.num_clips, axis=0), k).reshape(len(scores), -1).mean(axis=1)


def _or_none(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
