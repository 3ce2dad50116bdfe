"""`probe`, `read_frames` and `check_video`: what the rest of the package asks of a video file."""

from __future__ import annotations

import dataclasses
import operator
import os
import time
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction

import av
import numpy as np

from videocnn.video.errors import FrameIndexError
from videocnn.video.picture import Painter, geometry
from videocnn.video.seeking import JumpMissedError, frames_by_jumps, worth_listing
from videocnn.video.source import Source, decoded_frames, open_video


@dataclasses.dataclass(frozen=True)
class VideoInfo:
    """What a video really holds, measured by decoding it.

    Attributes:
        path: the path as given.
        num_frames: pictures in presentation order, counted.
        fps: average frames a second; `None` where the file states no times at all.
        height: of the picture as shown, in pixels: after pixel aspect and rotation.
        width: likewise.
        duration_seconds: `num_frames / fps`, or `None`.
        codec: FFmpeg's name of the decoder, such as `"h264"`.
        pixel_format: FFmpeg's name of the stored pixels, such as `"yuv420p"`.
        rotation: degrees by which the stored picture is turned clockwise to be shown: 0, 90, 180 or 270.
        pixel_aspect: width of a stored pixel over its height.
    """

    path: str
    num_frames: int
    fps: float | None
    height: int
    width: int
    duration_seconds: float | None
    codec: str
    pixel_format: str
    rotation: int
    pixel_aspect: float


def probe(path: str | os.PathLike, *, timeout_seconds: float | None = None) -> VideoInfo:
    """Measure a video by decoding all of it (the paper samples clips from videos of known length, section 4.1).

    Args:
        path: a file, or a URL that begins with `file://`, `http://`, `https://` or `ftp://`.
        timeout_seconds: give up after so long; `None` waits.

    Raises:
        VideoError: the file is absent, no video, encrypted, too large, slow, or damaged anywhere.
    """
    return measure(path, timeout_seconds, convert=False)


def check_video(path: str | os.PathLike, *, timeout_seconds: float | None = None) -> VideoInfo:
    """Do all that any reader could ask: decode every frame and turn it into RGB; arguments and errors as `probe`."""
    return measure(path, timeout_seconds, convert=True)


def measure(path: str | os.PathLike, timeout_seconds: float | None, convert: bool) -> VideoInfo:
    """Decode a whole video, with or without the step to RGB, and sum it up."""
    deadline = None if timeout_seconds is None else time.monotonic() + timeout_seconds
    with open_video(path, deadline) as source:
        painter = Painter(source, any_size=True)
        shown, num_frames, times = None, 0, Times(source)
        for frame in decoded_frames(source):
            if shown is None:
                shown, pixel_format = geometry(source, frame), frame.format.name
            if convert:
                painter(frame)
            times.add(frame)
            num_frames += 1
        fps = times.fps(num_frames)
        height, width = shown.size
        return VideoInfo(
            path=source.name,
            num_frames=num_frames,
            fps=fps,
            height=height,
            width=width,
            duration_seconds=num_frames / fps if fps else None,
            codec=source.stream.codec_context.name,
            pixel_format=pixel_format,
            rotation=shown.rotation,
            pixel_aspect=float(shown.pixel_aspect),
        )


class Times:
    """Presentation times of all frames, summed up to an average rate."""

    def __init__(self, source: Source):
        self.stream = source.stream
        self.first = self.last = None
        self.last_duration = 0

    def add(self, frame: av.VideoFrame) -> None:
        """Note the time of one more frame."""
        if frame.pts is None:
            return
        if self.first is None or frame.pts < self.first:
            self.first = frame.pts
        if self.last is None or frame.pts > self.last:
            self.last, self.last_duration = frame.pts, frame.duration or 0

    def fps(self, num_frames: int) -> float | None:
        """Return frames a second: the rate that the file states if its frames bear it out, else the measured one."""
        stated = self.stream.average_rate or self.stream.guessed_rate
        stated = float(stated) if stated else None
        if num_frames < 2 or self.first is None or self.last == self.first:
            return stated
        last_duration = self.last_duration or Fraction(self.last - self.first, num_frames - 1)
        measured = float(num_frames / ((self.last - self.first + last_duration) * self.stream.time_base))
        # Time stamps are rounded (FLV, WebM: to milliseconds), so within a hundredth the stated rate is the truer one.
        return stated if stated and abs(measured / stated - 1) < 0.01 else measured


