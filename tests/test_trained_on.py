"""What a network has seen before: test videos among the training videos of the one that it started from."""

import dataclasses
import json
import os

import pytest
from paper_runs import made_scores, write_run

from videocnn.manifest import Manifest, Video, read_manifest, write_manifest
from videocnn.report.paper import make_table
from videocnn.runs import card_text, look_back, seen_before, seen_sentences
from videocnn.runs.description import find_warnings
from videocnn.runs.state import open_run

GONE = "Whether the network that this one started from has seen these videos cannot be told"


def rows(root, splits, *, group="{0}_g{1}"):
    """Return the manifest of two classes of four groups, of two videos each; `splits` has the split of each group."""
    videos = tuple(
        Video(f"{label}/{label}_{number}_{clip}.mp4", (label,), split, group.format(label, number), 9, 25.0)
        for label in "ab"
        for number, split in enumerate(splits)
        for clip in (0, 1)
        if split is not None
    )  # fmt: skip
    return Manifest(videos, ("a", "b"), root)


@pytest.fixture
def place(tmp_path):
    """Return a function that writes a manifest beside its videos, and returns its path."""

    def write(name, manifest):
        for video in manifest.videos:
            file = tmp_path / "set" / video.path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(b"never decoded")
        path = tmp_path / name / "manifest.csv"
        path.parent.mkdir()
        write_manifest(dataclasses.replace(manifest, root=tmp_path / "set"), path)
        return path

    return write


def origin(path):
    return {"path": "runs/p1", "data": str(path), "manifest_hash": read_manifest(path).hash}


def test_other_folds_of_one_data_set(tmp_path):
    first, second = (rows(tmp_path, s) for s in (("test", "train", "train", "val"), ("val", "test", "test", "val")))
    assert seen_before(first, second) == {
        "val": {"num_videos": 8, "seen_videos": 0, "num_groups": 4, "seen_groups": 0},
        "test": {"num_videos": 8, "seen_videos": 8, "num_groups": 4, "seen_groups": 4},
    }
    assert seen_before(first, first)["test"]["seen_videos"] == 0  # the same fold again: its test videos are still new
    assert seen_before(second, rows(tmp_path, ("train", "val", "train", "test"))) == {
        "val": {"num_videos": 4, "seen_videos": 0, "num_groups": 2, "seen_groups": 0},
        "test": {"num_videos": 4, "seen_videos": 4, "num_groups": 2, "seen_groups": 2},
    }
    other = rows(tmp_path, ("test", None, "train", "val"))
    assert seen_before(other, second)["test"] == {
        "num_videos": 8, "seen_videos": 4, "num_groups": 4, "seen_groups": 2
    }  # fmt: skip


def test_other_videos_of_one_group(tmp_path):
    """A part of a source was trained on, and another part of it is tested on."""
    whole = rows(tmp_path, ("train", "test"))
    parts = [dataclasses.replace(whole, videos=whole.videos[clip::2]) for clip in (0, 1)]
    swapped = rows(tmp_path, ("test", "train"))
    part = dataclasses.replace(swapped, videos=swapped.videos[1::2])
    assert seen_before(parts[0], part)["test"]["seen_videos"] == 2


def test_groups_of_other_data_sets_have_nothing_in_common(tmp_path):
    """Both have a group `1`; and their files are called alike, in folders of their own."""
    first, second = (rows(tmp_path / name, ("train", "train"), group="{1}") for name in ("one", "two"))
    test = dataclasses.replace(second, videos=tuple(dataclasses.replace(v, split="test") for v in second.videos))
    assert seen_before(first, test) == {"test": {"num_videos": 8, "seen_videos": 0, "num_groups": 2, "seen_groups": 0}}
    no_groups = [rows(tmp_path / name, (split,), group="") for name, split in (("one", "train"), ("two", "test"))]
    assert seen_before(*no_groups)["test"]["seen_videos"] == 0


