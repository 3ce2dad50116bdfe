"""Select example videos of a split for a report, with their predictions and animated frames.

Half are the most confident correct predictions, half the most confident mistakes, at most one per class; they are
selected, not sampled at random.
"""

from __future__ import annotations

import dataclasses
import io
import os

import numpy as np
from PIL import Image

from videocnn.clips import Dataset
from videocnn.clips.selection import timeline
from videocnn.errors import VideoCNNError
from videocnn.evaluate import Scores, read_scores
from videocnn.manifest import Video
from videocnn.report.html.page import data_uri
from videocnn.runs.state import Run
from videocnn.sampling import even_clips
from videocnn.spec import ClipSpec

NUM_FRAMES = 16
SIDE = 128  # pixels
QUALITY = 70


@dataclasses.dataclass(frozen=True)
class Example:
    """One example video of a report.

    Attributes:
        path: the video's path, relative to the data set's folder.
        truth: true labels.
        right: whether the top prediction is a true label.
        labels: `(class name, probability, whether it is true)`, best first.
        sprite: data URI of the frames side by side, or None if the video is unavailable.
        num_frames: number of frames in the sprite.
        seconds: duration of one loop.
        size: `(height, width)` of a frame in pixels.
        reason: why there is no sprite.
    """

    path: str
    truth: tuple[str, ...]
    right: bool
    labels: tuple[tuple[str, float, bool], ...]
    sprite: str | None = None
    num_frames: int = 0
    seconds: float = 0.0
    size: tuple[int, int] = (0, 0)
    reason: str = ""


def choose(scores: Scores, count: int) -> list[int]:
    """Return the rows of the most confident right and wrong predictions, half of each, at most one per true class."""
    videos, labels = scores.video_scores, scores.labels > 0
    best = videos.argmax(axis=1)
    right = labels[np.arange(len(videos)), best]
    chosen: list[int] = []
    for verdict, most in ((True, count - count // 2), (False, count // 2)):
        classes: set[int] = set()
        for row in np.argsort(-videos.max(axis=1), kind="stable"):
            truth = int(labels[row].argmax())
            if right[row] == verdict and truth not in classes and len(classes) < most:
                classes.add(truth)
                chosen.append(int(row))
    return chosen


def find_examples(record: Run, split: str, spec: ClipSpec | None, count: int, top: int = 3) -> list[Example]:
    """Return examples of a run evaluated on a split, with frames if the run's data set is still available.

    Args:
        record: the run.
        split: the evaluated split.
        spec: the network's clip specification, or None if there is no network.
        count: maximum number of examples.
        top: number of classes shown per example.

    Raises:
        ScoresError: the run has no saved scores for this split.
    """
    scores = read_scores(record.folder, split)
    videos = {} if record.data is None else by_name(record.data)
    same = record.data is not None and record.data.hash == scores.manifest_hash
    found = []
    for row in choose(scores, count):
        values, truth = scores.video_scores[row], scores.labels[row] > 0
        order = np.argsort(-values, kind="stable")[:top]
        example = Example(
            path=scores.paths[row],
            truth=tuple(name for name, true in zip(scores.class_names, truth, strict=True) if true),
            right=bool(truth[order[0]]),
            labels=tuple((scores.class_names[k], float(values[k]), bool(truth[k])) for k in order),
        )
        if not same or spec is None:
            reason = record.no_data or ("there is no network" if spec is None else "it was evaluated on different data")
            found.append(dataclasses.replace(example, reason=reason))
            continue
        try:
            found.append(dataclasses.replace(example, **film(record.data, videos[example.path], spec)))
        except (VideoCNNError, KeyError) as error:
            reason = str(error) if isinstance(error, VideoCNNError) else "it is not in the data set"
            found.append(dataclasses.replace(example, reason=reason))
    return found


def by_name(data: Dataset) -> dict[str, Video]:
    """Return the videos keyed by their names in the saved scores."""
    return {data.whole.portable_path(video): video for video in data.whole.videos}


def film(data: Dataset, video: Video, spec: ClipSpec) -> dict:
    """Return a sprite of the middle of a video: about one clip, cropped to the network's centre region.

    Raises:
        VideoCNNError: the video cannot be read.
    """
    ticks = timeline(video.num_frames, video.fps, spec)
    length = min(len(ticks), max(spec.span, NUM_FRAMES))
    step = -(-length // NUM_FRAMES)
    wanted = ticks[even_clips(len(ticks), 1, length)[0]][::step]
    frames = data.reader(dataclasses.replace(data.whole, videos=(video,)), spec.region_size).read(0, wanted)
    height, width = (max(1, round(side * SIDE / max(spec.region_size))) for side in spec.region_size)
    strip = Image.new("RGB", (width * len(frames), height))
    for number, frame in enumerate(frames):
        strip.paste(Image.fromarray(frame).resize((width, height), Image.Resampling.BILINEAR), (number * width, 0))
    content = io.BytesIO()
    strip.save(content, "WEBP", quality=QUALITY)
    rate = spec.fps or video.fps or 25.0
    return {
        "sprite": data_uri(content.getvalue(), "image/webp"),
        "num_frames": len(frames),
        "seconds": len(frames) * step / rate,
        "size": (height, width),
    }


def file_name(path: str) -> str:
    """Return the file name of a video's path."""
    return os.path.basename(path) or path
