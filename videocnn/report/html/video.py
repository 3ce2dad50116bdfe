"""A video for a page: inside of it, as a data URI, or beside it, as a link; a small copy where browsers need one."""

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
"""Largest video in MiB that a page holds; Firefox plays no more than 32 MB of data from a page before version 136."""

TYPES = {".mp4": "video/mp4", ".webm": "video/webm"}


@dataclasses.dataclass(frozen=True)
class PageVideo:
    """The video of a page.

    Attributes:
        source: its address: a data URI, or a link relative to the page.
        note: what was done, as a sentence.
        copy: a file that was written beside the page, or None.
        linked: whether the page needs another file.
    """

    source: str
    note: str
    copy: Path | None = None
    linked: bool = False


def page_video(path: str, page: Path, copy: Path, *, link: bool = False, limit: float = EMBED_LIMIT) -> PageVideo:
    """Bring a video into a form that the page can play.

    Args:
        path: the video.
        page: where the page will be.
        copy: where a copy for browsers is written if the page links to one, without suffix.
        link: link instead of embedding.
        limit: largest video that is embedded, in MiB; a larger one is made smaller.

    Raises:
        VideoError: the video cannot be read, or no copy of it within the limit would be recognisable.
    """
    local, kind = local_path(path), browser_type(path)
    why = "browsers do not play its format" if kind is None else f"it is larger than {limit:g} MiB"
    if link and kind is not None:
        name = os.path.relpath(local, page.parent)
        return PageVideo(
            address(name), f"The page links to {name}: keep both where they are to each other.", None, True
        )
    if link:
        copy = copy.with_name(copy.name + preview_suffix())
        write_preview(path, copy)
        note = f"The page links to {copy.name}, a small silent copy, because {why}: keep both in one folder."
        return PageVideo(address(copy.name), note, copy, True)
    most = int(limit * 2**20)
    if kind is not None and os.path.getsize(local) <= most:
        content = Path(local).read_bytes()
        return PageVideo(data_uri(content, kind), f"The page holds the video as it is ({size(len(content))}).")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / f"copy{preview_suffix()}"
        write_preview(path, file, max_bytes=most)
        content = file.read_bytes()
    if len(content) > most:
        raise VideoError(f"{path}: its copy for browsers became {size(len(content))}; allow more, or link the video")
    note = f"The page holds a small silent copy of the video ({size(len(content))}), because {why}."
    return PageVideo(data_uri(content, TYPES[file.suffix]), note)


def address(name: str) -> str:
    """Return a relative file name as a link."""
    return urllib.parse.quote(os.fsencode(name).replace(os.sep.encode(), b"/"))
