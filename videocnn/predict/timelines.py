"""Class scores over time in a long video: a sliding clip, scored every half second by default.

The video is decoded once, from beginning to end, and never held in memory. Clips are sampled as the network was
trained on them (section 4 of the paper), with the centre view alone.
"""

from __future__ import annotations

import dataclasses
import itertools
import os
from collections.abc import Iterable, Iterator

import keras
import numpy as np

from videocnn.clips import TimedClip, check_sizes, normalize, sliding_clips
from videocnn.evaluate.evaluation import check_probabilities
from videocnn.jobs import progress_bar
from videocnn.models import clip_spec, load_network, predict_function
from videocnn.predict.prediction import PredictError
from videocnn.sampling import ClipError
from videocnn.spec import ClipSpec
from videocnn.video import TimedFrame, stream_frames

STEP_SECONDS = 0.5


@dataclasses.dataclass(frozen=True, eq=False)
class Timeline:
    """Class scores over time in one video.

    Attributes:
        path: the video, as given or found.
        class_names: names of the columns of `scores`.
        start_seconds: float64 `(num_clips,)`, when each clip begins, counted as players do.
        end_seconds: float64 `(num_clips,)`, when its last frame disappears.
        scores: float32 `(num_clips, num_classes)`, the class probabilities of each clip.
        duration_seconds: when the video's last frame disappears.
        num_frames: frames of the video.
        step_seconds: from one clip to the next.
        spec: how the network's clips are sampled.
    """

    path: str
    class_names: tuple[str, ...]
    start_seconds: np.ndarray
    end_seconds: np.ndarray
    scores: np.ndarray
    duration_seconds: float
    num_frames: int
    step_seconds: float
    spec: ClipSpec

    def best(self, top: int | None = None) -> list[int]:
        """Return the numbers of the `top` classes that score highest in any clip, the highest first; all by default."""
        if top is not None and top < 1:
            raise PredictError(f"top={top}: give 1 or more")
        return np.argsort(-self.scores.max(axis=0), kind="stable")[:top].tolist()


def score_timeline(
    model: keras.Model | str | os.PathLike,
    path: str | os.PathLike,
    *,
    step_seconds: float = STEP_SECONDS,
    batch_size: int = 32,
    hold_last: bool = False,
    quiet: bool = True,
) -> Timeline:
    """Score a clip every `step_seconds` of a video.

    Args:
        model: a network, a `.keras` file or a run folder.
        path: the video; it is read once, from beginning to end.
        step_seconds: from one clip's beginning to the next one's; clips overlap where they last longer.
        batch_size: clips per batch.
        hold_last: pad a video too short for a clip by repeating its last frame, instead of rejecting it.
        quiet: show no progress on standard error.

    Raises:
        SavedNetworkError: `model` is no network of this package.
        VideoError: the file cannot be read, or is damaged anywhere.
        PredictError: it is too short for a clip, or an argument is impossible.
        EvaluationError: the outputs of the network are not probabilities.

    Example:
        >>> timeline = score_timeline("runs/slow/model.keras", "match.mp4")
        >>> timeline.class_names[timeline.scores[0].argmax()], timeline.start_seconds[0]
    """
    network = model if isinstance(model, keras.Model) else load_network(model)
    spec = clip_spec(network)
    check_sizes(spec)
    if batch_size < 1:
        raise PredictError(f"batch_size={batch_size}: give 1 or more")
    path = os.fspath(path)
    call = predict_function(network)
    frames = Watched(stream_frames(path, spec.region_size, crop_to_aspect_ratio=True, fps=spec.fps))
    starts, ends, scores = [], [], []
    try:
        clips = sliding_clips(frames, spec, step_seconds, hold_last=hold_last)
        with progress_bar("clips", quiet=quiet) as bar:
            task = bar.add_task(os.path.basename(path), total=None)
            for batch in batches(clips, batch_size):
                scores.append(call(normalize(np.stack([clip.frames for clip in batch]), spec)))
                starts += [clip.start_seconds for clip in batch]
                ends += [clip.end_seconds for clip in batch]
                bar.advance(task, len(batch))
            bar.update(task, total=len(starts))
    except ClipError as error:
        mend = " (hold_last=True, --hold-last)" if frames.num_frames else ""
        raise PredictError(f"{path}: {error}{mend}") from error
    scores = np.concatenate(scores)
    check_probabilities(path, scores)
    return Timeline(
        path=path,
        class_names=spec.class_names,
        start_seconds=np.array(starts),
        end_seconds=np.array(ends),
        scores=scores,
        duration_seconds=frames.end_seconds,
        num_frames=frames.num_frames,
        step_seconds=float(step_seconds),
        spec=spec,
    )


class Watched:
    """Frames passed on, while counting them and noting when the last one ends."""

    def __init__(self, frames: Iterable[TimedFrame]):
        self.frames = frames
        self.num_frames, self.end_seconds = 0, 0.0

    def __iter__(self) -> Iterator[TimedFrame]:
        for frame in self.frames:
            self.num_frames, self.end_seconds = frame.number + 1, frame.end_seconds
            yield frame


def batches(clips: Iterable[TimedClip], batch_size: int) -> Iterator[list[TimedClip]]:
    """Yield clips in lists of `batch_size`, the last one perhaps shorter."""
    clips = iter(clips)
    while batch := list(itertools.islice(clips, batch_size)):
        yield batch
