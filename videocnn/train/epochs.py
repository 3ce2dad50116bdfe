"""What happens around the steps of a run: learning rate, validation, history, backup, progress and the end by time.

A Keras callback that turns the events of `fit` into the files of a run folder.
"""

from __future__ import annotations

import json
import sys
import time
import zipfile
from pathlib import Path
from typing import Any

import keras
import numpy as np

from videocnn.files import write_file, write_json
from videocnn.jobs import progress_bar
from videocnn.models import predict_function
from videocnn.runs import RunError
from videocnn.runs.folder import forget_figures, write_history
from videocnn.train.distribute import Devices
from videocnn.train.recipes import TrainArguments


class RunKeeper(keras.callbacks.Callback):
    """Keeps a run folder in step with its training.

    Args:
        folder: the run folder.
        network: the uncompiled network, saved as `model.keras` (best, or last) and `last.keras`.
        arguments: resolved arguments of the run.
        schedule: learning-rate schedule, see `videocnn.train.optimization`.
        num_videos: usable training videos; an epoch is as many clips, rounded to whole batches.
        validation: dataset of `(clips, labels)`, or None.
        devices: where the network computes.
        quiet: print nothing.
    """

    def __init__(
        self,
        folder: Path,
        network: keras.Model,
        arguments: TrainArguments,
        schedule: Any,
        num_videos: int,
        validation: Any,
        *,
        devices: Devices,
        quiet: bool = False,
    ):
        super().__init__()
        self.devices = devices
        self.folder, self.network, self.arguments, self.schedule = folder, network, arguments, schedule
        self.validation, self.quiet = validation, quiet
        self.steps_per_epoch = max(1, round(num_videos / arguments.batch_size))
        self.state: dict[str, Any] = {
            "epoch": 0,
            "elapsed_seconds": 0.0,
            "best": None,
            "finished": False,
            "history": [],
        }
        self.step = 0
        self.backed_up, self.backup_seconds = time.monotonic(), 0.0

    @property
    def position(self) -> int:
        """How many clips of the stream the finished epochs have used."""
        return self.state["epoch"] * self.steps_per_epoch * self.arguments.batch_size

    @property
    def elapsed_seconds(self) -> float:
        """Seconds of training so far, those before a resume included."""
        return self.state["elapsed_seconds"] + time.monotonic() - self.started

    def progress(self) -> float:
        """How much of the run is done, from 0 to 1: by epochs, by time, or by whichever ends first."""
        parts = []
        if self.arguments.epochs:
            parts.append(self.step / (self.arguments.epochs * self.steps_per_epoch))
        if self.arguments.minutes:
            parts.append(self.elapsed_seconds / (60 * self.arguments.minutes))
        return max(parts)

    def restore(self, trainer: keras.Model) -> bool:
        """Load the last backup into `trainer` and say whether the run was finished already."""
        path = self.folder / "backup" / "state.json"
        if not path.is_file():
            return False
        try:
            self.state = json.loads(path.read_text(encoding="utf-8"))
            if not self.state["finished"]:
                read_variables(self.folder / "backup" / self.state["weights"], trainer)
        except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
            raise RunError(f"{path}: the backup cannot be read ({error}); start again with --overwrite") from error
        self.schedule.state = self.state["schedule"]
        return self.state["finished"]

    def on_train_begin(self, logs=None):
        gone = forget_figures(self.folder)
        if gone and not self.quiet:
            print(
                f"{self.folder}: {', '.join(gone)} measured weights that now go on learning: removed", file=sys.stderr
            )
        self.started = time.monotonic()
        self.first_step = self.step = self.state["epoch"] * self.steps_per_epoch
        self.bar = progress_bar("clips", quiet=self.quiet)
        self.bar.start()
        # Keras itself would have every device predict the whole batch.
        self.probabilities = (
            self.model.predict_on_batch
            if self.devices.strategy is None
            else predict_function(self.network, self.devices)
        )
        self.task = self.bar.add_task(self.arguments.model, total=None)

    def on_epoch_begin(self, epoch, logs=None):
        # Dropout's random state is not part of the weights: tie it to the epoch, so that a resumed run draws the same.
        self.devices.seed_dropout(self.network, self.arguments.seed, epoch)
        self.epoch_began = time.monotonic()

    def on_train_batch_begin(self, batch, logs=None):
        self.model.optimizer.learning_rate = self.schedule.rate(self.progress())

    def on_train_batch_end(self, batch, logs=None):
        self.step += 1
        progress, size = self.progress(), self.arguments.batch_size
        done = (self.step - self.first_step) * size
        before = self.first_step * size
        self.bar.update(self.task, completed=done, total=max(done, round((done + before) / progress) - before))
        if progress >= 1:
            self.model.stop_training = True

    def on_epoch_end(self, epoch, logs=None):
        row = {
            "epoch": epoch + 1,
            "clips": self.step * self.arguments.batch_size,
            "learning_rate": float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate)),
            "loss": logs["loss"],
            "hit@1": logs["hit_at_1"],
            "train_seconds": round(time.monotonic() - self.epoch_began, 3),
        }
        if not np.isfinite(logs["loss"]):
            raise RunError(
                f"{self.folder}: the loss of epoch {epoch + 1} is {logs['loss']}, the weights have diverged; start "
                f"again with --overwrite and a --learning-rate below {self.arguments.learning_rate:g}"
            )
        ends = self.progress() >= 1
        if self.validation is not None and (ends or (epoch + 1) % self.arguments.validate_every == 0):
            self.validate(row)
        row["seconds"] = round(self.elapsed_seconds, 2)
        self.state["history"].append(row)
        self.state["epoch"] = epoch + 1
        # Saving must not eat the time of training: at most about a twentieth of it.
        if ends or time.monotonic() - self.backed_up > 20 * self.backup_seconds:
            self.back_up(finished=ends)

    def measure(self) -> tuple[float, float]:
        """Return loss and clip hit@1 over the videos held out."""
        losses, hits = [], []
        for clips, labels in self.validation:
            scores, labels = self.probabilities(clips), labels.numpy()
            losses.extend(-np.sum(labels * np.log(np.maximum(scores, 1e-12)), axis=1))
            hits.extend(labels[np.arange(len(labels)), scores.argmax(axis=1)] > 0)
        return float(np.mean(losses)), float(np.mean(hits))

    def validate(self, row: dict[str, Any]) -> None:
        """Add validation figures to the row of this epoch; keep the weights that hit most, of equal ones the surest."""
        loss, hit = row["val_loss"], row["val_hit@1"] = self.measure()
        self.schedule.after_validation(loss)
        best = self.state["best"]
        if best is None or (hit, -loss) > (best["val_hit@1"], -best["val_loss"]):
            self.state["best"] = {"epoch": row["epoch"], "val_loss": loss, "val_hit@1": hit}
            write_file(self.folder / "model.keras", self.network.save)
        if not self.quiet:
            self.bar.console.print(
                f"epoch {row['epoch']}: loss {row['loss']:.3f}, val loss {loss:.3f}, val clip hit@1 {100 * hit:.1f} %"
            )

    def back_up(self, *, finished: bool) -> None:
        """Write what a resume needs; new weights first, then their name: a kill at any moment leaves a whole backup."""
        begun = time.monotonic()
        backup = self.folder / "backup"
        backup.mkdir(exist_ok=True)
        weights = f"epoch-{self.state['epoch']:06d}.npz"
        if not finished:
            write_file(backup / weights, lambda file: write_variables(file, self.model))
        else:
            write_file(self.folder / "last.keras", self.network.save)
            if self.state["best"] is None or self.arguments.keep == "last":
                write_file(self.folder / "model.keras", self.network.save)
        write_history(self.folder, self.state["history"])
        state = {**self.state, "finished": finished, "weights": weights, "schedule": self.schedule.state}
        write_json(backup / "state.json", {**state, "elapsed_seconds": self.elapsed_seconds})
        for old in backup.glob("*.npz"):
            if finished or old.name != weights:
                old.unlink()
        self.backed_up = time.monotonic()
        self.backup_seconds = self.backed_up - begun

    def close(self) -> None:
        """Take the progress line off the screen, also after an error."""
        if hasattr(self, "bar"):
            self.bar.stop()


def all_variables(trainer: keras.Model) -> list[keras.Variable]:
    """Return all that a step changes: weights, running means, the optimizer's state."""
    return [*trainer.weights, *trainer.optimizer.variables]


def write_variables(file: Path, trainer: keras.Model) -> None:
    """Write them as NumPy arrays; on a full disk HDF5, Keras's way, ends the whole process."""
    arrays = {f"{place:05d}": keras.ops.convert_to_numpy(value) for place, value in enumerate(all_variables(trainer))}
    with open(file, "wb") as stream:
        np.savez(stream, **arrays)


def read_variables(file: Path, trainer: keras.Model) -> None:
    """Read back what `write_variables` wrote.

    Raises:
        ValueError: it is of another network.
    """
    variables = all_variables(trainer)
    with np.load(file, allow_pickle=False) as arrays:
        if len(arrays) != len(variables):
            raise ValueError(f"it holds {len(arrays)} variables, the network and its optimizer have {len(variables)}")
        for place, variable in enumerate(variables):
            variable.assign(arrays[f"{place:05d}"])
