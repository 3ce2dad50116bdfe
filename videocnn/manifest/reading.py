"""Which videos there are: path, labels, split, group, number of frames and frame rate of each.

A manifest is a CSV file that people can read and edit (`path,labels,split,group,num_frames,fps`) and, in memory, a
`Manifest`. Reading one checks it, so that everything after it can trust it: every file is there, no file comes
twice, and no group of videos from one source lies on both sides of a split (section 4 of the paper: UCF-101).
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np

from videocnn.files import format_table, read_table, write_text
from videocnn.manifest.row import (
    CONTROL,
    SPLITS,
    ManifestError,
    Skip,
    Video,
    check_video_row,
    clean_group,
    clean_label,
    is_url,
)

COLUMNS = ("path", "labels", "split", "group", "num_frames", "fps")


@dataclasses.dataclass(frozen=True)
class Manifest:
    """The videos of a data set, their classes in the order of a network's outputs, and the folder of relative paths.

    Attributes:
        videos: the rows, in their order.
        class_names: sorted names of the labels unless others are given; part of what a trained model keeps.
        root: absolute folder that relative paths start from.

    Raises:
        ManifestError: a value that a manifest cannot hold, an unknown label, a path twice.
    """

    videos: tuple[Video, ...]
    class_names: tuple[str, ...] | None = None
    root: Path = Path(".")

    def __post_init__(self):
        videos = tuple(video if video.group else dataclasses.replace(video, group=video.path) for video in self.videos)
        for video in videos:
            check_video_row(video)
        names = self.class_names
        if names is None:
            names = sorted({label for video in videos for label in video.labels})
        object.__setattr__(self, "videos", videos)
        object.__setattr__(self, "class_names", tuple(names))
        object.__setattr__(self, "root", Path(os.path.abspath(self.root)))
        _check_classes(self)
        _check_twice(self)

    def __len__(self) -> int:
        return len(self.videos)

    def file(self, video: Video) -> str:
        """Return the absolute path, or the URL, of a video."""
        return video.path if is_url(video.path) else os.path.normpath(os.path.join(self.root, video.path))

    @functools.cached_property
    def top(self) -> str:
        """The deepest folder that holds all videos (URLs apart)."""
        local = {os.path.dirname(self.file(video)) for video in self.videos if not is_url(video.path)}
        return os.path.commonpath(local) if local else ""

    def portable_path(self, video: Video) -> str:
        """Return the path from `top`: the same for a copy of the data set elsewhere and for shards made from it."""
        return video.path if is_url(video.path) else os.path.relpath(self.file(video), self.top)

    def select(self, split: str) -> Manifest:
        """Return the videos of one split (perhaps none), with the same classes and folder."""
        if split not in SPLITS:
            raise ManifestError(f"split {split!r}: there are 'train', 'val' and 'test'")
        return dataclasses.replace(self, videos=tuple(video for video in self.videos if video.split == split))

    @functools.cached_property
    def hash(self) -> str:
        """SHA-256 (hex) of what the rows say, the same whatever their order and wherever the data lie.

        Paths count from the deepest folder that holds all videos, so that a copy on another machine, or a manifest
        kept elsewhere, has the same hash. The class names count in their order: it is that of the outputs.
        """
        files = [self.file(video) for video in self.videos]
        rows = []
        for video, file in zip(self.videos, files, strict=True):
            name = file if is_url(file) else file[len(self.top) :].lstrip(os.sep).replace(os.sep, "/")
            group = "" if video.group == video.path else video.group
            measured = [None if value is None else float(value) for value in (video.num_frames, video.fps)]
            rows.append([name, sorted(video.labels), video.split, group, *measured])
        content = json.dumps([list(self.class_names), sorted(rows, key=lambda row: row[0])])
        return hashlib.sha256(content.encode("ascii")).hexdigest()

    def label_matrix(self) -> np.ndarray:
        """Return float32 `(num_videos, num_classes)`: one where a video has the label, zero elsewhere."""
        matrix = np.zeros((len(self.videos), len(self.class_names)), np.float32)
        index = {name: number for number, name in enumerate(self.class_names)}
        for row, video in enumerate(self.videos):
            matrix[row, [index[label] for label in video.labels]] = 1
        return matrix


def read_manifest(
    path: str | os.PathLike, class_names: Sequence[str] | None = None, *, check_files: bool = True
) -> Manifest:
    """Read and check `manifest.csv`.

    Columns may come in any order and others beside them are ignored; labels, splits and groups lose outer white
    space, paths are taken as they are. An empty group means that the video is alone in its group.

    Args:
        path: the CSV file; its folder is where relative paths start.
        class_names: the classes of a trained model, in their order; a label that is not among them is an error.
        check_files: whether every path (URLs apart) must be there and be a file of its own; false where only the text
            is of interest.

    Raises:
        ManifestError: a bad value (with its line), an unknown label, no video, absent or repeated files, a group on
            both sides of a split.
        TableError: no file, no table, or missing columns.
    """
    videos = []
    for line, row in read_table(path, COLUMNS):
        try:
            video = Video(
                path=row["path"],
                labels=tuple(clean_label(label) for label in row["labels"].split("|")),
                split=row["split"].strip(),
                group=clean_group(row["group"]),
                num_frames=_number(row, "num_frames", int),
                fps=_number(row, "fps", float),
            )
            check_video_row(video)
        except ManifestError as error:
            raise ManifestError(f"{path}, line {line}: {error}") from None
        videos.append(video)
    if not videos:
        raise ManifestError(f"{path}: it lists no videos, only a header")
    try:
        manifest = Manifest(tuple(videos), None if class_names is None else tuple(class_names), Path(path).parent)
        if check_files:
            check_present(manifest)
            check_links(manifest)
        check_groups(manifest)
    except ManifestError as error:
        raise ManifestError(f"{path}: {error}") from None
    return manifest


def _number(row: dict[str, str], column: str, kind: Callable):
    text = row[column].strip()
    try:
        return kind(text) if text else None
    except ValueError:
        raise ManifestError(
            f"{column} {text!r} is no {'whole ' if kind is int else ''}number; leave it empty"
        ) from None


def write_manifest(manifest: Manifest, path: str | os.PathLike) -> None:
    """Write `manifest.csv` atomically; paths inside its folder are written relative to it, others absolute."""
    folder = Path(os.path.abspath(path)).parent
    rows = []
    for video in manifest.videos:
        group = "" if video.group == video.path else video.group
        rows.append((_path_from(folder, manifest, video), "|".join(video.labels), video.split, group))
        rows[-1] += (video.num_frames, video.fps)
    write_text(path, format_table(COLUMNS, rows))


def _path_from(folder: Path, manifest: Manifest, video: Video) -> str:
    if is_url(video.path) or folder == manifest.root:
        return video.path
    file = Path(manifest.file(video))
    return file.relative_to(folder).as_posix() if file.is_relative_to(folder) else str(file)


def write_skips(skips: Iterable[Skip], path: str | os.PathLike) -> None:
    """Write the videos that were left out as CSV (`path,reason`), atomically."""
    rows = [(CONTROL.sub(" ", skip.path), CONTROL.sub(" ", skip.reason)) for skip in skips]
    write_text(path, format_table(("path", "reason"), rows))


def check_present(manifest: Manifest) -> None:
    """Raise `ManifestError` with the count and the first names of files that are not there (URLs are not tried)."""
    absent = [video for video in manifest.videos if not is_url(video.path) and not os.path.isfile(manifest.file(video))]
    if absent:
        names = ", ".join(repr(video.path) for video in absent[:3]) + (", ..." if len(absent) > 3 else "")
        raise ManifestError(
            f"{len(absent)} of {len(manifest)} videos are not there: {names}; relative paths start at {manifest.root}"
        )


def check_links(manifest: Manifest) -> None:
    """Raise `ManifestError` when two paths lead to one file: it could be trained on and tested on."""
    folders = functools.cache(os.path.realpath)
    seen: dict[str, str] = {}
    for video in manifest.videos:
        if is_url(video.path):
            continue
        folder, name = os.path.split(manifest.file(video))
        file = os.path.join(folders(folder), name)
        file = os.path.realpath(file) if os.path.islink(file) else file
        if file in seen:
            raise ManifestError(
                f"{video.path!r} and {seen[file]!r} are one file by a link; keep one row and join its labels by '|'"
            )
        seen[file] = video.path


def check_groups(manifest: Manifest) -> None:
    """Raise `ManifestError` when videos of one group lie in two splits, naming the groups.

    Clips of one source video resemble each other so much that a network which has trained on one knows the other: the
    accuracy would measure memory (UCF-101: 95 % where the honest figure is 45 %).
    """
    splits: dict[str, set[str]] = {}
    for video in manifest.videos:
        if video.split:
            splits.setdefault(video.group, set()).add(video.split)
    mixed = sorted(group for group, sides in splits.items() if len(sides) > 1)
    if mixed:
        first = f"{mixed[0]!r} in {' and '.join(sorted(splits[mixed[0]]))}"
        names = first + "".join(f", {group!r}" for group in mixed[1:4]) + (", ..." if len(mixed) > 4 else "")
        raise ManifestError(
            f"{len(mixed)} group(s) on both sides of a split ({names}): videos of one source would be trained on and "
            "tested on; give all videos of a group the same split"
        )


def _check_classes(manifest: Manifest) -> None:
    known = set(manifest.class_names)
    if len(known) != len(manifest.class_names):
        raise ManifestError("class_names holds a name twice")
    for video in manifest.videos:
        for label in video.labels:
            if label not in known:
                names = ", ".join(manifest.class_names[:5]) + (", ..." if len(known) > 5 else "")
                raise ManifestError(f"{video.path}: label {label!r} is none of the {len(known)} classes ({names})")


def _check_twice(manifest: Manifest) -> None:
    seen: dict[str, str] = {}
    for video in manifest.videos:
        file = manifest.file(video)
        if file in seen:
            also = f" (as {seen[file]!r})" if seen[file] != video.path else ""
            raise ManifestError(f"{video.path!r} comes twice{also}; keep one row and join its labels by '|'")
        seen[file] = video.path
