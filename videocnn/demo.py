"""`videocnn demo`: the whole workflow in a few minutes, on rendered toy videos.

Toy videos -> shards -> two networks trained -> evaluation -> one table -> pictures -> the labels of one file. The toy
classes come in pairs; three pairs differ by motion alone, so that the paper's question (section 3.1: what does a
network gain that sees several frames?) has an answer that can be read off the last table.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from videocnn.datasets.toy import MOTION_PAIRS, PAIRS, make_toy
from videocnn.errors import VideoCNNError
from videocnn.evaluate import Estimate, Scores, compare, estimate, evaluate, mean_of, print_comparison, read_scores
from videocnn.manifest import Manifest, read_manifest
from videocnn.models import clip_spec, load_network
from videocnn.predict import predict
from videocnn.report import write_report
from videocnn.shards import write_shards
from videocnn.train import train
from videocnn.visualize import plot_curves, plot_filters, plot_predictions, save_figure
from videocnn.visualize.predictions import film_strip

NETWORKS = ("single_frame", "slow_fusion")
TRAINING = {"recipe": "modern", "width": 0.25, "frame_size": 80, "dtype": "bfloat16", "cache": True}
PICTURED = 5


class DemoError(VideoCNNError):
    """The demo cannot write where it was asked to."""


def demo(out: str | os.PathLike, *, minutes: float = 1.25, overwrite: bool = False, seed: int = 0) -> dict[str, Any]:
    """Run the whole workflow on toy videos, printing the equivalent command before each step.

    Args:
        out: output folder.
        minutes: training time of each of the two networks.
        overwrite: replace an earlier demo in `out`.
        seed: of the videos and of the training.

    Returns:
        For each pair of classes and each network the share of the pair's test videos told apart: an `Estimate`.

    Raises:
        DemoError: `out` holds something already.
    """
    out, console = Path(out), Console()
    clear(out, overwrite=overwrite)

    step(console, f"videocnn data toy --out {out}/toy --seed {seed}")
    manifest = make_toy(out / "toy", seed=seed)
    step(console, f"videocnn shard {out}/toy/manifest.csv {out}/shards --size 96")
    write_shards(manifest, out / "shards", frame_size=(96, 96))

    options = " ".join(
        f"--{key.replace('_', '-')}{'' if value is True else f' {value}'}" for key, value in TRAINING.items()
    )
    runs = [out / name for name in NETWORKS]
    for name, run in zip(NETWORKS, runs, strict=True):
        step(console, f"videocnn train {out}/shards --out {run} --model {name} --minutes {minutes:g} {options}")
        train(out / "shards", run, model=name, minutes=minutes, seed=seed, **TRAINING)
    for run in runs:
        step(console, f"videocnn evaluate {run} {out}/shards --clips 5 --views 2")
        evaluate(run, out / "shards", num_clips=5, num_views=2, quiet=True)
    step(console, f"videocnn compare {runs[0]} {runs[1]} --average")
    print_comparison(compare(runs, average=True))
    result = {run.name: pair_figures(read_scores(run, "test")) for run in runs}
    print_pairs(console, result)

    test = [manifest.file(video) for video in read_manifest(out / "toy" / "manifest.csv").select("test").videos]
    step(console, f"videocnn predict {runs[1]}/model.keras {test[0]} --clips 5")
    (prediction,) = predict(runs[1] / "model.keras", test[0], num_clips=5)
    for label, score in prediction.labels:
        console.print(f"  {100 * score:5.1f} %  {label}", markup=False, highlight=False)
    draw(out, runs, manifest)
    step(console, f"videocnn report {runs[0]} {runs[1]} --out {out}/report.html")
    write_report(runs, out / "report.html")
    console.print(
        f"\n{out}/toy: videos and manifest.csv\n{out}/shards: the same videos, faster to read\n"
        f"{runs[0]}, {runs[1]}: networks, histories, scores\n"
        f"{out}/filters.png, predictions.png, curves.png: first-layer filters, predictions, training curves\n"
        f"{out}/report.html: all of it on one page",
        highlight=False,
    )
    return result


def clear(out: Path, *, overwrite: bool) -> None:
    """Empty the output folder; only files written by an earlier demo are removed."""
    if not out.is_dir() or not any(out.iterdir()):
        return
    ours = {"toy", "shards", *NETWORKS, "filters.png", "predictions.png", "curves.png", "report.html"}
    foreign = sorted(path.name for path in out.iterdir() if path.name not in ours)
    if foreign:
        raise DemoError(f"{out}: holds {foreign[0]}, which no demo wrote; give --out another folder")
    if not overwrite:
        raise DemoError(f"{out}: holds an earlier demo; replace it with --overwrite or give --out another folder")
    for path in out.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def step(console: Console, command: str) -> None:
    """Print the command equivalent to the next step."""
    console.print(f"\n$ {command}", style="bold", markup=False, highlight=False, soft_wrap=True)


def pair_figures(scores: Scores) -> dict[str, Estimate]:
    """Return, for each pair of toy classes, the share of its videos for which the true one of the two scores higher."""
    figures = {}
    for pair, names in PAIRS.items():
        columns = [scores.class_names.index(name) for name in names]
        rows = np.flatnonzero(scores.labels[:, columns].any(axis=1))
        right = scores.video_scores[rows][:, columns].argmax(axis=1) == scores.labels[rows][:, columns].argmax(axis=1)
        figures[pair] = estimate(mean_of(right.astype(float)), [scores.groups[row] for row in rows])
    return figures


def print_pairs(console: Console, result: dict[str, dict[str, Estimate]]) -> None:
    """Show how well each network tells the two classes of a pair apart."""
    table = Table(title="Told apart within a pair, % of test videos [95 % interval]; chance 50")
    for column in ("pair", "differs by", *result):
        table.add_column(column)
    for pair, names in PAIRS.items():
        cells = [
            f"{100 * figure.value:.0f} [{100 * figure.low:.0f}, {100 * figure.high:.0f}]"
            for figure in (figures[pair] for figures in result.values())
        ]
        table.add_row(" / ".join(names), "motion alone" if pair in MOTION_PAIRS else pair, *cells)
    console.print(table)


def draw(out: Path, runs: list[Path], manifest: Manifest) -> None:
    """Write the three figures."""
    network = load_network(runs[1])
    save_figure(plot_filters(network), out / "filters.png")
    save_figure(plot_curves(runs, over="minutes"), out / "curves.png")
    spec, videos = clip_spec(network), manifest.select("test").videos
    chosen = [video for video in videos if video.num_frames >= spec.span][:: max(1, len(videos) // PICTURED)][:PICTURED]
    files = [manifest.file(video) for video in chosen]
    predictions = predict(network, files, num_clips=5)
    strips = [film_strip(file, spec) for file in files]
    figure = plot_predictions(strips, [p.labels for p in predictions], [video.labels for video in chosen])
    save_figure(figure, out / "predictions.png")
