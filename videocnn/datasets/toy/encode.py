"""Frames in, one video file out: the only room of the package that writes videos."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np


def encode_video(path: Path, frames: Iterable[np.ndarray], fps: int) -> int:
    """Write frames as H.264 (MPEG-4 part 2 where FFmpeg comes without x264) in MP4 and return how many there were.

    The same frames give the same file: one thread, a constant quantiser and no time stamps of the clock. The
    quantiser is constant so that quality, which one frame would show, does not depend on motion.

    Args:
        path: file to write; it appears whole or not at all.
        frames: uint8 `(height, width, 3)` RGB, all of one size, height and width even.
        fps: frames a second.

    Raises:
        OSError: the file cannot be written.
    """
    import av

    part = path.with_name(path.name + ".part")
    codec, options = "libx264", {"preset": "ultrafast", "qp": "20", "threads": "1"}
    if codec not in av.codecs_available:
        codec, options = "mpeg4", {"qmin": "3", "qmax": "3"}
    num_frames, stream = 0, None
    try:
        with av.open(str(part), "w", format="mp4") as container:
            for num_frames, frame in enumerate(frames, 1):  # noqa: B007
                if stream is None:
                    stream = container.add_stream(codec, rate=fps, options=options)
                    stream.height, stream.width = frame.shape[:2]
                    stream.pix_fmt = "yuv420p"
                    stream.thread_count = 1
                container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
            container.mux(stream.encode(None))
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
    return num_frames
