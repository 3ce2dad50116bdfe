"""Per-clip class probabilities for one split, and the file of a run folder that holds them (`scores_<split>.npz`).

Figures, comparisons and averages of networks are computed from this file, so no video is decoded twice. It holds plain
NumPy arrays, is read without unpickling, and is never held in memory as a whole where it is large.
"""

from __future__ import annotations

import dataclasses
import functools
import os
import struct
import tempfile
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from videocnn.errors import VideoCNNError
from videocnn.evaluate.metrics import (
    Resampled,
    average_precision,
    average_precisions_of,
    chance_level,
    confusion,
    hit_at_k,
    mean_average_precision_of,
    mean_of,
    resample,
)
from videocnn.files import write_file
from videocnn.runs.figures import FIGURES

LARGE = 2**28  # bytes of clip scores from which they stay on disk
BLOCK = 2**24  # bytes of clip scores in memory at a time
DAMAGED = (
    OSError, ValueError, KeyError, EOFError, TypeError, AttributeError, struct.error, zipfile.BadZipFile,
)  # fmt: skip


class ScoresError(VideoCNNError):
    """A score file is missing or damaged, or score files do not belong together."""


@dataclasses.dataclass(frozen=True)
class Scores:
    """Class probabilities of the scored videos of one split, in manifest order.

    Attributes:
        split: the split.
        class_names: names of the columns, in the order of the network's outputs.
        paths: the videos, relative to the deepest folder that contains the whole data set.
        groups: the group of each video.
        labels: float32 `(num_videos, num_classes)`, 1 where a label is true.
        clip_scores: float32 `(num_videos, num_clips, num_classes)`: mean over the views of a clip. A memory-mapped file
            where it is large; `blocks` goes through it piece by piece.
        manifest_hash: hash of the whole data set's manifest.
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

    @functools.cached_property
    def video_scores(self) -> np.ndarray:
        """float32 `(num_videos, num_classes)`: mean over the clips of a video."""
        means = np.empty((len(self), self.clip_scores.shape[2]), np.float32)
        for part in self.blocks():
            means[part] = self.clip_scores[part].mean(axis=1, dtype=np.float64)
        return means

    def blocks(self) -> Iterator[slice]:
        """Yield slices of consecutive videos whose clip scores fit into memory; at least one, perhaps empty."""
        step = max(1, BLOCK // max(1, self.clip_scores[:1].nbytes))
        for start in range(0, max(1, len(self)), step):
            yield slice(start, start + step)

    def take(self, rows: np.ndarray | list[int]) -> Scores:
        """Return the scores of some videos, in the order of `rows`; the clip scores of these videos are copied."""
        if np.array_equal(rows, np.arange(len(self))):
            return self
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
        WriteError: the disk is full or the folder cannot be written.
    """
    path = scores_file(folder, scores.split)
    content = {
        "split": scores.split,
        "class_names": scores.class_names,
        "paths": scores.paths,
        "groups": scores.groups,
        "labels": scores.labels,
        "video_scores": scores.video_scores,
        "manifest_hash": scores.manifest_hash,
        "num_clips": scores.num_clips,
        "num_views": scores.num_views,
    }

    def write(file: Path) -> None:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, value in content.items():
                with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                    np.lib.format.write_array(member, np.asarray(value), allow_pickle=False)
            # Not compressed, so that it can be memory-mapped; probabilities hardly shrink.
            with archive.open(zipfile.ZipInfo("clip_scores.npy"), "w", force_zip64=True) as member:
                header = {"descr": "<f4", "fortran_order": False, "shape": scores.clip_scores.shape}
                np.lib.format.write_array_header_1_0(member, header)
                for part in scores.blocks():
                    member.write(np.ascontiguousarray(scores.clip_scores[part], "<f4").data.cast("B"))

    write_file(path, write)
    return path


def read_scores(folder: str | os.PathLike, split: str) -> Scores:
    """Read the scores that `evaluate` kept in a run folder; clip scores from 256 MiB on are memory-mapped.

    Raises:
        ScoresError: the folder is not a run, was not evaluated on this split, or its score file is damaged.
    """
    path = scores_file(folder, split)
    if not Path(folder).is_dir():
        raise ScoresError(f"{folder}: there is no such run folder; give the --out of `videocnn train`")
    if not path.is_file():
        if not any((Path(folder) / name).is_file() for name in ("model.keras", "run.json")):
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
                clip_scores=stored if (stored := _mapped(path)) is not None else content["clip_scores"],
                manifest_hash=str(content["manifest_hash"]),
                num_views=int(content["num_views"]),
            )
    except DAMAGED as error:
        raise ScoresError(f"{path}: is damaged ({error}); evaluate the run again") from error


def _mapped(path: Path) -> np.memmap | None:
    """Return large clip scores of a file as a memory map; None where they are small, or compressed as in 0.1.0."""
    with zipfile.ZipFile(path) as archive:
        member = archive.getinfo("clip_scores.npy")
    if member.file_size < LARGE or member.compress_type != zipfile.ZIP_STORED:
        return None
    with open(path, "rb") as file:
        file.seek(member.header_offset + 26)
        file.seek(sum(struct.unpack("<HH", file.read(4))), os.SEEK_CUR)  # over its name and extra fields
        np.lib.format.read_magic(file)
        shape, _, dtype = np.lib.format.read_array_header_1_0(file)
        return np.memmap(file, dtype, "r", file.tell(), shape)


