"""A folder of class folders in, batches of clips out: for videos what Keras's `image_dataset_from_directory` is.

The quick way in, for a first look and for notebooks. Training by the paper goes through a manifest and `train_clips`.
"""

from __future__ import annotations

import dataclasses
import itertools
import logging
import numbers
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from videocnn.clips.frames import FileFrames, call_python, called_by_dataset, carried
from videocnn.clips.selection import SHORT, SkipList, usable
from videocnn.datasets.folder import SPLIT_NAMES, files_below, folder
from videocnn.jobs import default_workers
from videocnn.manifest import Manifest, Skip, Video, measure, split_by_group
from videocnn.sampling import ClipError, clip_rng, even_clips, pass_order, random_clip
from videocnn.spec import ClipSpec

SUBSETS = {"training": "train", "validation": "val"}


def video_dataset_from_directory(
    directory: str | os.PathLike,
    labels: str | Sequence[int] | None = "inferred",
    label_mode: str | None = "int",
    class_names: Sequence[str] | None = None,
    batch_size: int | None = 32,
    frame_size: tuple[int, int] = (170, 170),
    num_frames: int = 10,
    frame_step: int = 1,
    shuffle: bool = True,
    validation_split: float | None = None,
    subset: str | None = None,
    crop_to_aspect_ratio: bool = False,
    *,
    short: str = "skip",
    skips: list[Skip] | None = None,
    quiet: bool = True,
    seed: int = 0,
) -> tf.data.Dataset | tuple[tf.data.Dataset, tf.data.Dataset]:
    """Make a dataset that gives one clip of every video each time that it is gone through.

    The arguments are those of `keras.utils.image_dataset_from_directory`, with a clip's in place of an image's. Every
    video is decoded once at the start, to count its frames; `train_clips` on a measured manifest saves that.

    Args:
        directory: has one folder for each class, with the videos in it at any depth.
        labels: `"inferred"` from the folders, a whole number for each video file in the order of their paths, or
            `None` for no labels (the videos may then lie anywhere in the directory).
        label_mode: `"int"` (int32 `(batch,)`), `"categorical"` (one-hot float32), `"binary"` (float32
            `(batch, 1)`, two classes), or `None` for no labels.
        class_names: the names of the class folders in the order of their numbers; by default sorted.
        batch_size: clips in a batch; `None` gives single clips.
        frame_size: `(height, width)` in pixels to which frames are resized.
        num_frames: frames in a clip.
        frame_step: distance between them, in frames.
        shuffle: a new order and new random clips in every pass; otherwise path order and the middle of each video.
        validation_split: share of the videos, between 0 and 1, that is set aside. It is cut by class, and
            by group where file names tell one as those of UCF-101 do (`v_Archery_g01_c02.avi`).
        subset: `"training"`, `"validation"` or `"both"`; only with `validation_split`.
        crop_to_aspect_ratio: cut the centre that has the shape of `frame_size`; otherwise frames are squeezed into it.
        short: `"skip"`, `"error"` or `"hold"`, for videos too short for a clip, as in `train_clips`.
        skips: a list to which the videos left out (unreadable, too short) are appended; else they are logged.
        quiet: no progress line while frames are counted.
        seed: 0 or more; decides order, clips and the validation videos. Keras's `None` is refused: nothing here is
            random without a seed.

    Returns:
        A dataset, or two for `subset="both"`: float32 clips `(batch, time, height, width, 3)` in 0..255 (not yet
        normalised), with labels unless there are none. It has the attributes `class_names` and `file_paths`.

    Raises:
        ClipError: an argument does not fit, or no video is long enough.
        ManifestError: no class folders or no videos.
    """
    _check_arguments(label_mode, batch_size, validation_split, subset, short, seed)
    spec = ClipSpec(*_clip_shape(num_frames, frame_size, frame_step), mean=0.0)
    manifest = _find(Path(directory), labels, class_names)
    if labels is None:
        label_mode = None
    if label_mode == "binary" and len(manifest.class_names) != 2:
        raise ClipError(f"label_mode='binary' needs two classes, {directory} has {len(manifest.class_names)}")
    if validation_split is not None:
        manifest = split_by_group(manifest, test_fraction=0, val_fraction=validation_split, seed=seed)
    skipped = SkipList(skips)
    manifest, unreadable = measure(manifest, quiet=quiet)
    skipped.add(unreadable)

    def dataset(part: Manifest) -> tf.data.Dataset:
        kept, too_short = usable(part, spec, short=short)
        skipped.add(too_short)
        part = dataclasses.replace(part, videos=tuple(part.videos[number] for number in kept))
        return _dataset(part, spec, label_mode, batch_size, shuffle, short == "hold", crop_to_aspect_ratio, seed)

    if subset == "both":
        return dataset(manifest.select("train")), dataset(manifest.select("val"))
    return dataset(manifest if subset is None else manifest.select(SUBSETS[subset]))


def _check_arguments(
    label_mode: str | None,
    batch_size: int | None,
    validation_split: float | None,
    subset: str | None,
    short: str,
    seed: int,
) -> None:
    if label_mode not in ("int", "categorical", "binary", None):
        raise ClipError(f"label_mode={label_mode!r} is unknown; give 'int', 'categorical', 'binary' or None")
    if batch_size is not None and not _is_whole(batch_size, 1):
        raise ClipError(f"batch_size={batch_size!r} must be a whole number from 1, or None for single clips")
    if (validation_split is None) != (subset is None) or subset not in (None, "both", *SUBSETS):
        raise ClipError(
            f"validation_split={validation_split!r} and subset={subset!r} come together; a subset is 'training', "
            "'validation' or 'both'"
        )
    if validation_split is not None and not (isinstance(validation_split, numbers.Real) and 0 < validation_split < 1):
        raise ClipError(f"validation_split={validation_split!r} must be a number between 0 and 1")
    if short not in SHORT:
        raise ClipError(f"short={short!r} is unknown; give one of {SHORT}")
    if not _is_whole(seed, 0) or seed >= 2**63:
        why = "" if seed is not None else "; nothing is random without a seed: draw a number and write it down"
        raise ClipError(f"seed={seed!r} must be a whole number from 0 to 2**63 - 1{why}")


