"""A run folder: everything that one training leaves behind, written so that a kill at any moment loses little.

model.keras    best weights, with class names and sampling: enough to predict from
last.keras     weights after the last epoch
run.json       arguments, versions, manifest hash, seed, hardware
history.csv    one row an epoch
backup/        what --resume continues from
metrics.json, scores_*.npz and pictures come later, from evaluation
"""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from videocnn import __version__
from videocnn.errors import VideoCNNError
from videocnn.files import WRITING, remove_unfinished, write_json, write_text
from videocnn.jobs import default_workers, sole_writer

UPDATE_LOCK = f"{WRITING}update-lock"
WAIT_SECONDS = 60.0  # for a lock that is held for milliseconds


class RunError(VideoCNNError):
    """A run folder cannot be made, continued or read."""


def create_run(out: str | os.PathLike, *, overwrite: bool = False) -> Path:
    """Make the folder of a new run.

    Raises:
        RunError: something is there already; with `overwrite`, something that is not a run.
    """
    folder = check_free(out, overwrite=overwrite)
    if folder.is_dir() and (folder / "run.json").is_file():
        shutil.rmtree(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(f"{folder}: the folder cannot be made ({error.strerror}); give --out another place") from error
    return folder


@contextlib.contextmanager
def sole_training(folder: Path) -> Iterator[None]:
    """Raise `RunError` where no file can be written, or while another job trains the run of this folder."""
    check_writable(folder)
    with sole_writer(folder, RunError(f"{folder}: another job is training this run; wait for it, or end it")):
        remove_unfinished(folder, "*.keras")
        remove_unfinished(folder / "backup")
        yield


def check_free(out: str | os.PathLike, *, overwrite: bool = False) -> Path:
    """Return the path of a new run's folder, if nothing stands in its way; no run is made or removed.

    Raises:
        RunError: as for `create_run`; with `overwrite`, also a run that another job is training.
    """
    folder = Path(out)
    if folder.exists() and not folder.is_dir():
        raise RunError(f"{folder}: is a file; give --out the name of a folder")
    # A kill in the middle of the first write leaves nothing but its temporary file.
    if folder.is_dir() and any(not path.name.startswith(WRITING) for path in folder.iterdir()):
        if not overwrite:
            raise RunError(f"{folder}: exists already; continue it with --resume or replace it with --overwrite")
        if not (folder / "run.json").is_file():
            raise RunError(f"{folder}: is not a run folder (no run.json), so --overwrite leaves it alone")
        with sole_training(folder):
            pass
    return folder


def read_run(folder: str | os.PathLike) -> dict[str, Any]:
    """Return what `run.json` of a run folder says.

    Raises:
        RunError: the folder is no run.
    """
    path = Path(folder) / "run.json"
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise RunError(f"{folder}: is not a run folder (no run.json); give the --out of `videocnn train`") from None
    except (OSError, ValueError) as error:
        raise RunError(f"{path}: cannot be read ({error}); train the run again") from error


def check_writable(folder: str | os.PathLike) -> None:
    """Make a folder if it is missing, and raise `RunError` if it takes no files: now, and not after hours of work."""
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise RunError(f"{folder}: no file can be written there ({error.strerror}); check its permissions") from error


@contextlib.contextmanager
def updating(folder: Path, *, wait_seconds: float = WAIT_SECONDS) -> Iterator[None]:
    """Hold the lock under which `run.json` and `metrics.json` of a run are read, changed and written.

    It is another lock than that of training, which lasts for hours.

    Raises:
        RunError: another job has held the lock for `wait_seconds`.
    """
    refusal = RunError(f"{folder}: another job has been writing its results for {wait_seconds:g} s; end that job")
    with sole_writer(folder, refusal, wait_seconds=wait_seconds, lock=UPDATE_LOCK):
        yield


def update_run(folder: Path, **values: Any) -> None:
    """Set values in `run.json`; a file that has them already is left untouched.

    Raises:
        RunError: the folder is not a run.
    """
    with updating(folder):
        before = read_run(folder)
        if {**before, **values} != before:
            write_json(folder / "run.json", {**before, **values})


def forget_figures(folder: Path) -> list[str]:
    """Remove what evaluation wrote of weights that go on learning, and return the names of the files."""
    with updating(folder):
        files = [file for glob in ("metrics.json", "scores_*.npz", "skipped_*.csv") for file in folder.glob(glob)]
        for file in files:
            file.unlink()
    return sorted(file.name for file in files)


def write_history(folder: Path, rows: list[dict[str, Any]]) -> None:
    """Write `history.csv`, one row an epoch; a column that a row lacks is left empty."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text(folder / "history.csv", text.getvalue())


def read_history(folder: str | os.PathLike) -> dict[str, np.ndarray]:
    """Return the columns of a run's `history.csv`, float64, NaN where an epoch has no value.

    Raises:
        RunError: there is none, or it cannot be read.
    """
    path = Path(folder) / "history.csv"
    try:
        with open(path, encoding="utf-8", newline="") as stream:
            rows = list(csv.DictReader(stream))
        columns = {name: np.array([float(row[name] or "nan") for row in rows]) for name in (rows[0] if rows else ())}
    except FileNotFoundError:
        raise RunError(f"{folder}: has no history.csv; give a run folder that has finished an epoch") from None
    except (OSError, ValueError, TypeError) as error:
        raise RunError(f"{path}: cannot be read ({error}); train the run again") from error
    if not {"epoch", "seconds"} <= set(columns):
        raise RunError(f"{path}: holds no epochs with their seconds; give a run that `videocnn train` wrote")
    return columns


def versions() -> dict[str, str]:
    """Return the versions of the package and of what decides its numbers."""
    names = ("tensorflow", "keras", "numpy", "av")
    return {"videocnn": __version__, "python": platform.python_version(), **{n: metadata.version(n) for n in names}}


def hardware() -> dict[str, Any]:
    """Return what machine this is: processor, how many of its cores this process has, memory, accelerators."""
    import tensorflow as tf

    return {
        "processor": processor_name(),
        "processors": default_workers(),
        "memory_gib": memory_gib(),
        "gpus": [tf.config.experimental.get_device_details(gpu).get("device_name", gpu.name)
                 for gpu in tf.config.list_physical_devices("GPU")],
        "system": f"{platform.system()} {platform.machine()}",
    }  # fmt: skip


def processor_name() -> str:
    """Return the processor's own name where the system tells it."""
    if sys.platform == "linux":
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    # On Linux platform.processor() starts a program to ask; where /proc says no name there is none to be had.
    return (sys.platform != "linux" and platform.processor()) or platform.machine()


def memory_gib() -> float | None:
    """Return the machine's memory in GiB, where the system tells it."""
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        return round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30, 1)
    return None
