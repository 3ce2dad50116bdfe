"""A saved network: the path of a `.keras` file or of a run folder goes in, the network with its clip specification out.

Only networks of this package are loaded: a file is looked into before anything in it is brought to life, and Keras's
safe mode, which runs no code from a file, stays on.
"""

from __future__ import annotations

import hashlib
import os
import zipfile
from pathlib import Path

import keras

from videocnn.errors import VideoCNNError
from videocnn.models.interface import clip_spec, load_model

# The registered name of the layer that carries the clip specification, as Keras writes it into a file.
MARK = b'"videocnn>ClipInput"'


class SavedNetworkError(VideoCNNError):
    """A file or folder holds no network of this package, or one that cannot be used."""


def network_file(path: str | os.PathLike) -> Path:
    """Return the `.keras` file that a path means: itself, or `model.keras` of a run folder.

    Raises:
        SavedNetworkError: nothing is there, or a folder that is no run.
    """
    file = Path(path)
    if file.is_dir():
        file = file / "model.keras"
        if not file.is_file():
            raise SavedNetworkError(f"{path}: is not a run folder (no model.keras); give the --out of `videocnn train`")
    if not file.is_file():
        raise SavedNetworkError(f"{path}: there is no such file; give a .keras file or a run folder")
    return file


def load_network(path: str | os.PathLike) -> keras.Model:
    """Load a trained network of this package.

    Args:
        path: a `.keras` file or a run folder.

    Returns:
        The uncompiled network; `clip_spec` tells how it is fed, and its class names are known.

    Raises:
        SavedNetworkError: nothing is there, it is no `.keras` file, not a network of this package, or it has no class
            names.
        ModelError: the file is damaged.
    """
    file = network_file(path)
    try:
        with zipfile.ZipFile(file) as archive:
            config = archive.read("config.json")
    except (zipfile.BadZipFile, KeyError, OSError, EOFError) as error:
        raise SavedNetworkError(f"{file}: is not a .keras file; give one that `videocnn train` wrote") from error
    if file.suffix != ".keras":
        raise SavedNetworkError(f"{file}: Keras loads only files named .keras; rename it")
    if MARK not in config:
        raise SavedNetworkError(
            f"{file}: is a Keras file but not a network of this package (no clip specification in it); give one that "
            "`videocnn train` wrote"
        )
    network = load_model(file)
    names = clip_spec(network).class_names
    if len(names) != network.output_shape[-1]:
        raise SavedNetworkError(
            f"{file}: has {network.output_shape[-1]} outputs and {len(names)} class names; save it again after "
            "videocnn.models.set_clip_spec(network, class_names=...)"
        )
    return network


def weights_hash(network: keras.Model) -> str:
    """Return the SHA-256 (hex) of a network's weights: names of layers, shapes and values."""
    digest = hashlib.sha256()
    for layer in network.layers:
        for weight in layer.get_weights():
            digest.update(f"{layer.name} {weight.dtype} {weight.shape}".encode())
            digest.update(weight.tobytes())
    return digest.hexdigest()