def _clip_shape(num_frames: int, frame_size: tuple[int, int], frame_step: int) -> tuple:
    """Return the first arguments of a `ClipSpec`, checked; crop and region are the same."""
    for name, value in (("num_frames", num_frames), ("frame_step", frame_step)):
        if not _is_whole(value, 1):
            raise ClipError(f"{name}={value!r} must be a whole number from 1")
    size = tuple(frame_size) if isinstance(frame_size, Iterable) else ()
    if len(size) != 2 or not all(_is_whole(pixels, 1) for pixels in size):
        raise ClipError(f"frame_size={frame_size!r} must be (height, width), two whole numbers of pixels from 1")
    return num_frames, size, size, frame_step


def _is_whole(value: Any, least: int) -> bool:
    return isinstance(value, numbers.Integral) and value >= least


def _find(directory: Path, labels: str | Sequence[int] | None, class_names: Sequence[str] | None) -> Manifest:
    """Return the videos of a directory, none of them opened, in the order of their paths."""
    if (labels != "inferred") if isinstance(labels, str) else not isinstance(labels, Iterable | None):
        raise ClipError(f"labels={labels!r} is unknown; give 'inferred', a list of whole numbers, or None")
    if isinstance(class_names, str) or not isinstance(class_names, Iterable | None):
        raise ClipError(f"class_names={class_names!r} must be a list of names, or None")
    if isinstance(labels, str):
        splits = [entry.name for entry in directory.glob("*/") if entry.is_dir() and entry.name.lower() in SPLIT_NAMES]
        if splits:
            raise ClipError(
                f"{directory}: {sorted(splits)} look like splits, not classes; give the folder of one split at a time"
            )
        found = folder(directory, test_fraction=0, val_fraction=0)
        for skip in found.skips:
            logging.getLogger("videocnn").info("passed over %s (%s)", skip.path, skip.reason)
        names = found.manifest.class_names if class_names is None else tuple(class_names)
        if sorted(names) != sorted(found.manifest.class_names):
            raise ClipError(f"class_names {list(names)} are not the folders {list(found.manifest.class_names)}")
        videos = sorted(found.manifest.videos, key=lambda video: video.path)
        return dataclasses.replace(found.manifest, videos=tuple(videos), class_names=names)
    if not directory.is_dir():
        raise ClipError(f"{directory}: there is no such folder")
    files = files_below(directory)
    if not files:
        raise ClipError(f"{directory}: it holds no videos")
    places = [0] * len(files) if labels is None else list(labels)
    if len(places) != len(files) or not all(_is_whole(place, 0) for place in places):
        raise ClipError(
            f"{directory}: {len(places)} labels for {len(files)} videos; give one for each, whole numbers from 0"
        )
    names = tuple(class_names or map(str, range(max(places) + 1)))
    if max(places) >= len(names):
        raise ClipError(f"label {max(places)} has no name among {len(names)} class_names")
    videos = [
        Video(file.relative_to(directory).as_posix(), (names[place],), "train")
        for file, place in zip(files, places, strict=True)
    ]
    return Manifest(tuple(videos), names, directory)


def _dataset(
    manifest: Manifest,
    spec: ClipSpec,
    label_mode: str | None,
    batch_size: int | None,
    shuffle: bool,
    hold: bool,
    crop_to_aspect_ratio: bool,
    seed: int,
) -> tf.data.Dataset:
    count = len(manifest)
    files = [manifest.file(video) for video in manifest.videos]
    frames = FileFrames(files, spec.region_size, crop_to_aspect_ratio=crop_to_aspect_ratio)
    matrix = manifest.label_matrix()
    labels = matrix.argmax(axis=1).astype(np.int32)
    if label_mode != "int":
        labels = matrix if label_mode == "categorical" else labels[:, None].astype(np.float32)
    passes = itertools.count()

    @carried
    def read(position):
        number = int(position) % count
        if shuffle:
            number = pass_order(count, int(position) // count, seed=seed)[number]
        length, shape = manifest.videos[number].num_frames, (spec.num_frames, spec.frame_step)
        if shuffle:
            clip = random_clip(length, *shape, rng=clip_rng(int(position), seed=seed), hold_last=hold)
        else:
            clip = even_clips(length, 1, *shape, hold_last=hold)[0]
        return frames.read(number, clip), labels[number]

    def decode(position):
        clip, label = call_python(read, [position], (tf.uint8, labels.dtype))
        clip.set_shape((spec.num_frames, *spec.frame_size, 3))
        label.set_shape(labels.shape[1:])
        clip = tf.cast(clip, tf.float32)
        return clip if label_mode is None else (clip, label)

    @called_by_dataset
    def next_pass():
        return np.int64(count * next(passes))

    def positions(_):
        first = call_python(next_pass, [], tf.int64)
        return tf.data.Dataset.range(first, first + count)

    dataset = tf.data.Dataset.range(1).flat_map(positions).map(decode, num_parallel_calls=default_workers())
    size = count
    if batch_size is not None:
        dataset, size = dataset.batch(batch_size), -(-count // batch_size)
    dataset = dataset.apply(tf.data.experimental.assert_cardinality(size)).prefetch(1)
    dataset.class_names = list(manifest.class_names)
    dataset.file_paths = files
    return dataset
