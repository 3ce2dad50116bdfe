"""What holds on three logical devices. TensorFlow splits a processor once a process, so `test_distribute.py` runs this
file in one of its own. Batches of 4 or 5 never divide by three: every check meets uneven shares.
"""

import csv
import json

import keras
import numpy as np
import pytest
import tensorflow as tf
from videos import write_counting_video

from videocnn import models
from videocnn.evaluate import evaluate, read_scores
from videocnn.manifest import Manifest, Video, write_manifest
from videocnn.models import load_network
from videocnn.train import DeviceError, open_devices, train
from videocnn.train.epochs import RunKeeper
from videocnn.video import VideoError

TINY = {"model": "single_frame", "width": 0.03, "frame_size": 40, "batch_size": 4, "scale": 0.02, "validation_clips": 1}
SAME = {**TINY, "dropout": 0.0, "learning_rate": 0.05, "quiet": True}  # what computes the same on any number of devices


@pytest.fixture(scope="module")
def devices():
    """The three devices; asked for before anything else runs."""
    return open_devices(logical=3)


@pytest.fixture(scope="module")
def manifest(devices, tmp_path_factory):
    """Path of a manifest of twelve small videos in two classes: eight to learn from, two to validate, two to test."""
    root = tmp_path_factory.mktemp("videos")
    videos = []
    for number in range(12):
        label, split = ("calm", "wild")[number % 2], "train" if number < 8 else "val" if number < 10 else "test"
        write_counting_video(root / f"{number}.mp4", 18, height=48, width=64, first=20 * number)
        videos.append(Video(f"{number}.mp4", (label,), split, f"g{number}", 18, 25.0))
    write_manifest(Manifest(tuple(videos), ("calm", "wild"), root), root / "manifest.csv")
    return root / "manifest.csv"


@pytest.fixture(scope="module")
def one(manifest, tmp_path_factory):
    """A run of three epochs on one device."""
    folder = tmp_path_factory.mktemp("one") / "run"
    train(manifest, folder, epochs=3, **SAME)
    return folder


def figures(folder):
    """Return loss, hit@1, validation loss and validation hit@1 of every epoch."""
    with open(folder / "history.csv", newline="") as stream:
        rows = list(csv.DictReader(stream))
    return np.array([[float(row[name]) for name in ("loss", "hit@1", "val_loss", "val_hit@1")] for row in rows])


def assert_same_weights(first, second, **tolerance):
    for one, other in zip(load_network(first).get_weights(), load_network(second).get_weights(), strict=True):
        np.testing.assert_allclose(one, other, **tolerance)


class StopAfter(RunKeeper):
    """A keeper that is interrupted in the second epoch, as Ctrl-C does."""

    def on_epoch_begin(self, epoch, logs=None):
        super().on_epoch_begin(epoch, logs)
        if epoch == 1:
            raise KeyboardInterrupt


@pytest.mark.parametrize("options", [{}, {"recipe": "modern", "norm": "none", "epochs": 3, "validate_every": 1}])
def test_losses_and_weights_equal_those_of_one_device(manifest, one, tmp_path, options):
    if options:
        one = tmp_path / "one"
        train(manifest, one, **SAME, **options)
    train(manifest, tmp_path / "three", logical=3, **{"epochs": 3, **SAME, **options})
    np.testing.assert_allclose(figures(tmp_path / "three"), figures(one), rtol=1e-4)
    assert_same_weights(tmp_path / "three", one, rtol=1e-3, atol=1e-5)


def test_a_resumed_run_goes_on_with_its_devices_or_with_others(manifest, one, tmp_path, monkeypatch, capsys):
    with monkeypatch.context() as patch:
        patch.setattr("videocnn.train.training.RunKeeper", StopAfter)
        for name in ("three", "other"):
            with pytest.raises(KeyboardInterrupt):
                train(manifest, tmp_path / name, epochs=3, logical=3, **SAME)
    train(manifest, tmp_path / "three", resume=True, quiet=True)
    record = {"names": ["CPU:0", "CPU:1", "CPU:2"], "gpus": None, "logical": 3, "learning_rate": 0.05}
    record |= {"batch_size": 4, "batch_size_per_device": 4 / 3, "from_epoch": 1}
    assert json.loads((tmp_path / "three" / "run.json").read_text())["devices"] == [record]

    # By hand: the run was begun by default, on a machine whose one device is a GPU; here it goes on by default too.
    run = json.loads((tmp_path / "other" / "run.json").read_text())
    run["devices"].append({**record, "names": ["GPU:0"], "logical": None, "batch_size_per_device": 4.0})
    (tmp_path / "other" / "run.json").write_text(json.dumps(run))
    train(manifest, tmp_path / "other", resume=True)
    last = json.loads((tmp_path / "other" / "run.json").read_text())["devices"][-1]
    assert (last["names"], last["from_epoch"]) == (["CPU:0"], 2)
    said = capsys.readouterr().err
    assert "1 device (CPU:0): batches of 4 clips, 4 a device, learning rate 0.05" in said
    assert "(before: GPU:0)" in said

    for name in ("three", "other"):
        np.testing.assert_allclose(figures(tmp_path / name), figures(one), rtol=1e-4)


