"""Compare an exported network with the Keras network on clips: the largest difference of a probability."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from videocnn import clips
from videocnn.errors import VideoCNNError
from videocnn.manifest import Manifest, Skip
from videocnn.models import clip_spec
from videocnn.predict import find_files
from videocnn.predict.prediction import probe_files
from videocnn.runs import find_data, read_run
from videocnn.spec import ClipSpec

# Largest difference of a probability by what the Keras network computes in. Float32: other orders of sums. Exported
# networks compute in float32, so that half precision's own rounding is in the difference.
TOLERANCES = {"float32": 1e-4, "float16": 0.02, "bfloat16": 0.1}
NUM_VIDEOS = 4
NUM_VIEWS = 2
RANDOM = "random"


class ExportError(VideoCNNError):
    """A network cannot be exported, or the exported network computes something else."""


@dataclasses.dataclass(frozen=True)
class CheckClips:
    """Clips to compare scores on.

    Attributes:
        values: float32 `(clips, time, height, width, 3)`, prepared for the network.
        origin: where they come from, in words.
        real: whether they come from videos.
    """

    values: np.ndarray
    origin: str
    real: bool = True


def find_clips(
    network: keras.Model, folder: Path, check: Sequence[str | os.PathLike] | None, *, seed: int = 0
) -> CheckClips:
    """Return clips of videos to check an export of a network with.

    Args:
        network: gives the clips' shape and preparation.
        folder: the run folder, whose data are taken where no videos are given.
        check: video files and folders of them, or `["random"]` for random pixels.
        seed: of random pixels.

    Raises:
        ExportError: there is no video that a clip can be taken from.
    """
    spec = clip_spec(network)
    if check is not None and list(map(os.fspath, check)) == [RANDOM]:
        pixels = np.random.default_rng(seed).uniform(0, 255, (NUM_VIDEOS, spec.num_frames, *spec.frame_size, 3))
        values = ((pixels - spec.mean) * spec.scale).astype(np.float32)
        return CheckClips(values, f"{NUM_VIDEOS} clips of random pixels (seed {seed}), no videos", real=False)
    if check is not None:
        return _clips_of_files(check, spec)
    return _clips_of_run(folder, spec)


def _clips_of_files(paths: Sequence[str | os.PathLike], spec: ClipSpec) -> CheckClips:
    videos, errors = probe_files(find_files(paths), spec, hold_last=False, quiet=True)
    if errors:
        raise ExportError(f"--check: {next(iter(errors.values()))}")
    chosen = Manifest(tuple(videos.values())[:NUM_VIDEOS], spec.class_names)
    return _read_clips(chosen, spec, None, "given with --check")


def _clips_of_run(folder: Path, spec: ClipSpec) -> CheckClips:
    mend = "give videos to check the export with: --check VIDEO (or --check random for random pixels)"
    if not (folder / "run.json").is_file():
        raise ExportError(f"{folder}: is not a run folder (no run.json), so there are no videos of its data; {mend}")
    settings = read_run(folder)
    data, reason = find_data(settings)
    if data is None:
        raise ExportError(f"{folder}: the run's videos cannot be had ({reason}); {mend}")
    split = next((name for name in ("test", "val", "train") if len(data.select(name))), None)
    place = "/".join(Path(settings["data"]).parts[-2:])  # the rest is about somebody's machine
    try:
        return _read_clips(data, spec, split, f"of split {split} of {place}" if split else f"of {place}")
    except VideoCNNError as error:
        raise ExportError(f"{error}; {mend}") from error


def _read_clips(data: Any, spec: ClipSpec, split: str | None, origin: str) -> CheckClips:
    """Read the middle clip of the first videos that decode, in the centre view and its mirror image."""
    skips: list[Skip] = []
    options = {"num_clips": 1, "num_views": NUM_VIEWS, "batch_size": NUM_VIDEOS * NUM_VIEWS, "workers": 1}
    batches = clips.eval_clips(data, spec, split=split, short="skip", skips=skips, **options)
    for values, numbers, _ in batches.take(1):
        count = len(np.unique(numbers))
        return CheckClips(
            np.asarray(values, np.float32),
            f"{len(values)} clips (centre view and mirror image) of {count} video{'s'[: count > 1]} {origin}",
        )
    raise ExportError(f"no clip could be read: {skips[0].path}: {skips[0].reason}")


def keras_scores(network: keras.Model, values: np.ndarray) -> np.ndarray:
    """Return the network's own probabilities, computed on the processor as those that they are held against.

    Raises:
        ExportError: they are no probabilities, so that nothing could be compared.
    """
    with tf.device("/CPU:0"):
        scores = np.asarray(network(tf.constant(values), training=False), np.float32)
    if not ((scores >= 0) & (scores <= 1.0001)).all():  # NaN is neither
        raise ExportError(
            f"{network.name}: the network's outputs are no probabilities; it has diverged (train it with a lower "
            'rate), or was built without classifier_activation="softmax"'
        )
    return scores


def largest_difference(
    read: Callable[[np.ndarray], np.ndarray], values: np.ndarray, expected: np.ndarray, tolerance: float, what: str
) -> float:
    """Return the largest difference between an exported network's probabilities and those expected.

    Raises:
        ExportError: it exceeds the tolerance.
    """
    found = np.asarray(read(values), np.float32)
    difference = float(abs(found - expected).max()) if found.shape == expected.shape else float("nan")
    if not difference <= tolerance:  # NaN is not
        raise ExportError(
            f"the exported network does not say what {what} says: probabilities differ by {difference:.3g} on "
            f"{len(values)} clips, {tolerance:g} is allowed; nothing was written. Try another version of the converter"
        )
    return difference
