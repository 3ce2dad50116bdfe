"""Fine-tuning runs: kept features give the weights of the plain way, what a run folder records, what is refused."""

import csv
import dataclasses
import json

import keras
import numpy as np
import pytest
from videos import counting_frames, write_video

from videocnn import models
from videocnn.errors import VideoCNNError
from videocnn.evaluate import evaluate
from videocnn.manifest import Manifest, Video, read_manifest, write_manifest
from videocnn.models import load_network, weights_hash
from videocnn.predict import predict
from videocnn.runs import RunError
from videocnn.train import ArgumentError, TransferArguments, train
from videocnn.train.epochs import RunKeeper
from videocnn.transfer import finetune

CLASSES = ("<script>alert(1)</script>", "calm")
QUICK = {"batch_size": 4, "validation_clips": 1, "quiet": True}


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    """Path of a manifest of 14 small videos in two classes, two for validation and three for testing."""
    root = tmp_path_factory.mktemp("videos")
    videos = []
    for number in range(14):
        split = "train" if number < 9 else "val" if number < 11 else "test"
        noise = np.random.default_rng(number).integers(0, 90, (16, 48, 64, 3))
        write_video(root / f"{number}.mp4", (counting_frames(16, 48, 64) // 2 + noise).astype("uint8"))
        videos.append(Video(f"{number}.mp4", (CLASSES[number % 2],), split, f"g{number}", 16, 25.0))
    write_manifest(Manifest(tuple(videos), CLASSES, root), root / "manifest.csv")
    return root / "manifest.csv"


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory):
    """Path of a single-frame network of five classes, as a file without a run folder."""
    keras.utils.set_random_seed(1)
    network = models.SingleFrame(classes=5, input_shape=(1, 40, 40, 3), width=0.02, norm="batch")
    models.set_clip_spec(network, class_names=tuple("abcde"), scale=0.02)
    path = tmp_path_factory.mktemp("pretrained") / "network.keras"
    network.save(path)
    return path


def weights(path):
    return {f"{layer.name}/{i}": w for layer in load_network(path).layers for i, w in enumerate(layer.get_weights())}


def run_json(folder):
    return json.loads((folder / "run.json").read_text())


def history(folder):
    with open(folder / "history.csv", newline="") as stream:
        return [{k: float(v) for k, v in row.items() if "seconds" not in k} for row in csv.DictReader(stream)]


def check_same(one, other):
    ours, theirs = (weights(folder / "last.keras") for folder in (one, other))
    assert set(ours) == set(theirs)
    for name, weight in ours.items():
        np.testing.assert_allclose(weight, theirs[name], rtol=1e-4, atol=1e-6, err_msg=name)
    for first, second in zip(history(one), history(other), strict=True):
        assert first == pytest.approx(second, rel=1e-3)


@pytest.mark.parametrize(
    ("regime", "recipe", "dropout"),
    [pytest.param("top", "modern", 0.0, marks=pytest.mark.slow), ("top3", "paper", 0.5)],
)
def test_kept_features_give_the_weights_of_the_plain_way(manifest, pretrained, tmp_path, regime, recipe, dropout):
    """Also where clips are blended (modern) and units dropped: batches and draws are the same."""
    options = {**QUICK, "regime": regime, "recipe": recipe, "dropout": dropout, "validate_every": 1}
    options |= {"epochs": 2, "learning_rate": 0.01}
    for name, features in (("plain", False), ("kept", True)):
        finetune(pretrained, manifest, tmp_path / name, features=features, **options)
    check_same(tmp_path / "plain", tmp_path / "kept")
    before = weights(pretrained)
    moved = {name for name, weight in weights(tmp_path / "kept").items() if not np.array_equal(weight, before[name])}
    layers = ["fc6", "fc7", "predictions"] if regime == "top3" else ["predictions"]
    assert {name.split("/")[0] for name in moved} == set(layers)
    kept = run_json(tmp_path / "kept")["features"]
    assert kept["num_clips"] == 2 * 2 * 4  # epochs, batches, clips: nine videos are two batches of four
    assert (tmp_path / "kept" / kept["file"]).stat().st_size == kept["bytes"]
    assert "features" not in run_json(tmp_path / "plain")


class StopAfter(RunKeeper):
    """A keeper that is interrupted in the third epoch, as Ctrl-C does."""

    def on_epoch_begin(self, epoch, logs=None):
        super().on_epoch_begin(epoch, logs)
        if epoch == 2:
            raise KeyboardInterrupt


@pytest.mark.slow
def test_interrupted_and_resumed_equals_uninterrupted(manifest, pretrained, tmp_path, monkeypatch):
    options = {**QUICK, "regime": "top3", "epochs": 4, "feature_epochs": 3}
    finetune(pretrained, manifest, tmp_path / "whole", **options)
    with monkeypatch.context() as patch:
        patch.setattr("videocnn.transfer.head.RunKeeper", StopAfter)
        with pytest.raises(KeyboardInterrupt):
            finetune(pretrained, manifest, tmp_path / "parts", **options)
    assert 1 <= len(history(tmp_path / "parts")) <= 2  # backups are rarer than epochs that last no time
    features = run_json(tmp_path / "parts")["features"]
    with monkeypatch.context() as patch:
        patch.setattr("videocnn.clips.train_clips", None)  # no clip is read again
        finetune(pretrained, manifest, tmp_path / "parts", resume=True, regime="top3", quiet=True)
        finetune(pretrained, manifest, tmp_path / "parts", resume=True, quiet=True)  # it is finished: nothing happens
    assert run_json(tmp_path / "parts")["features"] == features
    check_same(tmp_path / "whole", tmp_path / "parts")


@pytest.mark.slow
def test_a_tuned_run_is_a_run_like_any_other(manifest, tmp_path):
    """Also: the settled arguments come from the run that it starts from, and the recipe and arithmetic unless given."""
    tiny = {"model": "single_frame", "recipe": "modern", "width": 0.03, "frame_size": 40, "dtype": "bfloat16"}
    train(manifest, tmp_path / "first", epochs=1, seed=5, **tiny, **QUICK)
    network = finetune(tmp_path / "first", manifest, tmp_path / "second", epochs=1, seed=7, **QUICK)
    assert models.clip_spec(network).class_names == CLASSES
    run, first = run_json(tmp_path / "second"), run_json(tmp_path / "first")
    same = ("model", "stream", "width", "norm", "head", "frame_size", "scale", "recipe", "dtype")
    assert {name: run["arguments"][name] for name in same} == {name: first["arguments"][name] for name in same}
    assert (run["arguments"]["regime"], run["arguments"]["dropout"], run["arguments"]["seed"]) == ("top", 0.5, 7)
    assert run["pretrained"] == {
        "path": str(tmp_path / "first"),
        "weights_hash": weights_hash(load_network(tmp_path / "first")),
        "class_names": list(CLASSES),
        "data": str(manifest),
        "manifest_hash": first["manifest_hash"],
        "arguments": first["arguments"],
        "seen": {
            "val": {"num_videos": 2, "seen_videos": 0, "num_groups": 2, "seen_groups": 0},
            "test": {"num_videos": 3, "seen_videos": 0, "num_groups": 3, "seen_groups": 0},
        },
        "not_looked_for": "",
    }
    result = evaluate(tmp_path / "second", manifest, num_clips=2, num_views=1, quiet=True)
    assert (result["num_videos"], result["chance_hit_at_1"]) == (3, pytest.approx(2 / 3))
    (prediction,) = predict(tmp_path / "second", [manifest.parent / "0.mp4"], num_clips=1, quiet=True)
    assert {name for name, _ in prediction.labels} == set(CLASSES)
    with pytest.raises(RunError, match="is the run that is fine-tuned itself"):
        finetune(tmp_path / "second", manifest, tmp_path / "second", overwrite=True)
    network.save(tmp_path / "third.keras")
    with pytest.raises(RunError, match="was begun with another network"):
        finetune(tmp_path / "third.keras", manifest, tmp_path / "second", resume=True)
    with pytest.raises(RunError, match=r"made by `videocnn finetune`; resume it with that"):
        train(manifest, tmp_path / "second", resume=True)
    with pytest.raises(RunError, match="was not made by `videocnn finetune`"):
        finetune(tmp_path / "second", manifest, tmp_path / "first", resume=True)


@pytest.mark.slow
def test_a_network_that_has_seen_the_test_videos_is_warned_of(manifest, tmp_path, capsys):
    """Trained on one fold, tuned on another one: said before the training, even to who wants quiet."""
    tiny = {"model": "single_frame", "recipe": "modern", "width": 0.02, "frame_size": 40}
    whole = read_manifest(manifest)
    turned = tuple(
        dataclasses.replace(video, split={"train": "train", "val": "train", "test": "val", "": ""}[video.split])
        if number > 3 else dataclasses.replace(video, split="test")
        for number, video in enumerate(whole.videos)
    )  # fmt: skip
    write_manifest(dataclasses.replace(whole, videos=turned), manifest.parent / "fold2.csv")
    train(manifest.parent / "fold2.csv", tmp_path / "first", epochs=1, **tiny, **QUICK)
    capsys.readouterr()
    options = {**QUICK, "epochs": 1}
    words = "warning: Split test: the network that this one started from has seen 3 of its 3 groups (3 of 3 videos)"
    finetune(tmp_path / "first" / "model.keras", manifest, tmp_path / "second", **options)
    assert words in capsys.readouterr().err
    finetune(tmp_path / "second", manifest, tmp_path / "third", **options)  # by way of another one
    assert words in capsys.readouterr().err
    finetune(tmp_path / "first", manifest, tmp_path / "scratch", regime="scratch", **options)
    assert capsys.readouterr().err == ""
    assert "seen" not in run_json(tmp_path / "scratch")["pretrained"]
    finetune(load_network(tmp_path / "first"), manifest, tmp_path / "fourth", **{**options, "quiet": False})
    assert "has seen these videos cannot be told" in capsys.readouterr().err


@pytest.mark.slow
def test_a_replaced_run_keeps_features_that_fit(manifest, pretrained, tmp_path):
    options = {**QUICK, "epochs": 1, "regime": "top3"}
    finetune(pretrained, manifest, tmp_path / "run", learning_rate=0.01, **options)
    before = run_json(tmp_path / "run")["features"]
    finetune(pretrained, manifest, tmp_path / "run", overwrite=True, learning_rate=0.1, **options)
    after = run_json(tmp_path / "run")
    assert after["arguments"]["learning_rate"] == 0.1
    assert after["features"] == {**before, "seconds": 0}
    finetune(pretrained, manifest, tmp_path / "run", overwrite=True, augment="modern", **options)
    other = run_json(tmp_path / "run")["features"]
    assert other["file"] != before["file"]
    assert other["seconds"] > 0
    assert [path.name for path in (tmp_path / "run").glob("features*")] == [other["file"]]
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"width": 0.5}, ArgumentError, r"--width: is settled by the network"),
        ({"learnrate": 1}, ArgumentError, r"finetune\(\) has no argument learnrate"),
        ({"regime": "bottom"}, models.ModelError, "choose one of scratch, top, top3, all"),
        ({"regime": "all", "features": True}, ArgumentError, "--features: --regime all freezes no layer"),
        ({"dropout": 1.0}, ArgumentError, "--dropout: 1.0 is not between 0 and 0.99"),
        ({"feature_epochs": 0}, ArgumentError, "--feature-epochs: 0 is not between"),
    ],
)
def test_impossible_arguments_leave_no_folder(manifest, pretrained, tmp_path, arguments, error, message):
    with pytest.raises(error, match=message):
        finetune(pretrained, manifest, tmp_path / "run", **arguments)
    assert not (tmp_path / "run").exists()


