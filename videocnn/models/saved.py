"""Load a network from a `.keras` file or a run folder.

Only networks of this package are loaded: a file is inspected before any of it is deserialized, and Keras's safe mode,
which runs no code from a file, stays on.
"""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import keras

from videocnn.errors import VideoCNNError
from videocnn.models.interface import clip_spec, load_model

# Registered name of the layer that stores the clip specification, as Keras writes it to the file.
MARK = b'"videocnn>ClipInput"'


class SavedNetworkError(VideoCNNError):
    """A file or folder does not contain a usable network of this package."""


def network_file(path: str | os.PathLike) -> Path:
    """Return the `.keras` file at a path: the file itself, or `model.keras` of a run folder.

    Raises:
        SavedNetworkError: the path does not exist, or is a folder but not a run.
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
        The uncompiled network; `clip_spec` gives its class names and how its clips are sampled.

    Raises:
        SavedNetworkError: the path does not exist, is not a `.keras` file or not a network of this package, or the
            network has no class names.
        ModelError: the file is damaged.
    """
    file = network_file(path)
    try:
        with zipfile.ZipFile(file) as archive:
            config = archive.read("config.json")
    except (zipfile.BadZipFile, KeyError, OSError, EOFError) as error:
        raise SavedNetworkError(f"{file}: is not a .keras file; give one written by `videocnn train`") from error
    if file.suffix != ".keras":
        raise SavedNetworkError(f"{file}: Keras loads only files named .keras; rename it")
    if MARK not in config:
        raise SavedNetworkError(
            f"{file}: is a Keras model but not a network of this package (it has no clip specification); give a "
            "file written by `videocnn train`"
        )
    network = load_model(file)
    names = clip_spec(network).class_names
    if len(names) != network.output_shape[-1]:
        raise SavedNetworkError(
            f"{file}: has {network.output_shape[-1]} outputs and {len(names)} class names; save it again after "
            "videocnn.models.set_clip_spec(network, class_names=...)"
        )
    return network
