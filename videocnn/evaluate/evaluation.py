"""Views -> clip -> video: measure a network, a run or any other scorer on a split (section 4 of the paper).

Class probabilities are averaged over the views of a clip, then over the clips of a video. Every figure comes with a
95 % interval (bootstrap over groups) and the chance level; skipped videos are counted and listed.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from videocnn import clips
from videocnn.clips.dataset import Dataset, Source
from videocnn.errors import VideoCNNError
from videocnn.evaluate.printing import print_result
from videocnn.evaluate.scorer import Scorer, describe_scorer
from videocnn.evaluate.scores import Scores, gather_clip_scores, summarize, write_scores
from videocnn.jobs import progress_bar
from videocnn.manifest import Skip, write_skips
from videocnn.models import clip_spec, load_network, predict_function
from videocnn.runs import hardware, write_card, write_metrics
from videocnn.runs.folder import check_writable
from videocnn.train import open_devices

Batch = tuple[Any, Any, Any]


class EvaluationError(VideoCNNError):
    """The scorer and the data set do not match, or no video could be scored."""


class NetworkScorer:
    """A network as a `Scorer`: evenly spread clips, fixed views, probabilities averaged over the views of a clip.

    Args:
        network: a network of this package, or the path of one: a `.keras` file or a run folder.
        devices: those that share every batch, from `open_devices`; by default one device computes.
    """

    kind = "network"

    def __init__(self, network: keras.Model | str | os.PathLike, devices: Any = None):
        network = network if isinstance(network, keras.Model) else load_network(network)
        self.network = devices.place(network) if devices else network
        self.devices = devices
        self.arguments = {"model": network.name}

    def score(
        self, dataset: Dataset, split: str, *, num_clips: int, num_views: int, batch_size: int, short: str,
        skips: list[Skip], folder: Path | None, quiet: bool,
    ) -> Scores:  # fmt: skip
        """Return the scores of a split, as `Scorer.score` describes.

        Raises:
            EvaluationError: a label that the network does not know, no usable video, or outputs that are no
                probabilities.
        """
        spec = clip_spec(self.network)
        whole, videos = dataset.whole, dataset.select(split).videos
        labels = matched_labels([(video.path, video.labels) for video in videos], spec.class_names)
        options = {"num_clips": num_clips, "num_views": num_views, "batch_size": batch_size, "short": short}
        batches = clips.eval_clips(dataset, spec, split=split, skips=skips, **options)
        views = (len(videos) - len(skips)) * num_clips * num_views

        def checked() -> Iterator[tuple[int, np.ndarray]]:
            outputs = predict_function(self.network, self.devices)
            for number, scores in score_videos(outputs, batches, num_clips, num_views, num_expected=views, quiet=quiet):
                check_probabilities(videos[number].path, scores)
                yield number, scores

        clip_scores, scored = gather_clip_scores(checked(), folder)
        return Scores(
            split=split,
            class_names=spec.class_names,
            paths=tuple(whole.portable_path(videos[row]) for row in scored),
            groups=tuple(videos[row].group for row in scored),
            labels=labels[scored],
            clip_scores=clip_scores,
            manifest_hash=whole.hash,
            num_views=num_views,
        )


def evaluate(
    run: keras.Model | Scorer | str | os.PathLike,
    source: Source,
    *,
    out: str | os.PathLike | None = None,
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
    """Measure a network, or any other scorer, as the paper does: 20 clips a video, 4 views a clip, scores averaged.

    A run folder keeps the result: `metrics.json` (by split), `scores_<split>.npz` (the scores of every clip, for
    `compare`) and `skipped_<split>.csv`. Where the scores are large, they are kept on disk while they are computed.

    Args:
        run: a run folder, a `.keras` file, a network, or a `Scorer`: any object with `kind`, `arguments` and `score`.
        source: path of a `manifest.csv` or of a folder of shards, a `Manifest`, `Shards` or `Dataset`.
        out: the run folder that keeps the result; by default `run` itself where it is one, and none otherwise. A new
            folder becomes a run of the scorer's kind, for `compare`, `tables` and `report`.
        split: the split to measure on.
        num_clips: evenly spread clips of a video.
        num_views: crops and flips of a clip, 1 to 10.
        batch_size: views that the network computes at once; affects time and memory, not figures.
        short: videos too short for a clip: `"skip"` (counted and listed), `"error"`, or `"hold"` their last frame.
        gpus: number of GPUs that share every batch, or `"all"`; by default one device computes.
        logical: split the processor into this many devices, to try several without a GPU.
        quiet: print nothing.
        seed: of the bootstrap; clips and views are not random.

    Returns:
        The figures of `summarize`, the number of skipped videos, the settings and the time.

    Raises:
        SavedNetworkError: `run` is not a network of this package.
        EvaluationError: a label that the network does not know, no usable video, or outputs that are no probabilities.
        DeviceError: the devices do not exist, or were asked for too late.
        VideoCNNError: the data cannot be used, or the results cannot be written.

    Example:
        >>> result = evaluate("runs/mine", "my_data/manifest.csv", num_clips=2, quiet=True)
        >>> sorted(result["video_hit_at_1"])
        ['high', 'low', 'value']
    """
    devices = open_devices(gpus, logical)
    scorer = run if hasattr(run, "score") else NetworkScorer(run, devices)
    if out is None and isinstance(run, (str, os.PathLike)) and Path(run).is_dir():
        out = run
    folder = None if out is None else Path(out)
    if folder is not None:
        check_writable(folder)
    dataset = clips.Dataset.open(source)
    skips: list[Skip] = []
    options = {"num_clips": num_clips, "num_views": num_views, "batch_size": batch_size, "short": short}
    begin = time.monotonic()
    scores = scorer.score(dataset, split, skips=skips, folder=folder, quiet=quiet, **options)
    seconds = time.monotonic() - begin
    order = {video.path: number for number, video in enumerate(dataset.whole.videos)}
    skips = sorted(skips, key=lambda skip: order[skip.path])  # threads finish in any order
    if not len(scores):
        first = f"; the first: {skips[0].path}: {skips[0].reason}" if skips else ""
        raise EvaluationError(f"no video of split {split!r} could be scored{first}")
    network = getattr(scorer, "network", None)
    num_views_scored = len(scores) * scores.num_clips * scores.num_views
    result = {
        **summarize(scores, seed=seed),
        "num_skipped": len(skips),
        "short": short,
        "num_parameters": None if network is None else network.count_params(),
        "batch_size": batch_size,
        "devices": list(devices.names),
        "hardware": hardware(),
        "seconds": round(seconds, 2),
        "views_per_second": round(num_views_scored / max(seconds, 1e-9), 2),
    }
    if folder is not None:
        if network is None:
            describe_scorer(scorer, folder, scores)
        write_skips(skips, folder / f"skipped_{split}.csv")
        write_scores(scores, folder)
        write_metrics(folder, split, result)
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
        probabilities: function from clips `(B, T, H, W, C)` to `(B, num_classes)`.
        batches: `(clips, video_index, clip_index)` as from `eval_clips`, in any order and of any size.
        num_videos: videos of the split.
        num_clips: clips of a video.
        num_views: views of a clip.
        expected: videos known to be skipped, for the progress bar.
        quiet: no progress bar.

    Returns:
        float32 `(num_scored, num_clips, num_classes)` and the ascending int64 numbers of the scored videos; a video
        without any view is left out.
    """
    views = (num_videos - expected) * num_clips * num_views
    return gather_clip_scores(
        score_videos(probabilities, batches, num_clips, num_views, num_expected=views, quiet=quiet)
    )


