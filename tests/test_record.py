"""What a run has on record: its data and arguments when it begins, and that a resumed run is compared with them."""

import json
import shutil

import numpy as np
import pytest
from videos import write_counting_video

from videocnn.clips import Dataset
from videocnn.manifest import Manifest, Video, read_manifest, write_manifest
from videocnn.runs import RunError, find_data, look_back, read_run
from videocnn.runs.folder import sole_training
from videocnn.shards import write_shards
from videocnn.spec import ClipSpec
from videocnn.train import ArgumentError, TrainArguments, TransferArguments, train
from videocnn.train.epochs import RunKeeper
from videocnn.train.record import put_on_record, resumed_arguments
from videocnn.train.training import parse

SPEC = ClipSpec(6, frame_size=(34, 38), region_size=(40, 44), class_names=("a", "b"))
TINY = {"model": "single_frame", "width": 0.03, "frame_size": 40, "batch_size": 2, "quiet": True}
TWO = {**TINY, "epochs": 2}


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    """Path of a manifest of six videos in two classes, four of them for training; one more does not decode."""
    root = tmp_path_factory.mktemp("videos")
    videos = []
    for number in range(6):
        length, split = 14 if number == 0 else 12, "train" if number < 4 else "test"
        write_counting_video(root / f"{number}.mp4", length, height=40, width=44)
        videos.append(Video(f"{number}.mp4", ("ab"[number % 2],), split, f"g{number}", length, 25.0))
    (root / "broken.mp4").write_bytes(b"no video")
    whole = Manifest((*videos, Video("broken.mp4", ("a",), "train", "g6", 12, 25.0)), None, root)
    write_manifest(whole, root / "with_broken.csv")
    write_manifest(Manifest(tuple(videos), None, root), root / "manifest.csv")
    return root / "manifest.csv"


class Stopped(RunKeeper):
    """A keeper that is interrupted in the second epoch, as Ctrl-C does."""

    def on_epoch_begin(self, epoch, logs=None):
        super().on_epoch_begin(epoch, logs)
        if epoch == 1:
            raise KeyboardInterrupt


@pytest.fixture
def begun(manifest, tmp_path, monkeypatch):
    """Return a function that begins a run and returns its folder."""

    def begin(name="run", **options):
        with monkeypatch.context() as patch:
            patch.setattr("videocnn.train.training.RunKeeper", Stopped)
            with pytest.raises(KeyboardInterrupt):
                train(manifest, tmp_path / name, **TWO, **options)
        return tmp_path / name

    return begin


def test_shards_that_had_to_leave_a_video_out_are_known_again(manifest, tmp_path):
    """What was trained on is found by its hash: that of the whole data set, as evaluation has it."""
    whole = read_manifest(manifest.parent / "with_broken.csv")
    shards = write_shards(whole, tmp_path / "shards", frame_size=(40, 44), quiet=True)
    assert len(shards.skips) == 1
    for source in (tmp_path / "shards", shards):
        (tmp_path / "run").mkdir()
        put_on_record(tmp_path / "run", Dataset.open(source), SPEC, parse({}), resume=False)
        settings = read_run(tmp_path / "run")
        assert (settings["manifest_hash"], settings["num_train_videos"]) == (whole.hash, 4)
        assert put_on_record(tmp_path / "run", Dataset.open(source), SPEC, parse({}), resume=True) == 4
        shutil.rmtree(tmp_path / "run")
        assert find_data(settings)[1] == ""
        other = Manifest(tuple(Video(v.path, v.labels, "test", v.group) for v in whole.videos), root=whole.root)
        back = look_back(settings, other)
        assert (back["not_looked_for"], back["seen"]["test"]["seen_videos"]) == ("", 5)


