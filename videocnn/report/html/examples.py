"""Examples for a report: a few videos of a split with what a network said of them, each as a strip of moving frames.

Half are the surest right answers, half the surest wrong ones, at most one a class: chosen, not drawn.
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
from videocnn.runs.description import RunRecord
from videocnn.sampling import even_clips
from videocnn.spec import ClipSpec

NUM_FRAMES = 16
SIDE = 128  # pixels
QUALITY = 70


@dataclasses.dataclass(frozen=True)
class Example:
    """One video of a report.

    Attributes:
        path: the video, from the folder of the data set.
        truth: its true labels.
        right: whether the best class is one of them.
        labels: `(class name, probability, whether it is true)`, best first.
        sprite: data URI of the frames side by side, or None where the video is not to be had.
        num_frames: frames of the sprite.
        seconds: how long one round of them lasts.
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
    """Return the rows of the surest right answers and of the surest wrong ones, half of each, one a true class."""
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


def find_examples(record: RunRecord, split: str, spec: ClipSpec | None, count: int, top: int = 3) -> list[Example]:
    """Return examples of a run that was evaluated on a split; with their frames where its data are still there.

    Args:
        record: the run.
        split: the split.
        spec: how the network's clips are sampled, None where there is no network.
        count: most examples.
        top: classes named for each.

    Raises:
        ScoresError: the run has no kept scores of this split.
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
            reason = record.no_data or ("there is no network" if spec is None else "it was evaluated on other data")
            found.append(dataclasses.replace(example, reason=reason))
            continue
        try:
            found.append(dataclasses.replace(example, **film(record.data, videos[example.path], spec)))
        except (VideoCNNError, KeyError) as error:
            reason = str(error) if isinstance(error, VideoCNNError) else "the data do not hold it"
            found.append(dataclasses.replace(example, reason=reason))
    return found


def by_name(data: Dataset) -> dict[str, Video]:
    """Return videos by the names that kept scores have for them."""
    return {data.whole.portable_path(video): video for video in data.whole.videos}


def film(data: Dataset, video: Video, spec: ClipSpec) -> dict:
    """Return the middle of a video as a sprite: a clip, or a few more frames, as the network's region shows them.

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
    """Return the last part of a video's path."""
    return os.path.basename(path) or path
