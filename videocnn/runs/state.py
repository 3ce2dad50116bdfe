"""The state of a run: its folder in; settings, kind, progress, figures and data out.

Reads JSON and CSV only. Folders written by version 0.1.0, whose `run.json` states neither `kind` nor `finished`, are
read the same way: both are derived from the arguments and the backup.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import os
from pathlib import Path
from typing import Any

from videocnn.clips import Dataset
from videocnn.files import read_table
from videocnn.manifest import Skip
from videocnn.runs.figures import read_metrics
from videocnn.runs.folder import RunError, read_history, read_run
from videocnn.runs.provenance import find_data

NETWORK, FINE_TUNED = "network", "fine-tuned"


@dataclasses.dataclass(frozen=True)
class Run:
    """What one run folder holds; see `open_run`.

    Attributes:
        name: what reports call it.
        folder: its path.
        settings: the content of `run.json`.
        kind: `"network"`, `"fine-tuned"`, or what another scorer calls itself.
        finished: whether training has ended; None if the folder does not tell.
        history: columns of `history.csv`; empty before the first epoch has ended.
        metrics: metrics by split; empty before the first evaluation.
        opened: its data set, if that is open already.
    """

    name: str
    folder: Path
    settings: dict[str, Any]
    kind: str
    finished: bool | None
    history: dict[str, Any]
    metrics: dict[str, dict[str, Any]]
    opened: Dataset | None = None

    @property
    def arguments(self) -> dict[str, Any]:
        """The resolved arguments of its training."""
        return self.settings.get("arguments") or {}

    @property
    def has_model(self) -> bool:
        """Whether the folder holds a network."""
        return (self.folder / "model.keras").is_file()

    @property
    def num_epochs(self) -> int:
        """Number of completed epochs."""
        return len(self.history.get("epoch", ()))

    @functools.cached_property
    def found_data(self) -> tuple[Dataset | None, str]:
        """The data that it was trained on, or None and the reason."""
        return find_data(self.settings, self.opened)

    @property
    def data(self) -> Dataset | None:
        """The data that it was trained on, or None if they cannot be opened."""
        return self.found_data[0]

    @property
    def no_data(self) -> str:
        """Why the data cannot be opened, or an empty string."""
        return self.found_data[1]

    @functools.cached_property
    def skipped(self) -> dict[str, tuple[Skip, ...]]:
        """The skipped videos of training and of each evaluation that skipped any."""
        skipped = {"train": tuple(Skip(row["path"], row["reason"]) for row in self.settings.get("skipped") or ())}
        for split in self.metrics:
            file = self.folder / f"skipped_{split}.csv"
            rows = read_table(file, ("path", "reason")) if file.is_file() else ()
            skipped[f"evaluation, split {split}"] = tuple(Skip(row["path"], row["reason"]) for _, row in rows)
        return {where: skips for where, skips in skipped.items() if skips}


def open_run(folder: str | os.PathLike, name: str | None = None, *, opened: Dataset | None = None) -> Run:
    """Read the state of a run folder.

    Args:
        folder: the run folder.
        name: what reports call it; by default the name of the folder.
        opened: its data set, if that is open already.

    Raises:
        RunError: the folder is not a run, or `run.json` or `metrics.json` is damaged.
    """
    path = Path(folder)
    settings = read_run(path)
    if not isinstance(settings, dict):
        raise RunError(f"{path / 'run.json'}: holds no settings of a run; train the run again")
    try:
        history = read_history(path)
    except RunError:
        history = {}
    arguments = settings.get("arguments")
    tuned = isinstance(arguments, dict) and "regime" in arguments
    return Run(
        name=name or os.path.basename(os.path.abspath(folder)),
        folder=path,
        settings=settings,
        kind=settings.get("kind") or (FINE_TUNED if tuned else NETWORK),
        finished=settings.get("finished") or read_finished(path, settings.get("finished")),
        history=history,
        metrics=read_metrics(path),
        opened=opened,
    )


def read_finished(folder: Path, stated: bool | None) -> bool | None:
    """Return whether training has ended although `run.json` does not say so yet.

    The backup is written first, so it decides where a kill came between the two. Without a backup the weights of the
    last epoch do, which are written when training ends.
    """
    try:
        return bool(json.loads((folder / "backup" / "state.json").read_text(encoding="utf-8"))["finished"])
    except FileNotFoundError:
        return (folder / "last.keras").is_file() or stated
    except (OSError, ValueError, KeyError, TypeError):
        return stated
