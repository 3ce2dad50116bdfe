"""Cache the outputs of a network's frozen layers for training clips in a file, computed once.

The first epochs of training clips pass through the frozen layers, and their features are stored with the labels in the
order of the stream. A head trained on the cache sees exactly the batches it would have seen behind the frozen layers:
the same crops, blends and labels. When the cached epochs are exhausted, they repeat.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from videocnn.clips import video_errors
from videocnn.clips.frames import GIB, call_python, called_by_dataset
from videocnn.jobs import progress_bar
from videocnn.runs import RunError

Batch = tuple[Any, Any]

MEND = "free some space and continue with --resume, cache fewer epochs (--feature-epochs), or none (--no-features)"


@dataclasses.dataclass(frozen=True)
class Features:
    """Cached features of training clips.

    Attributes:
        file: `.npy` file of float32 `(num_batches * batch_size, units + classes)`; each row holds the flattened
            features of a clip and its labels.
        shape: shape of one clip's features.
        num_batches: number of batches in the file.
        batch_size: number of clips per batch.
        seconds: time taken to compute the features; 0 if the file already existed.
    """

    file: Path
    shape: tuple[int, ...]
    num_batches: int
    batch_size: int
    seconds: float = 0.0

    def batches(self, start: int = 0) -> tf.data.Dataset:
        """Return an infinite dataset of batches `(features, labels)`, float32, starting at batch `start`."""
        rows, units = np.load(self.file, mmap_mode="r"), math.prod(self.shape)

        @called_by_dataset
        def read(number):
            first = int(number) % self.num_batches * self.batch_size
            return np.asarray(rows[first : first + self.batch_size])

        def batch(number):
            block = call_python(read, [number], tf.float32)
            block.set_shape((self.batch_size, rows.shape[1]))
            return tf.reshape(block[:, :units], (self.batch_size, *self.shape)), block[:, units:]

        return tf.data.Dataset.range(start, np.iinfo(np.int64).max).map(batch).prefetch(4)

    def record(self) -> dict[str, Any]:
        """Return the entry for the features in `run.json`."""
        return {
            "file": self.file.name,
            "num_clips": self.num_batches * self.batch_size,
            "shape": list(self.shape),
            "bytes": self.file.stat().st_size,
            "seconds": round(self.seconds, 2),
        }


def keep_features(
    frozen: keras.Model,
    batches: Callable[[int], Iterable[Batch]],
    num_batches: int,
    folder: Path,
    *,
    batch_size: int,
    num_classes: int,
    key: str,
    quiet: bool = False,
) -> Features:
    """Compute the features of training clips, or reuse the cached file in the folder.

    The file name contains the key, so that features of other weights, data or clips are never reused; such files are
    deleted. An interrupted computation continues where it stopped.

    Args:
        frozen: network from clips `(batch, time, height, width, 3)` to features `(batch, ...)`.
        batches: function from a batch number to an iterable of batches `(clips, labels)` starting there.
        num_batches: number of batches to cache.
        folder: folder for the cache file.
        batch_size: number of clips per batch.
        num_classes: number of label columns.
        key: hash of everything that the features depend on, see `features_key`.
        quiet: whether to hide the progress bar.

    Raises:
        RunError: the file cannot be written.
        VideoError: a clip cannot be read.
    """
    file = folder / f"features-{key[:16]}.npy"
    partial = file.with_suffix(".part")
    shape = tuple(frozen.output_shape[1:])
    header = {
        "descr": "<f4",
        "fortran_order": False,
        "shape": (num_batches * batch_size, math.prod(shape) + num_classes),
    }
    for old in folder.glob("features-*"):
        if old not in (file, partial):
            old.unlink()
    features = Features(file, shape, num_batches, batch_size)
    if file.is_file():
        return features
    begun = time.monotonic()
    check_space(partial, 4 * math.prod(header["shape"]), quiet=quiet)
    try:
        write_rows(partial, header, frozen, batches, num_batches, batch_size, quiet=quiet)
        os.replace(partial, file)
    except OSError as error:
        raise RunError(f"{partial}: could not be written ({error.strerror or error}); {MEND}") from error
    return dataclasses.replace(features, seconds=time.monotonic() - begun)


def check_space(path: Path, num_bytes: int, *, quiet: bool) -> None:
    """Print the size of the cache, and raise `RunError` up front if the disk has too little free space."""
    wanted = num_bytes - (path.stat().st_size if path.is_file() else 0)
    free = shutil.disk_usage(path.parent).free
    if wanted > free:
        raise RunError(f"{path}: the features need {wanted / GIB:.2f} GiB, but {free / GIB:.2f} GiB are free; {MEND}")
    if not quiet:
        print(f"features: {num_bytes / GIB:.2f} GiB in {path.parent}", file=sys.stderr)


def write_rows(
    path: Path,
    header: dict[str, Any],
    frozen: keras.Model,
    batches: Callable[[int], Iterable[Batch]],
    num_batches: int,
    batch_size: int,
    *,
    quiet: bool,
) -> None:
    """Write a `.npy` header and the rows of all batches, keeping the complete batches already in the file."""
    block = 4 * batch_size * header["shape"][1]  # bytes
    outputs = output_function(frozen)
    path.touch()
    with open(path, "r+b") as stream, progress_bar("clips", quiet=quiet) as bar, video_errors():
        np.lib.format.write_array_header_1_0(stream, header)
        first = stream.tell()
        done = max(0, (path.stat().st_size - first) // block)
        stream.seek(first + done * block)
        stream.truncate()
        task = bar.add_task("features", total=num_batches * batch_size, completed=done * batch_size)
        source = batches(done)  # referenced until the last batch is read, although more batches are being prefetched
        for _, (clips, labels) in zip(range(done, num_batches), source, strict=False):
            rows = np.concatenate(
                [outputs(clips).reshape(batch_size, -1), np.asarray(labels)], axis=1, dtype=np.float32
            )
            stream.write(rows.tobytes())
            bar.advance(task, batch_size)
        stream.flush()
        os.fsync(stream.fileno())


def output_function(network: keras.Model) -> Callable[[Any], np.ndarray]:
    """Return a function from a batch of clips to the network's float32 outputs in inference mode."""
    clips = tf.TensorSpec((None, *network.input_shape[1:]), tf.float32)
    call = tf.function(lambda x: tf.cast(network(x, training=False), tf.float32)).get_concrete_function(clips)
    return lambda x: call(tf.convert_to_tensor(x)).numpy()


def held_out_features(frozen: keras.Model, held_out: Iterable[Batch], batch_size: int) -> tf.data.Dataset:
    """Compute the features of validation clips in memory; returns batches `(features, labels)`."""
    outputs = output_function(frozen)
    with video_errors():
        parts = [(outputs(clips), np.asarray(labels)) for clips, labels in held_out]
    features, labels = (np.concatenate(column) for column in zip(*parts, strict=True))
    return tf.data.Dataset.from_tensor_slices((features, labels)).batch(batch_size)


def features_key(**what: Any) -> str:
    """Return the SHA-256 (hex) of JSON values that describe everything the features depend on."""
    return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()
