"""Figures against numbers worked by hand, slower plain formulations and invariants that must hold for any scores."""

import itertools

import numpy as np
import pytest
import sklearn.metrics
from hypothesis import given, settings
from hypothesis import strategies as st

from videocnn.evaluate import (
    MetricError,
    average_precision,
    chance_level,
    confusion,
    estimate,
    group_numbers,
    hit_at_k,
    mean_average_precision_of,
    mean_of,
    resample,
)


@st.composite
def scored(draw, most_videos=12, most_classes=6, levels=4):
    """Scores on a coarse scale, so that ties are common, and labels with one or more true ones a video."""
    videos, classes = draw(st.integers(1, most_videos)), draw(st.integers(2, most_classes))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    labels = rng.random((videos, classes)) < 0.3
    labels[np.arange(videos), rng.integers(0, classes, videos)] = True
    return rng.integers(0, levels, (videos, classes)) / levels, labels.astype(np.float32)


def test_hit_at_k_by_hand():
    scores = [[0.6, 0.3, 0.1], [0.2, 0.5, 0.3], [0.1, 0.2, 0.7]]
    labels = [[1, 0, 0], [0, 0, 1], [1, 0, 0]]
    assert hit_at_k(scores, labels, 1).tolist() == [1, 0, 0]
    assert hit_at_k(scores, labels, 2).tolist() == [1, 1, 0]
    assert hit_at_k(scores, labels, 3).tolist() == [1, 1, 1]
    assert hit_at_k(scores, labels, 5).tolist() == [1, 1, 1]  # more places than classes


def test_any_of_several_labels_is_a_hit():
    assert hit_at_k([[0.1, 0.7, 0.2]], [[1, 1, 0]], 1).tolist() == [1]
    assert hit_at_k([[0.1, 0.2, 0.7]], [[1, 1, 0]], 1).tolist() == [0]


def test_equal_scores_are_worth_a_blind_guess():
    np.testing.assert_allclose(hit_at_k(np.ones((1, 10)), np.eye(10)[:1], 1), 0.1)
    np.testing.assert_allclose(hit_at_k(np.ones((1, 10)), np.eye(10)[:1], 5), 0.5)
    # Two of ten labels true, five places: 1 - (8 * 7 * 6 * 5 * 4) / (10 * 9 * 8 * 7 * 6) = 7 / 9.
    np.testing.assert_allclose(hit_at_k(np.ones((1, 10)), [[1, 1] + [0] * 8], 5), 7 / 9)


@given(scored(), st.integers(1, 6))
@settings(max_examples=60)
def test_hit_at_k_is_the_mean_over_all_orders_of_tied_classes(data, k):
    scores, labels = data
    scores, labels = scores[:1, :5], labels[:1, :5]
    if not labels.any():
        labels[0, 0] = 1
    outcomes = []
    for order in itertools.permutations(range(scores.shape[1])):
        best = sorted(order, key=lambda c: -scores[0, c])[:k]  # a stable sort keeps the order of the tied
        outcomes.append(labels[0, best].any())
    np.testing.assert_allclose(hit_at_k(scores, labels, k), np.mean(outcomes))


@given(scored(), st.integers(0, 2**32 - 1))
def test_order_of_videos_and_classes_changes_nothing(data, seed):
    scores, labels = data
    rng = np.random.default_rng(seed)
    videos, classes = rng.permutation(len(scores)), rng.permutation(scores.shape[1])
    moved = scores[videos][:, classes], labels[videos][:, classes]
    np.testing.assert_allclose(hit_at_k(*moved, 2), hit_at_k(scores, labels, 2)[videos])
    np.testing.assert_allclose(average_precision(*moved), average_precision(scores, labels)[classes])
    np.testing.assert_allclose(confusion(*moved), confusion(scores, labels)[classes][:, classes])


@given(scored(most_classes=8))
def test_figures_stay_in_their_range(data):
    scores, labels = data
    assert (hit_at_k(scores, labels, 5) >= hit_at_k(scores, labels, 1) - 1e-12).all()
    precision = average_precision(scores, labels)
    assert (np.isnan(precision) == ~labels.any(axis=0)).all()
    assert (np.nan_to_num(precision) >= 0).all()
    assert (np.nan_to_num(precision) <= 1 + 1e-12).all()
    assert chance_level(labels, 1) <= chance_level(labels, 5) <= 1


def test_average_precision_by_hand():
    # Ranked: right, wrong, right, wrong, right -> precisions 1/1, 2/3 and 3/5 at the three right ones.
    scores = np.array([[0.9], [0.8], [0.7], [0.6], [0.5]])
    labels = np.array([[1], [0], [1], [0], [1]])
    both = np.hstack([scores, 1 - scores]), np.hstack([labels, 1 - labels])
    np.testing.assert_allclose(average_precision(*both)[0], (1 + 2 / 3 + 3 / 5) / 3)


