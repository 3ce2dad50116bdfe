"""The demo: what it refuses, how pairs are told apart, and that it shows what it is meant to show."""

import numpy as np
import pytest

from videocnn.datasets.toy import MOTION_PAIRS
from videocnn.demo import DemoError, clear, demo, pair_figures
from videocnn.evaluate import Scores

NAMES = (
    "columns",
    "corners",
    "desert",
    "edges",
    "fast",
    "growing",
    "rising",
    "rows",
    "sea",
    "shrinking",
    "sinking",
    "slow",
)


def scores_of(truths, answers):
    """Return scores of one-clip videos in which the answered class has 0.5 and the others share the rest."""
    labels = np.array([[name == truth for name in NAMES] for truth in truths], np.float32)
    given = np.array([[0.5 if name == answer else 0.5 / 11 for name in NAMES] for answer in answers], np.float32)
    paths = tuple(f"{number}.mp4" for number in range(len(truths)))
    return Scores("test", NAMES, paths, paths, labels, given[:, None], "hash", 1)


def test_a_pair_is_judged_by_its_own_two_classes_alone():
    truths = ["rising", "rising", "sinking", "fast", "slow", "growing", "shrinking", "sea", "desert"]
    truths += ["rows", "columns", "corners", "edges"]
    answers = ["rising", "sinking", "sinking", "slow", "slow", "growing", "growing", "sea", "desert"]
    answers += ["rows", "columns", "corners", "edges"]
    figures = pair_figures(scores_of(truths, answers))
    assert figures["direction"].value == pytest.approx(2 / 3)
    assert figures["speed"].value == pytest.approx(1 / 2)
    assert figures["size"].value == pytest.approx(1 / 2)
    assert figures["layout"].value == figures["detail"].value == figures["border"].value == 1


def test_only_a_demo_is_replaced(tmp_path):
    (tmp_path / "toy").mkdir()
    with pytest.raises(DemoError, match="--overwrite"):
        clear(tmp_path, overwrite=False)
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(DemoError, match=r"thesis\.txt"):
        clear(tmp_path, overwrite=True)
    assert (tmp_path / "toy").exists()
    (tmp_path / "thesis.txt").unlink()
    clear(tmp_path, overwrite=True)
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_several_frames_tell_apart_what_one_frame_cannot(tmp_path, capsys):
    result = demo(tmp_path / "demo", minutes=0.8)
    single, slow = (
        np.mean([result[name][pair].value for pair in MOTION_PAIRS]) for name in ("single_frame", "slow_fusion")
    )
    assert slow > single + 0.1
    assert result["slow_fusion"]["layout"].value > 0.8
    names = {path.name for path in (tmp_path / "demo").iterdir()}
    assert {"filters.png", "predictions.png", "curves.png", "slow_fusion", "single_frame", "toy", "shards"} <= names
    assert "Told apart within a pair" in capsys.readouterr().out
