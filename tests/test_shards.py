"""Shards: what is written, that it survives kills and full disks, and that clips from it are those from the files."""

import csv
import errno
import json
import os
import resource
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from videos import counting_frames, read_counts, write_counting_video, write_video

import videocnn.shards.write as writer_module
from videocnn.clips import Dataset, eval_clips, train_clips
from videocnn.jobs import sole_writer
from videocnn.manifest import Manifest, Video, write_manifest
from videocnn.shards import ShardError, assign_shards, open_shards, write_shards
from videocnn.shards import encode as shard_record
from videocnn.shards.read import ShardFrames
from videocnn.spec import ClipSpec
from videocnn.video import reading

LENGTHS = (30, 41, 4, 12, 25, 8, 17)
FIRST = 60
OPTIONS = {"frame_size": (40, 44), "videos_per_shard": 2, "quiet": True}
SPEC = ClipSpec(6, frame_size=(34, 38), region_size=(40, 44), mean=0.0)


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    root = tmp_path_factory.mktemp("videos")
    videos = []
    for number, length in enumerate(LENGTHS):
        write_counting_video(root / f"{number}.mp4", length, first=number * FIRST)
        labels = ("b", "a") if number == 1 else ("ab"[number % 2],)
        videos.append(Video(f"{number}.mp4", labels, "test" if number > 4 else "train", f"g{number}", length, 25.0))
    (root / "broken.mp4").write_bytes(b"no video")
    videos.append(Video("broken.mp4", ("a",), "train", "g9", 20, 25.0))
    return Manifest(tuple(videos), None, root)


@pytest.fixture(scope="module")
def folder(manifest, tmp_path_factory):
    out = tmp_path_factory.mktemp("shards") / "out"
    write_shards(manifest, out, **OPTIONS)
    return out


def names(shards):
    return [Path(video.path).name for video in shards.manifest.videos]


def stamps(folder, pattern="shard-*"):
    return {path.name: (path.stat().st_ino, path.stat().st_mtime_ns) for path in folder.glob(pattern)}


