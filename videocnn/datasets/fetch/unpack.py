"""Unpack an archive into a folder atomically; an interrupted run resumes.

Files are written to a hidden folder beside the target, and each gets its name only when it is complete; renaming the
folder is the last step. Reading a member verifies its checksum, so unpacking also tests the archive.
"""

from __future__ import annotations

import errno
import os
import shutil
import zlib
from pathlib import Path

from videocnn.datasets.fetch.archives import DAMAGE, DamagedError, Member, UnpackError, open_archive, safe_parts
from videocnn.files import write_text
from videocnn.jobs import map_parallel

CHUNK = 1 << 20
_NESTED = (".rar", ".zip")


def unpack(
    archive: str | os.PathLike,
    target: str | os.PathLike,
    *,
    keep: int,
    digest: str = "",
    workers: int | None = None,
    quiet: bool = False,
) -> int:
    """Unpack a ZIP or RAR archive, including nested archives, into a new folder; return the number of files.

    The last `keep` parts of every path are kept: 2 for `UCF-101/Archery/v_Archery_g01_c01.avi` -> `Archery/...`. A file
    of a nested archive with fewer parts goes into a folder named after that archive (HMDB-51 contains
    `brush_hair.rar`).

    Args:
        archive: the archive file.
        target: folder to create.
        keep: number of trailing path parts to keep.
        digest: identifies the archive; a partial folder of a different archive is discarded.
        workers: number of files unpacked in parallel; `None` for one per CPU.
        quiet: whether to hide the progress bar.

    Raises:
        DamagedError: the archive is damaged.
        UnpackError: the folder already exists, the archive is rejected (see `open_archive`), or the disk is full.
    """
    archive, target = Path(archive), Path(target)
    if target.exists():
        raise UnpackError(f"{target}: already exists; remove it to unpack {archive.name} again")
    part, nested, mark = (target.with_name(f".{target.name}.{kind}") for kind in ("part", "archives", "begun"))
    if not mark.is_file() or mark.read_text(encoding="utf-8") != digest:
        _remove(part, nested)
    part.mkdir(parents=True, exist_ok=True)
    write_text(mark, digest)
    try:
        _unpack_into(archive, part, nested, keep, "", workers, quiet)
        for inner in sorted(nested.iterdir()) if nested.is_dir() else []:
            stem = _folder_name(archive, inner.name)
            try:
                _unpack_into(inner, part, None, keep, stem, workers, quiet)
            except DamagedError as error:
                raise DamagedError(f"{archive}: nested archive {inner.name!r} is damaged ({error.found})") from None
        count = sum(len(files) for _, _, files in os.walk(part))
        if not count:
            raise UnpackError(f"{archive}: contains no files")
        os.replace(part, target)
    except OSError as error:
        full = "; free some space and run the same command to resume" * (error.errno == errno.ENOSPC)
        raise UnpackError(f"{target}: cannot be written ({error.strerror}){full}") from None
    _remove(nested, mark)
    return count


def _unpack_into(
    archive: Path, part: Path, nested: Path | None, keep: int, stem: str, workers: int | None, quiet: bool
) -> None:
    """Unpack the files of one archive into `part`, and nested archives into `nested`."""
    with open_archive(archive, part.with_suffix(".whole")) as members:
        places: dict[Path, Member] = {}
        for member in members:
            place = _place(archive, member, part, nested, keep, stem)
            if place in places:
                name = place.relative_to(nested if place.parent == nested else part)
                raise UnpackError(f"{archive}: two files would become {name}; not unpacked")
            places[place] = member
        waiting = [place for place, member in places.items() if not _is_whole(place, member)]
        needed, free = sum(places[place].size for place in waiting), shutil.disk_usage(part).free
        if needed > free:
            raise UnpackError(f"{part.parent}: {archive.name} unpacks to {needed:,} bytes, but only {free:,} are free")

        def extract(place: Path) -> None:
            _extract(archive, places[place], place)

        # threads suffice: RAR tools are separate processes, and zlib releases the GIL
        for _, error in map_parallel(
            extract, waiting, workers=workers, description=f"unpacking {archive.name}", unit="files", quiet=quiet
        ):
            if error is not None:
                raise error
        lost = [place for place, member in places.items() if not _is_whole(place, member)]
        if lost:
            raise UnpackError(f"{lost[0]}: overwritten by a file whose name differs only in case")


def _place(archive: Path, member: Member, part: Path, nested: Path | None, keep: int, stem: str) -> Path:
    """Return the output path of a file: below `part`, or in `nested` for an archive."""
    if nested is not None and member.parts[-1].lower().endswith(_NESTED):
        _folder_name(archive, member.parts[-1])  # rejected before anything is written
        folder, parts = nested, member.parts[-1:]
    else:
        folder, parts = part, member.parts[-keep:]
        parts = ((stem,) if stem and len(parts) < keep else ()) + parts
    place = folder.joinpath(*parts)
    if not Path(os.path.abspath(place)).is_relative_to(os.path.abspath(folder)):
        raise UnpackError(f"{archive}: {'/'.join(parts)!r} points outside the target folder; not unpacked")
    return place


def _folder_name(archive: Path, name: str) -> str:
    """Return the folder name for the files of a nested archive, `brush_hair` for `brush_hair.rar`."""
    try:
        (folder,) = safe_parts(name[: name.rindex(".")])
    except ValueError:
        raise UnpackError(f"{archive}: member {name!r} points outside the target folder; not unpacked") from None
    return folder


def _is_whole(place: Path, member: Member) -> bool:
    return place.is_file() and place.stat().st_size == member.size


def _extract(archive: Path, member: Member, place: Path) -> None:
    name = "/".join(member.parts)
    place.parent.mkdir(parents=True, exist_ok=True)
    # the member's own name may already have the maximum length
    temporary = place.parent / f".{zlib.crc32(os.fsencode(place.name)):08x}.tmp"
    try:
        try:
            with open(temporary, "wb") as file:
                with member.open() as source:
                    shutil.copyfileobj(source, file, CHUNK)
                got = file.tell()
        except (*DAMAGE, zlib.error) as error:
            raise DamagedError(f"{archive}: member {name!r} is damaged ({error})") from None
        if got != member.size:
            raise DamagedError(f"{archive}: member {name!r} has {got:,} bytes, expected {member.size:,}")
        os.replace(temporary, place)
    finally:
        temporary.unlink(missing_ok=True)


def _remove(*paths: Path) -> None:
    for path in paths:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
