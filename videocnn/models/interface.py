"""What goes into a network and what comes out of it: clip specification, preprocessing, decoded scores, saved files.

A built or saved model comes in; how its clips are sampled, and the names of its outputs, come out. Section 3.3 of the
paper: 117 is subtracted from raw values.
"""

from __future__ import annotations

import numbers
import os
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np

from videocnn.layers import ClipInput
from videocnn.models.network import check_dropout, predictions
from videocnn.models.tower import ModelError
from videocnn.spec import ClipSpec


def _clip_layer(model: keras.Model) -> ClipInput:
    for layer in model.layers:
        if isinstance(layer, ClipInput):
            return layer
    raise ModelError(
        f"The model {model.name!r} does not say how its clips are sampled, so it is not one of this package's; "
        "build it with videocnn.models, on top of one of its networks, or load one that was."
    )


def clip_spec(model: keras.Model) -> ClipSpec:
    """Return how clips are sampled and prepared for a network, and what its outputs are called.

    Raises:
        ModelError: the model was not built by this package.

    Example:
        >>> from videocnn.models import LateFusion
        >>> clip_spec(LateFusion(classes=10, width=0.125)).span
        16
    """
    return _clip_layer(model).spec


def set_clip_spec(model: keras.Model, **changes: Any) -> ClipSpec:
    """Change what a network knows of its clips; it is saved with the model.

    Args:
        model: one of this package's networks.
        **changes: attributes of `ClipSpec`: `class_names`, `mean`, `scale`, `region_size`, `frame_step` or `fps`. Those
            that the network's input fixes (`num_frames`, `frame_size`) can be repeated but not changed.

    Returns:
        The new specification.

    Raises:
        ModelError: an attribute is unknown, contradicts the network's input or the number of its outputs.
    """
    layer = _clip_layer(model)
    try:
        spec = layer.spec.replace(**changes)
    except TypeError as error:
        raise ModelError(f"{model.name}: {error}; ClipSpec has {', '.join(layer.spec.to_config())}.") from error
    if (spec.num_frames, *spec.frame_size) != model.input_shape[1:4]:
        raise ModelError(
            f"{model.name}: {spec.num_frames} frames of {spec.frame_size} do not fit the network's input "
            f"{model.input_shape[1:]}; build it with another input_shape."
        )
    if spec.class_names and len(spec.class_names) != model.output_shape[-1]:
        raise ModelError(
            f"{model.name}: {len(spec.class_names)} class names for {model.output_shape[-1]} outputs; "
            f"build it with classes={len(spec.class_names)} or give as many names as outputs."
        )
    layer.spec = spec
    return spec


def with_pooled_head(
    builder: Callable[..., keras.Model],
    classes: int,
    *,
    dropout: float = 0.5,
    classifier_activation: str | None = "softmax",
    **arguments: Any,
) -> keras.Model:
    """Build a network whose top is average pooling and one classifier instead of fc6 and fc7.

    Not the paper's: nearly all of its weights (92 % of Single-Frame's) are in fc6 and fc7, which learn little data by
    heart.

    Args:
        builder: `SingleFrame`, `EarlyFusion`, `LateFusion` or `SlowFusion`.
        classes: number of classes.
        dropout: share of the pooled features that is dropped in training.
        classifier_activation: of the last layer, computed in float32.
        **arguments: the builder's other arguments.

    Returns:
        An uncompiled model from clips to float32 `(batch, classes)`, with its clip specification.

    Raises:
        ModelError: an argument cannot be used.

    Example:
        >>> from videocnn.models import SlowFusion
        >>> with_pooled_head(SlowFusion, 10, width=0.125).count_params()
        99334
    """
    check_dropout("with_pooled_head", dropout)
    features = builder(include_top=False, pooling="avg", **arguments)
    x = keras.layers.Dropout(dropout, name="dropout")(features.output)
    return keras.Model(features.input, predictions(x, classes, classifier_activation), name=features.name)


def load_model(path: str | os.PathLike) -> keras.Model:
    """Read a network from the `.keras` file that it was saved to.

    Raises:
        ModelError: the file is missing, cannot be read, or does not hold one of this package's networks.
    """
    path = os.fspath(path)
    if not os.path.isfile(path):
        raise ModelError(f"There is no file {path!r}; give the path of a .keras file, as a run folder's model.keras.")
    if not path.endswith(".keras"):
        raise ModelError(f"{path!r} does not end in .keras; give the model.keras of a run folder.")
    try:
        model = keras.models.load_model(path, compile=False)
    except Exception as error:  # Keras raises whatever the damaged or foreign part of the file made it meet
        raise ModelError(f"{path!r} cannot be read as a Keras model: {error}") from error
    try:
        clip_spec(model)
    except ModelError as error:
        raise ModelError(f"{path!r}: {error}") from error
    return model


def preprocess_input(x: Any, mean: float = 117.0, scale: float = 1.0) -> Any:
    """Subtract the paper's 117 from raw pixels.

    Args:
        x: raw values 0..255 of any shape and dtype, NumPy array or tensor.
        mean: what is subtracted; `clip_spec(model).mean`.
        scale: what the difference is multiplied by; `clip_spec(model).scale`.

    Returns:
        float32 `(x - mean) * scale` of the same shape, a NumPy array if `x` is one.

    Example:
        >>> preprocess_input(np.array([0, 117, 255], "uint8"))
        array([-117.,    0.,  138.], dtype=float32)
    """
    if isinstance(x, (np.ndarray, np.generic, list, tuple, int, float)):
        return (np.asarray(x, "float32") - np.float32(mean)) * np.float32(scale)
    return (keras.ops.cast(x, "float32") - mean) * scale


def decode_predictions(scores: Any, class_names: Sequence[str], top: int = 5) -> list[list[tuple[str, float]]]:
    """Name the best classes of every row of scores.

    Args:
        scores: `(batch, classes)`.
        class_names: as many names, in the order of the outputs; `clip_spec(model).class_names`.
        top: how many to name, at most all.

    Returns:
        For every row a list of `(class name, score)`, best first; equal scores in the order of the outputs.

    Raises:
        ModelError: the shapes do not belong together, or `top` is not a positive whole number.

    Example:
        >>> decode_predictions([[0.1, 0.7, 0.2]], ["hockey", "judo", "polo"], top=2)
        [[('judo', 0.7), ('polo', 0.2)]]
    """
    scores = np.asarray(scores if isinstance(scores, (list, np.ndarray)) else keras.ops.convert_to_numpy(scores))
    if scores.ndim != 2 or scores.shape[1] != len(class_names):
        raise ModelError(
            f"Scores of shape {scores.shape} do not fit {len(class_names)} class names; give (batch, classes) scores "
            "and clip_spec(model).class_names."
        )
    if not isinstance(top, numbers.Integral) or top < 1:
        raise ModelError(f"top={top!r} is not a positive whole number; 5 names the five best classes.")
    best = np.argsort(-scores, axis=1, kind="stable")[:, :top]
    return [[(class_names[c], float(row[c])) for c in order] for row, order in zip(scores, best, strict=True)]
