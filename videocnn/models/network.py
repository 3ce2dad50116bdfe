"""How a network is put together: clip, streams, features, classifier, weights.

A tower and a builder's arguments come in, an uncompiled `keras.Model` comes out that carries its `ClipSpec`. Section 3
of the paper: FC(4096)-FC(4096)-softmax; section 3.3: clips of 170 from a region of 200, or 178 for two streams.
"""

from __future__ import annotations

import math
import numbers
import os
import warnings
import zipfile
import zlib
from collections.abc import Callable
from typing import Any

import keras

from videocnn.layers import ClipInput, FrameDifference
from videocnn.models.multires import STREAMS, run_streams
from videocnn.models.tower import ModelError, TowerLayers, scaled
from videocnn.spec import ClipSpec

# What a file that is no zip archive or no HDF5, or a damaged one, makes Keras and h5py raise.
UNREADABLE = (OSError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error)


def build_network(
    tower: Callable[[Any, TowerLayers], Any],
    num_frames: int,
    frame_step: int,
    include_top: bool,
    weights: str | None,
    input_shape: tuple[int, int, int, int] | None,
    pooling: str | None,
    classes: int,
    classifier_activation: str | None,
    stream: str,
    width: float,
    norm: str | None,
    dropout: float,
    name: str,
    frame_difference: bool,
) -> keras.Model:
    """Build the model around a tower; the arguments are the builders' (see `SingleFrame`).

    Args:
        tower: function of a clip and a `TowerLayers` that returns features.
        num_frames: frames of a clip by default, before one is added for differences.
        frame_step: distance between sampled frames.
    """
    size = 170 if stream == "full" else 178
    if input_shape is None:
        input_shape = (num_frames + bool(frame_difference), size, size, 3)
    check_arguments(
        name, num_frames, frame_step, input_shape, pooling, classes, stream, width, norm, dropout, frame_difference
    )
    spec = ClipSpec(
        num_frames=input_shape[0],
        frame_size=input_shape[1:3],
        region_size=[round(pixels * 200 / size) for pixels in input_shape[1:3]],
        frame_step=frame_step,
    )
    frames = keras.Input(input_shape, name="frames")
    # Pixels and their differences stay float32 under every dtype policy; conv1 rounds them to its own precision.
    x = ClipInput(spec, dtype="float32", name="clip")(frames)
    if frame_difference:
        x = FrameDifference(dtype="float32", name="difference")(x)
    x = run_streams(x, tower, stream, TowerLayers(width, norm))
    if include_top:
        x = classifier(x, classes, classifier_activation, width, dropout)
    elif pooling:
        x = pool_frames(x, pooling)
    model = keras.Model(frames, x, name=name)
    if weights is not None:
        load_weights(model, weights)
    return model


def classifier(x: Any, classes: int, activation: str | None, width: float, dropout: float) -> Any:
    """Return the paper's top: every frame's features side by side, FC(4096), FC(4096), softmax."""
    x = keras.layers.Flatten(name="flatten")(x)
    for name in ("fc6", "fc7"):
        x = keras.layers.Dense(scaled(4096, width), activation="relu", name=name)(x)
        x = keras.layers.Dropout(dropout, name=f"{name}_dropout")(x)
    return predictions(x, classes, activation)


def predictions(x: Any, classes: int, activation: str | None = "softmax") -> Any:
    """Return class probabilities in float32: half-precision ones would not sum to 1."""
    return keras.layers.Dense(classes, activation=activation, dtype="float32", name="predictions")(x)


def pool_frames(x: Any, pooling: str) -> Any:
    """Return one number a channel and frame, `(batch, time * channels)`: frames meet in the next layer, as at fc6."""
    _, num_frames, height, width, channels = x.shape
    x = keras.layers.Reshape((num_frames, height * width, channels), name="pixels")(x)
    reduce = keras.ops.mean if pooling == "avg" else keras.ops.max
    return keras.layers.Flatten(name=f"{pooling}_pool")(reduce(x, axis=2))


