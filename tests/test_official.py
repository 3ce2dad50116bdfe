"""`videocnn data ucf101|hmdb51` from an address, an archive or a folder, and what a second run makes of it."""

import dataclasses
import functools
import http.server
import json
import shutil
import threading

import pytest
from archive_files import write_rar, write_zip
from typer.testing import CliRunner
from videos import write_counting_video

from videocnn.cli import make_app
from videocnn.datasets import Found, hmdb51, obtain, ucf101
from videocnn.datasets.fetch import DamagedError, UnpackError
from videocnn.datasets.official import completeness
from videocnn.manifest import Manifest, Video, read_manifest

NAME = "{0}/v_{0}_g{1:02d}_c01.avi"
LABELS = ("Archery", "HandstandPushups")


def run(*arguments):
    return CliRunner().invoke(make_app(), [*map(str, arguments), "--quiet"])


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    """Return a folder of two classes of UCF-101, groups 1 to 3, and a file that is no video."""
    root = tmp_path_factory.mktemp("videos")
    for label in LABELS:
        for group in (1, 2, 3):
            path = root / NAME.format(label, group).replace("v_Handstand", "v_HandStand")
            path.parent.mkdir(exist_ok=True)
            write_counting_video(path, 4 + group, height=32, width=48)
    (root / NAME.format("Archery", 4)).write_bytes(b"no video")
    return root


@pytest.fixture
def server(videos, tmp_path, monkeypatch):
    """Serve `set.zip` and `lists.zip` from a folder; fold n tests on group n. Give the address of the folder."""
    folder = tmp_path / "web"
    folder.mkdir()
    files = {f"UCF-101/{path.relative_to(videos).as_posix()}": path.read_bytes() for path in videos.rglob("*.avi")}
    write_zip(folder / "set.zip", files)
    lists = {"classInd.txt": "".join(f"{number} {label}\n" for number, label in enumerate(LABELS, 1))}
    for fold in (1, 2, 3):
        for name, wanted in (("testlist", True), ("trainlist", False)):
            chosen = [NAME.format(label, group) for label in LABELS for group in (1, 2, 3) if (group == fold) is wanted]
            lists[f"{name}0{fold}.txt"] = "\n".join([*chosen, *([] if wanted else [NAME.format("Archery", 4)])])
    write_zip(folder / "lists.zip", {f"ucfTrainTestlist/{name}": text for name, text in lists.items()})
    monkeypatch.setenv("no_proxy", "127.0.0.1")

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=folder))
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_from_the_web_and_again(server, tmp_path):
    out = tmp_path / "ucf101"
    arguments = ("data", "ucf101", "--fold", "all", "--val-groups", "none", "--out", out)
    result = run(*arguments, "--url", f"{server}/set.zip", "--lists-url", f"{server}/lists.zip")
    assert result.exit_code == 0, result.stderr
    lines = result.stdout.splitlines()
    assert lines[0].endswith(f"no published checksum); 7 files in {out / 'UCF-101'}")
    assert lines[2:4] == [
        "the lists contain 7 videos of 2 classes; the official lists contain 13,320 of 101",
        "complete: all 7 listed videos of 2 classes found",
    ]
    assert result.stdout.count("left out: 1 (0 before reading, 1 unreadable)") == 3
    for fold in (1, 2, 3):
        manifest = read_manifest(out / f"fold{fold}" / "manifest.csv")
        assert {(video.group[-3:], video.num_frames) for video in manifest.select("test").videos} == {
            (f"g0{fold}", 4 + fold)
        }
        assert len(manifest.select("train")) == 4
    record = json.loads((out / "sources.json").read_text())
    assert record["UCF101.rar"]["from"] == f"{server}/set.zip"
    assert record["UCF101.rar"]["bytes"] == (tmp_path / "web" / "set.zip").stat().st_size
    again = run(*arguments)
    assert again.exit_code == 0, again.stderr
    assert again.stdout.splitlines()[0] == f"{out / 'UCF-101'}: already exists, not downloaded again"
    assert not (out / "manifest.csv").exists()


