"""Render a table of the paper as terminal text, as Markdown, or as CSV with one line per figure.

Names of classes and runs are rendered literally: nothing in them is interpreted as markup.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from videocnn.report.paper.table import Cell, Column, PaperTable, PaperTableError, shown, shown_interval

WIDTH = 160  # characters of a text file's line, before it is folded
VERDICTS = ("what the paper says", "where", "here", "by")


def render(table: PaperTable, form: str = "text") -> str:
    """Return a table as text, ready for a file.

    Args:
        table: the table.
        form: `"text"`, `"markdown"` or `"csv"`.

    Raises:
        PaperTableError: the form is unknown.
    """
    if form == "text":
        console = Console(file=io.StringIO(), width=WIDTH, color_system=None, force_terminal=False)
        print_table(table, console=console)
        return "\n".join(line.rstrip() for line in console.file.getvalue().splitlines()) + "\n"
    if form not in ("markdown", "csv"):
        raise PaperTableError(f"--format: {form!r} is not one of text, markdown, csv")
    return as_markdown(table) if form == "markdown" else as_csv(table)


def headings(table: PaperTable) -> list[str]:
    """Return the headings of all columns as they are shown: ours, and the paper's beside it."""
    return [
        heading
        for column in table.columns
        for heading in ((column.title, "paper") if column.paper else (column.title,))
    ]


def values(table: PaperTable, cells: dict[str, Cell], between: str) -> list[str]:
    """Return the shown values of one row, figure and interval with `between` between them."""
    result = []
    for column in table.columns:
        cell = cells.get(column.key)
        result.append("" if cell is None else joined(cell, column, between))
        if column.paper:
            result.append("" if cell is None or cell.paper is None else shown(cell.paper, column.unit))
    return result


def joined(cell: Cell, column: Column, between: str) -> str:
    """Return a figure with its interval."""
    interval = shown_interval(cell, column.unit)
    return shown(cell.value, column.unit) + (between + interval if interval else "")


def print_table(table: PaperTable, *, console: Console | None = None) -> None:
    """Print the figures, what they rest on, and the verdicts.

    Intervals are folded where the console is too narrow for them; where that is not enough, lines get longer than it.
    """
    console = console or Console()
    unlimited = console.options.update(max_width=10_000)  # a measurement is cut at the width of the console otherwise
    figures = text_figures(table, whole=True)
    if Measurement.get(console, unlimited, figures).minimum > console.width:
        figures = text_figures(table, whole=False)
        console.width = max(console.width, Measurement.get(console, unlimited, figures).minimum)
    console.print(figures)
    for note in table.notes:
        console.print(Text(note))
    if table.verdicts:
        claims = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
        for heading in VERDICTS:
            claims.add_column(heading, overflow="fold")
        for verdict in table.verdicts:
            claims.add_row(*map(Text, (verdict.claim, verdict.source, verdict.outcome, verdict.basis)))
        console.print(claims)


def text_figures(table: PaperTable, *, whole: bool) -> Table:
    """Return the figures as a table of rich; intervals are folded at their comma unless they stay `whole`."""
    figures = Table(title=Text(table.title), title_justify="left", box=SIMPLE_HEAD, padding=0, pad_edge=False)
    figures.add_column(Text(table.label_title), overflow="fold", min_width=12)
    for heading in headings(table):
        figures.add_column(Text(heading.replace(" ", "\n")), justify="right", no_wrap=True)
    for row in table.rows:
        shown_values = values(table, row.cells, "\n")
        figures.add_row(Text(row.label), *(Text(v if whole else v.replace(", ", ",\n")) for v in shown_values))
    return figures


def as_markdown(table: PaperTable) -> str:
    """Return Markdown with the tables of GitHub's dialect."""
    aligned = ["---", *["---:"] * len(headings(table))]
    lines = [
        f"### {escaped(table.title)}",
        "",
        line([table.label_title, *headings(table)]),
        f"| {' | '.join(aligned)} |",
        *(line([row.label, *values(table, row.cells, " ")]) for row in table.rows),
        "",
        *(f"- {escaped(note)}" for note in table.notes),
    ]
    if table.verdicts:
        lines += ["", line(VERDICTS), f"|{' --- |' * len(VERDICTS)}"]
        lines += [line((v.claim, v.source, v.outcome, v.basis)) for v in table.verdicts]
    return "\n".join(lines) + "\n"


def line(texts: Iterable[str]) -> str:
    """Return one row of a Markdown table."""
    return f"| {' | '.join(map(escaped, texts))} |"


def escaped(text: str) -> str:
    """Return text that Markdown shows as it is inside a line: signs of markup and of links get a backslash."""
    return re.sub(r"([\\`*_\[\]<>|~&$@]|:(?=//)|(?<=www)\.)", r"\\\1", " ".join(text.split()))


def as_csv(table: PaperTable) -> str:
    """Return CSV: a line for each figure, verdict and note; shares, not percentages; facts repeated on every line."""
    columns = ["table", "kind", "row", "column", "value", "low", "high", "paper", "unit", "text", "runs", *table.facts]
    stream = io.StringIO()
    writer = csv.DictWriter(stream, columns, restval="", lineterminator="\n")
    writer.writeheader()
    common = {"table": table.name, **table.facts}
    for row in table.rows:
        for column in table.columns:
            cell = row.cells.get(column.key)
            if cell is None:
                continue
            text = isinstance(cell.value, str)
            figure = {"value": "" if text else cell.value, "text": cell.value if text else ""}
            place = {"kind": "figure", "row": row.label, "column": column.key, "unit": column.unit}
            ends = {"low": cell.low, "high": cell.high, "paper": cell.paper, "runs": " | ".join(row.runs)}
            writer.writerow({**common, **place, **figure, **ends})
    for verdict in table.verdicts:
        place = {"kind": "verdict", "row": verdict.claim, "column": verdict.outcome}
        writer.writerow({**common, **place, "text": f"{verdict.basis} ({verdict.source})"})
    for note in table.notes:
        writer.writerow({**common, "kind": "note", "text": note})
    return stream.getvalue()
