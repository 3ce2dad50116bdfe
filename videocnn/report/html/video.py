"""Embed a video in a page as a data URI or link to it, transcoding it if browsers cannot play it."""

from __future__ import annotations

import dataclasses
import os
import tempfile
import urllib.parse
from pathlib import Path

from videocnn.report.html.page import data_uri, size
from videocnn.report.html.preview import browser_type, preview_suffix, write_preview
from videocnn.video import VideoError
from videocnn.video.source import local_path

EMBED_LIMIT = 16.0
"""Maximum size in MiB of an embedded video; Firefox before version 136 plays at most 32 MB of embedded data."""

TYPES = {".mp4": "video/mp4", ".webm": "video/webm"}


@dataclasses.dataclass(frozen=True)
class PageVideo:
    """The video of a page.

    Attributes:
        source: data URI, or URL relative to the page.
        note: a sentence on how the video is included.
        copy: transcoded file beside the page, or None.
        linked: whether the page links to the video instead of embedding it.
    """

    source: str
    note: str
    copy: Path | None = None
    linked: bool = False


def page_video(path: str, page: Path, copy: Path, *, link: bool = False, limit: float = EMBED_LIMIT) -> PageVideo:
    """Prepare a video for a page: embed it, link to it, or transcode it first if necessary.

    Args:
        path: the video file.
        page: path of the page.
        copy: path of the transcoded copy if the page links to one, without suffix.
        link: whether to link to the video instead of embedding it.
        limit: maximum size of an embedded video in MiB; larger videos are transcoded.

    Raises:
        VideoError: the video cannot be read, or a copy within the limit would not be recognisable.
    """
    local, kind = local_path(path), browser_type(path)
    why = "browsers do not play its format" if kind is None else f"it is larger than {limit:g} MiB"
    if link and kind is not None:
        name = os.path.relpath(local, page.parent)
        return PageVideo(address(name), f"The page links to {name}: keep their relative location.", None, True)
    if link:
        copy = copy.with_name(copy.name + preview_suffix())
        write_preview(path, copy)
        note = f"The page links to {copy.name}, a small silent copy, because {why}: keep both in one folder."
        return PageVideo(address(copy.name), note, copy, True)
    most = int(limit * 2**20)
    if kind is not None and os.path.getsize(local) <= most:
        content = Path(local).read_bytes()
        return PageVideo(data_uri(content, kind), f"The video is embedded unchanged ({size(len(content))}).")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / f"copy{preview_suffix()}"
        write_preview(path, file, max_bytes=most)
        content = file.read_bytes()
    if len(content) > most:
        raise VideoError(f"{path}: the copy for browsers takes {size(len(content))}; allow more, or link the video")
    note = f"A small silent copy of the video is embedded ({size(len(content))}), because {why}."
    return PageVideo(data_uri(content, TYPES[file.suffix]), note)


def address(name: str) -> str:
    """Return a relative file name as a URL."""
    return urllib.parse.quote(os.fsencode(name).replace(os.sep.encode(), b"/"))
