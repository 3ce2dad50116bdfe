"""Batches from counting videos: which video, which frames and which order can be read back from the pixels."""

import dataclasses
import importlib
import logging
import re
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from typer.testing import CliRunner
from videos import read_counts, write_counting_video, write_video

from videocnn.cli import make_app
from videocnn.clips import Augmentation, Dataset, eval_clips, train_clips, usable, video_errors
from videocnn.errors import VideoCNNError
from videocnn.manifest import Manifest, Video, read_manifest, write_manifest
from videocnn.sampling import ClipError, even_clips
from videocnn.shards import assign_shards
from videocnn.spec import ClipSpec
from videocnn.video import VideoError

SPEC = ClipSpec(6, frame_size=(34, 38), region_size=(40, 44), mean=0.0)
LENGTHS = (30, 41, 4, 12, 25)  # the third is too short for a clip
FIRST = 60  # video v counts from v * FIRST


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    root = tmp_path_factory.mktemp("videos")
    labels = (("b",), ("a", "c"), ("a",), ("c",), ("b", "a", "c"))
    videos = []
    for number, length in enumerate(LENGTHS):
        fps = 50 if number == 1 else 25
        write_counting_video(root / f"{number}.mp4", length, first=number * FIRST, fps=fps)
        videos.append(Video(f"{number}.mp4", labels[number], "train", f"g{number}", length, fps))
    return Manifest(tuple(videos), ("a", "b", "c"), root)


def damaged(manifest):
    """The manifest with one more file, of which nothing decodes."""
    (manifest.root / "broken.mp4").write_bytes(b"no video")
    return Manifest(
        (*manifest.videos, Video("broken.mp4", ("a",), "train", "g9", 20, 25)), ("a", "b", "c"), manifest.root
    )


def take(dataset, count):
    """Return the videos (count,), frames (count, T) and labels of the first clips of batches of a training stream."""
    clips, labels = zip(*dataset.take(count).as_numpy_iterator(), strict=True)
    counts = read_counts(np.concatenate(clips))
    return counts[:, 0] // FIRST, counts % FIRST, np.concatenate(labels)


def same(one, other):
    for left, right in zip(one, other, strict=True):
        np.testing.assert_array_equal(left, right)


def test_a_batch(manifest):
    clips, labels = next(iter(train_clips(manifest, SPEC, 3, skips=[])))
    assert clips.shape == (3, 6, 34, 38, 3)
    assert labels.shape == (3, 3)
    assert clips.dtype == labels.dtype == tf.float32


def test_labels_belong_to_their_videos_and_share_the_mass(manifest):
    videos, _, labels = take(train_clips(manifest, SPEC, 4, skips=[]), 2)
    rows = np.array([[0, 1, 0], [0.5, 0, 0.5], [1, 0, 0], [0, 0, 1], [1 / 3, 1 / 3, 1 / 3]], np.float32)
    np.testing.assert_allclose(labels, rows[videos])


def test_every_pass_has_every_video_once_and_batches_run_over_its_end(manifest):
    videos, frames, _ = take(train_clips(manifest, SPEC, 3, skips=[]), 8)  # 24 clips: 6 passes over 4 usable videos
    passes = videos.reshape(6, 4)
    np.testing.assert_array_equal(np.sort(passes, axis=1), [[0, 1, 3, 4]] * 6)
    assert len(set(map(tuple, passes))) > 1
    np.testing.assert_array_equal(np.diff(frames, axis=1), np.ones((24, 5)))
    assert len(set(frames[videos == 1, 0])) > 1  # another clip of the same video in another pass


def test_same_clips_for_any_number_of_threads_and_from_memory(manifest):
    one = take(train_clips(manifest, SPEC, 4, workers=1, seed=5, skips=[]), 4)
    same(one, take(train_clips(manifest, SPEC, 4, workers=4, seed=5, skips=[]), 4))
    same(one, take(train_clips(manifest, SPEC, 4, workers=4, seed=5, cache=True, skips=[]), 4))
    assert (one[1] != take(train_clips(manifest, SPEC, 4, seed=6, skips=[]), 4)[1]).any()


def test_pixels_are_the_same_for_any_number_of_threads(manifest):
    for augment in ("paper", "modern"):
        one, four = (
            np.concatenate([clips for clips, _ in train_clips(
                manifest, SPEC, 4, augment=augment, workers=workers, skips=[]).take(3).as_numpy_iterator()])
            for workers in (1, 4)
        )  # fmt: skip
        np.testing.assert_array_equal(one, four)


