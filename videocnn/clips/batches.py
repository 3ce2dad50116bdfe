"""Batches of clips for training and evaluation: a manifest or shards in, `tf.data` out.

`train_clips` is an endless stream of random clips (section 3.3 of the paper: crop, flip, minus 117, batches of 32),
`eval_clips` every view of evenly spread clips of each video. Phases in order: choose frames, decode only those, cut a
view, batch, normalise. Position p of the training stream belongs to pass p // N over the N videos; its video, frames
and view are functions of (seed, p) and of nothing else, so neither threads nor a restart change what is seen.
"""

from __future__ import annotations

import gc

import numpy as np
import tensorflow as tf

from videocnn.clips.augment import Augmentation, augmented_view, find_augmentation, mixed
from videocnn.clips.dataset import Dataset, Source
from videocnn.clips.frames import CachedFrames, call_python, called_by_dataset, carried
from videocnn.clips.selection import SkipList, timeline, usable
from videocnn.clips.views import VIEWS, check_sizes, fixed_view, normalize
from videocnn.errors import VideoCNNError
from videocnn.jobs import default_workers
from videocnn.manifest import Skip
from videocnn.sampling import ClipError, clip_rng, clip_span, even_clips, pass_order, random_clip
from videocnn.spec import ClipSpec

CACHE_LIMIT = 8.0  # GiB


def _prepare(source, spec, split, *, short, cache, cache_limit, skips):
    """Check everything that can be checked before the first frame; return manifest, usable videos and frames."""
    check_sizes(spec)
    dataset = Dataset.open(source)
    manifest = dataset.select(split)
    if not len(manifest):
        counts = {name: len(dataset.select(name)) for name in ("train", "val", "test", "")}
        raise ClipError(f"no videos in split {split!r}; videos by split: {counts}")
    kept, left_out = usable(manifest, spec, short=short)
    skips.add(left_out)
    frames = dataset.reader(manifest, spec.region_size)
    skips.add(dataset.skips(split))
    if cache:
        gc.collect()  # Keras's trainers hold their datasets in cycles; frames kept for an earlier run go first
        lengths = np.zeros(len(manifest), np.int64)
        lengths[kept] = manifest.videos.num_frames[kept]
        frames = CachedFrames(frames, lengths, limit=cache_limit)
    return manifest, kept, frames


