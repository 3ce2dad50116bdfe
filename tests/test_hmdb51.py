"""HMDB-51: official lists, groups by source within a class, leaks reported, validation by group."""

import os
import runpy
from collections import Counter
from pathlib import Path

import pytest

from videocnn.datasets import hmdb51 as module
from videocnn.datasets import hmdb51_group
from videocnn.datasets.hmdb51 import hmdb51
from videocnn.manifest import ManifestError, check_groups, read_manifest

DATA = Path(os.environ.get("VIDEOCNN_DATA", "."))


def clip(source, label, number=0):
    return f"{source}_{label}_f_cm_np1_le_med_{number}.avi"


# four sources a class for training and two for testing, two clips each, one unused; a film is in both classes
TRAIN = {
    label: [f"{label}_at_home_{i}" for i in range(3)] + [film] for label, film in (("dive", "Jaws"), ("wave", "Up"))
}
TEST = {"dive": ["Pool", "Up"], "wave": ["Sea", "Jaws"]}


def lines(label):
    for code, sources in ((1, TRAIN[label]), (2, TEST[label]), (0, ["Unused"])):
        for source in sources:
            for number in (0, 1):
                yield clip(source, label, number), code


@pytest.fixture
def lists(tmp_path):
    """Return a folder of lists in the official form: a space after the code, fold 2 with the sides exchanged."""
    folder = tmp_path / "testTrainMulti_7030_splits"
    folder.mkdir()
    for label in ("dive", "wave"):
        for fold, codes in ((1, "012"), (2, "021")):
            text = "".join(f"{name} {codes[code]} \n" for name, code in lines(label))
            (folder / f"{label}_test_split{fold}.txt").write_text(text)
    (folder / "readme.txt").write_text("not a list")
    return folder


@pytest.fixture
def root(tmp_path):
    for label in ("dive", "wave"):
        for name, _ in lines(label):
            path = tmp_path / "hmdb51" / label / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"video")
    return tmp_path / "hmdb51"


@pytest.mark.parametrize(
    ("label", "name", "group"),
    [
        ("brush_hair", "April_09_brush_hair_u_nm_np1_ba_goo_0.avi", "brush_hair/April_09"),
        ("dive", "Pirates_5_dive_f_cm_np1_le_bad_3.avi", "dive/Pirates_5"),
        ("climb_stairs", "Treppensteigen_climb_stairs_l_cm_np1_ba_med_1.avi", "climb_stairs/Treppensteigen"),
        ("golf", "Golf_Tips_-_Hit_The_Driver_300+_Yards!!!_golf_f_nm_np1_fr_med_0.avi", None),
        ("punch", "AdvancedBoxingTechniquesandExercises_punch_u_nm_np1_ba_med_23.avi", None),
        ("shoot_ball", "KELVIN_shoot_ball_u_cm_np12_ri_med_0.AVI", "shoot_ball/KELVIN"),
        ("sword", "some_sword_exercise_f_cm_np1_le_med_0.avi", "sword/some_sword_exercise"),
        ("dive", "no_codes.avi", "dive/no_codes.avi"),
    ],
)
def test_groups(label, name, group):
    assert hmdb51_group(label, name) == (group or f"{label}/{name.split(f'_{label}_')[0]}")


def test_lists_decide(root, lists):
    found = hmdb51(root, lists, val_fraction=0)
    rows = {video.path: (video.labels, video.split, video.group) for video in found.manifest.videos}
    assert rows["dive/" + clip("Jaws", "dive", 1)] == (("dive",), "train", "dive/Jaws")
    assert rows["wave/" + clip("Jaws", "wave")] == (("wave",), "test", "wave/Jaws")
    assert Counter(split for _, split, _ in rows.values()) == {"train": 16, "test": 8}  # unused ones are not there
    assert found.notes == (
        "HMDB-51 fold 1: 28 of 28 listed videos are there, in 2 of 2 classes; 4 of them are not used by this fold",
        "4 test videos come from 2 sources that other classes train on, most from Up: the official lists part sources "
        "within a class only",
        "no validation",
    )
    assert Counter(video.split for video in hmdb51(root, lists, fold=2, val_fraction=0).manifest.videos) == {
        "train": 8,
        "test": 16,
    }


def test_validation_by_group(root, lists):
    found = hmdb51(root, lists, val_fraction=0.25)
    check_groups(found.manifest)
    splits = Counter((video.labels[0], video.split) for video in found.manifest.videos)
    assert splits == {(c, s): n for c in ("dive", "wave") for s, n in (("train", 6), ("val", 2), ("test", 4))}
    assert found.notes[-1] == "validation: 0.25 of the training groups of every class (seed 0)"
    again = {hmdb51(root, lists, val_fraction=0.25, seed=seed).manifest.hash for seed in (0, 0, 1, 2, 3)}
    assert 1 < len(again) < 5


