"""ONNX, for runtimes of every make: a network in, one file out. Needs the extra `export`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

FILE = "model.onnx"
PACKAGES = ("onnx", "tf2onnx", "onnxruntime")
USE = """\
import onnxruntime

session = onnxruntime.InferenceSession("model.onnx", providers=["CPUExecutionProvider"])
scores = session.run(["output_0"], {"frames": clips})[0]
"""
OPSET = 17  # the newest that runtimes of 2022 and later have


def write(network: keras.Model, folder: Path) -> None:
    """Write a network as `model.onnx`; the size of the batch is left open."""
    import onnx
    import tf2onnx

    clips = tf.TensorSpec((None, *network.input_shape[1:]), tf.float32, name="frames")
    serve = tf.function(lambda frames: {"output_0": network(frames, training=False)}, input_signature=[clips])
    model, _ = tf2onnx.convert.from_function(serve, input_signature=[clips], opset=OPSET)
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = "batch"
    onnx.checker.check_model(model)
    onnx.save(model, str(folder / FILE))


def read(folder: Path) -> Callable[[np.ndarray], np.ndarray]:
    """Return the function from clips to scores that is in a folder, computed by ONNX Runtime on the processor."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(folder / FILE), providers=["CPUExecutionProvider"])
    return lambda clips: session.run(["output_0"], {"frames": clips})[0]
