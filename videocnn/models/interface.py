"""What a network knows of itself: how its clips are sampled and prepared, its class names, what it was built from.

Section 3.3 of the paper: 117 is subtracted from raw values.
"""

from __future__ import annotations

import numbers
import os
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np

from videocnn.layers import ClipInput
from videocnn.models.network import predictions
from videocnn.models.options import ModelError, check_dropout
from videocnn.models.version_0_1 import inferred
from videocnn.spec import ClipSpec


def _clip_layer(model: keras.Model) -> ClipInput:
    for layer in model.layers:
        if isinstance(layer, ClipInput):
            return layer
    raise ModelError(
        f"Model {model.name!r} has no clip specification, so it is not one of this package's networks; build it with "
        "videocnn.models or on top of one of its networks, or load one that was."
    )


def clip_spec(model: keras.Model) -> ClipSpec:
    """Return how clips are sampled and prepared for a network, and its class names.

    Raises:
        ModelError: the model was not built by this package.

    Example:
        >>> from videocnn.models import LateFusion
        >>> clip_spec(LateFusion(classes=10, width=0.125)).span
        16
    """
    return _clip_layer(model).spec


def network_config(model: keras.Model) -> dict[str, Any] | None:
    """Return what a network was built from, as recorded in it; None for an average of networks.

    Returns:
        `builder`, its name in `videocnn.models`; `head`: `"paper"` (fc6, fc7 and a classifier), `"pool"`
        (`with_pooled_head`) or None for features; `arguments`, those of the builder without `weights`.

    Raises:
        ModelError: the model was not built by this package.

    Example:
        >>> from videocnn.models import LateFusion
        >>> network_config(LateFusion(classes=10, width=0.125))["builder"]
        'LateFusion'
    """
    layer = _clip_layer(model)
    return inferred(model, layer.spec) if layer.network is None else dict(layer.network)


def set_clip_spec(model: keras.Model, **changes: Any) -> ClipSpec:
    """Change a network's clip specification; it is saved with the model.

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
            f"{model.input_shape[1:]}; build it with a different input_shape."
        )
    if spec.class_names and len(spec.class_names) != model.output_shape[-1]:
        raise ModelError(
            f"{model.name}: {len(spec.class_names)} class names for {model.output_shape[-1]} outputs; "
            f"build it with classes={len(spec.class_names)} or give one name per output."
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
    """Build a network with average pooling and a single classifier in place of fc6 and fc7.

    Not in the paper, whose networks have most of their weights (92 % in single-frame) in fc6 and fc7, which overfit
    small data sets.

    Args:
        builder: `SingleFrame`, `EarlyFusion`, `LateFusion` or `SlowFusion`.
        classes: number of classes.
        dropout: dropout rate after pooling.
        classifier_activation: activation of the classifier, computed in float32.
        **arguments: the builder's other arguments.

    Returns:
        An uncompiled model from clips to float32 `(batch, classes)`, with its clip specification.

    Raises:
        ModelError: an argument is invalid.

    Example:
        >>> from videocnn.models import SlowFusion
        >>> with_pooled_head(SlowFusion, 10, width=0.125).count_params()
        99334
    """
    check_dropout("with_pooled_head", dropout)
    features = builder(include_top=False, pooling="avg", **arguments)
    head = {"classes": classes, "dropout": dropout, "classifier_activation": classifier_activation}
    config = network_config(features)
    _clip_layer(features).network = {**config, "head": "pool", "arguments": {**config["arguments"], **head}}
    x = keras.layers.Dropout(dropout, name="dropout")(features.output)
    return keras.Model(features.input, predictions(x, classes, classifier_activation), name=features.name)


def load_model(path: str | os.PathLike) -> keras.Model:
    """Load a network from a `.keras` file.

    Raises:
        ModelError: the file is missing, cannot be read, or does not hold one of this package's networks.
    """
    path = os.fspath(path)
    if not os.path.isfile(path):
        raise ModelError(f"File {path!r} does not exist; give a .keras file, such as model.keras of a run folder.")
    if not path.endswith(".keras"):
        raise ModelError(f"{path!r} does not end in .keras; give the model.keras of a run folder.")
    try:
        model = keras.models.load_model(path, compile=False)
    except Exception as error:  # whatever a damaged or foreign part of the file makes Keras raise
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
        mean: value to subtract; `clip_spec(model).mean`.
        scale: factor applied afterwards; `clip_spec(model).scale`.

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
    """Return the highest-scoring classes of every row of scores.

    Args:
        scores: `(batch, classes)`.
        class_names: one name per output, in order; `clip_spec(model).class_names`.
        top: number of classes to return, at most all.

    Returns:
        For every row a list of `(class name, score)`, best first; ties in the order of the outputs.

    Raises:
        ModelError: scores and names differ in number, or `top` is not a positive integer.

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
        raise ModelError(f"Expected top to be a positive integer, got top={top!r}.")
    best = np.argsort(-scores, axis=1, kind="stable")[:, :top]
    return [[(class_names[c], float(row[c])) for c in order] for row, order in zip(scores, best, strict=True)]
