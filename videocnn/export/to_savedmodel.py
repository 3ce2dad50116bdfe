"""SavedModel, for TensorFlow Serving and every TensorFlow: a network in, a folder out that no Keras is needed to run.

The endpoint `serve`, also the signature `serving_default`, maps `frames` to `output_0`.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

FILE = "saved_model.pb"
PACKAGES: tuple[str, ...] = ()
USE = """\
import tensorflow as tf

serve = tf.saved_model.load(".").signatures["serving_default"]
scores = serve(frames=tf.constant(clips))["output_0"].numpy()
"""


def write(network: keras.Model, folder: Path, batch: int | None = None) -> None:
    """Write a network as a SavedModel.

    Args:
        network: from clips to scores.
        folder: where `saved_model.pb` and `variables/` go.
        batch: clips in every batch; None leaves that open.
    """
    archive = keras.export.ExportArchive()
    archive.track(network)
    clips = tf.TensorSpec((batch, *network.input_shape[1:]), tf.float32, name="frames")
    archive.add_endpoint("serve", lambda frames: network(frames, training=False), input_signature=[clips])
    with contextlib.redirect_stdout(io.StringIO()):  # not every Keras can be told to print nothing
        archive.write_out(str(folder))


def read(folder: Path) -> Callable[[np.ndarray], np.ndarray]:
    """Return the function from clips to scores that is in a folder, computed on the processor."""
    with tf.device("/CPU:0"):
        loaded = tf.saved_model.load(str(folder))

    def scores(clips: np.ndarray) -> np.ndarray:
        with tf.device("/CPU:0"):
            return loaded.signatures["serving_default"](frames=tf.constant(clips))["output_0"].numpy()

    return scores
