"""A data set, opened once: every function of the package that takes clips or counts videos takes a `Dataset`.

A path, a `Manifest` or `Shards` in; the manifest of the whole data set, the readable videos of each split, those that
shards had to leave out, and a reader of frames out. Nothing is decoded here, and TensorFlow is not imported.
"""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import Protocol

import numpy as np

from videocnn.clips.frames import FileFrames
from videocnn.manifest import Manifest, Skip, read_manifest
from videocnn.shards import Shards, open_shards
from videocnn.shards.read import ShardFrames


class FrameReader(Protocol):
    """Where decoded frames come from: video files, shards, or memory after the first use.

    Attributes:
        region_size: `(height, width)` in pixels of the centre region that every frame is cut and resized to.
    """

    region_size: tuple[int, int]

    def read(self, video: int, frame_numbers: np.ndarray) -> np.ndarray:
        """Return frames of one video, uint8 `(len(frame_numbers), *region_size, 3)`; called from any thread.

        Args:
            video: index of the video among those that the reader was made for.
            frame_numbers: int64, ascending.

        Raises:
            VideoCNNError: the frames cannot be read; the message names the file.
        """


@dataclasses.dataclass(frozen=True, eq=False)
class Dataset:
    """The videos of a data set and their frames.

    Attributes:
        whole: the manifest of the whole data set, including videos that shards had to leave out.
        path: absolute path of the manifest file, of the shards, or of the folder of a manifest in memory.
        shards: the shards that frames are read from; `None` reads the video files.

    Example:
        >>> dataset = Dataset.open("data/ucf101/fold1/manifest.csv")
        >>> len(dataset.select("test")) > 0
        True
    """

    whole: Manifest
    path: str
    shards: Shards | None = None

    @classmethod
    def open(cls, source: Source) -> Dataset:
        """Open a data set, or return one that is open already.

        Args:
            source: the path of a `manifest.csv` or of a folder of shards, a `Manifest`, `Shards`, or a `Dataset`.

        Raises:
            VideoCNNError: the file or folder cannot be read.
        """
        if isinstance(source, Dataset):
            return source
        if isinstance(source, Manifest):
            return cls(source, str(source.root))
        if isinstance(source, Shards):
            return cls(source.whole, os.path.abspath(source.folder), source)
        path = os.path.abspath(source)
        if Path(source).is_dir():
            shards = open_shards(source)
            return cls(shards.whole, path, shards)
        return cls(read_manifest(source), path)

    @property
    def manifest(self) -> Manifest:
        """The videos that clips are taken from: all of the data set, or those that are in the shards."""
        return self.whole if self.shards is None else self.shards.manifest

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes, in the order of a network's outputs."""
        return self.whole.class_names

    @property
    def hash(self) -> str:
        """SHA-256 (hex) of the manifest of the whole data set, the same for files and for shards made from them."""
        return self.whole.hash

    @property
    def frames_hash(self) -> str:
        """SHA-256 (hex) of what frames are read from: that of the shards, or of the manifest."""
        return self.whole.hash if self.shards is None else self.shards.hash

    def select(self, split: str | None) -> Manifest:
        """Return the videos of one split that clips are taken from (perhaps none), or of all splits for `None`."""
        return self.manifest if split is None else self.manifest.select(split)

    def skips(self, split: str | None) -> tuple[Skip, ...]:
        """Return the videos of one split, or of all, that the shards had to leave out."""
        skips = {} if self.shards is None else self.shards.skips
        return tuple(skip for name in (skips if split is None else (split,)) for skip in skips.get(name, ()))

    def reader(self, part: Manifest, region_size: tuple[int, int]) -> FrameReader:
        """Return a reader of the frames of some videos, usually those of `select(split)`, in their order.

        Raises:
            ShardError: the shards hold smaller frames than `region_size`.
        """
        if self.shards is not None:
            return ShardFrames(self.shards, part.videos, region_size)
        return FileFrames(part.files, region_size)


Source = Dataset | Manifest | Shards | str | os.PathLike
