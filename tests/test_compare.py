"""Runs side by side from kept scores: hand-worked differences and averages, common videos, refusals."""

import dataclasses
import io
import json

import numpy as np
import pytest
from rich.console import Console

from videocnn.evaluate import CompareError, Scores, ScoresError, compare, print_comparison, write_scores
from videocnn.evaluate.scores import scores_file

NAMES = ("a", "b", "c")


def made_scores(best, true, *, groups=None, num_clips=2, hash="h1", names=NAMES, split="test", confidence=0.6):
    """Scores of videos v0, v1, ... whose best class is `best[i]` in every clip, and whose label is `true[i]`."""
    rest = (1 - confidence) / (len(names) - 1)
    rows = np.where(np.eye(len(names))[best] > 0, confidence, rest).astype(np.float32)
    return Scores(
        split=split,
        class_names=tuple(names),
        paths=tuple(f"v{i}.mp4" for i in range(len(best))),
        groups=tuple(groups or (f"g{i}" for i in range(len(best)))),
        labels=np.eye(len(names), dtype=np.float32)[true],
        clip_scores=np.repeat(rows[:, None], num_clips, axis=1),
        manifest_hash=hash,
        num_views=4,
    )


@pytest.fixture
def keep(tmp_path):
    def write(name, scores):
        folder = tmp_path / name
        folder.mkdir()
        write_scores(scores, folder)
        return folder

    return write


def test_figures_and_differences_by_hand(keep):
    true = [0, 1, 2, 0]
    one = keep("one", made_scores([0, 1, 0, 1], true))  # right on two of four
    two = keep("two", made_scores([0, 1, 2, 1], true))  # right on three
    result = compare([one, two])
    assert [row["name"] for row in result["rows"]] == [str(one), str(two)]
    assert [row["video_hit_at_1"]["value"] for row in result["rows"]] == [0.5, 0.75]
    (difference,) = result["differences"]
    assert (difference["first"], difference["second"]) == (str(two), str(one))
    assert difference["video_hit_at_1"]["value"] == 0.25
    # Draws of four videos of which one is a gain: from none of it to three times (P(4 times) is 0.4 %).
    assert difference["video_hit_at_1"]["low"] == 0
    assert 0.5 <= difference["video_hit_at_1"]["high"] <= 0.75
    assert result["chance_hit_at_1"] == 0.5
    assert result["left_out"] == []


def test_three_runs_have_three_differences(keep):
    runs = [keep(name, made_scores([0, 1, best], [0, 1, 2])) for best, name in enumerate("xyz")]
    pairs = [(d["first"][-1], d["second"][-1]) for d in compare(runs)["differences"]]
    assert pairs == [("y", "x"), ("z", "x"), ("z", "y")]


def test_average_by_hand(keep):
    """Two networks that are wrong for different reasons: their mean is right where each is surer when it is right."""
    true = [0, 1]
    one = keep("one", made_scores([0, 2], true, confidence=0.8))
    two = keep("two", made_scores([2, 1], true, confidence=0.5))
    result = compare([one, two], average=True)
    assert [row["video_hit_at_1"]["value"] for row in result["rows"]] == [0.5, 0.5, 0.5]
    # v0: (0.8, 0.1, 0.1) and (0.25, 0.25, 0.5) -> (0.525, ...) right; v1: (0.1, 0.1, 0.8), (0.25, 0.5, 0.25) -> wrong.
    assert result["rows"][2]["confusion"] == [[1, 0, 0], [0, 0, 1], [0, 0, 0]]
    assert result["rows"][2]["name"] == "average"
    assert [d["first"] for d in result["differences"]][1:] == ["average", "average"]


def test_two_of_three_outvote_a_surer_one(keep):
    runs = [keep("x", made_scores([0], [0], confidence=0.45)), keep("y", made_scores([0], [0], confidence=0.45))]
    runs.append(keep("z", made_scores([2], [0], confidence=0.5)))
    # Mean of a: (0.45 + 0.45 + 0.25) / 3 = 0.383; of c: (0.275 + 0.275 + 0.5) / 3 = 0.35.
    assert compare(runs, average=True)["rows"][3]["video_hit_at_1"]["value"] == 1


