"""Weights: read from a file into a network, and hashed to tell whether two networks have the same."""

from __future__ import annotations

import hashlib
import os
import warnings
import zipfile
import zlib

import keras

from videocnn.models.options import ModelError

# What Keras and h5py raise for a file that is damaged, or no zip archive or HDF5 file at all.
UNREADABLE = (OSError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error)


def load_weights(model: keras.Model, path: str | os.PathLike) -> None:
    """Load weights of the same network from a `.weights.h5` or `.keras` file.

    Raises:
        ModelError: the file is missing, has another extension, cannot be read, or holds another network's weights.
    """
    path = os.fspath(path)
    if not os.path.isfile(path):
        raise ModelError(f"{model.name}: weights={path!r} is not a file; give the path of one, or None.")
    if not path.endswith((".weights.h5", ".keras")):
        raise ModelError(f"{model.name}: weights={path!r} must end in .weights.h5 or .keras.")
    try:
        if path.endswith(".keras"):
            with zipfile.ZipFile(path) as archive:
                if "model.weights.h5" not in archive.namelist():
                    raise OSError("it is a zip archive without 'model.weights.h5'")
        with warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)  # Keras only warns about layers that it skips
            model.load_weights(path)
    except UNREADABLE as error:
        raise ModelError(
            f"{model.name}: the weights in {path!r} cannot be read ({error}); the file may be damaged or of another "
            "type: copy it again, or give one that save_weights() or save() wrote."
        ) from error
    except (ValueError, KeyError, UserWarning) as error:
        raise ModelError(
            f"{model.name}: the weights in {path!r} do not fit this network; build it with the width, stream, norm, "
            f"classes, input_shape and include_top that they were saved with ({error})."
        ) from error


def weights_hash(network: keras.Model) -> str:
    """Return the SHA-256 (hex) of a network's weights: names of layers, dtypes, shapes and values."""
    digest = hashlib.sha256()
    for layer in network.layers:
        for weight in layer.get_weights():
            digest.update(f"{layer.name} {weight.dtype} {weight.shape}".encode())
            digest.update(weight.tobytes())
    return digest.hexdigest()
