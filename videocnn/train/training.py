"""Training: a manifest or shards go in, a run folder comes out (section 3.3 of the paper).

What a run of so many epochs computes is a function of its arguments, its seed and its data alone: clips follow their
position in the stream, dropout follows the epoch. So one that was killed and resumed ends with the weights of one that
was not. A run of so many minutes follows the clock instead.
"""

from __future__ import annotations

import dataclasses
import functools
import importlib.util
import os
import sys
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from videocnn import clips, models
from videocnn.clips import Dataset, video_errors
from videocnn.clips.frames import cached_gib, call_python, called_by_dataset
from videocnn.manifest import check_trainable
from videocnn.runs import RunError, complete_run, create_run, read_run
from videocnn.runs.folder import check_free, sole_training, update_run
from videocnn.runs.provenance import started_from
from videocnn.spec import ClipSpec
from videocnn.train.distribute import Devices, open_devices
from videocnn.train.epochs import RunKeeper
from videocnn.train.optimization import make_optimizer, make_schedule
from videocnn.train.recipes import ArgumentError, TrainArguments, check_names
from videocnn.train.record import put_on_record, resumed_arguments


def train(
    source: Any,
    out: str | os.PathLike,
    *,
    resume: bool = False,
    overwrite: bool = False,
    tensorboard: bool = False,
    gpus: int | str | None = None,
    logical: int | None = None,
    quiet: bool = False,
    **arguments: Any,
) -> keras.Model:
    """Train one of the paper's networks and keep everything in a run folder.

    Args:
        source: path of a `manifest.csv` or of a folder of shards, a `Manifest` or a `Dataset`. Videos of split `train`
            are learnt from; those of split `val`, if there are any, decide which weights are best.
        out: the run folder.
        resume: continue the run in `out` with the arguments it was started with.
        overwrite: replace a run that is in `out` already.
        tensorboard: also write curves to `out/tensorboard`.
        gpus: share every batch among so many GPUs, or `"all"`; by default one device computes. A resumed run goes on
            with the devices it had unless others are given.
        logical: split the processor into so many devices and share among those, to try it without a GPU.
        quiet: print nothing, unless `weights` have seen videos that the network would be measured on.
        **arguments: see `videocnn.train.TrainArguments`, which is also the command line's table.

    Returns:
        The network with the weights of `model.keras`: the best at validation or the last, as `keep` says; the last
        where nothing is held out.

    Raises:
        ArgumentError: an argument is unknown or has an impossible value.
        DeviceError: the devices are not there, are more than a batch has clips, or were asked for too late.
        RunError: the run folder exists, is not resumable, or cannot be written.
        VideoCNNError: the data cannot be used.
    """
    arguments = resumed_arguments(out, arguments, TrainArguments) if resume else parse(arguments)
    if tensorboard and importlib.util.find_spec("tensorboard") is None:
        raise ArgumentError("--tensorboard: the package tensorboard is not there; pip install 'videocnn[tensorboard]'")
    devices = open_devices(gpus, logical, resume=out if resume else None)
    devices.share(arguments.batch_size)
    dataset = Dataset.open(source)
    check_trainable(dataset.manifest)
    if not resume:
        check_free(out, overwrite=overwrite)
    keras.utils.set_random_seed(arguments.seed)
    # Where there is a backup, the weights that the run started from are not needed again.
    begun = resume and (Path(out) / "backup" / "state.json").is_file()
    network = build_network(dataclasses.replace(arguments, weights=None) if begun else arguments, dataset.class_names)
    origin = {}
    if not resume:
        check_input(network, dataset, arguments)
        if arguments.weights is not None:
            if os.path.realpath(out) == os.path.dirname(os.path.realpath(arguments.weights)):
                raise RunError(f"{out}: has the weights in it that the run starts from; give --out another folder")
            origin = {"pretrained": started_from(arguments.weights, network, dataset, quiet=quiet)}
    folder = Path(out) if resume else create_run(out, overwrite=overwrite)
    options = {"resume": resume, "tensorboard": tensorboard, "devices": devices, "quiet": quiet, **origin}
    with sole_training(folder):
        return train_network(network, dataset, folder, arguments, **options)


def train_network(
    network: keras.Model,
    source: Any,
    folder: Path,
    arguments: TrainArguments,
    *,
    resume: bool = False,
    tensorboard: bool = False,
    devices: Devices | None = None,
    quiet: bool = False,
    **more: Any,
) -> keras.Model:
    """Train a network, whatever its weights and whichever of its layers learn, in a run folder that is made already.

    Args:
        network: the uncompiled network; layers with `trainable=False` stay as they are.
        source: as for `train`.
        folder: the run folder.
        arguments: resolved arguments; those of the architecture are on record only.
        resume: continue what is in the folder.
        tensorboard: also write curves.
        devices: where to compute, from `open_devices` before the network was built; by default one device.
        quiet: print nothing.
        **more: plain values that `run.json` keeps beside the arguments.

    Returns:
        The network with the weights that the run keeps.

    Raises:
        RunError: resumed on other data.
        DeviceError: more devices than a batch has clips.
        VideoCNNError: the data cannot be used.
    """
    devices = devices or open_devices()
    devices.share(arguments.batch_size)
    dataset = Dataset.open(source)
    spec = models.clip_spec(network)
    network = devices.place(network)
    num_videos = put_on_record(folder, dataset, spec, arguments, resume=resume, **more)
    validation = validation_clips(dataset, spec, arguments)
    keeper = RunKeeper(
        folder, network, arguments, make_schedule(arguments), num_videos, validation, devices=devices, quiet=quiet
    )
    with devices.scope():
        trainer = compile_trainer(network, arguments)
    if resume and keeper.restore(trainer):
        complete_run(folder, opened=dataset)
        return kept_model(folder)
    record_devices(folder, devices, arguments, keeper.state["epoch"] + 1, quiet=quiet)

    stream = clips.train_clips(
        dataset, spec, arguments.batch_size, start=keeper.position, augment=arguments.augment, seed=arguments.seed,
        **input_options(arguments),
    )  # fmt: skip
    callbacks = [keeper, *([keras.callbacks.TensorBoard(folder / "tensorboard")] if tensorboard else [])]
    try:
        with video_errors():
            trainer.fit(
                devices.split(stream, arguments.batch_size),
                steps_per_epoch=keeper.steps_per_epoch,
                initial_epoch=keeper.state["epoch"],
                epochs=arguments.epochs or 10**9,
                callbacks=callbacks,
                shuffle=False,
                verbose=0,
            )
    finally:
        keeper.close()
    complete_run(folder, opened=dataset)
    return kept_model(folder)


