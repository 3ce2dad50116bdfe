"""Folders and CSV files of one's own: what is taken, what is left out and said, and what is refused."""

import os

import pytest
from videos import write_counting_video

from videocnn.datasets import Found
from videocnn.datasets.folder import csv_file, folder
from videocnn.datasets.prepare import assign_splits, describe, prepare
from videocnn.files import TableError, read_table
from videocnn.manifest import Manifest, ManifestError, Video, read_manifest


def touch(root, *names):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"video")


def test_a_folder_of_class_folders(tmp_path):
    touch(tmp_path, "rise/a.avi", "rise/inner/b.MP4", "sink/-c.mov", "sink/d, e.webm", "été/f.mkv")
    found = folder(tmp_path)
    rows = {video.path: video.labels for video in found.manifest.videos}
    assert rows == {
        "rise/a.avi": ("rise",),
        "rise/inner/b.MP4": ("rise",),
        "sink/-c.mov": ("sink",),
        "sink/d, e.webm": ("sink",),
        "été/f.mkv": ("été",),
    }
    assert found.manifest.class_names == ("rise", "sink", "été")
    assert found.manifest.root == tmp_path
    assert found.skips == ()
    assert any("each is its own" in note for note in found.notes)


def test_what_is_left_out_is_listed(tmp_path):
    touch(tmp_path, "loose.avi", "rise/a.avi", "rise/notes.txt", "rise/.hidden.avi", ".git/x.avi", "sink/b.avi")
    touch(tmp_path, "rise/two\nlines.avi", "rise/.thumbs/t.avi")
    (tmp_path / "empty").mkdir()
    os.symlink(tmp_path / "sink", tmp_path / "rise" / "link")
    found = folder(tmp_path)
    assert {video.path for video in found.manifest.videos} == {"rise/a.avi", "sink/b.avi"}
    assert {skip.path: skip.reason.split(";")[0] for skip in found.skips} == {
        "loose.avi": "not in a class folder",
        "rise/notes.txt": "no video by its extension",
        "rise/two\nlines.avi": "a control character in the name",
        "rise/link": "a link to a folder is not followed",
        "empty": "a class folder without a video",
    }
    assert found.manifest.class_names == ("rise", "sink")


def test_names_of_ucf101_are_groups(tmp_path):
    names = [f"{c}/v_{c}_g{g:02d}_c{i:02d}.avi" for c in ("Archery", "Punch") for g in range(1, 6) for i in (1, 2)]
    touch(tmp_path, *names)
    found = folder(tmp_path, test_fraction=0.4, val_fraction=0.2)
    sides = {video.group: video.split for video in found.manifest.videos}
    assert len(sides) == 10
    assert sorted(sides.values()) == ["test"] * 4 + ["train"] * 4 + ["val"] * 2
    assert found.notes[0] == "groups: 10, from the names of 20 videos"


def test_a_pattern_names_groups(tmp_path):
    touch(tmp_path, *(f"{c}/tape{t}-{i}.avi" for c in ("rise", "sink") for t in range(4) for i in range(3)))
    found = folder(tmp_path, group_pattern=r"tape\d+")
    assert {video.group for video in found.manifest.videos} == {"tape0", "tape1", "tape2", "tape3"}
    touch(tmp_path, "rise/odd one.avi")
    with pytest.raises(ManifestError, match=r"finds nothing in 1 names, such as 'odd one\.avi'"):
        folder(tmp_path, group_pattern=r"tape\d+")


def test_folders_of_splits(tmp_path):
    touch(tmp_path, *(f"{s}/{c}/{s}{i}.avi" for s in ("Train", "test") for c in ("rise", "sink") for i in range(10)))
    found = folder(tmp_path)
    splits = [video.split for video in found.manifest.videos]
    assert (splits.count("train"), splits.count("val"), splits.count("test")) == (18, 2, 20)
    assert found.manifest.class_names == ("rise", "sink")
    touch(tmp_path, "validation/rise/x.avi")
    splits = [video.split for video in folder(tmp_path).manifest.videos]
    assert (splits.count("train"), splits.count("val"), splits.count("test")) == (20, 1, 20)


def test_a_group_on_both_sides_of_given_folders(tmp_path):
    touch(tmp_path, "train/Archery/v_Archery_g01_c01.avi", "test/Archery/v_Archery_g01_c02.avi", "val/Punch/x.avi")
    with pytest.raises(ManifestError, match="'Archery_g01' in test and train"):
        folder(tmp_path)


