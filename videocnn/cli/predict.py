"""`videocnn predict`: class probabilities of whole videos, or over time."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from videocnn.cli.run import BatchSize, Clips, Model, Quiet, Views

TIMELINE = "with --timeline: "
SAMPLING = {"num_clips": "--clips", "num_views": "--views"}
ALONG = {"out": "--out", "step": "--step", "link": "--link", "embed_limit": "--embed-limit"}


def predict(
    context: typer.Context,
    model: Model,
    videos: Annotated[list[str], typer.Argument(help="video files, and folders of them")],
    top: Annotated[
        int | None, typer.Option(help="class names per file [5]; " + TIMELINE + "classes [table: all, curves: 5]")
    ] = None,
    num_clips: Clips = 20,
    num_views: Views = 4,
    batch_size: BatchSize = 32,
    hold_last: Annotated[
        bool, typer.Option("--hold-last", help="pad videos too short for a clip by repeating the last frame")
    ] = False,
    timeline: Annotated[
        bool, typer.Option("--timeline", help="scores over time: CSV, JSON, picture and a page with the video")
    ] = False,
    out: Annotated[str, typer.Option(help=TIMELINE + "output folder")] = "timelines",
    step: Annotated[float, typer.Option(help=TIMELINE + "seconds from one clip to the next")] = 0.5,
    link: Annotated[bool, typer.Option("--link", help=TIMELINE + "link to the video instead of embedding it")] = False,
    embed_limit: Annotated[float, typer.Option(help=TIMELINE + "largest video to embed, in MiB")] = 16.0,
    as_json: Annotated[bool, typer.Option("--json", help="print one JSON array and nothing else")] = False,
    quiet: Quiet = False,
) -> None:
    """Classify videos. Unreadable files are reported, the others are still predicted, and the exit code is 1."""
    refuse_unused(context, SAMPLING if timeline else ALONG, timeline=timeline)
    shared = {"batch_size": batch_size, "hold_last": hold_last, "quiet": quiet or as_json}
    if timeline:
        from videocnn.report import predict_timelines

        options = {"step_seconds": step, "top": top, "link": link, "embed_limit": embed_limit}
        results = predict_timelines(model, videos, out, **options, **shared)
        rows = [{"path": r.path, "files": list(r.files), "error": r.error} for r in results]
        texts = ["\n  ".join((r.path, *r.files)) for r in results]
    else:
        from videocnn.predict import predict as name

        results = name(model, videos, top=5 if top is None else top, num_clips=num_clips, num_views=num_views, **shared)
        rows = [
            {"path": r.path, "labels": [{"name": n, "score": s} for n, s in r.labels], "error": r.error}
            for r in results
        ]
        texts = [
            "\n".join((r.path, *(f"  {100 * score:5.1f} %  {label}" for label, score in r.labels))) for r in results
        ]
    show(rows, texts, as_json=as_json)


def refuse_unused(context: typer.Context, options: dict[str, str], *, timeline: bool) -> None:
    """Raise `PredictError` for an option that has no effect in the chosen mode."""
    from videocnn.predict import PredictError

    for name, option in options.items():
        if context.get_parameter_source(name).name == "COMMANDLINE":
            mend = "a timeline has one view of one clip every --step seconds" if timeline else "add --timeline"
            raise PredictError(f"{option} changes nothing {'with' if timeline else 'without'} --timeline; {mend}")


def show(rows: list[dict[str, Any]], texts: list[str], *, as_json: bool) -> None:
    """Print results and errors; end with exit code 1 if there is an error."""
    if as_json:
        import json

        print(json.dumps(rows, indent=2))
    for row, text in zip(rows, texts, strict=True):
        if row["error"] is not None:
            typer.echo(f"error: {row['error']}", err=True)
        if not as_json and (row["error"] is None or row.get("files")):
            typer.echo(text)
    if any(row["error"] is not None for row in rows):
        raise typer.Exit(1)


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command()(predict)
