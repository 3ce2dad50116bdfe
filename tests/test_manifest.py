"""Manifests: what goes in comes out, what cannot be is refused by name, and the old file survives a failed write."""

import dataclasses
import errno
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import composite

from videocnn.files import TableError, WriteError, read_table, write_file, write_text
from videocnn.manifest import (
    Manifest,
    ManifestError,
    Skip,
    Video,
    check_groups,
    read_manifest,
    write_manifest,
    write_skips,
)
from videocnn.manifest.reading import COLUMNS, clean_label

HEADER = ",".join(COLUMNS)
TWO = f"{HEADER}\na.avi,rise,train,g1,30,25.0\nsub/b.avi,rise|sink,test,g2,12,29.97\n"


@pytest.fixture
def put(tmp_path):
    """Return a function that writes manifest.csv, with the two videos of `TWO` beside it."""
    (tmp_path / "sub").mkdir()
    for name in ("a.avi", "sub/b.avi"):
        (tmp_path / name).write_bytes(b"video")

    def write(text):
        path = tmp_path / "manifest.csv"
        path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape"))
        return path

    return write


def test_reads_what_is_written(put, tmp_path):
    manifest = read_manifest(put(TWO))
    first, second = manifest.videos
    assert first == Video("a.avi", ("rise",), "train", "g1", 30, 25.0)
    assert second == Video("sub/b.avi", ("rise", "sink"), "test", "g2", 12, 29.97)
    assert manifest.class_names == ("rise", "sink")
    assert len(manifest) == 2
    assert manifest.root == tmp_path
    assert manifest.file(second) == str(tmp_path / "sub" / "b.avi")
    np.testing.assert_array_equal(manifest.label_matrix(), np.float32([[1, 0], [1, 1]]))
    assert manifest.label_matrix().dtype == np.float32


def test_select_keeps_classes_and_folder(put, tmp_path):
    test = read_manifest(put(TWO)).select("test")
    assert [video.path for video in test.videos] == ["sub/b.avi"]
    assert test.class_names == ("rise", "sink")
    assert test.root == tmp_path
    assert len(test.select("val")) == 0
    with pytest.raises(ManifestError, match="'validation'"):
        test.select("validation")


@pytest.mark.parametrize(
    "text",
    [
        "\ufeff" + TWO,
        TWO.replace("\n", "\r\n"),
        TWO.replace("\n", "\r"),
        TWO.replace("\n", "\n\n  \n,,,,,\n"),
        TWO.rstrip("\n"),
        TWO.replace("rise|sink", '" rise | sink "').replace(",test,", ", test ,").replace("29.97", " 29.97 "),
        HEADER.replace("path,labels", "labels,note,path")
        + "\nrise,x,a.avi,train,g1,30,25\nrise|sink,,sub/b.avi,test,g2,12,29.97",
    ],
    ids=["byte-order mark", "CRLF", "CR", "blank lines", "no last line end", "white space", "other columns"],
)
def test_spreadsheets_do_not_matter(put, text):
    expected = Manifest(
        (
            Video("a.avi", ("rise",), "train", "g1", 30, 25.0),
            Video("sub/b.avi", ("rise", "sink"), "test", "g2", 12, 29.97),
        )
    )
    assert read_manifest(put(text)).videos == expected.videos


