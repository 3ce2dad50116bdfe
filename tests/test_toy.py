"""The toy videos: the same for the same seed, decodable, and each pair of classes told apart by its one thing alone.

Partners drawn by equal generators differ only in what tells their pair apart, which makes most claims exact; the
statistics beside them look at the videos as a classifier would.
"""

import errno
import itertools
import os

import av
import numpy as np
import pytest

from videocnn.datasets import toy
from videocnn.datasets.toy.encode import encode_video
from videocnn.datasets.toy.scenes import SIDE, make_place
from videocnn.manifest import check_groups, read_manifest
from videocnn.video import read_frames

LABELS = tuple(toy.CLASSES)


def centre(frame):
    """The paper's centre region; at a shorter side of 200 px there is nothing to resize."""
    top, left = (frame.shape[0] - SIDE) // 2, (frame.shape[1] - SIDE) // 2
    return frame[top : top + SIDE, left : left + SIDE]


def halve(frame):
    return frame.reshape(SIDE // 2, 2, SIDE // 2, 2, -1).mean((1, 3), dtype=np.float32)


def paint(label, place, seconds=0.0, seed=5, shift=(0, 0)):
    """One noise-free frame, its centre region: float32 (200, 200, 3)."""
    height, width = place.frame_size
    frame = place.scenery[:, 3 : 3 + height, 3 : 3 + width].copy()
    toy.CLASSES[label](np.random.default_rng(seed), place)(frame, seconds, np.array(shift))
    return centre(frame.transpose(1, 2, 0))


@pytest.fixture(scope="module", params=[0, 1, 2], ids="place{}".format)
def place(request):
    return make_place(np.random.default_rng(request.param))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """One video a group (and the short ones), rendered by two workers."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(toy, "CLIPS_PER_GROUP", 1)
        out = tmp_path_factory.mktemp("toy")
        toy.make_toy(out, seed=3, groups_per_class=3, workers=2, quiet=True)
    return out


@pytest.fixture(scope="module")
def clips():
    """First frames, every second pixel, of two clips in each of eight groups.

    Label -> uint8 (16, 6, 100, 100, 3), group by group; one frame instead of six where nothing is asked of motion.
    """
    motion = {label for pair in toy.MOTION_PAIRS for label in toy.PAIRS[pair]}
    numbers = list(itertools.product(range(1, 9), (1, 2)))

    def first_frames(label, number):
        _, frames = toy.ToyClip(0, label, *number).frames()
        return [centre(frame)[::2, ::2] for frame in itertools.islice(frames, 6 if label in motion else 1)]

    return {label: np.array([first_frames(label, number) for number in numbers]) for label in LABELS}


def decode(path):
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


# --- the set -------------------------------------------------------------------------------------------------------


def test_frames_depend_on_every_number_of_a_clip_and_on_nothing_else():
    def first(**changes):
        return next(toy.ToyClip(**{"seed": 1, "label": "slow", "group": 2, "clip": 3} | changes).frames()[1])

    assert np.array_equal(first(), first())
    for change in ({"seed": 2}, {"label": "fast"}, {"group": 3}, {"clip": 2}):
        assert not np.array_equal(first(), first(**change)), change


def test_files_are_the_same_whatever_the_number_of_workers(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(toy, "CLIPS_PER_GROUP", 1)
    clips = toy.toy_clips(seed=3, groups_per_class=3)
    files = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.*"))
    assert files == sorted([clip.path for clip in clips] + ["manifest.csv"])
    for clip in clips[::-5]:  # alone and in another order than the two workers had them
        fps, frames = clip.frames()
        encode_video(tmp_path / "alone.mp4", frames, fps)
        assert (tmp_path / "alone.mp4").read_bytes() == (folder / clip.path).read_bytes(), clip


def test_every_file_decodes_to_what_the_manifest_says(folder):
    manifest = read_manifest(folder / "manifest.csv")
    short, sizes, rates = 0, set(), set()
    for video in manifest.videos:
        frames = decode(manifest.file(video))
        assert len(frames) == video.num_frames
        with av.open(manifest.file(video)) as container:
            assert float(container.streams.video[0].average_rate) == video.fps
        assert min(frames[0].shape[:2]) == SIDE
        short += len(frames) < 10
        sizes.add(frames[0].shape)
        rates.add(video.fps)
        if len(frames) >= 10:
            assert len(frames) > 16  # late fusion's two frames, 15 apart, fit in
    assert short == toy.NUM_SHORT
    assert len(sizes) >= 4
    assert rates == {24, 25, 30}


@pytest.mark.parametrize("label", ["rows", "fast", "growing"])
def test_the_centre_region_reads_back_as_it_was_drawn(folder, label):
    clip = toy.ToyClip(3, label, 2, 1)
    _, frames = clip.frames()
    frames = list(map(centre, frames))
    read = read_frames(folder / clip.path, range(len(frames)), frame_size=(SIDE, SIDE), crop_to_aspect_ratio=True)
    for rendered, decoded in zip(frames, read, strict=True):
        grey = rendered.mean(-1), decoded.mean(-1)  # colours are kept at half size, as in any such file
        assert np.abs(grey[0] - grey[1]).mean() < 3
        if label == "rows":
            assert np.corrcoef(*(np.diff(picture[70:130, 70:130], axis=0).ravel() for picture in grey))[0, 1] > 0.95


@pytest.mark.parametrize("groups_per_class", [3, 7, 12])
def test_folds_are_thirds_of_whole_groups(tmp_path, monkeypatch, groups_per_class):
    place = make_place(np.random.default_rng(0))
    monkeypatch.setattr(toy, "_place", lambda *key: place)  # a manifest needs no pictures
    monkeypatch.setattr(toy, "encode_video", lambda path, frames, fps: 30)
    tested = []
    for fold in (1, 2, 3):
        manifest = toy.make_toy(tmp_path / str(fold), groups_per_class=groups_per_class, fold=fold, quiet=True)
        check_groups(manifest)
        assert len(manifest) == 12 * groups_per_class * 3 + toy.NUM_SHORT
        assert manifest.class_names == tuple(sorted(LABELS))
        for split in ("train", "val", "test"):
            assert {video.labels[0] for video in manifest.select(split).videos} == set(LABELS)
        assert len(manifest.select("train")) >= len(manifest.select("val"))
        first, end = (fold - 1) * groups_per_class // 3, fold * groups_per_class // 3
        assert {video.group for video in manifest.select("test").videos} == {
            f"{label}_g{number + 1:02d}" for label in LABELS for number in range(first, end)
        }
        tested += [video.path for video in manifest.select("test").videos]
    assert sorted(tested) == sorted(video.path for video in manifest.videos)


def test_names_are_those_of_ucf101():
    paths = [clip.path for clip in toy.toy_clips(groups_per_class=3)]
    assert paths[0] == "rising/v_rising_g01_c01.mp4"
    assert len(set(paths)) == len(paths)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [({"fold": 4}, "fold is 4"), ({"groups_per_class": 2}, "groups_per_class is 2"), ({"seed": -1}, "seed is -1")],
)
def test_refusals(tmp_path, arguments, message):
    with pytest.raises(toy.ToyError, match=message):
        toy.make_toy(tmp_path / "toy", quiet=True, **arguments)
    assert not (tmp_path / "toy").exists()


def test_an_existing_set_is_not_overwritten(folder):
    with pytest.raises(toy.ToyError, match=r"manifest\.csv exists already"):
        toy.make_toy(folder, quiet=True)


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(toy.ToyError, match=r"file/toy/\w+/v_\w+\.mp4 cannot be written \(Not a directory\)"):
        toy.make_toy(tmp_path / "file" / "toy", quiet=True)


def test_a_full_disk_is_an_error_and_leaves_no_manifest_and_no_half_a_file(tmp_path, monkeypatch):
    def fill(source, target):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "replace", fill)
    with pytest.raises(toy.ToyError, match="No space left"):
        toy.make_toy(tmp_path, groups_per_class=3, workers=1, quiet=True)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_without_x264_the_files_are_mpeg4(tmp_path, monkeypatch):
    monkeypatch.setattr(av, "codecs_available", av.codecs_available - {"libx264"})
    fps, frames = toy.ToyClip(0, "sea", 1, 1).frames()
    frames = list(frames)
    assert encode_video(tmp_path / "sea.mp4", frames, fps) == len(frames)
    with av.open(str(tmp_path / "sea.mp4")) as container:
        assert container.streams.video[0].codec_context.name == "mpeg4"
    decoded = decode(tmp_path / "sea.mp4")
    assert np.abs(np.subtract(decoded, frames, dtype=np.float32)).mean() < 6


# --- motion alone --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pair", toy.MOTION_PAIRS)
def test_one_moment_is_the_same_in_both_classes_and_the_next_is_not(place, pair):
    one, other = toy.PAIRS[pair]
    assert np.array_equal(paint(one, place), paint(other, place))
    assert np.abs(paint(one, place, 0.2) - paint(other, place, 0.2)).mean() > 1


@pytest.mark.parametrize("pair", ["direction", "size"])
def test_one_class_is_the_other_backwards(place, pair):
    one, other = toy.PAIRS[pair]
    for seconds in (0.1, 0.7, 1.5):
        difference = np.abs(paint(one, place, seconds) - paint(other, place, -seconds))
        assert difference.max() < 2  # a rounding error of a position, at an object's rim


def features_of_one_frame(clips):
    """What of a picture could give a class away: light and colour by place, contrast, histogram."""
    frames = clips[:, 2].astype(np.float32)
    blocks = frames.reshape(len(frames), 5, 20, 5, 20, 3).mean((2, 4)).reshape(len(frames), -1)
    edges = [np.abs(np.diff(frames, axis=axis)).mean((1, 2)) for axis in (1, 2)]
    histogram = [np.histogram(frame.max(-1), 16, (0, 255))[0] for frame in frames]
    return np.concatenate([blocks, *edges, histogram], 1)


def features_of_motion(clips):
    """Up minus down (how well each frame shifted explains the next), brightening minus darkening, amount of change."""
    grey = clips.astype(np.float32).max(-1)
    before, after = grey[:, :-1], grey[:, 1:]

    def misfit(shift):
        old, new = (
            (before[:, :, shift:], after[:, :, :-shift]) if shift > 0 else (before[:, :, :shift], after[:, :, -shift:])
        )
        return np.abs(old - new).mean((1, 2, 3))

    spots = (after - before).reshape(len(grey), -1, 20, 5, 20, 5).mean((3, 5)).reshape(len(grey), -1)
    growth = ((spots > 8).sum(1) - (spots < -8).sum(1)) / (np.abs(spots) > 8).sum(1)
    change = np.abs(after - before).mean((1, 2, 3)) / grey.std((1, 2, 3))
    return np.stack([misfit(-3) - misfit(3), growth, change], 1)


def accuracy_between(one, other):
    """Nearest centroid, every group (two neighbouring rows) held out in turn."""
    features, labels = np.concatenate([one, other]), np.repeat([0, 1], len(one))
    groups, right = np.arange(len(features)) // 2, 0
    for group in np.unique(groups):
        test = groups == group
        mean, std = features[~test].mean(0), features[~test].std(0) + 1e-6
        centroids = [((features[~test & (labels == label)] - mean) / std).mean(0) for label in (0, 1)]
        distance = [np.square((features[test] - mean) / std - centroid).sum(1) for centroid in centroids]
        right += (np.argmin(distance, 0) == labels[test]).sum()
    return right / len(features)


@pytest.mark.parametrize("pair", toy.MOTION_PAIRS)
def test_motion_tells_the_pair_apart_and_one_frame_does_not(clips, pair):
    one, other = (clips[label] for label in toy.PAIRS[pair])
    column = [toy.MOTION_PAIRS.index(pair)]
    still = accuracy_between(features_of_one_frame(one), features_of_one_frame(other))
    moving = accuracy_between(features_of_motion(one)[:, column], features_of_motion(other)[:, column])
    print(f"{pair}: one frame {still:.2f}, motion {moving:.2f}")
    assert still < 0.72  # 32 clips: chance is 0.5 with a standard error of 0.09
    assert moving > 0.9


# --- context, fovea, border ----------------------------------------------------------------------------------------


def test_layout_is_seen_at_low_resolution_and_has_equal_colours(place):
    sea, desert = (paint(label, place).reshape(8, 25, 8, 25, 3).mean((1, 3)) for label in toy.PAIRS["layout"])
    warmth = [picture[..., 0] - picture[..., 2] for picture in (sea, desert)]
    assert warmth[0][:3].mean() > warmth[0][-3:].mean() + 40
    assert warmth[1][:3].mean() < warmth[1][-3:].mean() - 40
    assert abs(warmth[0].mean() - warmth[1].mean()) < 40  # the horizon is not always at half height


def test_detail_vanishes_at_half_size_and_lies_in_the_fovea(place):
    for shift in ((0, 0), (3, -2), (-3, 1)):
        rows, columns = (paint(label, place, shift=shift) for label in toy.PAIRS["detail"])
        difference = np.abs(rows - columns).max(-1)
        assert difference.mean() > 5
        for phase in (0, 1):  # wherever the grid of the halving lies
            half = [halve(np.roll(picture, phase, (0, 1))) for picture in (rows, columns)]
            change = np.abs(half[0] - half[1]).max(-1)
            assert change[34:66, 34:66].max() < 1e-3
            assert change.mean() < difference.mean() / 20  # what is left: half threads at the cloth's rim
        for offset in (0, 22):  # the fovea of the outermost crops of 178 sees most of the cloth
            fovea = slice(offset + 45, offset + 45 + 89)
            assert (difference[fovea, fovea] > 0).mean() > 0.25


def test_border_is_out_of_the_fovea_and_in_every_crop(place):
    for shift in itertools.product((-3, 0, 3), repeat=2):
        corners, edges = (paint(label, place, shift=shift) for label in toy.PAIRS["border"])
        difference = np.abs(corners - edges).max(-1)
        # The fovea is the centre 89 of a crop of 178, whose offset is 0 to 22: pixels 44 to 155 of the 200.
        assert difference[44:156, 44:156].max() == 0
        for y, x in itertools.product((0, 30), repeat=2):
            crop = difference[y : y + 170, x : x + 170]
            assert (crop > 60).sum() > 800
        assert (np.abs(halve(corners) - halve(edges)).max(-1) > 60).sum() > 250


# --- groups leak ---------------------------------------------------------------------------------------------------


def test_a_random_split_leaks_and_an_honest_one_does_not(clips):
    colours = np.concatenate([clips[label][:, 0].reshape(16, -1, 3) for label in LABELS]) // 32
    codes = colours @ np.array([64, 8, 1])
    histograms = np.stack([np.bincount(code, minlength=512) for code in codes]).astype(np.float32)
    labels, groups = np.repeat(np.arange(len(LABELS)), 16), np.arange(len(histograms)) // 2
    distance = np.abs(histograms[:, None] - histograms[None]).sum(-1)
    np.fill_diagonal(distance, np.inf)
    leaking = (labels[distance.argmin(1)] == labels).mean()
    distance[groups[:, None] == groups[None]] = np.inf
    honest = (labels[distance.argmin(1)] == labels).mean()
    print(f"nearest colour histogram: group mates allowed {leaking:.2f}, not allowed {honest:.2f}")
    assert leaking > 0.75
    assert honest < 0.4
