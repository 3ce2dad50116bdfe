"""One constant leads to the toy videos, to a manifest or to the reader's own folder."""

import shutil

import pytest
from videos import write_counting_video

from videocnn.datasets import open_videos, opening
from videocnn.manifest import ManifestError


def refuse(*arguments, **options):
    raise AssertionError("it was made again")


@pytest.fixture
def own(tmp_path):
    root = tmp_path / "birds"
    for label in ("gull", "swift"):
        (root / label).mkdir(parents=True)
        for group in range(1, 4):
            write_counting_video(root / label / f"v_{label}_g{group:02d}_c01.mp4", 12)
    (root / "gull" / "broken.mp4").write_bytes(b"no video")
    return root


def test_toy_videos_are_rendered_once(tmp_path, monkeypatch):
    calls = []

    def render(out, **options):
        calls.append(options)
        return make_toy(out, **options, groups_per_class=3)

    make_toy = opening.make_toy
    monkeypatch.setattr(opening, "make_toy", render)
    first = open_videos("toy", tmp_path / "course", seed=3)
    assert len(first.class_names) == 12
    assert open_videos("toy", tmp_path / "course", seed=3).hash == first.hash
    assert calls == [{"seed": 3, "quiet": True}]


def test_a_folder_of_class_folders_is_measured_once(own, tmp_path, monkeypatch):
    manifest = open_videos(own, tmp_path / "course")
    assert {video.num_frames for video in manifest.videos} == {12}
    assert {video.split for video in manifest.videos} == {"train", "val", "test"}
    assert "broken.mp4" in (tmp_path / "course" / "birds-videos" / "skipped.csv").read_text()
    monkeypatch.setattr(opening, "prepare", refuse)
    assert open_videos(own, tmp_path / "course").hash == manifest.hash


@pytest.mark.parametrize("change", ["more", "fewer"])
def test_files_that_came_or_went_are_seen(own, tmp_path, change):
    before = open_videos(own, tmp_path / "course")
    if change == "more":
        write_counting_video(own / "swift" / "v_swift_g04_c01.mp4", 12)
    else:
        (own / "gull" / "v_gull_g03_c01.mp4").unlink()
    after = open_videos(own, tmp_path / "course")
    assert len(after) == len(before) + (1 if change == "more" else -1)


def test_another_folder_of_the_same_name_is_another_set(own, tmp_path):
    open_videos(own, tmp_path / "course")
    other = tmp_path / "other" / "birds"
    shutil.copytree(own, other)
    manifest = open_videos(other, tmp_path / "course")
    assert all(manifest.file(video).startswith(str(other)) for video in manifest.videos)


def test_a_manifest_or_its_folder(own, tmp_path):
    made = tmp_path / "course"
    manifest = open_videos(own, made)
    for path in (made / "birds-videos" / "manifest.csv", made / "birds-videos"):
        assert open_videos(str(path), tmp_path / "elsewhere").hash == manifest.hash
    assert not (tmp_path / "elsewhere").exists()


def test_nothing_is_there(tmp_path):
    with pytest.raises(ManifestError, match=r"nowhere: there is no such file or folder; give 'toy'"):
        open_videos(tmp_path / "nowhere", tmp_path / "course")