ROW = "a.avi,rise,train,g1,30,25.0\n"


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("a.avi,,train,g1,30,25\n", ["line 2", "label is empty"]),
        ("a.avi,rise|,train,g1,30,25\n", ["line 2", "label is empty"]),
        ("a.avi,rise|rise,train,g1,30,25\n", ["line 2", "rise|rise"]),
        ('a.avi,"ri\nse",train,g1,30,25\n', ["line 3", "line break"]),
        ("a.avi,rise,Train,g1,30,25\n", ["line 2", "'Train'", "train, val, test"]),
        ("a.avi,rise,train,g1,3.5,25\n", ["num_frames", "'3.5'", "whole"]),
        ("a.avi,rise,train,g1,0,25\n", ["num_frames 0"]),
        ("a.avi,rise,train,g1,-4,25\n", ["num_frames -4"]),
        ("a.avi,rise,train,g1,100000001,25\n", ["line 2", "a.avi", "num_frames 100000001", "100,000,000"]),
        (f"a.avi,rise,train,g1,{2**63 - 1},25\n", ["line 2", f"num_frames {2**63 - 1}"]),
        (f"a.avi,rise,train,g1,{'9' * 23},25\n", ["line 2", "num_frames 999"]),
        ("a.avi,rise,train,g1,30,fast\n", ["fps", "'fast'"]),
        ("a.avi,rise,train,g1,30,nan\n", ["fps nan"]),
        ("a.avi,rise,train,g1,30,inf\n", ["fps inf"]),
        ("a.avi,rise,train,g1,30,0\n", ["fps 0"]),
        (",rise,train,g1,30,25\n", ["line 2", "path ''"]),
        ("a.avi,rise,train,g1,30\n", ["line 2", "5 fields", "6"]),
        ("a,b.avi,rise,train,g1,30,25\n", ["line 2", "7 fields", "double quotes"]),
        ('"a.avi,rise,train,g1,30,25\n', ["quotes"]),
        ('"a.avi"x,rise,train,g1,30,25\n', ["line 2", "quotes"]),
        (ROW + ROW, ["'a.avi'", "twice"]),
        (ROW + "sub/../a.avi,rise,train,g1,30,25\n", ["'sub/../a.avi'", "twice", "'a.avi'"]),
        ("gone.avi,rise,train,g1,,\n" + ROW, ["1 of 2", "'gone.avi'"]),
        ("sub,rise,train,g1,,\n", ["1 of 1", "'sub'"]),
        (ROW + "sub/b.avi,rise,test,g1,,\n", ["'g1'", "test and train"]),
        ("", ["no videos"]),
    ],
)
def test_refuses_rows_by_name(put, row, words):
    path = put(f"{HEADER}\n{row}")
    with pytest.raises((ManifestError, TableError)) as error:
        read_manifest(path)
    for word in [str(path), *words]:
        assert word in str(error.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"", ["empty", HEADER]),
        (b"\xef\xbb\xbf\n\n", ["empty"]),
        (b"path,labels,split,group\na.avi,rise,train,g1\n", ["'num_frames', 'fps'"]),
        (TWO.replace(",", ";").encode(), ["'path'", "path;labels"]),
        (TWO.replace("fps", "path").replace("path,", "path,fps,", 1).encode(), ["'path'", "twice"]),
        (TWO.encode("utf-16"), ["UTF-16"]),
        (b"\x00\x01\x02", ["not a text file"]),
        (HEADER.encode() + b"\na.avi,Caf\xe9,train,g1,,\n", ["line 2", "UTF-8"]),
        (HEADER.encode() + b"\n" + b"a" * 200_000 + b",x,,,,\n", ["line 2", "field"]),
    ],
)
def test_refuses_files_by_name(put, text, words):
    path = put(text)
    with pytest.raises((ManifestError, TableError)) as error:
        read_manifest(path)
    for word in [str(path), *words]:
        assert word in str(error.value)


def test_absent_files_and_folders(tmp_path):
    with pytest.raises(TableError, match=r"gone\.csv"):
        read_manifest(tmp_path / "gone.csv")
    with pytest.raises(TableError, match="cannot be read"):
        read_manifest(tmp_path)