def test_tied_videos_share_the_last_rank():
    # One right and three wrong videos of equal score: precision 1/4 wherever the right one stands in the list.
    for place in range(4):
        labels = np.zeros((4, 2))
        labels[:, 1] = 1
        labels[place] = [1, 0]
        np.testing.assert_allclose(average_precision(np.ones((4, 2)), labels)[0], 1 / 4)


@given(scored())
@settings(max_examples=60)
def test_average_precision_is_scikit_learns(data):
    """With ties, and with several labels a video; scikit-learn warns of a class without a video, we return NaN."""
    scores, labels = data
    for c, value in enumerate(average_precision(scores, labels)):
        if labels[:, c].any():
            np.testing.assert_allclose(value, sklearn.metrics.average_precision_score(labels[:, c], scores[:, c]))
        else:
            assert np.isnan(value)


@given(scored())
@settings(max_examples=60)
def test_confusion_is_scikit_learns_where_videos_have_one_label_and_one_best_answer(data):
    scores, labels = data
    true, classes = labels.argmax(axis=1), np.arange(labels.shape[1])
    scores = scores + classes / 100  # no ties
    expected = sklearn.metrics.confusion_matrix(true, scores.argmax(axis=1), labels=classes)
    np.testing.assert_array_equal(confusion(scores, np.eye(len(classes))[true]), expected)


def test_confusion_by_hand():
    scores = [[0.9, 0.1, 0.0], [0.9, 0.1, 0.0], [0.0, 0.5, 0.5], [0.1, 0.8, 0.1]]
    labels = [[1, 0, 0], [0, 1, 1], [0, 0, 1], [1, 1, 0]]
    # Video 2 is shared by its labels 1 and 2, video 3 by its answers 1 and 2; video 4 got one of its own labels.
    np.testing.assert_allclose(confusion(scores, labels), [[1, 0, 0], [0.5, 1, 0], [0.5, 0.5, 0.5]])


@given(scored())
def test_confusion_adds_up_to_the_videos_and_its_diagonal_to_hit_at_1(data):
    table = confusion(*data)
    np.testing.assert_allclose(table.sum(), len(data[0]))
    np.testing.assert_allclose(np.trace(table), hit_at_k(*data, 1).sum())


def test_chance_level_by_hand():
    assert chance_level(np.eye(10), 1) == pytest.approx(0.1)
    assert chance_level(np.eye(10), 5) == pytest.approx(0.5)
    # Six of ten videos are of class 0 and three of class 2; class 3 is absent.
    uneven = np.eye(4)[[0] * 6 + [2] * 3 + [1]]
    assert chance_level(uneven, 1) == pytest.approx(0.6)
    assert chance_level(uneven, 2) == pytest.approx(0.9)
    assert chance_level(uneven, 5) == pytest.approx(1.0)


def test_shuffled_labels_drop_to_chance():
    rng = np.random.default_rng(0)
    labels = np.eye(8)[rng.integers(0, 8, 4000)]
    scores = labels + rng.random(labels.shape) * 0.9
    assert hit_at_k(scores, labels, 1).mean() == 1
    shuffled = rng.permutation(labels)
    assert hit_at_k(scores, shuffled, 1).mean() == pytest.approx(1 / 8, abs=0.02)
    assert hit_at_k(scores, shuffled, 5).mean() == pytest.approx(5 / 8, abs=0.03)
    assert np.mean(average_precision(scores, shuffled)) == pytest.approx(1 / 8, abs=0.02)


def test_interval_draws_groups_and_not_videos():
    rng = np.random.default_rng(1)
    right = np.repeat(rng.integers(0, 2, 100), 10)  # ten videos a group, all right or all wrong together
    groups = [f"g{i // 10}" for i in range(1000)]
    by_group, by_video = (estimate(mean_of(right), g, num_resamples=4000) for g in (groups, [""] * 1000))
    p = right.mean()
    assert by_group.value == by_video.value == p
    # The normal approximation of a share of 100 independent groups, and of 1000 independent videos.
    for interval, count in ((by_group, 100), (by_video, 1000)):
        wide = 1.96 * np.sqrt(p * (1 - p) / count)
        assert interval.low == pytest.approx(p - wide, abs=0.1 * wide)
        assert interval.high == pytest.approx(p + wide, abs=0.1 * wide)


def test_interval_covers_the_truth_about_as_often_as_it_says():
    covered = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        means = rng.uniform(0.4, 1.0, 40)
        right = rng.random((40, 4)) < means[:, None]
        result = estimate(mean_of(right.ravel()), np.repeat(np.arange(40), 4).astype(str), num_resamples=300)
        covered += result.low <= 0.7 <= result.high
    assert 0.88 <= covered / 200 <= 0.99


def test_interval_is_the_same_for_the_same_seed_only():
    right, groups = np.random.default_rng(0).random(50), [str(i % 20) for i in range(50)]
    assert estimate(mean_of(right), groups, seed=3) == estimate(mean_of(right), groups, seed=3)
    assert estimate(mean_of(right), groups, seed=3) != estimate(mean_of(right), groups, seed=4)


