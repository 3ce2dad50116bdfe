"""TFLite, for telephones and small computers: a network in, one file out.

The batch is fixed at one clip: delegates refuse graphs whose shapes are open. Only TFLite's own operations are
allowed, so that the file runs without TensorFlow's (Flex).
"""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from videocnn.export import to_savedmodel

FILE = "model.tflite"
PACKAGES: tuple[str, ...] = ()
USE = """\
import tensorflow as tf

run = tf.lite.Interpreter(model_path="model.tflite").get_signature_runner("serving_default")
scores = run(frames=clips)["output_0"]  # one clip at a time
"""


def write(network: keras.Model, folder: Path) -> None:
    """Write a network as `model.tflite`."""
    with tempfile.TemporaryDirectory() as saved:
        to_savedmodel.write(network, Path(saved), batch=1)
        converter = tf.lite.TFLiteConverter.from_saved_model(saved)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
        (folder / FILE).write_bytes(converter.convert())


def read(folder: Path) -> Callable[[np.ndarray], np.ndarray]:
    """Return the function from clips to scores that is in a folder, computed by TensorFlow's own interpreter."""
    with warnings.catch_warnings():
        # It announces its move to the package ai-edge-litert, which does not come with TensorFlow.
        warnings.filterwarnings("ignore", r"\s*Warning: tf\.lite\.Interpreter is deprecated", UserWarning)
        interpreter = tf.lite.Interpreter(model_path=str(folder / FILE))
    run = interpreter.get_signature_runner("serving_default")
    return lambda clips: np.concatenate([run(frames=clip[None])["output_0"] for clip in clips])
