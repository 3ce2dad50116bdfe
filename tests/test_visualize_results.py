"""Figures of evaluation as pictures: confusion and change in average precision, from numbers worked by hand."""

import dataclasses
import json

import numpy as np
import pytest

from videocnn.evaluate import CompareError, Scores, ScoresError, class_changes, summarize, write_scores
from videocnn.visualize import plot_confusion, plot_gains, save_figure
from videocnn.visualize.canvas import PictureError
from videocnn.visualize.confusion import worst_pairs

NAMES = ("ski", "<script>alert(1)</script>", "a$b$_{", "nobody")


def make_scores(best, truth, names=NAMES, groups=None) -> Scores:
    """Return scores of videos that answer class `best[i]` where `truth[i]` is true; two may tie."""
    labels, scores = np.zeros((2, len(truth), len(names)), np.float32)
    labels[np.arange(len(truth)), truth] = 1
    for row, answers in enumerate(best):
        scores[row, answers] = 0.8 / np.size(answers)
    return Scores(
        split="test",
        class_names=tuple(names),
        paths=tuple(f"{row}.mp4" for row in range(len(truth))),
        groups=tuple(groups or (f"g{row // 2}" for row in range(len(truth)))),
        labels=labels,
        clip_scores=scores[:, None],
        manifest_hash="hash",
        num_views=1,
    )


def write_run(folder, scores):
    folder.mkdir()
    write_scores(scores, folder)
    (folder / "model.keras").write_text("")
    (folder / "metrics.json").write_text(json.dumps({"test": summarize(scores)}))
    return folder


def test_confusion_shows_shares_and_counts(tmp_path):
    scores = make_scores([[0], [0], [1], [0, 1], [1], [2], [0]], [0, 0, 0, 0, 1, 2, 2])
    figure = plot_confusion(write_run(tmp_path / "run_$1", scores))
    matrix = figure.axes[0]
    shares = matrix.images[0].get_array()
    np.testing.assert_allclose(shares.filled(0)[:3, :3], [[0.625, 0.375, 0], [0, 1, 0], [0.5, 0, 0.5]])
    assert shares.mask[3].all()
    cells = {text.get_position(): text.get_text() for text in matrix.texts}
    assert cells == {(0, 0): "2.5", (1, 0): "1.5", (1, 1): "1", (0, 2): "1", (2, 2): "1"}  # (column, row)
    rows = [label.get_text() for label in matrix.get_yticklabels()]
    assert rows == ["ski", "<script>alert(1)</script>", r"a\$b\$_{", "nobody (no video)"]
    assert matrix.get_ylabel() == "true class"
    listed = "\n".join(text.get_text() for text in figure.texts)
    assert "ski taken for <script>alert(1)</script>: 1.5 of 4" in listed
    assert "video hit@1 64.3 %" in figure.get_suptitle()  # 4.5 of 7
    assert "chance 57.1 %" in figure.get_suptitle()
    assert "7 videos in 4 groups, 1 clip a video, 1 view a clip" in figure.get_suptitle()
    save_figure(figure, tmp_path / "confusion.png")


def test_worst_pairs_are_sorted_by_count_and_then_by_share():
    table = np.array([[5, 1, 2], [1, 0, 0], [2, 0, 4]])
    expected = [("c", "a", 2, 6), ("a", "c", 2, 8), ("b", "a", 1, 1), ("a", "b", 1, 8)]
    assert worst_pairs(["a", "b", "c"], table, 9) == expected
    assert worst_pairs(["a", "b", "c"], table, 1) == expected[:1]
    assert worst_pairs(["a", "b"], np.eye(2), 5) == []


def test_many_classes_keep_their_names_and_lose_their_cells(tmp_path):
    names = [f"Class{number:03d}WithAName" for number in range(101)]
    hit = {"value": 1.0, "low": None, "high": None}
    result = {"video_hit_at_1": hit, "chance_hit_at_1": 0.01, "seed": 0, "num_videos": 101, "num_groups": 1}
    result |= {"num_clips": 1, "num_views": 1, "class_names": names, "confusion": np.eye(101).tolist()}
    (tmp_path / "metrics.json").write_text(json.dumps({"test": result}))
    figure = plot_confusion(tmp_path)
    assert "100.0 % one group: no interval, chance 1.0 %" in figure.get_suptitle()
    assert not figure.axes[0].texts
    assert [label.get_text() for label in figure.axes[0].get_xticklabels()] == names
    assert "every video is right" in figure.texts[-1].get_text() + figure.texts[0].get_text()
    pitch = figure.axes[0].get_position().height * figure.get_figheight() / 101
    assert pitch > 6 / 72  # inches a row: more than the letters of 6 points


