"""Downloads from a server of the test's own: whole, resumed, refused, damaged, and on a full disk."""

import builtins
import errno
import hashlib
import http.server
import shutil
import ssl
import subprocess
import threading

import pytest

from videocnn.datasets.fetch import DownloadError
from videocnn.datasets.fetch import download as module
from videocnn.datasets.fetch.download import download

BODY = bytes(range(256)) * 4000  # 1,024,000 bytes: several chunks
SHA = hashlib.sha256(BODY).hexdigest()


class Server(http.server.ThreadingHTTPServer):
    """Serves one body; what it does wrong is set by the test."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.body, self.etag, self.type, self.ranges = BODY, '"one"', "application/x-rar", True
        self.cuts, self.status, self.location, self.requests = [], None, None, []

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/set.rar"


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        server, wanted = self.server, self.headers.get("Range")
        server.requests.append(wanted)
        if server.status:
            self.send_response(server.status)
            if server.location:
                self.send_header("Location", server.location)
            self.send_header("Content-Length", "0")
            return self.end_headers()
        first, same = 0, self.headers.get("If-Range") in (None, server.etag)
        if wanted and server.ranges and same:
            first = int(wanted.removeprefix("bytes=").rstrip("-"))
        total = len(server.body)
        if first >= total:
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{total}")
            self.send_header("Content-Length", "0")
            return self.end_headers()
        self.send_response(206 if first else 200)
        if first:
            self.send_header("Content-Range", f"bytes {first}-{total - 1}/{total}")
        if server.etag:
            self.send_header("ETag", server.etag)
        self.send_header("Content-Type", server.type)
        self.send_header("Content-Length", str(total - first))
        self.end_headers()
        end = server.cuts.pop(0) if server.cuts else total
        self.wfile.write(server.body[first:end])
        self.close_connection = True

    def log_message(self, *_):
        pass


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1,localhost")
    server = Server()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def break_off(server, path, **options):
    """Download 300,000 bytes, and no more at the second attempt; forget both requests."""
    server.cuts = [300_000, 300_000]
    with pytest.raises(DownloadError, match=r"after 300,000 of 1,024,000 .* 300,000 bytes are kept.* or a browser"):
        get(server, path, retries=0, hint="a browser")
    assert not path.exists()
    server.requests.clear()


def get(server, path, **options):
    return download(server.url, path, quiet=True, wait_seconds=0, **options)


def test_whole(server, tmp_path):
    path = tmp_path / "new" / "set.rar"
    assert get(server, path, size=len(BODY), sha256=SHA) == SHA
    assert path.read_bytes() == BODY
    assert list(path.parent.iterdir()) == [path]
    assert get(server, path, sha256=SHA) == SHA
    assert server.requests == [None]  # the second call asked for nothing


def test_a_broken_connection_is_gone_on_with(server, tmp_path):
    server.cuts = [300_000, 700_000]
    assert get(server, tmp_path / "set.rar") == SHA
    assert server.requests == [None, "bytes=300000-", "bytes=700000-"]
    assert (tmp_path / "set.rar").read_bytes() == BODY


def test_a_later_run_goes_on(server, tmp_path):
    break_off(server, tmp_path / "set.rar")
    assert get(server, tmp_path / "set.rar") == SHA
    assert server.requests == ["bytes=300000-"]


def test_killed_before_the_last_step(server, tmp_path):
    """Everything had come, and the process ended before it was verified."""
    break_off(server, tmp_path / "set.rar")
    (tmp_path / "set.rar.part").write_bytes(BODY)
    assert get(server, tmp_path / "set.rar") == SHA
    assert server.requests == ["bytes=1024000-"]


def test_a_server_without_ranges_starts_anew(server, tmp_path):
    server.ranges, server.cuts = False, [300_000]
    assert get(server, tmp_path / "set.rar") == SHA
    assert server.requests == [None, "bytes=300000-"]


@pytest.mark.parametrize("etag", ['"two"', None])
def test_a_changed_file_starts_anew(server, tmp_path, etag):
    server.etag = '"one"' if etag else None
    break_off(server, tmp_path / "set.rar")
    server.etag, server.body = etag, BODY[::-1] + b"more"  # without an ETag the size gives it away
    assert get(server, tmp_path / "set.rar") == hashlib.sha256(BODY[::-1] + b"more").hexdigest()


def test_a_rest_of_something_unknown_is_not_used(server, tmp_path):
    (tmp_path / "set.rar.part").write_bytes(b"x" * 1000)
    assert get(server, tmp_path / "set.rar") == SHA
    assert server.requests == [None]


def test_another_address_starts_anew(server, tmp_path):
    break_off(server, tmp_path / "set.rar")
    assert download(server.url + "?other", tmp_path / "set.rar", quiet=True) == SHA
    assert server.requests == [None]


def test_no_progress_for_good(server, tmp_path):
    server.cuts = [300_000] * 9
    with pytest.raises(DownloadError, match="are kept"):
        get(server, tmp_path / "set.rar", retries=2)
    assert server.requests == [None, *["bytes=300000-"] * 3]


def test_another_size(server, tmp_path):
    with pytest.raises(DownloadError, match=r"expected 5 bytes, got 1,024,000"):
        get(server, tmp_path / "set.rar", size=5)
    assert not list(tmp_path.iterdir())
    (tmp_path / "set.rar").write_bytes(b"1234")
    with pytest.raises(DownloadError, match=r"expected 5 bytes, got 4; .* remove it"):
        get(server, tmp_path / "set.rar", size=5)


def test_damaged(server, tmp_path):
    server.body = BODY[:-1] + b"?"
    with pytest.raises(DownloadError, match=f"expected SHA-256 {SHA}"):
        get(server, tmp_path / "set.rar", size=len(BODY), sha256=SHA)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("status", "words"), [(404, "HTTP 404 Not Found; .* use a browser"), (503, "HTTP 503 .*later")]
)
def test_refused(server, tmp_path, status, words):
    server.status = status
    with pytest.raises(DownloadError, match=words):
        get(server, tmp_path / "set.rar", hint="use a browser")
    assert len(server.requests) == 1
    assert not list(tmp_path.iterdir())


def test_a_web_page_is_no_archive(server, tmp_path):
    server.type = "text/html; charset=utf-8"
    with pytest.raises(DownloadError, match=r"web page; use a browser"):
        get(server, tmp_path / "set.rar", hint="use a browser")


def test_nobody_there(tmp_path, monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    server = Server()
    server.server_close()
    with pytest.raises(DownloadError, match="no connection"):
        get(server, tmp_path / "set.rar")


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://127.0.0.1/set.rar", "set.rar"])
def test_only_the_web(tmp_path, url):
    with pytest.raises(DownloadError, match="https://"):
        download(url, tmp_path / "set.rar")


def test_redirects(server, tmp_path):
    server.status, server.location = 302, "file:///etc/passwd"
    with pytest.raises(DownloadError, match="file:///etc/passwd' is not allowed"):
        get(server, tmp_path / "set.rar")


def test_no_space(server, tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(1, 1, 1000))
    with pytest.raises(DownloadError, match=r"1,024,000 .* 1,000 are free"):
        get(server, tmp_path / "set.rar")


def test_the_disk_fills_up(server, tmp_path, monkeypatch):
    class Full:
        def __init__(self, file):
            self.file = file

        def __enter__(self):
            return self

        def __exit__(self, *_):
            self.file.close()

        def seek(self, position):
            self.file.seek(position)

        def write(self, block):
            if self.file.tell() > 400_000:
                raise OSError(errno.ENOSPC, "No space left on device")
            return self.file.write(block)

    monkeypatch.setattr(module, "open", lambda *how: Full(builtins.open(*how)), raising=False)  # noqa: SIM115
    with pytest.raises(DownloadError, match=r"No space left on device\); .*resume"):
        get(server, tmp_path / "set.rar")
    monkeypatch.undo()
    assert get(server, tmp_path / "set.rar") == SHA
    assert server.requests[1].startswith("bytes=")


def test_one_progress_line_where_there_is_no_terminal(server, tmp_path, capfd):
    download(server.url, tmp_path / "set.rar")
    error = capfd.readouterr().err
    assert len(error.splitlines()) <= 1
    assert "\x1b" not in error


@pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl to make a certificate with")
def test_certificates_are_verified(server, tmp_path, monkeypatch):
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    command = (
        "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost"
    )
    subprocess.run([*command.split(), "-keyout", key, "-out", certificate], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.handle_error = lambda *_: None
    url = f"https://localhost:{server.server_port}/set.rar"
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    # what other programs advise, and what must not weaken this one
    monkeypatch.setattr(ssl, "_create_default_https_context", ssl._create_unverified_context)
    with pytest.raises(DownloadError, match=r"certificate cannot be verified .* use a browser, .* SSL_CERT_FILE"):
        download(url, tmp_path / "set.rar", quiet=True, hint="use a browser")
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    assert download(url, tmp_path / "set.rar", quiet=True) == SHA
    server.status, server.location = 302, f"http://127.0.0.1:{server.server_port}/set.rar"
    with pytest.raises(DownloadError, match="not encrypted; not followed"):
        download(url, tmp_path / "again.rar", quiet=True)
