"""Nearest-neighbour search for clips in the feature space of a network's last hidden layer (fc7 of the paper).

Takes a query video and a data set; returns a ranking by cosine similarity. The query's own video is excluded and
videos of its group are marked: that clips of the same recording look alike says nothing about the network.
"""

from __future__ import annotations

import dataclasses
import os

import keras
import numpy as np
import tensorflow as tf
from matplotlib.figure import Figure

from videocnn import clips
from videocnn.clips.dataset import Source
from videocnn.manifest import Manifest, Skip, Video
from videocnn.models import clip_spec
from videocnn.visualize.canvas import PictureError, plain, text_inches
from videocnn.visualize.clip import Clip, network_input, read_clip
from videocnn.visualize.strip import draw_strip, shown_frames

SHOWN = 5  # frames of a clip that are kept for its film strip


@dataclasses.dataclass(frozen=True)
class Neighbour:
    """The clip of one video that is nearest to the query.

    Attributes:
        path: the video's path in the manifest.
        labels: class labels of the video.
        group: group of the video.
        same_group: whether the query belongs to the same group; None if the query's group is unknown.
        similarity: cosine similarity of the two clips' features, -1..1.
        clip: 0-based index of the clip within the video.
        frames: uint8 `(at most 5, height, width, 3)`, evenly spaced over the clip.
    """

    path: str
    labels: tuple[str, ...]
    group: str
    same_group: bool | None
    similarity: float
    clip: int
    frames: np.ndarray


@dataclasses.dataclass(frozen=True)
class Neighbours:
    """A query clip and its nearest neighbours.

    Attributes:
        query: the query clip.
        labels: class labels of the query; empty if unknown.
        group: group of the query; None if unknown.
        found: the nearest videos, nearest first.
        num_videos: number of videos searched.
        num_alike: number of videos searched that share a label with the query.
        layer: name of the layer whose features are compared.
        skips: videos skipped because they are too short or cannot be read.
    """

    query: Clip
    labels: tuple[str, ...]
    group: str | None
    found: tuple[Neighbour, ...]
    num_videos: int
    num_alike: int
    layer: str
    skips: tuple[Skip, ...] = ()


def feature_model(model: keras.Model) -> keras.Model:
    """Return the network up to the input of its classifier: fc7, or the pooled features if it has no fc7.

    Raises:
        PictureError: the model does not end in a classifier layer (an average of networks).
    """
    head = model.layers[-1]
    if not isinstance(head, keras.layers.Dense):
        raise PictureError(
            f"{model.name}: ends in layer {head.name!r} instead of a classifier, so it has no features to compare; "
            "give one of the four networks (for an average, one of its members)"
        )
    read = next(layer for layer in reversed(model.layers[:-1]) if not isinstance(layer, keras.layers.Dropout))
    return keras.Model(model.input, head.input, name=read.name)


def nearest_clips(
    model: keras.Model,
    query: str | os.PathLike,
    source: Source,
    *,
    split: str | None = "train",
    num_neighbours: int = 5,
    num_clips: int = 3,
    start: int | None = None,
    other_groups: bool = False,
    batch_size: int = 16,
) -> Neighbours:
    """Rank the videos of a data set by the similarity of their clips to a clip of the query.

    Args:
        model: a trained network.
        query: a video file; if it is part of the data set, its labels and its group are known.
        source: a `Dataset`, a `Manifest` or `Shards`, or the path of a `manifest.csv` or of a folder of shards.
        split: the split to search; None searches all videos.
        num_neighbours: maximum number of videos to return.
        num_clips: number of evenly spaced clips per video; the nearest one counts.
        start: index of the first frame of the query's clip; by default the middle clip is used.
        other_groups: exclude the query's group instead of only marking it.
        batch_size: number of clips per forward pass.

    Raises:
        PictureError: the model has no classifier, the query is too short, `other_groups` is set but the query's group
            is unknown, or there are no videos to search.
        VideoCNNError: the query or the data cannot be read.
    """
    if num_neighbours < 1:
        raise PictureError(f"num_neighbours={num_neighbours}: must be at least 1")
    dataset, spec, features = clips.Dataset.open(source), clip_spec(model), feature_model(model)
    clip = read_clip(query, spec, start=start)
    own = find_video(dataset.manifest, query)
    if other_groups and own is None:
        raise PictureError(f"{query}: not part of the data set, so its group is unknown and cannot be excluded")
    videos = dataset.select(split).videos
    searched = np.array([_counts(video, own, other_groups) for video in videos], bool)
    embed = _embedder(features)
    target = embed(network_input(model, clip))[0]
    best: dict[int, tuple[float, int, np.ndarray]] = {}
    seen: set[int] = set()
    skips: list[Skip] = []
    batches = clips.eval_clips(
        dataset, spec, split=split, num_clips=num_clips, num_views=1, batch_size=batch_size, skips=skips
    )
    for batch, numbers, clip_numbers in batches:
        alike = embed(batch) @ target
        for row, (video, number) in enumerate(zip(np.asarray(numbers), np.asarray(clip_numbers), strict=True)):
            if searched[video]:
                seen.add(int(video))
                if video not in best or alike[row] > best[video][0]:
                    best[int(video)] = (float(alike[row]), int(number), np.asarray(batch[row]))
        order = sorted(best, key=lambda video: (-best[video][0], video))
        best = {video: best[video] for video in order[:num_neighbours]}  # bounds memory on large data sets
    if not best:
        raise PictureError(f"split {split!r}: there are no videos to search other than the query")
    return Neighbours(
        query=clip,
        labels=() if own is None else own.labels,
        group=None if own is None else own.group,
        found=tuple(_neighbour(videos[number], own, spec, *best[number]) for number in best),
        num_videos=len(seen),
        num_alike=0 if own is None else sum(bool(set(videos[number].labels) & set(own.labels)) for number in seen),
        layer=features.name,
        skips=tuple(skips),
    )


