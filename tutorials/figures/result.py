"""Train two networks on toy videos and draw what each of them makes of motion: README's picture of a result.

    python tutorials/figures/result.py          # about five minutes on two cores; writes result.png beside this script

Toy videos, shards, training, evaluation and picture all come from the package, with fixed seeds. In three pairs of
toy classes a single frame holds no evidence (section 3.1 of the paper asks what a network gains from several), so
Single-Frame can only guess between the two. The videos shown are drawn at random, one from each pair.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from videocnn.datasets.toy import MOTION_PAIRS, PAIRS, make_toy
from videocnn.demo import pair_figures
from videocnn.evaluate import Estimate, Scores, evaluate, read_scores
from videocnn.models import clip_spec, load_network
from videocnn.shards import write_shards
from videocnn.train import train
from videocnn.visualize.canvas import BLUE, GREY, ORANGE
from videocnn.visualize.predictions import film_strip

NETWORKS = {"single_frame": "Single-Frame", "slow_fusion": "Slow Fusion"}
TRAINING = {"recipe": "modern", "width": 0.25, "frame_size": 80, "dtype": "bfloat16", "cache": True}
INK, LETTERS = "#1d2129", 11


def train_and_evaluate(work: Path, epochs: int, groups_per_class: int) -> None:
    """Render the toy videos and train and evaluate both networks, each in a run folder below `work`."""
    manifest = make_toy(work / "toy", seed=0, groups_per_class=groups_per_class)
    write_shards(manifest, work / "shards", frame_size=(96, 96))
    for name in NETWORKS:
        train(work / "shards", work / name, model=name, epochs=epochs, seed=0, **TRAINING)
        evaluate(work / name, work / "shards", num_clips=5, num_views=2, quiet=True)


def draw(work: Path, seed: int = 0) -> Figure:
    """Return the figure: one row for each motion pair, with frames, scores of one video, and accuracy on all of them.

    Args:
        work: the folder that `train_and_evaluate` filled.
        seed: decides which video of each pair is shown.
    """
    scores = {name: read_scores(work / name, "test") for name in NETWORKS}
    accuracy = {name: pair_figures(kept) for name, kept in scores.items()}
    spec = clip_spec(load_network(work / "slow_fusion" / "model.keras"))
    rng = np.random.default_rng(seed)
    figure = Figure(figsize=(10.5, 4.8), layout="constrained", facecolor="white")
    panels = figure.subplots(len(MOTION_PAIRS), 3, width_ratios=(5, 3.2, 2.6))
    (reference, *_) = scores.values()
    for (strip, bars, interval), pair in zip(panels, MOTION_PAIRS, strict=True):
        rows = videos_of(reference, pair)
        path = reference.paths[rng.choice(rows)]
        draw_frames(strip, film_strip(work / "toy" / path, spec, num_frames=4), Path(path).parts[-2])
        draw_scores(bars, scores, path, pair)
        draw_accuracy(interval, {name: figures[pair] for name, figures in accuracy.items()})
        interval.set_title(f"{len(rows)} videos, {len({reference.groups[row] for row in rows})} groups", **small())
    panels[0, 0].annotate("four of a clip's ten frames", (0, 1.42), xycoords="axes fraction", **heading())
    panels[0, 1].annotate("score of each class", (0, 1.42), xycoords="axes fraction", **heading())
    panels[0, 2].annotate("pair told apart", (0, 1.42), xycoords="axes fraction", **heading())
    panels[-1, 2].set_xlabel("% of test videos, 95 % interval\ndashed: chance", fontsize=LETTERS - 2, color=INK)
    return figure


def videos_of(scores: Scores, pair: str) -> np.ndarray:
    """Return the rows of the videos of a pair of classes."""
    columns = [scores.class_names.index(name) for name in PAIRS[pair]]
    return np.flatnonzero(scores.labels[:, columns].any(axis=1))


def draw_frames(axes, frames: np.ndarray, label: str) -> None:
    """Show frames side by side, and the class they show."""
    gap = np.full((len(frames), frames.shape[1], 3, 3), 255, np.uint8)
    axes.imshow(np.concatenate([*np.concatenate([frames, gap], axis=2)], axis=1), interpolation="nearest")
    axes.set_title(f"true class: {label}", **small())
    axes.set_axis_off()


def draw_scores(axes, scores: dict[str, Scores], path: str, pair: str) -> None:
    """Draw, for each network, the score of both classes of the pair; the true class is filled, the other hatched."""
    place, ticks = 0.0, []
    for name, kept in scores.items():
        row = kept.paths.index(path)
        for label in PAIRS[pair]:
            column = kept.class_names.index(label)
            value, true = float(kept.video_scores[row, column]), bool(kept.labels[row, column])
            look = {"color": BLUE} if true else {"facecolor": "white", "edgecolor": ORANGE, "hatch": "////"}
            axes.barh(place, value, height=0.8, **look)
            axes.text(
                value + 0.02, place, f"{100 * value:.0f} %  {label}", va="center", fontsize=LETTERS - 2, color=INK
            )
            place += 1
        ticks.append((place - 1.5, NETWORKS[name]))
        place += 0.5
    axes.set_yticks([y for y, _ in ticks], [text for _, text in ticks], fontsize=LETTERS - 1, color=INK)
    axes.set_ylim(place - 0.9, -0.6)
    axes.set_xlim(0, 1.45)
    axes.set_xticks([])
    axes.tick_params(length=0)
    axes.spines[["top", "right", "bottom"]].set_visible(False)


def draw_accuracy(axes, accuracy: dict[str, Estimate]) -> None:
    """Draw each network's share of videos told apart, with its interval and the level of chance."""
    for place, (name, figure) in enumerate(accuracy.items()):
        low, value, high = (100 * number for number in (figure.low, figure.value, figure.high))
        colour = GREY if name == "single_frame" else BLUE
        axes.plot([low, high], [place, place], color=colour, linewidth=3, solid_capstyle="butt")
        axes.plot(value, place, "o", color=colour, markersize=8)
        axes.text(107, place, f"{value:.0f} %", va="center", fontsize=LETTERS, color=INK)
    axes.axvline(50, color=INK, linewidth=1, linestyle="--")
    axes.set_xlim(0, 103)
    axes.set_ylim(len(accuracy) - 0.4, -0.6)
    axes.set_xticks([0, 50, 100], ["0", "50", "100"], fontsize=LETTERS - 2, color=INK)
    axes.set_yticks([])
    axes.spines[["top", "right", "left"]].set_visible(False)


def heading() -> dict:
    """Return the style of a column's title."""
    return {"fontsize": LETTERS + 1, "fontweight": "bold", "color": INK, "annotation_clip": False}


def small() -> dict:
    """Return the style of a panel's title."""
    return {"loc": "left", "fontsize": LETTERS - 1, "color": INK}


def main(argv: list[str] | None = None) -> None:
    """Train, evaluate, and write the picture."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=100, help="epochs of training for each network")
    parser.add_argument("--groups-per-class", type=int, default=15, help="groups of toy videos in each class")
    parser.add_argument("--work", type=Path, help="folder for videos and runs, kept and reused; default: temporary")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("result.png"), help="the picture")
    arguments = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as temporary:
        work = arguments.work or Path(temporary)
        if not (work / "slow_fusion" / "scores_test.npz").is_file():
            train_and_evaluate(work, arguments.epochs, arguments.groups_per_class)
        draw(work).savefig(arguments.out, dpi=110, metadata={"Software": None})


if __name__ == "__main__":
    main()
