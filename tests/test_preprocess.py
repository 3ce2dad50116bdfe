"""Crops, flips and colours: one choice a clip, the paper's arithmetic, and views worked by hand."""

import numpy as np
import pytest
import tensorflow as tf

from videocnn.clips import (
    AUGMENTATIONS,
    VIEWS,
    Augmentation,
    augmented_view,
    check_sizes,
    find_augmentation,
    fixed_view,
    mixed,
    normalize,
    random_view,
    recoloured,
    zoomed,
)
from videocnn.clips.augment import LUMA
from videocnn.sampling import ClipError
from videocnn.spec import ClipSpec

SPEC = ClipSpec(3, frame_size=(5, 8), region_size=(7, 11))


@pytest.fixture(scope="module")
def where():
    """A region whose red channel is a pixel's row, green its column, blue its frame."""
    frames = np.zeros((3, 7, 11, 3), np.uint8)
    frames[..., 0] = np.arange(7)[:, None]
    frames[..., 1] = np.arange(11)
    frames[..., 2] = np.arange(3)[:, None, None]
    return frames


def draw(function, count, *arguments):
    """Call a random function of a seed for seeds (4, 0), (4, 1), ..., compiled once."""
    arguments = [tf.constant(each) if isinstance(each, np.ndarray) else each for each in arguments]
    compiled = tf.function(lambda position: function(*arguments, seed=tf.stack([tf.constant(4, tf.int64), position])))
    return [compiled(tf.constant(position, tf.int64)).numpy() for position in range(count)]


def test_minus_117_as_in_the_paper():
    values = normalize(tf.constant([0, 117, 255], tf.uint8), SPEC)
    assert values.dtype == tf.float32
    np.testing.assert_array_equal(values, [-117, 0, 138])
    np.testing.assert_allclose(
        normalize(tf.constant([0, 255], tf.uint8), SPEC.replace(mean=127.5, scale=2 / 255)), [-1, 1]
    )


def test_random_views_are_windows_the_same_in_every_frame(where):
    seen = set()
    for view in draw(random_view, 200, where, SPEC):
        assert view.shape == (3, 5, 8, 3)
        rows, columns = view[0, :, 0, 0].astype(int), view[0, 0, :, 1].astype(int)
        flip = columns[0] > columns[-1]
        np.testing.assert_array_equal(rows, rows[0] + np.arange(5))
        np.testing.assert_array_equal(columns[::-1] if flip else columns, min(columns) + np.arange(8))
        np.testing.assert_array_equal(view[..., :2], np.broadcast_to(view[:1, ..., :2], (3, 5, 8, 2)))
        np.testing.assert_array_equal(view[:, 0, 0, 2], [0, 1, 2])
        seen.add((rows[0], min(columns), flip))
    assert {top for top, _, _ in seen} == {0, 1, 2}
    assert {left for _, left, _ in seen} == {0, 1, 2, 3}
    assert {flip for _, _, flip in seen} == {True, False}


def test_flips_are_fair(where):
    flips = sum(view[0, 0, 0, 1] > view[0, 0, -1, 1] for view in draw(random_view, 400, where, SPEC))
    assert 150 < flips < 250  # 200, standard deviation 10


def test_fixed_views_by_hand(where):
    corners = []
    for index in range(len(VIEWS)):
        view = fixed_view(tf.constant(where), SPEC, index).numpy()
        assert view.shape == (3, 5, 8, 3)
        corners.append((int(view[0, 0, 0, 0]), int(view[0, 0, :, 1].min()), bool(view[0, 0, 0, 1] > view[0, 0, -1, 1])))
    assert corners == [
        (1, 1, False), (1, 1, True), (0, 0, False), (2, 3, True), (0, 3, False),
        (2, 0, True), (0, 0, True), (2, 3, False), (0, 3, True), (2, 0, False),
    ]  # fmt: skip


def test_a_crop_larger_than_its_region_is_refused():
    with pytest.raises(ClipError, match=r"\(5, 12\).*\(7, 11\)"):
        check_sizes(SPEC.replace(frame_size=(5, 12)))


def test_the_paper_is_the_default_augmentation(where):
    seed = tf.constant([4, 9], tf.int64)
    view = augmented_view(tf.constant(where), SPEC, find_augmentation("paper"), seed=seed)
    assert view.dtype == tf.uint8
    np.testing.assert_array_equal(view, random_view(tf.constant(where), SPEC, seed=seed))


def test_unknown_or_impossible_augmentations_are_refused():
    with pytest.raises(ClipError, match=r"'sepia'.*modern.*paper"):
        find_augmentation("sepia")
    with pytest.raises(ClipError, match="zoom=0"):
        Augmentation(zoom=0)
    with pytest.raises(ClipError, match="frame_steps"):
        Augmentation(frame_steps=())


def test_a_whole_zoom_changes_nothing_but_the_size(where):
    spec = ClipSpec(3, frame_size=(7, 11), region_size=(7, 11))
    for view in draw(zoomed, 8, where, spec, Augmentation(zoom=1.0)):
        view = view[:, :, ::-1] if view[0, 0, 0, 1] > view[0, 0, -1, 1] else view
        np.testing.assert_allclose(view, where, atol=1e-4)


