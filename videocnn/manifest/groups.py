"""Splits cut by group: which videos come from one source, and whole groups to training, validation and test.

Clips of one source video share scene, people and light. UCF-101 has 25 such groups a class, and a split that cuts
through them measures memory (section 4 of the paper: official splits by group). Pure functions of names and a seed.
"""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Collection

import numpy as np

from videocnn.manifest.reading import Manifest, check_groups
from videocnn.manifest.row import ManifestError, clean_group

UCF_NAME = re.compile(r"v_(?P<name>.+)_g(?P<number>\d+)_c\d+\.[^.]+")


def ucf_group(file_name: str) -> str | None:
    """Return the group that a UCF-101 file name tells, `"Archery_g01"` for `v_Archery_g01_c02.avi`, or `None`.

    The number alone is no group: every class has its own g01, and they have nothing in common.
    """
    match = UCF_NAME.fullmatch(file_name)
    return f"{clean_group(match['name'])}_g{int(match['number']):02d}" if match else None


def pattern_group(pattern: str, file_name: str) -> str | None:
    """Return what a regular expression finds in a file name, its capturing groups joined by `_`, or `None`.

    Raises:
        ManifestError: the expression is invalid, or an optional part of it that names the group is not there.
    """
    try:
        match = re.search(pattern, file_name)
    except re.error as error:
        raise ManifestError(f"group pattern {pattern!r}: {error}") from error
    if match is None:
        return None
    parts = match.groups() or (match[0],)
    if None in parts or not "".join(parts).strip():
        raise ManifestError(f"group pattern {pattern!r} finds no name of a group in {file_name!r}")
    return clean_group("_".join(parts))


def split_by_group(
    manifest: Manifest, *, test_fraction: float = 0.2, val_fraction: float = 0.1, seed: int = 0
) -> Manifest:
    """Return the manifest with every video in train, val or test, whole groups at a time, class by class.

    The groups of each class are shuffled by `seed` and cut at the fractions (rounded; at least one group where the
    fraction is not zero and training keeps one). A group with several classes goes with the first, by name. The
    result depends on the names and the seed, not on the order of the rows.

    Raises:
        ManifestError: the fractions leave nothing for training.
    """
    if min(test_fraction, val_fraction) < 0 or not test_fraction + val_fraction < 1:
        raise ManifestError(
            f"test fraction {test_fraction} and validation fraction {val_fraction}: each 0 or more, together below 1"
        )
    sides = {}
    for groups in _shuffled(manifest, {video.group for video in manifest.videos}, seed):
        num_test = _share(test_fraction, len(groups), len(groups) - 1)
        num_val = _share(val_fraction, len(groups), len(groups) - 1 - num_test)
        sides |= dict.fromkeys(groups, "train") | dict.fromkeys(groups[:num_test], "test")
        sides |= dict.fromkeys(groups[num_test : num_test + num_val], "val")
    videos = tuple(dataclasses.replace(video, split=sides[video.group]) for video in manifest.videos)
    return dataclasses.replace(manifest, videos=videos)


def split_validation(
    manifest: Manifest, *, groups: Collection[str] | None = None, fraction: float | None = None, seed: int = 0
) -> Manifest:
    """Return the manifest with whole groups moved from training to validation; test videos stay where they are.

    Args:
        manifest: has training videos.
        groups: the names of the groups to move; or
        fraction: the share of every class's training groups to move (rounded, one at least, one stays).
        seed: decides which groups a fraction takes.

    Raises:
        ManifestError: neither or both are given, a group has no training video, or nothing is left to train on.
    """
    train = {video.group for video in manifest.videos if video.split == "train"}
    if (groups is None) == (fraction is None):
        raise ManifestError("validation: give either the groups to move or a fraction of them")
    if groups is None:
        if not 0 < fraction < 1:
            raise ManifestError(f"validation fraction {fraction}: it lies between 0 and 1")
        cut = _shuffled(manifest, train, seed)
        groups = [group for names in cut for group in names[: _share(fraction, len(names), len(names) - 1)]]
    groups = set(groups)
    unknown = sorted(groups - train)
    if unknown:
        known = ", ".join(sorted(train)[:5])
        raise ManifestError(f"validation group {unknown[0]!r} has no training video; training groups are {known}, ...")
    if train and train <= groups:
        raise ManifestError("the validation groups are all that there is to train on; leave some")
    videos = tuple(
        dataclasses.replace(video, split="val") if video.split == "train" and video.group in groups else video
        for video in manifest.videos
    )
    moved = dataclasses.replace(manifest, videos=videos)
    check_groups(moved)
    return moved


def check_trainable(manifest: Manifest) -> None:
    """Raise `ManifestError` where training could only give numbers without meaning.

    That is: one class alone (always right), no training video, or a class that occurs in validation or test but never
    in training (never right).
    """
    if len(manifest.class_names) < 2:
        raise ManifestError(
            f"there is one class only, {manifest.class_names[0]!r}: nothing to tell it from; add a second"
        )
    train = manifest.select("train")
    if not len(train):
        raise ManifestError("no video is in the split 'train'; set the split column, or split by group")
    trained = train.class_counts() > 0
    for split in ("val", "test"):
        part = manifest.select(split)
        for number in np.flatnonzero((part.class_counts() > 0) & ~trained):
            label = manifest.class_names[number]
            path = next(video.path for video in part.videos if label in video.labels)
            raise ManifestError(
                f"class {label!r} is in {split} ({path}) and has no training video: no network could learn to name it; "
                "add training videos or remove the class"
            )


def _share(fraction: float, count: int, most: int) -> int:
    return max(0, min(max(1, math.floor(fraction * count + 0.5)), most)) if fraction else 0


def _shuffled(manifest: Manifest, groups: Collection[str], seed: int) -> list[list[str]]:
    """Return the groups of each class, shuffled; a group of several classes counts for the first by name."""
    owner: dict[str, str] = {}
    for video in manifest.videos:
        if video.group in groups:
            first = min(video.labels)
            owner[video.group] = min(owner.get(video.group, first), first)
    rng = np.random.default_rng(seed)
    classes = []
    for label in sorted(set(owner.values())):
        names = sorted(group for group in owner if owner[group] == label)
        classes.append([names[index] for index in rng.permutation(len(names))])
    return classes
