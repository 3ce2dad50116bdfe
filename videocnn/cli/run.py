"""`videocnn evaluate`, `compare`, `predict` and `filters`: what is done with a trained network."""

from __future__ import annotations

from typing import Annotated

import typer

Model = Annotated[str, typer.Argument(help="run folder, or a .keras file", metavar="MODEL")]
Split = Annotated[str, typer.Option(help="train, val or test")]
Clips = Annotated[int, typer.Option("--clips", help="evenly spread clips of a video")]
Views = Annotated[int, typer.Option("--views", help="crops and flips of a clip, 1 to 10")]
BatchSize = Annotated[int, typer.Option(help="views that the network sees at once")]
Seed = Annotated[int, typer.Option(help="of the bootstrap")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="no progress")]


def evaluate(
    run: Annotated[str, typer.Argument(help="run folder, or a .keras file (nothing is kept then)")],
    manifest: Annotated[str, typer.Argument(help="manifest.csv, or a folder of shards")],
    split: Split = "test",
    num_clips: Clips = 20,
    num_views: Views = 4,
    batch_size: BatchSize = 32,
    short: Annotated[str, typer.Option(help="videos too short for a clip: skip | error | hold")] = "skip",
    seed: Seed = 0,
    quiet: Quiet = False,
) -> None:
    """Measure a network on a split: clip and video hit@1 and hit@5, mean AP, with intervals and chance."""
    from videocnn.evaluate import evaluate as measure
    from videocnn.tables import print_result

    options = {"num_clips": num_clips, "num_views": num_views, "batch_size": batch_size, "short": short}
    result = measure(run, manifest, split=split, seed=seed, quiet=quiet, **options)
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
    """Put runs beside each other, with paired differences, from the scores that evaluate kept."""
    from videocnn.compare import compare as put_together
    from videocnn.tables import print_comparison

    print_comparison(put_together(runs, split, average=average, seed=seed))


def predict(
    model: Model,
    videos: Annotated[list[str], typer.Argument(help="video files, and folders of them")],
    top: Annotated[int, typer.Option(help="names a file")] = 5,
    num_clips: Clips = 20,
    num_views: Views = 4,
    batch_size: BatchSize = 32,
    hold_last: Annotated[
        bool, typer.Option("--hold-last", help="repeat the last frame of a video that is too short for a clip")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="print one JSON array and nothing else")] = False,
    quiet: Quiet = False,
) -> None:
    """Name what videos show. A file that cannot be read is reported, the others are predicted; exit code 1 then."""
    from videocnn.predict import predict as name

    options = {"num_clips": num_clips, "num_views": num_views, "batch_size": batch_size, "hold_last": hold_last}
    predictions = name(model, videos, top=top, quiet=quiet or as_json, **options)
    if as_json:
        import json

        rows = [
            {"path": p.path, "labels": [{"name": n, "score": s} for n, s in p.labels], "error": p.error}
            for p in predictions
        ]
        print(json.dumps(rows, indent=2))
    for prediction in predictions:
        if prediction.error is not None:
            typer.echo(f"error: {prediction.error}", err=True)
        elif not as_json:
            lines = [prediction.path, *(f"  {100 * score:5.1f} %  {label}" for label, score in prediction.labels)]
            typer.echo("\n".join(lines))
    if any(prediction.error is not None for prediction in predictions):
        raise typer.Exit(1)


def filters(
    model: Model,
    out: Annotated[str | None, typer.Option(help="picture to write [MODEL/filters.png, or filters.png]")] = None,
) -> None:
    """Draw the filters of the first layer: fovea beside context, early and slow fusion as strips over time."""
    import os

    from videocnn.saved import load_network
    from videocnn.visualize import plot_filters, save_figure

    network = load_network(model)
    file = out or (os.path.join(model, "filters.png") if os.path.isdir(model) else "filters.png")
    save_figure(plot_filters(network), file)
    typer.echo(f"{file} shows the first layer's filters")


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    for command in (evaluate, compare, predict, filters):
        app.command()(command)