def test_a_start_that_fails_keeps_the_run_that_it_would_replace(manifest, pretrained, tmp_path):
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "run.json").write_text("{}")
    for out, message in (("new", "cache_limit"), ("old", "cache_limit")):
        with pytest.raises(VideoCNNError, match=message):
            finetune(pretrained, manifest, tmp_path / out, cache=True, cache_limit=1e-6, overwrite=True, **QUICK)
    assert not (tmp_path / "new").exists()
    assert (tmp_path / "old" / "run.json").is_file()


@pytest.mark.parametrize(
    ("regime", "recipe", "expected"),
    [  # dropout, learning rate, epochs, minutes, features
        ("scratch", "paper", (0.5, 1e-3, 100, None, False)),
        ("top", "paper", (0.9, 1e-3, 100, None, True)),
        ("top3", "paper", (0.9, 1e-3, 100, None, True)),
        ("all", "paper", (0.9, 1e-4, 100, None, False)),
        ("scratch", "modern", (0.5, 1e-3, None, 10, False)),
        ("top", "modern", (0.5, 1e-3, 100, None, True)),
        ("all", "modern", (0.5, 1e-4, None, 10, False)),
    ],
)
def test_defaults_of_the_regimes(regime, recipe, expected):
    arguments = TransferArguments(regime=regime, recipe=recipe).resolve()
    names = ("dropout", "learning_rate", "epochs", "minutes", "features")
    assert tuple(getattr(arguments, name) for name in names) == expected
    assert TransferArguments(**json.loads(json.dumps(arguments.to_config()))).resolve() == arguments
    timed = TransferArguments(regime=regime, recipe=recipe, minutes=2).resolve()
    assert (timed.minutes, timed.epochs) == (2, None)
