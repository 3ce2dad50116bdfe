"""The paper's figures on pages: `{{ TABLE_1 slow_fusion/full 1 }}` is read from `videocnn.report.paper.paper`."""

import re

from videocnn.report.paper import paper

MARK = re.compile(r"\{\{ (\w+) ([^{}]+) \}\}")
FORMATS = {"TABLE_2": "+.2f", "TABLE_4": ".2f", "SPEED": "g"}  # the others are shares, shown in percent


def on_page_markdown(markdown, page, config, files):
    """Replace every mark by the figure it names."""
    return MARK.sub(lambda match: figure(match[1], match[2]), markdown)


def figure(table, place):
    """Return one figure of a table as text; `place` is a row, or a row and a column."""
    rows = getattr(paper, table)
    if place in rows:
        value = rows[place]
    else:
        row, column = place.rsplit(" ", 1)
        value = rows[row][int(column) if column.isdigit() else column]
    if value is None:
        return "–"
    return format(value, FORMATS[table]) if table in FORMATS else f"{100 * value:.1f}"