def test_a_resumed_stream_goes_on_where_it_stopped(manifest):
    whole = list(train_clips(manifest, SPEC, 2, augment="modern", skips=[]).take(6).as_numpy_iterator())
    rest = list(train_clips(manifest, SPEC, 2, augment="modern", start=6, skips=[]).take(3).as_numpy_iterator())
    for (clips, labels), (clips_again, labels_again) in zip(whole[3:], rest, strict=True):
        np.testing.assert_array_equal(clips, clips_again)
        np.testing.assert_array_equal(labels, labels_again)


def test_crops_and_flips_follow_seed_and_position(tmp_path):
    """A picture that differs everywhere shows which view was cut."""
    ramp = np.zeros((8, 48, 64, 3), np.uint8)
    ramp[..., 0], ramp[..., 1] = np.arange(64) * 4, np.arange(48)[:, None] * 5
    write_video(tmp_path / "ramp.mp4", ramp)
    still = Manifest((Video("ramp.mp4", ("a",), "train", "", 8, 25.0),), None, tmp_path)
    spec = SPEC.replace(num_frames=1, frame_size=(20, 24))

    def views(**how):
        batches = train_clips(still, spec, 4, **how).take(4).as_numpy_iterator()
        return np.concatenate([clips for clips, _ in batches])[:, 0].mean(axis=1).round(1)  # (16, W, C)

    first = views(seed=1, workers=1)
    assert len({view.tobytes() for view in first}) > 12
    np.testing.assert_array_equal(first, views(seed=1, workers=4))
    np.testing.assert_array_equal(first[5:], views(seed=1, start=5)[:11])
    assert np.abs(first - views(seed=2)).max() > 5


def test_normalised_as_the_specification_says(manifest):
    raw, _ = next(iter(train_clips(manifest, SPEC, 4, skips=[])))
    ready, _ = next(iter(train_clips(manifest, SPEC.replace(mean=117.0, scale=0.5), 4, skips=[])))
    np.testing.assert_allclose((raw - 117) / 2, ready, atol=1e-4)


def test_pair_fifteen_apart_and_frame_rate(manifest):
    _, frames, _ = take(train_clips(manifest, SPEC.replace(num_frames=2, frame_step=15), 4, skips=[]), 2)
    np.testing.assert_array_equal(frames[:, 1] - frames[:, 0], [15] * 8)
    videos, frames, _ = take(train_clips(manifest, SPEC.replace(fps=25.0), 4, skips=[]), 3)
    steps = np.where(videos == 1, 2, 1)  # the 50 Hz video is seen by a 25 Hz clock
    np.testing.assert_array_equal(np.diff(frames, axis=1), np.repeat(steps[:, None], 5, axis=1))


def test_frame_steps_vary_only_where_the_video_is_long_enough(manifest):
    stream = train_clips(manifest, SPEC, 4, augment=Augmentation(frame_steps=(1, 3)), skips=[])
    videos, frames, _ = take(stream, 10)
    steps = np.diff(frames, axis=1)
    assert (steps == steps[:, :1]).all()
    assert set(steps[videos == 0, 0]) == {1, 3}
    assert set(steps[videos == 3, 0]) == {1}  # 12 frames: three apart, six frames need 16


def test_short_videos(manifest, caplog):
    skips = []
    train_clips(manifest, SPEC, 4, skips=skips)
    assert [(skip.path, skip.reason) for skip in skips] == [("2.mp4", "too short: a clip needs 6 frames, it has 4")]
    with caplog.at_level(logging.WARNING, logger="videocnn"):
        train_clips(manifest, SPEC, 4)
    assert "2.mp4" in caplog.text
    with pytest.raises(ClipError, match=r"2\.mp4: too short"):
        train_clips(manifest, SPEC, 4, short="error")
    videos, frames, _ = take(train_clips(manifest, SPEC, 5, short="hold"), 1)
    np.testing.assert_array_equal(frames[videos == 2], [[0, 1, 2, 3, 3, 3]])
    kept, _ = usable(manifest, SPEC)
    np.testing.assert_array_equal(kept, [0, 1, 3, 4])
    kept, _ = usable(manifest, SPEC.replace(num_frames=25))
    np.testing.assert_array_equal(kept, [0, 1, 4])  # the last has just 25 frames


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"spec": SPEC.replace(frame_size=(41, 38))}, "fit into region_size"),
        ({"spec": SPEC.replace(num_frames=100)}, "all 5 videos are too short"),
        ({"spec": SPEC.replace(class_names=("a", "b"))}, "classes"),
        ({"split": "val"}, "no videos in split 'val'.*'train': 5"),
        ({"seed": -1}, "seed=-1"),
        ({"short": "loop"}, "'loop'"),
        ({"augment": "sepia"}, "'sepia'"),
        ({"cache": True, "cache_limit": 1e-4}, r"needs 0\.000531 GiB.*and 0\.0001 GiB are left"),
    ],
)
def test_what_cannot_work_is_refused_before_the_first_batch(manifest, change, message):
    with pytest.raises(ClipError, match=message):
        train_clips(manifest, **{"spec": SPEC, "skips": [], **change})


