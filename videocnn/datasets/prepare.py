"""Videos that were found -> a folder with `manifest.csv` and `skipped.csv`: the last step of every data set.

Takes what a finder (`folder`, `ucf101`, ...) saw, measures every video once and writes down what can be trained on
and what was left out, with reasons.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from pathlib import Path

from videocnn.manifest import (
    Manifest,
    ManifestError,
    Skip,
    check_groups,
    check_links,
    check_trainable,
    measure,
    read_manifest,
    split_by_group,
    split_validation,
    write_manifest,
    write_skips,
)
from videocnn.manifest.row import SPLITS


@dataclasses.dataclass(frozen=True)
class Found:
    """What a finder saw.

    Attributes:
        manifest: the videos, with labels, splits and groups, not measured yet.
        skips: files that were left out, with reasons.
        notes: sentences for the user: what was absent, what was assumed.
        listed: names of all the videos that official lists know, `"Archery/v_Archery_g01_c01.avi"`.
        absent: those of them that are not there.
    """

    manifest: Manifest
    skips: tuple[Skip, ...] = ()
    notes: tuple[str, ...] = ()
    listed: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()


def assign_splits(
    manifest: Manifest, *, test_fraction: float = 0.2, val_fraction: float = 0.1, seed: int = 0
) -> tuple[Manifest, list[str]]:
    """Return the manifest with splits, and a sentence for each one that was made here.

    Splits that are there stay: validation groups are cut out of training where there are none, and only a manifest
    without any split is cut in three.
    """
    splits = {video.split for video in manifest.videos}
    if splits == {""}:
        manifest = split_by_group(manifest, test_fraction=test_fraction, val_fraction=val_fraction, seed=seed)
        notes = [f"split by group: {test_fraction:g} test, {val_fraction:g} validation (seed {seed})"]
        for split, fraction, needed in (("test", test_fraction, "two"), ("val", val_fraction, "three")):
            if fraction and not len(manifest.select(split)):
                notes.append(f"no video is in {split}: no class has {needed} groups")
        return manifest, notes
    notes = []
    if "" in splits:
        count = sum(not video.split for video in manifest.videos)
        notes.append(f"{count} videos have no split: neither trained nor tested on")
    if "train" in splits and "val" not in splits and val_fraction:
        manifest = split_validation(manifest, fraction=val_fraction, seed=seed)
        notes.append(f"no validation split given: {val_fraction:g} of the training groups (seed {seed})")
    check_groups(manifest)
    return manifest, notes


def prepare(
    found: Found, out: str | os.PathLike, *, workers: int | None = None, quiet: bool = False
) -> tuple[Manifest, list[Skip]]:
    """Measure the videos, write `out/manifest.csv` and `out/skipped.csv`, and return what they say.

    Args:
        found: what a finder saw.
        out: a folder, made where it is missing; videos outside it are written with absolute paths.
        workers: files at a time; `None` takes one a processor.
        quiet: no progress line on standard error.

    Raises:
        ManifestError: no video can be read, two are one file by a link, or what can be read is nothing to train on.
        TableError: the folder cannot be written.
    """
    write_skips(found.skips, Path(out) / "skipped.csv")  # a folder that cannot be written shows now, not in an hour
    check_links(found.manifest)
    manifest, unreadable = measure(found.manifest, workers=workers, quiet=quiet)
    skips = [*found.skips, *unreadable]
    write_skips(skips, Path(out) / "skipped.csv")
    if not len(manifest):
        raise ManifestError(f"{found.manifest.root}: no video can be read; {Path(out) / 'skipped.csv'} says why")
    # classes of which no file can be read are gone
    manifest = dataclasses.replace(manifest, class_names=None)
    check_trainable(manifest)
    write_manifest(manifest, Path(out) / "manifest.csv")
    return read_manifest(Path(out) / "manifest.csv"), skips


def measure_folds(folds: Mapping[int, Found], *, workers: int | None = None, quiet: bool = False) -> dict[int, Found]:
    """Return the folds of one data set with every video measured once for all of them.

    Videos that cannot be read stay as they were: `prepare` opens them again, and lists them.
    """
    first = next(iter(folds.values())).manifest
    videos = {video.path: video for found in folds.values() for video in found.manifest.videos}
    union = Manifest(tuple(dataclasses.replace(video, split="") for video in videos.values()), root=first.root)
    measured, _ = measure(union, workers=workers, quiet=quiet)
    lengths = {video.path: {"num_frames": video.num_frames, "fps": video.fps} for video in measured.videos}
    result = {}
    for fold, found in folds.items():
        known = tuple(dataclasses.replace(video, **lengths.get(video.path, {})) for video in found.manifest.videos)
        result[fold] = dataclasses.replace(found, manifest=dataclasses.replace(found.manifest, videos=known))
    return result


def describe(manifest: Manifest, most_classes: int = 20) -> str:
    """Return counts by split, and by class where there are not too many, as plain text."""
    splits = [split for split in SPLITS if any(video.split == split for video in manifest.videos)]
    groups = len({video.group for video in manifest.videos})
    lines = [f"{len(manifest)} videos, {len(manifest.class_names)} classes, {groups} groups"]
    counts = {name: [0] * len(splits) for name in manifest.class_names}
    for video in manifest.videos:
        for label in video.labels:
            counts[label][splits.index(video.split)] += 1
    rows = list(counts.items())
    if len(rows) > most_classes:
        rows = [
            (f"{word} of a class", [choose(column) for column in zip(*counts.values(), strict=True)])
            for word, choose in (("fewest", min), ("most", max))
        ]
    totals = [sum(video.split == split for video in manifest.videos) for split in splits]
    width = max(len(name) for name, _ in [*rows, ("all", ())])
    lines.append("  ".join([" " * width, *(f"{split or 'none':>6}" for split in splits)]))
    lines += [
        "  ".join([f"{name:{width}}", *(f"{n:6d}" for n in numbers)]) for name, numbers in [*rows, ("all", totals)]
    ]
    return "\n".join(lines)