def test_from_archives_and_folders(server, videos, tmp_path):
    web, out = tmp_path / "web", tmp_path / "set"
    arguments = ("data", "ucf101", "--val-groups", "none", "--out", out)
    result = run(*arguments, "--archive", web / "set.zip", "--lists-archive", web / "lists.zip", "--fold", 2)
    assert result.exit_code == 0, result.stderr
    first = read_manifest(out / "manifest.csv")
    assert {video.group for video in first.select("test").videos} == {f"{label}_g02" for label in LABELS}
    result = run(
        *arguments[:-1], tmp_path / "other", "--root", videos, "--lists", out / "ucfTrainTestlist", "--fold", 2
    )
    assert result.exit_code == 0, result.stderr
    assert read_manifest(tmp_path / "other" / "manifest.csv").hash == first.hash


def test_hmdb51_from_archives(videos, tmp_path):
    """An archive that holds an archive for each class, as the official one does."""
    classes, lists, number = {}, {}, 0
    for label in ("dive", "wave"):
        files = {}
        for split, sources in ((1, "abc"), (2, "d")):
            for source in sources:
                name = f"{source}_{label}_f_nm_np1_fr_med_0.avi"
                files[f"{label}/{name}"] = (videos / NAME.format("Archery", number % 3 + 1)).read_bytes()
                lists[f"lists/{label}_test_split1.txt"] = lists.get(f"lists/{label}_test_split1.txt", "") + (
                    f"{name} {split} \n"
                )
                number += 1
        classes[f"{label}.rar"] = write_rar(tmp_path / "inner", files).read_bytes()
    outer = write_rar(tmp_path / "hmdb51.bin", classes)
    lists = write_rar(tmp_path / "lists.bin", {name: text.encode() for name, text in lists.items()})
    out = tmp_path / "out"
    result = run("data", "hmdb51", "--archive", outer, "--lists-archive", lists, "--val-fraction", 0.3, "--out", out)
    assert result.exit_code == 0, result.stderr
    assert "HMDB-51 fold 1: 8 of 8 listed videos are there, in 2 of 2 classes" in result.stdout
    manifest = read_manifest(out / "manifest.csv")
    assert [len(manifest.select(split)) for split in ("train", "val", "test")] == [4, 2, 2]
    assert manifest.videos[0].path.startswith("hmdb51/dive/")


def test_another_archive_than_the_first_time(tmp_path):
    source = dataclasses.replace(ucf101.LISTS, sha256=None)
    obtain(source, tmp_path, archive=write_zip(tmp_path / "a.zip", {"a.txt": "1"}), quiet=True)
    (tmp_path / source.folder / "a.txt").unlink()
    (tmp_path / source.folder).rmdir()
    with pytest.raises(UnpackError, match=r"damaged or changed; .* remove .*sources\.json"):
        obtain(source, tmp_path, archive=write_zip(tmp_path / "a.zip", {"a.txt": "2"}), quiet=True)
    obtain(source, tmp_path, archive=write_zip(tmp_path / "a.zip", {"a.txt": "1"}), quiet=True)
    (tmp_path / "sources.json").write_text("[]")
    (tmp_path / source.folder / "a.txt").unlink()
    (tmp_path / source.folder).rmdir()
    with pytest.raises(UnpackError, match=r"sources\.json: .* remove it"):
        obtain(source, tmp_path, archive=tmp_path / "a.zip", quiet=True)


@pytest.mark.parametrize("damage", ["checksum", "short", "page"])
def test_a_damaged_download_is_fetched_again(server, videos, tmp_path, damage):
    """The first file is bad; the same command, when the server has a good one, is all that is needed."""
    web, out = tmp_path / "web" / "set.zip", tmp_path / "set"
    good = web.read_bytes()
    bad = {"checksum": bytearray(good), "short": good[:5000], "page": b"<!DOCTYPE html>"}[damage]
    if damage == "checksum":
        bad[200] ^= 255
    web.write_bytes(bad)
    arguments = ("data", "ucf101", "--val-groups", "none", "--out", out)
    arguments += ("--url", f"{server}/set.zip", "--lists-url", f"{server}/lists.zip")
    result = run(*arguments)
    assert result.exit_code == 1
    words = "moved to set.zip.damaged"
    assert words in " ".join(result.stderr.split())
    assert not (out / "sources.json").exists()
    assert (out / "download" / "set.zip.damaged").read_bytes() == bad
    web.write_bytes(good)
    result = run(*arguments)
    assert result.exit_code == 0, result.stderr
    assert len(list((out / "UCF-101").rglob("*.avi"))) == 7
    assert sorted(path.name for path in (out / "download").iterdir()) == ["lists.zip", "set.zip"]
    assert len(json.loads((out / "sources.json").read_text())) == 2


