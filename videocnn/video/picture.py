"""A decoded picture in, an upright RGB array with square pixels out, at its own size or at the one asked for.

Matrix (BT.601, BT.709, BT.2020; untagged: BT.601) and range (limited, full) are honoured. HDR is shown without tone
mapping: darker and paler than on a television, the same way every time. Transparent pixels are shown on black.
"""

from __future__ import annotations

import dataclasses
import functools
from fractions import Fraction

import av
import numpy as np
from av.video.reformatter import VideoReformatter

from videocnn.video.errors import UnsupportedVideoError, VideoError
from videocnn.video.source import REENCODE, Source, check_size, reason

UPRIGHT = (1, 0, 0, 1)
RESERVED_MATRIX = 3  # Written by some encoders for "unspecified"; swscale refuses it.


@dataclasses.dataclass(frozen=True)
class Geometry:
    """How a coded picture is shown.

    Attributes:
        coded_size: `(height, width)` in pixels as decoded.
        pixel_aspect: width of a pixel over its height.
        turn: a, b, c, d in {-1, 0, 1}: a coded point (x, y), y downwards, is shown at (ax + cy, bx + dy).
    """

    coded_size: tuple[int, int]
    pixel_aspect: Fraction
    turn: tuple[int, int, int, int]

    @property
    def transposed(self) -> bool:
        """Whether rows are shown as columns."""
        return self.turn[0] == 0

    @property
    def size(self) -> tuple[int, int]:
        """`(height, width)` as shown, with square pixels: the width is stretched, then the picture turned."""
        height, width = self.coded_size
        width = max(1, round(width * self.pixel_aspect))
        return (width, height) if self.transposed else (height, width)

    @property
    def rotation(self) -> int:
        """Degrees, 0, 90, 180 or 270, by which the picture is turned clockwise (after a mirroring, if any)."""
        a, b, c, d = self.turn
        mirrored = a * d - b * c < 0
        return {(1, 0): 0, (0, 1): 90, (-1, 0): 180, (0, -1): 270}[(-a, -b) if mirrored else (a, b)]


def geometry(source: Source, frame: av.VideoFrame) -> Geometry:
    """Return how a picture is shown; `UnsupportedVideoError` where it is tilted by less than a right angle."""
    return Geometry((frame.height, frame.width), pixel_aspect(source), turn(source, frame))


def pixel_aspect(source: Source) -> Fraction:
    """Return the width of a pixel over its height, 1 where the file does not say."""
    ratio = source.stream.sample_aspect_ratio
    return ratio if ratio is not None and ratio > 0 else Fraction(1)


def turn(source: Source, frame: av.VideoFrame) -> tuple[int, int, int, int]:
    """Return the display matrix of a picture as signs, see `Geometry.turn`."""
    try:
        data = frame.side_data.get("DISPLAYMATRIX")
    except ValueError:  # Side data of a kind that this PyAV has no name for; it still knows the angle.
        return {0: UPRIGHT, 1: (0, -1, 1, 0), 2: (-1, 0, 0, -1), 3: (0, 1, -1, 0)}[round(frame.rotation / 90) % 4]
    if data is None:
        return UPRIGHT
    matrix = np.frombuffer(bytes(data)[:36], np.int32)
    a, b, c, d = matrix[[0, 1, 3, 4]] / 65536
    largest = np.abs([a, b, c, d]).max()
    if largest == 0:  # Written by some cameras for "no matrix".
        return UPRIGHT
    signs = np.round(np.array([a, b, c, d]) / largest, 1)
    if np.any(np.abs(signs % 1) > 0) or abs(signs[0] * signs[3] - signs[1] * signs[2]) != 1:
        raise UnsupportedVideoError(
            f"{source.name}: its picture is to be shown tilted or squeezed (matrix {a:g} {b:g} {c:g} {d:g}); {REENCODE}"
        )
    return tuple(int(sign) for sign in signs)


def show(pixels: np.ndarray, turn: tuple[int, int, int, int]) -> np.ndarray:
    """Turn and mirror pixels `(height, width, 3)` into the shown position, as a view."""
    a, b, c, d = turn
    if a == 0:
        pixels, (a, d) = pixels.transpose(1, 0, 2), (c, b)
    return pixels[::d, ::a]


