"""Fine-tuning: a trained network and new videos go in, a run folder of the network tuned to them comes out.

Section 4.2 of the paper. What the run computes is a function of the trained network, the arguments and the data alone.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import keras

from videocnn.clips import Dataset
from videocnn.manifest import check_trainable
from videocnn.models import clip_spec, load_network, weights_hash
from videocnn.runs import RunError, create_run, find_origin, read_run
from videocnn.runs.folder import check_free, sole_training
from videocnn.runs.provenance import warn_of_seen
from videocnn.train import ArgumentError, TransferArguments, open_devices
from videocnn.train.recipes import ARCHITECTURE, check_names
from videocnn.train.record import resumed_arguments
from videocnn.train.training import check_input, train_network
from videocnn.transfer.head import train_head
from videocnn.transfer.network import architecture, learning_layers, transfer_network


def finetune(
    network: keras.Model | str | os.PathLike,
    source: Any,
    out: str | os.PathLike,
    *,
    resume: bool = False,
    overwrite: bool = False,
    gpus: int | str | None = None,
    logical: int | None = None,
    quiet: bool = False,
    **arguments: Any,
) -> keras.Model:
    """Fine-tune a trained network on other videos and keep everything in a run folder, as `train` does.

    Args:
        network: a run folder, a `.keras` file or a network of this package, with either head.
        source: path of a `manifest.csv` or of a folder of shards, a `Manifest` or a `Dataset`; splits as for `train`.
        out: the run folder.
        resume: continue the run in `out`; the network must be the one that it began with.
        overwrite: replace a run that is in `out` already; features that fit the new run are taken over.
        gpus: share every batch among so many GPUs, or `"all"`, where nothing is taken from kept features.
        logical: split the processor into so many devices, likewise.
        quiet: print nothing, unless the network has seen videos that the new one would be measured on.
        **arguments: `regime`, one of `"top"` (the default), `"top3"`, `"all"`, `"scratch"`, and the others of
            `videocnn.train.TransferArguments`, which is also the command line's table.

    Returns:
        The network with the weights of `model.keras`, as for `train`.

    Raises:
        ArgumentError: an argument is unknown, is settled by the network, or has an impossible value.
        ModelError: the network has no head that this regime could train.
        RunError: the run folder exists, cannot be resumed, or was begun with another network.
        VideoCNNError: the network or the data cannot be used.

    Example:
        >>> network = finetune("runs/slow", "data/ucf101/fold1/manifest.csv", "runs/ucf-top", regime="top", epochs=2)
        >>> network.output_shape
        (None, 3)
    """
    if not isinstance(network, keras.Model):
        origin = Path(os.path.realpath(network))
        if Path(os.path.realpath(out)) in (origin, origin.parent):
            raise RunError(f"{out}: is the run that is fine-tuned itself; give --out another folder")
    chosen = resumed_arguments(out, arguments, TransferArguments) if resume else None
    devices = open_devices(gpus, logical, resume=out if resume else None)
    pretrained = network if isinstance(network, keras.Model) else load_network(network)
    origin = {
        **find_origin(None if isinstance(network, keras.Model) else network),
        "weights_hash": weights_hash(pretrained),
        "class_names": list(clip_spec(pretrained).class_names),
    }
    chosen = chosen or resolved(pretrained, origin, arguments)
    if chosen.features and len(devices) > 1:
        raise ArgumentError("--gpus, --logical: kept features are trained on one device; add --no-features")
    if resume and read_run(out)["pretrained"]["weights_hash"] != origin["weights_hash"]:
        raise RunError(f"{out}: was begun with another network than {origin['path']}; resume with that one")
    dataset = Dataset.open(source)
    check_trainable(dataset.manifest)
    if not resume:
        check_free(out, overwrite=overwrite)
    tuned = transfer_network(
        pretrained, dataset.class_names, chosen.regime, chosen.dropout, chosen.seed, dtype=chosen.dtype
    )
    if chosen.regime != "scratch":
        origin |= warn_of_seen(origin, dataset.whole, quiet=quiet)
    if not resume:
        check_input(tuned, dataset, chosen)
    folder = Path(out) if resume else new_run(out, overwrite=overwrite)
    keras.utils.set_random_seed(chosen.seed)
    options = {"resume": resume, "devices": devices, "quiet": quiet, "pretrained": origin}
    with sole_training(folder):
        return (train_head if chosen.features else train_network)(tuned, dataset, folder, chosen, **options)


def resolved(pretrained: keras.Model, origin: dict[str, Any], given: dict[str, Any]) -> TransferArguments:
    """Return the arguments of a new run: given ones, those that the network settles, defaults.

    Raises:
        ArgumentError: a name is unknown or settled by the network, or a value is impossible.
    """
    settled = sorted(set(given) & set(ARCHITECTURE))
    if settled:
        option = f"--{settled[0].replace('_', '-')}"
        raise ArgumentError(f"{option}: is settled by the network that is fine-tuned; leave {option} out")
    check_names("finetune", given, TransferArguments)
    learning_layers(pretrained, given.get("regime", "top"))
    stored = origin["arguments"] or {}
    known = {name: stored[name] for name in ("recipe", "dtype", *ARCHITECTURE) if name in stored}
    return TransferArguments(**{**architecture(pretrained), **known, "weights": None, **given}).resolve()


def new_run(out: str | os.PathLike, *, overwrite: bool) -> Path:
    """Make the folder of a new run; the features of a run that is replaced stay, for they may fit the new one."""
    folder = Path(out)
    aside = folder.with_name(f".features-of-{folder.name}")
    if overwrite and (folder / "run.json").is_file():
        for file in folder.glob("features-*.npy"):
            aside.mkdir(exist_ok=True)
            os.replace(file, aside / file.name)
    folder = create_run(out, overwrite=overwrite)
    if aside.is_dir():
        for file in aside.iterdir():
            os.replace(file, folder / file.name)
        aside.rmdir()
    return folder
