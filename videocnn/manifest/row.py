"""One row of a manifest: a video, its labels, split and group, and what each of them may hold.

Names are text: a class may be called `../x` or `<b>`, and nothing here takes it for a path or for markup.
"""

from __future__ import annotations

import dataclasses
import math
import re
import unicodedata

from videocnn.errors import VideoCNNError

SPLITS = ("train", "val", "test", "")
MOST_FRAMES = 10**8  # 46 days at 25 Hz; more is a slip of the keyboard

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")  # two letters at least: C:// is a drive
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_UNDECODED = re.compile(r"[\ud800-\udfff]")
# Control characters, and surrogates apart from those that stand for bytes of a file name that is not UTF-8.
NOT_IN_PATHS = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udc7f\udd00-\udfff]")


class ManifestError(VideoCNNError):
    """A manifest, or what one should be made of, cannot be used."""


@dataclasses.dataclass(frozen=True)
class Video:
    """One video file and what is known about it.

    Attributes:
        path: relative to the manifest's folder, absolute, or a URL.
        labels: names of its classes, one or several.
        split: `"train"`, `"val"`, `"test"` or `""` (not assigned).
        group: videos of one group come from one source and stay on one side of a split; `""` becomes the path, a
            group of its own.
        num_frames: frames that decode; `None` while unmeasured.
        fps: frame rate in Hz; `None` while unmeasured.
    """

    path: str
    labels: tuple[str, ...]
    split: str = ""
    group: str = ""
    num_frames: int | None = None
    fps: float | None = None


@dataclasses.dataclass(frozen=True)
class Skip:
    """A video that was left out, and why."""

    path: str
    reason: str


def is_url(path: str) -> bool:
    """Tell whether a manifest's path is a URL (`gs://bucket/video.mp4`) and no file name."""
    return _URL.match(path) is not None


def clean_label(text: str) -> str:
    """Return a name without outer white space, in composed Unicode: macOS spells the é of a folder in two characters.

    Raises:
        ManifestError: nothing is left, or it holds `|`, a control character or bytes that are not UTF-8.
    """
    name = unicodedata.normalize("NFC", text).strip()
    if not name:
        raise ManifestError("the label is empty")
    if "|" in name:
        raise ManifestError(f"label {name!r}: '|' separates the labels of a video; rename the class without it")
    if CONTROL.search(name):
        raise ManifestError(f"label {name!r}: it holds a line break or another control character; rename the class")
    if _UNDECODED.search(name):
        raise ManifestError(f"label {name!r}: it is not UTF-8; save the file, or name the folder, in UTF-8")
    return name


def clean_group(text: str) -> str:
    """Return the name of a group without outer white space, in composed Unicode."""
    return unicodedata.normalize("NFC", text).strip()


def check_video_row(video: Video) -> None:
    """Raise `ManifestError` for the first value that a manifest cannot hold."""
    if not video.path.strip() or NOT_IN_PATHS.search(video.path):
        raise ManifestError(f"path {video.path!r} is empty or holds a control character; rename the file")
    for label in video.labels:
        if clean_label(label) != label:
            raise ManifestError(f"{video.path}: label {label!r} has outer white space or decomposed letters")
    if not video.labels or len(set(video.labels)) != len(video.labels):
        raise ManifestError(f"{video.path}: labels {'|'.join(video.labels)!r}: each once, and one at least")
    if video.split not in SPLITS:
        raise ManifestError(f"{video.path}: split {video.split!r}; write train, val, test or leave it empty")
    group = video.group
    if group != video.path and (group != clean_group(group) or NOT_IN_PATHS.search(group)):
        raise ManifestError(f"{video.path}: group {group!r} has outer white space, a line break or decomposed letters")
    if video.num_frames is not None and video.num_frames < 1:
        raise ManifestError(f"{video.path}: num_frames {video.num_frames}; a video has one frame or more")
    if video.num_frames is not None and video.num_frames > MOST_FRAMES:
        raise ManifestError(
            f"{video.path}: num_frames {video.num_frames} is more than {MOST_FRAMES:,}, weeks of video; "
            "leave it empty and let `videocnn data csv` count"
        )
    if video.fps is not None and not (0 < video.fps < math.inf):
        raise ManifestError(f"{video.path}: fps {video.fps}; a frame rate is a number above 0, in Hz")
