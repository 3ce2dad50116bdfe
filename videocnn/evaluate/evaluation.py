"""Views -> clip -> video: a network and a split go in, honest figures come out (section 4 of the paper).

Class probabilities are averaged over the views of a clip, then over the clips of a video. Every figure has a 95 %
interval by bootstrap over groups and stands beside the chance level; videos left out are counted and listed.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from videocnn import clips
from videocnn.clips.dataset import Source
from videocnn.errors import VideoCNNError
from videocnn.evaluate.printing import print_result
from videocnn.evaluate.scores import Scores, summarize, write_scores
from videocnn.jobs import progress_bar
from videocnn.manifest import Skip, write_skips
from videocnn.models import clip_spec, load_network, predict_function
from videocnn.runs import hardware, read_metrics, write_card
from videocnn.runs.folder import check_writable, write_json
from videocnn.train import open_devices

Batch = tuple[Any, Any, Any]


class EvaluationError(VideoCNNError):
    """The network and the data do not fit together, or nothing could be scored."""


def evaluate(
    run: keras.Model | str | os.PathLike,
    source: Source,
    *,
    split: str = "test",
    num_clips: int = 20,
    num_views: int = 4,
    batch_size: int = 32,
    short: str = "skip",
    gpus: int | str | None = None,
    logical: int | None = None,
    quiet: bool = False,
    seed: int = 0,
) -> dict[str, Any]:
    """Measure a network on a split as the paper does: 20 clips a video, 4 views a clip, probabilities averaged.

    A run folder keeps the result: `metrics.json` (by split), `scores_<split>.npz` (every probability, for `compare`)
    and `skipped_<split>.csv`.

    Args:
        run: a run folder, a `.keras` file or a network.
        source: path of a `manifest.csv` or of a folder of shards, a `Manifest`, `Shards` or `Dataset`.
        split: the videos to measure on.
        num_clips: evenly spread clips a video.
        num_views: crops and flips a clip, 1 to 10.
        batch_size: views that the network sees at once; changes time and memory, not figures.
        short: videos too short for a clip: `"skip"` (counted and listed), `"error"`, or `"hold"` their last frame.
        gpus: share every batch among so many GPUs, or `"all"`; by default one device computes.
        logical: split the processor into so many devices and share among those, to try it without a GPU.
        quiet: print nothing.
        seed: of the bootstrap; clips and views are not random.

    Returns:
        The figures of `summarize`, with the number of videos and of skipped ones, the settings and the time.

    Raises:
        SavedNetworkError: `run` is no network of this package.
        EvaluationError: a label that the network does not know, no usable video, or a network that gives NaN.
        DeviceError: the devices are not there, or were asked for too late.
        VideoCNNError: the data cannot be used, or the results cannot be written.
    """
    devices = open_devices(gpus, logical)
    network = devices.place(run if isinstance(run, keras.Model) else load_network(run))
    folder = None if isinstance(run, keras.Model) or not Path(run).is_dir() else Path(run)
    if folder is not None:
        check_writable(folder)
    spec = clip_spec(network)
    dataset = clips.Dataset.open(source)
    whole, videos = dataset.whole, dataset.select(split).videos
    labels = matched_labels([(video.path, video.labels) for video in videos], spec.class_names)
    skips: list[Skip] = []
    options = {"num_clips": num_clips, "num_views": num_views, "batch_size": batch_size, "short": short}
    batches = clips.eval_clips(dataset, spec, split=split, skips=skips, **options)
    begin = time.monotonic()
    clip_scores, scored = score_clips(
        predict_function(network, devices), batches, len(videos), num_clips, num_views,
        expected=len(skips), quiet=quiet,
    )  # fmt: skip
    seconds = time.monotonic() - begin
    order = {video.path: number for number, video in enumerate(whole.videos)}
    skips = sorted(skips, key=lambda skip: order[skip.path])  # threads finish in any order
    if not len(scored):
        raise EvaluationError(
            f"no video of split {split!r} could be scored; the first: {skips[0].path}: {skips[0].reason}"
        )
    kept = Scores(
        split=split,
        class_names=spec.class_names,
        paths=tuple(whole.portable_path(videos[row]) for row in scored),
        groups=tuple(videos[row].group for row in scored),
        labels=labels[scored],
        clip_scores=clip_scores,
        manifest_hash=whole.hash,
        num_views=num_views,
    )
    for path, scores in zip(kept.paths, kept.clip_scores, strict=True):
        check_probabilities(path, scores)
    result = {
        **summarize(kept, seed=seed),
        "num_skipped": len(skips),
        "short": short,
        "num_parameters": network.count_params(),
        "batch_size": batch_size,
        "devices": list(devices.names),
        "hardware": hardware(),
        "seconds": round(seconds, 2),
        "views_per_second": round(len(scored) * num_clips * num_views / seconds, 2),
    }
    if folder is not None:
        write_skips(skips, folder / f"skipped_{split}.csv")
        write_scores(kept, folder)
        write_json(folder / "metrics.json", {**read_metrics(folder), split: result})
        if (folder / "run.json").is_file():
            write_card(folder, opened=dataset)
    if not quiet:
        print_result(result, skips, folder)
    return result


def matched_labels(videos: Sequence[tuple[str, Sequence[str]]], class_names: Sequence[str]) -> np.ndarray:
    """Return the labels of videos `(path, names)` as float32 `(num_videos, num_classes)`, in the network's order.

    Raises:
        EvaluationError: a label that the network does not know.
    """
    column = {name: number for number, name in enumerate(class_names)}
    matrix = np.zeros((len(videos), len(class_names)), np.float32)
    unknown: dict[str, str] = {}
    for row, (path, names) in enumerate(videos):
        unknown |= {name: path for name in names if name not in column and name not in unknown}
        matrix[row, [column[name] for name in names if name in column]] = 1
    if unknown:
        name, path = next(iter(unknown.items()))
        others = f" and {len(unknown) - 1} more" if len(unknown) > 1 else ""
        known = ", ".join(class_names[:5]) + (", ..." if len(class_names) > 5 else "")
        raise EvaluationError(
            f"label {name!r}{others} ({path}) is none of the network's {len(class_names)} classes ({known}); "
            "evaluate on the data set that it was trained on"
        )
    return matrix


def score_clips(
    probabilities: Callable[[Any], np.ndarray],
    batches: Iterable[Batch],
    num_videos: int,
    num_clips: int,
    num_views: int,
    *,
    expected: int = 0,
    quiet: bool = True,
) -> tuple[np.ndarray, np.ndarray]:
    """Average probabilities over the views of each clip.

    Args:
        probabilities: from clips `(B, T, H, W, C)` to `(B, num_classes)`.
        batches: `(clips, video_index, clip_index)` as from `eval_clips`, in any order and cut anywhere.
        num_videos: videos of the split.
        num_clips: clips a video.
        num_views: views a clip.
        expected: videos known to be left out, for the progress line.
        quiet: no progress line.

    Returns:
        float32 `(num_scored, num_clips, num_classes)` and the ascending int64 numbers of the scored videos; a video
        of which nothing came is left out.
    """
    sums: np.ndarray | None = None
    seen = np.zeros((num_videos, num_clips), np.int64)
    with progress_bar("views", quiet=quiet) as bar:
        task = bar.add_task("evaluate", total=(num_videos - expected) * num_clips * num_views)
        for views, video, clip in batches:
            scores = probabilities(views)
            if sums is None:
                sums = np.zeros((num_videos, num_clips, scores.shape[1]), np.float32)
            where = np.asarray(video), np.asarray(clip)
            np.add.at(sums, where, scores)
            np.add.at(seen, where, 1)
            bar.advance(task, len(scores))
        bar.update(task, total=int(seen.sum()))
    scored = np.flatnonzero(seen.any(axis=1))
    if not np.isin(seen[scored], num_views).all():
        raise AssertionError("a clip was scored on more or fewer views than it has")
    return (np.zeros((0, num_clips, 0), np.float32) if sums is None else sums[scored] / num_views), scored


def check_probabilities(path: str, scores: np.ndarray) -> None:
    """Raise `EvaluationError` unless all scores of a video are probabilities: averaging anything else means nothing."""
    if not ((scores >= 0) & (scores <= 1.0001)).all():  # NaN is neither
        raise EvaluationError(
            f"{path}: the network's outputs are no probabilities; it has diverged (train it with a lower rate), or was "
            'built without classifier_activation="softmax"'
        )
