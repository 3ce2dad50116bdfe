"""Reading shards: which video's frames lie where, and the JPEG of exactly the frames that are wanted.

A folder of shards holds TFRecord files, an index beside each with the byte offset of every frame, `index.json`,
a copy of the manifest and `skipped.csv`. Any reader of TFRecords can use the records; this one goes to the frames
directly, so that a clip of ten frames costs ten small reads and ten JPEG decodings however long its video is.
"""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import os
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from videocnn.errors import VideoCNNError
from videocnn.manifest import Manifest, Skip, Video, read_manifest

FORMAT = 1
COPY = "videos.csv"  # the manifest, as a folder of shards keeps it
SETTINGS = ("frame_size", "crop_to_aspect_ratio", "quality", "videos_per_shard", "frames_per_shard")
TABLE = ("videos", "counts", "offsets", "sizes", "skipped", "reasons", "num_bytes", "sha256")
# What NumPy raises for an index of which bytes are changed or cut off, depending on which; TypeError for a bare array.
DAMAGE = (OSError, EOFError, ValueError, TypeError, KeyError, RuntimeError, zipfile.BadZipFile, zlib.error)


class ShardError(VideoCNNError):
    """A folder of shards cannot be written or read; the message says why and what to do."""


@dataclasses.dataclass(frozen=True)
class Record:
    """Where the frames of one video lie: the file, and the offset and size in bytes of each frame's JPEG, int64."""

    file: Path
    offsets: np.ndarray
    sizes: np.ndarray


@dataclasses.dataclass(frozen=True)
class Shards:
    """A finished folder of shards.

    Attributes:
        folder: where it is.
        manifest: the videos in it, in the order of `whole`, without those left out.
        whole: the manifest that the shards were made from.
        skips: the videos left out, with reasons, by split.
        frame_size: `(height, width)` in pixels of the stored frames.
        records: where the frames of each video lie, by the video's path in `manifest`.
        num_shards: number of TFRecord files.
        hash: SHA-256 (hex) over the manifest, the settings and the content of every file.
    """

    folder: Path
    manifest: Manifest
    whole: Manifest
    skips: dict[str, tuple[Skip, ...]]
    frame_size: tuple[int, int]
    records: dict[str, Record]
    num_shards: int
    hash: str


class ShardFrames:
    """Frames of videos in shards; of each clip, only the frames that it samples are read and decoded."""

    def __init__(self, shards: Shards, videos: Sequence[Video], region_size: tuple[int, int]):
        """Take the videos in the order of their numbers and the `(height, width)` of their centre regions.

        Frames that are stored larger than the region are resized, with antialiasing, to cover it; their centre is cut.

        Raises:
            ShardError: frames are stored smaller than the region.
        """
        if any(stored < region for stored, region in zip(shards.frame_size, region_size, strict=True)):
            raise ShardError(
                f"{shards.folder}: frames are stored at {shards.frame_size} (height, width), the network's centre "
                f"region is {tuple(region_size)}; write shards of that size, or train a network with smaller frames"
            )
        self.videos = [video.path for video in videos]
        self.records = [shards.records[path] for path in self.videos]
        self.region_size = tuple(region_size)

    def read(self, video: int, frames: np.ndarray) -> np.ndarray:
        """Return the centre region of some frames; raises `ShardError` naming the shard and the video."""
        from PIL import Image, ImageOps

        record = self.records[video]
        height, width = self.region_size
        regions = np.empty((len(frames), height, width, 3), np.uint8)
        try:
            with open(record.file, "rb", buffering=0) as file:
                for place, frame in enumerate(frames):
                    file.seek(record.offsets[frame])
                    image = Image.open(io.BytesIO(file.read(int(record.sizes[frame]))), formats=("JPEG",))
                    if image.size != (width, height):
                        image = ImageOps.fit(image, (width, height), Image.Resampling.BILINEAR)
                    regions[place] = np.asarray(image)
        except (OSError, SyntaxError) as error:  # Pillow reports some broken files as SyntaxError
            raise ShardError(
                f"{record.file}: the frames of {self.videos[video]} cannot be read ({error}); "
                "delete this file and its .npz, then write the shards again: the others are kept"
            ) from None
        return regions


