"""The script that trains for the tables: which commands it gives, what it leaves out when it goes on."""

import importlib.util
import json
import sys
from pathlib import Path

import pytest
import typer.main

from videocnn.cli import make_app

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "tables.py"


@pytest.fixture
def script(monkeypatch):
    specification = importlib.util.spec_from_file_location("benchmark_tables", SCRIPT)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)

    def shown(capsys, *arguments):
        monkeypatch.setattr(sys, "argv", ["tables.py", "--dry-run", *map(str, arguments)])
        module.main()
        return [line.split()[2:] for line in capsys.readouterr().out.splitlines()]

    return shown


def test_every_network_and_stream_is_trained_and_measured(script, capsys, tmp_path):
    commands = script(capsys, "--out", tmp_path)
    trained = [
        (c[c.index("--model") + 1], c[c.index("--stream") + 1], c[c.index("--out") + 1])
        for c in commands
        if c[0] == "train"
    ]
    assert len(set(trained)) == 16
    assert [c[1] for c in commands if c[0] == "evaluate"] == [folder for *_, folder in trained]
    assert [c[1] for c in commands if c[0] == "tables" and "--out" not in c] == ["1", "2", "speed"]
    assert not any(tmp_path.iterdir())


def test_the_command_line_takes_every_command(script, capsys, tmp_path):
    """Arguments are parsed by the application itself, and nothing is run."""
    (tmp_path / "run.json").write_text(json.dumps({"class_names": ["Archery"]}))
    application = typer.main.get_command(make_app())
    for words in script(capsys, "--out", tmp_path / "out", "--finetuned", tmp_path):
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
    assert sum(c[0] == "train" for c in commands) == 15
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
