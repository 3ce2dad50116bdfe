"""Training runs: what a run folder holds, that a killed run ends as an uninterrupted one, and what is refused."""

import csv
import dataclasses
import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import time

import keras
import numpy as np
import pytest
from videos import write_counting_video

from videocnn import models
from videocnn.errors import VideoCNNError
from videocnn.files import WriteError, write_file
from videocnn.manifest import Manifest, Video, read_manifest, write_manifest
from videocnn.models import load_network, weights_hash
from videocnn.runs import RunError, create_run, read_run
from videocnn.train import ArgumentError, train
from videocnn.train.epochs import RunKeeper
from videocnn.train.training import build_network, hit_at_1, parse

TINY = {"model": "single_frame", "width": 0.03, "frame_size": 40, "batch_size": 4, "scale": 0.02, "validation_clips": 1}

FOUR_EPOCHS = {**TINY, "epochs": 4, "validate_every": 1, "seed": 3, "quiet": True}


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    """Path of a manifest of ten small videos in two classes, two of them for validation."""
    root = tmp_path_factory.mktemp("videos")
    videos = []
    for number in range(10):
        label, split = ("calm", "wild")[number % 2], "val" if number > 7 else "train"
        write_counting_video(root / f"{number}.mp4", 18, height=48, width=64)
        videos.append(Video(f"{number}.mp4", (label,), split, f"g{number}", 18, 25.0))
    write_manifest(Manifest(tuple(videos), ("calm", "wild"), root), root / "manifest.csv")
    return root / "manifest.csv"


def weights(path):
    return models.load_model(path).get_weights()


TIMES = {"seconds": 0, "train_seconds": 0}


