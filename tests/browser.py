"""Pages in a real browser: opens a file in headless Chromium and notes its complaints and what it asks the network for.

    with visit(tmp_path / "page.html", width=390, height=800) as seen:
        seen.page.click("button")
    assert seen.complaints == []
    assert seen.requests == []

Where there is no Chromium, or no playwright to drive it, the test is skipped and says so.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@dataclasses.dataclass
class Visit:
    """One opened page.

    Attributes:
        page: playwright's page.
        complaints: errors and warnings of the console, errors of scripts.
        requests: addresses that the page asked for, apart from itself and from data that it holds.
        dialogs: texts of alerts and the like.
    """

    page: Any
    complaints: list[str] = dataclasses.field(default_factory=list)
    requests: list[str] = dataclasses.field(default_factory=list)
    dialogs: list[str] = dataclasses.field(default_factory=list)

    def overflow(self) -> int:
        """Return by how many pixels the page is wider than the window."""
        return self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")


def violations(seen: Visit) -> list[tuple[str, str, str]]:
    """Return what axe finds on an opened page, its advice included: rule, element, what to do; skip without axe."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed")
    found = axe.Axe().run(seen.page).response
    assert len(found["passes"]) > 10
    return [(v["id"], n["html"][:200], n["failureSummary"]) for v in found["violations"] for n in v["nodes"][:5]]


@contextlib.contextmanager
def visit(
    path: str | Path, *, width: int = 1200, height: int = 900, dark: bool = False, scripts: bool = True
) -> Iterator[Visit]:
    """Open a file in Chromium.

    Args:
        path: the HTML file.
        width: of the window, in CSS pixels.
        height: likewise.
        dark: as a reader who prefers dark pages.
        scripts: whether JavaScript runs.
    """
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: pages are not tested")
    browser = next(filter(None, map(shutil.which, NAMES)), None)
    if browser is None:
        pytest.skip(f"no browser ({', '.join(NAMES)}): pages are not tested")
    address = Path(os.path.abspath(path)).as_uri()
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=browser, args=list(ARGUMENTS), timeout=120_000)
        try:
            page = chromium.new_page(
                viewport={"width": width, "height": height},
                color_scheme="dark" if dark else "light",
                java_script_enabled=scripts,
            )
            page.set_default_timeout(120_000)  # a busy machine is no fault of a page
            seen = Visit(page)
            page.on("console", lambda m: seen.complaints.append(m.text) if m.type in ("error", "warning") else None)
            page.on("pageerror", lambda error: seen.complaints.append(str(error)))
            page.on("request", lambda request: note(request.url, address, seen))
            page.on("dialog", lambda dialog: (seen.dialogs.append(dialog.message), dialog.dismiss()))
            page.goto(address)
            yield seen
        finally:
            chromium.close()


def note(url: str, address: str, seen: Visit) -> None:
    """Remember a request, unless it is for the page itself or for data that it holds."""
    if not url.startswith(("data:", "blob:")) and url.split("#")[0] != address:
        seen.requests.append(url)


def wait_until(page, expression: str, seconds: float = 60) -> None:
    """Wait until an expression holds; Playwright's own waiting evaluates strings, which the pages' policy forbids."""
    end = time.monotonic() + seconds
    while not page.evaluate(expression):
        assert time.monotonic() < end, f"{expression} does not come true"
        time.sleep(0.05)
