"""Splits by group: no group on two sides, every class trained on, and the same seed gives the same cut."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from videocnn.manifest import (
    Manifest,
    ManifestError,
    Video,
    check_groups,
    check_trainable,
    pattern_group,
    split_by_group,
    split_validation,
    ucf_group,
)


def grouped(classes=("rise", "sink"), num_groups=10, clips=3, split=""):
    """Return a manifest with `num_groups` groups of `clips` videos in each class."""
    return Manifest(
        tuple(
            Video(f"{label}/{group}_{clip}.avi", (label,), split, f"{label}_{group}")
            for label in classes
            for group in range(num_groups)
            for clip in range(clips)
        )
    )


def sides(manifest):
    return {video.group: video.split for video in manifest.videos}


def counts(manifest, label):
    splits = [video.split for video in manifest.videos if label in video.labels]
    return tuple(splits.count(split) for split in ("train", "val", "test"))


def test_names_tell_groups():
    assert ucf_group("v_Archery_g01_c02.avi") == "Archery_g01"
    assert ucf_group("v_Playing_g2_Piano_g12_c1.mp4") == "Playing_g2_Piano_g12"
    assert ucf_group("Archery_g01_c02.avi") is None
    assert ucf_group("v_Archery_g01.avi") is None
    assert pattern_group(r"^(\w+?)-clip", "tape7-clip3.mp4") == "tape7"
    assert pattern_group(r"([a-z]+)_(\d+)_", "a_cat_07_x.mp4") == "cat_07"
    assert pattern_group(r"\d{3}", "x123y.mp4") == "123"
    assert pattern_group(r"\d{3}", "x12y.mp4") is None


def test_patterns_that_cannot_be():
    with pytest.raises(ManifestError, match=r"group pattern '\(': missing"):
        pattern_group("(", "a.avi")
    with pytest.raises(ManifestError, match=r"no name of a group in 'ab\.avi'"):
        pattern_group("a(c)?", "ab.avi")
    with pytest.raises(ManifestError, match="no name of a group"):
        pattern_group("x*", "a.avi")


def test_split_takes_whole_groups_class_by_class():
    split = split_by_group(grouped(), test_fraction=0.3, val_fraction=0.1)
    check_groups(split)
    assert counts(split, "rise") == counts(split, "sink") == (18, 3, 9)
    assert [video.path for video in split.videos] == [video.path for video in grouped().videos]


@pytest.mark.parametrize(
    ("num_groups", "expected"), [(1, (3, 0, 0)), (2, (3, 0, 3)), (3, (3, 3, 3)), (5, (9, 3, 3)), (25, (51, 9, 15))]
)
def test_small_classes_are_trained_on(num_groups, expected):
    assert counts(split_by_group(grouped(num_groups=num_groups)), "rise") == expected


def test_split_is_a_function_of_names_and_seed():
    manifest = grouped()
    reverse = dataclasses.replace(manifest, videos=manifest.videos[::-1])
    assert sides(split_by_group(manifest, seed=3)) == sides(split_by_group(reverse, seed=3))
    assert sides(split_by_group(manifest, seed=3)) != sides(split_by_group(manifest, seed=4))


def test_no_fraction_no_videos():
    assert counts(split_by_group(grouped(), test_fraction=0, val_fraction=0), "rise") == (30, 0, 0)


@pytest.mark.parametrize(("test", "val"), [(0.8, 0.2), (-0.1, 0.1), (0.1, -0.1), (1, 0), (float("nan"), 0)])
def test_fractions_that_cannot_be(test, val):
    with pytest.raises(ManifestError, match="below 1"):
        split_by_group(grouped(), test_fraction=test, val_fraction=val)


@given(
    rows=st.lists(st.tuples(st.integers(0, 9), st.sets(st.sampled_from("abc"), min_size=1)), min_size=1, max_size=30),
    test=st.floats(0, 0.5),
    val=st.floats(0, 0.49),
    seed=st.integers(0, 5),
)
def test_no_group_is_ever_cut(rows, test, val, seed):
    videos = tuple(Video(f"{i}.avi", tuple(sorted(names)), "", f"g{group}") for i, (group, names) in enumerate(rows))
    split = split_by_group(Manifest(videos), test_fraction=test, val_fraction=val, seed=seed)
    check_groups(split)
    assert "" not in sides(split).values()
    assert "train" in sides(split).values()


def test_validation_moves_named_groups():
    manifest = grouped(split="train")
    moved = split_validation(manifest, groups=["rise_3", "sink_4"])
    assert {group for group, side in sides(moved).items() if side == "val"} == {"rise_3", "sink_4"}
    assert set(sides(moved).values()) == {"train", "val"}


def test_validation_by_fraction_leaves_test_alone():
    manifest = split_by_group(grouped(), test_fraction=0.4, val_fraction=0)
    moved = split_validation(manifest, fraction=0.5, seed=1)
    assert counts(moved, "rise") == counts(moved, "sink") == (9, 9, 12)
    before, after = sides(manifest), sides(moved)
    assert all(after[group] == "test" for group in before if before[group] == "test")
    assert after != sides(split_validation(manifest, fraction=0.5, seed=2))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({}, "either"),
        ({"groups": ["rise_1"], "fraction": 0.1}, "either"),
        ({"fraction": 1.0}, "between 0 and 1"),
        ({"groups": ["rise_99"]}, "'rise_99' has no training video"),
        ({"groups": [f"{label}_{i}" for label in ("rise", "sink") for i in range(10)]}, "leave some"),
    ],
)
def test_validation_that_cannot_be(arguments, words):
    with pytest.raises(ManifestError, match=words):
        split_validation(grouped(split="train"), **arguments)


def test_a_group_of_the_test_split_cannot_validate():
    with pytest.raises(ManifestError, match="'rise_1' has no training video"):
        split_validation(grouped(split="test"), groups=["rise_1"])


def test_what_cannot_be_trained_on():
    check_trainable(split_by_group(grouped()))
    with pytest.raises(ManifestError, match="one class only, 'rise'"):
        check_trainable(grouped(("rise",), split="train"))
    with pytest.raises(ManifestError, match="no video is in the split 'train'"):
        check_trainable(grouped())
    videos = (*grouped(split="train").videos, Video("new.avi", ("fall",), "test"))
    with pytest.raises(ManifestError, match=r"class 'fall' is in test \(new\.avi\) and has no training video"):
        check_trainable(Manifest(videos))
    check_trainable(Manifest((*videos[:-1], Video("new.avi", ("fall",), ""))))


def test_a_group_that_leaks_already_is_named():
    manifest = Manifest((*grouped(split="train").videos, Video("t.avi", ("rise",), "test", "rise_1")))
    with pytest.raises(ManifestError, match="'rise_1' in test and val"):
        split_validation(manifest, groups=["rise_1"])
