"""An archive -> a folder that is complete, or not there: what a killed run leaves is gone on with.

Files go to a hidden folder beside the target, one by one and each under its name only when it is whole; the folder
gets its name as the last step. Reading a file verifies its checksum, so unpacking is the archive's test as well.
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
    """Unpack a ZIP or RAR archive, and the archives in it, into a new folder; return the number of files.

    Of every path the last `keep` parts stay: 2 for `UCF-101/Archery/v_Archery_g01_c01.avi` -> `Archery/...`. A file
    of an archive in the archive that has fewer goes into a folder named as that archive (HMDB-51 holds
    `brush_hair.rar`).

    Args:
        archive: the file.
        target: the folder to make.
        keep: parts of a path that stay, from the end.
        digest: what tells this archive from another; a folder begun from another one is begun anew.
        workers: files at a time; `None` takes one a processor.
        quiet: no progress line on standard error.

    Raises:
        DamagedError: the archive is damaged.
        UnpackError: the folder is there already, the archive is refused (see `open_archive`), or the disk is full.
    """
    archive, target = Path(archive), Path(target)
    if target.exists():
        raise UnpackError(f"{target}: it is there already; remove it to unpack {archive.name} anew")
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
                raise DamagedError(f"{archive}: {inner.name!r} in it is damaged ({error.found})") from None
        count = sum(len(files) for _, _, files in os.walk(part))
        if not count:
            raise UnpackError(f"{archive}: it holds no files")
        os.replace(part, target)
    except OSError as error:
        full = "; free some and run the same command again, it goes on from there" * (error.errno == errno.ENOSPC)
        raise UnpackError(f"{target}: cannot be written ({error.strerror}){full}") from None
    _remove(nested, mark)
    return count


def _unpack_into(
    archive: Path, part: Path, nested: Path | None, keep: int, stem: str, workers: int | None, quiet: bool
) -> None:
    """Unpack the files of one archive into `part`, and archives among them into `nested`."""
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
            raise UnpackError(f"{part.parent}: {archive.name} unpacks to {needed:,} bytes, and {free:,} are free there")

        def extract(place: Path) -> None:
            _extract(archive, places[place], place)

        # threads suffice: the programs for RAR are processes of their own, and zlib releases the lock
        for _, error in map_parallel(
            extract, waiting, workers=workers, description=f"unpacking {archive.name}", unit="files", quiet=quiet
        ):
            if error is not None:
                raise error
        lost = [place for place, member in places.items() if not _is_whole(place, member)]
        if lost:
            raise UnpackError(f"{lost[0]}: overwritten by a file whose name differs in capitals alone")


def _place(archive: Path, member: Member, part: Path, nested: Path | None, keep: int, stem: str) -> Path:
    """Return where a file goes: below `part`, or into `nested` where it is an archive."""
    if nested is not None and member.parts[-1].lower().endswith(_NESTED):
        _folder_name(archive, member.parts[-1])  # refused whole, before anything is written
        folder, parts = nested, member.parts[-1:]
    else:
        folder, parts = part, member.parts[-keep:]
        parts = ((stem,) if stem and len(parts) < keep else ()) + parts
    place = folder.joinpath(*parts)
    if not Path(os.path.abspath(place)).is_relative_to(os.path.abspath(folder)):
        raise UnpackError(f"{archive}: {'/'.join(parts)!r} leads out of the folder; not unpacked")
    return place


def _folder_name(archive: Path, name: str) -> str:
    """Return the folder for the files of an archive in the archive, `brush_hair` for `brush_hair.rar`."""
    try:
        (folder,) = safe_parts(name[: name.rindex(".")])
    except ValueError:
        raise UnpackError(f"{archive}: {name!r} in it leads out of the folder; not unpacked") from None
    return folder


def _is_whole(place: Path, member: Member) -> bool:
    return place.is_file() and place.stat().st_size == member.size


def _extract(archive: Path, member: Member, place: Path) -> None:
    name = "/".join(member.parts)
    place.parent.mkdir(parents=True, exist_ok=True)
    # its own name may be as long as names get
    temporary = place.parent / f".{zlib.crc32(os.fsencode(place.name)):08x}.tmp"
    try:
        try:
            with open(temporary, "wb") as file:
                with member.open() as source:
                    shutil.copyfileobj(source, file, CHUNK)
                got = file.tell()
        except (*DAMAGE, zlib.error) as error:
            raise DamagedError(f"{archive}: {name!r} in it is damaged ({error})") from None
        if got != member.size:
            raise DamagedError(f"{archive}: {name!r} in it has {got:,} bytes where {member.size:,} are promised")
        os.replace(temporary, place)
    finally:
        temporary.unlink(missing_ok=True)


def _remove(*paths: Path) -> None:
    for path in paths:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
