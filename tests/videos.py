"""Small real video files whose frame `i` is one flat colour that encodes `i`, so that a test reads back which it got.

Three base-8 digits of `i` are the levels of red, green and blue. A flat colour survives lossy codecs, resizing,
cropping, flipping and rotation; 36 grey levels lie between two neighbouring digits.

    write_counting_video(tmp_path / "clip.mp4", 30, height=48, width=64)
    assert read_counts(frames).tolist() == [0, 1, 2]
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

MAX_COUNT = 8**3 - 1
LEVELS = np.linspace(0, 255, 8).round().astype(np.uint8)

# Codec -> what makes it keep flat colours well (h264 and mpeg4 with frames stored out of presentation order).
OPTIONS = {
    "h264": {"crf": "12", "preset": "ultrafast", "bf": "2", "b-adapt": "0"},
    "hevc": {"crf": "12", "preset": "ultrafast", "x265-params": "log-level=none:pools=1:frame-threads=1"},
    "mpeg4": {"qmin": "1", "qmax": "3", "bf": "2"},
    "mjpeg": {"qmin": "1", "qmax": "3"},
    "vp9": {"crf": "12", "b": "0", "cpu-used": "8"},
}
ENCODERS = {"h264": "libx264", "hevc": "libx265", "vp9": "libvpx-vp9"}
PIXEL_FORMATS = {"mjpeg": "yuvj420p", "ffv1": "bgr0", "rawvideo": "bgr24", "png": "rgb24"}


def counting_frames(num_frames: int, height: int, width: int, first: int = 0) -> np.ndarray:
    """Return uint8 RGB frames `(num_frames, height, width, 3)` that encode `first`, `first + 1`, ..."""
    counts = np.arange(first, first + num_frames)
    if counts.size and not 0 <= counts.min() <= counts.max() <= MAX_COUNT:
        raise ValueError(f"counts {counts.min()} to {counts.max()} do not fit into 0 to {MAX_COUNT}")
    colours = LEVELS[np.stack([counts // 64, counts // 8 % 8, counts % 8], axis=-1)]  # (T, 3)
    return np.broadcast_to(colours[:, None, None], (num_frames, height, width, 3))


def read_counts(frames: np.ndarray, tolerance: float = 12.0) -> np.ndarray:
    """Return the counts, int64, that frames `(..., height, width, 3)` in 0..255 encode; fail where they encode none.

    Args:
        frames: RGB frames or crops of them, any number of leading axes, any real dtype.
        tolerance: largest distance in grey levels between a channel's middle and its digit's level.
    """
    frames = np.asarray(frames)
    height, width = frames.shape[-3:-1]
    middle = frames[..., height // 4 : height - height // 4, width // 4 : width - width // 4, :]
    colours = np.median(middle.astype(np.float64), axis=(-3, -2))  # (..., 3)
    digits = np.clip(np.round(colours / 255 * 7), 0, 7).astype(np.int64)
    worst = np.abs(colours - LEVELS[digits]).max(initial=0)
    assert worst <= tolerance, f"not a counting frame: {worst:.1f} grey levels from the nearest digit"
    return digits @ np.array([64, 8, 1])


def write_video(
    path: str | Path,
    frames: np.ndarray,
    *,
    fps: float | Fraction = 25,
    codec: str = "h264",
    pixel_format: str | None = None,
    keyframe_every: int = 12,
    times: Sequence[int] | None = None,
    rotation: int = 0,
    pixel_aspect: Fraction | None = None,
    options: dict[str, str] | None = None,
) -> Path:
    """Encode uint8 RGB frames `(num_frames, height, width, 3)`; the path's suffix names the container.

    Args:
        times: presentation time of each frame in units of 1/fps seconds, for a variable frame rate; default 0, 1, ...
        rotation: degrees by which a player turns the picture anticlockwise (mp4 and mov only).
        pixel_aspect: width of a pixel over its height.
        options: encoder options on top of those in `OPTIONS`.
    """
    height, width = frames.shape[1:3]
    rate = Fraction(fps).limit_denominator(1001)
    times = range(len(frames)) if times is None else times
    with av.open(str(path), "w") as container:
        stream = container.add_stream(
            ENCODERS.get(codec, codec), rate=rate, options=OPTIONS.get(codec, {}) | (options or {})
        )
        stream.width, stream.height = width, height
        stream.pix_fmt = pixel_format or PIXEL_FORMATS.get(codec, "yuv420p")
        stream.gop_size = keyframe_every
        stream.codec_context.time_base = 1 / rate
        stream.codec_context.thread_count = 1
        if pixel_aspect is not None:
            stream.codec_context.sample_aspect_ratio = pixel_aspect
        if rotation:
            stream.set_display_rotation(rotation)
        for time, pixels in zip(times, frames, strict=True):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")
            frame.pts, frame.time_base = time, 1 / rate
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return Path(path)


def write_counting_video(
    path: str | Path,
    num_frames: int,
    *,
    height: int = 48,
    width: int = 64,
    fps: float | Fraction = 25,
    codec: str = "h264",
    first: int = 0,
    **arguments,
) -> Path:
    """Write a video whose frame `i` encodes `first + i` (up to 511); see `write_video` for further arguments."""
    return write_video(path, counting_frames(num_frames, height, width, first), fps=fps, codec=codec, **arguments)