def test_a_class_may_be_called_train(tmp_path):
    touch(tmp_path, "train/a.avi", "bus/b.avi")
    assert folder(tmp_path).manifest.class_names == ("bus", "train")


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ([], "holds no folders"),
        (["a.avi"], "holds no folders"),
        (["rise/notes.txt"], "hold no videos"),
        (["rise|sink/a.avi"], r"rise\|sink: label .* '\|' separates the labels"),
        (["rise/a.avi", "rise /b.avi"], "both are named 'rise'"),
        (["Cafe\u0301/a.avi", "Caf\u00e9/b.avi"], "both are named 'Café'"),
    ],
)
def test_folders_that_cannot_be(tmp_path, names, words):
    touch(tmp_path, *names)
    with pytest.raises(ManifestError, match=words):
        folder(tmp_path)
    with pytest.raises(ManifestError, match="no such folder"):
        folder(tmp_path / "gone")


def test_any_csv(tmp_path):
    touch(tmp_path, *(f"videos/{i}.avi" for i in range(4)))
    (tmp_path / "list.csv").write_text(
        "id;file;tags;part;tape\n"
        "1;videos/0.avi;rise, fast;TRAINING;t1\n2;videos/1.avi;sink;train;t1\n"
        "3;videos/2.avi;sink;Validation;t2\n4;videos/3.avi;rise;;t3\n5;gs://b/c.mp4;fast;test;t4\n6;gone.avi;rise;test;t5\n"
    )
    found = csv_file(
        tmp_path / "list.csv",
        path_column="file",
        labels_column="tags",
        split_column="part",
        group_column="tape",
        separator=",",
        delimiter=";",
    )
    assert [(v.path, v.labels, v.split, v.group) for v in found.manifest.videos] == [
        ("videos/0.avi", ("rise", "fast"), "train", "t1"),
        ("videos/1.avi", ("sink",), "train", "t1"),
        ("videos/2.avi", ("sink",), "val", "t2"),
        ("videos/3.avi", ("rise",), "", "t3"),
        ("gs://b/c.mp4", ("fast",), "test", "t4"),
    ]
    assert [(skip.path, skip.reason.split(", ")[1]) for skip in found.skips] == [
        ("gone.avi", "line 7: there is no such file")
    ]
    assert found.notes == ("1 videos have no split: neither trained nor tested on",)


def test_a_csv_without_splits_is_cut_by_group(tmp_path):
    names = [f"v_{c}_g{g:02d}_c01.avi" for c in ("rise", "sink") for g in range(1, 11)]
    touch(tmp_path / "elsewhere", *names)
    (tmp_path / "list.csv").write_text("path,labels\n" + "".join(f"{n},{n.split('_')[1]}\n" for n in names))
    found = csv_file(tmp_path / "list.csv", root=tmp_path / "elsewhere")
    splits = [video.split for video in found.manifest.videos]
    assert (splits.count("train"), splits.count("val"), splits.count("test")) == (14, 2, 4)
    with pytest.raises(ManifestError, match=r"none of its 20 files is there, such as 'v_rise_g01_c01\.avi'"):
        csv_file(tmp_path / "list.csv")


@pytest.mark.parametrize(
    ("text", "arguments", "words"),
    [
        ("path,labels\n", {}, "lists no videos"),
        ("path,label\na.avi,x\n", {}, "no column 'labels'"),
        ("path,labels\na.avi,x\n", {"split_column": "fold"}, "no column 'fold'"),
        ("path,labels\na.avi,\n", {}, "line 2: the label is empty"),
        ("path,labels\na.avi,x|y\n", {"separator": ";"}, "line 2: label 'x|y'"),
        ("path,labels,s\na.avi,x,2\n", {"split_column": "s"}, "line 2: split '2'"),
        ("path,labels\na.avi,x\na.avi,y\n", {}, "'a.avi' comes twice"),
        (
            "path,labels,s,g\na.avi,x,train,1\nb.avi,y,test,1\n",
            {"split_column": "s", "group_column": "g"},
            "'1' in test",
        ),
        ("path,labels\na.avi,x\n", {"delimiter": ";;"}, "delimiter ';;'"),
        ("path,labels\na.avi,x\n", {"separator": ""}, "separator ''"),
    ],
)
def test_csv_files_that_cannot_be(tmp_path, text, arguments, words):
    touch(tmp_path, "a.avi", "b.avi")
    (tmp_path / "list.csv").write_text(text)
    with pytest.raises((ManifestError, TableError)) as error:
        csv_file(tmp_path / "list.csv", **arguments)
    assert words in str(error.value)


