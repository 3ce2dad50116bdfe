"""The videos of a manifest as columns: a million rows in some 100 MB, looked at as a sequence of `Video`.

Paths lie one after another in one block of bytes, labels as compressed sparse rows (names and codes), splits and groups
as codes, lengths and frame rates as arrays. Selecting rows shares the blocks.
"""

from __future__ import annotations

import array
import functools
import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from videocnn.manifest.row import MOST_FRAMES, NOT_IN_PATHS, SPLITS, Video, check_video_row

SPLIT_CODES = {name: code for code, name in enumerate(SPLITS)}
ALONE = -1  # the code of a group that is one video, named like its path


class Videos(Sequence):
    """Rows of a manifest; a row that is asked for becomes a `Video`.

    Attributes:
        label_names: names that occur in some row, perhaps of a larger table than this part.
        label_codes: int32, codes of all rows one after another.
        spans: int64 `(rows, 4)`: where the bytes of a row's path start and end, and where its label codes do.
        splits: uint8, places in `SPLITS`.
        group_names: names of the groups of several videos.
        group_codes: int32, places in `group_names`; `ALONE` for a video that is its own group.
        num_frames: int64, 0 while not counted.
        fps: float64, NaN while unknown.
    """

    def __init__(
        self, paths: bytes, label_names, label_codes, spans, splits, group_names, group_codes, num_frames, fps
    ):
        self.paths, self.label_names, self.label_codes = paths, label_names, label_codes
        self.spans, self.splits = spans, splits
        self.group_names, self.group_codes = group_names, group_codes
        self.num_frames, self.fps = num_frames, fps

    @classmethod
    def of(cls, rows: Iterable[Video]) -> Videos:
        """Return the columns of some rows.

        Raises:
            ManifestError: a row holds a value that a manifest cannot hold.
        """
        if isinstance(rows, Videos):
            return rows
        builder = VideosBuilder()
        for row in rows:
            builder.add(row.path, tuple(row.labels), row.split, row.group, row.num_frames, row.fps)
        return builder.finish()

    def __len__(self) -> int:
        return len(self.splits)

    def __getitem__(self, row: Any) -> Any:
        if isinstance(row, slice):
            return self.take(np.arange(len(self))[row])
        return Video(*next(self.values([row])))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, (Videos, tuple)):
            return NotImplemented
        return len(self) == len(other) and all(one == two for one, two in zip(self, other, strict=True))

    __hash__ = None

    def path(self, row: int) -> str:
        """Return the path of a row."""
        return self.paths[self.spans[row, 0] : self.spans[row, 1]].decode("utf-8", "surrogatepass")

    def values(self, rows: Sequence[int]) -> Iterator[tuple]:
        """Yield path, labels, split, group, number of frames and frame rate of some rows, quicker than one by one."""
        columns = (self.spans, self.splits, self.group_codes, self.num_frames, self.fps)
        for (start, end, first, last), split, code, num_frames, fps in zip(
            *(column[rows].tolist() for column in columns), strict=True
        ):
            path = self.paths[start:end].decode("utf-8", "surrogatepass")
            labels = tuple([self.label_names[code] for code in self.label_codes[first:last].tolist()])
            group = path if code == ALONE else self.group_names[code]
            yield path, labels, SPLITS[split], group, num_frames or None, None if fps != fps else fps

    def __iter__(self) -> Iterator[Video]:
        for first in range(0, len(self), 4096):
            yield from itertools.starmap(Video, self.values(range(first, min(first + 4096, len(self)))))

    def take(self, rows: np.ndarray) -> Videos:
        """Return some rows, in the order of `rows`; names, paths and labels are shared, not copied."""
        return Videos(
            self.paths,
            self.label_names,
            self.label_codes,
            self.spans[rows],
            self.splits[rows],
            self.group_names,
            self.group_codes[rows],
            self.num_frames[rows],
            self.fps[rows],
        )

    def label_pairs(self) -> tuple[np.ndarray, np.ndarray]:
        """Return a row and a label code for every label of every row, both int64, ordered by row."""
        counts = self.spans[:, 3] - self.spans[:, 2]
        rows = np.repeat(np.arange(len(self)), counts)
        within = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
        return rows, self.label_codes[self.spans[rows, 2] + within].astype(np.int64)

    def used_labels(self) -> np.ndarray:
        """Return the codes of the labels that occur in these rows, ascending."""
        return np.unique(self.label_pairs()[1])

    @functools.cached_property
    def group_ids(self) -> np.ndarray:
        """int64, the same number for videos of the same group and another for every other group."""
        own = len(self.group_names) + np.arange(len(self))
        return np.where(self.group_codes == ALONE, own, self.group_codes)


class VideosBuilder:
    """Collects rows into `Videos`, checking each; values seen before are not checked again."""

    def __init__(self):
        self.paths = bytearray()
        self.label_codes, self.numbers = array.array("i"), array.array("q")
        self.splits, self.group_codes = bytearray(), array.array("i")
        self.num_frames, self.fps = array.array("q"), array.array("d")
        self.names: dict[str, int] = {}
        self.labels: dict[tuple[str, ...], tuple[int, ...]] = {}
        self.groups: dict[str, int] = {}

    def add(self, path: str, labels: tuple, split: str, group: str, num_frames: int | None, fps: float | None) -> None:
        """Append a row.

        Raises:
            ManifestError: a value that a manifest cannot hold.
        """
        code = ALONE if not group or group == path else self.groups.get(group)
        codes = self.labels.get(labels)
        if (
            codes is None
            or code is None
            or split not in SPLIT_CODES
            or NOT_IN_PATHS.search(path)
            or not path.strip()
            or (num_frames is not None and not 1 <= num_frames <= MOST_FRAMES)
            or (fps is not None and not 0 < fps < math.inf)
        ):
            check_video_row(Video(path, labels, split, group or path, num_frames, fps))
            code = self.groups.setdefault(group, len(self.groups)) if code is None else code
            codes = tuple(self.names.setdefault(name, len(self.names)) for name in labels)
            self.labels[tuple(labels)] = codes
        start, first = len(self.paths), len(self.label_codes)
        self.paths += path.encode("utf-8", "surrogatepass")
        self.label_codes.extend(codes)
        self.numbers.extend((start, len(self.paths), first, len(self.label_codes)))
        self.splits.append(SPLIT_CODES[split])
        self.group_codes.append(code)
        self.num_frames.append(num_frames or 0)
        self.fps.append(math.nan if fps is None else fps)

    def finish(self) -> Videos:
        """Return the rows."""
        videos = Videos(
            bytes(self.paths),
            tuple(self.names),
            np.array(self.label_codes, np.int32),
            np.array(self.numbers, np.int64).reshape(-1, 4),
            np.array(self.splits, np.uint8),
            tuple(self.groups),
            np.array(self.group_codes, np.int32),
            np.array(self.num_frames, np.int64),
            np.array(self.fps, np.float64),
        )
        if self.groups:  # a group may be named like the path of a video without one: that belongs to it
            for row in np.flatnonzero(videos.group_codes == ALONE):
                videos.group_codes[row] = self.groups.get(videos.path(row), ALONE)
        return videos
