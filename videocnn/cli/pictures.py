"""`videocnn filters` and `videocnn picture ...`: figures of a network's filters, evidence and results.

Every command writes one file, by default into the run folder, and says what it shows.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from videocnn.cli.run import Model

Out = Annotated[str | None, typer.Option(help="Picture to write, .png, .pdf or .svg.  [default: in the run folder]")]
Run = Annotated[str, typer.Argument(help="evaluated run folder")]
Split = Annotated[str, typer.Option(help="train, val or test")]
Source = Annotated[str, typer.Argument(help="manifest.csv, or a folder of shards")]
VideoFile = Annotated[str, typer.Argument(metavar="VIDEO", help="video file")]
Start = Annotated[int | None, typer.Option(help="First frame of the clip.  [default: the middle clip]", min=0)]

app = typer.Typer(
    no_args_is_help=True, help="Draw what a network learned, what it sees in a clip, and how well it does."
)


def filters(
    model: Model,
    out: Annotated[
        str | None, typer.Option(help="picture to write, .gif for a film of them [MODEL/filters.png, or filters.png]")
    ] = None,
) -> None:
    """Draw the filters of the first layer: fovea beside context, early and slow fusion as strips over time.

    Printed beside it: how much of them is colour, and how fine the patterns are that they look for.
    """
    from videocnn.models import load_network
    from videocnn.visualize import filter_numbers, plot_filters, save_figure, save_filter_animation

    network = load_network(model)
    file = out or _beside(model, "filters.png")
    if file.lower().endswith(".gif"):
        save_filter_animation(network, file)
    else:
        save_figure(plot_filters(network), file)
    typer.echo(f"{file} shows the first layer's filters")
    numbers = filter_numbers(network)
    typer.echo("stream      colour  cycles per pixel")
    for row in numbers:
        colour = "none" if row.colour_share is None else f"{100 * row.colour_share:.0f} %"
        typer.echo(f"{row.stream:<10}  {colour:>6}  {row.frequency:.3f}")
    colour = "none" if numbers[0].colour_share is None else "67 %"
    typer.echo(f"{'(random)':<10}  {colour:>6}  {numbers[0].random_frequency:.3f}")
    if any(row.stream == "context" for row in numbers):
        typer.echo("a pixel of the context stream is two of the clip's: halve its cycles to compare them there")


@app.command()
def clip(model: Model, video: VideoFile, start: Start = None, out: Out = None) -> None:
    """Draw a clip as the network sees it: cropped, as fovea and context, or as changes between frames."""
    from videocnn.visualize import plot_clip

    network, read = _network_and_clip(model, video, start)
    _save(plot_clip(network, read), out, _beside(model, _name("clip", video)), "the clip that the network sees")


@app.command()
def activations(
    model: Model,
    video: VideoFile,
    maps: Annotated[int, typer.Option(help="Feature maps per layer, strongest first.", min=1)] = 8,
    start: Start = None,
    out: Out = None,
) -> None:
    """Draw the strongest feature maps of each layer for a clip, over time."""
    from videocnn.visualize import plot_activations

    network, read = _network_and_clip(model, video, start)
    figure = plot_activations(network, read, num_maps=maps)
    _save(figure, out, _beside(model, _name("activations", video)), "the strongest feature maps of every layer")


@app.command()
def saliency(
    model: Model,
    video: VideoFile,
    label: Annotated[str | None, typer.Option("--class", help="Class to explain.  [default: the best one]")] = None,
    clips: Annotated[int, typer.Option(help="Clips of the curve over the video; 0 for none.", min=0)] = 20,
    start: Start = None,
    out: Out = None,
) -> None:
    """Draw a saliency map of a class over a clip, and the score of that class over the video."""
    from videocnn.visualize import plot_saliency, scores_over_time
    from videocnn.visualize import saliency as find
    from videocnn.visualize.gradients import class_names

    network, read = _network_and_clip(model, video, start)
    found = find(network, read, label)
    names, over_time = class_names(network), None
    if clips:
        spans, scores = scores_over_time(network, video, clips)
        over_time = spans, scores[:, names.index(found.class_name)]
    figure = plot_saliency(read, found, over_time, even=1 / len(names))
    _save(figure, out, _beside(model, _name("saliency", video)), f"what speaks for {found.class_name}")


@app.command()
def neighbours(
    model: Model,
    video: VideoFile,
    manifest: Source,
    split: Annotated[str, typer.Option(help="Videos to search: train, val, test or all")] = "train",
    top: Annotated[int, typer.Option(help="Neighbours to show.", min=1)] = 5,
    clips: Annotated[int, typer.Option(help="Evenly spaced clips per video; the nearest counts.", min=1)] = 3,
    other_groups: Annotated[bool, typer.Option("--other-groups", help="Exclude the video's own group.")] = False,
    start: Start = None,
    out: Out = None,
) -> None:
    """Find the videos most similar to a clip in fc7 features; the video itself is excluded."""
    from videocnn.models import load_network
    from videocnn.visualize import nearest_clips, plot_neighbours
    from videocnn.visualize.neighbours import summary

    found = nearest_clips(
        load_network(model),
        video,
        manifest,
        split=None if split == "all" else split,
        num_neighbours=top,
        num_clips=clips,
        start=start,
        other_groups=other_groups,
    )
    for neighbour in found.found:
        group = " (same group)" if neighbour.same_group else ""
        typer.echo(f"{neighbour.similarity:.3f}  {', '.join(neighbour.labels)}  {neighbour.path}{group}")
    typer.echo(summary(found))
    _save(plot_neighbours(found), out, _beside(model, _name("neighbours", video)), "the nearest clips")


@app.command()
def predictions(
    model: Model,
    manifest: Annotated[str, typer.Argument(help="manifest.csv")],
    split: Split = "test",
    count: Annotated[int, typer.Option(help="Number of randomly chosen videos.", min=1)] = 5,
    clips: Annotated[int, typer.Option(help="Evenly spaced clips per video.", min=1)] = 20,
    seed: Annotated[int, typer.Option(help="Random seed of the choice.", min=0)] = 0,
    out: Out = None,
) -> None:
    """Draw videos of a split with their top five classes, correct and incorrect ones marked (the paper's Figure 4)."""
    from videocnn.manifest import read_manifest
    from videocnn.models import load_network
    from videocnn.visualize.predictions import predict_and_plot

    figure = predict_and_plot(
        load_network(model), read_manifest(manifest), split=split, count=count, num_clips=clips, seed=seed
    )
    _save(figure, out, _beside(model, "predictions.png"), "videos and what they were taken for")


@app.command()
def confusion(
    run: Run,
    split: Split = "test",
    pairs: Annotated[int, typer.Option(help="Number of confusions to list, most frequent first.", min=0)] = 15,
    out: Out = None,
) -> None:
    """Draw the confusion matrix saved by `videocnn evaluate`."""
    from videocnn.visualize import plot_confusion

    figure = plot_confusion(run, split, num_pairs=pairs)
    _save(figure, out, _beside(run, f"confusion_{split}.png"), "which classes are taken for which")


@app.command()
def gains(
    run: Run,
    other: Annotated[str, typer.Argument(metavar="THAN", help="run folder to compare with")],
    split: Split = "test",
    top: Annotated[int, typer.Option(help="Classes at each end.", min=1)] = 10,
    seed: Annotated[int, typer.Option(help="Seed of the bootstrap.", min=0)] = 0,
    out: Out = None,
) -> None:
    """Draw the per-class gain in average precision of the first run over the second (the paper's Table 2)."""
    from videocnn.visualize import plot_gains

    figure = plot_gains(run, other, split, num_classes=top, seed=seed)
    _save(figure, out, _beside(run, f"gains_{split}.png"), "changes in average precision by class")


@app.command()
def curves(
    runs: Annotated[list[str], typer.Argument(help="run folders", metavar="RUN...")],
    over: Annotated[str, typer.Option(help="epoch | minutes")] = "epoch",
    out: Out = None,
) -> None:
    """Draw training curves: loss and clip hit@1, training and validation, of one or more runs."""
    from videocnn.visualize import plot_curves

    _save(plot_curves(runs, over=over), out, _beside(runs[0], "curves.png"), "how training went")


def _network_and_clip(model: str, video: str, start: int | None):
    from videocnn.models import clip_spec, load_network
    from videocnn.visualize import read_clip

    network = load_network(model)
    return network, read_clip(video, clip_spec(network), start=start)


def _name(kind: str, video: str) -> str:
    return f"{kind}_{Path(video).stem}.png"


def _beside(model: str, name: str) -> str:
    """Return the default path of a picture: in the run folder, or here for a separate .keras file."""
    return os.path.join(model, name) if os.path.isdir(model) else name


def _save(figure, out: str | None, default: str, shows: str) -> None:
    from videocnn.visualize import save_figure

    save_figure(figure, out or default)
    typer.echo(f"{out or default} shows {shows}")


def register(to: typer.Typer) -> None:
    """Add the commands to the application."""
    to.command()(filters)
    app.command()(filters)
    to.add_typer(app, name="picture")