def gather_clip_scores(
    scored: Iterable[tuple[int, np.ndarray]], folder: str | os.PathLike | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Collect the clip scores of one video after the other, on disk where they become large.

    Args:
        scored: `(number of the video, float32 (num_clips, num_classes))`, in any order.
        folder: where large scores are kept, in a temporary file without a name; by default the system's own place.

    Returns:
        float32 `(num_scored, num_clips, num_classes)`, memory-mapped where it is large, and the ascending int64 numbers
        of the videos.
    """
    numbers, shape = [], (0, 0)
    with tempfile.SpooledTemporaryFile(LARGE, dir=folder) as file:
        for number, scores in scored:
            numbers.append(number)
            shape = scores.shape
            file.write(np.ascontiguousarray(scores, np.float32).data.cast("B"))
        shape = (len(numbers), *shape)
        if 4 * np.prod(shape, dtype=np.int64) > LARGE:
            file.flush()
            kept = np.memmap(file, np.float32, "r", shape=shape)  # stays when the file is closed
        else:
            file.seek(0)
            kept = np.frombuffer(bytearray(file.read()), np.float32).reshape(shape)
    order = np.argsort(np.array(numbers, np.int64), kind="stable")
    ascending = np.array_equal(order, np.arange(len(order)))
    return kept if ascending else kept[order], np.array(numbers, np.int64)[order]


def summarize(scores: Scores, *, seed: int = 0, figures: dict[str, Resampled] | None = None) -> dict[str, Any]:
    """Return the metrics of scores as plain values, ready for JSON.

    Clip hit@k is the mean over all clips of all videos, video hit@k over videos. Chance is the hit@k of always naming
    the k most frequent labels of these videos. Intervals: percentiles of 1000 draws of whole groups.

    Args:
        scores: the kept scores.
        seed: of the bootstrap.
        figures: the result of `resample_figures` for these scores, to save its time.

    Returns:
        `clip_hit_at_1`, `clip_hit_at_5`, `video_hit_at_1`, `video_hit_at_5` and `mean_average_precision`, each
        `{"value", "low", "high"}` (None where there is one group only); `chance_hit_at_1`, `chance_hit_at_5`,
        `average_precision` by class (None where no video has it), `confusion` (rows are true), `absent_classes`, and
        the counts and settings of the evaluation.
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
        **{name: figure.plain() for name, figure in estimates.items()},
        "chance_hit_at_1": chance_level(labels, 1),
        "chance_hit_at_5": chance_level(labels, 5),
        "average_precision": dict(zip(scores.class_names, map(_or_none, precisions), strict=True)),
        "absent_classes": [n for n, has in zip(scores.class_names, labels.any(axis=0), strict=True) if not has],
        "class_names": list(scores.class_names),
        "confusion": confusion(videos, labels).tolist(),
    }


def resample_figures(scores: Scores, names: Sequence[str] = tuple(FIGURES), *, seed: int = 0) -> dict[str, Resampled]:
    """Compute figures over all videos and over draws of groups; the differences between two runs are paired.

    Args:
        scores: the scores of one run.
        names: the figures; by default all five. `"average_precision"` has one value for each class.
        seed: of the bootstrap.
    """
    labels, videos, groups = scores.labels, scores.video_scores, scores.groups
    statistics = {
        **{f"clip_hit_at_{k}": lambda k=k: mean_of(clip_hits(scores, k)) for k in (1, 5)},
        **{f"video_hit_at_{k}": lambda k=k: mean_of(hit_at_k(videos, labels, k)) for k in (1, 5)},
        "mean_average_precision": lambda: mean_average_precision_of(videos, labels, groups),
        "average_precision": lambda: average_precisions_of(videos, labels, groups),
    }
    return {name: resample(statistics[name](), groups, seed=seed) for name in names}


def resample_folds(folds: Sequence[Scores], name: str, *, seed: int = 0) -> list[Resampled]:
    """Compute one figure of `resample_figures` for each fold; fold i, counted from 0, draws with `seed + i`.

    `mean_over_folds` gives their mean. The test videos of the folds are taken to be disjoint, as UCF-101's are. The
    difference between two networks on the same folds is paired.
    """
    return [resample_figures(fold, (name,), seed=seed + number)[name] for number, fold in enumerate(folds)]


def clip_hits(scores: Scores, k: int) -> np.ndarray:
    """Return for each video the share of its clips that hit, float64 `(num_videos,)`."""
    shares = []
    for part in scores.blocks():
        clips, labels = scores.clip_scores[part], np.repeat(scores.labels[part], scores.num_clips, axis=0)
        shares.append(hit_at_k(clips.reshape(-1, clips.shape[2]), labels, k).reshape(len(clips), -1).mean(axis=1))
    return np.concatenate(shares)


def _or_none(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