def read_frames(
    path: str | os.PathLike,
    indices: Iterable[int],
    frame_size: tuple[int, int] | None = None,
    crop_to_aspect_ratio: bool = False,
) -> np.ndarray:
    """Read the frames with the given numbers, whatever the header claims (one clip of the paper, section 3.1).

    Decodes no further than the last wanted frame, so frames before a damaged place can be read although `probe`
    refuses the file; one that needs the damaged place cannot. Holds only the wanted frames in memory. Jumps to key
    frames where that is cheaper and the file proves it exact. Releases Python's lock: use threads for many files.

    Args:
        path: a file, or a URL that begins with `file://`, `http://`, `https://` or `ftp://`.
        indices: frame numbers from 0 in presentation order; any order, repetitions allowed.
        frame_size: `(height, width)` in pixels to scale to; `None` keeps the size as shown.
        crop_to_aspect_ratio: scale until `frame_size` is covered and keep its centre (the paper's "centre region")
            instead of distorting; needs `frame_size`.

    Returns:
        uint8 `(len(indices), height, width, 3)`, RGB in 0..255, upright, with square pixels.

    Raises:
        FrameIndexError: a number is negative or beyond the last frame; the message says how many there are.
        VideoError: the file is absent, no video, encrypted, too large, or damaged before the last wanted frame.

    Example:
        >>> read_frames("jump.mp4", range(10, 20), frame_size=(200, 200)).shape
        (10, 200, 200, 3)
    """
    indices = whole_numbers(path, indices)
    wanted = np.unique(indices).tolist()
    with open_video(path) as source:
        painter = Painter(source, frame_size, crop_to_aspect_ratio)
        if not wanted:
            return gather(painter, np.array([0]), straight(source, [0]))[:0]
        if wanted[0] < 0:
            raise no_such_frame(source, wanted[0], sum(1 for _ in decoded_frames(source)))
        if not worth_listing(source, wanted):
            return gather(painter, indices, straight(source, wanted))
        try:
            return gather(painter, indices, frames_by_jumps(source, wanted))
        except JumpMissedError:
            pass
    # From the start: exact for every file, and says what is wrong with a bad one.
    with open_video(path) as source:
        return gather(Painter(source, frame_size, crop_to_aspect_ratio), indices, straight(source, wanted))


def first_frames(
    path: str | os.PathLike,
    num_frames: int,
    frame_size: tuple[int, int] | None = None,
    crop_to_aspect_ratio: bool = False,
) -> Iterator[np.ndarray]:
    """Yield the first `num_frames` frames, one after the other; the file is decoded once, as they are asked for.

    For what needs a long video whole: in memory is never more than the frame at hand.

    Args:
        path: as for `read_frames`, and so are the sizes.
        num_frames: how many; a manifest tells how many there are.

    Yields:
        uint8 `(height, width, 3)`, as `read_frames` gives them.

    Raises:
        FrameIndexError: the video has fewer frames.
        VideoError: as for `read_frames`; frames before a damaged place come first.
    """
    if num_frames < 1:
        return
    with open_video(path) as source:
        painter = Painter(source, frame_size, crop_to_aspect_ratio)
        for _, frame in straight(source, range(num_frames)):
            yield painter(frame)


def whole_numbers(path: str | os.PathLike, indices: Iterable[int]) -> np.ndarray:
    """Return frame numbers as an array, int64."""
    try:
        return np.array([operator.index(index) for index in indices], np.int64)
    except (TypeError, OverflowError):
        raise FrameIndexError(f"{path}: frames are named by whole numbers from 0, not by {indices!r}") from None


def no_such_frame(source: Source, number: int, num_frames: int) -> FrameIndexError:
    """Return the error for a frame number outside of the video."""
    return FrameIndexError(
        f"{source.name}: there is no frame {number}; the video has {num_frames} frames, 0 to {num_frames - 1}"
    )


def straight(source: Source, wanted: Sequence[int]) -> Iterator[tuple[int, av.VideoFrame]]:
    """Yield `(number, frame)` for ascending frame numbers, decoding from the start and no further than needed."""
    waiting, num_frames = list(reversed(wanted)), 0
    for number, frame in enumerate(decoded_frames(source)):
        num_frames += 1
        if number == waiting[-1]:
            yield number, frame
            waiting.pop()
            if not waiting:
                return
    raise no_such_frame(source, wanted[-1], num_frames)


def gather(painter: Painter, indices: np.ndarray, frames: Iterable[tuple[int, av.VideoFrame]]) -> np.ndarray:
    """Paint frames, given in any order, into every place of the clip where their number is asked for."""
    clip = None
    for number, frame in frames:
        pixels = painter(frame)
        if clip is None:
            clip = np.empty((len(indices), *pixels.shape), np.uint8)
        clip[indices == number] = pixels
    return clip
