"""The script that trains for the tables: which commands it gives, what it leaves out when it goes on."""

import argparse
import importlib.util
import json
import sys
from pathlib import Path

import pytest
import typer.main

from videocnn.cli import make_app
from videocnn.datasets.toy.classes import CLASSES
from videocnn.manifest import Manifest, Video, read_manifest, write_manifest
from videocnn.runs import seen_before
from videocnn.transfer.folds import check_folds

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "tables.py"


@pytest.fixture
def script(monkeypatch):
    specification = importlib.util.spec_from_file_location("benchmark_tables", SCRIPT)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)

    def shown(capsys, *arguments):
        monkeypatch.setattr(sys, "argv", ["tables.py", "--dry-run", *map(str, arguments)])
        module.main()
        lines = capsys.readouterr().out.splitlines()
        shown.remarks = [line for line in lines if not line.startswith("$ videocnn ")]
        return [line.split()[2:] for line in lines if line.startswith("$ videocnn ")]

    shown.module = module
    monkeypatch.delenv("VIDEOCNN_DATA", raising=False)
    return shown


def test_every_network_and_stream_is_trained_and_measured(script, capsys, tmp_path):
    commands = script(capsys, "--out", tmp_path)
    trained = [
        (c[c.index("--model") + 1], c[c.index("--stream") + 1], c[c.index("--out") + 1])
        for c in commands
        if c[0] == "train" and "--stream" in c
    ]
    assert len(set(trained)) == 16
    assert [c[1] for c in commands if c[0] == "evaluate"] == [folder for *_, folder in trained]
    assert [c[1] for c in commands if c[0] == "tables" and "--out" not in c] == ["1", "2", "speed", "3"]
    assert not any(tmp_path.iterdir())


def test_transfer_is_trained_for_table_3_and_with_ucf101_for_table_4(script, capsys, tmp_path, monkeypatch):
    tuned = [c for c in script(capsys, "--out", tmp_path) if c[0] == "finetune"]
    assert [c[c.index("--regime") + 1] for c in tuned] == ["scratch", "top", "top3", "all"]
    assert all("--folds" in c and "--resume" in c for c in tuned)
    assert script.remarks[-1].startswith("# table 4 is not made: it groups UCF-101's classes; set VIDEOCNN_DATA")
    for name in ("UCF-101", "ucfTrainTestlist"):
        (tmp_path / "data" / name).mkdir(parents=True)
    monkeypatch.setenv("VIDEOCNN_DATA", str(tmp_path / "data"))
    commands = script(capsys, "--out", tmp_path)
    tuned = [c[c.index("--out") + 1] for c in commands if c[0] == "finetune"]
    assert tuned[4:] == [f"{tmp_path}/transfer/ucf101-{regime}" for regime in ("scratch", "top", "top3", "all")]
    assert ["tables", "4", *tuned[4:]] in commands
    assert not any("table 4" in remark for remark in script.remarks)
    (tmp_path / "transfer" / "top").mkdir(parents=True)
    (tmp_path / "transfer" / "top" / "folds.json").write_text("{}")
    (tmp_path / "transfer" / "ucf101-all").mkdir()
    (tmp_path / "transfer" / "ucf101-all" / "run.json").write_text("{}")
    (tmp_path / "transfer" / "pretrained" / "backup").mkdir(parents=True)
    (tmp_path / "transfer" / "pretrained" / "backup" / "state.json").write_text('{"finished": true}')
    commands = script(capsys, "--out", tmp_path)
    assert not any(c[0] == "train" and "paper" in c for c in commands)
    only = script(capsys, "--out", tmp_path, "--only", "transfer")
    assert not any(c[0] in ("train", "evaluate") for c in only)
    assert [c[1] for c in only if c[0] == "tables" and "--out" not in c] == ["3", "4"]
    only = script(capsys, "--out", tmp_path, "--only", "networks")
    assert [c[1] for c in only if c[0] == "tables" and "--out" not in c] == ["1", "2", "speed"]
    assert not any(c[0] == "finetune" for c in only)
    assert sum(c[0] == "finetune" for c in commands) == 7
    assert [c[-1] for c in commands if c[0] == "finetune"][-1] == "--resume"


