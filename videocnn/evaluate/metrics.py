"""Metrics of scores and labels: hit@k, average precision, confusion, chance level, bootstrap intervals.

Scores are `(num_videos, num_classes)`, any real numbers of which a larger one means "rather this class"; labels are the
multi-hot matrix of the same shape. Hit@k is the paper's (section 4); several labels and tied scores are defined
below, so that an order of videos or classes never changes a figure. NumPy only.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from videocnn.errors import VideoCNNError

# A statistic of weighted videos: weights (num_resamples, num_videos) -> values (num_resamples,), or one for each class.
# A weight is how often a video counts; all ones give the plain figure. One form makes one bootstrap serve all figures.
Statistic = Callable[[np.ndarray], np.ndarray]

# Weights drawn at a time: 32 MB of float64, whatever the number of videos.
CHUNK = 4_000_000


class MetricError(VideoCNNError):
    """No metric can be computed from these scores and labels."""


@dataclasses.dataclass(frozen=True)
class Estimate:
    """A figure with its interval.

    Attributes:
        value: the figure over all videos.
        low: lower end of the interval, NaN where there are fewer than two groups.
        high: upper end of the interval, NaN where there are fewer than two groups.
    """

    value: float
    low: float
    high: float

    def plain(self) -> dict[str, float | None]:
        """Return the figure as values for JSON: None in place of NaN."""
        return {key: None if np.isnan(value) else float(value) for key, value in dataclasses.asdict(self).items()}


@dataclasses.dataclass(frozen=True)
class Resampled:
    """A figure over all videos and over draws of their groups.

    Attributes:
        value: the figure over all videos; an array where the statistic has one a class.
        draws: float64 `(num_resamples,)` or `(num_resamples, num_classes)`, the figure over each draw; NaN where a
            draw has no video that counts.
    """

    value: float | np.ndarray
    draws: np.ndarray

    def of_class(self, number: int) -> Resampled:
        """Return the figure of one class."""
        return Resampled(float(self.value[number]), self.draws[:, number])

    def __sub__(self, other: Resampled) -> Resampled:
        """Return the paired difference; both must come from the same videos, groups and seed: the same draws."""
        return Resampled(self.value - other.value, self.draws - other.draws)

    def estimate(self, confidence: float = 0.95) -> Estimate:
        """Return the figure with its percentile interval.

        It covers the choice of videos, not the luck of a training run, and has no width where every video is right.
        """
        draws = self.draws[~np.isnan(self.draws)]
        if not len(draws):
            return Estimate(self.value, float("nan"), float("nan"))
        tail = 50 * (1 - confidence)
        low, high = np.percentile(draws, [tail, 100 - tail])
        return Estimate(self.value, float(low), float(high))


def _checked(scores, labels) -> tuple[np.ndarray, np.ndarray]:
    scores, labels = np.asarray(scores), np.asarray(labels) > 0
    if not np.issubdtype(scores.dtype, np.floating):
        scores = scores.astype(np.float64)
    if scores.ndim != 2 or scores.shape != labels.shape:
        raise MetricError(
            f"scores have the shape {scores.shape} and labels {labels.shape}; both must be (num_videos, num_classes)"
        )
    if len(scores) == 0:
        raise MetricError("there is no video to measure: give at least one scored video")
    if not np.isfinite(scores).all():
        row = int(np.flatnonzero(~np.isfinite(scores).all(axis=1))[0])
        raise MetricError(f"the scores of row {row} hold NaN or infinity: the network that gave them has diverged")
    if not labels.any(axis=1).all():
        row = int(np.flatnonzero(~labels.any(axis=1))[0])
        raise MetricError(f"row {row} has no label: only labelled videos can be measured")
    return scores, labels


def _share_without(total: np.ndarray, marked: np.ndarray, drawn: np.ndarray, most: int) -> np.ndarray:
    """Probability that `drawn` of `total` classes, drawn without replacement, hold none of the `marked` ones."""
    share = np.ones(len(total))
    for i in range(most):
        share = np.where(i < drawn, share * np.maximum(total - marked - i, 0) / np.maximum(total - i, 1), share)
    return share


def hit_at_k(scores: np.ndarray, labels: np.ndarray, k: int) -> np.ndarray:
    """Return for each video whether a true label is among its k best classes (hit@k of the paper's Table 1).

    One true label is enough. Where classes tie for the last of the k places, the value is the probability that a fair
    draw among them hits, so that equal scores for all classes are worth exactly a blind guess, neither 0 nor 1.

    Args:
        scores: `(num_videos, num_classes)`, finite.
        labels: `(num_videos, num_classes)`, positive where a label is true; at least one a video.
        k: places, 1 or more; with `k >= num_classes` every video is a hit.

    Returns:
        float64 `(num_videos,)` in 0..1; its mean is hit@k.

    Raises:
        MetricError: shapes differ, no video, a score that is not finite, a video without a label.

    Example:
        >>> hit_at_k([[0.6, 0.3, 0.1], [0.4, 0.4, 0.2]], [[1, 0, 0], [0, 1, 0]], k=1)
        array([1. , 0.5])
    """
    scores, labels = _checked(scores, labels)
    if k < 1:
        raise MetricError(f"k is {k}; hit@k needs a k of at least 1")
    k = min(k, scores.shape[1])
    rows = max(1, CHUNK // scores.shape[1])  # videos at a time
    return np.concatenate([_hits(scores[i : i + rows], labels[i : i + rows], k) for i in range(0, len(scores), rows)])


def _hits(scores: np.ndarray, labels: np.ndarray, k: int) -> np.ndarray:
    last = np.sort(scores, axis=1)[:, -k, None]  # the score of the k-th best class, (num_videos, 1)
    above, tied = scores > last, scores == last
    free = k - above.sum(axis=1)
    miss = _share_without(tied.sum(axis=1), (tied & labels).sum(axis=1), free, k)
    return np.where((above & labels).any(axis=1), 1.0, 1.0 - miss)


def chance_level(labels: np.ndarray, k: int) -> float:
    """Return the chance level of hit@k: always predicting the k labels that are most frequent among these videos.

    With equally many videos of every class this is k / num_classes; on uneven data it is more, and a network that
    has learned nothing but the frequencies reaches it. Classes that no video has are no help to a blind guess.

    Args:
        labels: `(num_videos, num_classes)`, positive where a label is true.
        k: places, 1 or more.

    Returns:
        A share in 0..1.
    """
    labels = np.asarray(labels) > 0
    if not labels.size:
        raise MetricError("there is no video to measure: give at least one labelled video")
    most_frequent = np.argsort(-labels.sum(axis=0), kind="stable")[:k]
    return float(labels[:, most_frequent].any(axis=1).mean())


def average_precision(scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return each class's average precision: the mean, over its videos, of the precision at that video's rank.

    Videos of equal score share one rank, the lowest of them, so their order does not matter.

    Args:
        scores: `(num_videos, num_classes)`, finite.
        labels: `(num_videos, num_classes)`, positive where a label is true.

    Returns:
        float64 `(num_classes,)` in 0..1; NaN for a class without a video.
    """
    return average_precisions_of(scores, labels, [""] * len(scores))(np.ones((1, len(scores))))[0]


@dataclasses.dataclass(frozen=True)
class _Ranking:
    """The videos of one class from its best score down to its last true label; independent of any draw.

    Attributes:
        order: int32, the videos by falling score.
        true: the places in `order` that have a true label.
        ends: for each of them the exclusive end of its run of equal scores: precision is needed there and only there.
        own: for each of them the videos of its own group before that end, int64 `(positives, 1)`.
        own_true: the same of those with a true label.
    """

    order: np.ndarray
    true: np.ndarray
    ends: np.ndarray
    own: np.ndarray
    own_true: np.ndarray


def _rank(scores: np.ndarray, labels: np.ndarray, group: np.ndarray) -> _Ranking | None:
    if not labels.any():
        return None
    order = np.argsort(-scores, kind="stable").astype(np.int32)
    true = np.flatnonzero(labels[order])
    falling = -scores[order]
    ends = np.searchsorted(falling, falling[true], side="right")
    places = group[order] * len(order) + np.arange(len(order))  # ascending within a group, and groups are apart
    base = group[order[true]] * len(order)
    own, own_true = (
        np.searchsorted(found, base + ends) - np.searchsorted(found, base)
        for found in (np.sort(places), np.sort(places[true]))
    )
    return _Ranking(order[: ends[-1]].copy(), true, ends, own[:, None], own_true[:, None])


def _weighted_ap(rankings: Sequence[_Ranking | None], weights: np.ndarray) -> np.ndarray:
    """Average precision (resamples, num_classes) where video `i` was drawn `weights[:, i]` times, with its group.

    A drawn group ranks against one copy of itself: its further copies are no evidence about new videos, and counting
    them beside it would push every resampled precision up (by half, for a network at chance).
    """
    result = np.full((len(rankings), len(weights)), np.nan)
    weights = np.ascontiguousarray(weights.T, np.float32)  # (num_videos, resamples): whole numbers, so exact
    for c, ranking in enumerate(rankings):
        if ranking is None:
            continue
        drawn = weights[ranking.order]
        drawn_true = drawn[ranking.true]
        seen = _sums_up_to(ranking.ends, drawn)
        found = _sums_up_to(np.searchsorted(ranking.true, ranking.ends), drawn_true)
        copies = np.maximum(drawn_true - 1, 0)
        seen -= copies * ranking.own
        found -= copies * ranking.own_true
        total = drawn_true.sum(axis=0)
        gained = (drawn_true * found / np.maximum(seen, 1)).sum(axis=0)
        result[c] = np.where(total > 0, gained / np.maximum(total, 1), np.nan)
    return result.T


def _sums_up_to(ends: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return `rows[:end].sum(axis=0)` for ascending, positive `ends`, float64 `(len(ends), columns)`."""
    places, back = np.unique(ends, return_inverse=True)
    parts = np.add.reduceat(rows[: places[-1]], np.concatenate([[0], places[:-1]]), axis=0)
    return np.cumsum(parts, axis=0, dtype=np.float64)[back]


def confusion(scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return how many videos of each class (row) got each class as best answer (column).

    A video adds one in all. Of several labels, the one that was answered counts, and without it they share the video
    equally; classes that tie for the best share it equally too. So the sum is num_videos and the diagonal's share
    of it is hit@1.

    Returns:
        float64 `(num_classes, num_classes)`.
    """
    scores, labels = _checked(scores, labels)
    table = np.zeros((scores.shape[1], scores.shape[1]))
    for row, true in zip(scores, labels, strict=True):
        best = np.flatnonzero(row == row.max())
        for answer in best:
            rows = [answer] if true[answer] else np.flatnonzero(true)
            table[rows, answer] += 1 / (len(best) * len(rows))
    return table


def mean_of(values: np.ndarray) -> Statistic:
    """Return the statistic "mean of one value a video" (hit@k: `mean_of(hit_at_k(scores, labels, k))`)."""
    values = np.asarray(values, np.float64)
    return lambda weights: weights @ values / weights.sum(axis=1)


def average_precisions_of(scores: np.ndarray, labels: np.ndarray, groups: Sequence[str]) -> Statistic:
    """Return the statistic "`average_precision` of each class": `(num_resamples, num_classes)`, NaN without a video."""
    scores, labels = _checked(scores, labels)
    group = group_numbers(groups)
    rankings = [_rank(scores[:, c], labels[:, c], group) for c in range(scores.shape[1])]
    return lambda weights: _weighted_ap(rankings, weights)


def mean_average_precision_of(scores: np.ndarray, labels: np.ndarray, groups: Sequence[str]) -> Statistic:
    """Return the statistic "mean of `average_precision` over the classes that have a video"."""
    by_class = average_precisions_of(scores, labels, groups)
    return lambda weights: np.nanmean(by_class(weights), axis=1)


def group_numbers(groups: Sequence[str]) -> np.ndarray:
    """Return each video's group as a number from 0 on, int64; a video without a group is a group of its own."""
    numbers: dict[str | int, int] = {}  # an index in place of the name cannot collide with a name: it is no text
    return np.array([numbers.setdefault(group or index, len(numbers)) for index, group in enumerate(groups)])


def _bootstrap_weights(groups: Sequence[str], num_resamples: int, seed: int) -> Iterator[np.ndarray]:
    """Yield chunks of weights (resamples, num_videos): how often each video is in a draw of whole groups."""
    member = group_numbers(groups)
    total = int(member.max()) + 1
    rng = np.random.default_rng(seed)
    step = max(1, CHUNK // len(member))
    for start in range(0, num_resamples, step):
        draws = rng.integers(0, total, (min(step, num_resamples - start), total))
        counts = np.stack([np.bincount(draw, minlength=total) for draw in draws])
        yield counts[:, member].astype(np.float64)


def resample(statistic: Statistic, groups: Sequence[str], *, num_resamples: int = 1000, seed: int = 0) -> Resampled:
    """Compute a figure over all videos and over random draws of whole groups, with replacement.

    Clips of one group come from one source and stand or fall together (UCF-101), so groups are drawn and not videos.

    Args:
        statistic: from `mean_of`, `average_precisions_of` or `mean_average_precision_of`.
        groups: the group of each video; an empty name is a group of its own.
        num_resamples: number of draws; none where there are fewer than two groups.
        seed: seed of the draws; the same seed and groups give the same draws for every statistic.
    """
    values = statistic(np.ones((1, len(groups))))
    value = values[0] if values.ndim > 1 else float(values[0])
    if len(set(group_numbers(groups))) < 2:
        return Resampled(value, np.empty((0, *values.shape[1:])))
    draws = [statistic(weights) for weights in _bootstrap_weights(groups, num_resamples, seed)]
    return Resampled(value, np.concatenate(draws))


def estimate(statistic: Statistic, groups: Sequence[str], *, confidence: float = 0.95, **options) -> Estimate:
    """Return a figure with its interval: `resample(statistic, groups, **options).estimate(confidence)`."""
    return resample(statistic, groups, **options).estimate(confidence)


def mean_over_folds(figures: Sequence[Resampled]) -> Resampled:
    """Return the mean of a figure over folds, over all videos and over draws; folds without draws leave none."""
    value = np.mean([figure.value for figure in figures], axis=0)
    draws = [figure.draws for figure in figures]
    return Resampled(
        value if value.ndim else float(value), np.mean(draws, axis=0) if all(map(len, draws)) else draws[0][:0]
    )
