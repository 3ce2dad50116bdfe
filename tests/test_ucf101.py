"""UCF-101: official lists, whatever is there of the videos, groups a class, validation by group."""

import os
import runpy
from collections import Counter
from pathlib import Path

import pytest

from videocnn.datasets.ucf101 import ucf101
from videocnn.files import TableError
from videocnn.manifest import ManifestError, check_groups, check_trainable, read_manifest

CLASSES = ("Archery", "HandstandPushups", "Punch")
DATA = Path(os.environ.get("VIDEOCNN_DATA", "."))


def names(groups, clips=2):
    return [(c, f"{c}/v_{c}_g{g:02d}_c{i:02d}.avi") for c in CLASSES for g in groups for i in range(1, clips + 1)]


@pytest.fixture
def lists(tmp_path):
    """Return a folder of lists in the official form: fold 1 tests on group 1, trains on 8 to 12; CRLF line ends."""
    folder = tmp_path / "lists"
    folder.mkdir()
    texts = {
        "classInd": [f"{number} {name}" for number, name in enumerate(CLASSES, 1)],
        "trainlist01": [f"{name} {CLASSES.index(c) + 1}" for c, name in names(range(8, 13))],
        "testlist01": [name for _, name in names([1])],
        "trainlist02": [f"{name} {CLASSES.index(c) + 1}" for c, name in names([1, 2, 3, 4])],
        "testlist02": [name for _, name in names([8])],
    }
    for name, lines in texts.items():
        (folder / f"{name}.txt").write_bytes("\r\n".join([*lines, ""]).encode())
    return folder


@pytest.fixture
def root(tmp_path):
    """Return a folder with two of the three classes, one of them spelt otherwise, one clip of a group each."""
    for label, name in names([1, *range(8, 13)], clips=1):
        if label != "Punch":
            path = tmp_path / "UCF-101" / name.replace("v_Handstand", "v_HandStand")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"video")
    return tmp_path / "UCF-101"


def test_lists_decide(root, lists):
    found = ucf101(root, lists)
    rows = {video.path: (video.labels, video.split, video.group) for video in found.manifest.videos}
    assert len(rows) == 12
    assert rows["Archery/v_Archery_g01_c01.avi"] == (("Archery",), "test", "Archery_g01")
    assert rows["Archery/v_Archery_g09_c01.avi"] == (("Archery",), "val", "Archery_g09")
    assert rows["Archery/v_Archery_g11_c01.avi"] == (("Archery",), "train", "Archery_g11")
    handstand = (("HandstandPushups",), "train", "HandstandPushups_g12")
    assert rows["HandstandPushups/v_HandStandPushups_g12_c01.avi"] == handstand
    assert found.manifest.class_names == ("Archery", "HandstandPushups")
    check_groups(found.manifest)


def test_says_what_is_absent(root, lists):
    found = ucf101(root, lists)
    assert found.notes == (
        "UCF-101 fold 1: 12 of 36 listed videos are there, in 2 of 3 classes; "
        "24 are absent, 12 of them from these classes",
        "validation: groups 8, 9, 10 of the training part",
    )
    assert found.skips[0].path == "Archery/v_Archery_g08_c02.avi"
    assert len(found.skips) == 12
    (root / "Archery" / "v_Archery_g25_c01.avi").write_bytes(b"video")
    assert "1 videos in" in ucf101(root, lists).notes[1]


def test_another_spelling_of_the_folder(root, lists):
    os.rename(root / "HandstandPushups", root / "HandStandPushups")
    found = ucf101(root, lists)
    assert len(found.manifest) == 12
    assert found.manifest.class_names == ("Archery", "HandstandPushups")
    assert any(video.path.startswith("HandStandPushups/v_HandStand") for video in found.manifest.videos)


def test_validation_is_a_choice(root, lists):
    splits = Counter(video.split for video in ucf101(root, lists, val_groups=[12]).manifest.videos)
    assert splits == {"train": 8, "val": 2, "test": 2}
    none = ucf101(root, lists, val_groups=[])
    assert Counter(video.split for video in none.manifest.videos) == {"train": 10, "test": 2}
    assert none.notes[-1] == "no validation"
    words = r"group 1 is not in the training part.*; choose among 8, 9, 10, 11, 12 \(--val-groups 8,9\) or none"
    with pytest.raises(ManifestError, match=words):
        ucf101(root, lists, val_groups=[8, 1])


