"""Writing shards: a manifest in, TFRecord files of JPEG frames out, from which training reads several times faster.

Each video becomes one `SequenceExample` with the keys of DMVR (DeepMind's video readers), holding its centre region at
200x200 (section 3.3 of the paper). Videos are decoded in parallel; a shard appears whole or not at all, and a job that
was killed goes on after the shards that it had finished.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from videocnn.errors import VideoCNNError
from videocnn.files import WriteError, remove_unfinished, write_bytes, write_file, write_text
from videocnn.jobs import map_parallel, sole_writer
from videocnn.manifest import Manifest, Skip, read_manifest, write_manifest, write_skips
from videocnn.sampling import pass_order
from videocnn.shards.encode import encode_video
from videocnn.shards.read import (
    COPY,
    FORMAT,
    SETTINGS,
    ShardError,
    Shards,
    check_shard,
    file_hash,
    open_shards,
    read_index,
    read_table_of,
    shard_file,
    total_hash,
)


def write_shards(
    manifest: Manifest | str | os.PathLike,
    out: str | os.PathLike,
    *,
    frame_size: tuple[int, int] = (200, 200),
    crop_to_aspect_ratio: bool = True,
    quality: int = 90,
    videos_per_shard: int = 64,
    frames_per_shard: int = 16_384,
    workers: int | None = None,
    quiet: bool = False,
) -> Shards:
    """Write shards, or go on where a killed job stopped.

    Args:
        manifest: a `Manifest`, or the path of a `manifest.csv`; frames must have been counted.
        out: folder; new, empty, or begun from the same manifest with the same settings.
        frame_size: `(height, width)` in pixels of the stored frames.
        crop_to_aspect_ratio: cut the centre that has the shape of `frame_size`; otherwise frames are squeezed into it.
        quality: of the JPEGs, 1 to 100.
        videos_per_shard: most videos in one file.
        frames_per_shard: most frames in one file (about 180 MB), unless a single video has more.
        workers: videos decoded at the same time; by default the number of processors.
        quiet: print no progress.

    Returns:
        The opened shards. Videos that cannot be decoded are left out, in `.skips` and `skipped.csv` with reasons.

    Raises:
        ShardError: the folder is not for these videos and settings, a video is not counted, no video could be
            decoded, or a file cannot be written (a full disk): finished shards stay, the next call goes on.
    """
    manifest = manifest if isinstance(manifest, Manifest) else read_manifest(manifest)
    if min(*frame_size, videos_per_shard, frames_per_shard) < 1 or not 1 <= quality <= 100:
        raise ShardError(
            f"frame_size={tuple(frame_size)}, videos_per_shard={videos_per_shard}, frames_per_shard={frames_per_shard} "
            f"must be 1 or more, quality={quality} 1 to 100"
        )
    values = (list(frame_size), crop_to_aspect_ratio, quality, videos_per_shard, frames_per_shard)
    settings = dict(zip(SETTINGS, values, strict=True))
    out = Path(out)
    busy = ShardError(f"{out}: another job is writing these shards; wait for it, or end it")
    with writing(out), sole_writer(out, busy):
        manifest, index = claim(manifest, out, settings)
        shards = assign_shards(manifest, videos_per_shard, frames_per_shard)
        write_missing(manifest, out, shards, index, workers=workers, quiet=quiet)
        tables = [read_table_of(shard_file(out, number, len(shards))) for number in range(len(shards))]
        index["hash"] = total_hash(index, [str(table["sha256"]) for table in tables])
        index["num_videos"] = sum(len(table["videos"]) for table in tables)
        index["num_skipped"] = sum(len(table["skipped"]) for table in tables)
        index["num_frames"] = sum(int(table["counts"].sum()) for table in tables)
        index["num_bytes"] = sum(int(table["num_bytes"]) for table in tables)
        skips = [
            Skip(manifest.videos[row].path, str(reason))
            for table in tables
            for row, reason in zip(table["skipped"], table["reasons"], strict=True)
        ]
        write_skips(skips, out / "skipped.csv")
        if not index["num_videos"]:
            raise ShardError(f"{out}: none of the {len(manifest)} videos could be decoded; see {out / 'skipped.csv'}")
        write_text(out / "index.json", json.dumps(index | {"complete": True}, indent=1))
    return open_shards(out)


def assign_shards(manifest: Manifest, videos_per_shard: int, frames_per_shard: int) -> list[np.ndarray]:
    """Return the rows of the manifest that go into each shard, int64; every row once.

    Rows are shuffled, always in the same way, so that a program that reads one file after another does not see one
    class after another.
    """
    shards: list[list[int]] = []
    frames = 0
    for row in pass_order(len(manifest), 0, seed=0):
        video = manifest.videos[row]
        if video.num_frames is None:
            raise ShardError(
                f"{video.path}: its frames are not counted; "
                "`videocnn data csv MANIFEST --split-column split --group-column group --out FOLDER` counts them and "
                "writes FOLDER/manifest.csv; in Python, videocnn.manifest.measure does"
            )
        if not shards or len(shards[-1]) == videos_per_shard or frames + video.num_frames > frames_per_shard:
            shards.append([])
            frames = 0
        shards[-1].append(row)
        frames += video.num_frames
    return [np.array(rows, np.int64) for rows in shards]


def claim(manifest: Manifest, out: Path, settings: dict) -> tuple[Manifest, dict]:
    """Begin a folder, or check that an existing one was begun from this manifest with these settings.

    Returns the manifest as the folder has it (its rows may be in another order) and the index, not yet complete.
    """
    made_from = {"manifest_hash": manifest.hash, "class_names": list(manifest.class_names), **settings}
    if (out / "index.json").exists():
        index = read_index(out)
        for key, value in made_from.items():
            if index[key] != value:
                raise ShardError(
                    f"{out}: holds shards made with {key} {index[key]!r}, not {value!r}; take another folder, "
                    "or delete this one"
                )
        index["complete"] = False
    elif strangers := [path.name for path in out.iterdir() if path.name[0] != "." and path.name != COPY]:
        raise ShardError(f"{out}: not empty and no folder of shards (it has {strangers[0]!r}); take another folder")
    else:
        num_shards = len(assign_shards(manifest, settings["videos_per_shard"], settings["frames_per_shard"]))
        index = {"format": FORMAT, "complete": False, "num_shards": num_shards, **made_from}
        write_manifest(manifest, out / COPY)
        write_text(out / "index.json", json.dumps(index, indent=1))
    copy = read_manifest(out / COPY, class_names=manifest.class_names, check_files=False)
    if copy.hash != manifest.hash:
        raise ShardError(f"{out / COPY}: does not hold these videos any more; take another folder, or delete this one")
    return copy, index


def write_missing(
    manifest: Manifest, out: Path, shards: Sequence[np.ndarray], index: dict, *, workers: int | None, quiet: bool
) -> None:
    """Decode the videos of all unfinished shards and write each shard when its last video has come."""
    remove_unfinished(out)
    files = [shard_file(out, number, len(shards)) for number in range(len(shards))]
    missing = [number for number, file in enumerate(files) if not finished(file)]
    shard_of = {int(row): number for number in missing for row in shards[number]}
    waiting = {number: {} for number in missing}
    done = f", {len(shards) - len(missing)} of {len(shards)} shards done before" if len(missing) < len(shards) else ""

    def encode(row: int):
        return encode_video(manifest, manifest.videos[row], index)

    results = map_parallel(encode, list(shard_of), workers=workers, description=f"writing shards{done}", quiet=quiet)
    with contextlib.closing(results):
        for row, result in results:
            number = shard_of[row]
            waiting[number][row] = result
            if len(waiting[number]) == len(shards[number]):
                come = waiting.pop(number)
                write_shard(files[number], [(int(row), come[row]) for row in shards[number]])


def finished(file: Path) -> bool:
    """Tell whether a shard needs no more work: its index is there and the file has the size that it tells."""
    try:
        check_shard(file, read_table_of(file), verify=False)
    except ShardError:
        return False
    return True


def write_shard(file: Path, results: Sequence[tuple[int, tuple | VideoCNNError]]) -> None:
    """Write one TFRecord file and then, as the sign that it is finished, its index; each at once or not at all."""
    import tensorflow as tf

    records = [(row, result) for row, result in results if not isinstance(result, VideoCNNError)]
    skipped = [(row, str(result)) for row, result in results if isinstance(result, VideoCNNError)]
    offsets, place, digest = [], 0, ""

    def write(temporary: Path) -> None:
        nonlocal place, digest
        try:
            with tf.io.TFRecordWriter(str(temporary)) as writer:
                for _, (record, places, _) in records:
                    writer.write(record)
                    offsets.append(places + place + 12)  # a record's length takes 8 bytes, its check sum 4
                    place += len(record) + 16  # and the data's check sum 4 more
        except tf.errors.OpError as error:
            raise OSError(error.message) from error
        if temporary.stat().st_size != place:
            raise OSError(f"{temporary.stat().st_size:,} of {place:,} bytes arrived")
        digest = file_hash(temporary)

    write_file(file, write)
    table = io.BytesIO()
    np.savez(
        table,
        videos=np.array([row for row, _ in records], np.int64),
        counts=np.array([len(sizes) for _, (_, _, sizes) in records], np.int64),
        offsets=np.concatenate([*offsets, np.empty(0, np.int64)]),
        sizes=np.concatenate([*(sizes for _, (_, _, sizes) in records), np.empty(0, np.int64)]),
        skipped=np.array([row for row, _ in skipped], np.int64),
        reasons=np.array([reason for _, reason in skipped], np.str_),
        num_bytes=np.int64(place),
        sha256=np.array(digest),
    )
    write_bytes(file.with_suffix(".npz"), table.getvalue())


@contextlib.contextmanager
def writing(out: Path) -> Iterator[None]:
    """Make the folder, and turn what the disk refuses into a `ShardError` that says how to go on."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        yield
    except (OSError, WriteError) as error:
        free = f"; {shutil.disk_usage(out).free:,} bytes are free there" if out.is_dir() else ""
        raise ShardError(
            f"{out}: cannot be written ({error}){free}. Mend that and run the same command again: "
            "finished shards are kept"
        ) from error
