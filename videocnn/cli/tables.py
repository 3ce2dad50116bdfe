"""`videocnn tables`: the paper's tables with our results beside its own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def tables(
    name: Annotated[str, typer.Argument(help="1 | 2 | 3 | 4 | speed", metavar="TABLE")],
    runs: Annotated[
        list[str], typer.Argument(help="evaluated run folders; for 3 and 4 also folders of fold1, fold2, ...")
    ],
    split: Annotated[str, typer.Option(help="train, val or test")] = "test",
    form: Annotated[str, typer.Option("--format", help="text | markdown | csv")] = "text",
    out: Annotated[Path | None, typer.Option(help="file to write (an existing one is replaced)")] = None,
    seed: Annotated[int, typer.Option(help="seed of the bootstrap", min=0)] = 0,
    ungrouped: Annotated[
        bool, typer.Option("--ungrouped", help="treat every video as its own group, if the manifest has no groups")
    ] = False,
) -> None:
    """Make a table of the paper: 1 networks, 2 classes, 3 transfer, 4 groups of UCF-101, speed.

    Every figure stands beside the paper's, with a 95 % interval, and below them is what they say of its claims.
    """
    from videocnn.files import write_text
    from videocnn.report.paper import PaperTableError, make_table, print_table, render

    if form not in ("text", "markdown", "csv"):
        raise PaperTableError(f"--format: {form!r} is not one of text, markdown, csv")
    table = make_table(name, runs, split, seed=seed, ungrouped=ungrouped)
    if out is not None:
        write_text(out, render(table, form))
        typer.echo(f"{out}: table {name}")
    elif form == "text":
        print_table(table)
    else:
        typer.echo(render(table, form), nl=False)


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command()(tables)