def keep(root, label, *groups):
    for path in (root / label).iterdir():
        if int(path.name[-10:-8]) not in groups:
            path.unlink()


def test_a_part_validates_with_what_is_there(root, lists):
    """Of the usual groups those that are there, and of a class that has no others none."""
    keep(root, "Archery", 1, 8, 11, 12)
    keep(root, "HandstandPushups", 1, 10)
    found = ucf101(root, lists)
    splits = {video.group: video.split for video in found.manifest.videos}
    assert splits == {
        "Archery_g01": "test", "Archery_g08": "val", "Archery_g11": "train", "Archery_g12": "train",
        "HandstandPushups_g01": "test", "HandstandPushups_g10": "train",
    }  # fmt: skip
    assert found.notes[-1] == (
        "validation: groups 8 of the training part (not there: 9; kept for training, as their classes have no "
        "other: HandstandPushups); --val-groups takes others"
    )
    check_trainable(found.manifest)


def test_a_part_that_has_nothing_to_validate_with(root, lists):
    keep(root, "Archery", 1, 11)
    keep(root, "HandstandPushups", 1, 12)
    found = ucf101(root, lists)
    assert Counter(video.split for video in found.manifest.videos) == {"train": 2, "test": 2}
    assert found.notes[-1] == (
        "no validation: of the groups 8, 9, 10 there is none to spare; --val-groups takes others"
    )
    keep(root, "Archery", 1)
    keep(root, "HandstandPushups", 1)
    assert ucf101(root, lists).notes[-1] == "no validation: no training video is there"
    with pytest.raises(ManifestError, match=r"group 9 is not .*, of which no video is there; give --val-groups none"):
        ucf101(root, lists, val_groups=[9])


@pytest.mark.parametrize(
    ("file", "text", "words"),
    [
        ("classInd.txt", "Archery\n", r"classInd\.txt, line 1: .* 'Archery'"),
        ("classInd.txt", "1 Archery\n2 Archery\n", "line 2"),
        ("testlist01.txt", "Boxing/v_Boxing_g01_c01.avi\n", "no video of a class"),
        ("testlist01.txt", "Archery/first.avi\n", "no video of a class"),
        ("trainlist01.txt", "\nArchery/v_Archery_g08_c01.avi 3\n", "line 2: Archery has number 1, not 3"),
        ("testlist01.txt", "Archery/v_Archery_g01_c01.avi\n" * 2, "line 2: .* twice"),
        ("testlist01.txt", "Archery/v_Archery_g08_c01.avi\n", "twice"),
        ("testlist01.txt", "Archery/v_Archery_g08_c02.avi\n", "'Archery_g08' in test and train"),
    ],
)
def test_lists_that_cannot_be(root, lists, file, text, words):
    (root / "Archery" / "v_Archery_g08_c02.avi").write_bytes(b"video")
    train = (lists / "trainlist01.txt").read_text().replace("Archery/v_Archery_g08_c02.avi 1\n", "")
    (lists / "trainlist01.txt").write_text(train)
    (lists / file).write_text(text)
    with pytest.raises(ManifestError, match=words):
        ucf101(root, lists)


def test_what_is_not_there(root, lists, tmp_path):
    with pytest.raises(TableError, match=r"trainlist03\.txt"):
        ucf101(root, lists, fold=3)
    with pytest.raises(ManifestError, match="fold 4"):
        ucf101(root, lists, fold=4)
    with pytest.raises(ManifestError, match="no such folder"):
        ucf101(tmp_path / "gone", lists)
    with pytest.raises(ManifestError, match=r"none of the 36 videos .* Archery/v_Archery_g08_c01\.avi"):
        ucf101(lists, lists)