@pytest.mark.skipif(os.name == "nt", reason="links need rights on Windows")
def test_a_link_is_the_same_file(tmp_path):
    first = rows(tmp_path / "one", ("train",))
    (tmp_path / "one").mkdir()
    (tmp_path / "two").symlink_to(tmp_path / "one")
    assert seen_before(first, rows(tmp_path / "two", ("test",)))["test"]["seen_videos"] == 4


def test_what_the_origin_started_from_counts_as_well(place):
    one, two = place("one", rows("", ("train", None, "test"))), place("two", rows("", (None, "train", "test")))
    new = read_manifest(place("new", rows("", ("test", "test", "train"))))
    back = look_back({**origin(two), "pretrained": origin(one)}, new)
    assert back == {
        "seen": {"test": {"num_videos": 8, "seen_videos": 8, "num_groups": 4, "seen_groups": 4}}, "not_looked_for": ""
    }  # fmt: skip
    (sentence,) = seen_sentences(back)
    assert sentence == (
        "Split test: the network that this one started from has seen 4 of its 4 groups (8 of 8 videos) in "
        "training or validation. The figures measure memory."
    )


def test_data_that_are_gone(place):
    path = place("one", rows("", ("train", "test")))
    manifest, known = read_manifest(path), origin(path)
    path.unlink()
    for pretrained in (
        known,
        {"path": "network.keras", "data": None},
        {**known, "pretrained": origin(place("x", manifest))},
    ):
        back = look_back(pretrained, manifest)
        assert back["not_looked_for"]
        assert seen_sentences(back)[-1].startswith(GONE)


@pytest.fixture
def tuned(tmp_path, place):
    """Return the folder of a run that was tuned on fold 2, from a network that was trained on fold 1."""
    first, second = (
        place("fold1", rows("", ("test", "train", "train"))),
        place("fold2", rows("", ("train", "test", "train"))),
    )
    folder = write_run(tmp_path / "tuned", made_scores([True] * 4), pretrained="abc", regime="top")
    settings = json.loads((folder / "run.json").read_text())
    settings |= {"data": str(second), "manifest_hash": read_manifest(second).hash}
    settings["pretrained"] |= {**origin(first), "class_names": ["a", "<b>"]}
    (folder / "run.json").write_text(json.dumps(settings))
    return folder


def change(folder, **values):
    settings = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps({**settings, **values}))


def test_report_and_card_say_it(tuned, tmp_path):
    words = "has seen 2 of its 2 groups (4 of 4 videos)"
    assert any(words in warning for warning in find_warnings(open_run(tuned)))
    assert words in card_text(tuned).replace("\\", "")
    change(tuned, arguments={"regime": "scratch"})  # of the other network it has nothing
    assert not any("started from" in warning for warning in find_warnings(open_run(tuned)))
    change(tuned, arguments={"regime": "top"})
    (tmp_path / "fold1" / "manifest.csv").unlink()
    assert any(warning.startswith(GONE) for warning in find_warnings(open_run(tuned)))
    assert str(tmp_path) not in card_text(tuned).replace("\\", "")


def test_what_was_found_when_it_was_tuned_is_kept(tuned, tmp_path):
    """The data may go, and the tables open none."""
    pretrained = json.loads((tuned / "run.json").read_text())["pretrained"]
    back = look_back(pretrained, read_manifest(tmp_path / "fold2" / "manifest.csv"))
    change(tuned, pretrained={**pretrained, **back})
    (tmp_path / "fold1" / "manifest.csv").unlink()
    (tmp_path / "fold2" / "manifest.csv").unlink()
    assert any("has seen 2 of its 2 groups" in warning for warning in find_warnings(open_run(tuned)))
    assert any(
        "tuned: the network that it was fine-tuned from has seen 2 of the 2 groups" in note
        for note in make_table("3", [tuned]).notes
    )
    change(tuned, pretrained={**pretrained, "seen": {}, "not_looked_for": "gone"})
    assert any("has seen the videos cannot be told: " in note for note in make_table("3", [tuned]).notes)
