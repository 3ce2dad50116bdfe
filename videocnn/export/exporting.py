"""Export a trained network to a folder from which it can be served without Keras.

The folder holds the network in one of three formats, `clip.json` (how it is fed) and, where the run has one, the
model card. It is written only if its scores on clips match those of the Keras network.
"""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.util
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from videocnn.export import to_onnx, to_savedmodel, to_tflite
from videocnn.export.checking import TOLERANCES, CheckClips, ExportError, find_clips, keras_scores, largest_difference
from videocnn.export.guide import describe_export, describe_use
from videocnn.export.precision import dtype_of, in_float32
from videocnn.files import WRITING, write_json, write_text
from videocnn.layers import plain_convolutions
from videocnn.models import load_network, network_file
from videocnn.runs import card_text, read_run, versions, write_card
from videocnn.runs.card import CARD

FORMATS = {"savedmodel": to_savedmodel, "onnx": to_onnx, "tflite": to_tflite}
GUIDE = "clip.json"


@dataclasses.dataclass(frozen=True)
class Exported:
    """An exported network.

    Attributes:
        folder: its folder.
        file: the network, or the file that marks its folder as a SavedModel.
        check: what `clip.json` says of the check: `clips`, `real_videos`, `largest_difference`, `tolerance`, ...
    """

    folder: Path
    file: Path
    check: dict[str, Any]


def export(
    run: str | os.PathLike,
    to: str,
    out: str | os.PathLike | None = None,
    *,
    check: Sequence[str | os.PathLike] | None = None,
    licence: str | None = None,
    overwrite: bool = False,
    seed: int = 0,
) -> Exported:
    """Write a trained network in a format that needs neither this package nor Keras, and check it.

    The exported network's probabilities are compared with those of the Keras network on the middle clips of videos;
    if they differ by more than rounding, that is an error and nothing is left behind. Networks that were trained in
    bfloat16 are exported, and compared, in float32.

    Args:
        run: a run folder or a `.keras` file.
        to: `"savedmodel"` and `"onnx"` (any number of clips in a batch), or `"tflite"` (one clip).
        out: folder to write; by default `export/<to>` beside the network's file.
        check: video files or folders to compare on, or `["random"]` for random pixels; by default videos of the
            run's data, those of its split test if there are any.
        licence: what others may do with the weights; stated in `clip.json`, and in the run's model card from now on.
        overwrite: replace an existing export.
        seed: of the random pixels.

    Returns:
        The folder and what the comparison found.

    Raises:
        SavedNetworkError: `run` is no network of this package.
        ExportError: the format is unknown or its packages are missing, the folder exists, there are no videos to check
            with, or the exported network says something else.

    Example:
        >>> export("runs/slow", "tflite").check["largest_difference"] < 1e-5
        True
    """
    file = network_file(run)
    if to not in FORMATS:
        raise ExportError(f"to={to!r} is not known; choose one of {', '.join(FORMATS)}")
    missing = [name for name in FORMATS[to].PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        raise ExportError(f"{to} needs {', '.join(missing)}: pip install 'videocnn[export]'")
    folder = file.parent / "export" / to if out is None else Path(out)
    check_target(folder, overwrite=overwrite)
    network = load_network(file)
    clips = find_clips(network, file.parent, check, seed=seed)
    # where a folder is already, so that a failure leaves none that was made on the way
    temporary = next(path for path in folder.absolute().parents if path.is_dir()) / f"{WRITING}{folder.name}"
    try:
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir()
        found = write_checked(network, to, temporary, clips)
        guide = describe_export(network, FORMATS[to].FILE, 1 if to == "tflite" else "batch")
        guide |= {"format": to, "licence": licence or stated_licence(file.parent), "check": found}
        guide |= {"network_sha256": sha256(file), "versions": versions()}
        write_json(temporary / GUIDE, guide)
        if (file.parent / "run.json").is_file():
            write_card(file.parent, licence)
            card = card_text(file.parent, use=describe_use(guide, FORMATS[to].USE))
            write_text(temporary / CARD, card)
        replace_folder(temporary, folder)
    except OSError as error:
        raise ExportError(
            f"{folder}: could not be written ({error.strerror or error}); nothing is left of it"
        ) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return Exported(folder, folder / FORMATS[to].FILE, found)


def stated_licence(folder: Path) -> str | None:
    """Return the licence that a run folder states, None where it states none or is no run."""
    return read_run(folder).get("licence") if (folder / "run.json").is_file() else None


def check_target(folder: Path, *, overwrite: bool) -> None:
    """Refuse a folder that holds something, unless it is an export that is to be replaced."""
    if not os.path.lexists(folder) or (folder.is_dir() and not any(folder.iterdir())):
        return
    if not folder.is_dir():
        raise ExportError(f"{folder}: is a file; give --out the name of a folder")
    if not overwrite:
        raise ExportError(f"{folder}: exists already; replace it with --overwrite or give another --out")
    if not (folder / GUIDE).is_file():
        raise ExportError(f"{folder}: is not an export (no {GUIDE}), so --overwrite leaves it alone")


def write_checked(network, to: str, folder: Path, clips: CheckClips) -> dict[str, Any]:
    """Write a network into a folder, read it back and compare; return what `clip.json` says of that."""
    dtype = dtype_of(network)
    own = keras_scores(network, clips.values)
    written = in_float32(network)
    try:
        with plain_convolutions():  # where it will run one operation is quicker, and the file is smaller
            FORMATS[to].write(written, folder)
    except OSError:
        raise
    except Exception as error:  # converters raise whatever the operation that they do not know made them meet
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ExportError(f"{to}: the converter failed ({reason}); try another version of it") from error
    scores = FORMATS[to].read(folder)
    result = {"clips": clips.origin, "real_videos": clips.real, "network_dtype": dtype, "exported_dtype": "float32"}
    if dtype != "float32":  # conversion must change no more than it may for a network of float32
        same = keras_scores(written, clips.values)
        limit = TOLERANCES["float32"]
        found = largest_difference(scores, clips.values, same, limit, "the Keras network in float32")
        result |= {"largest_difference_in_float32": found, "tolerance_in_float32": limit}
    found = largest_difference(scores, clips.values, own, TOLERANCES[dtype], f"the Keras network in {dtype}")
    return {**result, "largest_difference": found, "tolerance": TOLERANCES[dtype]}


def replace_folder(new: Path, folder: Path) -> None:
    """Move a finished folder to its place; what is there goes first, and comes back if that fails."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    old = folder.with_name(f"{WRITING}old-{folder.name}")
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        os.replace(folder, old)
    try:
        os.replace(new, folder)
    except OSError:
        if old.exists():
            os.replace(old, folder)
        raise
    shutil.rmtree(old, ignore_errors=True)


def sha256(file: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    with open(file, "rb") as stream:
        return hashlib.sha256(stream.read()).hexdigest()