def history(folder):
    with open(folder / "history.csv", newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.fixture(scope="module")
def finished(manifest, tmp_path_factory):
    """A finished run of four epochs, seed 3, that no test changes; and what `train` returned."""
    folder = tmp_path_factory.mktemp("finished") / "run"
    tensorboard = importlib.util.find_spec("tensorboard") is not None
    return folder, train(manifest, folder, tensorboard=tensorboard, **FOUR_EPOCHS)


@pytest.fixture
def copied(finished, tmp_path):
    """A copy of it."""
    return shutil.copytree(finished[0], tmp_path / "run")


def test_a_run_folder_holds_what_it_promises(finished):
    folder, model = finished
    assert models.clip_spec(model).class_names == ("calm", "wild")
    assert models.clip_spec(model).scale == 0.02
    run = json.loads((folder / "run.json").read_text())
    assert run["arguments"]["weight_decay"] == 5e-4
    assert run["arguments"]["seed"] == 3
    assert run["num_train_videos"] == 8
    assert {"tensorflow", "keras", "videocnn"} <= set(run["versions"])
    assert run["hardware"]["processors"] >= 1
    rows = history(folder)
    assert [row["epoch"] for row in rows] == ["1", "2", "3", "4"]
    assert [row["clips"] for row in rows] == ["8", "16", "24", "32"]
    assert float(rows[1]["val_loss"]) > 0
    assert 0 < float(rows[1]["train_seconds"]) < float(rows[1]["seconds"])
    assert {"model.keras", "last.keras"} <= {path.name for path in folder.iterdir()}
    assert not list((folder / "backup").glob("*.npz"))


def test_every_weight_moves(finished):
    keras.utils.set_random_seed(3)
    before = build_network(parse({**TINY, "seed": 3}), ("calm", "wild")).get_weights()
    for first, second in zip(before, weights(finished[0] / "last.keras"), strict=True):
        assert (first != second).any()


class StopAfter(RunKeeper):
    """A keeper that is interrupted in the third epoch, as Ctrl-C does."""

    def on_epoch_begin(self, epoch, logs=None):
        super().on_epoch_begin(epoch, logs)
        if epoch == 2:
            raise KeyboardInterrupt


@pytest.mark.parametrize("recipe", ["paper", pytest.param("modern", marks=pytest.mark.slow)])
def test_interrupted_and_resumed_equals_uninterrupted(manifest, finished, tmp_path, monkeypatch, recipe):
    """So the seed decides: these are two runs with one seed."""
    options = {**FOUR_EPOCHS, "recipe": recipe}
    if recipe == "paper":  # the default
        whole = finished[0]
    else:
        whole = tmp_path / "whole"
        train(manifest, whole, **options)
    with monkeypatch.context() as patch:
        patch.setattr("videocnn.train.training.RunKeeper", StopAfter)
        with pytest.raises(KeyboardInterrupt):
            train(manifest, tmp_path / "parts", **options)
    assert 1 <= len(history(tmp_path / "parts")) < 4
    train(manifest, tmp_path / "parts", resume=True, quiet=True)
    for name in ("last.keras", "model.keras"):
        for first, second in zip(weights(whole / name), weights(tmp_path / "parts" / name), strict=True):
            np.testing.assert_array_equal(first, second)
    for first, second in zip(history(whole), history(tmp_path / "parts"), strict=True):
        assert {**first, **TIMES} == {**second, **TIMES}


@pytest.mark.slow
def test_killed_and_resumed_equals_uninterrupted(manifest, tmp_path):
    command = [sys.executable, "-m", "videocnn", "train", manifest, "--epochs", "60", "--model", "single_frame"]
    command += ["--width", "0.03", "--frame-size", "40", "--batch-size", "4"]
    subprocess.run([*command, "--out", tmp_path / "whole"], check=True)
    with subprocess.Popen([*command, "--out", tmp_path / "parts"]) as process:
        state, deadline = tmp_path / "parts" / "backup" / "state.json", time.monotonic() + 500
        while process.poll() is None and time.monotonic() < deadline:
            if state.exists() and json.loads(state.read_text())["epoch"] >= 2:
                break
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    assert 2 <= json.loads(state.read_text())["epoch"] < 60
    subprocess.run([*command[:5], "--out", tmp_path / "parts", "--resume"], check=True)
    for whole, parts in zip(
        weights(tmp_path / "whole" / "last.keras"), weights(tmp_path / "parts" / "last.keras"), strict=True
    ):
        np.testing.assert_array_equal(whole, parts)


def test_quiet_prints_nothing(manifest, tmp_path, capfd):
    """Validation included; TensorFlow's own lines about the machine apart."""
    train(manifest, tmp_path / "run", epochs=1, validate_every=1, quiet=True, **TINY)
    printed = "".join(capfd.readouterr())
    assert "epoch" not in printed
    assert "loss" not in printed


def test_a_run_stops_by_time(manifest, tmp_path):
    train(manifest, tmp_path / "run", minutes=0.02, quiet=True, **TINY)
    ends = [float(row["seconds"]) for row in history(tmp_path / "run")]
    assert ends[-1] >= 1.2
    assert all(seconds < 1.2 for seconds in ends[:-2])  # the validation of the last but one may take it over the end
    assert json.loads((tmp_path / "run" / "backup" / "state.json").read_text())["finished"]


def test_an_existing_run_is_refused_resumed_or_replaced(manifest, copied):
    with pytest.raises(RunError, match=r"--resume .* --overwrite"):
        train(manifest, copied, epochs=1, quiet=True, **TINY)
    with pytest.raises(RunError, match="--width"):
        train(manifest, copied, resume=True, width=1.0)
    before = weights(copied / "model.keras")
    after = train(manifest, copied, resume=True, quiet=True).get_weights()
    for first, second in zip(before, after, strict=True):
        np.testing.assert_array_equal(first, second)
    last = weights(copied / "last.keras")
    train(manifest, copied, overwrite=True, **{**FOUR_EPOCHS, "seed": 4})
    assert json.loads((copied / "run.json").read_text())["arguments"]["seed"] == 4
    assert not (copied / "tensorboard").exists()
    assert any((first != second).any() for first, second in zip(last, weights(copied / "last.keras"), strict=True))


def test_other_data_cannot_resume_a_run(manifest, copied, tmp_path):
    (tmp_path / "other").mkdir()
    text = manifest.read_text().replace("g0", "another")
    for number in range(10):
        text = text.replace(f"{number}.mp4", str(manifest.parent / f"{number}.mp4"))
    (tmp_path / "other" / "manifest.csv").write_text(text)
    with pytest.raises(RunError, match="other data"):
        train(tmp_path / "other" / "manifest.csv", copied, resume=True)


def test_overwrite_spares_what_is_no_run(tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(RunError, match="not a run folder"):
        create_run(tmp_path, overwrite=True)
    assert (tmp_path / "thesis.txt").exists()


def test_unknown_arguments_are_named(manifest, tmp_path):
    with pytest.raises(ArgumentError, match="learnrate"):
        train(manifest, tmp_path / "run", learnrate=1)
    assert not (tmp_path / "run").exists()


def test_a_full_disk_leaves_the_old_file_whole(tmp_path):
    path = tmp_path / "state.json"
    path.write_text("old")

    def write(file):
        file.write_text("half")
        raise OSError(28, os.strerror(28))

    with pytest.raises(WriteError, match="free some space"):
        write_file(path, write)
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["state.json"]


def test_hit_at_1_takes_any_of_several_labels():
    labels = np.array([[0.5, 0.5, 0], [0, 0, 1.0]], "float32")
    scores = np.array([[0.1, 0.8, 0.1], [0.4, 0.3, 0.3]], "float32")
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(hit_at_1(labels, scores)), [1, 0])


def test_curves_for_tensorboard_on_request(finished):
    pytest.importorskip("tensorboard")
    assert list((finished[0] / "tensorboard").rglob("events*"))


class Rigged(RunKeeper):
    """A keeper whose second validation of three is the best: as many hits as the third and a lower loss."""

    def measure(self):
        super().measure()
        return [(2.0, 0.5), (1.0, 0.75), (1.5, 0.75)][self.state["epoch"]]


@pytest.mark.parametrize("keep", ["best", "last"])
def test_model_keras_holds_the_weights_that_were_asked_for(manifest, tmp_path, monkeypatch, keep):
    monkeypatch.setattr("videocnn.train.training.RunKeeper", Rigged)
    train(manifest, tmp_path / "run", epochs=3, keep=keep, quiet=True, **TINY)
    state = json.loads((tmp_path / "run" / "backup" / "state.json").read_text())
    assert state["best"] == {"epoch": 2, "val_loss": 1.0, "val_hit@1": 0.75}
    kept, last = weights(tmp_path / "run" / "model.keras"), weights(tmp_path / "run" / "last.keras")
    assert all(np.array_equal(one, other) for one, other in zip(kept, last, strict=True)) == (keep == "last")


def test_a_run_that_diverges_says_so(manifest, tmp_path):
    with pytest.raises(RunError, match=r"diverged; .* --learning-rate below 100"):
        train(manifest, tmp_path / "run", epochs=5, learning_rate=100.0, quiet=True, **TINY)


FULL_DISK = """
import resource, sys
from videocnn.cli import main

sys.argv = ["videocnn", *sys.argv[1:]]
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
main()
"""


@pytest.mark.slow
def test_a_disk_that_fills_ends_a_run_with_one_line(manifest, tmp_path):
    """The system refuses larger files, as a full disk does."""
    command = ["train", manifest, "--model", "single_frame", "--width", "0.06", "--frame-size", "48", "--epochs", "3"]
    command += ["--batch-size", "4", "--validate-every", "9", "--out", tmp_path / "run"]
    done = subprocess.run([sys.executable, "-c", FULL_DISK, *command], capture_output=True, text=True, timeout=300)
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    assert "epoch-000001.npz: could not be written" in " ".join(done.stderr.split())
    assert not list((tmp_path / "run" / "backup").iterdir())


def test_a_start_that_fails_leaves_no_folder_and_keeps_an_old_run(manifest, copied, tmp_path):
    for options in ({"cache": True, "cache_limit": 1e-6}, {"weights": "absent.weights.h5"}):
        with pytest.raises(VideoCNNError, match=r"cache_limit|absent\.weights\.h5"):
            train(manifest, tmp_path / "new", **FOUR_EPOCHS, **options)
        assert not (tmp_path / "new").exists()
        with pytest.raises(VideoCNNError):
            train(manifest, copied, overwrite=True, **FOUR_EPOCHS, **options)
        assert (copied / "model.keras").is_file()
    with pytest.raises(RunError, match="exists already"):
        train(manifest, copied, **FOUR_EPOCHS, weights="absent.weights.h5")


def test_validation_frames_are_kept_within_what_training_leaves(manifest, tmp_path):
    """Eight videos of 18 frames are kept for training and two for validation, 47 x 47 pixels each."""
    needed = 10 * 18 * 47 * 47 * 3 / 2**30
    options = {**FOUR_EPOCHS, "epochs": 1, "cache": True}
    with pytest.raises(VideoCNNError, match=r"for 36 frames of 47x47"):
        train(manifest, tmp_path / "run", cache_limit=0.99 * needed, **options)
    train(manifest, tmp_path / "run", cache_limit=1.01 * needed, **options)


def test_what_weights_have_seen_is_on_record(manifest, finished, tmp_path, capsys):
    """The test videos of these data were trained on by the run that the weights are of; of its own data none were."""
    folder, _ = finished
    found = read_manifest(manifest)
    turned = [dataclasses.replace(v, split={"train": "test", "val": "train"}[v.split]) for v in found.videos]
    write_manifest(dataclasses.replace(found, videos=tuple(turned)), manifest.parent / "turned.csv")
    options = {**TINY, "epochs": 1, "quiet": True, "weights": str(folder / "model.keras")}
    train(manifest, tmp_path / "same", **options)
    assert capsys.readouterr().err == ""
    train(manifest.parent / "turned.csv", tmp_path / "second", **options)
    words = "Split test: the network that this one started from has seen 8 of its 8 groups (8 of 8 videos)"
    assert f"warning: {words}" in capsys.readouterr().err
    run, first = (read_run(at) for at in (tmp_path / "second", folder))
    assert run["pretrained"].pop("seen")["test"]["seen_videos"] == 8
    assert run["pretrained"] == {
        "path": str(folder / "model.keras"), "arguments": None, "class_names": ["calm", "wild"],
        "data": str(manifest), "manifest_hash": first["manifest_hash"], "not_looked_for": "",
        "weights_hash": weights_hash(load_network(folder)),
    }  # fmt: skip
    card = (tmp_path / "second" / "README.md").read_text().replace("\\", "")
    assert words in card
    assert "Started from the weights of run/model.keras (weights" in card
    # weights that lie nowhere
    shutil.copy(folder / "model.keras", tmp_path / "found.keras")
    train(manifest, tmp_path / "third", **{**options, "weights": str(tmp_path / "found.keras"), "quiet": False})
    assert "has seen these videos cannot be told" in capsys.readouterr().err
    assert "which learnt classes that are not on record" in (tmp_path / "third" / "README.md").read_text()
    with pytest.raises(RunError, match="has the weights in it that the run starts from"):
        train(
            manifest, tmp_path / "same", overwrite=True, **{**options, "weights": str(tmp_path / "same" / "last.keras")}
        )