def test_one_group_has_no_interval():
    result = estimate(mean_of([0, 1, 1]), ["g", "g", "g"])
    assert result.value == pytest.approx(2 / 3)
    assert np.isnan(result.low)
    assert np.isnan(result.high)


def test_a_nameless_group_is_not_shared():
    assert group_numbers(["a", "", "b", "", "a"]).tolist() == [0, 1, 2, 3, 0]


def test_paired_difference_is_narrower_than_two_intervals():
    rng = np.random.default_rng(2)
    easy = rng.random(300) < 0.6
    better = easy | (rng.random(300) < 0.1)  # never worse on any video
    groups = [str(i // 3) for i in range(300)]
    paired = (resample(mean_of(better), groups) - resample(mean_of(easy), groups)).estimate()
    one = estimate(mean_of(easy), groups)
    assert paired.value == pytest.approx(better.mean() - easy.mean())
    assert paired.low > 0
    assert paired.high - paired.low < 0.5 * (one.high - one.low)
    same = (resample(mean_of(easy), groups) - resample(mean_of(easy), groups)).estimate()
    assert (same.value, same.low, same.high) == (0, 0, 0)


def test_mean_average_precision_counts_a_group_once_beside_itself():
    # Class 0: the wrong video a ranks above the right video b. However often b is drawn, its precision is 1/2 (its
    # copies vouching for it would make that 2/3 and put every interval too high). Class 1: a alone at the top.
    scores, labels = np.array([[0.9, 0.9], [0.5, 0.1]]), np.array([[0, 1], [1, 0]])
    statistic = mean_average_precision_of(scores, labels, ["a", "b"])
    np.testing.assert_allclose(statistic(np.array([[1.0, 1.0], [1.0, 2.0]])), [0.75, 0.75])
    # Drawn twice, the wrong video of another group does count twice: precision 1/3.
    np.testing.assert_allclose(statistic(np.array([[2.0, 1.0]])), (1 / 3 + 1) / 2)
    # Of one group, both videos are one copy of it each.
    same = mean_average_precision_of(scores, labels, ["a", "a"])
    np.testing.assert_allclose(same(np.array([[2.0, 2.0]])), 0.75)


def test_mean_average_precision_without_resampling_is_the_mean_over_classes():
    rng = np.random.default_rng(0)
    labels, scores = np.eye(10)[np.repeat(np.arange(10), 21)], rng.normal(size=(210, 10))
    groups = [str(i // 3) for i in range(210)]
    result = estimate(mean_average_precision_of(scores, labels, groups), groups, num_resamples=100)
    assert result.value == pytest.approx(average_precision(scores, labels).mean())
    assert result.low < result.value < result.high


@given(scored(), st.integers(0, 2**32 - 1))
@settings(max_examples=50)
def test_mean_average_precision_of_drawn_videos_by_a_plain_loop(data, seed):
    scores, labels = data
    rng = np.random.default_rng(seed)
    group = rng.integers(0, 4, len(scores))
    drawn = rng.integers(0, 4, 4)  # how often each group is in the draw
    weights = drawn[group]
    precisions = []
    for c in range(scores.shape[1]):
        gained = total = 0.0
        for i in np.flatnonzero(labels[:, c]):
            # Of its own group, one copy stands beside it.
            counts = np.where(group == group[i], 1, weights) * (scores[:, c] >= scores[i, c])
            gained += weights[i] * (counts * labels[:, c]).sum() / counts.sum()
            total += weights[i]
        if total:
            precisions.append(gained / total)
    if precisions:
        statistic = mean_average_precision_of(scores, labels, [f"g{g}" for g in group])
        np.testing.assert_allclose(statistic(weights[None].astype(float)), np.mean(precisions))


def test_mean_average_precision_leaves_absent_classes_out():
    labels = np.array([[1, 0, 0], [0, 1, 0]])
    result = estimate(mean_average_precision_of(np.eye(3)[:2], labels, ["a", "b"]), ["a", "b"])
    assert result.value == 1


@pytest.mark.parametrize(
    ("scores", "labels", "says"),
    [
        (np.ones((2, 3)), np.ones((2, 2)), r"\(2, 3\) and labels \(2, 2\)"),
        (np.ones((0, 3)), np.ones((0, 3)), "no video"),
        ([[1.0, np.nan]], [[1, 0]], "row 0 hold NaN"),
        ([[1.0, 0.0], [1.0, 0.0]], [[1, 0], [0, 0]], "row 1 has no label"),
    ],
)
def test_unusable_scores_are_refused(scores, labels, says):
    for figure in (lambda: hit_at_k(scores, labels, 1), lambda: average_precision(scores, labels)):
        with pytest.raises(MetricError, match=says):
            figure()


def test_k_below_one_is_refused():
    with pytest.raises(MetricError, match="k is 0"):
        hit_at_k([[1.0, 0.0]], [[1, 0]], 0)
