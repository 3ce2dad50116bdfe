"""Networks that compute in half precision, for runtimes that do not: the same weights, float32 throughout."""

from __future__ import annotations

import keras


def dtype_of(network: keras.Model) -> str:
    """Return in what a network computes: the least precise dtype of its layers."""
    dtypes = set()
    for layer in network.layers:
        dtypes.add(dtype_of(layer) if isinstance(layer, keras.Model) else layer.compute_dtype)
    return next((dtype for dtype in ("bfloat16", "float16") if dtype in dtypes), "float32")


def in_float32(network: keras.Model) -> keras.Model:
    """Return a copy of a network whose layers all compute in float32; the network itself where they do already."""
    if dtype_of(network) == "float32":
        return network

    def copy(layer):
        if isinstance(layer, keras.Model):
            return in_float32(layer)
        config = layer.get_config()
        if isinstance(layer, keras.layers.Layer):  # and no plain operation, such as a mean over pixels
            config["dtype"] = "float32"
        return layer.__class__.from_config(config)

    result = keras.models.clone_model(network, clone_function=copy)
    for layer in network.layers:
        if not isinstance(layer, keras.Model):
            result.get_layer(layer.name).set_weights(layer.get_weights())
    return result