def test_confusion_needs_an_evaluated_run(tmp_path):
    with pytest.raises(PictureError, match="no such run folder"):
        plot_confusion(tmp_path / "absent")
    with pytest.raises(PictureError, match="split 'test'; run `videocnn evaluate"):
        plot_confusion(tmp_path)
    (tmp_path / "metrics.json").write_text('{"val": {}}')
    with pytest.raises(PictureError, match=r"split 'test' \(only for val\)"):
        plot_confusion(tmp_path)
    with pytest.raises(PictureError, match="no confusion matrix"):
        plot_confusion(tmp_path, "val")


# Four videos of class 0, two of class 1, one of class 2, by their groups. The first run ranks class 0 perfectly.
TRUTH = [0, 0, 0, 0, 1, 1, 2]
GROUPS = ["a", "a", "b", "b", "c", "d", "e"]
FIRST = np.array([[9, 0, 5], [8, 1, 0], [7, 2, 0], [6, 3, 0], [5, 7, 0], [4, 5, 1], [3, 6, 9]], float)
SECOND = np.array([[9, 0, 5], [6, 1, 0], [3, 2, 0], [1, 3, 0], [8, 7, 0], [7, 8, 1], [5, 6, 9]], float)


def ranked(values, **changes) -> Scores:
    base = make_scores([[0]] * 7, TRUTH, ("up", "same", "only_$"), GROUPS)
    return dataclasses.replace(base, clip_scores=(values / 10).astype(np.float32)[:, None], **changes)


def test_gains_by_hand():
    """Second run, class 0: ranks 1, 4, 6, 7 -> (1/1 + 2/4 + 3/6 + 4/7) / 4. Class 1: first 1, 3; second 1, 2."""
    up, only, same = class_changes(ranked(FIRST), ranked(SECOND))
    assert (up.class_name, same.class_name, only.class_name) == ("up", "same", "only_$")
    assert up.change.value == pytest.approx(1 - (1 + 1 / 2 + 1 / 2 + 4 / 7) / 4)
    assert same.change.value == pytest.approx((1 + 2 / 3) / 2 - 1)
    assert (only.change.value, up.num_videos, same.num_videos) == (0, 4, 2)
    low, high = up.change.estimate().low, up.change.estimate().high
    assert low <= up.change.value <= high
    assert not np.isnan([found.change.estimate().low for found in (up, same, only)]).any()


def test_gains_as_bars(tmp_path):
    one, other = write_run(tmp_path / "slow", ranked(FIRST)), write_run(tmp_path / "single", ranked(SECOND))
    figure = plot_gains(one, other, num_classes=1)
    (axes,) = figure.axes
    bars = axes.patches
    assert [bar.get_hatch() for bar in bars] == [None, "////"]
    assert bars[0].get_width() > 0 > bars[1].get_width()
    assert [label.get_text() for label in axes.get_yticklabels()] == ["up (4)", "", "same (2)"]
    assert axes.texts[0].get_text() == "1 between"
    assert axes.get_xlabel() == "change in average precision, slow minus single"
    ends = np.concatenate([line.get_xdata() for line in axes.lines])
    assert np.abs(ends).max() <= axes.get_xlim()[1]
    assert "7 videos in 5 groups, 1 clip x 1 view" in figure.get_supxlabel()
    assert "extreme" in figure.get_supxlabel()
    every = plot_gains(one, other, num_classes=2)
    labels = [label.get_text() for label in every.axes[0].get_yticklabels()]
    assert labels == ["up (4)", r"only_\$ (1)", "same (2)"]
    assert "extreme" not in every.get_supxlabel()
    save_figure(every, tmp_path / "gains.png")


def test_gains_of_runs_that_do_not_belong_together(tmp_path):
    one = write_run(tmp_path / "one", ranked(FIRST))
    with pytest.raises(PictureError, match="given twice"):
        plot_gains(one, f"{one}/")
    with pytest.raises(PictureError, match="num_classes=0"):
        plot_gains(one, one, num_classes=0)
    with pytest.raises(ScoresError, match="no such run"):
        plot_gains(one, tmp_path / "absent")
    foreign = write_run(tmp_path / "foreign", ranked(SECOND, manifest_hash="another"))
    with pytest.raises(CompareError, match="foreign"):
        plot_gains(one, foreign)
    fewer = write_run(tmp_path / "fewer", ranked(SECOND).take([0, 1, 2, 3, 4, 5]))
    assert "1 video not scored by both left out" in plot_gains(one, fewer).get_supxlabel()
