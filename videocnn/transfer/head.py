"""Training a head on kept features: seconds where a pass through the frozen layers would take minutes.

A network with frozen layers and a manifest or shards come in, a run folder as of any other training comes out.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras

from videocnn import clips, models
from videocnn.clips import Dataset, video_errors
from videocnn.models import weights_hash
from videocnn.runs import complete_run, read_run, versions
from videocnn.runs.folder import update_run
from videocnn.spec import ClipSpec
from videocnn.train import Devices, TransferArguments, make_schedule
from videocnn.train.epochs import RunKeeper
from videocnn.train.recipes import ARCHITECTURE
from videocnn.train.record import put_on_record
from videocnn.train.training import compile_trainer, input_options, kept_model, record_devices, validation_clips
from videocnn.transfer.features import Features, features_key, held_out_features, keep_features
from videocnn.transfer.network import split_network


def train_head(
    network: keras.Model,
    dataset: Dataset,
    folder: Path,
    arguments: TransferArguments,
    *,
    resume: bool,
    devices: Devices,
    quiet: bool,
    **more: Any,
) -> keras.Model:
    """Train the head of a network on kept features; arguments, result and errors are those of `train_network`.

    For as many epochs as features are kept of, the weights are those that `train_network` gives, up to rounding.
    """
    spec = models.clip_spec(network)
    num_videos = put_on_record(folder, dataset, spec, arguments, resume=resume, **more)
    frozen, head = split_network(network, arguments.regime)
    keeper = RunKeeper(
        folder, network, arguments, make_schedule(arguments), num_videos, None, devices=devices, quiet=quiet
    )
    trainer = compile_trainer(head, arguments)
    if resume and keeper.restore(trainer):
        complete_run(folder, opened=dataset)
        return kept_model(folder)
    record_devices(folder, devices, arguments, keeper.state["epoch"] + 1, quiet=quiet)
    features = training_features(frozen, dataset, spec, folder, arguments, keeper.steps_per_epoch, quiet=quiet)
    if features.seconds or "features" not in read_run(folder):
        update_run(folder, features=features.record())
    held_out = validation_clips(dataset, spec, arguments)
    if held_out is not None:
        keeper.validation = held_out_features(frozen, held_out, arguments.batch_size)
    try:
        with video_errors():
            trainer.fit(
                features.batches(keeper.state["epoch"] * keeper.steps_per_epoch),
                steps_per_epoch=keeper.steps_per_epoch,
                initial_epoch=keeper.state["epoch"],
                epochs=arguments.epochs or 10**9,
                callbacks=[keeper],
                shuffle=False,
                verbose=0,
            )
    finally:
        keeper.close()
    complete_run(folder, opened=dataset)
    return kept_model(folder)


def training_features(
    frozen: keras.Model,
    dataset: Dataset,
    spec: ClipSpec,
    folder: Path,
    arguments: TransferArguments,
    steps_per_epoch: int,
    *,
    quiet: bool,
) -> Features:
    """Compute or find the features of the first `feature_epochs` epochs of training clips."""
    num_batches = steps_per_epoch * min(arguments.feature_epochs, arguments.epochs or arguments.feature_epochs)
    names = (*ARCHITECTURE, "dtype", "seed", "batch_size", "augment", "short")
    key = features_key(
        weights=weights_hash(frozen),
        layers=[layer.name for layer in frozen.layers],
        spec=spec.to_config(),
        data=dataset.frames_hash,
        num_batches=num_batches,
        videocnn=versions()["videocnn"],
        arguments={name: getattr(arguments, name) for name in names},
    )

    def batches(start):
        return clips.train_clips(
            dataset, spec, arguments.batch_size, start=start * arguments.batch_size, augment=arguments.augment,
            seed=arguments.seed, **input_options(arguments),
        )  # fmt: skip

    sizes = {"batch_size": arguments.batch_size, "num_classes": len(spec.class_names)}
    return keep_features(frozen, batches, num_batches, folder, key=key, quiet=quiet, **sizes)