def test_what_is_in_the_folder(manifest, folder):
    shards = open_shards(folder, verify=True)
    assert names(shards) == [f"{number}.mp4" for number in range(7)]
    assert shards.manifest.class_names == ("a", "b")
    assert [video.split for video in shards.manifest.videos] == ["train"] * 5 + ["test"] * 2
    assert [video.group for video in shards.manifest.videos] == [f"g{number}" for number in range(7)]
    assert shards.frame_size == (40, 44)
    index = json.loads((folder / "index.json").read_text())
    assert (index["num_videos"], index["num_skipped"], index["num_frames"]) == (7, 1, sum(LENGTHS))
    assert index["manifest_hash"] == manifest.hash
    assert index["num_shards"] == len(list(folder.glob("*.tfrecord"))) == 4
    assert [Path(skip.path).name for skip in shards.skips["train"]] == ["broken.mp4"]
    with open(folder / "skipped.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [Path(row["path"]).name for row in rows] == ["broken.mp4"]
    assert "broken.mp4" in rows[0]["reason"]
    assert not [path.name for path in folder.iterdir() if path.match(".writing-*-*")]


def test_records_have_the_keys_of_dmvr(folder):
    """Read by TensorFlow alone, as any other program would."""
    seen = {}
    for record in tf.data.TFRecordDataset(sorted(map(str, folder.glob("*.tfrecord"))), buffer_size=2**18):
        context, lists = tf.io.parse_single_sequence_example(
            record,
            {
                "clip/media_id": tf.io.FixedLenFeature((), tf.string),
                "clip/label/index": tf.io.VarLenFeature(tf.int64),
                "clip/label/text": tf.io.VarLenFeature(tf.string),
                "image/height": tf.io.FixedLenFeature((), tf.int64),
                "image/width": tf.io.FixedLenFeature((), tf.int64),
                "image/frame_rate": tf.io.FixedLenFeature((), tf.float32),
                "image/format": tf.io.FixedLenFeature((), tf.string),
            },
            {"image/encoded": tf.io.FixedLenSequenceFeature((), tf.string)},
        )
        number = int(Path(context["clip/media_id"].numpy().decode()).stem)
        seen[number] = [name.decode() for name in context["clip/label/text"].values.numpy()]
        assert context["clip/label/index"].values.numpy().tolist() == ["ab".index(name) for name in seen[number]]
        assert (context["image/height"], context["image/width"]) == (40, 44)
        assert context["image/format"] == b"jpeg"
        assert context["image/frame_rate"] == 25
        frames = np.stack([tf.io.decode_jpeg(frame).numpy() for frame in lists["image/encoded"]])
        np.testing.assert_array_equal(read_counts(frames), number * FIRST + np.arange(LENGTHS[number]))
    assert seen == {0: ["a"], 1: ["b", "a"], 2: ["a"], 3: ["b"], 4: ["a"], 5: ["b"], 6: ["a"]}


def test_assignment_is_whole_limited_and_shuffled(manifest):
    shards = assign_shards(manifest, 3, 50)
    rows = np.concatenate(shards)
    assert sorted(rows) == list(range(8))
    assert list(rows) != list(range(8))
    for shard in shards:
        assert len(shard) == 1 or sum(manifest.videos[row].num_frames for row in shard) <= 50
        assert len(shard) <= 3


def test_the_same_clips_from_files_and_from_shards(manifest, folder):
    files = Manifest(manifest.videos[:-1], None, manifest.root)
    for make in (
        lambda source: train_clips(source, SPEC, 3, seed=2, skips=[]).take(4),
        lambda source: eval_clips(source, SPEC, num_clips=3, num_views=2, batch_size=4, skips=[]),
    ):
        for one, other in zip(make(files).as_numpy_iterator(), make(folder).as_numpy_iterator(), strict=True):
            np.testing.assert_array_equal(read_counts(one[0]), read_counts(other[0]))
            assert np.abs(one[0] - other[0]).max() < 12  # JPEG
            for left, right in zip(one[1:], other[1:], strict=True):
                np.testing.assert_array_equal(left, right)


def test_videos_left_out_of_the_shards_stay_listed(folder):
    for split, left_out in (("train", ["2.mp4", "broken.mp4"]), ("test", []), (None, ["2.mp4", "broken.mp4"])):
        skips = []
        eval_clips(folder, SPEC, split=split, skips=skips)
        assert [Path(skip.path).name for skip in skips] == left_out


def test_memory_holds_the_frames_of_shards_too(folder):
    for one, other in zip(
        train_clips(folder, SPEC, 3, skips=[]).take(3),
        train_clips(folder, SPEC, 3, cache=True, skips=[]).take(3),
        strict=True,
    ):
        np.testing.assert_array_equal(one[0], other[0])


def test_only_the_sampled_frames_are_decoded(folder, monkeypatch):
    from PIL import Image

    calls = []
    real = Image.open
    monkeypatch.setattr(Image, "open", lambda *rest, **how: calls.append(1) or real(*rest, **how))
    for _ in eval_clips(folder, SPEC, num_clips=1, num_views=4):
        pass
    assert len(calls) == 2 * SPEC.num_frames  # two test videos, one clip each


def test_larger_frames_are_resized_and_their_centre_is_cut(manifest, tmp_path):
    """Left half dark, right half bright, a frame of which the sides are cut: the edge stays in the middle."""
    frames = np.zeros((8, 48, 96, 3), np.uint8)
    frames[:, :, 48:] = 240
    frames[:, :, :20] = frames[:, :, 76:] = (255, 0, 0)  # the sides
    write_video(tmp_path / "half.mp4", frames)
    halves = Manifest((Video("half.mp4", ("a",), "test", "", 8, 25.0),), ("a",), tmp_path)
    out = tmp_path / "out"
    write_shards(halves, out, frame_size=(40, 60), quiet=True)
    spec = ClipSpec(2, frame_size=(20, 20), region_size=(20, 20), mean=0.0)
    clip = next(iter(eval_clips(out, spec, num_clips=1, num_views=1)))[0].numpy()[0]
    assert clip[:, :, :9].max() < 20
    assert clip[:, :, 11:].min() > 215
    with pytest.raises(ShardError, match=r"\(40, 60\).*\(41, 41\)"):
        eval_clips(out, spec.replace(region_size=(41, 41)))


def test_a_finished_folder_is_left_as_it_is(manifest, folder):
    before = stamps(folder)
    again = write_shards(manifest, folder, **OPTIONS)
    assert stamps(folder) == before
    assert again.hash == open_shards(folder).hash


def test_the_same_videos_give_the_same_bytes(manifest, folder, tmp_path):
    again = write_shards(manifest, tmp_path / "again", **OPTIONS, workers=1)
    assert again.hash == open_shards(folder).hash


def test_another_order_of_rows_goes_on_with_the_same_folder(manifest, folder):
    turned = Manifest(manifest.videos[::-1], None, manifest.root)
    before = stamps(folder)
    write_shards(turned, folder, **OPTIONS)
    assert stamps(folder) == before


def test_other_videos_or_settings_are_refused(manifest, folder, tmp_path):
    fewer = Manifest(manifest.videos[:3], None, manifest.root)
    with pytest.raises(ShardError, match="manifest_hash"):
        write_shards(fewer, folder, **OPTIONS)
    with pytest.raises(ShardError, match="quality 90, not 80"):
        write_shards(manifest, folder, **OPTIONS, quality=80)
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(ShardError, match=r"not empty.*letter\.txt"):
        write_shards(manifest, tmp_path, **OPTIONS)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".writing-lock", "letter.txt"]


