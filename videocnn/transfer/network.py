"""Turn a trained network into one for other classes, part of it frozen, as the fine-tuning regime says.

Section 4.2 of the paper transfers slow fusion from Sports-1M to UCF-101 in four regimes (Table 3): train a new
classifier, fc6 and fc7 too, or all layers, and for comparison the same network from random weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from videocnn.layers import ClipInput, FrameDifference
from videocnn.models import NETWORKS, ModelError, clip_spec, network_config, set_clip_spec
from videocnn.train.recipes import REGIMES

HEADS = {
    "paper": ("fc6", "fc6_dropout", "fc7", "fc7_dropout", "predictions"),
    "pool": ("dropout", "predictions"),
}


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

    | regime | starts from | trains |
    |---|---|---|
    | `"scratch"` | random weights | everything |
    | `"top"` | the trained weights, a new classifier | the classifier |
    | `"top3"` | the trained weights, a new classifier | fc6, fc7 and the classifier |
    | `"all"` | the trained weights, a new classifier | everything |

    The other layers are frozen: `trainable` is False, batch normalization keeps its moving statistics, dropout is 0.
    Dropout layers of the trained part get the rate `dropout`. A network with a pooled head has no fc6 and fc7, hence
    no `"top3"`.

    Args:
        model: a network of this package with its classifier; it is not modified.
        class_names: names of the new outputs, in order.
        regime: see above.
        dropout: dropout rate before trained layers of the head, fc7 and the classifier (in a pooled head: before the
            classifier). The paper keeps as little as 10 % of the units.
        seed: seed of the random weights.
        dtype: `"float32"` or `"bfloat16"` arithmetic; by default that of `model`.

    Returns:
        An uncompiled model with its own layers and weights; clips are sampled and prepared as for `model`.

    Raises:
        ModelError: the regime is unknown or impossible for this network, or the network has no known head.

    Example:
        >>> from videocnn.models import SlowFusion
        >>> tuned = transfer_network(SlowFusion(classes=487, width=0.125), ["judo", "polo"], "top3")
        >>> [layer.name for layer in tuned.layers if layer.trainable and layer.weights]
        ['fc6', 'fc7', 'predictions']
    """
    learning, built = learning_layers(model, regime), network_config(model)
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
            head = {"classes": len(class_names), "dropout": dropout, "classifier_activation": "softmax"}
            config["network"] = {**built, "arguments": {**built["arguments"], **head}}
        return layer.__class__.from_config(config)

    network = keras.models.clone_model(model, clone_function=copy)
    for layer in network.layers:
        if regime != "scratch" and layer.name != "predictions":
            layer.set_weights(model.get_layer(layer.name).get_weights())
        layer.trainable = layer.name in learning
    set_clip_spec(network, class_names=tuple(class_names))
    return network


def learning_layers(model: keras.Model, regime: str) -> tuple[str, ...]:
    """Return the names of the layers that a regime trains, in order.

    Raises:
        ModelError: the regime is unknown or impossible for this network, or the network has no known head.
    """
    if regime not in REGIMES:
        raise ModelError(f"unknown regime={regime!r}; choose one of {', '.join(REGIMES)}.")
    names = tuple(layer.name for layer in model.layers)
    built = network_config(model) or {}
    head = HEADS.get(built.get("head"))
    if head is None or names[-len(head) :] != head:
        raise ModelError(
            f"{model.name!r} ends in {', '.join(names[-2:])}, not in a head that can be fine-tuned (fc6, fc7 and a "
            "classifier, or a classifier on pooled features); give a network from `videocnn train` (for an average, "
            "one of its members)."
        )
    if regime == "top3" and built["head"] == "pool":
        raise ModelError(
            f"regime='top3': {model.name!r} has pooled features and no fc6 and fc7; choose 'top' for the classifier "
            "alone or 'all', or start from a network trained with --head paper."
        )
    return {"top": head[-2:], "top3": head}.get(regime, names)


def split_network(network: keras.Model, regime: str) -> tuple[keras.Model, keras.Model]:
    """Return the frozen part of a network and its trained head, for `"top"` or `"top3"`; layers are shared."""
    first = network.get_layer(learning_layers(network, regime)[0])
    return keras.Model(network.input, first.input, name="frozen"), keras.Model(first.input, network.output, name="head")


def architecture(network: keras.Model) -> dict[str, Any]:
    """Return the training arguments that a network settles, and the recipe that its head suggests.

    Raises:
        ModelError: it was made by a builder that is not in the table of networks.
    """
    spec, built = clip_spec(network), network_config(network)
    arguments = built["arguments"]
    model = next((name for name, row in NETWORKS.items() if row.builder == built["builder"]), None)
    if model is None:
        raise ModelError(
            f"{network.name!r} was made by {built['builder']}, which is not a builder of this package; add it to "
            "videocnn.models.NETWORKS."
        )
    return {
        "model": model,
        "stream": arguments["stream"],
        "width": arguments["width"],
        "norm": arguments["norm"] or "none",
        "head": built["head"],
        "frame_size": spec.frame_size[0],
        "frame_difference": arguments["frame_difference"],
        "scale": spec.scale,
        "recipe": "modern" if built["head"] == "pool" else "paper",
        "dtype": "bfloat16" if any(layer.compute_dtype == "bfloat16" for layer in network.layers) else "float32",
    }
