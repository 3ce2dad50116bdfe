"""Make the paper's tables from run folders: our figures and intervals beside the paper's, and verdicts on its claims.

`make_table` returns plain data (`PaperTable`); `render` makes text, Markdown or CSV of it. NumPy only: nothing is run.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from videocnn.report.paper.actions import actions_table
from videocnn.report.paper.classes import classes_table
from videocnn.report.paper.networks import networks_table
from videocnn.report.paper.regimes import regimes_table
from videocnn.report.paper.rendering import print_table, render
from videocnn.report.paper.speed import speed_table
from videocnn.report.paper.table import Cell, Column, PaperTable, PaperTableError, Row, Verdict

__all__ = [
    "TABLES", "Cell", "Column", "PaperTable", "PaperTableError", "Row", "Verdict", "make_table", "print_table",
    "render",
]  # fmt: skip

TABLES = {
    "1": networks_table,
    "2": classes_table,
    "3": regimes_table,
    "4": actions_table,
    "speed": speed_table,
}


def make_table(
    name: str,
    runs: Sequence[str | os.PathLike],
    split: str = "test",
    *,
    seed: int = 0,
    ungrouped: bool = False,
) -> PaperTable:
    """Make one of the paper's tables from evaluated runs.

    Args:
        name: `"1"` (networks), `"2"` (classes), `"3"` (regimes of transfer), `"4"` (groups of UCF-101) or `"speed"`.
        runs: run folders; for tables 3 and 4 also folders of `fold1`, `fold2`, ...
        split: the split that they were evaluated on.
        seed: of the bootstrap.
        ungrouped: treat every video as its own group where the manifest names none.

    Raises:
        PaperTableError: an unknown table, or runs that do not fit it.
        VideoCNNError: a run cannot be read, or the runs were evaluated on different data.

    Example:
        >>> table = make_table("1", ["runs/single", "runs/slow"])
        >>> print(render(table, "markdown"))
    """
    if name not in TABLES:
        raise PaperTableError(f"table {name!r} is unknown; give one of {', '.join(TABLES)}")
    return TABLES[name](runs, split, seed=seed, ungrouped=ungrouped)
