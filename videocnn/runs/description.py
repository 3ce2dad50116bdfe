"""What reports and model cards say about a run: its short name, and what a reader of its figures must know first."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from videocnn.manifest.columns import ALONE
from videocnn.manifest.reading import groups_across_splits
from videocnn.runs.figures import counted, percent
from videocnn.runs.provenance import look_back, origins, seen_sentences
from videocnn.runs.state import FINE_TUNED, NETWORK, Run


def short_names(folders: Sequence[str | os.PathLike]) -> list[str]:
    """Return what tells run folders apart: their paths from the deepest folder that holds all of them."""
    places = [os.path.abspath(folder) for folder in folders]
    top = os.path.commonpath([os.path.dirname(place) for place in places])
    return [os.path.relpath(place, top) for place in places]


def find_warnings(record: Run, *, for_strangers: bool = False) -> list[str]:
    """Return what a reader of a run's figures must know first, one sentence each.

    Args:
        record: the run.
        for_strangers: leave out where the data lay, and what is listed elsewhere.
    """
    found = []
    trains = record.kind in (NETWORK, FINE_TUNED)  # another scorer has no epochs
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
    for where, skips in () if for_strangers else record.skipped.items():
        found.append(f"{counted(len(skips), 'video')} left out ({where}); the list is below.")
    reason = "the data were not there when this was written" if for_strangers else record.no_data
    return found + data_warnings(record, reason) + origin_warnings(record)


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


def data_warnings(record: Run, no_data: str) -> list[str]:
    """Return what the look for videos of one group on both sides of a split found."""
    if record.data is None:
        return [f"Group leakage was not checked: {no_data}."]
    videos = record.data.whole.videos
    mixed = list(groups_across_splits(record.data.whole))
    if mixed:
        names = ", ".join(mixed[:5]) + (", ..." if len(mixed) > 5 else "")
        return [f"{counted(len(mixed), 'group')} on both sides of a split: {names}. The figures measure memory."]
    alone = int((videos.group_codes == ALONE).sum())
    if 0 < alone < len(videos):
        return [f"{alone} of {counted(len(videos), 'video')} have no group; they may resemble others on both sides."]
    return []


def origin_warnings(record: Run) -> list[str]:
    """Return what is to be said of the videos that the network whose weights it started from had seen."""
    pretrained = next(origins(record.settings), None)
    if pretrained is None:
        return []
    back = {name: pretrained.get(name) for name in ("seen", "not_looked_for")}
    if back["not_looked_for"] != "" and record.data is not None:
        back = look_back(pretrained, record.data.whole)
    return seen_sentences(back)


def common_split(records: Sequence[Run], wanted: str | None) -> str | None:
    """Return the split whose figures are shown first: the one asked for, or test, val, train as most runs have it."""
    if wanted is not None:
        return wanted
    known = [split for split in ("test", "val", "train") if any(split in record.metrics for record in records)]
    return max(known, key=lambda split: sum(split in record.metrics for record in records), default=None)
