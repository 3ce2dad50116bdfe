"""What all pages share: templates that escape every text, style, pictures as data, a policy that loads nothing.

Names of classes and files are text wherever they appear. A page may run its own script and no other (its hash is in
the page's content security policy), so that even a mistake in a template could not make a label run.
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
    """A picture that is part of a page.

    Attributes:
        source: its data URI.
        name: what it is, in a few words; no other part of the page is called so.
        text: what it shows, for those who do not see it.
        width: in CSS pixels at full size.
        height: likewise.
    """

    source: str
    name: str
    text: str
    width: int
    height: int


def render(template: str, *, title: str, script: str | None = None, media: str = "data:", **values: Any) -> str:
    """Return a page as HTML, ready to be written in UTF-8.

    Args:
        template: name of a template that extends `page.html`.
        title: of the document.
        script: name of the script file that the page runs, if any.
        media: where videos may come from, as in a content security policy.
        **values: what the template asks for; every text is escaped.
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
    # Bytes of a file name that are no UTF-8 are shown as a question mark in a box.
    return html.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


@functools.cache
def environment() -> jinja2.Environment:
    """Return the templates; an unknown name in one of them is an error."""
    found = jinja2.Environment(
        loader=jinja2.FunctionLoader(part),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    # NaN is no JSON; a page must not break in the browser over it.
    found.policies["json.dumps_kwargs"] = {"allow_nan": False, "sort_keys": False, "separators": (",", ":")}
    found.filters |= {"percent": percent, "clock": clock, "size": size, "prose": prose}
    return found


def part(name: str) -> str:
    """Return the text of a file beside the templates."""
    return (resources.files("videocnn.report.html") / "templates" / name).read_text(encoding="utf-8")


def picture(figure: Figure, name: str, text: str, *, dpi: int = 144) -> Picture:
    """Return a figure as a picture of a page; at 144 dpi it is sharp on a telephone."""
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=dpi, facecolor="white")
    width, height = (round(96 * inches) for inches in figure.get_size_inches())
    return Picture(data_uri(content.getvalue(), "image/png"), name, text, width, height)


def data_uri(content: bytes, kind: str) -> str:
    """Return bytes as an address that holds them."""
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"


def percent(value: float | None, digits: int = 1) -> str:
    """Return a share as a percentage, a dash where there is none."""
    return "–" if value is None or math.isnan(value) else f"{100 * value:.{digits}f} %"


def clock(seconds: float, digits: int = 1) -> str:
    """Return a time as a player shows it: `1:02.5`, `1:00:02.5`."""
    units = round(seconds * 10**digits)
    whole, rest = divmod(units, 10**digits)
    minutes, second = divmod(whole, 60)
    hours, minute = divmod(minutes, 60)
    text = f"{hours}:{minute:02d}:{second:02d}" if hours else f"{minute}:{second:02d}"
    return f"{text}.{rest:0{digits}d}" if digits else text


def size(num_bytes: int) -> str:
    """Return a number of bytes for people."""
    if num_bytes < 2**20:
        return f"{math.ceil(num_bytes / 1024)} KiB"
    return f"{num_bytes / 2**20:.1f} MiB"


def prose(text: str) -> Markup:
    """Return a sentence of the package's own as HTML: what stands between backticks is a command."""
    parts = re.split("`([^`]*)`", text)
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if number % 2 else escape(part) for number, part in enumerate(parts)
    )