def parse(arguments: dict[str, Any]) -> TrainArguments:
    """Return the resolved arguments of a new run, or raise `ArgumentError` for a name that does not exist."""
    check_names("train", arguments, TrainArguments)
    return TrainArguments(**arguments).resolve()


def build_network(arguments: TrainArguments, class_names: tuple[str, ...]) -> keras.Model:
    """Return the untrained network of resolved arguments; it knows the class names."""
    row = models.NETWORKS[arguments.model]
    builder, frames = getattr(models, row.builder), row.num_frames + arguments.frame_difference
    options = {
        "weights": arguments.weights,
        "input_shape": (frames, arguments.frame_size, arguments.frame_size, 3),
        "stream": arguments.stream,
        "width": arguments.width,
        "norm": None if arguments.norm == "none" else arguments.norm,
        "dropout": arguments.dropout,
        "frame_difference": arguments.frame_difference,
    }
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16" if arguments.dtype == "bfloat16" else "float32")
    try:
        build = functools.partial(models.with_pooled_head, builder) if arguments.head == "pool" else builder
        network = build(classes=len(class_names), **options)
    finally:
        keras.config.set_dtype_policy(policy)
    models.set_clip_spec(network, class_names=tuple(class_names), scale=arguments.scale)
    return network


def compile_trainer(network: keras.Model, arguments: TrainArguments) -> keras.Model:
    """Return a compiled model on the network's own layers, so that the network itself stays uncompiled."""
    trainer = keras.Model(network.inputs, network.outputs)
    loss = keras.losses.CategoricalCrossentropy(label_smoothing=arguments.label_smoothing)
    # Weights are given only where a batch does not divide over several devices.
    trainer.compile(optimizer=make_optimizer(arguments), loss=loss, weighted_metrics=[hit_at_1])
    trainer.optimizer.build(trainer.trainable_variables)
    return trainer


def hit_at_1(labels, scores):
    """Return for each clip 1 if the best class is one of the true ones, else 0; shape (B,)."""
    best = tf.argmax(scores, axis=-1)
    return tf.cast(tf.gather(labels, best, axis=1, batch_dims=1) > 0, tf.float32)


def check_input(network: keras.Model, dataset: Dataset, arguments: TrainArguments) -> None:
    """Raise now, while there is no run folder yet, what the data cannot give to this network."""
    spec = models.clip_spec(network)
    clips.train_clips(dataset, spec, arguments.batch_size, augment=arguments.augment, **input_options(arguments))
    validation_clips(dataset, spec, arguments)


def input_options(arguments: TrainArguments) -> dict[str, Any]:
    """Return what training and validation clips have in common."""
    return {"short": arguments.short, "cache": arguments.cache, "cache_limit": arguments.cache_limit}


def validation_clips(dataset: Dataset, spec: ClipSpec, arguments: TrainArguments) -> tf.data.Dataset | None:
    """Return centre views `(clips, labels)` of the videos held out for validation, or None where there are none."""
    held_out = dataset.select("val")
    if not len(held_out):
        return None
    options = input_options(arguments)
    if arguments.cache:  # what training keeps is part of the limit
        trained_on = dataset.select("train")
        kept, _ = clips.usable(trained_on, spec, short=arguments.short)
        options["cache_limit"] -= cached_gib(trained_on.videos.num_frames[kept], spec.region_size)
    views = clips.eval_clips(
        dataset, spec, split="val", num_clips=arguments.validation_clips, num_views=1, batch_size=arguments.batch_size,
        **options,
    )  # fmt: skip
    targets = called_by_dataset(held_out.targets)

    def labelled(clip, video, _):
        labels = call_python(targets, [video], tf.float32)
        return clip, tf.ensure_shape(labels, (None, len(held_out.class_names)))

    return views.map(labelled)


def record_devices(folder: Path, devices: Devices, arguments: TrainArguments, epoch: int, *, quiet: bool) -> None:
    """Add to `run.json` where the run computes from `epoch` on, if that is new, and print it if it is noteworthy."""
    run = read_run(folder)
    known = run.get("devices", [])
    entry = devices.record(arguments.batch_size, arguments.learning_rate, epoch)
    changed = not known or {**known[-1], "from_epoch": epoch} != entry
    if changed:
        update_run(folder, devices=[*known, entry])
    if not quiet and (len(devices) > 1 or (known and changed)):
        before = f" (before: {', '.join(known[-1]['names'])})" if known and changed else ""
        print(devices.describe(arguments.batch_size, arguments.learning_rate) + before, file=sys.stderr)


def kept_model(folder: Path) -> keras.Model:
    """Return the network with the weights that the run kept."""
    return models.load_model(folder / "model.keras")
