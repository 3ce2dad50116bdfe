"""Check whether browsers can play a video, and transcode it to a small silent copy if they cannot.

Takes any video; writes H.264 in MP4 (or VP9 in WebM). Timestamps are preserved, so that a position in the copy is the
same position in the original.
"""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path

import av

from videocnn.video import VideoError
from videocnn.video.picture import UPRIGHT, Painter, geometry
from videocnn.video.source import Source, decoded_frames, local_path, open_video
from videocnn.video.streaming import timed

# Codec -> containers in which current Chromium, Firefox and Safari play it; everything else counts as unplayable.
PLAYABLE = {"h264": ("video/mp4",), "vp8": ("video/webm",), "vp9": ("video/webm", "video/mp4"), "av1": ("video/mp4",)}
DECODERS = {"libvpx": "vp8", "libvpx-vp9": "vp9", "libdav1d": "av1", "libaom-av1": "av1"}
PIXEL_FORMATS = ("yuv420p", "yuvj420p")

ENCODERS = (
    ("libx264", ".mp4", {"preset": "veryfast", "bf": "0"}),
    ("libvpx-vp9", ".webm", {"deadline": "realtime", "cpu-used": "8", "row-mt": "1"}),
    ("libvpx", ".webm", {"deadline": "realtime", "cpu-used": "8"}),
)
QUALITY = "30"
CLOCK = Fraction(1, 90_000)
KEY_EVERY = 48  # frames between key frames: the most a browser decodes to seek to a clicked position
LEAST_RATE = 40_000  # bit/s; below this rate nothing is recognisable


def browser_type(path: str | os.PathLike) -> str | None:
    """Return the MIME type of a local file that browsers can play directly, or `None` if they may not.

    Raises:
        VideoError: the file cannot be read.
    """
    if local_path(path) is None:
        return None
    with open_video(path) as source:
        kind = container_type(source)
        codec = source.stream.codec_context.name
        frame = next(decoded_frames(source))
        shown = geometry(source, frame)
        # Browsers apply the container's rotation, but not one stored in the frames.
        upright = shown.turn == UPRIGHT or kind == "video/mp4"
        playable = kind in PLAYABLE.get(DECODERS.get(codec, codec), ()) and frame.format.name in PIXEL_FORMATS
        return kind if playable and upright else None


def container_type(source: Source) -> str | None:
    """Return the MIME type of an MP4 or WebM container, or `None` for QuickTime, Matroska and all others."""
    name = source.container.format.name
    if "mp4" in name:
        brand = source.container.metadata.get("major_brand", "").strip()
        return None if brand in ("", "qt") else "video/mp4"
    if "webm" in name:
        with open(local_path(source.name), "rb") as file:
            # Matroska and WebM share one format; the document type near the beginning distinguishes them.
            return "video/webm" if b"webm" in file.read(64) else None
    return None


def preview_suffix() -> str:
    """Return the suffix of the files that `write_preview` writes with the available encoder: `.mp4` or `.webm`."""
    return find_encoder()[1]


def find_encoder() -> tuple[str, str, dict[str, str]]:
    """Return name, file suffix and options of the first encoder available in this build of FFmpeg."""
    for encoder in ENCODERS:
        if encoder[0] in av.codecs_available:
            return encoder
    names = ", ".join(name for name, *_ in ENCODERS)
    raise VideoError(f"cannot transcode videos for browsers: PyAV has none of {names}; install another build of PyAV")


def write_preview(
    path: str | os.PathLike, file: str | os.PathLike, *, max_side: int = 480, max_bytes: int | None = None
) -> None:
    """Write a small silent copy for browsers, upright, with square pixels and the original timestamps.

    Args:
        path: any video that `read_frames` can read.
        file: output file, with the suffix `preview_suffix()`.
        max_side: maximum length of the longer side in pixels; smaller frames keep their size.
        max_bytes: approximate maximum size of the file; quality is reduced as needed.

    Raises:
        VideoError: the file cannot be read, or is too long to be recognisable in `max_bytes`.
        OSError: the copy cannot be written.
    """
    name, suffix, options = find_encoder()
    layout = {"movflags": "+faststart"} if suffix == ".mp4" else {}
    with open_video(path) as source, av.open(str(Path(file)), "w", options=layout) as container:
        rate = None if max_bytes is None else bit_rate(source, max_bytes)
        stream = painter = last = None
        times: dict[int, int] = {}
        for frame, start, end in timed(source):
            if stream is None:
                height, width = fitted(geometry(source, frame).size, max_side)
                painter = Painter(source, (height, width))
                stream = container.add_stream(name, options=options | quality(name, rate))
                stream.height, stream.width, stream.pix_fmt = height, width, "yuv420p"
                stream.codec_context.time_base, stream.gop_size = CLOCK, KEY_EVERY
                start = Fraction(0)  # Players count from the first frame of the copy, whatever its timestamp.
            picture = av.VideoFrame.from_ndarray(painter(frame), format="rgb24")
            picture.pts, picture.time_base = round(start / CLOCK), CLOCK
            times[picture.pts] = round(end / CLOCK)
            last = write(container, stream.encode(picture), times, last)
        last = write(container, stream.encode(None), times, last)
        container.mux(last)


def write(
    container: av.container.OutputContainer, packets: list[av.Packet], times: dict[int, int], last: av.Packet | None
) -> av.Packet | None:
    """Write all packets but the newest with the durations of their frames; return the newest."""
    for packet in packets:
        packet.duration = max(1, times.pop(packet.pts) - packet.pts)
        if last is not None:
            container.mux(last)
        last = packet
    return last


def fitted(size: tuple[int, int], max_side: int) -> tuple[int, int]:
    """Scale `(height, width)` down to `max_side`, keeping the aspect ratio, to even numbers as encoders require."""
    scale = min(1, max_side / max(size))
    return tuple(max(2, 2 * round(side * scale / 2)) for side in size)


def quality(encoder: str, rate: int | None) -> dict[str, str]:
    """Return the encoder options for constant quality, limited by a bit rate if one is given."""
    if rate is None:
        return {"crf": QUALITY, "b": "0"} if encoder == "libvpx-vp9" else {"crf": QUALITY}
    if encoder == "libx264":
        return {"crf": QUALITY, "maxrate": str(rate), "bufsize": str(rate)}
    return {"crf": QUALITY, "b": str(rate)}


def bit_rate(source: Source, max_bytes: int) -> int:
    """Return the bit rate that keeps a copy below a size, or raise if it is too low to recognise anything."""
    seconds = max(1.0, (source.container.duration or 0) / av.time_base)
    rate = int(0.8 * 8 * max_bytes / seconds)
    if rate < LEAST_RATE:
        raise VideoError(
            f"{source.name}: {seconds:.0f} seconds do not fit into {max_bytes / 2**20:.3g} MiB at a recognisable "
            "quality; allow more, or link the video"
        )
    return rate
