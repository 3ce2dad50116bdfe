"""One video file in, exact upright RGB frames and honest counts out; the only part of the package with a decoder.

`probe` measures a file, `read_frames` gives frames by number, `first_frames` gives many one by one, `stream_frames`
all of them with their times, `check_video` decodes everything. Frame `i` is the `i`-th picture in presentation order,
whatever header and time stamps claim. Every failure is a `VideoError`.
"""

from videocnn.video.errors import (
    DamagedVideoError,
    EncryptedVideoError,
    FrameIndexError,
    NoVideoError,
    UnsupportedVideoError,
    VideoError,
    VideoFileError,
    VideoTimeoutError,
    VideoTooLargeError,
)
from videocnn.video.preview import browser_type, preview_suffix, write_preview
from videocnn.video.reading import VideoInfo, check_video, first_frames, probe, read_frames
from videocnn.video.source import MAX_PIXELS, MAX_SIDE
from videocnn.video.streaming import TimedFrame, stream_frames

__all__ = [
    "MAX_PIXELS",
    "MAX_SIDE",
    "DamagedVideoError",
    "EncryptedVideoError",
    "FrameIndexError",
    "NoVideoError",
    "TimedFrame",
    "UnsupportedVideoError",
    "VideoError",
    "VideoFileError",
    "VideoInfo",
    "VideoTimeoutError",
    "VideoTooLargeError",
    "browser_type",
    "check_video",
    "first_frames",
    "preview_suffix",
    "probe",
    "read_frames",
    "stream_frames",
    "write_preview",
]
