"""How a network is assembled: clip, streams, tower, classifier, weights.

A row of the table, a tower and the builder's options become an uncompiled `keras.Model` that carries its `ClipSpec`.
Section 3 of the paper: FC(4096)-FC(4096)-softmax; section 3.2: two streams of 89 x 89 pixels, each with its own
weights, joined before fc6; section 3.3: clips of 170 px are cut from a region of 200.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras

from videocnn.layers import ClipInput, Context, Fovea, FrameDifference
from videocnn.models.options import Network, NetworkOptions
from videocnn.models.tower import TowerLayers, scaled
from videocnn.models.weights import load_weights
from videocnn.spec import ClipSpec


def build_network(network: Network, tower: Callable[..., Any], options: NetworkOptions) -> keras.Model:
    """Build a network; what it was built from is saved with it.

    Args:
        network: its row in the table.
        tower: function of a clip, a `TowerLayers` and the row that returns features.
        options: the builder's arguments.

    Raises:
        ModelError: an argument is invalid, or the weights cannot be used.
    """
    options = options.checked(network)
    num_frames, *frame_size, _ = options.input_shape
    spec = ClipSpec(
        num_frames=num_frames,
        frame_size=frame_size,
        region_size=[round(pixels * 200 / options.frame_size) for pixels in frame_size],
        frame_step=network.frame_step,
    )
    config = {
        "builder": network.builder,
        "head": "paper" if options.include_top else None,
        "arguments": options.to_config(),
    }
    frames = keras.Input(options.input_shape, name="frames")
    # Pixels and their differences stay float32 under every dtype policy; conv1 rounds them to its own precision.
    x = ClipInput(spec, config, dtype="float32", name="clip")(frames)
    if options.frame_difference:
        x = FrameDifference(dtype="float32", name="difference")(x)
    x = run_streams(
        x, lambda clip, layers: tower(clip, layers, network), options.stream, TowerLayers(options.width, options.norm)
    )
    if options.include_top:
        x = classifier(x, options)
    elif options.pooling:
        x = pool_frames(x, options.pooling)
    model = keras.Model(frames, x, name=options.name)
    if options.weights is not None:
        load_weights(model, options.weights)
    return model


def run_streams(clip: Any, tower: Callable[[Any, TowerLayers], Any], stream: str, layers: TowerLayers) -> Any:
    """Return the features of `tower` on one stream, or of two towers concatenated along the channels.

    The streams are a quarter of the frame, so their towers omit the last pooling: all end at 7 x 7.
    """
    if stream == "full":
        return layers.pool("pool5")(tower(clip, layers))
    fovea = tower(Fovea(name="fovea")(clip), layers.replace(prefix="fovea_")) if stream != "context" else None
    context = tower(Context(name="context")(clip), layers.replace(prefix="context_")) if stream != "fovea" else None
    if stream == "multires":
        return keras.layers.Concatenate(name="streams")([fovea, context])
    return context if fovea is None else fovea


def classifier(x: Any, options: NetworkOptions) -> Any:
    """Return the paper's top: the features of all time steps concatenated, FC(4096), FC(4096), softmax."""
    x = keras.layers.Flatten(name="flatten")(x)
    for name in ("fc6", "fc7"):
        x = keras.layers.Dense(scaled(4096, options.width), activation="relu", name=name)(x)
        x = keras.layers.Dropout(options.dropout, name=f"{name}_dropout")(x)
    return predictions(x, options.classes, options.classifier_activation)


def predictions(x: Any, classes: int, activation: str | None = "softmax") -> Any:
    """Return class probabilities in float32: half-precision ones would not sum to 1."""
    return keras.layers.Dense(classes, activation=activation, dtype="float32", name="predictions")(x)


def pool_frames(x: Any, pooling: str) -> Any:
    """Return one value per channel and time step, `(batch, time * channels)`: time steps meet in the next layer."""
    _, num_frames, height, width, channels = x.shape
    x = keras.layers.Reshape((num_frames, height * width, channels), name="pixels")(x)
    reduce = keras.ops.mean if pooling == "avg" else keras.ops.max
    return keras.layers.Flatten(name=f"{pooling}_pool")(reduce(x, axis=2))