def open_shards(folder: str | os.PathLike, *, verify: bool = False) -> Shards:
    """Open a folder that `write_shards` has finished, and check that all of it is there.

    Args:
        folder: the folder with `index.json`.
        verify: read every byte and compare hashes; otherwise names, sizes and counts are compared.

    Raises:
        ShardError: it is no folder of shards, unfinished, or a file is missing or changed.
    """
    folder = Path(folder)
    index = read_index(folder)
    if not index.get("complete"):
        raise ShardError(f"{folder}: these shards are unfinished; run the same `videocnn shard` command again to go on")
    whole = read_manifest(folder / COPY, class_names=index["class_names"], check_files=False)
    if whole.hash != index["manifest_hash"]:
        raise ShardError(f"{folder / COPY}: changed since the shards were written; bring the old file back")
    records, skips, hashes = {}, {}, []
    for number in range(index["num_shards"]):
        file = shard_file(folder, number, index["num_shards"])
        table = read_table_of(file)
        check_shard(file, table, verify=verify)
        ends = np.cumsum(table["counts"])
        for row, count, end in zip(table["videos"], table["counts"], ends, strict=True):
            offsets, sizes = (table[name][end - count : end] for name in ("offsets", "sizes"))
            records[whole.videos[row].path] = Record(file, offsets, sizes)
        for row, reason in zip(table["skipped"], table["reasons"], strict=True):
            video = whole.videos[row]
            skips[video.split] = (*skips.get(video.split, ()), Skip(video.path, str(reason)))
        hashes.append(str(table["sha256"]))
    if index["hash"] != total_hash(index, hashes):
        raise ShardError(f"{folder}: its files do not belong together (another hash than in index.json)")
    manifest = whole.take(np.array([row for row in range(len(whole)) if whole.videos.path(row) in records], np.int64))
    return Shards(
        folder, manifest, whole, skips, tuple(index["frame_size"]), records, index["num_shards"], index["hash"]
    )


def read_index(folder: Path) -> dict:
    """Return the content of `index.json`.

    Raises:
        ShardError: it is absent, unreadable, or of another version of the format.
    """
    path = folder / "index.json"
    try:
        index = json.loads(path.read_text(encoding="utf-8"))
        version = index["format"]
    except FileNotFoundError:
        raise ShardError(
            f"{folder}: no folder of shards (it has no index.json); make one with `videocnn shard`"
        ) from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ShardError(f"{path}: cannot be read ({error!r}); write the shards again into an empty folder") from None
    if version != FORMAT:
        raise ShardError(f"{path}: format {version!r}, this version reads {FORMAT}; write the shards again")
    return index


def shard_file(folder: Path, number: int, num_shards: int) -> Path:
    """Return the path of one TFRecord file."""
    return folder / f"shard-{number:05d}-of-{num_shards:05d}.tfrecord"


def read_table_of(file: Path) -> dict[str, np.ndarray]:
    """Return the index beside a shard, which is written last: it is there if and only if the shard is finished.

    Raises:
        ShardError: it is absent or damaged.
    """
    path = file.with_suffix(".npz")
    try:
        with open(path, "rb") as stream, np.load(stream, allow_pickle=False) as table:
            return {name: table[name] for name in TABLE}
    except DAMAGE as error:
        raise ShardError(
            f"{path}: cannot be read ({str(error) or type(error).__name__}); "
            "run the same `videocnn shard` command again, which writes this shard anew"
        ) from None


def check_shard(file: Path, table: dict[str, np.ndarray], *, verify: bool) -> None:
    """Raise `ShardError` unless a shard has the size, or with `verify` the content, that its index tells."""
    size = file.stat().st_size if file.is_file() else None
    mend = "delete it and its .npz, then run the same `videocnn shard` command again: the others are kept"
    if size != int(table["num_bytes"]):
        found = "is missing" if size is None else f"has {size:,} bytes instead of {int(table['num_bytes']):,}"
        raise ShardError(f"{file}: {found}; {mend}")
    if verify and file_hash(file) != str(table["sha256"]):
        raise ShardError(f"{file}: its content has changed; {mend}")


def file_hash(file: Path) -> str:
    """Return the SHA-256 (hex) of a file's content."""
    digest = hashlib.sha256()
    with open(file, "rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def total_hash(index: dict, hashes: Sequence[str]) -> str:
    """Return the SHA-256 (hex) of a folder of shards: what it was made from, how, and what came out."""
    made = {key: index[key] for key in ("format", "manifest_hash", "class_names", "num_shards", *SETTINGS)}
    return hashlib.sha256(json.dumps([made, list(hashes)], sort_keys=True).encode()).hexdigest()