def test_toy_classes_are_cut_into_folds_of_groups(script, tmp_path):
    videos = tuple(
        Video(f"{name}/{group}_{clip}.mp4", (name,), "val", f"{name}_g{group:02d}", 20, 25.0)
        for name in CLASSES
        for group in range(1, 8)
        for clip in (0, 1)
    )
    for video in videos:
        (tmp_path / "toy" / video.path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "toy" / video.path).touch()
    write_manifest(Manifest(videos, root=tmp_path / "toy"), tmp_path / "toy" / "manifest.csv")
    script.module.cut_toy(argparse.Namespace(out=tmp_path))
    learnt = read_manifest(tmp_path / "transfer" / "learnt" / "manifest.csv")
    assert {video.split for video in learnt.videos} == {"train"}
    tested, folds = [], []
    for fold in (1, 2, 3):
        folds.append(read_manifest(tmp_path / "transfer" / "manifests" / f"fold{fold}" / "manifest.csv"))
        assert not set(folds[-1].class_names) & set(learnt.class_names)
        assert len(folds[-1].class_names) == len(learnt.class_names) == 6
        tested += [video.group for video in folds[-1].select("test").videos]
    check_folds({str(number): manifest for number, manifest in enumerate(folds)})
    assert len(tested) == len(folds[0])  # each is tested in one fold
    assert seen_before(learnt, folds[0])["test"]["seen_videos"] == 0


def test_the_command_line_takes_every_command(script, capsys, tmp_path, monkeypatch):
    """Arguments are parsed by the application itself, and nothing is run."""
    (tmp_path / "run.json").write_text(json.dumps({"class_names": ["Archery"]}))
    application = typer.main.get_command(make_app())
    for name in ("UCF-101", "ucfTrainTestlist"):
        (tmp_path / name).mkdir()
    monkeypatch.setenv("VIDEOCNN_DATA", str(tmp_path))
    given = script(capsys, "--out", tmp_path / "out", "--finetuned", tmp_path)
    for words in given + script(capsys, "--out", tmp_path / "out"):
        command = application
        while hasattr(command, "commands"):
            command, words = command.commands[words[0]], words[1:]
        command.make_context("videocnn", list(words))


def test_what_is_done_is_not_done_again(script, capsys, tmp_path):
    done, begun = tmp_path / "single_frame-full", tmp_path / "slow_fusion-fovea"
    (begun / "backup").mkdir(parents=True)
    (begun / "backup" / "state.json").write_text("{}")
    done.mkdir()
    (done / "metrics.json").write_text("{}")
    (tmp_path / "toy").mkdir()
    (tmp_path / "toy" / "manifest.csv").write_text("")
    commands = script(capsys, "--out", tmp_path)
    assert not any(c[0] == "data" for c in commands)
    assert not any(c[0] in ("train", "evaluate") and str(done) in c for c in commands)
    assert ["train", f"{tmp_path}/shards", "--out", str(begun), "--resume"] in commands
    assert sum(c[0] == "train" and "paper" not in c for c in commands) == 15
    assert sum(c[0] == "evaluate" for c in commands) == 15


@pytest.mark.parametrize(("name", "tables"), [("Archery", ["3", "4"]), ("rising", ["3"])])
def test_fine_tuned_runs_make_tables_3_and_4(script, capsys, tmp_path, name, tables):
    for fold in ("fold1", "fold2"):
        (tmp_path / "top" / fold).mkdir(parents=True)
        (tmp_path / "top" / fold / "run.json").write_text(json.dumps({"class_names": [name]}))
    commands = script(capsys, "--out", tmp_path, "--finetuned", tmp_path / "top")
    assert [c[1] for c in commands if c[0] == "tables" and "--out" not in c][3:] == tables
    with pytest.raises(SystemExit, match="is no run folder"):
        script(capsys, "--out", tmp_path, "--finetuned", tmp_path)
