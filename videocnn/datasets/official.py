"""Official archives -> folders of videos and lists: download, verify, unpack, and remember what came.

What UCF-101 and HMDB-51 share. `sources.json` beside the folders has the size and SHA-256 of every archive that was
taken, so that a later run notices another one; published checksums are compared where there are any.
"""

from __future__ import annotations

import dataclasses
import json
import os
import urllib.parse
from collections.abc import Callable
from pathlib import Path

from videocnn.datasets.fetch import DamagedError, UnpackError
from videocnn.datasets.fetch.archives import check_unpacker
from videocnn.datasets.fetch.download import download, file_sha256
from videocnn.datasets.fetch.unpack import unpack
from videocnn.datasets.prepare import Found
from videocnn.files import write_json

RECORD = "sources.json"


@dataclasses.dataclass(frozen=True)
class Source:
    """An archive at its official address.

    Attributes:
        url: where it is.
        page: where a person finds it.
        file: its name.
        folder: what it is unpacked to.
        keep: parts of the paths in it that stay, from the end.
        option: the command's option that takes a downloaded copy.
        size: bytes, where published.
        sha256: hex digest, where published.
    """

    url: str
    page: str
    file: str
    folder: str
    keep: int
    option: str
    size: int | None = None
    sha256: str | None = None


def obtain(
    source: Source,
    out: str | os.PathLike,
    *,
    url: str | None = None,
    archive: str | os.PathLike | None = None,
    workers: int | None = None,
    quiet: bool = False,
) -> tuple[Path, str]:
    """Return the unpacked folder `out`/`source.folder`, and a sentence that says where it came from.

    A folder that is there is taken as it is; otherwise `archive` is unpacked, or what `url` or the official address
    gives, kept in `out`/download. Interrupted, it goes on where it was. A damaged download is set aside, so that the
    next call fetches it anew, and is not remembered.

    Raises:
        DownloadError: it cannot be downloaded, or is not the file whose checksum is published.
        DamagedError: `archive` is damaged; it is left as it is.
        UnpackError: a download is damaged; it cannot be unpacked, or is not the one that came the first time.
    """
    out = Path(out)
    folder = out / source.folder
    if folder.is_dir():
        return folder, f"{folder}: there already, not fetched again"
    path = Path(archive) if archive is not None else out / "download" / _file_name(source, url)
    if path.suffix.lower() == ".rar":
        check_unpacker()  # before hours of downloading
    if archive is None:
        own = url is not None
        hint = f"download {source.file} with a browser from {source.page} and give {source.option} FILE"
        digest = download(
            url if own else source.url,
            path,
            size=None if own else source.size,
            sha256=None if own else source.sha256,
            hint=hint,
            quiet=quiet,
        )
    elif not path.is_file():
        raise UnpackError(f"{path}: there is no such file")
    else:
        digest = file_sha256(path)
    size = path.stat().st_size
    entry = {"from": str(path.name if url is None else url), "bytes": size, "sha256": digest}
    record = _record(out / RECORD, source.file, digest, path, own=archive is None)
    aside = path.with_name(path.name + ".damaged")
    try:
        count = unpack(path, folder, keep=source.keep, digest=digest, workers=workers, quiet=quiet)
    except DamagedError as error:
        # what is known to be the right file is none the better for another download
        if archive is not None or digest in (source.sha256, record.get(source.file, {}).get("sha256")):
            raise
        os.replace(path, aside)
        raise UnpackError(f"{error.found}; it is {aside.name} now, and the same command downloads it again") from None
    write_json(out / RECORD, record | {source.file: entry})
    if archive is None:
        aside.unlink(missing_ok=True)
    vouched = "as published" if digest == source.sha256 else f"recorded in {RECORD}: no published one is known"
    return folder, f"{path}: {size:,} bytes, SHA-256 {digest} ({vouched}); {count:,} files in {folder}"


def completeness(found: Found, videos: int, classes: int, most: int = 10) -> list[str]:
    """Say in sentences whether the official numbers of videos and classes are listed and there, and what is not."""
    listed_classes = {name.split("/")[0] for name in found.listed}
    notes = []
    if (len(found.listed), len(listed_classes)) != (videos, classes):
        notes.append(
            f"the lists name {len(found.listed):,} videos of {len(listed_classes)} classes; the official ones name "
            f"{videos:,} of {classes}"
        )
    absent = set(found.absent)
    if not absent:
        return [*notes, f"complete: all {len(found.listed):,} listed videos of {len(listed_classes)} classes are there"]
    gone = sorted(listed_classes - {name.split("/")[0] for name in found.listed if name not in absent})
    if gone:
        notes.append(f"{len(gone)} classes have no video there: {_some(gone, most)}")
    single = [name for name in found.absent if name.split("/")[0] not in gone]
    if single:
        notes.append(
            f"{len(single):,} videos of the other classes are missing (skipped.csv has all): {_some(single, most)}"
        )
    return notes


def _some(names: list[str], most: int) -> str:
    return ", ".join(names[:most]) + (", ..." if len(names) > most else "")


def _file_name(source: Source, url: str | None) -> str:
    """Return the name to keep a download under: the URL's own where it tells the format."""
    name = Path(urllib.parse.unquote(urllib.parse.urlsplit(url or "").path).replace("\\", "/")).name
    return name if name.lower().endswith((".rar", ".zip")) else source.file


def _record(path: Path, name: str, digest: str, archive: Path, *, own: bool) -> dict:
    """Return the record of what came, or raise `UnpackError` where something else came under a name before."""
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        known = record.get(name, {"sha256": digest})["sha256"]
    except FileNotFoundError:
        record, known = {}, digest
    except (OSError, ValueError, AttributeError, KeyError, TypeError):
        raise UnpackError(f"{path}: it cannot be read as the record of what came; remove it") from None
    if known != digest:
        anew = f"to download it again, remove {archive}; " if own else ""
        raise UnpackError(
            f"{name}: SHA-256 {digest}, and {known} came the first time; one of them is damaged or changed; "
            f"{anew}if you trust this one, remove {path}"
        )
    return record


def files_by_name(root: Path, wanted: Callable[[str], object]) -> dict[str, str]:
    """Return the path of each wanted file in a class folder under its name, and under its name without capitals.

    Official lists and archives do not agree on capitals (`HandStandPushups`, `HandstandPushups`).

    Args:
        root: the folder of class folders.
        wanted: tells by a file's name whether it is a video of the set.
    """
    paths = [
        f"{folder.name}/{file.name}"
        for folder in sorted(root.iterdir())
        if folder.is_dir()
        for file in sorted(folder.iterdir())
        if wanted(file.name)
    ]
    return {path.casefold(): path for path in paths} | {path: path for path in paths}
