"""The command line: data sets end to end, and how errors, interrupts and odd names end."""

import inspect
import os
import shlex
import signal
import subprocess
import sys
from types import SimpleNamespace

import pytest
from interrupts import listen_to_ctrl_c
from typer.testing import CliRunner
from videos import write_counting_video

from videocnn import __version__, shards
from videocnn.cli import data, make_app, official
from videocnn.datasets import hmdb51, toy
from videocnn.datasets.folder import csv_file, folder
from videocnn.datasets.ucf101 import ucf101
from videocnn.files import read_table
from videocnn.manifest import ManifestError, Skip, read_manifest
from videocnn.manifest import checking as check
from videocnn.models import clip_spec
from videocnn.train.training import build_network, parse


def run(*arguments):
    return CliRunner().invoke(make_app(), [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """Return a folder of two classes, three groups of one video each, a broken file and an odd name."""
    root = tmp_path_factory.mktemp("source") / "videos"
    for label in ("rise", "sink"):
        for group in (1, 2, 3):
            path = root / label / f"v_{label}_g{group:02d}_c01.mp4"
            path.parent.mkdir(parents=True, exist_ok=True)
            write_counting_video(path, 4 + group, height=32, width=48)
    (root / "sink" / "-bröken, [red].mp4").write_bytes(b"no video")
    return root


@pytest.fixture
def manifest(source, tmp_path):
    result = run("data", "folder", source, "--out", tmp_path / "set", "--quiet")
    assert result.exit_code == 0, result.stderr
    return tmp_path / "set" / "manifest.csv"


def test_version_and_help():
    assert run("--version").stdout == f"videocnn {__version__}\n"
    result = run("--help")
    assert result.exit_code == 0
    for command in ("data", "check", "shard", "train", "evaluate", "predict"):
        assert f"\n  {command}" in result.stdout


def test_help_loads_nothing_heavy():
    program = (
        "import sys; sys.argv = ['videocnn', '--help']\n"
        "from videocnn.cli import main\n"
        "try: main()\n"
        "except SystemExit as end: assert not end.code\n"
        "heavy = {'tensorflow', 'keras', 'av', 'numpy', 'matplotlib', 'PIL'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", program], check=True, capture_output=True)


def test_folder_says_what_it_wrote(source, tmp_path):
    result = run("data", "folder", source, "--out", tmp_path / "set", "--quiet")
    path = tmp_path / "set" / "manifest.csv"
    assert result.exit_code == 0
    assert result.stdout.splitlines()[:5] == [
        "groups: 6, from the names of 6 videos",
        "groups: unknown for 1 videos, each is its own; where several come from one source, test accuracy will be too "
        "high: give --group-pattern",
        "split by group: 0.2 test, 0.1 validation (seed 0)",
        f"left out: 1 (0 before reading, 1 unreadable), listed in {tmp_path / 'set' / 'skipped.csv'}",
        f"{path}: 6 videos, 2 classes, 6 groups",
    ]
    assert result.stdout.splitlines()[-1].startswith(f"Next: videocnn train {path} ")
    manifest = read_manifest(path)
    assert {video.num_frames for video in manifest.videos} == {5, 6, 7}
    assert len(manifest.select("train")) >= 2
    (_, row), *_ = read_table(tmp_path / "set" / "skipped.csv", ("path", "reason"))
    assert row["path"] == "sink/-bröken, [red].mp4"


def test_csv_goes_round(manifest, tmp_path):
    result = run(
        *("data", "csv", manifest, "--out", tmp_path / "again", "--quiet"),
        *("--split-column", "split", "--group-column", "group"),
    )
    assert result.exit_code == 0, result.stderr
    assert read_manifest(tmp_path / "again" / "manifest.csv").hash == read_manifest(manifest).hash


def test_ucf101_end_to_end(source, tmp_path):
    lists = tmp_path / "lists"
    lists.mkdir()
    name = "{0}/v_{0}_g{1:02d}_c01.mp4".format
    (lists / "classInd.txt").write_text("1 rise\n2 sink\n3 absent\n")
    (lists / "trainlist01.txt").write_text(
        "".join(f"{name(c, g)} {i}\n" for i, c in enumerate(["rise", "sink"], 1) for g in (2, 3))
    )
    (lists / "testlist01.txt").write_text("".join(f"{name(c, 1)}\n" for c in ("rise", "sink", "absent")))
    arguments = ("data", "ucf101", "--root", source, "--lists", lists, "--out", tmp_path / "set", "--quiet")
    result = run(*arguments)
    assert result.exit_code == 0, result.stderr
    assert "no validation: of the groups 8, 9, 10 there is none to spare; --val-groups takes others" in result.stdout
    result = run(*arguments, "--val-groups", "8")
    assert result.exit_code == 1
    assert result.stderr == (
        "error: validation group 8 is not in the training part, as far as it is there; choose among 2, 3 "
        "(--val-groups 2,3) or none (--val-groups none)\n"
    )
    result = run(*arguments, "--val-groups", "3")
    assert result.exit_code == 0, result.stderr
    assert "6 of 7 listed videos are there, in 2 of 3 classes; 1 are absent, 0 of them" in result.stdout
    manifest = read_manifest(tmp_path / "set" / "manifest.csv")
    assert {video.group: video.split for video in manifest.videos} == {
        f"{label}_g{number:02d}": split
        for label in ("rise", "sink")
        for number, split in ((1, "test"), (2, "train"), (3, "val"))
    }
    assert run(*arguments, "--val-groups", "none").exit_code == 0
    result = run(*arguments, "--val-groups", "1;2")
    assert result.exit_code == 2
    assert "8,9,10, or none" in result.stderr


def test_check_tells_of_a_place_without_room_for_its_list_before_the_work(manifest, tmp_path, monkeypatch):
    monkeypatch.setattr("videocnn.manifest.check", lambda *_, **__: pytest.fail("work that cannot be kept"))
    (tmp_path / "file").touch()
    result = run("check", manifest, "--quiet", "--out", tmp_path / "file" / "bad.csv")
    assert result.exit_code == 1
    assert "no file can be written there" in result.stderr


def test_check_lists_the_bad_ones(manifest, tmp_path):
    assert run("check", manifest, "--quiet").exit_code == 0
    text = manifest.read_text().splitlines()
    text.append(f"{tmp_path / 'gone.mp4'},rise,train,,,")
    manifest.write_text("\n".join(text))
    result = run("check", manifest, "--quiet", "--out", tmp_path / "bad.csv")
    assert result.exit_code == 1
    assert f"6 of 7 videos decode to the end; 1 bad, listed in {tmp_path / 'bad.csv'}" in result.stdout
    assert "gone.mp4" in result.stderr
    [(_, row)] = read_table(tmp_path / "bad.csv", ("path", "reason"))
    assert row["path"] == str(tmp_path / "gone.mp4")


def called_with(monkeypatch, module, name, result):
    """Replace a slow function, which has its own tests; return the arguments that it is called with."""
    signature, calls = inspect.signature(getattr(module, name)), {}

    def replacement(*arguments, **options):
        calls.update(signature.bind(*arguments, **options).arguments)
        return result

    monkeypatch.setattr(module, name, replacement)
    return calls


def test_shard_says_what_it_wrote(manifest, tmp_path, monkeypatch):
    skips = (Skip("a.mp4", "broken"),) * 2
    result = SimpleNamespace(manifest=read_manifest(manifest), num_shards=3, skips=skips)
    calls = called_with(monkeypatch, shards, "write_shards", result)
    output = run("shard", manifest, tmp_path, "--size", 32, "--videos-per-shard", 2, "--workers", 4, "--quiet").stdout
    assert output.splitlines()[:2] == [
        f"{tmp_path}: 6 videos in 3 shards",
        f"left out: 2, listed in {tmp_path / 'skipped.csv'}",
    ]
    assert (calls["manifest"], calls["out"], calls["frame_size"]) == (manifest, tmp_path, (32, 32))
    assert (calls["videos_per_shard"], calls["workers"], calls["quiet"], calls["quality"]) == (2, 4, True, 90)


@pytest.mark.parametrize("size", [37, 38, 132, 199, 200, 256])
def test_what_shard_says_next_can_be_done(manifest, tmp_path, monkeypatch, size):
    """A network of that size looks at no larger frames than were written."""
    result = SimpleNamespace(manifest=read_manifest(manifest), num_shards=3, skips=())
    called_with(monkeypatch, shards, "write_shards", result)
    last = run("shard", manifest, tmp_path, "--size", size, "--quiet").stdout.splitlines()[-1]
    if size < 38:
        assert "Next" not in last
        return
    words = shlex.split(last.removeprefix("Next: "))
    assert words[:3] == ["videocnn", "train", str(tmp_path)]
    given = int(words[words.index("--frame-size") + 1]) if "--frame-size" in words else None
    network = build_network(parse({"model": "single_frame", "width": 0.02, "frame_size": given}), ("a", "b"))
    region = clip_spec(network).region_size[0]
    assert region <= size
    assert region > min(size, 200) - 2  # and at hardly smaller ones


@pytest.mark.parametrize(
    ("command", "function", "renamed"),
    [
        (data.folder, folder, {}),
        (data.csv, csv_file, {}),
        (official.ucf101, ucf101, {"val_groups": None, "fold": None}),
        (official.hmdb51, hmdb51.hmdb51, {"fold": None}),
        (data.toy, toy.make_toy, {"groups_per_class": "groups"}),
        (data.shard, shards.write_shards, {"frame_size": None, "crop_to_aspect_ratio": None, "frames_per_shard": None}),
        (data.check, check.check, {"timeout_seconds": "timeout"}),
    ],
)
def test_options_and_arguments_have_the_same_defaults(command, function, renamed):
    options = inspect.signature(command).parameters
    for name, parameter in inspect.signature(function).parameters.items():
        option = renamed.get(name, name)
        if parameter.kind is parameter.KEYWORD_ONLY and option is not None:
            assert options[option].default == parameter.default, name


def test_toy_passes_its_options_on(manifest, tmp_path, monkeypatch):
    calls = called_with(monkeypatch, toy, "make_toy", read_manifest(manifest))
    result = run("data", "toy", "--out", tmp_path, "--groups", 3, "--seed", 5, "--fold", 2, "--workers", 1, "--quiet")
    assert calls == {"out": tmp_path, "groups_per_class": 3, "seed": 5, "fold": 2, "workers": 1, "quiet": True}
    assert result.stdout.startswith(f"{tmp_path / 'manifest.csv'}: 6 videos, 2 classes")


def test_an_error_is_one_line(tmp_path):
    result = run("data", "folder", tmp_path / "gone", "--out", tmp_path / "set")
    assert result.exit_code == 1
    assert result.stderr == f"error: {tmp_path / 'gone'}: there is no such folder\n"
    assert result.stdout == ""


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (ManifestError("\x1b[31m\udce9 and é"), 1, "error: \\x1b[31m\\udce9 and é\n"),
        (PermissionError(13, "Permission denied", "/elsewhere/x"), 1, "error: /elsewhere/x: Permission denied\n"),
        (OSError(28, "No space left on device"), 1, "error: [Errno 28] No space left on device\n"),
        (KeyboardInterrupt(), 130, "interrupted\n"),
    ],
)
def test_how_a_command_ends(monkeypatch, tmp_path, error, code, words):
    def fail(*arguments, **options):
        raise error

    monkeypatch.setattr("videocnn.datasets.folder.folder", fail)
    result = run("data", "folder", tmp_path, "--out", tmp_path)
    assert result.exit_code == code
    assert result.stderr == words