@pytest.mark.parametrize(
    "use", [lambda rows: train_clips(rows, SPEC), lambda rows: assign_shards(rows, 2, 99)], ids=["clips", "shards"]
)
def test_uncounted_videos_are_refused_with_a_command_that_counts_them(manifest, tmp_path, use):
    rows = [dataclasses.replace(video, num_frames=None, fps=None, labels=video.labels[:1]) for video in manifest.videos]
    rows[-1] = dataclasses.replace(rows[-1], split="val")
    uncounted = Manifest(tuple(rows), None, manifest.root)
    with pytest.raises(VideoCNNError, match=r"[0-4]\.mp4: its frames are not counted") as caught:
        use(uncounted)
    write_manifest(uncounted, tmp_path / "manifest.csv")
    command = re.search("`videocnn (.*)`", str(caught.value)).group(1)
    words = command.replace("MANIFEST", str(tmp_path / "manifest.csv")).replace("FOLDER", str(tmp_path)).split()
    result = CliRunner().invoke(make_app(), [*words, "--quiet"])
    assert result.exit_code == 0, result.output
    counted = read_manifest(tmp_path / "manifest.csv")
    assert tuple(video.num_frames for video in counted.videos) == LENGTHS
    assert [video.split for video in counted.videos] == ["train"] * 4 + ["val"]
    module, name = re.search(r"in Python, ([a-z.]+)\.([a-z]+) does", str(caught.value)).groups()
    assert len(getattr(importlib.import_module(module), name)(uncounted, quiet=True)[0]) == len(LENGTHS)
    use(counted)


def test_lengths_are_told_without_an_array_of_them():
    """As many ticks as this clock has fit into no memory."""
    weeks = Manifest((Video("weeks.mp4", ("a",), "train", "", 10**8, 1e-3),), None)
    kept, skips = usable(weeks, SPEC.replace(fps=25.0))
    assert (kept.tolist(), skips) == ([0], [])
    with pytest.raises(ClipError, match="needs 2500000000001 frames, it has 2500000000000 at 25 frames a second"):
        usable(weeks, SPEC.replace(num_frames=2_500_000_000_001, fps=25.0))
    with pytest.raises(ClipError, match=r"needs 100000001 frames, it has 100000000$"):
        usable(weeks, SPEC.replace(num_frames=10**8 + 1))


@pytest.mark.parametrize("cache", [False, True])
def test_a_broken_file_ends_training_with_its_name(manifest, cache):
    with pytest.raises(VideoError, match=r"broken\.mp4") as caught, video_errors():
        for _ in train_clips(damaged(manifest), SPEC, 5, cache=cache, skips=[]).take(2):
            pass
    assert "Traceback" not in str(caught.value)
    assert "failure" not in str(caught.value)


@pytest.mark.parametrize("cache", [False, True])
def test_a_manifest_that_tells_too_many_frames_ends_training_with_the_mend(manifest, cache):
    one = Manifest((dataclasses.replace(manifest.videos[3], num_frames=13),), None, manifest.root)
    mend = r"3\.mp4: there is no frame 12; the video has 12 frames.*the manifest.*write it anew with `videocnn data`"
    with pytest.raises(VideoError, match=mend), video_errors():
        for _ in train_clips(one, SPEC.replace(num_frames=13), 1, cache=cache).take(1):
            pass
    skips = []
    for _ in eval_clips(one, SPEC.replace(num_frames=13), split="train", num_clips=1, num_views=1, skips=skips):
        pass
    assert "write it anew with `videocnn data`" in skips[0].reason


def test_foreign_errors_pass_through():
    with pytest.raises(tf.errors.InvalidArgumentError), video_errors():
        tf.debugging.assert_equal(1, 2)


