"""Videos of one's own -> a manifest: a folder with a folder for each class, or any CSV that says what is where.

Groups come from file names (a pattern, or names in the manner of UCF-101), splits from folders or columns where they
are given, else from the groups.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator
from pathlib import Path

from videocnn.datasets.prepare import Found, assign_splits
from videocnn.files import read_table
from videocnn.manifest import Manifest, ManifestError, Skip, Video, is_url, pattern_group, ucf_group
from videocnn.manifest.row import CONTROL, clean_group, clean_label

EXTENSIONS = (
    ".3gp", ".asf", ".avi", ".divx", ".flv", ".gif", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts",
    ".ogv", ".ts", ".vob", ".webm", ".wmv",
)  # fmt: skip
SPLIT_NAMES = {
    "train": "train", "training": "train",
    "val": "val", "valid": "val", "validation": "val", "dev": "val",
    "test": "test", "testing": "test",
}  # fmt: skip


def folder(
    root: str | os.PathLike,
    *,
    group_pattern: str | None = None,
    test_fraction: float = 0.2,
    val_fraction: float = 0.1,
    seed: int = 0,
) -> Found:
    """Find the videos of `root/<class>/**` or `root/<train|val|test>/<class>/**`; nothing is opened.

    Files that are no videos by their extension, or lie outside a class folder, are listed; hidden ones are passed over.

    Args:
        root: the folder of class folders.
        group_pattern: regular expression that finds the group in a file name; its capturing groups, or the whole
            match, are the group's name. Without it names like `v_Archery_g01_c02.avi` are understood, and any
            other video is a group of its own.
        test_fraction: share of each class's groups for testing, where no folders say it.
        val_fraction: the same for validation.
        seed: decides which groups.

    Raises:
        ManifestError: no such folder, no class folders, no videos, a class name that cannot be one (it holds `|`), two
            folders of one name, a file name without a group, a group on both sides of given splits.
    """
    root = Path(root)
    if not root.is_dir():
        raise ManifestError(f"{root}: there is no such folder")
    tops = _subfolders(root)
    if not tops:
        raise ManifestError(f"{root}: it holds no folders; put the videos of each class into one named after the class")
    sides = {top: SPLIT_NAMES.get(top.name.lower()) for top in tops}
    bases = {root: ""} if None in sides.values() else sides
    videos, skips = [], []
    for base in dict.fromkeys((root, *bases)):
        skips += [Skip(_name(file, root), "not in a class folder") for file in _loose_files(base)]
    for base, split in bases.items():
        for video in _class_folders(base, root, split):
            (skips if isinstance(video, Skip) else videos).append(video)
    if not videos:
        raise ManifestError(f"{root}: its folders hold no videos (files that end in {' '.join(EXTENSIONS)})")
    videos, notes = name_groups(videos, group_pattern)
    manifest, more = assign_splits(
        Manifest(tuple(videos), root=root), test_fraction=test_fraction, val_fraction=val_fraction, seed=seed
    )
    return Found(manifest, tuple(skips), (*notes, *more))


def csv_file(
    path: str | os.PathLike,
    *,
    path_column: str = "path",
    labels_column: str = "labels",
    split_column: str | None = None,
    group_column: str | None = None,
    separator: str = "|",
    delimiter: str = ",",
    root: str | os.PathLike | None = None,
    group_pattern: str | None = None,
    test_fraction: float = 0.2,
    val_fraction: float = 0.1,
    seed: int = 0,
) -> Found:
    """Take the videos that a CSV file lists; files that are not there are left out and listed.

    Args:
        path: any CSV file with a header, a row a video.
        path_column: its column of paths (relative, absolute or URLs).
        labels_column: its column of class names.
        split_column: its column of splits (train, val, test and their longer names); without it the groups are cut.
        group_column: its column of groups; without it file names tell, as in `folder`.
        separator: what stands between several labels of a video.
        delimiter: what stands between columns.
        root: where relative paths start; the CSV's folder unless given.
        group_pattern: as in `folder`, in place of a group column.
        test_fraction: as in `folder`.
        val_fraction: as in `folder`.
        seed: as in `folder`.

    Raises:
        TableError: no file, no table, missing columns.
        ManifestError: a bad value with its line, a path twice, none of the files there, a group on both sides.
    """
    if len(delimiter) != 1 or not separator:
        raise ManifestError(f"delimiter {delimiter!r}, separator {separator!r}: give one character, and one or more")
    root = Path(path).parent if root is None else Path(root)
    columns = [name for name in (path_column, labels_column, split_column, group_column) if name is not None]
    videos, skips = [], []
    for line, row in read_table(path, columns, delimiter):
        split = "" if split_column is None else row[split_column].strip()
        try:
            if split and split.lower() not in SPLIT_NAMES:
                raise ManifestError(f"split {split!r}: write one of {', '.join(SPLIT_NAMES)}, or nothing")
            labels = tuple(clean_label(label) for label in row[labels_column].split(separator))
        except ManifestError as error:
            raise ManifestError(f"{path}, line {line}: {error}") from None
        group = "" if group_column is None else clean_group(row[group_column])
        video = Video(row[path_column], labels, SPLIT_NAMES.get(split.lower(), ""), group)
        if is_url(video.path) or os.path.isfile(os.path.join(root, video.path)):
            videos.append(video)
        else:
            skips.append(Skip(video.path, f"{path}, line {line}: there is no such file"))
    if not videos:
        names = f"none of its {len(skips)} files is there, such as {skips[0].path!r}" if skips else "it lists no videos"
        raise ManifestError(f"{path}: {names}; relative paths start at {os.path.abspath(root)}")
    videos, notes = (videos, []) if group_column else name_groups(videos, group_pattern)
    try:
        manifest = Manifest(tuple(videos), root=root)
        manifest, more = assign_splits(manifest, test_fraction=test_fraction, val_fraction=val_fraction, seed=seed)
    except ManifestError as error:
        raise ManifestError(f"{path}: {error}") from None
    return Found(manifest, tuple(skips), (*notes, *more))


def name_groups(videos: list[Video], pattern: str | None) -> tuple[list[Video], list[str]]:
    """Return the videos with the groups that their file names tell, and a sentence that says which.

    Raises:
        ManifestError: a pattern is given and some name does not match it.
    """
    names = [video.path.rsplit("/", 1)[-1] for video in videos]
    groups = [ucf_group(name) if pattern is None else pattern_group(pattern, name) for name in names]
    unnamed = [name for name, group in zip(names, groups, strict=True) if group is None]
    if pattern is not None and unnamed:
        raise ManifestError(f"group pattern {pattern!r} finds nothing in {len(unnamed)} names, such as {unnamed[0]!r}")
    notes = []
    if len(unnamed) < len(names):
        notes.append(f"groups: {len(set(groups) - {None})}, from the names of {len(names) - len(unnamed)} videos")
    if unnamed:
        notes.append(
            f"groups: unknown for {len(unnamed)} videos, each is its own; where several come from one source, test "
            "accuracy will be too high: give --group-pattern"
        )
    named = [dataclasses.replace(video, group=group or "") for video, group in zip(videos, groups, strict=True)]
    return named, notes


def _class_folders(base: Path, root: Path, split: str) -> Iterator[Video | Skip]:
    """Yield what lies in the class folders of `base`."""
    folders: dict[str, Path] = {}
    for class_folder in _subfolders(base):
        try:
            label = clean_label(class_folder.name)
        except ManifestError as error:
            raise ManifestError(f"{class_folder}: {error}") from None
        if label in folders:
            raise ManifestError(f"{folders[label]} and {class_folder}: both are named {label!r}; join or rename them")
        folders[label] = class_folder
        count = 0
        for place, inner, files in os.walk(class_folder):
            inner[:] = sorted(name for name in inner if not name.startswith("."))
            yield from (
                Skip(_name(Path(place, name), root), "a link to a folder is not followed")
                for name in inner
                if os.path.islink(os.path.join(place, name))
            )
            for name in sorted(name for name in files if not name.startswith(".")):
                file = Path(place, name)
                if file.suffix.lower() not in EXTENSIONS:
                    yield Skip(_name(file, root), "no video by its extension")
                elif CONTROL.search(_name(file, root)):
                    yield Skip(_name(file, root), "a control character in the name; rename the file")
                else:
                    count += 1
                    yield Video(_name(file, root), (label,), split)
        if not count:
            yield Skip(_name(class_folder, root), "a class folder without a video; the class is left out")


def _subfolders(folder: Path) -> list[Path]:
    return sorted(entry for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith("."))


def _loose_files(folder: Path) -> list[Path]:
    files = (entry for entry in folder.iterdir() if not entry.is_dir() and not entry.name.startswith("."))
    return sorted(file for file in files if file.suffix.lower() in EXTENSIONS)


def _name(file: Path, root: Path) -> str:
    return file.relative_to(root).as_posix()


def files_below(folder: str | os.PathLike) -> list[Path]:
    """Return all video files in a folder and below it, by path; they are known by their suffixes."""
    return sorted(file for file in Path(folder).rglob("*") if file.suffix.lower() in EXTENSIONS and file.is_file())