def test_other_usable_videos_are_other_data(manifest, tmp_path):
    put_on_record(tmp_path, Dataset.open(manifest), SPEC, parse({}), resume=False)
    long = ClipSpec(13, frame_size=(34, 38), region_size=(40, 44), class_names=("a", "b"))
    with pytest.raises(RunError, match="was trained on other data"):
        put_on_record(tmp_path, Dataset.open(manifest), long, parse({}), resume=True)


def test_figures_of_weights_that_go_on_learning_are_removed(manifest, begun, capsys):
    folder = begun()
    for name in ("metrics.json", "scores_test.npz", "skipped_test.csv", "confusion.png"):
        (folder / name).write_text("{}")
    train(manifest, folder, resume=True)
    assert not {"metrics.json", "scores_test.npz", "skipped_test.csv"} & {path.name for path in folder.iterdir()}
    assert (folder / "confusion.png").exists()
    words = "metrics.json, scores_test.npz, skipped_test.csv measured weights that now go on learning: removed"
    assert words in capsys.readouterr().err
    (folder / "metrics.json").write_text("{}")
    train(manifest, folder, resume=True, quiet=True)  # has ended: nothing more is learnt
    assert (folder / "metrics.json").exists()


def test_the_weights_that_it_started_from_are_not_needed_again(manifest, begun, tmp_path, monkeypatch):
    train(manifest, tmp_path / "first", **TWO)
    monkeypatch.chdir(tmp_path)
    folder = begun("second", weights="first/model.keras")
    assert read_run(folder)["arguments"]["weights"] == str(tmp_path / "first" / "model.keras")
    with pytest.raises(RunError, match=r"started with --weights .*first/model\.keras, not .*other\.keras"):
        train(manifest, folder, resume=True, weights="other.keras")
    shutil.rmtree(tmp_path / "first")
    train(manifest, folder, resume=True, quiet=True, weights="first/model.keras")
    assert json.loads((folder / "backup" / "state.json").read_text())["finished"]


def test_a_second_job_on_one_run_is_refused(manifest, begun):
    folder = begun()
    for options in ({"resume": True, "quiet": True}, {"overwrite": True, **TWO}):
        with sole_training(folder), pytest.raises(RunError, match="another job is training this run"):
            train(manifest, folder, **options)
        assert (folder / "backup" / "state.json").exists()
    train(manifest, folder, resume=True, quiet=True)
    before = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    train(manifest, folder, resume=True, quiet=True)  # a run that has ended stays as it was
    assert {path.name: path.stat().st_mtime_ns for path in folder.iterdir()} == before
    assert ".writing-lock" in before


def test_names_that_do_not_exist_are_named_when_a_run_is_resumed(manifest, begun):
    folder = begun()
    with pytest.raises(ArgumentError, match=r"train\(\) has no argument lerning_rate"):
        train(manifest, folder, resume=True, lerning_rate=1e-4)
    with pytest.raises(ArgumentError, match=r"finetune\(\) has no argument lerning_rate"):
        resumed_arguments(folder, {"lerning_rate": 1e-4}, TransferArguments)
    with pytest.raises(RunError, match="was not made by `videocnn finetune`"):
        resumed_arguments(folder, {}, TransferArguments)


def test_numbers_of_numpy_and_paths_are_kept_as_text_can_hold_them(manifest, tmp_path):
    """They are no reason to lose the run that is replaced, nor to fail after it."""
    train(manifest, tmp_path / "run", **TWO)
    options = {**TWO, "seed": np.int64(3), "learning_rate": np.float32(0.25), "cache": np.True_}
    train(manifest, tmp_path / "run", overwrite=True, **options)
    stored = read_run(tmp_path / "run")["arguments"]
    assert (stored["seed"], stored["learning_rate"], stored["cache"]) == (3, 0.25, True)
    assert resumed_arguments(tmp_path / "run", {"seed": options["seed"]}, TrainArguments).seed == 3
    with pytest.raises(RunError, match="started with --seed 3, not 4; leave --seed out"):
        resumed_arguments(tmp_path / "run", {"seed": np.int64(4)}, TrainArguments)
