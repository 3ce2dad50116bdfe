"""A network and the devices that it is placed on -> a function from clips to class probabilities."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf


def predict_function(network: keras.Model, devices: Any = None) -> Callable[[Any], np.ndarray]:
    """Return a function from clips `(B, T, H, W, C)` to float32 probabilities `(B, num_classes)`.

    Args:
        network: placed on `devices`.
        devices: those that share every batch; by default one computes.
    """
    shape = tf.TensorSpec((None, *network.input_shape[1:]), tf.float32)

    def probabilities(x):
        return network(x, training=False)

    call = tf.function(devices.shared(probabilities) if devices else probabilities).get_concrete_function(shape)
    return lambda x: np.asarray(call(x), np.float32)
