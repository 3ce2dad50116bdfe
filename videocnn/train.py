"""Training: a manifest or shards go in, a run folder comes out (section 4.1 of the paper).

What a run computes is a function of its arguments, its seed and its data alone: clips follow their position in the
stream, dropout follows the epoch. So a run that was killed and resumed ends with the weights of one that was not.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from videocnn import clips, models
from videocnn.epochs import RunKeeper
from videocnn.optimization import make_optimizer, make_schedule
from videocnn.recipes import ArgumentError, TrainArguments
from videocnn.runs import RunError, create_run, hardware, read_run, versions, write_json

BUILDERS = {
    "single_frame": models.SingleFrame,
    "early_fusion": models.EarlyFusion,
    "late_fusion": models.LateFusion,
    "slow_fusion": models.SlowFusion,
}


def train(
    source: Any,
    out: str | os.PathLike,
    *,
    resume: bool = False,
    overwrite: bool = False,
    tensorboard: bool = False,
    quiet: bool = False,
    **arguments: Any,
) -> keras.Model:
    """Train one of the paper's networks and keep everything in a run folder.

    Args:
        source: path of a `manifest.csv` or of a folder of shards, or a `Manifest`. Videos of split `train` are
            learnt from; those of split `val`, if there are any, decide which weights are best.
        out: the run folder.
        resume: continue the run in `out` with the arguments it was started with.
        overwrite: replace a run that is in `out` already.
        tensorboard: also write curves to `out/tensorboard`.
        quiet: print nothing.
        **arguments: see `videocnn.recipes.TrainArguments`, which is also the command line's table.

    Returns:
        The network with its best weights (the last ones where nothing is held out for validation).

    Raises:
        ArgumentError: an argument is unknown or has an impossible value.
        RunError: the run folder exists, is not resumable, or cannot be written.
        VideoCNNError: the data cannot be used.
    """
    arguments = resumed_arguments(out, arguments) if resume else parse(arguments)
    data = clips.open_source(source)
    folder = Path(out) if resume else create_run(out, overwrite=overwrite)
    keras.utils.set_random_seed(arguments.seed)
    network = build_network(arguments, data.class_names)
    spec = models.clip_spec(network)
    options = {"short": arguments.short, "cache": arguments.cache}
    num_train, skipped = clips.usable(data, spec, split="train", short=arguments.short)
    if not num_train:
        raise RunError(f"{data.path}: no video of split 'train' is long enough for a clip of {spec.span} frames")

    if not resume:
        write_json(folder / "run.json", describe(arguments, data, num_train, skipped))
    elif read_run(folder)["manifest_hash"] != data.hash:
        raise RunError(f"{folder}: was trained on other data than {data.path}; resume with the same manifest")

    validation = None
    if data.has_split("val"):
        validation = clips.validation_clips(
            data, spec, num_clips=arguments.validation_clips, batch_size=arguments.batch_size, **options
        )
    keeper = RunKeeper(folder, network, arguments, make_schedule(arguments), num_train, validation, quiet=quiet)
    trainer = compile_trainer(network, arguments)
    if resume and keeper.restore(trainer):
        return finished_model(folder, network)

    stream = clips.train_clips(
        data,
        spec,
        arguments.batch_size,
        seed=arguments.seed,
        start=keeper.position,
        augment=arguments.augment,
        **options,
    )
    callbacks = [keeper, *([keras.callbacks.TensorBoard(folder / "tensorboard")] if tensorboard else [])]
    try:
        with data.clear_errors():
            trainer.fit(
                stream,
                steps_per_epoch=keeper.steps_per_epoch,
                initial_epoch=keeper.state["epoch"],
                epochs=arguments.epochs or 10**9,
                callbacks=callbacks,
                verbose=0,
            )
    finally:
        keeper.close()
    return finished_model(folder, network)


def parse(arguments: dict[str, Any]) -> TrainArguments:
    """Return the resolved arguments of a new run, or raise `ArgumentError` for a name that does not exist."""
    unknown = set(arguments) - set(TrainArguments.__dataclass_fields__)
    if unknown:
        raise ArgumentError(
            f"train() has no argument {', '.join(sorted(unknown))}; see videocnn.recipes.TrainArguments"
        )
    return TrainArguments(**arguments).resolve()


def resumed_arguments(out: str | os.PathLike, given: dict[str, Any]) -> TrainArguments:
    """Return the arguments that the run in `out` was started with; `given` ones must agree with them."""
    stored = read_run(out)["arguments"]
    for name, value in given.items():
        if value is not None and name in stored and stored[name] != value:
            option = f"--{name.replace('_', '-')}"
            raise RunError(
                f"{out}: was started with {option} {stored[name]}, not {value}; leave {option} out to resume"
            )
    return TrainArguments(**stored)


def build_network(arguments: TrainArguments, class_names: tuple[str, ...]) -> keras.Model:
    """Return the untrained network of resolved arguments; it knows the class names."""
    builder = BUILDERS[arguments.model]
    default = {"single_frame": 1, "late_fusion": 2}.get(arguments.model, 10 + arguments.frame_difference)
    options = {
        "input_shape": (default, arguments.frame_size, arguments.frame_size, 3),
        "stream": arguments.stream,
        "width": arguments.width,
        "norm": None if arguments.norm == "none" else arguments.norm,
        "dropout": arguments.dropout,
        "frame_difference": arguments.frame_difference,
    }
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16" if arguments.dtype == "bfloat16" else "float32")
    try:
        if arguments.head == "pool":
            network = models.with_pooled_head(builder, classes=len(class_names), **options)
        else:
            network = builder(classes=len(class_names), **options)
    finally:
        keras.config.set_dtype_policy(policy)
    if arguments.weights:
        models.load_weights(network, arguments.weights)
    return models.with_spec(network, class_names=tuple(class_names), scale=arguments.scale)


def compile_trainer(network: keras.Model, arguments: TrainArguments) -> keras.Model:
    """Return a compiled model on the network's own layers, so that the network itself stays uncompiled."""
    trainer = keras.Model(network.inputs, network.outputs)
    loss = keras.losses.CategoricalCrossentropy(label_smoothing=arguments.label_smoothing)
    trainer.compile(optimizer=make_optimizer(arguments), loss=loss, metrics=[hit_at_1])
    trainer.optimizer.build(trainer.trainable_variables)
    return trainer


def hit_at_1(labels, scores):
    """Return for each clip 1 if the best class is one of the true ones, else 0; shape (B,)."""
    best = tf.argmax(scores, axis=-1)
    return tf.cast(tf.gather(labels, best, axis=1, batch_dims=1) > 0, tf.float32)


def describe(arguments: TrainArguments, data: Any, num_train: int, skipped: list) -> dict[str, Any]:
    """Return what `run.json` says of a run."""
    return {
        "arguments": arguments.to_config(),
        "data": str(data.path),
        "manifest_hash": data.hash,
        "class_names": list(data.class_names),
        "num_train_videos": num_train,
        "skipped": [{"path": skip.path, "reason": skip.reason} for skip in skipped],
        "versions": versions(),
        "hardware": hardware(),
    }


def finished_model(folder: Path, network: keras.Model) -> keras.Model:
    """Return the network with the run's best weights."""
    best = keras.saving.load_model(folder / "model.keras", compile=False)
    network.set_weights(best.get_weights())
    return network
