"""A table of the paper as plain data: rows, columns and cells with our figure, its interval and the paper's figure.

It is made from run folders, and rendered as text, Markdown, CSV or HTML. Every string is literal text, never markup;
`plain` converts the table to JSON values.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from videocnn.errors import VideoCNNError
from videocnn.evaluate import Resampled

# How a value is written: its factor, its format, and what its differences are called.
UNITS = {
    "percent": (100, "{:.1f}", "points"),
    "precision": (1, "{:.2f}", "AP"),
    "change": (1, "{:+.2f}", "AP"),
    "rate": (1, "{:.1f}", "clips/s"),
    "times": (1, "{:.2f}", "times"),
    "count": (1, "{:.0f}", ""),
}


class PaperTableError(VideoCNNError):
    """A table of the paper cannot be made from these runs."""


@dataclasses.dataclass(frozen=True)
class Column:
    """One column of figures.

    Attributes:
        key: its name in `Row.cells`.
        title: its heading.
        unit: a name in `UNITS`, or `"text"`.
        paper: whether the paper has figures to stand beside ours.
    """

    key: str
    title: str
    unit: str
    paper: bool = True


@dataclasses.dataclass(frozen=True)
class Cell:
    """One figure.

    Attributes:
        value: ours; None where there is none, which is shown as a dash.
        low: lower end of its 95 % interval, or None.
        high: upper end of its 95 % interval, or None.
        paper: the paper's figure, or None.
    """

    value: float | str | None = None
    low: float | None = None
    high: float | None = None
    paper: float | None = None


@dataclasses.dataclass(frozen=True)
class Row:
    """One row.

    Attributes:
        key: its name for programs.
        label: its name for people.
        cells: by the key of the column; a column that is absent is empty.
        runs: the folders that its figures come from.
    """

    key: str
    label: str
    cells: dict[str, Cell]
    runs: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Verdict:
    """What our figures say of one claim of the paper.

    Attributes:
        claim: the claim.
        source: where the paper makes it, with its figures.
        outcome: `"supported"`, `"contradicted"` or `"cannot be tested here"`.
        basis: the figures that decide, or what is missing.
    """

    claim: str
    source: str
    outcome: str
    basis: str


@dataclasses.dataclass(frozen=True)
class PaperTable:
    """One table of the paper, ours beside it.

    Attributes:
        name: `"1"` to `"4"`, or `"speed"`.
        title: what it shows.
        label_title: heading of the rows' labels.
        columns: its columns.
        rows: its rows.
        facts: what every figure rests on (split, videos, groups, chance, seed, manifest, machine), for programs.
        notes: the same for people, and everything else that a reader must know; a line each.
        verdicts: the paper's claims that belong to it.
    """

    name: str
    title: str
    label_title: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    facts: dict[str, str | int | float]
    notes: tuple[str, ...]
    verdicts: tuple[Verdict, ...]

    def plain(self) -> dict[str, Any]:
        """Return the table as dictionaries, lists, strings and numbers."""
        return dataclasses.asdict(self)


def figure_cell(figure: Resampled | None, paper: float | None = None) -> Cell:
    """Return the cell of a figure with its interval; of no figure, one with a dash."""
    if figure is None:
        return Cell(paper=paper)
    estimate = figure.estimate()
    return Cell(*(None if np.isnan(x) else float(x) for x in dataclasses.astuple(estimate)), paper)


def shown(value: float | str | None, unit: str) -> str:
    """Return a value as people read it, without its unit; a dash for none."""
    if value is None or isinstance(value, str):
        return "-" if value is None else value
    factor, form, _ = UNITS[unit]
    return form.format(factor * value)


def shown_interval(cell: Cell, unit: str) -> str:
    """Return the interval of a cell, or nothing where it has none."""
    return "" if cell.low is None else f"[{shown(cell.low, unit)}, {shown(cell.high, unit)}]"
