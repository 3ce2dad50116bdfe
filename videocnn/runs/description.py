"""A run folder in, what a report says of it out: how it was run, how far it came, and what a reader must be warned of.

Reads JSON and CSV only; whatever a run does not have yet is None or empty, and is named among the warnings.
"""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from videocnn.clips import Dataset
from videocnn.files import read_table
from videocnn.manifest import Skip
from videocnn.manifest.columns import ALONE
from videocnn.manifest.reading import groups_across_splits
from videocnn.runs.figures import counted, percent, read_metrics
from videocnn.runs.folder import RunError, read_history, read_run
from videocnn.runs.provenance import find_data, look_back, origins, seen_sentences


@dataclasses.dataclass(frozen=True)
class RunRecord:
    """What one run folder holds.

    Attributes:
        name: what a report calls it.
        folder: its path.
        settings: what `run.json` says.
        history: columns of `history.csv`; empty before the first epoch ended.
        metrics: figures by split; empty before the first evaluation.
        finished: whether training came to its end; None where the folder does not tell.
        data: the data set that it was trained on, or `None` where it is not available.
        no_data: why not.
        skipped: videos left out, in training and by split of evaluation.
    """

    name: str
    folder: Path
    settings: dict[str, Any]
    history: dict[str, Any]
    metrics: dict[str, dict[str, Any]]
    finished: bool | None
    data: Dataset | None
    no_data: str
    skipped: dict[str, tuple[Skip, ...]]

    @property
    def has_model(self) -> bool:
        """Whether there is a network to look into."""
        return (self.folder / "model.keras").is_file()

    @property
    def num_epochs(self) -> int:
        """Epochs that have ended."""
        return len(self.history.get("epoch", ()))


def short_names(folders: Sequence[str | os.PathLike]) -> list[str]:
    """Return what tells run folders apart: their paths from the deepest folder that holds all of them."""
    places = [os.path.abspath(folder) for folder in folders]
    top = os.path.commonpath([os.path.dirname(place) for place in places])
    return [os.path.relpath(place, top) for place in places]


def read_record(folder: str | os.PathLike, name: str | None = None, *, opened: Dataset | None = None) -> RunRecord:
    """Read a run folder.

    Args:
        folder: the run folder.
        name: what a report calls it; by default the folder's own name.
        opened: the run's data set, if it is open already.

    Raises:
        RunError: it is no run folder, or `run.json` is damaged.
        ScoresError: `metrics.json` is damaged.
    """
    path = Path(folder)
    settings = read_run(path)
    if not isinstance(settings, dict):
        raise RunError(f"{path / 'run.json'}: holds no settings of a run; train the run again")
    metrics = read_metrics(path)
    try:
        history = read_history(path)
    except RunError:
        history = {}
    data, no_data = find_data(settings, opened)
    skipped = {"train": tuple(Skip(row["path"], row["reason"]) for row in settings.get("skipped") or ())}
    for split in metrics:
        skipped[f"evaluation, split {split}"] = read_skips(path / f"skipped_{split}.csv")
    return RunRecord(
        name=name or os.path.basename(os.path.abspath(folder)),
        folder=path,
        settings=settings,
        history=history,
        metrics=metrics,
        finished=read_finished(path),
        data=data,
        no_data=no_data,
        skipped={where: skips for where, skips in skipped.items() if skips},
    )