def test_impossible_settings_are_refused(manifest, tmp_path):
    with pytest.raises(ShardError, match="quality=0"):
        write_shards(manifest, tmp_path / "out", quality=0)
    uncounted = Manifest((Video("0.mp4", ("a",)),), None, manifest.root)
    with pytest.raises(ShardError, match=r"0\.mp4.*measure"):
        write_shards(uncounted, tmp_path / "out")


def test_nothing_but_broken_videos(manifest, tmp_path):
    broken = Manifest(manifest.videos[-1:], None, manifest.root)
    with pytest.raises(ShardError, match=r"none of the 1 videos.*skipped\.csv"):
        write_shards(broken, tmp_path / "out", quiet=True)


def test_no_folder_of_shards(tmp_path, manifest):
    with pytest.raises(ShardError, match=r"no index\.json"):
        Dataset.open(tmp_path)


@pytest.fixture
def copied(folder, tmp_path):
    for path in folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    return tmp_path


def test_missing_short_or_changed_files_are_found_and_mended(manifest, folder, copied):
    file = sorted(copied.glob("*.tfrecord"))[1]
    content = file.read_bytes()
    file.unlink()
    with pytest.raises(ShardError, match=f"{file.name}: is missing"):
        open_shards(copied)
    file.write_bytes(content[:-1])
    with pytest.raises(ShardError, match=f"{file.name}: has .* instead of"):
        open_shards(copied)
    file.write_bytes(content[:100] + bytes([content[100] ^ 1]) + content[101:])
    open_shards(copied)
    with pytest.raises(ShardError, match=f"{file.name}: its content has changed"):
        open_shards(copied, verify=True)
    file.unlink()
    before = stamps(copied)
    assert write_shards(manifest, copied, **OPTIONS).hash == open_shards(folder).hash
    changed = {name for name, stamp in stamps(copied).items() if before.get(name) != stamp}
    assert changed == {file.name, file.with_suffix(".npz").name}


def test_a_changed_manifest_is_found(copied):
    text = (copied / "videos.csv").read_text()
    (copied / "videos.csv").write_text(text.replace("train", "test", 1))
    with pytest.raises(ShardError, match=r"videos\.csv: changed"):
        open_shards(copied)


def test_a_damaged_frame_is_named(copied):
    shards = open_shards(copied)
    record = shards.records[shards.manifest.select("test").videos[0].path]
    with open(record.file, "r+b") as file:
        file.seek(record.offsets[3])
        file.write(b"\0" * 200)
    skips = []
    rows = sum(len(videos) for _, videos, _ in eval_clips(copied, SPEC, num_clips=1, num_views=1, skips=skips))
    assert rows == 1
    assert record.file.name in skips[0].reason
    assert "5.mp4" in skips[0].reason


def test_a_full_disk_is_reported_and_mended(manifest, folder, tmp_path):
    out = tmp_path / "out"
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))  # the system refuses larger files, as a full disk does
    try:
        with pytest.raises(ShardError, match=r"cannot be written.*run the same command again"):
            write_shards(manifest, out, **OPTIONS)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    with pytest.raises(ShardError, match="unfinished"):
        open_shards(out)
    assert not list(out.glob(".writing-*-*"))
    assert write_shards(manifest, out, **OPTIONS).hash == open_shards(folder).hash


def test_a_disk_that_fills_after_some_shards_keeps_those(manifest, tmp_path, monkeypatch):
    real, count = os.replace, [0]

    def replace(source, target):
        count[0] += str(target).endswith(".npz")
        if count[0] == 3:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(source, target)

    monkeypatch.setattr(writer_module.os, "replace", replace)
    with pytest.raises(ShardError, match="No space left on device"):
        write_shards(manifest, tmp_path / "out", **OPTIONS)
    monkeypatch.undo()
    before = stamps(tmp_path / "out", "*.npz")
    assert len(before) == 2
    write_shards(manifest, tmp_path / "out", **OPTIONS)
    assert before.items() <= stamps(tmp_path / "out", "*.npz").items()


