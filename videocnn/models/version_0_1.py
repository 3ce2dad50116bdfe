"""Networks saved by version 0.1.0, which did not record what they were built from: their layers tell.

The only place that infers a builder's arguments from layers; newer files carry them in their `ClipInput`.
"""

from __future__ import annotations

from typing import Any

import keras

from videocnn.spec import ClipSpec


def inferred(model: keras.Model, spec: ClipSpec) -> dict[str, Any] | None:
    """Return what a network of 0.1.0 was built from, as `network_config` does, or None if it is not one network."""
    layers = {layer.name: layer for layer in model.layers}
    seen = [name for name in ("fovea", "context") if name in layers]
    prefix = f"{seen[0]}_" if seen else ""
    if f"{prefix}conv3" not in layers:  # an average
        return None
    conv1, conv3, norm = layers[f"{prefix}conv1"], layers[f"{prefix}conv3"], layers.get(f"{prefix}norm1")
    difference, top = "difference" in layers, "fc6" in layers
    if spec.num_frames == 1:
        builder = "SingleFrame"
    elif spec.frame_step > 1:
        builder = "LateFusion"
    else:
        builder = "EarlyFusion" if conv1.kernel_size[0] == spec.num_frames - difference else "SlowFusion"
    return {
        "builder": builder,
        "head": "paper" if top else "pool" if "predictions" in layers else None,
        "arguments": {
            "include_top": top,
            "input_shape": list(model.input_shape[1:]),
            "pooling": next((way for way in ("avg", "max") if f"{way}_pool" in layers), None),
            "classes": model.output_shape[-1],
            "classifier_activation": keras.activations.serialize(getattr(model.layers[-1], "activation", None)),
            "stream": "multires" if len(seen) == 2 else seen[0] if seen else "full",
            "width": layers["fc6"].units / 4096 if top else conv3.filters / 384,
            "norm": None if norm is None else "batch" if isinstance(norm, keras.layers.BatchNormalization) else "lrn",
            "dropout": layers["fc7_dropout" if top else "dropout"].rate if "predictions" in layers else 0.5,
            "name": model.name,
            "frame_difference": difference,
        },
    }
