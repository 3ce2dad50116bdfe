"""The index beside a shard: one that is damaged, in whatever way, is named and written anew by the same command."""

import io

import numpy as np
import pytest
from videos import write_counting_video

from videocnn.manifest import Manifest, Video
from videocnn.shards import ShardError, open_shards, write_shards

OPTIONS = {"frame_size": (16, 20), "videos_per_shard": 1, "quiet": True}


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    root = tmp_path_factory.mktemp("videos")
    for number in range(2):
        write_counting_video(root / f"{number}.mp4", 3 + number, height=32, width=48)
    return Manifest(tuple(Video(f"{n}.mp4", ("ab"[n],), "train", "", 3 + n, 25.0) for n in range(2)), None, root)


@pytest.fixture(scope="module")
def finished(manifest, tmp_path_factory):
    out = tmp_path_factory.mktemp("shards") / "out"
    write_shards(manifest, out, **OPTIONS)
    return out


@pytest.fixture
def folder(finished, tmp_path):
    for path in finished.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    return tmp_path


def without_hash(content):
    with np.load(io.BytesIO(content)) as table:
        rest = {name: table[name] for name in table if name != "sha256"}
    np.savez(file := io.BytesIO(), **rest)
    return file.getvalue()


def bare_array(content):
    np.save(file := io.BytesIO(), np.arange(3))
    return file.getvalue()


def in_contents(change):
    """Return a damage to the first entry of the archive's table of contents, at a place in it."""
    place, value = change
    return lambda content: (at := content.index(b"PK\1\2") + place) and content[:at] + value + content[at + 1 :]


DAMAGES = {
    "gone": lambda content: None,
    "empty": lambda content: b"",
    "cut off": lambda content: content[:700],
    "changed": lambda content: content[:190] + bytes([content[190] ^ 1]) + content[191:],
    "encrypted": in_contents((8, b"\1")),
    "unknown compression": in_contents((10, b"\x63")),
    "deflated": in_contents((10, b"\x08")),
    "a table is missing": without_hash,
    "no archive": bare_array,
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_index_is_named_and_mended(manifest, finished, folder, damage):
    first, index = sorted(folder.glob("*.npz"))
    content = index.read_bytes()
    index.unlink()
    broken = damage(content)
    assert broken != content
    if broken is not None:
        index.write_bytes(broken)
    with pytest.raises(ShardError, match=rf"{index.name}: cannot be read \(.+\); run the same `videocnn shard`"):
        open_shards(folder)
    before = first.stat().st_mtime_ns
    assert write_shards(manifest, folder, **OPTIONS).hash == open_shards(finished).hash
    assert index.read_bytes() == content
    assert first.stat().st_mtime_ns == before  # the other shard is kept
