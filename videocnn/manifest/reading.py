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
from videocnn.manifest.columns import Videos, VideosBuilder
from videocnn.manifest.row import (
    CONTROL,
    SPLITS,
    ManifestError,
    Skip,
    Video,
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

    videos: Sequence[Video]
    class_names: tuple[str, ...] | None = None
    root: Path = Path(".")

    def __post_init__(self):
        videos = Videos.of(self.videos)
        names = self.class_names
        if names is None:
            names = sorted(videos.label_names[code] for code in videos.used_labels())
        object.__setattr__(self, "videos", videos)
        object.__setattr__(self, "class_names", tuple(names))
        object.__setattr__(self, "root", Path(os.path.abspath(self.root)))
        _check_classes(self)
        _check_twice(self)

    def __len__(self) -> int:
        return len(self.videos)

    def file(self, video: Video) -> str:
        """Return the absolute path, or the URL, of a video."""
        return self._file(video.path)

    def _file(self, path: str) -> str:
        return path if is_url(path) else os.path.normpath(os.path.join(self.root, path))

    @property
    def files(self) -> Files:
        """The absolute paths, or URLs, of all videos in their order, as a sequence that makes each when it is used."""
        return Files(self)

    def take(self, rows: np.ndarray) -> Manifest:
        """Return some rows, in the order of `rows`, with the same classes and folder; nothing is checked again."""
        part = object.__new__(Manifest)
        part.__dict__.update(videos=self.videos.take(rows), class_names=self.class_names, root=self.root)
        return part

    def select(self, split: str) -> Manifest:
        """Return the videos of one split (perhaps none), with the same classes and folder."""
        if split not in SPLITS:
            raise ManifestError(f"split {split!r}: there are 'train', 'val' and 'test'")
        return self.take(np.flatnonzero(self.videos.splits == SPLITS.index(split)))

    @functools.cached_property
    def top(self) -> str:
        """The deepest folder that holds all videos (URLs apart)."""
        folders = {os.path.dirname(file) for file in self.files if not is_url(file)}
        return os.path.commonpath(folders) if folders else ""

    def portable_path(self, video: Video) -> str:
        """Return the path from `top`: the same for a copy of the data set elsewhere and for shards made from it."""
        return video.path if is_url(video.path) else os.path.relpath(self.file(video), self.top)

    @functools.cached_property
    def hash(self) -> str:
        """SHA-256 (hex) of what the rows say, the same whatever their order and wherever the data lie.

        Paths count from the deepest folder that holds all videos, so that a copy on another machine, or a manifest
        kept elsewhere, has the same hash. The class names count in their order: it is that of the outputs.
        """
        skip = len(self.top)
        names = [file if is_url(file) else file[skip:].lstrip(os.sep).replace(os.sep, "/") for file in self.files]
        order = sorted(range(len(names)), key=names.__getitem__)
        digest = hashlib.sha256(f"[{json.dumps(list(self.class_names))}, [".encode("ascii"))
        for first in range(0, len(order), 4096):  # written in pieces, as one list would be
            rows = []
            for row, values in zip(piece := order[first : first + 4096], self.videos.values(piece), strict=True):
                path, labels, split, group, num_frames, fps = values
                measured = [None if value is None else float(value) for value in (num_frames, fps)]
                rows.append([names[row], sorted(labels), split, "" if group == path else group, *measured])
            digest.update((", " * (first > 0) + json.dumps(rows)[1:-1]).encode("ascii"))
        digest.update(b"]]")
        return digest.hexdigest()

    @functools.cached_property
    def _places(self) -> np.ndarray:
        """The class of each label code, int64; -1 for a name that is no class (of rows that are not in this part)."""
        places = {name: place for place, name in enumerate(self.class_names)}
        return np.array([places.get(name, -1) for name in self.videos.label_names], np.int64)

    def label_matrix(self, rows: np.ndarray | None = None) -> np.ndarray:
        """Return float32 `(rows, classes)`, one where a video has the label: of some rows, by default of all.

        Of a large data set ask for a batch of rows at a time.
        """
        videos = self.videos if rows is None else self.videos.take(np.asarray(rows))
        matrix = np.zeros((len(videos), len(self.class_names)), np.float32)
        row, code = videos.label_pairs()
        matrix[row, self._places[code]] = 1
        return matrix

    def targets(self, rows: np.ndarray) -> np.ndarray:
        """Return the label matrix of some rows with every row divided by its sum: what a softmax is trained on."""
        matrix = self.label_matrix(rows)
        return matrix / matrix.sum(axis=1, keepdims=True)

    def class_counts(self) -> np.ndarray:
        """Return how many videos have each class, int64 `(classes,)`."""
        return np.bincount(self._places[self.videos.label_pairs()[1]], minlength=len(self.class_names))

    def num_groups(self) -> int:
        """Return how many groups the videos form."""
        return len(np.unique(self.videos.group_ids))


class Files(Sequence):
    """The files of a manifest's videos, made when they are asked for."""

    def __init__(self, manifest: Manifest):
        self.manifest = manifest

    def __len__(self) -> int:
        return len(self.manifest)

    def __getitem__(self, row: int) -> str:
        if not 0 <= row < len(self):
            raise IndexError(row)
        return self.manifest._file(self.manifest.videos.path(row))


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
    builder, known = VideosBuilder(), {}
    for line, row in read_table(path, COLUMNS):
        try:
            labels = known.get(row["labels"])
            if labels is None:
                labels = known[row["labels"]] = tuple(clean_label(label) for label in row["labels"].split("|"))
            builder.add(
                row["path"],
                labels,
                row["split"].strip(),
                clean_group(row["group"]),
                _number(row, "num_frames", int),
                _number(row, "fps", float),
            )
        except ManifestError as error:
            raise ManifestError(f"{path}, line {line}: {error}") from None
    videos = builder.finish()
    if not len(videos):
        raise ManifestError(f"{path}: it lists no videos, only a header")
    try:
        manifest = Manifest(videos, None if class_names is None else tuple(class_names), Path(path).parent)
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
    rows = (
        (
            _path_from(folder, manifest, video),
            "|".join(video.labels),
            video.split,
            "" if video.group == video.path else video.group,
            video.num_frames,
            video.fps,
        )
        for video in manifest.videos
    )
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
    absent = [row for row, file in enumerate(manifest.files) if not is_url(file) and not os.path.isfile(file)]
    if absent:
        names = ", ".join(repr(manifest.videos.path(row)) for row in absent[:3]) + (", ..." if len(absent) > 3 else "")
        raise ManifestError(
            f"{len(absent)} of {len(manifest)} videos are not there: {names}; relative paths start at {manifest.root}"
        )


def check_links(manifest: Manifest) -> None:
    """Raise `ManifestError` when two paths lead to one file: it could be trained on and tested on."""
    folders = functools.cache(os.path.realpath)

    def real(file: str) -> str:
        if is_url(file):
            return file
        folder, name = os.path.split(file)
        target = os.path.join(folders(folder), name)
        return os.path.realpath(target) if os.path.islink(target) else target

    pair = _repeated(map(real, manifest.files))
    if pair:
        first, second = map(manifest.videos.path, pair)
        raise ManifestError(f"{second!r} and {first!r} are one file by a link; keep one row and join its labels by '|'")


def check_groups(manifest: Manifest) -> None:
    """Raise `ManifestError` when videos of one group lie in two splits, naming the groups.

    Clips of one source video resemble each other so much that a network which has trained on one knows the other: the
    accuracy would measure memory (UCF-101: 95 % where the honest figure is 45 %).
    """
    mixed = groups_across_splits(manifest)
    if mixed:
        (name, sides), *others = list(mixed.items())[:4]
        names = f"{name!r} in {' and '.join(sides)}" + "".join(f", {group!r}" for group, _ in others)
        names += ", ..." * (len(mixed) > 4)
        raise ManifestError(
            f"{len(mixed)} group(s) on both sides of a split ({names}): videos of one source would be trained on and "
            "tested on; give all videos of a group the same split"
        )


def groups_across_splits(manifest: Manifest) -> dict[str, list[str]]:
    """Return the groups that have videos in several splits, sorted, with those splits."""
    videos = manifest.videos
    pairs = np.unique(np.stack([videos.group_ids, videos.splits])[:, videos.splits != SPLITS.index("")], axis=1)
    ids, counts = np.unique(pairs[0], return_counts=True)
    mixed = {videos.group_names[one]: sorted(SPLITS[s] for s in pairs[1, pairs[0] == one]) for one in ids[counts > 1]}
    return dict(sorted(mixed.items()))


def _check_classes(manifest: Manifest) -> None:
    videos, known = manifest.videos, manifest.class_names
    if len(set(known)) != len(known):
        raise ManifestError("class_names holds a name twice")
    rows, codes = videos.label_pairs()
    unknown = np.flatnonzero(manifest._places[codes] < 0) if len(codes) else codes
    if len(unknown):
        path, label = videos.path(rows[unknown[0]]), videos.label_names[codes[unknown[0]]]
        names = ", ".join(known[:5]) + (", ..." if len(known) > 5 else "")
        raise ManifestError(f"{path}: label {label!r} is none of the {len(known)} classes ({names})")


def _check_twice(manifest: Manifest) -> None:
    pair = _repeated(manifest.files)
    if pair:
        first, second = map(manifest.videos.path, pair)
        also = f" (as {first!r})" if first != second else ""
        raise ManifestError(f"{second!r} comes twice{also}; keep one row and join its labels by '|'")


def _repeated(texts: Iterable[str]) -> tuple[int, int] | None:
    """Return the places of two equal texts, the first such pair by the second's place, or None.

    Eight bytes of each text are compared first, so that a million texts need not be in memory together.
    """
    hashes = np.fromiter(map(hash, texts), np.int64)
    order = np.argsort(hashes, kind="stable")
    second = order[1:][hashes[order[1:]] == hashes[order[:-1]]]
    if not len(second):
        return None
    row = int(second.min())
    return int(np.flatnonzero(hashes == hashes[row])[0]), row