def test_a_source_on_both_sides_is_reported(root, lists):
    path = lists / "dive_test_split1.txt"
    name = clip("Pool", "dive")
    path.write_text(path.read_text().replace(f"{name} 2", f"{name} 1"))
    found = hmdb51(root, lists)
    check_groups(found.manifest)
    rows = {video.path: (video.split, video.group) for video in found.manifest.videos}
    assert rows[f"dive/{name}"] in [("train", "dive/Pool (train)"), ("val", "dive/Pool (train)")]
    assert rows["dive/" + clip("Pool", "dive", 1)] == ("test", "dive/Pool (test)")
    assert found.notes[1] == "1 sources are on both sides of the official list, which stands: dive/Pool"
    assert found.notes[2].startswith("4 test videos come from 2 sources")  # and no more of them


def test_says_what_is_absent(root, lists):
    (root / "dive" / clip("Pool", "dive")).unlink()
    for path in (root / "wave").iterdir():
        path.unlink()
    os.rename(root / "dive" / clip("Jaws", "dive"), root / "dive" / clip("JAWS", "dive"))
    found = hmdb51(root, lists)
    assert found.notes[0].startswith("HMDB-51 fold 1: 13 of 28 listed videos are there, in 1 of 2 classes; 2 of")
    assert [skip.path for skip in found.skips] == ["dive/" + clip("Pool", "dive")]
    assert len(found.absent) == 15
    assert len(found.listed) == 28
    assert found.manifest.class_names == ("dive",)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("a.avi 3", r"dive_test_split1\.txt, line 2: expected a video's name and 0, 1 or 2, got 'a\.avi 3'"),
        ("a.avi", "line 2"),
        ("../a.avi 1", "line 2"),
        (f"{clip('Jaws', 'dive')} 1", "comes twice"),
    ],
)
def test_lists_that_cannot_be(root, lists, line, words):
    path = lists / "dive_test_split1.txt"
    path.write_text(f"\n{line}\n" + path.read_text())
    with pytest.raises(ManifestError, match=words):
        hmdb51(root, lists)


def test_what_is_not_there(root, lists, tmp_path):
    with pytest.raises(ManifestError, match=r"no list of fold 3 .* brush_hair_test_split3\.txt"):
        hmdb51(root, lists, fold=3)
    with pytest.raises(ManifestError, match="fold 4"):
        hmdb51(root, lists, fold=4)
    with pytest.raises(ManifestError, match="fraction 1"):
        hmdb51(root, lists, val_fraction=1)
    with pytest.raises(ManifestError, match="HMDB-51's class folders"):
        hmdb51(tmp_path / "gone", lists)
    with pytest.raises(ManifestError, match=r"should hold brush_hair_test_split1\.txt"):
        hmdb51(root, tmp_path / "gone")
    with pytest.raises(ManifestError, match="none of the 28 videos"):
        hmdb51(lists, lists)


def test_the_script_writes_three_folds(root, lists, tmp_path, monkeypatch, capsys):
    for label in ("dive", "wave"):
        (lists / f"{label}_test_split3.txt").write_text((lists / f"{label}_test_split1.txt").read_text())
    monkeypatch.setattr("videocnn.datasets.prepare.measure", lambda manifest, **options: (manifest, []))
    main = runpy.run_path(str(Path(__file__).parents[1] / "data" / "hmdb51" / "prepare.py"))["main"]
    main(str(root), str(lists), str(tmp_path / "out"))
    for fold, test in ((1, 8), (2, 16), (3, 8)):
        assert len(read_manifest(tmp_path / "out" / f"fold{fold}" / "manifest.csv").select("test")) == test
    out = capsys.readouterr().out
    assert "28 videos of 2 classes; the official lists contain 6,766 of 51" in out
    assert "complete: all 28 listed videos" in out


def test_the_sources_are_https():
    for source in (module.VIDEOS, module.LISTS):
        assert source.url.startswith("https://")
        assert source.page == "https://serre.lab.brown.edu/hmdb51.html"


@pytest.mark.skipif(not (DATA / "hmdb51").is_dir(), reason="no HMDB-51 in VIDEOCNN_DATA")
def test_real_names():
    names = [path.relative_to(DATA / "hmdb51") for path in (DATA / "hmdb51").glob("*/*.avi")]
    groups = {hmdb51_group(path.parent.name, path.name) for path in names}
    assert len(groups) == len(names) == 7
    assert "climb/(HQ)_Rock_Climbing_-_Free_Solo_Speed_Climb_-_Dan_Osman" in groups
    assert not any(group.endswith(".avi") or "_np1" in group for group in groups)