def read_finished(folder: Path) -> bool | None:
    """Return whether a training says that it is finished, None where nothing is said."""
    try:
        return bool(json.loads((folder / "backup" / "state.json").read_text(encoding="utf-8"))["finished"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def read_skips(path: Path) -> tuple[Skip, ...]:
    """Return the videos that an evaluation left out; none where the list is missing."""
    if not path.is_file():
        return ()
    return tuple(Skip(row["path"], row["reason"]) for _, row in read_table(path, ("path", "reason")))


def find_warnings(record: RunRecord) -> list[str]:
    """Return what a reader of a run's figures must know first, one sentence each."""
    found = []
    trains = record.settings.get("kind", "network") in ("network", "fine-tuned")  # another scorer has no epochs
    if trains and not record.num_epochs:
        found.append("No epoch has ended yet: there is nothing learnt to show.")
    elif record.finished is False:
        found.append(f"Training has not come to its end: it stands after {counted(record.num_epochs, 'epoch')}.")
    losses = [value for key in ("loss", "val_loss") for value in record.history.get(key, ())[-1:]]
    if any(value != value for value in losses[:1]):
        found.append("The training loss is not a number: the network has diverged.")
    if record.num_epochs and "val_hit@1" not in record.history:
        found.append("No videos were held out for validation: nothing chose between the weights of the epochs.")
    if not record.metrics:
        found.append("Not evaluated: there are learning curves at most, and they are no measure of a network.")
    for split, result in record.metrics.items():
        found += figure_warnings(split, result)
        if result.get("manifest_hash") != record.settings.get("manifest_hash"):
            found.append(
                f"Split {split}: evaluated on other data than it was trained on; whether videos of one source stand on "
                "both sides cannot be told."
            )
    for where, skips in record.skipped.items():
        found.append(f"{counted(len(skips), 'video')} left out ({where}); the list is below.")
    return found + data_warnings(record) + origin_warnings(record)


def figure_warnings(split: str, result: dict[str, Any]) -> list[str]:
    """Return what is to be said of the figures of one split."""
    found = []
    hit, chance = result["video_hit_at_1"], result["chance_hit_at_1"]
    if hit["low"] is None:
        found.append(f"Split {split}: all videos are of one group, so that there is no interval.")
    elif hit["high"] < chance:
        found.append(
            f"Split {split}: below chance. Video hit@1 is {percent(hit['value'])} %, its interval from "
            f"{percent(hit['low'])} to {percent(hit['high'])} %, and chance {percent(chance)} %: few videos, or labels "
            "that are exchanged."
        )
    elif hit["low"] <= chance:
        found.append(
            f"Split {split}: at chance level. Video hit@1 is {percent(hit['value'])} %, its interval from "
            f"{percent(hit['low'])} to {percent(hit['high'])} % includes chance, {percent(chance)} %."
        )
    if split == "train":
        found.append("Split train: these videos were trained on; the figures say what was learnt by heart.")
    if split == "val":
        found.append("Split val: these videos chose the weights; the figures are a little too good.")
    if result["num_groups"] == result["num_videos"] > 1:
        found.append(
            f"Split {split}: every video is a group of its own. Where several come from one source, they may stand on "
            "both sides of the split, and the figures and intervals are too good."
        )
    return found


def data_warnings(record: RunRecord) -> list[str]:
    """Return what the look for videos of one group on both sides of a split found."""
    if record.data is None:
        return [f"Groups on both sides of a split were not looked for: {record.no_data}."]
    videos = record.data.whole.videos
    mixed = list(groups_across_splits(record.data.whole))
    if mixed:
        names = ", ".join(mixed[:5]) + (", ..." if len(mixed) > 5 else "")
        return [f"{counted(len(mixed), 'group')} on both sides of a split: {names}. The figures measure memory."]
    alone = int((videos.group_codes == ALONE).sum())
    if 0 < alone < len(videos):
        return [f"{alone} of {counted(len(videos), 'video')} have no group; they may resemble others on both sides."]
    return []


def origin_warnings(record: RunRecord) -> list[str]:
    """Return what is to be said of the videos that the network whose weights it started from had seen."""
    pretrained = next(origins(record.settings), None)
    if pretrained is None:
        return []
    back = {name: pretrained.get(name) for name in ("seen", "not_looked_for")}
    if back["not_looked_for"] != "" and record.data is not None:
        back = look_back(pretrained, record.data.whole)
    return seen_sentences(back)


def common_split(records: Sequence[RunRecord], wanted: str | None) -> str | None:
    """Return the split whose figures are shown first: the one asked for, or test, val, train as most runs have it."""
    if wanted is not None:
        return wanted
    known = [split for split in ("test", "val", "train") if any(split in record.metrics for record in records)]
    return max(known, key=lambda split: sum(split in record.metrics for record in records), default=None)
