"""Render HTML pages: autoescaped templates, styles, embedded images and a strict content security policy.

Names of classes and files are always escaped. A page can only run its own script, whose hash is in the content security
policy, so that even with a mistake in a template a label could not be executed.
"""

from __future__ import annotations

import base64
import dataclasses
import functools
import hashlib
import io
import math
import re
from importlib import resources
from typing import Any

import jinja2
from markupsafe import Markup, escape
from matplotlib.figure import Figure

from videocnn import __version__


@dataclasses.dataclass(frozen=True)
class Picture:
    """An image embedded in a page.

    Attributes:
        source: data URI of the image.
        name: short name, unique on the page.
        text: alternative text.
        width: width in CSS pixels at full size.
        height: height in CSS pixels at full size.
    """

    source: str
    name: str
    text: str
    width: int
    height: int


def render(template: str, *, title: str, script: str | None = None, media: str = "data:", **values: Any) -> str:
    """Render a page as HTML, to be written in UTF-8.

    Args:
        template: name of a template that extends `page.html`.
        title: title of the document.
        script: file name of the page's script, if any.
        media: allowed sources of videos, as in a content security policy.
        **values: variables of the template; all text is escaped.
    """
    code = "" if script is None else part(script)
    digest = base64.b64encode(hashlib.sha256(code.encode("utf-8")).digest()).decode("ascii")
    policy = (
        f"default-src 'none'; img-src data:; media-src {media}; style-src 'unsafe-inline'; "
        f"script-src {repr('sha256-' + digest) if code else repr('none')}; base-uri 'none'; form-action 'none'"
    )
    html = (
        environment()
        .get_template(template)
        .render(title=title, policy=policy, style=part("page.css"), script=code, version=__version__, **values)
    )
    # Bytes of a file name that are not valid UTF-8 appear as replacement characters.
    return html.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


@functools.cache
def environment() -> jinja2.Environment:
    """Return the template environment; undefined variables raise an error."""
    found = jinja2.Environment(
        loader=jinja2.FunctionLoader(part),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    # NaN is not valid JSON and would break the page in the browser.
    found.policies["json.dumps_kwargs"] = {"allow_nan": False, "sort_keys": False, "separators": (",", ":")}
    found.filters |= {"percent": percent, "clock": clock, "size": size, "prose": prose}
    return found


def part(name: str) -> str:
    """Return the text of a file in the templates folder."""
    return (resources.files("videocnn.report.html") / "templates" / name).read_text(encoding="utf-8")


def picture(figure: Figure, name: str, text: str, *, dpi: int = 144) -> Picture:
    """Return a figure as an embedded image; 144 dpi keeps it sharp on phones."""
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=dpi, facecolor="white")
    width, height = (round(96 * inches) for inches in figure.get_size_inches())
    return Picture(data_uri(content.getvalue(), "image/png"), name, text, width, height)


def data_uri(content: bytes, kind: str) -> str:
    """Return bytes as a data URI."""
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"


def percent(value: float | None, digits: int = 1) -> str:
    """Format a fraction as a percentage, or a dash if there is no value."""
    return "–" if value is None or math.isnan(value) else f"{100 * value:.{digits}f} %"


def clock(seconds: float, digits: int = 1) -> str:
    """Format a time as video players do: `1:02.5`, `1:00:02.5`."""
    units = round(seconds * 10**digits)
    whole, rest = divmod(units, 10**digits)
    minutes, second = divmod(whole, 60)
    hours, minute = divmod(minutes, 60)
    text = f"{hours}:{minute:02d}:{second:02d}" if hours else f"{minute}:{second:02d}"
    return f"{text}.{rest:0{digits}d}" if digits else text


def size(num_bytes: int) -> str:
    """Format a number of bytes for display."""
    if num_bytes < 2**20:
        return f"{math.ceil(num_bytes / 1024)} KiB"
    return f"{num_bytes / 2**20:.1f} MiB"


def prose(text: str) -> Markup:
    """Return one of the package's own sentences as HTML, with text in backticks as code."""
    parts = re.split("`([^`]*)`", text)
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if number % 2 else escape(part) for number, part in enumerate(parts)
    )