def score_videos(
    probabilities: Callable[[Any], np.ndarray],
    batches: Iterable[Batch],
    num_clips: int,
    num_views: int,
    *,
    num_expected: int | None = None,
    quiet: bool = True,
) -> Iterator[tuple[int, np.ndarray]]:
    """Yield `(number of the video, float32 (num_clips, num_classes))` as soon as all views of a video are scored.

    Args:
        probabilities: function from clips to class probabilities, as for `score_clips`.
        batches: as for `score_clips`.
        num_clips: clips of a video.
        num_views: views of a clip.
        num_expected: number of views to come, for the progress bar.
        quiet: no progress bar.
    """
    sums: dict[int, np.ndarray] = {}
    seen: dict[int, np.ndarray] = {}
    count = 0
    with progress_bar("views", quiet=quiet) as bar:
        task = bar.add_task("evaluate", total=num_expected)
        for views, video, clip in batches:
            scores, video, clip = probabilities(views), np.asarray(video), np.asarray(clip)
            for number in dict.fromkeys(video.tolist()):
                rows = video == number
                if number not in sums:
                    sums[number] = np.zeros((num_clips, scores.shape[1]), np.float32)
                    seen[number] = np.zeros(num_clips, np.int64)
                np.add.at(sums[number], clip[rows], scores[rows])
                np.add.at(seen[number], clip[rows], 1)
                if (seen[number] >= num_views).all():
                    if seen.pop(number).max() > num_views:
                        raise AssertionError("a clip was scored on more views than it has")
                    yield number, sums.pop(number) / num_views
            count += len(scores)
            bar.advance(task, len(scores))
        bar.update(task, total=count)
    if sums:
        raise AssertionError("a clip was scored on fewer views than it has")


def check_probabilities(path: str, scores: np.ndarray) -> None:
    """Raise `EvaluationError` unless all scores of a video are probabilities: averaging anything else means nothing."""
    if not ((scores >= 0) & (scores <= 1.0001)).all():  # NaN is neither
        raise EvaluationError(
            f"{path}: the network's outputs are no probabilities; it has diverged (train it with a lower rate), or was "
            'built without classifier_activation="softmax"'
        )
