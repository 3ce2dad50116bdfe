"""A folder of class folders -> clips, as `keras.utils.image_dataset_from_directory` does for images."""

import inspect
import shutil

import keras
import numpy as np
import pytest
import tensorflow as tf
from videos import read_counts, write_counting_video

import videocnn.clips.directory
from videocnn.clips import video_dataset_from_directory
from videocnn.sampling import ClipError

SHAPE = {"frame_size": (34, 38), "num_frames": 6, "batch_size": 4}
# Three groups a class, of two or three videos; video v counts from 40 * v. Sorted by path they are 0, 1, 2, ...
NAMES = ["bow/v_Bow_g01_c01.mp4", "bow/v_Bow_g01_c02.mp4", "bow/v_Bow_g02_c01.mp4", "bow/v_Bow_g03_c01.mp4"]
NAMES += [name.replace("bow", "Ski").replace("Bow", "Ski") for name in NAMES]
NAMES = sorted(NAMES)


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    root = tmp_path_factory.mktemp("classes")
    for number, name in enumerate(NAMES):
        (root / name).parent.mkdir(exist_ok=True)
        write_counting_video(root / name, 12 + number, first=40 * number)
    return root


def gather(dataset):
    clips, labels = zip(*dataset.as_numpy_iterator(), strict=True)
    counts = read_counts(np.concatenate(clips))
    return counts[:, 0] // 40, counts % 40, np.concatenate(labels)