def check_arguments(
    name: str,
    num_frames: int,
    frame_step: int,
    input_shape: tuple,
    pooling: str | None,
    classes: int,
    stream: str,
    width: float,
    norm: str | None,
    dropout: float,
    frame_difference: bool,
) -> None:
    """Refuse arguments that no network can be built from, saying what came, what is expected and how to mend it."""
    for argument, value, known in (
        ("stream", stream, STREAMS),
        ("norm", norm, ("lrn", "batch", None)),
        ("pooling", pooling, (None, "avg", "max")),
    ):
        if value not in known:
            raise ModelError(f"{name}: {argument}={value!r} is not known; choose one of {', '.join(map(repr, known))}.")
    if frame_difference and (num_frames == 1 or frame_step > 1):
        raise ModelError(
            f"{name}: frame_difference=True needs a network of contiguous frames; use EarlyFusion or SlowFusion, "
            "or leave it out."
        )
    if not isinstance(classes, int) or classes < 1:
        raise ModelError(f"{name}: classes={classes!r} is not a positive whole number.")
    if not isinstance(width, numbers.Real) or not 0 < width < math.inf:
        raise ModelError(
            f"{name}: width={width!r} is not a number above 0; 1 is the paper's network, 0.5 has half the filters."
        )
    check_dropout(name, dropout)
    whole = isinstance(input_shape, (tuple, list)) and all(isinstance(size, int) for size in input_shape)
    if not whole or len(input_shape) != 4 or input_shape[3] != 3:
        raise ModelError(
            f"{name}: input_shape={input_shape!r} is not (frames, height, width, 3) in whole numbers, as "
            f"({num_frames}, 170, 170, 3) is; time comes first even for one frame."
        )
    if frame_step > 1 and input_shape[0] == 1:
        raise ModelError(f"{name}: input_shape={input_shape} has 1 frame, the network compares 2 or more.")
    if num_frames == 1 and input_shape[0] != 1:
        raise ModelError(f"{name}: input_shape={input_shape} has {input_shape[0]} frames, the network takes 1.")
    smallest = 11 if stream == "full" else 22
    if input_shape[0] < 1 + bool(frame_difference) or min(input_shape[1:3]) < smallest:
        raise ModelError(
            f"{name}: input_shape={input_shape} is too small; conv1's filters need {smallest} pixels a side with "
            f"stream={stream!r}" + (" and a difference two frames." if frame_difference else ".")
        )


def check_dropout(name: str, dropout: float) -> None:
    """Refuse a share of outputs that cannot be dropped."""
    if not isinstance(dropout, numbers.Real) or not 0 <= dropout < 1:
        raise ModelError(
            f"{name}: dropout={dropout!r} is not a number from 0 up to below 1; the paper's is 0.5, 0 is none."
        )


def load_weights(model: keras.Model, path: str | os.PathLike) -> None:
    """Read weights of the same network from a `.weights.h5` or `.keras` file.

    Raises:
        ModelError: the file is missing, has another ending, cannot be read, or holds another network's weights.
    """
    path = os.fspath(path)
    if not os.path.isfile(path):
        raise ModelError(f"{model.name}: weights={path!r} is not a file; give the path of one, or None.")
    if not path.endswith((".weights.h5", ".keras")):
        raise ModelError(f"{model.name}: weights={path!r} ends neither in .weights.h5 nor in .keras.")
    try:
        if path.endswith(".keras"):
            with zipfile.ZipFile(path) as archive:
                if "model.weights.h5" not in archive.namelist():
                    raise OSError("it is a zip archive without 'model.weights.h5'")
        with warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)  # Keras only warns of layers that it leaves as they are
            model.load_weights(path)
    except UNREADABLE as error:
        raise ModelError(
            f"{model.name}: the weights in {path!r} cannot be read ({error}); the file may be damaged or of "
            "another kind: copy it again, or give one that save_weights() or save() wrote."
        ) from error
    except (ValueError, KeyError, UserWarning) as error:
        raise ModelError(
            f"{model.name}: the weights in {path!r} do not fit this network; build it with the width, stream, norm, "
            f"classes, input_shape and include_top that they were saved with ({error})."
        ) from error
