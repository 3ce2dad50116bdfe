"""A path in, decoded pictures in presentation order out.

The decoder stops at the first sign of damage: nothing that it concealed or guessed is ever passed on. The frames
before the damage can be read; what needs the whole file (`probe`, `check_video`) fails.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import re
import stat
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator

import av

from videocnn.jobs import give_up_if_ended
from videocnn.video.errors import (
    DamagedVideoError,
    EncryptedVideoError,
    NoVideoError,
    UnsupportedVideoError,
    VideoError,
    VideoFileError,
    VideoTimeoutError,
    VideoTooLargeError,
)

MAX_SIDE = 16_384
"""Longest side in pixels of a picture that is decoded or made."""

MAX_PIXELS = 2**27
"""Most pixels of a picture that is decoded or made (0.4 GB as RGB)."""

REMOTE_SCHEMES = ("http", "https", "ftp")

REENCODE = "re-encode it (ffmpeg -i FILE -c:v libx264 NEW.mp4)"


@dataclasses.dataclass
class Source:
    """An open file and the one of its video streams that is read.

    Attributes:
        name: the path as the user gave it, for messages.
        container: PyAV's input container.
        stream: the first video stream that is not cover art.
        size: `(height, width)` in pixels of the first picture, before rotation and pixel aspect; what the stream
            declares until that is decoded.
        deadline: value of `time.monotonic()` at which decoding gives up, or `None`.
    """

    name: str
    container: av.container.InputContainer
    stream: av.video.stream.VideoStream
    size: tuple[int, int]
    deadline: float | None = None


def local_path(path: str | os.PathLike) -> str | None:
    """Return the path of a local file, `None` for a URL on a network.

    Only `scheme://` is a URL; all else is a file's name, whatever FFmpeg would make of `concat:a.mp4` or `-i`.
    """
    try:
        name = os.fsdecode(path)
    except TypeError:
        raise VideoFileError(f"{path!r}: a video is named by a path, not by {type(path).__name__}") from None
    scheme = re.match(r"([A-Za-z][A-Za-z0-9+.-]*)://", name)
    if scheme is None:
        return name
    if scheme[1].lower() == "file":
        return urllib.request.url2pathname(urllib.parse.urlsplit(name.replace("#", "%23").replace("?", "%3F")).path)
    if scheme[1].lower() in REMOTE_SCHEMES:
        return None
    raise VideoFileError(
        f"{name}: {scheme[1]}:// cannot be read; download the file, or use a path, file:// or {REMOTE_SCHEMES[0]}://"
    )


def check_file(name: str, path: str) -> None:
    """Raise `VideoFileError` unless `path` is a readable file with something in it; `name` is for the message."""
    try:
        status = os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        raise VideoFileError(f"{name}: no such file; check the path and what it is relative to") from None
    except (OSError, ValueError) as error:
        raise VideoFileError(f"{name!r}: cannot be opened ({error}); check the path and its permissions") from None
    if stat.S_ISDIR(status.st_mode):
        raise VideoFileError(f"{name}: is a folder, not a video; name the files in it")
    if not stat.S_ISREG(status.st_mode):
        raise VideoFileError(f"{name}: is no regular file (a pipe or a device); copy it to a file")
    if status.st_size == 0:
        raise VideoFileError(f"{name}: is empty (0 bytes); download or copy it again")
    if not os.access(path, os.R_OK):
        raise VideoFileError(f"{name}: may not be read; change its permissions")


@contextlib.contextmanager
def open_video(path: str | os.PathLike, deadline: float | None = None) -> Iterator[Source]:
    """Open a video file, choose its stream and check the declared size; close it at the end."""
    local = local_path(path)
    name = os.fsdecode(path)
    if local is None:
        address, protocols = name, "http,https,tls,tcp,ftp"
    else:
        check_file(name, local)
        # "file:" keeps FFmpeg from reading a protocol or an option into the name; the list keeps a playlist that is
        # dressed up as a video from opening connections; pattern_type keeps "%d" in a name from meaning other files.
        address, protocols = f"file:{local}", "file"
    options = {"protocol_whitelist": protocols, "pattern_type": "none", "max_pixels": str(MAX_PIXELS)}
    try:
        container = av.open(address, options=options, metadata_errors="replace")
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise VideoFileError(
            f"{name}: is no video that can be opened ({reason(error)}); it may be cut off or of another kind: "
            f"play it, then download it again or {REENCODE}"
        ) from None
    with container:
        stream = choose_stream(name, container)
        context = stream.codec_context
        check_size(name, context.height, context.width, f"{REENCODE[:-1]} with -vf scale=...)")
        context.thread_count = 1  # Callers run several videos at once; threads inside one decoder only get in the way.
        # Without "explode" decoders patch over what they cannot read; max_pixels is for sizes that appear later.
        context.options = {**context.options, "err_detect": "crccheck+explode", "max_pixels": str(MAX_PIXELS)}
        yield Source(name, container, stream, (context.height, context.width), deadline)


def choose_stream(name: str, container: av.container.InputContainer) -> av.video.stream.VideoStream:
    """Return the first video stream that is not cover art."""
    streams = [stream for stream in container.streams if stream.type == "video"]
    moving = [stream for stream in streams if not is_cover_art(stream)]
    if not moving:
        kinds = sorted({stream.type for stream in container.streams} - {"video"})
        held = (["a cover picture"] if streams else []) + kinds
        raise NoVideoError(f"{name}: holds no video, only {' and '.join(held) or 'nothing'}; leave it out")
    stream = moving[0]
    if stream.codec_context is None:
        raise UnsupportedVideoError(f"{name}: its codec is unknown to the decoder; {REENCODE}")
    return stream


def is_cover_art(stream: av.video.stream.VideoStream) -> bool:
    """Return whether a stream is one picture attached to a piece of music or a film, not part of the show."""
    return bool(stream.disposition & type(stream.disposition).attached_pic)


def check_size(name: str, height: int, width: int, mend: str) -> None:
    """Raise `VideoTooLargeError` for pictures beyond `MAX_SIDE` or `MAX_PIXELS`."""
    if max(height, width) > MAX_SIDE or height * width > MAX_PIXELS:
        raise VideoTooLargeError(
            f"{name}: {width}x{height} pixels are over the limit of {MAX_SIDE} a side and {MAX_PIXELS} in all; {mend}"
        )


def reason(error: Exception) -> str:
    """Return what FFmpeg says, without numbers and paths."""
    return str(getattr(error, "strerror", None) or error).rstrip(". ")


def damaged(source: Source, what: str, num_frames: int | None = None) -> VideoError:
    """Return the error for a file that stops making sense after `num_frames` frames."""
    if is_encrypted(source):
        return EncryptedVideoError(f"{source.name}: is encrypted; get a copy without protection")
    where = "" if num_frames is None else f" after frame {num_frames - 1}" if num_frames else " before the first frame"
    return DamagedVideoError(
        f"{source.name}: is damaged{where} ({what}); download it again or cut the good part out "
        "(ffmpeg -err_detect ignore_err -i FILE -c:v libx264 NEW.mp4)"
    )


def is_encrypted(source: Source) -> bool:
    """Return whether an MP4 file announces encrypted pictures (the box `encv`); FFmpeg itself does not tell."""
    path = local_path(source.name)
    if path is None or "mp4" not in source.container.format.name:
        return False
    overlap, block = b"", 2**20
    with open(path, "rb") as file:
        while data := file.read(block):
            # The sample entry's name is followed by six reserved zero bytes.
            if b"encv\0\0\0\0\0\0" in overlap + data:
                return True
            overlap = data[-16:]
    return False


def packets(source: Source) -> Iterator[av.Packet]:
    """Yield the stream's packets and an empty one at the end; damage, lateness and the end of the job raise."""
    try:
        for packet in source.container.demux(source.stream):
            give_up_if_ended()
            if source.deadline is not None and time.monotonic() > source.deadline:
                raise VideoTimeoutError(f"{source.name}: not decoded in the time allowed; allow more, or leave it out")
            yield packet
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise damaged(source, reason(error)) from None


def decode(source: Source, packet: av.Packet, num_frames: int) -> list[av.VideoFrame]:
    """Return the pictures that a packet completes; `num_frames` have come before, for the message."""
    try:
        frames = packet.decode()
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise damaged(source, reason(error), num_frames) from None
    if packet.is_corrupt:
        raise damaged(source, "data missing", num_frames)
    for number, frame in enumerate(frames):
        if frame.is_corrupt:
            raise damaged(source, "picture incomplete", num_frames + number)
    return frames


def decoded_frames(source: Source) -> Iterator[av.VideoFrame]:
    """Yield every picture of a video just opened, in presentation order (decoders reorder, time stamps may lie)."""
    num_frames = 0
    for packet in packets(source):
        for frame in decode(source, packet, num_frames):
            if num_frames == 0:
                source.size = frame.height, frame.width
            yield frame
            num_frames += 1
    if num_frames == 0:
        raise NoVideoError(f"{source.name}: holds no frames; it was cut off or never filled: download it again")