def test_a_fault_of_the_program_is_not_hidden(monkeypatch, tmp_path):
    def fail(*arguments, **options):
        raise ZeroDivisionError

    monkeypatch.setattr("videocnn.datasets.folder.folder", fail)
    assert isinstance(run("data", "folder", tmp_path, "--out", tmp_path).exception, ZeroDivisionError)


def test_out_that_cannot_be_written(source, tmp_path):
    (tmp_path / "file").write_text("x")
    result = run("data", "folder", source, "--out", tmp_path / "file" / "set", "--quiet")
    assert result.exit_code == 1
    assert result.stderr.startswith(f"error: {tmp_path / 'file' / 'set' / 'skipped.csv'}: could not be written")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_ctrl_c_ends_a_real_process(tmp_path):
    """A manifest that is a pipe nobody writes to keeps the command waiting."""
    os.mkfifo(tmp_path / "manifest.csv")
    process = subprocess.Popen(
        [sys.executable, "-m", "videocnn", "check", str(tmp_path / "manifest.csv")],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        preexec_fn=listen_to_ctrl_c,
    )
    # opening the writing end waits until the command has opened the reading end
    with open(tmp_path / "manifest.csv", "wb"):
        process.send_signal(signal.SIGINT)
        out, error = process.communicate(timeout=60)
    assert process.returncode == 130
    assert (out, error) == (b"", b"interrupted\n")