def test_a_damaged_archive_of_the_users_own_stays(server, tmp_path):
    mine = tmp_path / "mine.zip"
    good = (tmp_path / "web" / "set.zip").read_bytes()
    mine.write_bytes(good[:5000])
    with pytest.raises(UnpackError, match=r"mine\.zip: truncated ZIP archive .*; delete it and download it again"):
        obtain(ucf101.VIDEOS, tmp_path / "set", archive=mine, quiet=True)
    assert mine.read_bytes() == good[:5000]
    mine.write_bytes(good)
    obtain(ucf101.VIDEOS, tmp_path / "set", archive=mine, quiet=True)


def test_a_right_file_is_not_fetched_again(server, tmp_path, monkeypatch):
    """What came whole before cannot be damaged; it is the program that fails."""
    address = f"{server}/set.zip"
    folder, _ = obtain(ucf101.VIDEOS, tmp_path / "set", url=address, quiet=True)
    shutil.rmtree(folder)

    def fail(path, *_, **__):
        raise DamagedError(f"{path}: damaged (no memory)")

    with monkeypatch.context() as patch:
        patch.setattr("videocnn.datasets.official.unpack", fail)
        with pytest.raises(UnpackError, match="no memory"):
            obtain(ucf101.VIDEOS, tmp_path / "set", url=address, quiet=True)
    assert (tmp_path / "set" / "download" / "set.zip").is_file()
    (tmp_path / "set" / "download" / "set.zip").write_bytes(write_zip(tmp_path / "b", {"a/b.avi": "1"}).read_bytes())
    with pytest.raises(UnpackError, match=r"to download it again, remove .*set\.zip; if you trust this one, remove"):
        obtain(ucf101.VIDEOS, tmp_path / "set", url=address, quiet=True)


def test_no_unpacker_is_said_before_the_download(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("videocnn.datasets.official.download", lambda *_, **__: pytest.fail("it was downloaded"))
    result = run("data", "ucf101", "--out", tmp_path / "out")
    assert result.exit_code == 1
    assert "apt install unar" in result.stderr


def test_the_official_address_and_its_checksum(tmp_path, monkeypatch):
    calls = []

    def download(url, path, **options):
        calls.append((url, options))
        write_zip(path, {"lists/a.txt": "1"})
        return options["sha256"] or "0" * 64

    monkeypatch.setattr("videocnn.datasets.official.download", download)
    (tmp_path / "download").mkdir()
    _, note = obtain(ucf101.LISTS, tmp_path, quiet=True)
    [(url, options)] = calls
    assert url == "https://www.crcv.ucf.edu/data/UCF101/UCF101TrainTestSplits-RecognitionTask.zip"
    assert (options["size"], options["sha256"][:8]) == (113943, "5c0d1a53")
    assert "--lists-archive FILE" in options["hint"]
    assert "(as published)" in note


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("ucf101", "--fold", "4"), "'4': there are the folds 1, 2, 3, and all"),
        (("ucf101", "--root", "a", "--url", "b"), "--root, --archive and --url are three ways to the same"),
        (("hmdb51", "--lists", "a", "--lists-archive", "b", "--root", "a"), "--lists, --lists-archive and --lists-url"),
    ],
)
def test_what_contradicts_itself(arguments, words, tmp_path):
    result = run("data", *arguments, "--out", tmp_path)
    assert result.exit_code == 2
    assert words in " ".join(result.stderr.split())


def found(listed, absent):
    manifest = Manifest((Video("x.avi", ("x",)),))
    return Found(manifest, listed=tuple(listed), absent=tuple(absent))


def test_completeness_names_what_is_missing():
    listed = [f"{label}/{number}.avi" for label in "abc" for number in range(4)]
    assert completeness(found(listed, []), 12, 3) == ["complete: all 12 listed videos of 3 classes found"]
    assert completeness(found(listed, listed[1:8]), 12, 3, most=2) == [
        "1 classes have no videos: b",
        "3 videos of the other classes are missing (see skipped.csv for all): a/1.avi, a/2.avi, ...",
    ]
    assert completeness(found(listed, listed[:1]), 13, 4)[0] == (
        "the lists contain 12 videos of 3 classes; the official lists contain 13 of 4"
    )


def test_the_official_numbers():
    assert (ucf101.NUM_VIDEOS, ucf101.NUM_CLASSES) == (13320, 101)
    assert (hmdb51.NUM_VIDEOS, hmdb51.NUM_CLASSES) == (6766, 51)