@pytest.fixture
def videos(tmp_path):
    """Return a folder of two classes with counting videos of 3 to 8 frames, one of which is broken."""
    for number in range(6):
        path = tmp_path / "videos" / ("rise" if number < 3 else "sink") / f"{number}.mp4"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_counting_video(path, 3 + number, height=32, width=48, fps=10 + number)
    (tmp_path / "videos" / "sink" / "broken.mp4").write_bytes(b"not a video at all")
    return tmp_path / "videos"


def test_prepare_measures_and_lists(videos, tmp_path):
    found = folder(videos)
    manifest, skips = prepare(found, tmp_path / "out", quiet=True)
    assert manifest == read_manifest(tmp_path / "out" / "manifest.csv")
    measured = {os.path.basename(video.path): (video.num_frames, video.fps) for video in manifest.videos}
    assert measured == {f"{number}.mp4": (3 + number, 10.0 + number) for number in range(6)}
    assert all(os.path.isabs(video.path) for video in manifest.videos)
    assert [skip.path for skip in skips] == ["sink/broken.mp4"]
    (_, row), *rest = read_table(tmp_path / "out" / "skipped.csv", ("path", "reason"))
    assert rest == []
    assert row["path"] == "sink/broken.mp4"
    assert "broken.mp4" in row["reason"]


def test_prepare_writes_relative_paths_inside_its_folder(videos):
    manifest, _ = prepare(folder(videos), videos, quiet=True)
    assert manifest.videos[0].path == "rise/0.mp4"


def test_prepare_measures_once(tmp_path):
    touch(tmp_path, "a.avi", "b.avi")
    rows = (Video("a.avi", ("x",), "train", "", 7, 5.0), Video("b.avi", ("y",), "train", "", 8, 6.0))
    manifest, skips = prepare(Found(Manifest(rows, root=tmp_path)), tmp_path, quiet=True)  # would not decode
    assert [video.num_frames for video in manifest.videos] == [7, 8]
    assert skips == []


def test_prepare_refuses_what_is_nothing_to_train_on(videos, tmp_path):
    for path in (videos / "sink").iterdir():
        path.write_bytes(b"broken")
    with pytest.raises(ManifestError, match="one class only, 'rise'"):
        prepare(folder(videos), tmp_path / "out", quiet=True)
    assert not (tmp_path / "out" / "manifest.csv").exists()
    assert len(list(read_table(tmp_path / "out" / "skipped.csv", ("path", "reason")))) == 4
    for path in (videos / "rise").iterdir():
        path.write_bytes(b"broken")
    with pytest.raises(ManifestError, match=r"no video can be read; .*skipped\.csv says why"):
        prepare(folder(videos), tmp_path / "out", quiet=True)


def test_given_splits_stay():
    rows = tuple(Video(f"{i}.avi", ("xy"[i % 2],), split) for i, split in enumerate(["train"] * 8 + ["test"] * 4))
    manifest, notes = assign_splits(Manifest(rows))
    assert [video.split for video in manifest.videos].count("val") == 2
    assert [video.split for video in manifest.videos[8:]] == ["test"] * 4
    assert notes == ["no validation split given: 0.1 of the training groups (seed 0)"]
    assert assign_splits(Manifest(rows), val_fraction=0) == (Manifest(rows), [])


def test_describe_counts():
    rows = tuple(
        Video(f"{i}.avi", ("fall", "rise")[: 1 + i % 2], split) for i, split in enumerate(["train"] * 3 + ["val"])
    )
    assert describe(Manifest(rows)) == (
        "4 videos, 2 classes, 4 groups\n"
        "       train     val\n"
        "fall       3       1\n"
        "rise       1       1\n"
        "all        3       1"
    )
    assert describe(Manifest(rows), most_classes=1).splitlines()[2:4] == [
        "fewest of a class       1       1",
        "most of a class         3       1",
    ]
