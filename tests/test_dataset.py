"""One `Dataset`, opened once: how often a training, a fine-tuning and an evaluation read their manifest."""

import pytest
from videos import write_counting_video

from videocnn.clips import Dataset
from videocnn.evaluate import evaluate
from videocnn.manifest import Manifest, Video, reading, write_manifest
from videocnn.shards import write_shards
from videocnn.train import train
from videocnn.transfer import finetune

TINY = {"width": 0.03, "frame_size": 40, "batch_size": 2, "epochs": 1, "quiet": True}


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    splits = ("train", "train", "train", "val", "test", "test")
    videos = [Video(f"v{n}.mp4", ("ab"[n % 2],), split, f"g{n}", 12, 25.0) for n, split in enumerate(splits)]
    for number, video in enumerate(videos):
        write_counting_video(folder / video.path, 12, first=10 * number)
    write_manifest(Manifest(tuple(videos), root=folder), folder / "manifest.csv")
    return folder / "manifest.csv"


@pytest.fixture
def reads(monkeypatch):
    """The manifests that were read, one entry each time."""
    found, read = [], reading.read_table
    monkeypatch.setattr(reading, "read_table", lambda path, *rest: found.append(str(path)) or read(path, *rest))
    return found


@pytest.mark.parametrize("shards", [False, True])
def test_the_manifest_is_read_once(path, reads, tmp_path, shards):
    source, file = path, path
    if shards:
        source = tmp_path / "shards"
        write_shards(path, source, frame_size=(48, 60), quiet=True)
        file = source / "videos.csv"
    reads.clear()
    train(source, tmp_path / "run", model="single_frame", **TINY)
    assert reads == [str(file)]
    evaluate(tmp_path / "run", source, num_clips=2, num_views=1, quiet=True)
    assert reads == [str(file)] * 2
    dataset = Dataset.open(source)
    reads.clear()
    finetune(tmp_path / "run", dataset, tmp_path / "tuned", epochs=1, batch_size=2, regime="scratch", quiet=True)
    evaluate(tmp_path / "tuned", dataset, num_clips=2, num_views=1, quiet=True)
    assert reads == []
