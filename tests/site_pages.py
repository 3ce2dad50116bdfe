"""The site for its tests: builds it, reads its pages as a browser would, and shows them in Chromium from 127.0.0.1.

folder = build(tmp_path)
pages = read_pages(folder)
with reading(folder) as reader, reader.open("course/", width=390) as seen:
    assert seen.overflow() <= 0
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import http.server
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import browser
import pytest

ROOT = Path(__file__).resolve().parent.parent
TUTORIALS = ROOT / "tutorials"


def build(out: Path, root: Path = ROOT) -> subprocess.CompletedProcess:
    """Build the site of a folder with `mkdocs.yml` strictly; its output is what mkdocs said."""
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(out)]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    return subprocess.run(
        command, cwd=root, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=300
    )


@dataclasses.dataclass
class Page:
    """What one HTML file holds.

    Attributes:
        path: in the site.
        ids: of its elements.
        links: addresses of its links and of the pictures, styles and scripts that it loads, as `(tag, address)`.
        pictures: `(address, alternative text)`; None where there is no text.
        text: what a reader reads.
    """

    path: str
    ids: list[str] = dataclasses.field(default_factory=list)
    links: list[tuple[str, str]] = dataclasses.field(default_factory=list)
    pictures: list[tuple[str, str | None]] = dataclasses.field(default_factory=list)
    edits: list[str] = dataclasses.field(default_factory=list)
    text: str = ""


class _Reader(HTMLParser):
    def __init__(self, page: Page):
        super().__init__()
        self.page, self.words, self.silent = page, [], 0

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        self.silent += tag in ("script", "style")
        if "id" in values:
            self.page.ids.append(values["id"])
        if tag == "a" and values.get("name", values.get("id")) != values.get("id"):
            self.page.ids.append(values["name"])
        if tag == "img":
            self.page.pictures.append((values.get("src", ""), values.get("alt")))
        if tag == "a" and values.get("rel") == "edit":
            self.page.edits.append(values["href"])
        for name in ("href", "src", "poster", "data"):
            if values.get(name):
                self.page.links.append((tag, values[name]))

    def handle_endtag(self, tag):
        self.silent -= tag in ("script", "style")

    def handle_data(self, data):
        if not self.silent:
            self.words.append(data)


def read_pages(folder: Path) -> dict[str, Page]:
    """Return all pages of a site by their path in it, such as `start/install/index.html`."""
    pages = {}
    for file in sorted(folder.rglob("*.html")):
        page = Page(file.relative_to(folder).as_posix())
        reader = _Reader(page)
        reader.feed(file.read_text(encoding="utf-8"))
        page.text = re.sub(r"\s+", " ", "".join(reader.words))
        pages[page.path] = page
    return pages


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *arguments: Any) -> None:
        pass


@dataclasses.dataclass
class Reader:
    """A browser at a site's door.

    Attributes:
        address: of the site, on this machine.
        chromium: playwright's browser.
    """

    address: str
    chromium: Any

    @contextlib.contextmanager
    def open(self, path: str, *, width: int = 1400, height: int = 900, dark: bool = False) -> Iterator[browser.Visit]:
        """Open a page as a new reader; whatever it asks other machines for is refused and noted in `requests`."""
        context = self.chromium.new_context(
            viewport={"width": width, "height": height},
            color_scheme="dark" if dark else "light",
            reduced_motion="reduce",
        )
        context.set_default_timeout(120_000)  # a busy machine is no fault of a page
        page = context.new_page()
        seen = browser.Visit(page)

        def decide(route):
            if route.request.url.startswith((self.address, "data:", "blob:")):
                route.continue_()
            else:
                seen.requests.append(route.request.url)
                route.abort()

        page.on("console", lambda m: seen.complaints.append(m.text) if m.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: seen.complaints.append(str(error)))
        page.on("response", lambda answer: answer.ok or seen.complaints.append(f"{answer.status} {answer.url}"))
        page.route("**/*", decide)
        try:
            page.goto(self.address + path, wait_until="load")
            yield seen
        finally:
            context.close()


@contextlib.contextmanager
def reading(folder: Path) -> Iterator[Reader]:
    """Serve a site to this machine alone and open a browser."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: pages are not tested")
    program = next(filter(None, map(shutil.which, browser.NAMES)), None)
    if program is None:
        pytest.skip(f"no browser ({', '.join(browser.NAMES)}): pages are not tested")
    handler = functools.partial(_Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            with playwright.sync_playwright() as driver:
                chromium = driver.chromium.launch(executable_path=program, args=list(browser.ARGUMENTS))
                try:
                    yield Reader(f"http://127.0.0.1:{server.server_port}/", chromium)
                finally:
                    chromium.close()
        finally:
            server.shutdown()
