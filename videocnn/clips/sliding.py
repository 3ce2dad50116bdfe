"""A clip that slides along a video: frames in, one after another, clips as a network samples them out.

Every frame is looked at once and kept, as a small crop, for as long as a clip still wants it, so that memory does not
grow with the video. No TensorFlow.
"""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Iterable, Iterator

import numpy as np

from videocnn.sampling import ClipError, last_start
from videocnn.spec import ClipSpec
from videocnn.video import TimedFrame

TOLERANCE = 1e-6  # seconds; times of frames are rounded


@dataclasses.dataclass(frozen=True)
class TimedClip:
    """A clip and the part of the video that it saw.

    Attributes:
        start_seconds: when its first frame appears.
        end_seconds: when its last one disappears.
        frames: uint8 `(time, *spec.frame_size, 3)`, the centre view of evaluation.
    """

    start_seconds: float
    end_seconds: float
    frames: np.ndarray


def sliding_clips(
    frames: Iterable[TimedFrame], spec: ClipSpec, step_seconds: float, *, hold_last: bool = False
) -> Iterator[TimedClip]:
    """Cut a clip every `step_seconds`, as long as a whole one fits.

    Clip k begins with the first frame that appears at k * step_seconds after the first one or later; where a single
    frame lasts longer than a step, the clips that would begin within it are left out.

    Args:
        frames: all frames of the video, or those that a clock of `spec.fps` sees, as centre regions:
            `stream_frames(path, spec.region_size, crop_to_aspect_ratio=True, fps=spec.fps)`.
        spec: the shape of a clip.
        step_seconds: from one clip's beginning to the next one's.
        hold_last: of a video that is too short for a clip, make one that repeats the last frame.

    Raises:
        ClipError: the video is too short and `hold_last` is false, or the step is not positive.
    """
    if not 0 < step_seconds < float("inf"):
        raise ClipError(f"step_seconds must be a positive number of seconds, not {step_seconds}")
    begun: collections.deque[tuple[int, float, list[np.ndarray]]] = collections.deque()
    begin, due, number, complete = None, 0.0, -1, False
    last, last_end = None, 0.0
    for number, frame in enumerate(frames):
        begin = frame.start_seconds if begin is None else begin
        since = frame.start_seconds - begin + TOLERANCE
        if since >= due:
            begun.append((number, frame.start_seconds, []))
            due = (since // step_seconds + 1) * step_seconds
        wanting = [kept for first, _, kept in begun if (number - first) % spec.frame_step == 0]
        hold = hold_last and not complete
        pixels = centre(frame.read(), spec) if wanting or hold else None
        for kept in wanting:
            kept.append(pixels)
        if hold:
            last, last_end = pixels, frame.end_seconds
        if begun and number - begun[0][0] + 1 == spec.span:
            _, start, kept = begun.popleft()
            yield TimedClip(start, frame.end_seconds, np.stack(kept))
            complete = True
    if complete:
        return
    last_start(number + 1, spec.num_frames, spec.frame_step, hold_last=hold_last)  # says what is too short
    _, start, kept = begun[0]
    yield TimedClip(start, last_end, np.stack(kept + [last] * (spec.num_frames - len(kept))))


def centre(region: np.ndarray, spec: ClipSpec) -> np.ndarray:
    """Return the centre crop of a region, view 0 of evaluation."""
    (height, width), (region_height, region_width) = spec.frame_size, spec.region_size
    top, left = (region_height - height) // 2, (region_width - width) // 2
    return region[top : top + height, left : left + width]
