"""Several devices of one machine: which are asked for comes in, where a network computes goes out.

Every device holds the whole network and takes an equal share of each batch; gradients are summed over the devices
before the weights move. A batch size always counts the clips of all devices together, so the same arguments compute
the same on any number of them, up to rounding. Two things differ by nature: batch normalisation uses the statistics of
a device's share, and dropout draws for each device anew.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from videocnn.errors import VideoCNNError
from videocnn.runs import RunError, read_run

MOST_LOGICAL = 64


class DeviceError(VideoCNNError, ValueError):
    """The devices that were asked for are not there, or cannot be had any more in this process."""


@dataclasses.dataclass(frozen=True)
class Devices:
    """Where a network computes; see `open_devices`.

    Attributes:
        names: the devices, as `("GPU:0", "GPU:1")`.
        strategy: what spreads the work over them; None leaves one device to TensorFlow.
        gpus: number of GPUs that was asked for.
        logical: number of logical devices that was asked for.
    """

    names: tuple[str, ...]
    strategy: tf.distribute.Strategy | None = None
    gpus: int | None = None
    logical: int | None = None

    def __len__(self) -> int:
        return len(self.names)

    def scope(self) -> contextlib.AbstractContextManager:
        """Return the context in which variables are made on every device."""
        return contextlib.nullcontext() if self.strategy is None else self.strategy.scope()

    def place(self, network: keras.Model) -> keras.Model:
        """Return the network on these devices: a copy with the same weights, or itself where one device is left."""
        if self.strategy is None:
            return network
        with self.scope():
            copy = keras.models.clone_model(network)
            copy.set_weights(network.get_weights())
        return copy

    def share(self, batch_size: int) -> int:
        """Return how many clips of a batch one device takes, rounded up.

        Raises:
            DeviceError: there are more devices than clips.
        """
        if batch_size < len(self):
            raise DeviceError(
                f"--batch-size {batch_size}: is the batch of all {len(self)} devices together, and each needs a clip "
                "of it; raise it or take fewer devices"
            )
        return -(-batch_size // len(self))

    def split(self, batches: tf.data.Dataset, batch_size: int) -> Any:
        """Return full training batches `(clips, labels)` cut into a share for every device, for `Model.fit`.

        A batch that does not divide is filled with its first clips at weight zero, and the other weights are raised
        as much: loss and gradient stay the mean over the batch. That costs no time, since a step lasts as long as the
        largest share.
        """
        share = self.share(batch_size)
        if self.strategy is None:
            return batches
        filled = share * len(self)
        if filled > batch_size:
            rows = np.arange(filled)
            weights = np.where(rows < batch_size, filled / batch_size, 0).astype(np.float32)
            batches = batches.map(
                lambda *batch: (*(tf.gather(part, rows % batch_size) for part in batch), tf.constant(weights))
            )
        return self.strategy.distribute_datasets_from_function(lambda _: batches.rebatch(share))

    def shared(self, function: Callable[[Any], Any]) -> Callable[[Any], Any]:
        """Return the same function of a batch of any size, each device computing an equal share of the rows.

        Args:
            function: from a tensor `(B, ...)` to a tensor `(B, ...)`, row by row.
        """
        if self.strategy is None:
            return function

        def call(batch):
            size = tf.shape(batch)[0]
            share = -(-size // len(self))

            def compute():
                first = share * tf.distribute.get_replica_context().replica_id_in_sync_group
                with tf.device("CPU:0"):  # a device is sent its own rows only
                    rows = tf.gather(batch, tf.range(first, first + share) % size)
                return function(rows)

            return tf.concat(self.strategy.experimental_local_results(self.strategy.run(compute)), axis=0)[:size]

        return call

    def seed_dropout(self, network: keras.Model, seed: int, epoch: int) -> None:
        """Set from where dropout draws in an epoch: every layer, epoch and device has numbers of its own."""
        strategy = self.strategy or tf.distribute.get_strategy()
        for place, layer in enumerate(network.layers):
            if isinstance(layer, keras.layers.Dropout) and layer.rate > 0:  # without a rate there is nothing to draw
                states = strategy.experimental_local_results(layer.seed_generator.state.value)
                # The first number names a stream of draws, the second counts on from here.
                for device, state in enumerate(states):
                    start = np.random.SeedSequence((seed, epoch, place, device)).generate_state(2)
                    state.assign((start >> 1).astype(state.dtype.as_numpy_dtype))

    def record(self, batch_size: int, learning_rate: float, from_epoch: int = 1) -> dict[str, Any]:
        """Return what `run.json` says of the devices."""
        return {
            "from_epoch": from_epoch,
            "names": list(self.names),
            "gpus": self.gpus,
            "logical": self.logical,
            "batch_size": batch_size,
            "batch_size_per_device": batch_size / len(self),
            "learning_rate": learning_rate,
        }

    def describe(self, batch_size: int, learning_rate: float) -> str:
        """Return what the user is told before a training run."""
        text = (
            f"{len(self)} device{'s' * (len(self) > 1)} ({', '.join(self.names)}): batches of {batch_size} clips, "
            f"{batch_size / len(self):g} a device, learning rate {learning_rate:g}."
        )
        if len(self) > 1:
            text += (
                " Both are as on one device; for larger batches raise --batch-size, and --learning-rate in proportion."
            )
        if self.logical is not None and len(self) > 1:
            text += " Logical devices share the same cores: they show that results agree, not speed."
        return text


def open_devices(
    gpus: int | str | None = None, logical: int | None = None, *, resume: str | os.PathLike | None = None
) -> Devices:
    """Find the devices to compute on. Ask before TensorFlow computes anything: later, none can be split.

    A process keeps the first several devices it was given; without arguments one device computes as ever.

    Args:
        gpus: number of GPUs, or `"all"`.
        logical: split the processor into as many devices, to try several without a GPU; 1 is the processor itself.
        resume: a run folder that is continued: its devices, unless others are asked for.

    Raises:
        DeviceError: they are not there, or it is too late.
        RunError: `resume` is no run.
    """
    gpus = parse_gpus(gpus)
    if gpus is not None and logical is not None:
        raise DeviceError("--gpus and --logical exclude each other; give --gpus, or --logical on a machine without any")
    if resume is not None and gpus is None and logical is None:
        last = (read_run(resume).get("devices") or [{}])[-1]
        try:
            return open_devices(last.get("gpus"), last.get("logical"))
        except DeviceError as error:
            raise RunError(f"{resume}: {error}; it was begun there, --gpus 1 or --logical 1 goes on here") from error
    if logical is not None:
        if not 1 <= logical <= MOST_LOGICAL:
            raise DeviceError(f"--logical {logical}: is not between 1 and {MOST_LOGICAL}")
        split_processor(logical)
        names = tuple(f"CPU:{number}" for number in range(logical))
        return Devices(names, mirrored(names), logical=logical)
    seen = tf.config.get_visible_devices("GPU")
    if gpus is None:
        return Devices(("GPU:0",) if seen else ("CPU:0",))
    wanted = (len(seen) or 1) if gpus == "all" else gpus
    if wanted > len(seen):
        raise DeviceError(
            f"--gpus {gpus}: TensorFlow sees {len(seen)} GPU{'s' * (len(seen) != 1)} on this machine; "
            + (f"give --gpus {len(seen)}, or leave it out" if seen else "leave --gpus out")
            + f"; for learning, --logical {max(wanted, 2)} splits the processor into {max(wanted, 2)} devices"
        )
    names = tuple(f"GPU:{number}" for number in range(wanted))
    return Devices(names, mirrored(names) if wanted > 1 else None, gpus=wanted)


def parse_gpus(value: int | str | None) -> int | str | None:
    """Return a number of GPUs, `"all"` or None."""
    if value is None or value == "all":
        return value
    try:
        number = int(value)
    except ValueError:
        number = 0
    if number < 1:
        raise DeviceError(f"--gpus {value}: is neither a number of GPUs from 1 on nor all")
    return number


def split_processor(count: int) -> None:
    """Make `count` logical devices of the processor, unless TensorFlow has them already."""
    if count == 1:
        return
    processor = tf.config.list_physical_devices("CPU")[0]
    try:
        tf.config.set_logical_device_configuration(processor, [tf.config.LogicalDeviceConfiguration()] * count)
    except RuntimeError as error:
        have = len(tf.config.list_logical_devices("CPU"))
        raise DeviceError(
            f"--logical {count}: TensorFlow runs already, with {have} device{'s' * (have > 1)} on the processor; call "
            "videocnn.train.open_devices first of all, or start a new process"
        ) from error


_strategies: dict[tuple[str, ...], tf.distribute.Strategy] = {}


def mirrored(names: tuple[str, ...]) -> tf.distribute.Strategy:
    """Return the process's strategy over these devices: the only place that makes one.

    Raises:
        DeviceError: the process has one over others already, or Keras is too old.
    """
    if tuple(int(part) for part in keras.__version__.split(".")[:2]) < (3, 8):
        # Before, every device's gradient counted in full: the learning rate grew with the devices, without a word.
        raise DeviceError(f"--gpus, --logical: Keras {keras.__version__} cannot share batches; install keras>=3.8")
    if names not in _strategies:
        if _strategies:  # TensorFlow ends a process that makes a second one
            other = ", ".join(next(iter(_strategies)))
            raise DeviceError(f"this process computes on {other} already; start another for {', '.join(names)}")
        _strategies[names] = tf.distribute.MirroredStrategy(list(names))
    return _strategies[names]
