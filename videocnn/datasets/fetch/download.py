"""Resumable, verified downloads, with error messages that suggest a manual alternative.

Takes a URL and a path; returns the SHA-256 of the file. Built on `urllib`: one file at a time over HTTP, with the
system's certificates and proxies, is all that is needed, and a dependency would add nothing.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import http.client
import json
import logging
import os
import re
import shutil
import ssl
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

from videocnn import __version__
from videocnn.errors import VideoCNNError
from videocnn.files import write_json

CHUNK = 1 << 18
_CONTENT_RANGE = re.compile(r"bytes (?:(\d+)-\d+|\*)/(\d+|\*)")


class DownloadError(VideoCNNError):
    """A file cannot be downloaded, or is not the expected file."""


class _Interrupted(Exception):
    """The connection failed; the partial file is kept, and another attempt may resume it."""


def download(
    url: str,
    path: str | os.PathLike,
    *,
    size: int | None = None,
    sha256: str | None = None,
    hint: str = "download it with a browser",
    retries: int = 4,
    wait_seconds: float = 1.0,
    timeout_seconds: float = 60.0,
    quiet: bool = False,
) -> str:
    """Download a file to `path` and return its SHA-256 (hex); an existing file is only verified.

    Data is written to `path` + `.part` until the file is complete and verified; later calls, also from other processes,
    resume it. The download restarts if the server does not support resuming, or if size, ETag or date show that the
    file has changed. Broken connections are retried, but not a server that never responded.

    Args:
        url: http or https URL. Certificates are always verified; redirects from https to http are rejected.
        path: output file; its folder is created if needed.
        size: expected size in bytes, if known.
        sha256: expected hex digest, if known.
        hint: alternative way to get the file, for error messages.
        retries: maximum number of consecutive retries without progress.
        wait_seconds: delay before the first retry; it grows linearly with each further one.
        timeout_seconds: time without data after which the connection counts as broken.
        quiet: whether to hide the progress bar.

    Raises:
        DownloadError: the download was refused, not found, untrusted or interrupted, the disk is full, or the file is
            not the expected one.
    """
    path = Path(path)
    part = path.with_name(path.name + ".part")
    if path.is_file():
        hint = f"remove it and run the same command again, or {hint}"
        _check_size(path, path.stat().st_size, size, hint)
        return _check_digest(path, path, sha256, hint)
    _check_scheme(url)
    path.parent.mkdir(parents=True, exist_ok=True)
    begin, failures = _size(part), 0
    with _progress(quiet) as bar:
        task = bar.add_task(path.name, total=None)
        while True:
            had = _size(part)
            try:
                _receive(url, part, size, hint, timeout_seconds, lambda **values: bar.update(task, **values))
                break
            except _Interrupted as error:
                failures = 0 if _size(part) > had else failures + 1
                if failures > retries or _size(part) == begin:
                    kept = f"; {_size(part):,} bytes are kept, run the same command to resume" * bool(_size(part))
                    raise DownloadError(f"{url}: {error}{kept}; or {hint}") from None
                time.sleep(wait_seconds * failures)
    try:
        _check_size(url, _size(part), size, hint)
        digest = _check_digest(url, part, sha256, hint)
    except DownloadError:
        _discard(part)  # resuming it would fail again
        raise
    os.replace(part, path)
    _discard(part)
    return digest


def file_sha256(path: str | os.PathLike) -> str:
    """Return the SHA-256 (hex) of a file."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(CHUNK):
            digest.update(block)
    return digest.hexdigest()


def _receive(url: str, part: Path, size: int | None, hint: str, timeout: float, show) -> None:
    """Append to `part` until the file is complete; raise `_Interrupted` if another attempt may help."""
    had, mark = _size(part), _read_mark(part, url)
    headers = {"User-Agent": f"videocnn/{__version__}", "Accept-Encoding": "identity"}
    if had and mark:
        headers["Range"] = f"bytes={had}-"
        if validator := mark["etag"] or mark["date"]:
            headers["If-Range"] = validator
    try:
        response = _opener().open(urllib.request.Request(url, headers=headers), timeout=timeout)
    except urllib.error.HTTPError as error:
        with error:
            if error.code == http.client.REQUESTED_RANGE_NOT_SATISFIABLE and had:
                if mark and _total(error) == had == mark["size"]:
                    return
                _discard(part)
                return _receive(url, part, size, hint, timeout, show)
            reason = f"HTTP {error.code} {error.reason}"
            if error.code >= 500 or error.code in (408, 429):
                raise _Interrupted(f"{reason}; try again later") from None
            raise DownloadError(f"{url}: {reason}; the address may have changed: {hint}") from None
    except urllib.error.URLError as error:
        if isinstance(error.reason, ssl.SSLCertVerificationError):
            raise DownloadError(_distrust(url, error.reason, hint)) from None
        raise _Interrupted(f"no connection ({error.reason})") from None
    except (OSError, http.client.HTTPException) as error:
        raise _Interrupted(f"no connection ({error!r})") from None
    with response:
        new = _mark_of(response, url)
        if response.status == http.client.PARTIAL_CONTENT and (_first(response) != had or new != mark):
            response.close()
            logging.getLogger("videocnn").warning("%s has changed on the server; restarting the download", url)
            _discard(part)
            return _receive(url, part, size, hint, timeout, show)
        if response.status != http.client.PARTIAL_CONTENT:
            had = 0
        if response.headers.get_content_type() == "text/html":
            raise DownloadError(f"{url}: expected a file, got a web page; {hint}")
        if None not in (size, new["size"]):
            _check_size(url, new["size"], size, hint)
        _check_space(part, (new["size"] or 0) - had)
        _append(response, part, had, new, show)