def test_dropout_resumes_where_it_was(manifest, tmp_path, monkeypatch):
    options = {**TINY, "recipe": "modern", "epochs": 3, "validate_every": 1, "logical": 3, "quiet": True}
    train(manifest, tmp_path / "whole", **options)
    with monkeypatch.context() as patch:
        patch.setattr("videocnn.train.training.RunKeeper", StopAfter)
        with pytest.raises(KeyboardInterrupt):
            train(manifest, tmp_path / "parts", **options)
    train(manifest, tmp_path / "parts", resume=True, quiet=True)
    assert_same_weights(tmp_path / "parts", tmp_path / "whole", rtol=1e-5, atol=1e-7)


def test_devices_drop_different_units(devices):
    network = devices.place(keras.Sequential([keras.Input((64,)), keras.layers.Dropout(0.5)]))
    draw = tf.function(lambda: devices.strategy.run(lambda: network(tf.ones((2, 64)), training=True)))

    def drawn():
        devices.seed_dropout(network, 7, 3)
        return [part.numpy() for part in devices.strategy.experimental_local_results(draw())]

    first, again = drawn(), drawn()
    np.testing.assert_array_equal(first, again)
    assert not any((first[a] == first[b]).all() for a, b in ((0, 1), (0, 2), (1, 2)))


def test_each_device_takes_its_own_rows(devices):
    batches = tf.data.Dataset.range(40).batch(4, drop_remainder=True).map(lambda row: (row, 10 * row))
    iterator = iter(devices.split(batches, 4))
    for start in (0, 4):
        rows, tens, weights = (devices.strategy.experimental_local_results(part) for part in next(iterator))
        np.testing.assert_array_equal(np.concatenate(rows), [*range(start, start + 4), start, start + 1])
        np.testing.assert_array_equal(np.concatenate(tens), 10 * np.concatenate(rows))
        np.testing.assert_array_equal(np.concatenate(weights), [1.5, 1.5, 1.5, 1.5, 0, 0])


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_shared_functions_give_every_row_once(devices, size):
    rows = np.arange(size * 2, dtype=np.float32).reshape(size, 2)
    np.testing.assert_array_equal(tf.function(devices.shared(lambda x: x * 2))(rows), rows * 2)


def test_evaluation_gives_the_scores_of_one_device(manifest, one):
    options = {"split": "train", "num_clips": 3, "num_views": 2, "batch_size": 5, "quiet": True}  # 9 batches and 3 rows
    expected = evaluate(one, manifest, **options)
    scores = read_scores(one, "train")
    for run in (one, load_network(one)):
        result = evaluate(run, manifest, logical=3, **options)
        assert result["devices"] == ["CPU:0", "CPU:1", "CPU:2"]
        assert result["video_hit_at_1"] == expected["video_hit_at_1"]
        assert result["num_videos"] == 8
    shared = read_scores(one, "train")
    assert shared.paths == scores.paths
    np.testing.assert_allclose(shared.clip_scores, scores.clip_scores, rtol=1e-5)
    assert scores.clip_scores.std() > 1e-4  # else it could not fail


def test_a_file_that_does_not_decode_is_named(manifest, tmp_path):
    for label in ("calm", "wild"):
        (tmp_path / f"{label}.mp4").write_bytes(b"no video at all")
    videos = [Video(f"{label}.mp4", (label,), "train", label, 18, 25.0) for label in ("calm", "wild")]
    write_manifest(Manifest(tuple(videos), ("calm", "wild"), tmp_path), tmp_path / "manifest.csv")
    with pytest.raises(VideoError, match=r"(calm|wild)\.mp4"):
        train(tmp_path / "manifest.csv", tmp_path / "run", epochs=1, logical=3, **SAME)


def test_what_is_refused_afterwards(manifest, tmp_path):
    with pytest.raises(DeviceError, match=r"--batch-size 2: .*all 3 devices"):
        train(manifest, tmp_path / "run", epochs=1, logical=3, **{**SAME, "batch_size": 2})
    assert not (tmp_path / "run").exists()
    with pytest.raises(DeviceError, match=r"--logical 2: TensorFlow runs already, with 3 devices"):
        open_devices(logical=2)
    with pytest.raises(DeviceError, match=r"computes on CPU:0, CPU:1, CPU:2 already; .* CPU:0$"):
        open_devices(logical=1)
    assert open_devices(logical=3).strategy is open_devices(logical=3).strategy


def test_the_kept_network_is_an_ordinary_one(manifest, one, tmp_path):
    network = train(manifest, tmp_path / "run", epochs=1, dtype="bfloat16", logical=3, **SAME)
    assert models.clip_spec(network).class_names == ("calm", "wild")
    assert isinstance(network.weights[0].value, tf.Variable)
    assert not isinstance(network.weights[0].value, tf.distribute.DistributedValues)
