"""Download, verify and unpack the official archives of a data set, and record their checksums.

Shared by UCF-101 and HMDB-51. `sources.json` beside the folders records the size and SHA-256 of every archive used, so
that a later run detects a different one; published checksums are verified where they exist.
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
    """An official archive of a data set.

    Attributes:
        url: download URL.
        page: web page that links to it.
        file: file name.
        folder: folder to unpack it into.
        keep: number of trailing path parts to keep.
        option: command-line option for a downloaded copy.
        size: size in bytes, if published.
        sha256: hex digest, if published.
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
    """Return the unpacked folder `out`/`source.folder`, and a sentence on its provenance.

    An existing folder is used as it is. Otherwise `archive` is unpacked, or the download from `url` or the official
    URL, which is kept in `out`/download. An interrupted run resumes. A damaged download is moved aside and not
    recorded, so that the next call downloads it again.

    Raises:
        DownloadError: the download failed, or does not match the published checksum.
        DamagedError: `archive` is damaged; the file is left unchanged.
        UnpackError: a download is damaged, the archive cannot be unpacked, or it differs from the recorded one.
    """
    out = Path(out)
    folder = out / source.folder
    if folder.is_dir():
        return folder, f"{folder}: already exists, not downloaded again"
    path = Path(archive) if archive is not None else out / "download" / _file_name(source, url)
    if path.suffix.lower() == ".rar":
        check_unpacker()  # fail before hours of downloading
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
        # downloading again does not help if the checksum is the published one
        if archive is not None or digest in (source.sha256, record.get(source.file, {}).get("sha256")):
            raise
        os.replace(path, aside)
        raise UnpackError(f"{error.found}; moved to {aside.name}; run the same command to download it again") from None
    write_json(out / RECORD, record | {source.file: entry})
    if archive is None:
        aside.unlink(missing_ok=True)
    vouched = "as published" if digest == source.sha256 else f"recorded in {RECORD}; there is no published checksum"
    return folder, f"{path}: {size:,} bytes, SHA-256 {digest} ({vouched}); {count:,} files in {folder}"


def completeness(found: Found, videos: int, classes: int, most: int = 10) -> list[str]:
    """Report whether the official numbers of videos and classes are listed and present, and what is missing."""
    listed_classes = {name.split("/")[0] for name in found.listed}
    notes = []
    if (len(found.listed), len(listed_classes)) != (videos, classes):
        notes.append(
            f"the lists contain {len(found.listed):,} videos of {len(listed_classes)} classes; the official lists "
            f"contain {videos:,} of {classes}"
        )
    absent = set(found.absent)
    if not absent:
        return [*notes, f"complete: all {len(found.listed):,} listed videos of {len(listed_classes)} classes found"]
    gone = sorted(listed_classes - {name.split("/")[0] for name in found.listed if name not in absent})
    if gone:
        notes.append(f"{len(gone)} classes have no videos: {_some(gone, most)}")
    single = [name for name in found.absent if name.split("/")[0] not in gone]
    if single:
        notes.append(
            f"{len(single):,} videos of the other classes are missing (see skipped.csv for all): {_some(single, most)}"
        )
    return notes


def _some(names: list[str], most: int) -> str:
    return ", ".join(names[:most]) + (", ..." if len(names) > most else "")


def _file_name(source: Source, url: str | None) -> str:
    """Return the file name for a download: the URL's own if it reveals the format."""
    name = Path(urllib.parse.unquote(urllib.parse.urlsplit(url or "").path).replace("\\", "/")).name
    return name if name.lower().endswith((".rar", ".zip")) else source.file


def _record(path: Path, name: str, digest: str, archive: Path, *, own: bool) -> dict:
    """Return the recorded checksums, or raise `UnpackError` if `name` was recorded with a different one."""
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        known = record.get(name, {"sha256": digest})["sha256"]
    except FileNotFoundError:
        record, known = {}, digest
    except (OSError, ValueError, AttributeError, KeyError, TypeError):
        raise UnpackError(f"{path}: not a valid checksum record; remove it") from None
    if known != digest:
        anew = f"to download it again, remove {archive}; " if own else ""
        raise UnpackError(
            f"{name}: expected SHA-256 {known} from the first run, got {digest}; one of them is damaged or changed; "
            f"{anew}if you trust this one, remove {path}"
        )
    return record


def files_by_name(root: Path, wanted: Callable[[str], object]) -> dict[str, str]:
    """Return the paths of the wanted files in class folders, keyed by name and by lower-case name.

    Official lists and archives differ in case (`HandStandPushups`, `HandstandPushups`).

    Args:
        root: folder that contains the class folders.
        wanted: predicate on a file name that selects the data set's videos.
    """
    paths = [
        f"{folder.name}/{file.name}"
        for folder in sorted(root.iterdir())
        if folder.is_dir()
        for file in sorted(folder.iterdir())
        if wanted(file.name)
    ]
    return {path.casefold(): path for path in paths} | {path: path for path in paths}