def test_every_view_of_every_video_once(manifest, tmp_path):
    write_manifest(manifest, tmp_path / "manifest.csv")
    skips = []
    dataset = eval_clips(
        tmp_path / "manifest.csv", SPEC, split="train", num_clips=3, num_views=2, batch_size=5, skips=skips
    )
    for _ in range(2):  # a second pass over the same dataset gives the same and lists nothing twice
        batches = list(dataset.as_numpy_iterator())
        clips, videos, numbers = (np.concatenate(part) for part in zip(*batches, strict=True))
        assert [len(clips) for clips, _, _ in batches] == [5, 5, 5, 5, 4]
        np.testing.assert_array_equal(videos, np.repeat([0, 1, 3, 4], 6))
        np.testing.assert_array_equal(numbers, np.tile([0, 0, 1, 1, 2, 2], 4))
        expected = [
            first * FIRST + even_clips(LENGTHS[first], 3, 6)[number]
            for first, number in zip(videos, numbers, strict=True)
        ]
        np.testing.assert_array_equal(read_counts(clips), expected)
        assert [skip.path for skip in skips] == [str(manifest.root / "2.mp4")]
    np.testing.assert_allclose(clips[0], clips[1][:, :, ::-1], atol=1e-4)  # view 1 is view 0 mirrored


def test_evaluation_decodes_each_video_once(manifest, monkeypatch):
    import videocnn.video

    calls = []
    read = videocnn.video.read_frames
    monkeypatch.setattr(
        videocnn.video, "read_frames", lambda path, *rest, **how: calls.append(path) or read(path, *rest, **how)
    )
    rows = sum(
        len(videos) for _, videos, _ in eval_clips(manifest, SPEC, split="train", num_clips=7, num_views=4, skips=[])
    )
    assert rows == 4 * 7 * 4
    assert sorted(calls) == [str(manifest.root / f"{number}.mp4") for number in (0, 1, 3, 4)]


def test_evaluation_lists_a_broken_file_and_goes_on(manifest):
    skips = []
    dataset = eval_clips(damaged(manifest), SPEC, split="train", num_clips=2, num_views=1, skips=skips)
    videos = np.concatenate([videos for _, videos, _ in dataset.as_numpy_iterator()])
    np.testing.assert_array_equal(videos, np.repeat([0, 1, 3, 4], 2))
    assert [skip.path for skip in skips] == ["2.mp4", "broken.mp4"]
    assert "broken.mp4" in skips[1].reason


def test_impossible_evaluations_are_refused(manifest):
    with pytest.raises(ClipError, match="num_views"):
        eval_clips(manifest, SPEC, split="train", num_views=11)
    with pytest.raises(ClipError, match="num_clips"):
        eval_clips(manifest, SPEC, split="train", num_clips=0)


def test_a_dataset_is_opened_from_paths_and_manifests(manifest, tmp_path):
    write_manifest(manifest, tmp_path / "manifest.csv")
    dataset = Dataset.open(manifest)
    assert dataset.whole is dataset.manifest is manifest
    assert Dataset.open(dataset) is dataset
    assert Dataset.open(str(tmp_path / "manifest.csv")).hash == manifest.hash


def test_keras_trains_on_it(manifest):
    import keras

    model = keras.Sequential([keras.layers.GlobalAveragePooling3D(), keras.layers.Dense(3, activation="softmax")])
    model.compile("sgd", "categorical_crossentropy")
    history = model.fit(
        train_clips(manifest, SPEC.replace(scale=0.01), 4, skips=[]), steps_per_epoch=2, shuffle=False, verbose=0
    )
    assert np.isfinite(history.history["loss"][0])


@pytest.mark.slow
def test_a_program_that_ends_amid_reading_ends(tmp_path):
    """Read-ahead threads are inside Python when the program stops: it must neither hang nor crash."""
    write_counting_video(tmp_path / "a.mp4", 60, height=48, width=64)
    program = f"""
from videocnn.clips import train_clips
from videocnn.manifest import Manifest, Video
from videocnn.spec import ClipSpec
manifest = Manifest((Video("a.mp4", ("x",), "train", "g", 60, 25.0),), ("x",), {str(tmp_path)!r})
clips = iter(train_clips(manifest, ClipSpec(10, (32, 32), (40, 40)), 4))
print(next(clips)[0].shape)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "(4, 10, 32, 32, 3)"), done.stderr
