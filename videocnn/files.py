"""Files of the package's own: CSV in as rows of text, and anything out, whole or not at all.

Whatever a spreadsheet or an editor did to a CSV (byte-order mark, CRLF or lone-CR line ends, quotes, blank lines)
reads the same; what cannot be read says which file, which line and how to mend it.
"""

from __future__ import annotations

import contextlib
import csv
import errno
import io
import json
import os
import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from videocnn.errors import VideoCNNError

WRITING = ".writing-"  # what a file's name begins with until it is whole, and a lock's always


class TableError(VideoCNNError):
    """A text file or a CSV table cannot be read."""


class WriteError(VideoCNNError):
    """A file cannot be written."""


def visible(text: str) -> str:
    """Return text with escapes in place of what no terminal, page or picture can show: control codes, lone bytes."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def read_text(path: str | os.PathLike) -> str:
    """Return the text of a UTF-8 file without its byte-order mark, line ends untouched.

    Bytes that are not UTF-8 come back as lone surrogates, as in the file names that Python hands out.

    Raises:
        TableError: the file is absent, unreadable, in UTF-16 or not text at all.
    """
    return _read_bytes(path).decode("utf-8-sig", errors="surrogateescape")


def _read_bytes(path: str | os.PathLike) -> bytes:
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise TableError(f"{path}: cannot be read ({error.strerror}); check the name and its permissions") from error
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise TableError(f"{path}: this is UTF-16 text; save it as 'CSV UTF-8'")
    if b"\0" in data:
        raise TableError(f"{path}: this is not a text file (it holds zero bytes)")
    return data


def read_table(path: str | os.PathLike, columns: Sequence[str], delimiter: str = ",") -> Iterator[tuple[int, dict]]:
    """Yield `(line number, {column: text})` for every row of a CSV file; other columns come along unread.

    Raises:
        TableError: an absent or empty file, a header without one of `columns` or with one twice, a row that is
            longer or shorter than the header, broken quoting.
    """
    # newline="" leaves line ends to csv, which takes \n, \r\n and \r alike
    lines = io.TextIOWrapper(io.BytesIO(_read_bytes(path)), "utf-8-sig", "surrogateescape", newline="")
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    header = None
    try:
        for fields in reader:
            if not any(field.strip() for field in fields):
                continue
            if header is None:
                header = [field.strip() for field in fields]
                _check_header(path, header, columns, delimiter)
            elif len(fields) != len(header):
                raise TableError(
                    f"{path}, line {reader.line_num}: {len(fields)} fields where the header has {len(header)}; "
                    f"put a field that holds {delimiter!r} in double quotes"
                )
            else:
                yield reader.line_num, dict(zip(header, fields, strict=True))
    except csv.Error as error:
        raise TableError(f"{path}, line {reader.line_num}: broken CSV ({error}); mend the quotes there") from error
    if header is None:
        raise TableError(f"{path}: the file is empty; its first line should be {delimiter.join(columns)}")


def _check_header(path, header: list[str], columns: Sequence[str], delimiter: str) -> None:
    missing = [column for column in columns if column not in header]
    if missing:
        found = delimiter.join(header)
        raise TableError(
            f"{path}: no column {', '.join(map(repr, missing))} in its header ({found[:200]!r}); "
            "`videocnn data csv` makes a manifest of other tables, by the names of their columns"
        )
    twice = [column for column in header if header.count(column) > 1]
    if twice:
        raise TableError(f"{path}: the header names the column {twice[0]!r} twice; rename or remove one")


def format_table(header: Sequence[str], rows: Iterable[Sequence]) -> str:
    """Return CSV text with `\\n` line ends."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()


def write_file(path: str | os.PathLike, write: Callable[[Path], Any]) -> None:
    """Write a file whole or not at all: call `write(temporary)` in the same folder, then rename.

    A full disk or a kill leaves an older file of that name as it was. Each call has a temporary file of its own, so
    that two jobs may write the same file: the last one wins.

    Raises:
        WriteError: the folder does not exist or cannot be written, or the disk is full.
    """
    path = Path(path)
    # keeps the suffix, which some writers go by, and is no longer than the system allows
    temporary = path.with_name(f"{WRITING}{secrets.token_hex(4)}-{path.name[-50:]}")
    try:
        write(temporary)
        with open(temporary, "rb+") as stream:
            os.fsync(stream.fileno())
        os.replace(temporary, path)
    except BaseException as error:
        with contextlib.suppress(OSError):  # not there, for the reason that is reported
            temporary.unlink()
        if not isinstance(error, OSError):
            raise
        # HDF5 reports a full disk in its message, not by number
        full = error.errno == errno.ENOSPC or "No space left" in str(error)
        mend = "free some space (training goes on with --resume)" if full else "check the folder and its permissions"
        raise WriteError(f"{path}: could not be written ({error.strerror or error}); {mend}") from error


def write_bytes(path: str | os.PathLike, content: bytes) -> None:
    """Write bytes as `write_file` does."""
    write_file(path, lambda temporary: temporary.write_bytes(content))


def write_text(path: str | os.PathLike, text: str) -> None:
    """Write UTF-8 text as `write_file` does, in a folder that is made if necessary.

    Names of files that are not UTF-8 keep their bytes.
    """

    def write(temporary: Path) -> None:
        temporary.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(text.encode("utf-8", errors="surrogateescape"))

    write_file(path, write)


def write_json(path: str | os.PathLike, content: Any, *, indent: int | None = 2) -> None:
    """Write plain values as JSON, as `write_file` does."""
    write_text(path, json.dumps(content, indent=indent) + "\n")


def remove_unfinished(folder: str | os.PathLike, name: str = "*") -> None:
    """Remove the temporary files of a killed job, of files called `name`; only for the holder of the folder's lock."""
    for path in Path(folder).glob(f"{WRITING}*-{name}"):
        path.unlink(missing_ok=True)
