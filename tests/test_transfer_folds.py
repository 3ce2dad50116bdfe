"""Several folds: found in order, continued after a kill, mean and spread as worked out by hand."""

import dataclasses
import io
import json
import os
from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from rich.console import Console
from typer.testing import CliRunner
from videos import write_counting_video

from videocnn import models
from videocnn.cli import make_app
from videocnn.evaluate import Scores, summarize, write_scores
from videocnn.files import write_json
from videocnn.manifest import Manifest, Video, write_manifest
from videocnn.runs import RunError
from videocnn.transfer import FoldError, finetune_folds, folds
from videocnn.transfer.folds import check_folds, find_folds, mean_figures, print_folds

NAMES = ("<script>alert(1)</script>", "calm")


def manifest(*splits, names=NAMES):
    videos = (Video(f"{i}.mp4", (names[i % 2],), split, f"g{i}") for i, split in enumerate(splits))
    return Manifest(tuple(videos), names)


def write_folds(folder, count=3):
    for number in range(1, count + 1):
        (folder / f"fold{number}").mkdir(parents=True)
        (folder / f"fold{number}" / "manifest.csv").write_text("path,labels,split,group,num_frames,fps\n")


def test_folds_are_found_in_the_order_of_their_numbers(tmp_path):
    write_folds(tmp_path, 11)
    (tmp_path / "fold2" / "index.json").write_text("{}")  # a folder of shards
    (tmp_path / "folder").mkdir()
    (tmp_path / "fold0x").mkdir()
    found = find_folds(tmp_path)
    assert list(found) == [f"fold{number}" for number in range(1, 12)]
    assert found["fold2"] == tmp_path / "fold2"
    assert found["fold10"] == tmp_path / "fold10" / "manifest.csv"


def test_one_fold_is_not_several(tmp_path):
    write_folds(tmp_path, 1)
    with pytest.raises(FoldError, match=r"holds 1 fold; several are fold1/manifest\.csv"):
        find_folds(tmp_path)


def test_folds_must_belong_together():
    good = manifest("train", "train", "test", "test")
    check_folds({"fold1": good, "fold2": good})
    with pytest.raises(FoldError, match=r"fold2.*fold1.*calm, wild"):
        check_folds({"fold1": good, "fold2": manifest("train", "train", "test", "test", names=("wild", NAMES[0]))})
    with pytest.raises(FoldError, match=r"fold2.*fold1.*order"):
        check_folds({"fold1": good, "fold2": manifest("train", "train", "test", "test", names=NAMES[::-1])})
    with pytest.raises(FoldError, match="fold2: has no test videos"):
        check_folds({"fold1": good, "fold2": manifest("train", "train", "val")})


def test_every_fold_is_looked_at_before_any_is_trained():
    good = manifest("train", "train", "test", "test")
    with pytest.raises(FoldError, match=r"fold3: class 'calm' is in test .* and has no training video"):
        check_folds({"fold1": good, "fold2": good, "fold3": manifest("train", "", "test", "test")})
    words = (
        r"fold2: class 'calm' has no test video, .* every class in every fold; .* or leave the class out of all folds"
    )
    with pytest.raises(FoldError, match=words):
        check_folds({"fold1": good, "fold2": manifest("train", "train", "test"), "fold3": good})
    several = manifest("train", "train", names=("x", "y"))
    test = dataclasses.replace(several.videos[0], path="z.mp4", group="z", labels=("x",), split="test")
    three = Manifest((*several.videos, Video("w.mp4", ("w",), "train"), test), ("w", "x", "y"))
    with pytest.raises(FoldError, match=r"fold1: class 'w' \(and 1 more\) has no test video"):
        check_folds({"fold1": three, "fold2": three})


@pytest.mark.slow
def test_a_bad_fold_is_found_before_the_first_is_trained(tmp_path):
    network, data = prepare(tmp_path)
    file = Path(data, "fold3", "manifest.csv")
    lines = file.read_text().splitlines(keepends=True)
    file.write_text("".join(line for line in lines if not ("calm" in line and ",train," in line)))
    result = run_command(network, data, "--folds", "all", "--out", tmp_path / "out", "--epochs", 1)
    assert result.exit_code == 1
    assert "fold3: class 'calm' is in test" in " ".join(result.output.split())
    assert not (tmp_path / "out").exists()


