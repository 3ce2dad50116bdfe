"""Small text files, whole or not at all: CSV tables in as rows of text, any text out by one atomic step.

Whatever a spreadsheet or an editor did to a CSV (byte-order mark, CRLF or lone-CR line ends, quotes, blank lines)
reads the same; what cannot be read says which file, which line and how to mend it.
"""

from __future__ import annotations

import contextlib
import csv
import io
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from videocnn.errors import VideoCNNError


class TableError(VideoCNNError):
    """A table cannot be read or a text file cannot be written."""


def read_text(path: str | os.PathLike) -> str:
    """Return the text of a UTF-8 file without its byte-order mark, line ends untouched.

    Bytes that are not UTF-8 come back as lone surrogates, as in the file names that Python hands out.

    Raises:
        TableError: the file is absent, unreadable, in UTF-16 or not text at all.
    """
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise TableError(f"{path}: cannot be read ({error.strerror}); check the name and its permissions") from error
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise TableError(f"{path}: this is UTF-16 text; save it as 'CSV UTF-8'")
    if b"\0" in data:
        raise TableError(f"{path}: this is not a text file (it holds zero bytes)")
    return data.decode("utf-8-sig", errors="surrogateescape")


def read_table(path: str | os.PathLike, columns: Sequence[str], delimiter: str = ",") -> list[tuple[int, dict]]:
    """Return `(line number, {column: text})` for every row of a CSV file; other columns come along unread.

    Raises:
        TableError: an absent or empty file, a header without one of `columns` or with one twice, a row that is
            longer or shorter than the header, broken quoting.
    """
    # newline="" leaves line ends to csv, which takes \n, \r\n and \r alike
    reader = csv.reader(io.StringIO(read_text(path), newline=""), delimiter=delimiter, strict=True)
    header, rows = None, []
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
                rows.append((reader.line_num, dict(zip(header, fields, strict=True))))
    except csv.Error as error:
        raise TableError(f"{path}, line {reader.line_num}: broken CSV ({error}); mend the quotes there") from error
    if header is None:
        raise TableError(f"{path}: the file is empty; its first line should be {delimiter.join(columns)}")
    return rows


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
    """Return a CSV text with `\\n` line ends."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()


def write_text(path: str | os.PathLike, text: str) -> None:
    """Write a UTF-8 file through a temporary one beside it, so that a full disk or a kill leaves the old file whole.

    Raises:
        TableError: the folder cannot be written or the disk is full; the old file is as it was.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(temporary, "wb") as file:
            file.write(text.encode("utf-8", errors="surrogateescape"))
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise TableError(f"{path}: cannot be written ({error.strerror}); an earlier file is untouched") from error
        raise
