"""`videocnn report`: an HTML report of one or more runs."""

from __future__ import annotations

from typing import Annotated

import typer


def report(
    runs: Annotated[
        list[str],
        typer.Argument(help="run folders, or folders of fold1, fold2, ..., in display order"),
    ],
    out: Annotated[str, typer.Option(help="HTML file to write")] = "report.html",
    split: Annotated[str | None, typer.Option(help="split to report [test, if evaluated]")] = None,
    examples: Annotated[int, typer.Option(help="example videos per run")] = 6,
    seed: Annotated[int, typer.Option(help="seed of the bootstrap")] = 0,
    ungrouped: Annotated[
        bool, typer.Option("--ungrouped", help="treat every video as its own group, if the manifest has no groups")
    ] = False,
) -> None:
    """Write one page about runs: figures beside chance, the paper's tables, curves, confusions, filters, examples."""
    from videocnn.report import write_report

    file = write_report(runs, out, split=split, num_examples=examples, seed=seed, ungrouped=ungrouped)
    typer.echo(f"{file}: open it in a browser; it needs no network")


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command()(report)
