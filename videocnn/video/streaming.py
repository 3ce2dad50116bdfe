"""A video from beginning to end, one frame at a time: each with the seconds during which it is on the screen.

For videos of any length: decoded once, in memory is never more than the frame at hand. Times are those that the file
gives its pictures, so that frames which last unequally long (phones, screen recordings) stand where a player has them.
"""

from __future__ import annotations

import dataclasses
import functools
import math
import os
from collections.abc import Callable, Iterator
from fractions import Fraction

import av
import numpy as np

from videocnn.video.errors import VideoError
from videocnn.video.picture import Painter
from videocnn.video.source import REENCODE, Source, decoded_frames, open_video

MICROSECOND = Fraction(1, 1_000_000)
SAME = Fraction(1, 1000)  # Containers round their beginning to microseconds, some streams theirs to milliseconds.


@dataclasses.dataclass(frozen=True)
class TimedFrame:
    """One picture of a video and when it is shown.

    Attributes:
        number: of the frame, from 0 in presentation order.
        start_seconds: when it appears, counted as players do: from the beginning of the file.
        end_seconds: when the next one takes its place, or the video ends.
        read: gives its pixels, uint8 RGB `(height, width, 3)`, converted at the first call; frames that nobody reads
            are not converted.
    """

    number: int
    start_seconds: float
    end_seconds: float
    read: Callable[[], np.ndarray]


def stream_frames(
    path: str | os.PathLike,
    frame_size: tuple[int, int] | None = None,
    crop_to_aspect_ratio: bool = False,
    *,
    fps: float | None = None,
) -> Iterator[TimedFrame]:
    """Yield every frame of a video in presentation order, with its times; the file is decoded once, as it is asked for.

    Args:
        path: a file, or a URL that begins with `file://`, `http://`, `https://` or `ftp://`.
        frame_size: `(height, width)` in pixels to scale to; `None` keeps the size as shown.
        crop_to_aspect_ratio: scale until `frame_size` is covered and keep its centre, instead of distorting.
        fps: yield what a clock of so many ticks a second sees, from the first frame on: some frames not at all, some
            twice. Of a video with an even frame rate these are the frames of `videocnn.sampling.frames_at_rate`.

    Yields:
        Frames that follow each other without a gap. A frame whose time is missing, or not after the one before, lasts
        as long as the file's frame rate says.

    Raises:
        VideoError: as for `read_frames`; or the file states no times at all. Frames before a damaged place come first.

    Example:
        >>> for frame in stream_frames("match.mp4", (200, 200)):
        ...     print(frame.start_seconds, frame.read().mean())
    """
    if fps is not None and not (fps > 0 and math.isfinite(fps)):
        raise VideoError(f"{path}: fps is a positive number of frames a second, not {fps}")
    with open_video(path) as source:
        painter = Painter(source, frame_size, crop_to_aspect_ratio)
        tick, num_ticks = None if fps is None else 1 / Fraction(fps).limit_denominator(1_000_000), 0
        begin = None
        for number, (frame, start, end) in enumerate(timed(source)):
            read = functools.cache(functools.partial(painter, frame))
            if tick is None:
                yield TimedFrame(number, float(start), float(end), read)
                continue
            begin = start if begin is None else begin
            while (time := begin + num_ticks * tick) < end:
                yield TimedFrame(number, float(time), float(time + tick), read)
                num_ticks += 1


def timed(source: Source) -> Iterator[tuple[av.VideoFrame, Fraction, Fraction]]:
    """Yield every frame of a video just opened with its start and end, in seconds."""
    rate = source.stream.average_rate or source.stream.guessed_rate
    step = 1 / Fraction(rate) if rate else None
    waiting = zero = start = None
    for frame in decoded_frames(source):
        time = None if frame.pts is None else frame.pts * (frame.time_base or source.stream.time_base)
        if waiting is None:
            time = Fraction(0) if time is None else time
            zero = beginning(source, time)
            waiting, start = frame, time - zero
            continue
        end = None if time is None else time - zero
        if end is None or end <= start:
            if step is None:
                raise VideoError(f"{source.name}: states neither times nor a frame rate; {REENCODE}")
            end = start + step
        yield waiting, start, end
        # What one frame lasted is the best guess for the last of a file without a rate.
        waiting, start, step = frame, end, step if rate else end - start
    lasts = Fraction(0)
    if waiting.duration:
        lasts = waiting.duration * (waiting.time_base or source.stream.time_base)
    yield waiting, start, start + (lasts or step or Fraction(1, 25))


def beginning(source: Source, first: Fraction) -> Fraction:
    """Return the time at which players begin to count: that of the file, whose sound may come before its pictures."""
    start = source.container.start_time
    if start is None or abs(start * MICROSECOND - first) < SAME:
        return first
    return min(first, max(Fraction(0), start * MICROSECOND))