def write_run(folder, right):
    """Write a run measured on videos in groups of their own, of which it names those right that `right` marks."""
    labels = np.eye(2, dtype="float32")[[0, 1] * (len(right) // 2)]
    answers = np.where(np.array(right)[:, None], labels, 1 - labels) * 0.8 + 0.1
    paths = tuple(f"{number}.mp4" for number in range(len(right)))
    scores = Scores("test", NAMES, paths, paths, labels, answers[:, None].astype("float32"), "hash", 4)
    folder.mkdir(parents=True)
    write_scores(scores, folder)
    write_json(folder / "metrics.json", {"test": {**summarize(scores), "num_skipped": 1}})
    return folder


def test_mean_and_spread_are_those_worked_out_by_hand(tmp_path):
    runs = [
        write_run(tmp_path / "fold1", [1, 1, 1, 1, 0, 0, 0, 0]),  # 50 %
        write_run(tmp_path / "fold2", [1, 1, 1, 1, 1, 1, 0, 0]),  # 75 %
        write_run(tmp_path / "fold3", [1, 1, 1, 1, 1, 1, 1, 1]),  # 100 %
    ]
    result = folds.summarize_folds(runs)
    assert result["mean"]["video_hit_at_1"]["value"] == pytest.approx(0.75)
    assert result["spread"]["video_hit_at_1"] == pytest.approx(0.25)  # sqrt((0.0625 + 0 + 0.0625) / 2)
    assert (result["num_videos"], result["num_skipped"], result["chance_hit_at_1"]) == (24, 3, 0.5)
    assert [fold["video_hit_at_1"]["value"] for fold in result["folds"].values()] == [0.5, 0.75, 1.0]
    json.dumps(result, allow_nan=False)
    # The mean's variance is a ninth of the sum of the folds' own, p (1 - p) / n each, for draws of their own.
    deviation = np.sqrt((0.25 / 8 + 0.1875 / 8) / 9)
    figure = mean_figures(runs)["video_hit_at_1"]
    assert np.std(figure.draws) == pytest.approx(deviation, rel=0.1)
    paired = figure - mean_figures(runs)["video_hit_at_1"]
    assert paired.estimate().low == paired.estimate().high == 0
    console = Console(width=140, record=True, file=io.StringIO())
    print_folds(result, console=console)
    text = console.export_text()
    (spread,) = (line.split() for line in text.splitlines() if line.strip().startswith("spread "))
    assert spread[:2] == ["spread", "25.0"]
    assert "3 folds, 24 test videos in all, 3 videos skipped; 1 clip a video, 4 views a clip" in text
    assert "has seen" not in text
    write_json(runs[1] / "run.json", {"pretrained": {"seen": {"test": {"seen_videos": 5}}}})
    print_folds(folds.summarize_folds(runs), console=console)
    assert "has seen 5 of these 24 videos" in console.export_text()


class Steps:
    """Stands for training and evaluation: notes what they are asked for, and can fail as a kill does."""

    def __init__(self, monkeypatch, fails_at=None):
        self.calls = []
        self.fails_at = fails_at
        monkeypatch.setattr(folds, "finetune", self.finetune)
        monkeypatch.setattr(folds, "measure", lambda run, *_, **__: self.calls.append(("measure", run.name)))
        monkeypatch.setattr(folds, "check_folds", lambda _: None)
        monkeypatch.setattr(folds.Dataset, "open", lambda _: SimpleNamespace(manifest=None))
        monkeypatch.setattr(folds, "summarize_folds", lambda runs: {"runs": [str(run) for run in runs]})

    def finetune(self, network, source, out, *, resume, overwrite, quiet, **arguments):
        if out.name == self.fails_at:
            raise KeyboardInterrupt
        self.calls.append((out.name, resume, arguments))
        if not resume:
            out.mkdir(parents=True)
            write_json(out / "run.json", {"arguments": {"width": 0.5, "weights": None, "seed": 0, **arguments}})


def test_finished_folds_are_kept_and_the_rest_follows_with_their_arguments(tmp_path, monkeypatch):
    write_folds(tmp_path / "data")
    first = Steps(monkeypatch, fails_at="fold2")
    with pytest.raises(KeyboardInterrupt):
        finetune_folds("network", tmp_path / "data", tmp_path / "out", regime="top3", seed=4)
    assert first.calls == [("fold1", False, {"regime": "top3", "seed": 4}), ("measure", "fold1")]
    assert not (tmp_path / "out" / "folds.json").exists()
    rest = Steps(monkeypatch)
    result = finetune_folds("network", tmp_path / "data", tmp_path / "out", resume=True)
    taken_over = {"regime": "top3", "seed": 4}
    assert [call for call in rest.calls if call[0] != "measure"] == [
        ("fold1", True, {}),
        ("fold2", False, taken_over),
        ("fold3", False, taken_over),
    ]
    assert json.loads((tmp_path / "out" / "folds.json").read_text()) == result


def test_a_run_is_measured_once_in_each_way(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(folds, "evaluate", lambda run, source, **options: asked.append(options["num_clips"]))
    run = write_run(tmp_path / "run", [1, 1])  # one clip of four views
    (run / "model.keras").touch()
    os.utime(run / "model.keras", (0, 0))
    folds.measure(run, "manifest.csv", num_clips=1, num_views=4)
    assert asked == []
    folds.measure(run, "manifest.csv", num_clips=50, num_views=4)
    folds.measure(run, "manifest.csv", num_clips=1, num_views=2)
    assert asked == [50, 1]
    os.utime(run / "metrics.json", (0, 0))  # measured before the run was finished
    os.utime(run / "model.keras", (1, 1))
    folds.measure(run, "manifest.csv", num_clips=1, num_views=4)
    assert asked == [50, 1, 1]


def prepare(tmp_path):
    """Write three folds of nine videos, and a network; return their paths."""
    keras.utils.set_random_seed(0)
    network = models.SingleFrame(classes=3, input_shape=(1, 40, 40, 3), width=0.02)
    models.set_clip_spec(network, class_names=("a", "b", "c"), scale=0.02)
    network.save(tmp_path / "network.keras")
    for number in range(12):
        write_counting_video(tmp_path / f"{number}.mp4", 12, first=number * 30)
    for fold in range(3):
        splits = ["test" if number // 4 == fold else "train" for number in range(12)]
        rows = manifest(*splits).videos
        videos = (Video(str(tmp_path / v.path), v.labels, v.split, v.group, 12, 25.0) for v in rows)
        (tmp_path / f"data/fold{fold + 1}").mkdir(parents=True)
        write_manifest(Manifest(tuple(videos), NAMES), tmp_path / f"data/fold{fold + 1}/manifest.csv")
    return str(tmp_path / "network.keras"), str(tmp_path / "data")


def run_command(*arguments):
    return CliRunner().invoke(make_app(), ["finetune", *map(str, arguments)], env={"COLUMNS": "200"})


@pytest.mark.slow
def test_the_command_tunes_three_folds_and_goes_on(tmp_path):
    network, data = prepare(tmp_path)
    options = ["--folds", "all", "--clips", 2, "--views", 1, "--out", tmp_path / "out"]
    result = run_command(network, data, *options, "--regime", "top", "--epochs", 2, "--batch-size", 4)
    assert result.exit_code == 0, result.output
    assert "3 folds, 12 test videos in all" in result.output
    kept = json.loads((tmp_path / "out" / "folds.json").read_text())
    values = [fold["video_hit_at_1"]["value"] for fold in kept["folds"].values()]
    assert kept["mean"]["video_hit_at_1"]["value"] == pytest.approx(np.mean(values))
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").glob("fold*/*") if path.is_file()}
    (tmp_path / "out" / "fold2" / "metrics.json").unlink()
    result = run_command(network, data, *options, "--resume")
    assert result.exit_code == 0, result.output
    changed = {path for path, time in before.items() if path.stat().st_mtime_ns != time}
    assert {path.parent.name for path in changed} == {"fold2"}
    assert run_command(network, data, *options).exit_code == 1


@pytest.mark.slow
def test_the_third_fold_brings_no_advice_on_retracing(tmp_path, caplog):
    """Three validation videos in batches of two are two shapes a fold: at the third, TensorFlow would speak up."""
    network, data = prepare(tmp_path)
    for file in Path(data).glob("fold*/manifest.csv"):
        file.write_text(file.read_text().replace(",train,", ",val,", 3))
    options = {"num_clips": 2, "num_views": 1, "epochs": 1, "batch_size": 2, "validation_clips": 1, "quiet": True}
    finetune_folds(network, data, tmp_path / "out", regime="all", **options)
    assert [record.getMessage() for record in caplog.records if "retracing" in record.getMessage()] == []


def test_the_command_refuses_what_makes_no_sense(tmp_path):
    write_folds(tmp_path)
    for arguments, message in [
        (["--folds", "4"], "there is all"),
        (["--folds", "all", "--no-evaluate"], "reports figures of test videos"),
        ([], "add --folds all"),
    ]:
        result = run_command("network.keras", tmp_path, "--out", tmp_path / "out", *arguments)
        assert result.exit_code == 2
        assert message in result.output


@pytest.mark.slow
def test_the_command_evaluates_at_the_end_unless_told_not_to(tmp_path):
    network, data = prepare(tmp_path)
    source, options = f"{data}/fold1/manifest.csv", ["--epochs", 1, "--batch-size", 4, "--clips", 2]
    result = run_command(network, source, "--out", tmp_path / "one", "--no-evaluate", *options)
    assert f"videocnn evaluate {tmp_path}/one {source} --clips 2" in result.output
    assert not (tmp_path / "one" / "metrics.json").exists()
    result = run_command(network, source, "--out", tmp_path / "two", *options)
    assert "2 clips a video, 4 views a clip" in result.output
    assert json.loads((tmp_path / "two" / "metrics.json").read_text())["test"]["num_videos"] == 4
    result = run_command(network, source, "--out", tmp_path / "three", "--regime", "top3", "--width", "1")
    assert result.exit_code == 2
    with pytest.raises(RunError):
        folds.finetune(network, Path(source), tmp_path / "two")