def test_one_clip_of_every_video_a_pass(directory):
    dataset = video_dataset_from_directory(directory, **SHAPE)
    assert dataset.class_names == ["Ski", "bow"]
    assert dataset.file_paths == [str(directory / name) for name in NAMES]
    assert int(dataset.cardinality()) == 2
    clips, labels = next(iter(dataset))
    assert clips.shape == (4, 6, 34, 38, 3)
    assert clips.dtype == tf.float32
    assert labels.dtype == tf.int32
    passes = [gather(dataset) for _ in range(3)]
    for videos, frames, labels in passes:
        assert sorted(videos) == list(range(8))
        np.testing.assert_array_equal(labels, videos // 4)
        np.testing.assert_array_equal(np.diff(frames, axis=1), np.ones((8, 5)))
    assert len({tuple(videos) for videos, _, _ in passes}) > 1  # another order in every pass
    again = video_dataset_from_directory(directory, **SHAPE)
    next(iter(again))
    for one, other in zip(passes[0], gather(again), strict=True):
        np.testing.assert_array_equal(one, other)  # the same seed, the same second pass


def test_without_shuffling_path_order_and_the_middle_of_each_video(directory):
    videos, frames, _ = gather(video_dataset_from_directory(directory, shuffle=False, **SHAPE))
    np.testing.assert_array_equal(videos, np.arange(8))
    np.testing.assert_array_equal(frames[:, 0], (12 + np.arange(8) - 6) // 2)


@pytest.mark.parametrize(("mode", "rows"), [("categorical", [[1, 0], [0, 1]]), ("binary", [[0], [1]])])
def test_label_modes(directory, mode, rows):
    videos, _, labels = gather(video_dataset_from_directory(directory, label_mode=mode, **SHAPE))
    assert labels.dtype == np.float32
    np.testing.assert_array_equal(labels, np.array(rows)[videos // 4])


def test_no_labels_and_no_batches(directory):
    clips = next(iter(video_dataset_from_directory(directory, labels=None, **{**SHAPE, "batch_size": None})))
    assert clips.shape == (6, 34, 38, 3)


def test_given_labels_and_class_order(directory):
    videos, _, labels = gather(video_dataset_from_directory(directory, labels=[2, 0, 0, 0, 1, 1, 1, 1], **SHAPE))
    np.testing.assert_array_equal(labels, np.array([2, 0, 0, 0, 1, 1, 1, 1])[videos])
    dataset = video_dataset_from_directory(directory, class_names=["bow", "Ski"], **SHAPE)
    videos, _, labels = gather(dataset)
    np.testing.assert_array_equal(labels, 1 - videos // 4)
    assert dataset.class_names == ["bow", "Ski"]


def test_validation_is_cut_by_group(directory):
    training, validation = video_dataset_from_directory(directory, validation_split=0.34, subset="both", **SHAPE)
    groups = [{name.rsplit("_", 1)[0] for name in part.file_paths} for part in (training, validation)]
    assert not groups[0] & groups[1]
    assert sorted(training.file_paths + validation.file_paths) == [str(directory / name) for name in NAMES]
    for subset, part in (("training", training), ("validation", validation)):
        alone = video_dataset_from_directory(directory, validation_split=0.34, subset=subset, **SHAPE)
        assert alone.file_paths == part.file_paths
        assert alone.class_names == ["Ski", "bow"]


def test_short_and_broken_videos_are_listed(directory, tmp_path):
    shutil.copytree(directory, tmp_path, dirs_exist_ok=True)
    (tmp_path / "bow" / "broken.mp4").write_bytes(b"no video")
    write_counting_video(tmp_path / "bow" / "short.mp4", 3)
    skips = []
    dataset = video_dataset_from_directory(tmp_path, skips=skips, **SHAPE)
    assert [skip.path for skip in skips] == ["bow/broken.mp4", "bow/short.mp4"]
    assert len(dataset.file_paths) == 8


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"labels": "guessed"}, "'guessed'"),
        ({"labels": [0, 1]}, "2 labels.*for 8 videos"),
        ({"labels": [0.5] * 8}, "8 labels for 8 videos; give one for each, whole numbers from 0"),
        ({"labels": 5}, "labels=5 is unknown"),
        ({"label_mode": "float"}, "'float'"),
        ({"class_names": 2}, "class_names=2 must be a list"),
        ({"class_names": "Ski"}, "class_names='Ski' must be a list"),
        ({"class_names": ["Ski"]}, r"\['Ski'\] are not the folders"),
        ({"validation_split": 0.2}, "come together"),
        ({"validation_split": 2.0, "subset": "training"}, "between 0 and 1"),
        ({"validation_split": 0.2, "subset": "test"}, "'test'"),
        ({"validation_split": "a", "subset": "training"}, "validation_split='a' must be a number"),
        ({"batch_size": 0}, "batch_size=0 must be a whole number from 1, or None"),
        ({"batch_size": 2.5}, "batch_size=2.5"),
        ({"frame_size": (0, 10)}, r"frame_size=\(0, 10\) must be \(height, width\)"),
        ({"frame_size": 40}, "frame_size=40"),
        ({"frame_size": (40, 40, 3)}, r"frame_size=\(40, 40, 3\)"),
        ({"frame_size": (40.0, 40)}, r"frame_size=\(40.0, 40\)"),
        ({"frame_size": "ab"}, "frame_size='ab'"),
        ({"num_frames": 0}, "num_frames=0"),
        ({"num_frames": 1.5}, "num_frames=1.5"),
        ({"frame_step": 0}, "frame_step=0"),
        ({"short": "loop"}, "short='loop'"),
        ({"seed": -1}, "seed=-1 must be a whole number from 0"),
        ({"seed": None}, "seed=None .* nothing is random without a seed"),
        ({"seed": 2**63}, "seed=9223372036854775808"),
        ({"seed": "a"}, "seed='a'"),
    ],
)
def test_what_does_not_fit_is_refused_before_anything_is_decoded(directory, monkeypatch, change, message):
    monkeypatch.setattr(videocnn.clips.directory, "measure", lambda *given, **how: pytest.fail("the folder is decoded"))
    with pytest.raises(ClipError, match=message):
        video_dataset_from_directory(directory, **{**SHAPE, **change})


def test_numbers_of_numpy_are_numbers(directory):
    shape = {"frame_size": list(np.int64([34, 38])), "num_frames": np.int64(6), "batch_size": np.int64(4)}
    labels = np.arange(8) % 2
    dataset = video_dataset_from_directory(directory, labels=labels, shuffle=False, seed=np.int64(3), **shape)
    np.testing.assert_array_equal(np.concatenate([part for _, part in dataset.as_numpy_iterator()]), labels)


def test_folders_of_splits_are_not_taken_for_classes(directory, tmp_path):
    shutil.copytree(directory, tmp_path / "train")
    with pytest.raises(ClipError, match=r"'train'.*look like splits"):
        video_dataset_from_directory(tmp_path, **SHAPE)
    with pytest.raises(ClipError, match="no such folder"):
        video_dataset_from_directory(tmp_path / "absent", labels=None, **SHAPE)


def test_arguments_are_named_and_ordered_as_in_keras():
    ours = list(inspect.signature(video_dataset_from_directory).parameters)
    theirs = list(inspect.signature(keras.utils.image_dataset_from_directory).parameters)
    assert ours[:4] == theirs[:4] == ["directory", "labels", "label_mode", "class_names"]
    for name in ("batch_size", "shuffle", "seed", "validation_split", "subset", "crop_to_aspect_ratio"):
        assert name in ours
        assert name in theirs