def find_video(manifest: Manifest, path: str | os.PathLike) -> Video | None:
    """Return the manifest row that refers to the same file as a path, or None."""
    real = os.path.realpath(path)
    return next((video for video in manifest.videos if os.path.realpath(manifest.file(video)) == real), None)


def _counts(video: Video, own: Video | None, other_groups: bool) -> bool:
    return own is None or (video.path != own.path and not (other_groups and video.group == own.group))


def _embedder(features: keras.Model):
    """Return a function from clips to L2-normalised features, float32 `(batch, units)`."""
    call = tf.function(lambda x: tf.cast(features(x, training=False), tf.float32))

    def embed(batch) -> np.ndarray:
        rows = np.asarray(call(batch))
        rows = rows.reshape(len(rows), -1)
        return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)

    return embed


def _neighbour(video: Video, own: Video | None, spec, similarity: float, number: int, batch: np.ndarray) -> Neighbour:
    frames = batch[shown_frames(len(batch), SHOWN)] / spec.scale + spec.mean
    return Neighbour(
        path=video.path,
        labels=video.labels,
        group=video.group,
        same_group=None if own is None else video.group == own.group,
        similarity=similarity,
        clip=number,
        frames=frames.round().clip(0, 255).astype(np.uint8),
    )


def plot_neighbours(found: Neighbours) -> Figure:
    """Plot the film strips of the query and of its neighbours, nearest first, with labels and similarities.

    Different labels and the query's own group are indicated in words.

    Returns:
        A figure with one axes per strip, the query's first.
    """
    query = found.query.frames[shown_frames(len(found.query.frames), SHOWN)]
    shape, columns = query.shape[1] / query.shape[2], len(query)
    inch = 1.15 if columns > 1 else 1.5
    known = ", ".join(found.labels) or "label unknown"
    texts = [f"query: {plain(known)}\n{plain(found.query.name)}"]
    for place, neighbour in enumerate(found.found, 1):
        texts.append(f"{place}. {_verdict(neighbour, found.labels)}\n{plain(os.path.basename(neighbour.path))}")
    note = text_inches("\n".join(texts).split("\n"), 9) + 0.3
    size = max(inch * columns + note, 7.0), (inch * shape + 0.12) * len(texts) + 0.8
    figure = Figure(figsize=size, layout="constrained")
    panels = figure.subplots(len(texts), 2, squeeze=False, width_ratios=(inch * columns, size[0] - inch * columns))
    strips = [query, *(neighbour.frames for neighbour in found.found)]
    for (picture, words), frames, text in zip(panels, strips, texts, strict=True):
        draw_strip(picture, frames)
        words.set_axis_off()
        words.text(0, 0.5, text, va="center", fontsize=9, linespacing=1.5)
    figure.suptitle(f"nearest by {found.layer} among {found.num_videos} videos", fontsize=11)
    figure.supxlabel(summary(found), fontsize=8)
    return figure


def _verdict(neighbour: Neighbour, labels: tuple[str, ...]) -> str:
    name = plain(", ".join(neighbour.labels))
    alike = "" if not labels else " (same label)" if set(labels) & set(neighbour.labels) else " (other label)"
    group = {True: ", the query's own group", False: "", None: ""}[neighbour.same_group]
    return f"{name}{alike}\ncosine {neighbour.similarity:.3f}{group}"


def summary(found: Neighbours) -> str:
    """Return a one-line summary: how many neighbours share the query's label, with chance, and how many its group."""
    total = len(found.found)
    if not found.labels:
        return "the query is not in the data set: its label and its group are unknown"
    right = sum(bool(set(found.labels) & set(neighbour.labels)) for neighbour in found.found)
    group = sum(bool(neighbour.same_group) for neighbour in found.found)
    chance = 100 * found.num_alike / max(found.num_videos, 1)
    return (
        f"{right} of {total} share the query's label (chance: {chance:.0f} % of the videos searched do), "
        f"{group} of {total} its group"
    )
