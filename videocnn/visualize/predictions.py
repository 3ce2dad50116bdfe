"""Plot film strips with true labels and top-5 predictions (Figure 4 of the paper)."""

from __future__ import annotations

import os
from collections.abc import Sequence

import keras
import numpy as np
from matplotlib.figure import Figure

from videocnn.clips import usable
from videocnn.clips.selection import timeline
from videocnn.manifest import Manifest
from videocnn.models import clip_spec
from videocnn.sampling import even_clips
from videocnn.spec import ClipSpec
from videocnn.video import probe, read_frames
from videocnn.visualize.canvas import BLUE, GREY, ORANGE, PictureError, plain
from videocnn.visualize.strip import shown_frames

MOST_FRAMES = 5


def film_strip(path: str | os.PathLike, spec: ClipSpec, num_frames: int = MOST_FRAMES) -> np.ndarray:
    """Return frames from the middle clip of a video, preprocessed up to cropping.

    Args:
        path: the video file.
        spec: the network's clip specification.
        num_frames: maximum number of frames, evenly spaced over the clip.

    Returns:
        uint8 `(frames, *spec.region_size, 3)`. A video shorter than a clip yields all its frames.

    Raises:
        VideoError: the file cannot be read.
    """
    info = probe(path)
    ticks = timeline(info.num_frames, info.fps, spec)
    clip = ticks[even_clips(len(ticks), 1, spec.num_frames, spec.frame_step, hold_last=True)[0]]
    chosen = clip[shown_frames(len(clip), num_frames)]
    return read_frames(path, np.unique(chosen), spec.region_size, crop_to_aspect_ratio=True)


def predict_and_plot(
    model: keras.Model, manifest: Manifest, *, split: str = "test", count: int = 5, num_clips: int = 20, seed: int = 0
) -> Figure:
    """Predict randomly chosen videos of a split and plot them with `plot_predictions`.

    Args:
        model: a trained network.
        manifest: the data set.
        split: the split to choose from.
        count: maximum number of videos, chosen at random among those that are long enough for a clip.
        num_clips: number of evenly spaced clips per video, each with four views.
        seed: random seed for choosing the videos.

    Raises:
        VideoCNNError: there is no usable video, the network does not know a label, or a file cannot be read.
    """
    from videocnn.evaluate.evaluation import matched_labels
    from videocnn.predict import predict

    spec, part = clip_spec(model), manifest.select(split)
    matched_labels([(video.path, video.labels) for video in part.videos], spec.class_names)
    numbers, _ = usable(part, spec)
    videos = [part.videos[number] for number in drawn(numbers, count, seed=seed)]
    files = [part.file(video) for video in videos]
    strips = [film_strip(file, spec) for file in files]
    predictions = predict(model, files, num_clips=num_clips)
    figure = plot_predictions(strips, [p.labels for p in predictions], [video.labels for video in videos])
    figure.suptitle(
        f"{plain(model.name)}: {len(videos)} of {len(numbers)} videos of split {plain(split)}, drawn at random "
        f"(seed {seed})",
        fontsize=9,
    )
    return figure


def drawn(numbers: np.ndarray, count: int, *, seed: int) -> np.ndarray:
    """Sample `count` numbers without replacement, or return all if there are fewer; the order is preserved."""
    return np.sort(np.random.default_rng(seed).choice(numbers, min(count, len(numbers)), replace=False))


def plot_predictions(
    strips: Sequence[np.ndarray],
    predictions: Sequence[Sequence[tuple[str, float]]],
    truths: Sequence[Sequence[str]] | None = None,
    *,
    num_bars: int = 5,
) -> Figure:
    """Plot one row per video: its film strip, and a bar for each of its top classes.

    Right and wrong are indicated in words and by the fill of the bars: true classes are filled, others are hatched.

    Args:
        strips: frames of each video, uint8 `(frames, height, width, 3)`, for example from `film_strip`.
        predictions: `(class name, probability)` pairs of each video, best first, for example `Prediction.labels`.
        truths: true labels of each video; None if unknown.
        num_bars: maximum number of bars per video.

    Returns:
        A figure with two axes per video: strip and bars.

    Raises:
        PictureError: there are no videos, or the numbers of strips, predictions and truths differ.
    """
    counts = {len(strips), len(predictions), len(strips if truths is None else truths)}
    if len(counts) > 1 or not len(strips):
        raise PictureError(f"{len(strips)} strips, {len(predictions)} predictions: give at least one of each")
    shape = max(strip.shape[0] * strip.shape[2] / strip.shape[1] for strip in strips)
    figure = Figure(figsize=(1.3 * shape + 4, 1.55 * len(strips) + 0.2), layout="constrained")
    panels = figure.subplots(len(strips), 2, squeeze=False, width_ratios=(1.3 * shape, 4))
    for number, (picture, bars) in enumerate(panels):
        picture.imshow(np.concatenate(list(strips[number]), axis=1))
        picture.set_axis_off()
        labels = list(predictions[number])[:num_bars]
        true = set() if truths is None else set(truths[number])
        if truths is None:
            title = ""
        else:
            verdict = "right" if labels and labels[0][0] in true else "wrong"
            title = f"{verdict}; true: {', '.join(sorted(true))}"
        picture.set_title(plain(title), loc="left", fontsize=10, fontweight="bold" if title[:1] == "w" else "normal")
        draw_bars(bars, labels, true, known=truths is not None, num_bars=num_bars)
    return figure


def draw_bars(axes, labels: Sequence[tuple[str, float]], true: set[str], *, known: bool, num_bars: int) -> None:
    """Draw the top classes as horizontal bars with their names inside, best first."""
    for place, (name, score) in enumerate(labels):
        hit = name in true
        style = (
            {"color": BLUE} if hit else {"facecolor": "white", "edgecolor": ORANGE if known else GREY, "hatch": "//"}
        )
        axes.barh(place, score, height=0.85, **style)
        mark = " (true)" if hit else ""
        axes.text(0.01, place, f"{plain(name)}{mark}", va="center", fontsize=8, bbox=_paper())
        axes.text(1.01, place, f"{100 * score:.0f} %", va="center", fontsize=8)
    axes.set_xlim(0, 1)
    axes.set_ylim(num_bars - 0.5, -0.5)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_visible(False)


def _paper() -> dict:
    return {"boxstyle": "square,pad=0.12", "facecolor": "white", "edgecolor": "none", "alpha": 0.85}
