"""Several devices: what is asked for, what is refused, that a killed run goes on; figures: `on_three_devices.py`."""

import csv
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from videos import write_counting_video

from videocnn.manifest import Manifest, Video, write_manifest
from videocnn.runs import RunError
from videocnn.train import DeviceError, Devices, distribute, open_devices

THREE = Path(__file__).with_name("on_three_devices.py")


@pytest.fixture
def four_gpus(monkeypatch):
    """TensorFlow as it would be with four GPUs; returns what strategies are made over."""
    made = []
    monkeypatch.setattr(tf.config, "get_visible_devices", lambda kind: [object()] * 4)
    monkeypatch.setattr(tf.distribute, "MirroredStrategy", lambda names: made.append(names) or object())
    monkeypatch.setattr(distribute, "_strategies", {})
    return made


@pytest.mark.parametrize("value", ["two", "0", "-1", "1.5", 0])
def test_a_number_of_gpus_is_all_or_1_and_more(value):
    with pytest.raises(DeviceError, match=f"--gpus {value}: "):
        open_devices(gpus=value)


def test_every_layer_and_epoch_drops_its_own_units():
    network = keras.Sequential([keras.Input((64,)), keras.layers.Dropout(0.5), keras.layers.Dropout(0.5)])
    masks = []
    for epoch in (0, 1, 0):
        open_devices().seed_dropout(network, 7, epoch)
        # Two draws an epoch: those of epoch 1 must not be those of epoch 0 one step on.
        masks.append([[layer(np.ones((1, 64)), training=True) for layer in network.layers] for _ in range(2)])
    first, second, again = np.reshape(masks, (3, 4, 64))
    np.testing.assert_array_equal(first, again)
    assert len(np.unique(np.concatenate([first, second]), axis=0)) == 8


def test_without_arguments_one_device_computes():
    devices = open_devices()
    assert (len(devices), devices.strategy) == (1, None)
    assert (devices.place("network"), devices.shared(abs), devices.split("batches", 1)) == ("network", abs, "batches")


@pytest.mark.skipif(bool(tf.config.list_physical_devices("GPU")), reason="this machine has a GPU")
@pytest.mark.parametrize("gpus", [1, 2, "3", "all"])
def test_gpus_that_are_not_there_are_counted(gpus):
    with pytest.raises(DeviceError, match=rf"--gpus {gpus}: TensorFlow sees 0 GPUs .* --logical [23] splits"):
        open_devices(gpus=gpus)


@pytest.mark.parametrize(("gpus", "number"), [(2, 2), ("3", 3), ("all", 4)])
def test_gpus_are_taken_in_their_order(four_gpus, gpus, number):
    devices = open_devices(gpus=gpus)
    assert four_gpus == [[f"GPU:{i}" for i in range(number)]]
    assert (devices.gpus, devices.names) == (number, tuple(four_gpus[0]))


def test_one_gpu_needs_no_strategy_and_five_are_too_many(four_gpus):
    assert open_devices(gpus=1) == Devices(("GPU:0",), gpus=1)
    with pytest.raises(DeviceError, match=r"--gpus 5: TensorFlow sees 4 GPUs .* --gpus 4"):
        open_devices(gpus=5)
    assert four_gpus == []


@pytest.mark.parametrize("logical", [0, -2, 65])
def test_logical_devices_are_1_to_64(logical):
    with pytest.raises(DeviceError, match=f"--logical {logical}: is not between 1 and 64"):
        open_devices(logical=logical)


def test_gpus_and_logical_exclude_each_other():
    with pytest.raises(DeviceError, match="exclude"):
        open_devices(gpus=2, logical=2)


def test_logical_devices_are_refused_once_tensorflow_runs():
    tf.zeros(1)
    with pytest.raises(DeviceError, match=r"--logical 7: TensorFlow runs already, with 1 device .*open_devices first"):
        open_devices(logical=7)


def test_an_old_keras_that_counts_gradients_double_is_refused(four_gpus, monkeypatch):
    monkeypatch.setattr("keras.__version__", "3.7.0")
    with pytest.raises(DeviceError, match=r"Keras 3\.7\.0 .* keras>=3\.8"):
        open_devices(gpus=2)


def test_a_resumed_run_says_which_devices_it_misses(tmp_path, four_gpus):
    (tmp_path / "run.json").write_text(json.dumps({"devices": [{"gpus": None}, {"gpus": 8, "logical": None}]}))
    with pytest.raises(RunError, match=r"--gpus 8: TensorFlow sees 4 GPUs .*--logical 1"):
        open_devices(resume=tmp_path)
    assert len(open_devices(gpus=2, resume=tmp_path)) == 2


def test_batches_are_those_of_all_devices_together():
    devices = Devices(("GPU:0", "GPU:1", "GPU:2"))
    assert [devices.share(size) for size in (3, 4, 6, 32)] == [1, 2, 2, 11]
    with pytest.raises(DeviceError, match=r"--batch-size 2: .* all 3 devices"):
        devices.share(2)
    assert "3 devices (GPU:0, GPU:1, GPU:2): batches of 32 clips, 10.6667 a device, learning rate 0.001." in (
        devices.describe(32, 0.001)
    )


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_three_devices_compute_what_one_does():
    done = subprocess.run(
        [sys.executable, "-m", "pytest", THREE, "-p", "no:xdist", "-q", "--timeout", "3600"],
        capture_output=True, text=True, cwd=THREE.parent.parent,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_killed_run_on_two_devices_ends_as_one_on_one_device(tmp_path):
    videos = []
    for number in range(10):
        label, split = ("calm", "wild")[number % 2], "val" if number > 7 else "train"
        write_counting_video(tmp_path / f"{number}.mp4", 18, height=48, width=64)
        videos.append(Video(f"{number}.mp4", (label,), split, f"g{number}", 18, 25.0))
    write_manifest(Manifest(tuple(videos), ("calm", "wild"), tmp_path), tmp_path / "manifest.csv")
    command = [sys.executable, "-m", "videocnn", "train", tmp_path / "manifest.csv"]
    options = ["--epochs", "40", "--model", "single_frame", "--width", "0.03", "--frame-size", "40"]
    options += ["--batch-size", "4", "--dropout", "0", "--scale", "0.02"]
    subprocess.run([*command, *options, "--out", tmp_path / "one"], check=True)
    killed = [*command, *options, "--logical", "2", "--out", tmp_path / "two"]
    with subprocess.Popen(killed, stderr=subprocess.PIPE, text=True) as process:
        state = tmp_path / "two" / "backup" / "state.json"
        deadline = time.monotonic() + 900
        while not state.exists() and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
        output = process.stderr.read()
    assert "2 devices (CPU:0, CPU:1): batches of 4 clips, 2 a device, learning rate 0.001." in output
    assert "raise --batch-size, and --learning-rate in proportion" in output
    assert 1 <= json.loads(state.read_text())["epoch"] < 40
    subprocess.run([*command, "--out", tmp_path / "two", "--resume"], check=True)
    assert json.loads((tmp_path / "two" / "run.json").read_text())["devices"][-1]["logical"] == 2
    losses = []
    for name in ("one", "two"):
        with open(tmp_path / name / "history.csv", newline="") as stream:
            losses.append([[float(row["loss"]), float(row["val_loss"])] for row in csv.DictReader(stream)])
    assert len(losses[0]) == 40
    np.testing.assert_allclose(losses[1], losses[0], rtol=1e-3)
