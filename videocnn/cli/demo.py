"""`videocnn demo`: the whole workflow on rendered toy videos."""

from __future__ import annotations

from typing import Annotated

import typer


def demo(
    out: Annotated[str, typer.Option(help="output folder")] = "demo",
    minutes: Annotated[float, typer.Option(help="training time per network, in minutes")] = 1.25,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="replace an earlier demo")] = False,
    seed: Annotated[int, typer.Option(help="random seed of videos and training")] = 0,
) -> None:
    """Render toy videos, train two networks, compare them, predict: minutes on two cores, no download."""
    from videocnn.demo import demo as run

    run(out, minutes=minutes, overwrite=overwrite, seed=seed)


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command()(demo)