def test_a_second_writer_is_refused(manifest, tmp_path):
    with (
        writer_module.writing(tmp_path),
        sole_writer(tmp_path, ShardError("the first one")),
        pytest.raises(ShardError, match="another job is writing these shards"),
    ):
        write_shards(manifest, tmp_path, **OPTIONS)


@pytest.mark.slow
def test_a_job_that_is_killed_goes_on(manifest, folder, tmp_path):
    write_manifest(manifest, tmp_path / "manifest.csv")
    out = tmp_path / "out"
    script = textwrap.dedent(
        """
        import pathlib, sys, threading, videocnn.video
        from videocnn.shards import write_shards
        real = videocnn.video.read_frames
        def read_frames(*rest, **how):
            if list(pathlib.Path(sys.argv[2]).glob("shard-*.npz")):
                threading.Event().wait()  # until the job is killed
            return real(*rest, **how)
        videocnn.video.read_frames = read_frames
        write_shards(sys.argv[1], sys.argv[2], frame_size=(40, 44), videos_per_shard=2, quiet=True, workers=1)
        """
    )
    job = subprocess.Popen([sys.executable, "-c", script, str(tmp_path / "manifest.csv"), str(out)])
    try:
        deadline = time.monotonic() + 120
        while not list(out.glob("shard-*.npz")):
            assert job.poll() is None, "the job ended before its first shard"
            assert time.monotonic() < deadline
            time.sleep(0.02)
    finally:
        job.send_signal(signal.SIGKILL)
    assert job.wait() == -signal.SIGKILL
    before = stamps(out, "*.npz")
    assert 1 <= len(before) < 4
    (out / ".writing-00c0ffee-shard-00003-of-00004.tfrecord").write_bytes(b"half a shard")
    shards = write_shards(manifest, out, **OPTIONS)
    assert before.items() <= stamps(out, "*.npz").items()  # no finished shard is written again
    assert names(shards) == [f"{number}.mp4" for number in range(7)]
    ids = []
    for record in tf.data.TFRecordDataset(sorted(map(str, out.glob("*.tfrecord"))), buffer_size=2**18):
        ids.append(tf.train.SequenceExample.FromString(record.numpy()).context.feature["clip/media_id"])
    assert len(ids) == 7  # no video comes twice
    assert [path.name for path in out.glob(".*")] == [".writing-lock"]
    assert shards.hash == open_shards(folder).hash


def test_every_video_is_decoded_once(tmp_path, monkeypatch):
    opened = []
    open_video = reading.open_video
    monkeypatch.setattr(reading, "open_video", lambda *given: opened.append(1) or open_video(*given))
    write_video(tmp_path / "long.mp4", counting_frames(30, 48, 64))
    manifest = Manifest((Video("long.mp4", ("a",), "test", "", 30, 25.0),), ("a",), tmp_path)
    shards = write_shards(manifest, tmp_path / "out", frame_size=(40, 44), quiet=True)
    assert opened == [1]
    frames = ShardFrames(shards, shards.manifest.videos, (40, 44)).read(0, np.arange(30))
    np.testing.assert_array_equal(read_counts(frames), np.arange(30))


def test_a_video_with_fewer_frames_than_counted_is_left_out_with_the_mend(tmp_path):
    for name in ("short", "whole"):
        write_video(tmp_path / f"{name}.mp4", counting_frames(9, 48, 64))
    videos = (Video("short.mp4", ("a",), "test", "", 12, 25.0), Video("whole.mp4", ("a",), "test", "", 9, 25.0))
    shards = write_shards(Manifest(videos, ("a",), tmp_path), tmp_path / "out", frame_size=(40, 44), quiet=True)
    assert names(shards) == ["whole.mp4"]
    (skip,) = shards.skips["test"]
    assert skip.path.endswith("short.mp4")
    assert "there is no frame 11; the video has 9 frames" in skip.reason
    assert "write it anew with `videocnn data`" in skip.reason


def test_a_record_that_would_be_too_large_is_left_out(tmp_path, monkeypatch):
    for name, length in (("long", 30), ("short", 3)):
        write_video(tmp_path / f"{name}.mp4", counting_frames(length, 48, 64))
    videos = tuple(Video(f"{name}.mp4", ("a",), "test", "", n, 25.0) for name, n in (("long", 30), ("short", 3)))
    monkeypatch.setattr(shard_record, "RECORD_LIMIT", 20_000)  # bytes
    shards = write_shards(Manifest(videos, ("a",), tmp_path), tmp_path / "out", frame_size=(40, 44), quiet=True)
    assert names(shards) == ["short.mp4"]
    assert "more than 2 GiB of JPEG frames in one record; cut the video" in shards.skips["test"][0].reason
