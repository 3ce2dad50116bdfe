"""`videocnn evaluate` and `compare`: measure trained networks."""

from __future__ import annotations

from typing import Annotated

import typer

Model = Annotated[str, typer.Argument(help="run folder, or a .keras file", metavar="MODEL")]
Split = Annotated[str, typer.Option(help="train, val or test")]
Clips = Annotated[int, typer.Option("--clips", help="evenly spaced clips per video")]
Views = Annotated[int, typer.Option("--views", help="crops and flips per clip, 1 to 10")]
BatchSize = Annotated[int, typer.Option(help="views per batch")]
Seed = Annotated[int, typer.Option(help="seed of the bootstrap")]
Gpus = Annotated[
    str | None, typer.Option("--gpus", metavar="N|all", help="split every batch across N GPUs [one device]")
]
Logical = Annotated[
    int | None,
    typer.Option("--logical", metavar="N", help="split the processor into N devices, to try several without a GPU"),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="show no progress")]


def evaluate(
    run: Annotated[str, typer.Argument(help="run folder, or a .keras file (results are then only printed)")],
    manifest: Annotated[str, typer.Argument(help="manifest.csv, or a folder of shards")],
    split: Split = "test",
    num_clips: Clips = 20,
    num_views: Views = 4,
    batch_size: BatchSize = 32,
    short: Annotated[str, typer.Option(help="videos too short for a clip: skip | error | hold")] = "skip",
    gpus: Gpus = None,
    logical: Logical = None,
    seed: Seed = 0,
    quiet: Quiet = False,
) -> None:
    """Evaluate a network on a split: clip and video hit@1 and hit@5, mean AP, with intervals and chance."""
    from videocnn.evaluate import evaluate as measure
    from videocnn.evaluate import print_result

    options = {"num_clips": num_clips, "num_views": num_views, "batch_size": batch_size, "short": short}
    result = measure(run, manifest, split=split, gpus=gpus, logical=logical, seed=seed, quiet=quiet, **options)
    if quiet:
        print_result(result)


def compare(
    runs: Annotated[list[str], typer.Argument(help="run folders that were evaluated on the same split")],
    split: Split = "test",
    average: Annotated[
        bool, typer.Option("--average", help="also the mean of their probabilities (the paper's CNN average)")
    ] = False,
    seed: Seed = 0,
) -> None:
    """Compare runs, with paired differences, from the scores saved by evaluate."""
    from videocnn.evaluate import compare as put_together
    from videocnn.evaluate import print_comparison

    print_comparison(put_together(runs, split, average=average, seed=seed))


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    for command in (evaluate, compare):
        app.command()(command)