def test_zooms_lie_inside_cover_the_asked_area_and_are_the_same_in_every_frame():
    frames = np.zeros((3, 70, 110, 3), np.uint8)
    frames[..., 0], frames[..., 1] = np.arange(70)[:, None], np.arange(110)
    spec = ClipSpec(3, frame_size=(35, 56), region_size=(70, 110))
    areas, shapes, flips = [], [], 0
    for view in draw(zoomed, 200, frames, spec, Augmentation(zoom=0.3, aspect=1.2)):
        assert view.shape == (3, 35, 56, 3)
        np.testing.assert_array_equal(view, np.broadcast_to(view[:1], view.shape))
        rows, columns = view[0, :, 0, 0], view[0, 0, :, 1]
        assert 0 <= rows.min() < rows.max() <= 69
        assert 0 <= columns.min() < columns.max() <= 109
        step, across = np.diff(rows).mean(), np.diff(columns).mean()  # source pixels a pixel
        areas.append(step * 35 * abs(across) * 56 / (70 * 110))
        shapes.append(abs(across) / step)
        flips += across < 0
    assert 0.28 < min(areas) < 0.35
    assert 0.9 < max(areas) < 1.01
    assert 0.8 < min(shapes) < 0.9
    assert 1.1 < max(shapes) < 1.25
    assert 70 < flips < 130


@pytest.mark.parametrize("name", ["brightness", "contrast", "saturation"])
def test_each_colour_change_by_independent_arithmetic(name):
    clip = np.random.default_rng(0).integers(90, 160, (2, 3, 4, 3)).astype(np.float64)
    changed = draw(recoloured, 20, clip.astype(np.uint8), Augmentation(**{name: 0.2}))
    grey = clip @ np.array(LUMA)
    factors = []
    for result in changed:
        if name == "brightness":
            amounts = (result - clip) / 255
        elif name == "contrast":
            amounts = (result - grey[0].mean()) / (clip - grey[0].mean()) - 1
        else:
            amounts = (result - grey[..., None]) / (clip - grey[..., None]) - 1
        np.testing.assert_allclose(amounts, np.median(amounts), atol=2e-3)
        factors.append(np.median(amounts))
    assert min(factors) < -0.1
    assert max(factors) > 0.1
    assert np.abs(factors).max() <= 0.2 + 1e-3


def test_channels_and_grey_by_independent_arithmetic():
    clip = np.random.default_rng(0).integers(20, 160, (2, 3, 4, 3)).astype(np.uint8)
    factors = []
    for result in draw(recoloured, 20, clip, Augmentation(channels=0.3)):
        amounts = result / clip
        np.testing.assert_allclose(amounts, np.broadcast_to(amounts[0, 0, 0], amounts.shape), rtol=1e-4)
        factors.append(amounts[0, 0, 0])
    factors = np.array(factors)
    assert factors.min() < 0.8
    assert factors.max() > 1.2
    assert np.abs(factors - 1).max() <= 0.3 + 1e-3
    assert np.abs(factors - factors[:, :1]).max() > 0.1  # each channel its own
    results = draw(recoloured, 100, clip, Augmentation(grey=0.3))
    lost = [np.ptp(result, axis=-1).max() < 0.01 for result in results]
    assert 15 < sum(lost) < 45
    luma = clip @ np.array(LUMA)
    np.testing.assert_allclose(results[lost.index(True)][..., 0], luma, atol=0.01)
    np.testing.assert_allclose(results[lost.index(False)], clip, atol=0.01)


def test_mixup_blends_clips_and_labels_in_the_same_shares():
    clips = np.random.default_rng(0).normal(size=(4, 2, 3, 5, 3)).astype(np.float32)
    labels = np.eye(4, dtype=np.float32)
    views, targets = mixed(clips, labels, Augmentation(mixup=0.4), seed=tf.constant([1, 2], tf.int64))
    for number in range(4):
        share = targets[number, number].numpy()
        assert 0.5 <= share <= 1
        np.testing.assert_allclose(targets[number, 3 - number], 1 - share, atol=1e-6)
        np.testing.assert_allclose(views[number], share * clips[number] + (1 - share) * clips[3 - number], atol=1e-5)
    np.testing.assert_allclose(tf.reduce_sum(targets, 1), 1, atol=1e-6)
    assert len(set(np.diag(targets))) == 4
    unmixed, same = mixed(clips, labels, Augmentation(), seed=tf.constant([1, 2], tf.int64))
    np.testing.assert_array_equal(unmixed, clips)
    np.testing.assert_array_equal(same, labels)


def test_colours_stay_in_range_and_motion_stays_motion():
    still = np.broadcast_to(np.random.default_rng(0).integers(0, 256, (1, 7, 11, 3)), (3, 7, 11, 3)).astype(np.uint8)
    views = draw(augmented_view, 30, still, SPEC, AUGMENTATIONS["modern"])
    for view in views:
        assert view.min() >= 0
        assert view.max() <= 255
        np.testing.assert_array_equal(view, np.broadcast_to(view[:1], view.shape))  # nothing moves in a still clip
    assert max(np.abs(view - views[0]).mean() for view in views) > 5
