"""What can be wrong with a video; each message begins with the file and ends with the mend."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from videocnn.errors import VideoCNNError


class VideoError(VideoCNNError):
    """A video cannot be read, or not in the way that was asked for."""


class VideoFileError(VideoError):
    """The path leads to no readable file, or to one that is no video at all."""


class NoVideoError(VideoError):
    """The file opens but holds no moving picture: sound only, cover art only, or no frames."""


class EncryptedVideoError(VideoError):
    """The pictures are encrypted."""


class DamagedVideoError(VideoError):
    """A part of the file cannot be decoded."""


class UnsupportedVideoError(VideoError):
    """The file is sound, but it is coded in a way that the decoder cannot show."""


class VideoTooLargeError(VideoError):
    """The picture is larger than the stated limits."""


class VideoTimeoutError(VideoError):
    """Decoding took longer than was allowed."""


class FrameIndexError(VideoError):
    """A frame was asked for that the video does not have."""


@contextlib.contextmanager
def counted_by_manifest() -> Iterator[None]:
    """Add to a `FrameIndexError` what mends it where the frame numbers come from a manifest's count."""
    try:
        yield
    except FrameIndexError as error:
        raise FrameIndexError(
            f"{error}; the manifest says that there are more: write it anew with `videocnn data`, which counts every "
            "frame"
        ) from None