@functools.cache
def has_alpha(pixel_format: str) -> bool:
    """Return whether pixels of an FFmpeg format can be transparent."""
    components = av.VideoFormat(pixel_format).components
    return pixel_format == "pal8" or any(component.is_alpha for component in components)


class Painter:
    """Turns decoded pictures of one video into RGB arrays; one scaler is reused, which is worth 1.5x.

    Args:
        source: the open video.
        frame_size: `(height, width)` in pixels of every array; `None` keeps each picture's own size as shown.
        crop_to_aspect_ratio: fill `frame_size` and cut off what sticks out on two sides, instead of distorting.
        any_size: without `frame_size`, allow pictures whose size changes within the video.
    """

    def __init__(
        self,
        source: Source,
        frame_size: tuple[int, int] | None = None,
        crop_to_aspect_ratio: bool = False,
        any_size: bool = False,
    ):
        self.source = source
        self.any_size = any_size or frame_size is not None
        self.frame_size = None if frame_size is None else checked_size(source, frame_size)
        self.crop = crop_to_aspect_ratio and frame_size is not None
        self.reformatter = VideoReformatter()
        self.layouts = {}
        self.first = None

    def layout(self, geometry: Geometry) -> tuple[tuple[int, int], tuple[slice, slice]]:
        """Return the `(height, width)` to scale to, as shown, and the part of it to keep."""
        height, width = self.frame_size or geometry.size
        scaled = height, width
        if self.crop:
            shown_height, shown_width = geometry.size
            scale = max(height / shown_height, width / shown_width)
            scaled = max(height, round(shown_height * scale)), max(width, round(shown_width * scale))
        check_size(self.source.name, *scaled, "choose a smaller frame_size")
        top, left = (scaled[0] - height) // 2, (scaled[1] - width) // 2
        return scaled, (slice(top, top + height), slice(left, left + width))

    def __call__(self, frame: av.VideoFrame) -> np.ndarray:
        """Return the picture as uint8 RGB `(height, width, 3)`."""
        shown = geometry(self.source, frame)
        self.first = self.first or shown
        if not self.any_size and (shown.coded_size != self.source.size or shown != self.first):
            raise UnsupportedVideoError(
                f"{self.source.name}: its pictures change size or position, from {self.source.size[1]}x"
                f"{self.source.size[0]} to {frame.width}x{frame.height}; ask for one frame_size, or {REENCODE}"
            )
        if shown not in self.layouts:
            self.layouts[shown] = self.layout(shown)
        (height, width), kept = self.layouts[shown]
        if shown.transposed:
            height, width = width, height
        pixels = self.rgb(frame, height, width)
        return show(pixels, shown.turn)[kept]

    def rgb(self, frame: av.VideoFrame, height: int, width: int) -> np.ndarray:
        """Return the picture scaled to height and width in its coded position."""
        alpha = has_alpha(frame.format.name)
        matrix = {"src_colorspace": "ITU601"} if frame.colorspace == RESERVED_MATRIX else {}
        try:
            scaled = self.reformatter.reformat(frame, width, height, "rgba" if alpha else "rgb24", threads=1, **matrix)
        except (av.error.FFmpegError, ValueError) as error:
            raise UnsupportedVideoError(
                f"{self.source.name}: its pixels ({frame.format.name}, matrix {int(frame.colorspace)}) cannot be "
                f"turned into RGB ({reason(error)}); {REENCODE}"
            ) from None
        pixels = scaled.to_ndarray()
        if not alpha:
            return pixels
        opacity = pixels[..., 3:].astype(np.uint16)
        return ((pixels[..., :3] * opacity + 127) // 255).astype(np.uint8)


def checked_size(source: Source, frame_size: tuple[int, int]) -> tuple[int, int]:
    """Return `frame_size` as two positive integers."""
    try:
        height, width = (int(side) for side in frame_size)
    except (TypeError, ValueError):
        height = width = 0
    if min(height, width) < 1:
        raise VideoError(f"{source.name}: frame_size is (height, width) in pixels, both at least 1, not {frame_size!r}")
    return height, width
