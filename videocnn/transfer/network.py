"""The network of a regime: a trained network goes in, a new one for other classes comes out, part of it frozen.

Section 4.2 of the paper takes slow fusion from Sports-1M to UCF-101 in four regimes (Table 3): a new classifier on
frozen layers, fc6 and fc7 with it, all layers, and for comparison the same network from random weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from videocnn.layers import ClipInput, FrameDifference
from videocnn.models import ModelError, clip_spec, set_clip_spec
from videocnn.train.recipes import REGIMES

PAPER_HEAD = ("fc6", "fc6_dropout", "fc7", "fc7_dropout", "predictions")
POOLED_HEAD = ("dropout", "predictions")


def transfer_network(
    model: keras.Model,
    class_names: Sequence[str],
    regime: str = "top",
    dropout: float = 0.9,
    seed: int = 0,
    *,
    dtype: str | None = None,
) -> keras.Model:
    """Return a network for other classes that starts from a trained one: one row of Table 3.

    | regime | starts from | learns |
    |---|---|---|
    | `"scratch"` | random weights | everything |
    | `"top"` | the trained weights, a new classifier | the classifier |
    | `"top3"` | the trained weights, a new classifier | fc6, fc7 and the classifier |
    | `"all"` | the trained weights, a new classifier | everything |

    Layers that do not learn are frozen: `trainable` is false, their batch normalisation keeps its moving statistics,
    their dropout is 0. The rates of the others are `dropout`. A network with a pooled head has no fc6 and fc7, so
    there is no `"top3"` of it.

    Args:
        model: a network of this package with its classifier; it is left as it is.
        class_names: names of the new outputs, in their order.
        regime: see above.
        dropout: share of units dropped before layers of the head that learn, fc7 and the classifier (a pooled head:
            before the classifier); the paper keeps as little as 10 %.
        seed: of the random weights.
        dtype: `"float32"` or `"bfloat16"` arithmetic; by default that of `model`.

    Returns:
        An uncompiled model with new layers and weights; clips are sampled and prepared as for `model`.

    Raises:
        ModelError: the regime is unknown or impossible for this network, or the network has no known head.

    Example:
        >>> from videocnn.models import SlowFusion
        >>> tuned = transfer_network(SlowFusion(classes=487, width=0.125), ["judo", "polo"], "top3")
        >>> [layer.name for layer in tuned.layers if layer.trainable and layer.weights]
        ['fc6', 'fc7', 'predictions']
    """
    learning = learning_layers(model, regime)
    policy = {None: None, "float32": "float32", "bfloat16": "mixed_bfloat16"}[dtype]
    numbers = {layer.name: number for number, layer in enumerate(model.layers)}

    def copy(layer):
        config = layer.get_config()
        if layer.name not in numbers:  # a plain operation, such as a mean over pixels
            return layer.__class__.from_config(config)
        number = int(np.random.SeedSequence([seed, numbers[layer.name]]).generate_state(1)[0]) % 2**31
        if "kernel_initializer" in config:
            config["kernel_initializer"]["config"]["seed"] = number
        if isinstance(layer, keras.layers.Dropout):
            config |= {"rate": dropout if layer.name in learning else 0.0, "seed": number}
        if layer.name == "predictions":
            config |= {"units": len(class_names), "activation": "softmax"}
        elif policy is not None and not isinstance(layer, (ClipInput, FrameDifference)):
            config["dtype"] = policy
        if isinstance(layer, ClipInput):
            config["spec"] = layer.spec.replace(class_names=()).to_config()
        return layer.__class__.from_config(config)

    network = keras.models.clone_model(model, clone_function=copy)
    for layer in network.layers:
        if regime != "scratch" and layer.name != "predictions":
            layer.set_weights(model.get_layer(layer.name).get_weights())
        layer.trainable = layer.name in learning
    set_clip_spec(network, class_names=tuple(class_names))
    return network


def learning_layers(model: keras.Model, regime: str) -> tuple[str, ...]:
    """Return the names of the layers that learn in a regime, in their order.

    Raises:
        ModelError: the regime is unknown or impossible for this network, or the network has no known head.
    """
    if regime not in REGIMES:
        raise ModelError(f"regime={regime!r} is not known; choose one of {', '.join(REGIMES)}.")
    names = tuple(layer.name for layer in model.layers)
    head = next((head for head in (PAPER_HEAD, POOLED_HEAD) if names[-len(head) :] == head), None)
    if head is None:
        raise ModelError(
            f"{model.name!r} ends in {', '.join(names[-2:])}, not in fc6, fc7 and a classifier or in a classifier on "
            "averaged features; give a network that `videocnn train` made (of an average, one of its members)."
        )
    if regime == "top3" and head == POOLED_HEAD:
        raise ModelError(
            f"regime='top3': {model.name!r} averages its features and has no fc6 and fc7; choose 'top' for the "
            "classifier alone or 'all', or start from a network trained with --head paper."
        )
    return {"top": head[-2:], "top3": head}.get(regime, names)


def split_network(network: keras.Model, regime: str) -> tuple[keras.Model, keras.Model]:
    """Return the frozen part of a network and the head that learns, for `"top"` or `"top3"`; layers are shared."""
    first = network.get_layer(learning_layers(network, regime)[0])
    return keras.Model(network.input, first.input, name="frozen"), keras.Model(first.input, network.output, name="head")


def architecture(network: keras.Model) -> dict[str, Any]:
    """Return the training arguments that a network of this package tells of itself, and the recipe it looks like."""
    spec, layers = clip_spec(network), {layer.name: layer for layer in network.layers}
    seen = [name for name in ("fovea", "context") if name in layers]
    prefix = f"{seen[0]}_" if seen else ""
    conv1, conv3, norm = layers[f"{prefix}conv1"], layers[f"{prefix}conv3"], layers.get(f"{prefix}norm1")
    difference, pooled = "difference" in layers, "fc6" not in layers
    if spec.num_frames == 1:
        model = "single_frame"
    elif spec.frame_step > 1:
        model = "late_fusion"
    else:
        model = "early_fusion" if conv1.kernel_size[0] == spec.num_frames - difference else "slow_fusion"
    return {
        "model": model,
        "stream": "multires" if len(seen) == 2 else seen[0] if seen else "full",
        "width": conv3.filters / 384 if pooled else layers["fc6"].units / 4096,
        "norm": "none" if norm is None else "batch" if isinstance(norm, keras.layers.BatchNormalization) else "lrn",
        "head": "pool" if pooled else "paper",
        "frame_size": spec.frame_size[0],
        "frame_difference": difference,
        "scale": spec.scale,
        "recipe": "modern" if pooled else "paper",
        "dtype": "bfloat16" if conv3.compute_dtype == "bfloat16" else "float32",
    }
