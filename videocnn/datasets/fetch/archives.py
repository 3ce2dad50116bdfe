"""Read ZIP and RAR archives: members with validated names, each as a byte stream.

The RAR tool (unrar, unar, 7z or bsdtar, driven by `rarfile`) only writes to a pipe. Output paths are decided here, and
an archive with a path outside the target folder is rejected as a whole.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import os
import re
import shutil
import stat
import subprocess
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import rarfile

from videocnn.errors import VideoCNNError
from videocnn.manifest.row import CONTROL

NO_UNPACKER = (
    "unpacking RAR requires unrar, unar, 7z or bsdtar, and none with RAR support was found: on Debian run "
    "`apt install unar`, on macOS `brew install unar`, on Windows install 7-Zip and put its folder on PATH; or unpack "
    "by hand and give the folder"
)
# raised when reading a damaged archive, in addition to OSError for a missing or unreadable one
DAMAGE = (zipfile.BadZipFile, rarfile.Error, EOFError, ValueError, NotImplementedError, RuntimeError)
# a RAR archive with a single stored file that contains "ok"
_PROBE = bytes.fromhex(
    "526172211a0700cf907300000d000000000000004b1a740080220002000000020000000347dddc7900002150143002"
    "00a48100006f6b6f6bc43d7b00400700"
)
# command line of each tool to unpack a whole archive with its paths, without prompting
_WHOLE = {
    "unrar": (rarfile.UNRAR_TOOL, "x", "-y", "-p-", "-inul", "{archive}", "{folder}/"),
    "unar": (rarfile.UNAR_TOOL, "-q", "-f", "-D", "-p", "", "-o", "{folder}", "{archive}"),
    "sevenzip": (rarfile.SEVENZIP_TOOL, "x", "-y", "-p", "-o{folder}", "{archive}"),
    "sevenzip2": (rarfile.SEVENZIP2_TOOL, "x", "-y", "-p", "-o{folder}", "{archive}"),
}
_ZIP = b"PK\x03\x04"
_LITTER = ("__MACOSX", ".DS_Store", "Thumbs.db", "desktop.ini")


class UnpackError(VideoCNNError):
    """An archive cannot be unpacked, or is unsafe to unpack."""


class DamagedError(UnpackError):
    """An archive is corrupt; downloading it again may help.

    Attributes:
        found: the problem and the file, without advice.
    """

    def __init__(self, found: str):
        super().__init__(f"{found}; delete it and download it again")
        self.found = found


@dataclasses.dataclass(frozen=True)
class Member:
    """One file of an archive.

    Attributes:
        parts: the validated path, `("UCF-101", "Archery", "v_Archery_g01_c01.avi")`.
        size: size in bytes.
        open: returns the content as a stream, which verifies the checksum when it is exhausted.
    """

    parts: tuple[str, ...]
    size: int
    open: Callable[[], IO[bytes]]


def check_unpacker() -> str:
    """Select a RAR tool by trying each on a small archive; return `rarfile`'s name for it.

    Finding an executable is not enough: 7z of Debian and other distributions has no RAR support.

    Raises:
        UnpackError: no tool with RAR support is installed.
    """
    names = ("unrar", "unar", "sevenzip", "sevenzip2", "bsdtar")
    with tempfile.TemporaryDirectory() as folder:
        probe = Path(folder, "ok.rar")
        probe.write_bytes(_PROBE)
        for name in names:
            try:
                tool = rarfile.tool_setup(**{other: other == name for other in names}, force=True)
                command = tool.open_cmdline(None, str(probe))
                if subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True).stdout == b"ok":
                    return name
            except (rarfile.RarCannotExec, OSError):
                continue
    raise UnpackError(NO_UNPACKER)


@contextlib.contextmanager
def open_archive(path: str | os.PathLike, scratch: str | os.PathLike | None = None) -> Iterator[list[Member]]:
    """Open a ZIP or RAR archive, detected by content, as a context manager that yields its members.

    A solid RAR can only be read sequentially, so after its names are validated it is unpacked to `scratch` and read
    from there; that folder is removed on exit.

    Raises:
        DamagedError: the file is damaged, truncated, or not an archive.
        UnpackError: the file does not exist, is encrypted, is a solid RAR and there is no scratch folder, or contains a
            link, a duplicate name or a path outside the target folder.
    """
    path = Path(path)
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                yield _checked(path, [_zip_member(path, archive, info) for info in archive.infolist()])
        elif rarfile.is_rarfile(path):
            with rarfile.RarFile(path) as archive:
                files = _checked(path, [_rar_member(path, archive, info) for info in archive.infolist()])
                if archive.is_solid():
                    yield _spread(path, files, scratch)
                else:
                    if any(info.compress_type != rarfile.RAR_M0 for info in archive.infolist() if info.is_file()):
                        check_unpacker()
                    yield files
        elif not path.is_file():
            raise UnpackError(f"{path}: there is no such file")
        else:
            with open(path, "rb") as file:
                begin = file.read(16)
            if begin.startswith(_ZIP):
                raise DamagedError(f"{path}: truncated ZIP archive ({path.stat().st_size:,} bytes, no end of archive)")
            raise DamagedError(f"{path}: neither ZIP nor RAR (starts with {begin!r}), perhaps a saved web page")
    except DAMAGE as error:
        raise DamagedError(f"{path}: damaged ({error})") from None
    finally:
        if scratch is not None:
            shutil.rmtree(scratch, ignore_errors=True)


def safe_parts(name: str) -> tuple[str, ...]:
    """Return the parts of a member's name, or raise `ValueError` if it points outside the target folder.

    Backslashes count as separators on every system, because they are on Windows. Names made of only dots and spaces are
    rejected for the same reason: Windows strips trailing ones.
    """
    parts = tuple(part for part in name.replace("\\", "/").split("/") if part not in ("", "."))
    if name.startswith(("/", "\\")) or re.match(r"[A-Za-z]:", name) or CONTROL.search(name):
        raise ValueError("points outside the target folder")
    if any(not part.strip(". ") for part in parts):  # includes ".."
        raise ValueError("points outside the target folder")
    if not parts:
        raise ValueError("is not a file name")
    return parts


def _checked(path: Path, members: list[Member | None]) -> list[Member]:
    files = [member for member in members if member is not None]
    seen: set[tuple[str, ...]] = set()
    for member in files:
        if member.parts in seen:
            raise UnpackError(f"{path}: duplicate member {'/'.join(member.parts)!r}; not unpacked")
        seen.add(member.parts)
    return [member for member in files if not any(part in _LITTER or part.startswith("._") for part in member.parts)]


def _spread(path: Path, members: list[Member], scratch: str | os.PathLike | None) -> list[Member]:
    """Unpack a solid RAR completely, and return its members as files in the scratch folder."""
    tool = check_unpacker()
    if scratch is None or tool not in _WHOLE:
        raise UnpackError(f"{path}: solid RAR archives require unrar, unar or 7z; install one (`apt install unar`)")
    folder = Path(scratch)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    needed, free = 2 * sum(member.size for member in members), shutil.disk_usage(folder).free
    if needed > free:
        raise UnpackError(f"{folder.parent}: the solid RAR needs {needed:,} bytes, but only {free:,} are free")
    command = [word.format(archive=os.path.abspath(path), folder=os.path.abspath(folder)) for word in _WHOLE[tool]]
    run = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True)
    if run.returncode:
        words = (run.stderr or run.stdout).decode(errors="replace").split()
        raise UnpackError(f"{path}: {command[0]} cannot unpack it ({' '.join(words[-12:])})")
    files = {member: folder.joinpath(*member.parts) for member in members}
    for file in files.values():
        if file.is_symlink() or not file.is_file():
            raise UnpackError(f"{path}: {command[0]} did not unpack {file.name!r} as listed; unpack it by hand")
    return [dataclasses.replace(member, open=functools.partial(open, file, "rb")) for member, file in files.items()]


def _parts(path: Path, name: str, regular: bool, encrypted: bool) -> tuple[str, ...]:
    if encrypted:
        raise UnpackError(f"{path}: {name!r} is encrypted; unpack it by hand and give the folder")
    if not regular:
        raise UnpackError(f"{path}: {name!r} is a link or another special file; not unpacked")
    try:
        return safe_parts(name)
    except ValueError as error:
        raise UnpackError(f"{path}: {name!r} {error}; not unpacked") from None


def _zip_member(path: Path, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Member | None:
    kind = stat.S_IFMT(info.external_attr >> 16)
    regular = kind in (0, stat.S_IFREG, stat.S_IFDIR)
    parts = _parts(path, info.filename, regular, bool(info.flag_bits & 1))
    return None if info.is_dir() else Member(parts, info.file_size, lambda: archive.open(info))


def _rar_member(path: Path, archive: rarfile.RarFile, info: rarfile.RarInfo) -> Member | None:
    redirected = getattr(info, "file_redir", None) is not None  # RAR 5 also has hard links and junctions
    regular = (info.is_file() or info.is_dir()) and not redirected
    parts = _parts(path, info.filename, regular, info.needs_password())
    return None if info.is_dir() else Member(parts, info.file_size, lambda: _open_rar(archive, info))


def _open_rar(archive: rarfile.RarFile, info: rarfile.RarInfo) -> IO[bytes]:
    try:
        return archive.open(info)
    except rarfile.RarCannotExec:
        raise UnpackError(NO_UNPACKER) from None