def train_clips(
    source: Source,
    spec: ClipSpec,
    batch_size: int = 32,
    *,
    split: str | None = "train",
    start: int = 0,
    augment: str | Augmentation = "paper",
    short: str = "skip",
    cache: bool = False,
    cache_limit: float = CACHE_LIMIT,
    workers: int | None = None,
    skips: list[Skip] | None = None,
    seed: int = 0,
) -> tf.data.Dataset:
    """Make the endless stream of training batches: each pass visits every video once, in a new order.

    Args:
        source: a `Dataset`, or what `Dataset.open` takes: the path of a `manifest.csv` or of a folder of shards, a
            `Manifest` or `Shards`. Frames must have been counted.
        spec: clip shape, sizes and normalisation of the network.
        batch_size: clips in a batch; every batch is full, across the ends of passes.
        split: which videos; `None` takes all.
        start: position of the first clip. A run that stopped after n clips goes on at `start=n` with the clips that an
            uninterrupted one would have seen.
        augment: `"paper"` (crop and flip), `"modern"` (zoom, colours, mixup as well), `"motion"` or an `Augmentation`.
        short: videos too short for a clip: `"skip"` (counted and listed), `"error"`, or `"hold"` their last frame.
        cache: keep the decoded centre regions of all videos in memory from their first use.
        cache_limit: most memory for that, in GiB; more is an error at the start.
        workers: clips decoded at the same time; by default the number of processors. Does not change the clips.
        skips: a list to which the videos left out are appended; without one they are logged as warnings.
        seed: 0 or more; the same seed gives the same clips.

    Returns:
        Batches `(clips, labels)`: float32 `(batch, time, height, width, 3)` and float32 `(batch, classes)`. The
        labels of a clip sum to 1: a video with several shares them evenly (the paper does not say how its softmax
        handled the 5 % of such videos).

    Raises:
        ClipError: before the first batch, for all that can be known then.
        VideoError: at the batch with a file that does not decode, if consumed inside `video_errors()`; a plain
            TensorFlow error otherwise. Training never replaces a video by another.
    """
    if not 0 <= seed < 2**63 or start < 0 or batch_size < 1:
        raise ClipError(f"seed={seed} and start={start} must be 0 or more, batch_size={batch_size} 1 or more")
    augment = find_augmentation(augment)
    manifest, kept, frames = _prepare(
        source, spec, split, short=short, cache=cache, cache_limit=cache_limit, skips=SkipList(skips)
    )
    if spec.class_names and spec.class_names != manifest.class_names:
        raise ClipError(
            f"the network's classes {list(spec.class_names)[:5]}... are not the manifest's "
            f"{list(manifest.class_names)[:5]}...; read the manifest with class_names=spec.class_names"
        )

    @carried
    def read(position):
        video = kept[pass_order(len(kept), int(position) // len(kept), seed=seed)[position % len(kept)]]
        row = manifest.videos[video]
        ticks = timeline(row.num_frames, row.fps, spec)
        rng = clip_rng(int(position), seed=seed)
        steps = [spec.frame_step * step for step in augment.frame_steps]
        fitting = [step for step in steps if clip_span(spec.num_frames, step) <= len(ticks)] or [spec.frame_step]
        step = fitting[rng.integers(len(fitting))]
        clip = ticks[random_clip(len(ticks), spec.num_frames, step, rng=rng, hold_last=short == "hold")]
        return frames.read(video, clip), manifest.targets([video])[0]

    def view(position):
        clip, label = call_python(read, [position], (tf.uint8, tf.float32))
        clip.set_shape((spec.num_frames, *spec.region_size, 3))
        label.set_shape((len(manifest.class_names),))
        clip = augmented_view(clip, spec, augment, seed=tf.stack([tf.constant(seed, tf.int64), position]))
        return tf.ensure_shape(clip, (spec.num_frames, *spec.frame_size, 3)), label, position

    def finish(clips, label, positions):
        key = tf.stack([tf.constant(seed + 1, tf.int64), positions[0]])  # other numbers than the first clip's view
        return mixed(normalize(clips, spec), label, augment, seed=key)

    # Views stay uint8 until they are batched, where the paper's augmentation allows it: a quarter of the copying.
    return (
        tf.data.Dataset.range(start, np.iinfo(np.int64).max)
        .map(view, num_parallel_calls=workers or default_workers())
        .batch(batch_size, drop_remainder=True)
        .map(finish)
        .prefetch(2)
    )


def eval_clips(
    source: Source,
    spec: ClipSpec,
    *,
    split: str | None = "test",
    num_clips: int = 20,
    num_views: int = 4,
    batch_size: int = 32,
    short: str = "skip",
    cache: bool = False,
    cache_limit: float = CACHE_LIMIT,
    workers: int | None = None,
    skips: list[Skip] | None = None,
) -> tf.data.Dataset:
    """Make the views that score every video once: `num_clips` evenly spread clips, `num_views` of each.

    Each video is opened and decoded once, all frames of its clips together. What is under way is bounded by the uint8
    regions of `workers` + 1 videos and three float batches. A file that does not decode is left out and appended to
    `skips` when its turn comes; the others are scored. Arguments not described here are those of `train_clips`.

    Args:
        num_clips: clips a video (the paper: 20).
        num_views: crops and flips a clip, 1 to 10, the same for all clips: centre, centre mirrored, two opposite
            corners, one of them mirrored, ... (the paper: 4).
        batch_size: views in a batch; the last batch may be smaller.

    Returns:
        Batches `(clips, video_index, clip_index)`: float32 `(batch, time, height, width, 3)`; int64 `(batch,)`, the
        number of the video among the videos of the split (those left out keep theirs); int64 `(batch,)`. Rows are
        ordered by video, clip and view; a clip may run over the end of a batch.

    Raises:
        ClipError: for all that can be known before the first batch.
    """
    if not 1 <= num_views <= len(VIEWS):
        raise ClipError(f"num_views must be 1 to {len(VIEWS)}, not {num_views}")
    if num_clips < 1 or batch_size < 1:
        raise ClipError(f"num_clips={num_clips} and batch_size={batch_size} must be 1 or more")
    skipped = SkipList(skips)
    manifest, kept, frames = _prepare(
        source, spec, split, short=short, cache=cache, cache_limit=cache_limit, skips=skipped
    )

    @called_by_dataset
    def read(video):
        row = manifest.videos[video]
        ticks = timeline(row.num_frames, row.fps, spec)
        clips = ticks[even_clips(len(ticks), num_clips, spec.num_frames, spec.frame_step, hold_last=short == "hold")]
        wanted, places = np.unique(clips, return_inverse=True)
        try:
            return frames.read(video, wanted), places.reshape(clips.shape)
        except VideoCNNError as error:
            skipped.add([Skip(row.path, str(error))])
            return np.zeros((0, *spec.region_size, 3), np.uint8), np.zeros((0, spec.num_frames), np.int64)

    def decode(video):
        regions, clips = call_python(read, [video], (tf.uint8, tf.int64))
        regions.set_shape((None, *spec.region_size, 3))
        clips.set_shape((None, spec.num_frames))
        return regions, clips, video

    def rows(regions, clips, video):
        count = tf.shape(clips, tf.int64)[0] * num_views

        def row(number):
            clip = tf.gather(regions, clips[number // num_views])
            return fixed_view(clip, spec, number % num_views), video, number // num_views

        return tf.data.Dataset.range(count).map(row)

    return (
        tf.data.Dataset.from_tensor_slices(kept)
        .map(decode, num_parallel_calls=workers or default_workers())
        .flat_map(rows)
        .batch(batch_size)
        .map(lambda clips, video, clip: (normalize(clips, spec), video, clip))
        .prefetch(1)
    )