def test_the_script_writes_three_folds(tmp_path, monkeypatch, capsys):
    (tmp_path / "lists").mkdir()
    (tmp_path / "lists" / "classInd.txt").write_text("".join(f"{i} {c}\n" for i, c in enumerate(CLASSES, 1)))
    for fold in (1, 2, 3):
        for name, wanted in (("testlist", True), ("trainlist", False)):
            chosen = [path for _, path in names(range(1, 26)) if (-(-int(path[-10:-8]) // 7) == fold) is wanted]
            (tmp_path / "lists" / f"{name}0{fold}.txt").write_text("\n".join(chosen))
    for _, path in names(range(1, 26)):
        (tmp_path / "UCF-101" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "UCF-101" / path).write_bytes(b"video")
    monkeypatch.setattr("videocnn.datasets.prepare.measure", lambda manifest, **options: (manifest, []))
    main = runpy.run_path(str(Path(__file__).parents[1] / "data" / "ucf101" / "prepare.py"))["main"]
    main(str(tmp_path / "UCF-101"), str(tmp_path / "lists"), str(tmp_path / "out"))
    for fold in (1, 2, 3):
        manifest = read_manifest(tmp_path / "out" / f"fold{fold}" / "manifest.csv")
        assert Counter(video.split for video in manifest.videos) == {"train": 90, "val": 18, "test": 42}
        tested = {int(video.group[-2:]) for video in manifest.select("test").videos}
        assert tested == set(range(7 * fold - 6, 7 * fold + 1))
    out = capsys.readouterr().out
    assert "fold3/manifest.csv: 150 videos, 3 classes, 75 groups" in out
    assert "150 videos of 3 classes; the official lists contain 13,320 of 101" in out
    assert "complete: all 150 listed videos of 3 classes found" in out


@pytest.mark.parametrize("folder", ["HandstandPushups", "HandStandPushups"])
@pytest.mark.parametrize("file", ["HandstandPushups", "HandStandPushups"])
@pytest.mark.parametrize("listed", ["HandstandPushups", "HandStandPushups"])
def test_handstand_pushups_however_spelt(lists, tmp_path, folder, file, listed):
    """The folder, the file names in it and the lists have been seen with either S."""
    for _, name in names([1, *range(8, 13)]):
        directory, base = name.split("/")
        if directory == "HandstandPushups":
            directory, base = folder, base.replace("HandstandPushups", file)
        (tmp_path / "set" / directory).mkdir(parents=True, exist_ok=True)
        (tmp_path / "set" / directory / base).write_bytes(b"video")
    for path in lists.glob("t*.txt"):
        path.write_text(path.read_text().replace("v_HandstandPushups", f"v_{listed}"))
    found = ucf101(tmp_path / "set", lists)
    assert (len(found.manifest), found.absent) == (36, ())
    assert found.manifest.class_names == CLASSES
    assert {video.group for video in found.manifest.videos if "Push" in video.path} == {
        f"HandstandPushups_g{group:02d}" for group in (1, *range(8, 13))
    }


@pytest.mark.slow
@pytest.mark.skipif(not (DATA / "UCF-101-original").is_dir(), reason="no UCF-101-original in VIDEOCNN_DATA")
def test_seventeen_real_videos_can_be_trained_on():
    found = ucf101(DATA / "UCF-101-original", DATA / "ucfTrainTestlist")
    check_trainable(found.manifest)
    assert len(found.manifest.select("train")) == 10


@pytest.mark.slow
@pytest.mark.skipif(not (DATA / "UCF-101").is_dir(), reason="no UCF-101 in VIDEOCNN_DATA")
@pytest.mark.parametrize(("fold", "test_groups"), [(1, range(1, 8)), (2, range(8, 15)), (3, range(15, 22))])
def test_the_real_folds(fold, test_groups):
    found = ucf101(DATA / "UCF-101", DATA / "ucfTrainTestlist", fold=fold)
    check_groups(found.manifest)
    groups = {"train": set(), "val": set(), "test": set()}
    for video in found.manifest.videos:
        groups[video.split].add(int(video.group.split("_g")[1]))
    assert groups["test"] == set(test_groups)
    assert len(groups["val"]) == 3
    assert groups["train"] | groups["val"] == set(range(1, 26)) - set(test_groups)
    there = sum(1 for _ in (DATA / "UCF-101").glob("*/v_*.avi"))
    assert len(found.manifest) == there
    assert f"{there} of 13320 listed videos" in found.notes[0]
