"""Which frames make a clip: whole numbers in, whole numbers out; no file is opened and nothing is decoded.

Takes the length of a video and the shape of a clip; gives frame indices. The paper's clips are ten contiguous frames
(section 3.1), or two frames fifteen apart for late fusion; a video is scored on twenty clips (section 4).
Random choices are drawn from counters, so that any clip of any pass can be named without drawing those before it.
"""

from __future__ import annotations

import functools
from fractions import Fraction

import numpy as np

from videocnn.errors import VideoCNNError


class ClipError(VideoCNNError):
    """A clip that was asked for cannot be cut out of the video."""


def clip_span(num_frames: int, frame_step: int = 1) -> int:
    """Return the number of frames from a clip's first frame to its last, both included.

    Raises:
        ClipError: `num_frames` or `frame_step` is below 1.
    """
    for name, value in (("num_frames", num_frames), ("frame_step", frame_step)):
        if value < 1:
            raise ClipError(f"{name} must be at least 1, not {value}")
    return (num_frames - 1) * frame_step + 1


def clip_indices(starts: np.ndarray | int, num_frames: int, frame_step: int = 1) -> np.ndarray:
    """Return the frames of the clips that begin at `starts`: int64 `starts.shape + (num_frames,)`."""
    return np.asarray(starts, np.int64)[..., None] + frame_step * np.arange(num_frames, dtype=np.int64)


def last_start(video_num_frames: int, num_frames: int, frame_step: int = 1, *, hold_last: bool = False) -> int:
    """Return the last frame at which a clip may begin (the first is 0).

    Raises:
        ClipError: the video is shorter than a clip and `hold_last` is false, or it has no frame at all.
    """
    span = clip_span(num_frames, frame_step)
    if video_num_frames < 1 or (video_num_frames < span and not hold_last):
        step = f" {frame_step} apart" if frame_step > 1 else ""
        mend = "" if video_num_frames < 1 else "; leave it out, ask for shorter clips, or hold its last frame"
        raise ClipError(
            f"a clip of {num_frames} frames{step} needs {span} frames, the video has {max(video_num_frames, 0)}{mend}"
        )
    return max(video_num_frames - span, 0)


def random_clip(
    video_num_frames: int,
    num_frames: int,
    frame_step: int = 1,
    *,
    rng: np.random.Generator,
    hold_last: bool = False,
) -> np.ndarray:
    """Draw one clip for training; every possible beginning is equally likely.

    Args:
        video_num_frames: length of the video, in frames.
        num_frames: frames in the clip.
        frame_step: distance between the clip's frames, in frames (late fusion: 15).
        rng: where the beginning is drawn from.
        hold_last: repeat the last frame of a video that is too short, instead of refusing it.

    Returns:
        int64 `(num_frames,)`, ascending, each in `[0, video_num_frames)`.

    Raises:
        ClipError: the video is too short and `hold_last` is false, or it is empty.

    Example:
        >>> random_clip(100, 10, rng=np.random.default_rng(0))
        array([77, 78, 79, 80, 81, 82, 83, 84, 85, 86])
    """
    start = rng.integers(last_start(video_num_frames, num_frames, frame_step, hold_last=hold_last) + 1)
    return np.minimum(clip_indices(start, num_frames, frame_step), video_num_frames - 1)


def even_clips(
    video_num_frames: int, num_clips: int, num_frames: int, frame_step: int = 1, *, hold_last: bool = False
) -> np.ndarray:
    """Spread `num_clips` clips evenly over a video, for evaluation: the first begins it, the last ends it.

    The paper draws its twenty clips at random; an even spread has the same expectation, less scatter, and is the same
    at every evaluation. A single clip is taken from the middle. In a short video, clips overlap or repeat.

    Returns:
        int64 `(num_clips, num_frames)`, each in `[0, video_num_frames)`.

    Raises:
        ClipError: as `random_clip`, or `num_clips` is below 1.

    Example:
        >>> even_clips(100, 3, 2, frame_step=15)
        array([[ 0, 15],
               [42, 57],
               [84, 99]])
    """
    if num_clips < 1:
        raise ClipError(f"num_clips must be at least 1, not {num_clips}")
    last = last_start(video_num_frames, num_frames, frame_step, hold_last=hold_last)
    if num_clips == 1:
        starts = np.array([last // 2])
    else:
        gaps = num_clips - 1
        starts = (2 * last * np.arange(num_clips, dtype=np.int64) + gaps) // (2 * gaps)  # rounded, in whole numbers
    return np.minimum(clip_indices(starts, num_frames, frame_step), video_num_frames - 1)


def frames_at_rate(video_num_frames: int, video_fps: float, fps: float) -> np.ndarray:
    """Return the frames that a clock of `fps` ticks a second sees in a video of `video_fps` frames a second.

    Tick k shows the frame that is on the screen at k / fps seconds: frame floor(k * video_fps / fps). A slow clock
    leaves frames out, a quick one sees some twice, equal rates change nothing. Sample clips from
    `range(len(result))` and look the ticks up in the result to get clips that last equally long in any video.

    Args:
        video_num_frames: length of the video, in frames.
        video_fps: its frame rate, in Hz.
        fps: the clock's rate, in Hz.

    Returns:
        int64 `(ticks,)`, ascending from 0, where ticks / fps is the video's duration, rounded up to a whole tick.

    Raises:
        ClipError: a rate is not a positive number.

    Example:
        >>> frames_at_rate(6, 30, 15)
        array([0, 2, 4])
    """
    ratio = _rate_ratio(video_fps, fps)
    ticks = np.arange(num_ticks(video_num_frames, video_fps, fps), dtype=np.int64)
    return ticks * ratio.numerator // ratio.denominator


def num_ticks(video_num_frames: int | np.ndarray, video_fps: float, fps: float) -> int | np.ndarray:
    """Return the length of `frames_at_rate`, without making it; of an array of lengths, an array."""
    ratio = _rate_ratio(video_fps, fps)
    return -(-video_num_frames * ratio.denominator // ratio.numerator)


def _rate_ratio(video_fps: float, fps: float) -> Fraction:
    for name, value in (("video_fps", video_fps), ("fps", fps)):
        if not (value > 0 and np.isfinite(value)):
            raise ClipError(f"{name} must be a positive number of frames a second, not {value}")
    # A fraction, because 0.1 * 30 in floating point can fall on the wrong side of a frame.
    ratio = (Fraction(video_fps) / Fraction(fps)).limit_denominator(1_000_000)
    if ratio <= 0:
        raise ClipError(f"a clock of {fps} Hz cannot sample a video of {video_fps} Hz")
    return ratio


@functools.lru_cache(maxsize=8)  # every clip of a pass asks for it; at a pass's edge two passes are in use
def pass_order(num_videos: int, pass_index: int, *, seed: int) -> np.ndarray:
    """Return the order in which one pass of training visits the videos: a permutation of `range(num_videos)`, int64.

    It is a function of its arguments alone; nothing else needs to be drawn before it.
    """
    # The last counter word keeps these numbers apart from those of `clip_rng`.
    words = np.random.Philox(key=[seed, pass_index], counter=[0, 0, 0, 1]).random_raw(num_videos)
    order = np.argsort(words, kind="stable")
    order.setflags(write=False)
    return order


def clip_rng(position: int, *, seed: int) -> np.random.Generator:
    """Return the random numbers of the clip at one position of the training stream, whatever came before it."""
    return np.random.Generator(np.random.Philox(key=[seed, position]))