def test_average_of_unequal_numbers_of_clips_has_no_clip_level(keep):
    one = keep("one", made_scores([0, 2], [0, 1], num_clips=5))
    two = keep("two", made_scores([2, 1], [0, 1], num_clips=3))
    rows = compare([one, two], average=True)["rows"]
    assert rows[2]["clip_hit_at_1"] is None
    assert rows[2]["video_hit_at_1"]["value"] == 0.5  # both videos a tie between the right class and c: half each
    assert rows[0]["clip_hit_at_1"]["value"] == 0.5


def test_only_videos_that_all_runs_scored_count(keep):
    true = [0, 1, 2, 0]
    one = keep("one", made_scores([0, 1, 2, 1], true))
    two = keep("two", made_scores([0, 0, 2, 1], true).take([3, 0, 2]))  # another order, and without v1
    result = compare([one, two])
    assert result["num_videos"] == 3
    assert result["left_out"] == ["v1.mp4"]
    assert [row["video_hit_at_1"]["value"] for row in result["rows"]] == [pytest.approx(2 / 3)] * 2
    # Both are wrong on v3 alone: paired video by video there is no difference in any draw.
    assert result["differences"][0]["video_hit_at_1"] == {"value": 0, "low": 0, "high": 0}


def test_the_seed_decides_the_draws(keep):
    rng = np.random.default_rng(0)
    true = rng.integers(0, 3, 40)
    runs = [keep(name, made_scores(np.where(rng.random(40) < 0.6, true, 0), true)) for name in ("one", "two")]
    one, same, other = (compare(runs, seed=seed) for seed in (1, 1, 2))
    assert one == same
    for part in ("rows", "differences"):
        figures = [result[part][0]["mean_average_precision"] for result in (one, other)]
        assert figures[0]["value"] == figures[1]["value"]
        assert figures[0] != figures[1]


def test_result_is_plain_json(keep):
    runs = [keep(name, made_scores([0, 0], [0, 1], groups=["g", "g"])) for name in ("one", "two")]
    result = compare(runs)
    assert result["differences"][0]["video_hit_at_1"] == {"value": 0.0, "low": None, "high": None}
    assert json.loads(json.dumps(result, allow_nan=False)) == result


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"manifest_hash": "other"}, r"two.*one.*other.*h1"),
        ({"class_names": ("a", "b", "d")}, "two.*one.*c, d"),
        ({"class_names": ("b", "a", "c")}, "two.*one.*order"),
        ({"labels": np.eye(3, dtype=np.float32)[[1, 1]]}, "two.*one.*labels"),
        ({"paths": ("x", "y")}, "labels|no video in common"),
    ],
)
def test_what_does_not_belong_together_is_refused(keep, change, says):
    scores = made_scores([0, 2], [0, 1])
    one, two = keep("one", scores), keep("two", dataclasses.replace(scores, **change))
    with pytest.raises(CompareError, match=says):
        compare([one, two])


def test_too_few_runs_and_a_run_twice_are_refused(keep):
    one = keep("one", made_scores([0, 2], [0, 1]))
    with pytest.raises(CompareError, match="two runs or more"):
        compare([one])
    with pytest.raises(CompareError, match="named twice"):
        compare([one, f"{one}/"])


def test_missing_and_damaged_scores_are_named(keep, tmp_path):
    one = keep("one", made_scores([0, 2], [0, 1]))
    with pytest.raises(ScoresError, match="absent: there is no such run folder"):
        compare([one, tmp_path / "absent"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(ScoresError, match="empty: is not a run folder"):
        compare([one, tmp_path / "empty"])
    (tmp_path / "empty" / "model.keras").write_bytes(b"")
    with pytest.raises(ScoresError, match=r"no kept scores of split 'test'; run `videocnn evaluate"):
        compare([one, tmp_path / "empty"])
    two = keep("two", made_scores([0, 2], [0, 1]))
    whole = scores_file(two, "test").read_bytes()
    for damaged in (whole[: len(whole) // 2], b"", b"no scores"):
        scores_file(two, "test").write_bytes(damaged)
        with pytest.raises(ScoresError, match=r"scores_test\.npz: is damaged"):
            compare([one, two])


def test_the_table_shows_names_as_text(keep):
    one, two = keep("[bold]one", made_scores([0, 2, 0], [0, 1, 0])), keep("two", made_scores([0, 1], [0, 1]))
    text = io.StringIO()
    print_comparison(compare([one, two], average=True), console=Console(file=text, width=200))
    shown = text.getvalue()
    for part in (
        "[bold]one",
        "average",
        "chance",
        "paired differences",
        "+50.0",
        "1 video left out",
        "v2.mp4",
        "2 x 4",
    ):
        assert part in shown
