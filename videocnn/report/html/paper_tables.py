"""Prepare the paper's tables for a page: turns a `PaperTable` into texts for the template.

Our figure and the paper's share one column heading, so that screen readers announce both.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterator
from typing import Any

from videocnn.evaluate.printing import counted
from videocnn.report.paper import Cell, Column, PaperTable
from videocnn.report.paper.claims import CONTRADICTED, OPEN, SUPPORTED
from videocnn.report.paper.table import shown, shown_interval

TITLES = {
    "1": "Table 1, networks and streams",
    "2": "Table 2, classes that gain and lose",
    "3": "Table 3, regimes of transfer",
    "4": "Table 4, groups of UCF-101",
    "speed": "Speed",
}


def table_view(table: PaperTable) -> dict[str, Any]:
    """Return the variables of the template `paper_table.html` for a table, as plain text."""
    return {
        "name": table.name,
        "title": TITLES[table.name],
        "caption": caption(table),
        "label_title": table.label_title,
        "columns": [{"title": c.title, "paper": c.paper, "number": c.unit != "text"} for c in table.columns],
        "both": any(column.paper for column in table.columns),
        "rows": [{"label": row.label, "cells": list(cell_views(table, row.cells))} for row in table.rows],
        "verdicts": [dataclasses.asdict(v) | {"decided": v.outcome != OPEN} for v in table.verdicts],
        "tally": tally(table),
        "notes": table.notes,
    }


def caption(table: PaperTable) -> str:
    """Return the title and the evaluation protocol of the table; for speeds, also the machine."""
    facts = table.facts
    text = (
        f"{table.title}. Ours: split {facts['split']}, {counted(facts['videos'], 'video')} in "
        f"{counted(facts['groups'], 'group')}, {facts['classes']} classes; below a figure its 95 % interval"
    )
    return f"{text}. Trained on {facts['machine']}" if any(c.unit == "rate" for c in table.columns) else text


def cell_views(table: PaperTable, cells: dict[str, Cell]) -> Iterator[dict[str, Any]]:
    """Yield the cells of one row from left to right: ours, followed by the paper's if the column has both."""
    for column in table.columns:
        cell = cells.get(column.key)
        yield {
            "text": "" if cell is None else dash(cell.value, column),
            "interval": "" if cell is None else shown_interval(cell, column.unit),
            "number": column.unit != "text",
        }
        if column.paper:
            text = "" if cell is None or cell.paper is None else shown(cell.paper, column.unit)
            yield {"text": text, "interval": "", "number": True}


def dash(value: float | str | None, column: Column) -> str:
    """Format a value for display."""
    return "–" if value is None else shown(value, column.unit)


def tally(table: PaperTable) -> str:
    """Return the number of claims per outcome, in words."""
    outcomes = Counter(verdict.outcome for verdict in table.verdicts)
    return ", ".join(f"{outcomes[name]} {name}" for name in (SUPPORTED, CONTRADICTED, OPEN) if outcomes[name])