def _append(response, part: Path, had: int, mark: dict, show) -> None:
    total, response_url = mark["size"], mark["url"]
    show(total=total, completed=had)
    try:
        with open(part, "r+b" if had else "wb") as file:
            write_json(_mark_path(part), mark)
            file.seek(had)
            while total is None or had < total:
                try:
                    block = response.read(CHUNK)
                except (OSError, http.client.HTTPException) as error:
                    raise _Interrupted(f"connection lost after {had:,} bytes ({error!r})") from None
                if not block:
                    break
                file.write(block)
                had += len(block)
                show(completed=had)
    except OSError as error:
        full = "; free some space and run the same command to resume" * (error.errno == errno.ENOSPC)
        raise DownloadError(f"{part}: cannot be written ({error.strerror}){full}") from None
    if total is not None and had != total:
        raise _Interrupted(f"connection lost after {had:,} of {total:,} bytes of {response_url}")


class _Redirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, req, fp, code, msg, headers, newurl):
        _check_scheme(newurl)
        if req.type == "https" and not newurl.lower().startswith("https:"):
            raise DownloadError(f"{req.full_url}: redirects to {newurl}, which is not encrypted; not followed")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _opener() -> urllib.request.OpenerDirector:
    # a separate context, so that changes to urllib's default in this process cannot weaken verification
    return urllib.request.build_opener(_Redirects, urllib.request.HTTPSHandler(context=ssl.create_default_context()))


def _distrust(url: str, error: ssl.SSLCertVerificationError, hint: str) -> str:
    return (
        f"{url}: the server's certificate cannot be verified ({error.verify_message}); {hint}, or save the missing "
        f"certificate as a PEM file and set SSL_CERT_FILE to its path"
    )


def _check_scheme(url: str) -> None:
    if urllib.parse.urlsplit(url).scheme not in ("http", "https"):
        raise DownloadError(f"{url!r}: expected a URL that starts with https:// or http://")


def _check_size(name, got: int, wanted: int | None, hint: str) -> None:
    if wanted is not None and got != wanted:
        raise DownloadError(f"{name}: expected {wanted:,} bytes, got {got:,}; it is a different file: {hint}")


def _check_digest(name, path: Path, wanted: str | None, hint: str) -> str:
    digest = file_sha256(path)
    if wanted is not None and digest != wanted:
        raise DownloadError(f"{name}: expected SHA-256 {wanted}, got {digest}; damaged or a different file: {hint}")
    return digest


def _check_space(part: Path, needed: int) -> None:
    free = shutil.disk_usage(part.parent).free
    if needed > free:
        raise DownloadError(f"{part.parent}: {needed:,} more bytes are needed, but only {free:,} are free")


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _mark_path(part: Path) -> Path:
    return part.with_name(part.name + ".json")


def _read_mark(part: Path, url: str) -> dict | None:
    """Return the metadata of the partial file, or `None` if it cannot be resumed."""
    try:
        mark = json.loads(_mark_path(part).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return (
        mark
        if isinstance(mark, dict) and mark.keys() == {"url", "etag", "date", "size"} and mark["url"] == url
        else None
    )


def _mark_of(response, url: str) -> dict:
    etag = response.headers.get("ETag")
    return {
        "url": url,
        "etag": None if etag is None or etag.startswith("W/") else etag,  # weak ETags do not guarantee identical bytes
        "date": response.headers.get("Last-Modified"),
        "size": _total(response),
    }


def _total(response) -> int | None:
    """Return the total size of the file, or None if the server does not state it."""
    if match := _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", "")):
        return None if match[2] == "*" else int(match[2])
    length = response.headers.get("Content-Length")
    return int(length) if length is not None and length.isdecimal() else None


def _first(response) -> int | None:
    match = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
    return int(match[1]) if match and match[1] else None


def _discard(part: Path) -> None:
    for path in (part, _mark_path(part)):
        with contextlib.suppress(FileNotFoundError):
            path.unlink()


def _progress(quiet: bool):
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    columns = TextColumn("{task.description}", markup=False), BarColumn(), DownloadColumn()
    columns += TransferSpeedColumn(), TimeRemainingColumn()
    return Progress(*columns, console=Console(stderr=True), disable=quiet)