@pytest.mark.skipif(os.name == "nt", reason="links need rights on Windows")
def test_two_paths_to_one_file_are_refused(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    (tmp_path / "a" / "0.mp4").write_bytes(b"x")
    os.symlink(tmp_path / "a" / "0.mp4", tmp_path / "b" / "1.mp4")
    os.symlink(tmp_path / "a", tmp_path / "c")
    text = "path,labels,split,group,num_frames,fps\na/0.mp4,x,train,,,\n{},y,test,,,\n"
    for other in ("b/1.mp4", "c/0.mp4"):
        (tmp_path / "m.csv").write_text(text.format(other))
        with pytest.raises(ManifestError, match=f"'{other}' and 'a/0.mp4' are one file by a link; keep one row"):
            read_manifest(tmp_path / "m.csv")
        assert len(read_manifest(tmp_path / "m.csv", check_files=False)) == 2


def test_classes_of_a_model(put):
    manifest = read_manifest(put(TWO), class_names=("sink", "other", "rise"))
    assert manifest.class_names == ("sink", "other", "rise")
    np.testing.assert_array_equal(manifest.label_matrix(), [[0, 0, 1], [1, 0, 1]])
    with pytest.raises(ManifestError, match=r"sub/b\.avi: label 'sink' is none of the 2 classes \(rise, fall\)"):
        read_manifest(put(TWO), class_names=("rise", "fall"))
    with pytest.raises(ManifestError, match="twice"):
        read_manifest(put(TWO), class_names=("rise", "sink", "rise"))


def test_files_need_not_be_there_on_request(put):
    path = put(f"{HEADER}\ngone.avi,rise,,,,\n")
    assert read_manifest(path, check_files=False).videos[0].path == "gone.avi"


def test_names_are_text(tmp_path):
    names = ("../x", "<b>bold</b>", "[red]", "/etc/passwd", "a,b", 'a "quoted" one', "-rf", "日本語", "100 %")
    videos = tuple(Video(f"{i}.avi", (name,), "train", name) for i, name in enumerate(names))
    write_manifest(Manifest(videos, root=tmp_path), tmp_path / "manifest.csv")
    assert [path.name for path in tmp_path.iterdir()] == ["manifest.csv"]
    assert read_manifest(tmp_path / "manifest.csv", check_files=False).class_names == tuple(sorted(names))


def test_one_name_in_two_spellings_is_one_class():
    assert clean_label(" Cafe\u0301 ") == "Caf\u00e9"
    with pytest.raises(ManifestError, match="decomposed"):
        Manifest((Video("a.avi", ("Cafe\u0301",)),))


def test_an_empty_group_is_the_video_itself(put, tmp_path):
    manifest = read_manifest(put(TWO.replace("g1", "").replace("g2", "")))
    assert [video.group for video in manifest.videos] == ["a.avi", "sub/b.avi"]
    write_manifest(manifest, tmp_path / "manifest.csv")
    assert (tmp_path / "manifest.csv").read_text() == TWO.replace("g1", "").replace("g2", "")


def test_paths_follow_the_manifest(put, tmp_path):
    manifest = read_manifest(put(TWO))
    other = tmp_path / "sub" / "manifest.csv"
    write_manifest(manifest, other)
    moved = read_manifest(other)
    assert [video.path for video in moved.videos] == [str(tmp_path / "a.avi"), "b.avi"]
    assert [moved.file(video) for video in moved.videos] == [manifest.file(video) for video in manifest.videos]
    assert moved.hash == manifest.hash


def test_urls_are_left_alone(tmp_path):
    video = Video("gs://bucket/a b.mp4", ("x",), "train")
    manifest = Manifest((video, Video("s3://bucket/c.mp4", ("y",), "test")), root=tmp_path)
    write_manifest(manifest, tmp_path / "sub" / "manifest.csv")
    again = read_manifest(tmp_path / "sub" / "manifest.csv")
    assert again.file(again.videos[0]) == "gs://bucket/a b.mp4"
    assert again.hash == manifest.hash


def test_hash_says_what_not_where(tmp_path):
    videos = (Video("x/a.avi", ("p", "q"), "train", "g", 30, 25), Video("x/b.avi", ("q",), "test", "", None, None))
    here = Manifest(videos, root=tmp_path / "here")
    assert here.hash == Manifest(videos[::-1], root=tmp_path / "there" / "deeper").hash
    assert here.hash == Manifest((dataclasses.replace(videos[0], labels=("q", "p"), fps=25.0), videos[1])).hash
    absolute = tuple(dataclasses.replace(v, path=str(tmp_path / v.path), group=v.group) for v in videos)
    assert here.hash == Manifest(absolute, root="/elsewhere").hash
    # pinned: a hash that changes with a version orphans every run
    assert here.hash == "ee1e0c8733d8bd80704b81bcb13157b309af7fce62a14ce797a2b0da0b26263b"


@pytest.mark.parametrize(
    "change",
    [{"path": "x/c.avi"}, {"labels": ("q",)}, {"split": "val"}, {"group": "h"}, {"num_frames": 31}, {"fps": 24.0}],
)
def test_hash_sees_every_column(change):
    video, other = Video("x/a.avi", ("p", "q"), "train", "g", 30, 25.0), Video("x/b.avi", ("p", "q"))
    before, after = (Manifest((v, other)) for v in (video, dataclasses.replace(video, **change)))
    assert before.hash != after.hash


def test_hash_sees_the_order_of_classes():
    videos = (Video("a.avi", ("p", "q")),)
    assert Manifest(videos).hash != Manifest(videos, class_names=("q", "p")).hash


def test_groups_on_both_sides_are_named():
    sides = [("g1", "train"), ("g1", "test"), ("g2", "val"), ("g2", "val"), ("g3", ""), ("g3", "test"), ("g4", "train")]
    videos = tuple(Video(f"{i}.avi", ("x",), split, group) for i, (group, split) in enumerate(sides))
    with pytest.raises(ManifestError, match=r"1 group\(s\).*'g1' in test and train"):
        check_groups(Manifest(videos))
    check_groups(Manifest(videos[1:]))


def test_skips_are_a_table(tmp_path):
    write_skips([Skip("a, b\n.avi", 'moov "atom" not found')], tmp_path / "skipped.csv")
    assert list(read_table(tmp_path / "skipped.csv", ("path", "reason"))) == [
        (2, {"path": "a, b .avi", "reason": 'moov "atom" not found'})
    ]


def test_a_full_disk_leaves_the_old_file(put, monkeypatch):
    path = put(TWO)
    manifest = read_manifest(path)

    def full(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(WriteError, match="No space left on device"):
        write_manifest(manifest.select("train"), path)
    assert path.read_text() == TWO
    assert sorted(file.name for file in path.parent.iterdir()) == ["a.avi", "manifest.csv", "sub"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_device_that_is_full(tmp_path):
    with pytest.raises(WriteError, match=r"new\.txt: could not be written \(No space left"):
        write_file(tmp_path / "new.txt", lambda temporary: Path("/dev/full").write_text("text"))
    assert not list(tmp_path.iterdir())


def test_a_folder_in_the_way(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(WriteError, match="could not be written"):
        write_text(tmp_path / "file" / "manifest.csv", "text")


def test_bytes_of_a_file_name_survive(tmp_path):
    name = os.fsdecode(b"caf\xe9.avi")
    try:
        (tmp_path / name).write_bytes(b"video")
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    write_manifest(Manifest((Video(name, ("x",)),), root=tmp_path), tmp_path / "manifest.csv")
    manifest = read_manifest(tmp_path / "manifest.csv")
    assert Path(manifest.file(manifest.videos[0])).read_bytes() == b"video"
    assert len(manifest.hash) == 64


characters = st.characters(exclude_categories=("Cs", "Cc"))
labels = st.text(characters.filter(lambda c: c != "|"), min_size=1, max_size=8).filter(str.strip).map(clean_label)
paths = st.text(characters.filter(lambda c: c not in "/:"), min_size=1, max_size=12).filter(
    lambda name: name.strip() and name not in (".", "..")
)
groups = st.one_of(st.just(""), labels)


@composite
def manifests(draw):
    names = draw(st.lists(paths, min_size=1, max_size=6, unique=True))
    split = draw(st.dictionaries(groups, st.sampled_from(["train", "val", "test", ""])))
    videos = []
    for name in names:
        group = draw(groups)
        videos.append(
            Video(
                path=name,
                labels=tuple(draw(st.lists(labels, min_size=1, max_size=3, unique=True))),
                split=split.get(group, "train"),
                group=group,
                num_frames=draw(st.none() | st.integers(1, 10**8)),
                fps=draw(st.none() | st.floats(1e-3, 1e6)),
            )
        )
    return Manifest(tuple(videos))


@settings(max_examples=60)
@given(manifest=manifests())
def test_round_trip(tmp_path_factory, manifest):
    folder = tmp_path_factory.getbasetemp() / "round_trip"
    manifest = dataclasses.replace(manifest, root=folder)
    try:
        check_groups(manifest)
    except ManifestError:
        return
    write_manifest(manifest, folder / "manifest.csv")
    again = read_manifest(folder / "manifest.csv", check_files=False)
    assert again == manifest
    assert again.hash == manifest.hash


def test_two_jobs_may_write_one_file(tmp_path):
    """Each has a temporary file of its own: the one that ends last is whole."""

    def outer(temporary):
        temporary.write_text("outer")
        write_text(tmp_path / "a.txt", "inner")

    write_file(tmp_path / "a.txt", outer)
    assert (tmp_path / "a.txt").read_text() == "outer"
    assert os.listdir(tmp_path) == ["a.txt"]
