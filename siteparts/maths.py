"""Formulas as MathML: what stands between dollars on a page is converted when the site is built, no script needed."""

import html
import logging
import re

from latex2mathml.converter import convert

log = logging.getLogger("mkdocs.hooks.maths")

FORMULA = re.compile(
    r'<(?P<tag>span|div) class="arithmatex">\s*\\(?P<open>[(\[])(?P<tex>.*?)\\[)\]]\s*</(?P=tag)>', re.DOTALL
)
# The converter passes on what it does not know; a page that shows a backslash shows a mistake.
UNKNOWN = re.compile(r"<mi>(\\[^<]*|[{}])</mi>")


def on_page_content(content, page, config, files):
    """Convert the formulas that the Markdown extension marked."""
    return FORMULA.sub(lambda match: mathml(match, page.file.src_uri), content)


def mathml(match, page):
    """Return one formula; a mistake in it is a warning, and so the end of a strict build."""
    tex = html.unescape(match["tex"]).strip()
    block = match["open"] == "["
    try:
        found = convert(tex, display="block" if block else "inline")
    except Exception as error:  # the converter's own errors share no class
        log.warning("%s: the formula %r: %s", page, tex, error or type(error).__name__)
        return match[0]
    if wrong := UNKNOWN.search(found):
        log.warning("%s: the formula %r: %s is not understood", page, tex, wrong[1])
    if not block:
        return found
    # wide formulas scroll by themselves, for the keyboard too
    return f'<div class="formula" role="region" aria-label="Formula" tabindex="0">{found}</div>'
