"""Tables 1 and 2: figures by hand beside the paper's, verdicts of each kind, and runs that do not fit."""

import dataclasses
import json
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from paper_runs import cells, made_scores, verdict, write_run

from videocnn.errors import VideoCNNError
from videocnn.evaluate import (
    CompareError,
    Resampled,
    Scores,
    ScoresError,
    average_precision,
    average_precisions_of,
    mean_average_precision_of,
    resample,
    summarize,
)
from videocnn.report.paper import PaperTableError, make_table
from videocnn.report.paper.claims import CLAIMS, CONTRADICTED, OPEN, SUPPORTED, Claim, judge
from videocnn.report.paper.paper import TABLE_1, TABLE_2

HALF = [True, False] * 4
MOST = [True, True, True, False] * 2


@pytest.fixture
def runs(tmp_path):
    """Write runs by name and return their folders."""

    def write(**named):
        return [
            write_run(tmp_path / name, scores, model=name.split("__")[0], stream=[*name.split("__"), "full"][1])
            for name, scores in named.items()
        ]

    return write


def test_table_1_has_ours_beside_the_papers_figures(runs):
    table = make_table("1", runs(single_frame=made_scores(HALF), slow_fusion=made_scores(MOST)))
    rows = {row.key: row for row in table.rows}
    assert list(rows) == [*TABLE_1, "chance"]
    assert [row.label for row in table.rows] == [
        "feature histograms",
        "Single-Frame",
        "Single-Frame + multires",
        "Single-Frame, fovea only",
        "Single-Frame, context only",
        "Early Fusion",
        "Late Fusion",
        "Slow Fusion",
        "CNN average",
        "chance",
    ]
    assert rows["single_frame/full"].cells["video_hit_at_1"].value == 0.5
    assert rows["slow_fusion/full"].cells["clip_hit_at_1"].value == 0.75
    assert rows["slow_fusion/full"].cells["video_hit_at_1"].paper == 0.609
    assert rows["slow_fusion/full"].cells["clip_hit_at_1"].paper == 0.419
    assert rows["slow_fusion/full"].cells["video_hit_at_5"].paper == 0.802
    assert rows["average"].cells["video_hit_at_1"] == dataclasses.replace(
        rows["average"].cells["video_hit_at_1"], value=None, low=None, high=None, paper=0.639
    )
    assert rows["histograms"].cells["video_hit_at_1"].paper == 0.553
    assert rows["chance"].cells["video_hit_at_1"].value == 3 / 8  # classes a and b have three of eight videos
    assert rows["chance"].cells["video_hit_at_5"].value == 1
    assert any("180" in note or "8 videos in 8 groups, 3 classes, manifest h1" in note for note in table.notes)
    assert any("Abacus 1, 2 processors" in note for note in table.notes)


def test_intervals_are_those_of_the_evaluation(runs):
    rng = np.random.default_rng(0)
    scores = made_scores(rng.random(60) < 0.6, groups=[f"g{i // 3}" for i in range(60)])
    (row,) = [row for row in make_table("1", runs(late_fusion=scores), seed=5).rows if row.runs]
    expected = summarize(scores, seed=5)
    for name, cell in row.cells.items():
        assert (cell.value, cell.low, cell.high) == pytest.approx(tuple(expected[name].values()))


def test_rows_that_the_paper_lacks_are_marked(runs, tmp_path):
    folders = runs(early_fusion__multires=made_scores(HALF))
    folders.append(write_run(tmp_path / "d", made_scores(HALF), model="slow_fusion", frame_difference=True))
    labels = [row.label for row in make_table("1", folders).rows]
    assert "Early Fusion + multires (not in the paper)" in labels
    assert "Slow Fusion on frame differences (not in the paper)" in labels
    assert labels.index("Early Fusion") + 1 == labels.index("Early Fusion + multires (not in the paper)")


def test_average_of_the_four_networks_by_hand(runs):
    """Three of four name the true class of v0 with 0.6, the fourth gives it 0.2: mean 0.5; v1: one of four: 0.3."""
    three = made_scores([True, False])
    one = made_scores([False, True])
    folders = runs(single_frame=three, early_fusion=three, late_fusion=three, slow_fusion=one)
    row = {row.key: row for row in make_table("1", folders).rows}["average"]
    assert row.cells["video_hit_at_1"].value == 0.5
    assert row.cells["clip_hit_at_1"].value == 0.5
    assert len(row.runs) == 4


def test_average_of_unequal_numbers_of_clips_has_no_clip_level(runs):
    scores = made_scores(HALF)
    folders = runs(
        single_frame=scores, early_fusion=scores, late_fusion=scores, slow_fusion=made_scores(HALF, num_clips=3)
    )
    row = {row.key: row for row in make_table("1", folders).rows}["average"]
    assert row.cells["clip_hit_at_1"].value is None
    assert row.cells["video_hit_at_1"].value == 0.5


def test_verdicts_of_every_kind(runs):
    """Right everywhere against wrong everywhere is a difference of one in every draw."""
    right, wrong, mixed = [True] * 8, [False] * 8, HALF
    table = make_table(
        "1",
        runs(
            single_frame=made_scores(wrong),
            slow_fusion=made_scores(right),
            early_fusion=made_scores(right),
            late_fusion=made_scores(right),
            single_frame__multires=made_scores(mixed),
            single_frame__context=made_scores(MOST),
            single_frame__fovea=made_scores(mixed),
        ),
    )
    assert verdict(table, "Slow Fusion is better than Single-Frame") == SUPPORTED
    assert verdict(table, "Early Fusion is worse") == CONTRADICTED
    assert verdict(table, "Late Fusion is as good") == CONTRADICTED
    assert verdict(table, "Slow Fusion is better than Early and Late") == OPEN  # equal in every draw
    assert verdict(table, "The context stream") == OPEN  # two of eight videos: the interval reaches zero
    assert verdict(table, "The average of the four networks") == OPEN
    assert verdict(table, "... but by little") == OPEN


def test_equal_networks_are_not_shown_equal(runs):
    table = make_table("1", runs(single_frame=made_scores(HALF), late_fusion=made_scores(HALF)))
    (found,) = [v for v in table.verdicts if v.claim.startswith("Late Fusion is as good")]
    assert found.outcome == OPEN
    assert found.basis.startswith("+0.0 points [+0.0, +0.0]: ")


def test_missing_runs_and_one_group_leave_a_claim_open(runs):
    one_group = {"groups": ["g"] * 8}
    table = make_table(
        "1",
        runs(single_frame=made_scores([False] * 8, **one_group), slow_fusion=made_scores([True] * 8, **one_group)),
    )
    by_claim = {v.claim: v for v in table.verdicts}
    assert by_claim["Slow Fusion is better than Single-Frame"].outcome == OPEN
    assert "one group" in by_claim["Slow Fusion is better than Single-Frame"].basis
    assert by_claim["Early Fusion is worse than Single-Frame"].basis == "not measured: Early Fusion (video hit@1)"
    assert {row.cells["video_hit_at_1"].low for row in table.rows} == {None}
    assert any(note.startswith("no intervals") for note in table.notes)


@given(st.lists(st.floats(-1, 1, allow_nan=False), min_size=1, max_size=30), st.booleans())
def test_a_verdict_follows_the_interval(values, equal):
    claim = Claim("t", "claim", "source", ((("x", "f"), ("y", "f")),), equal=equal)
    zero = Resampled(0.0, np.zeros(len(values)))
    figures = {("x", "f"): Resampled(float(np.mean(values)), np.array(values)), ("y", "f"): zero}
    low, high = np.percentile(values, [2.5, 97.5])
    above, below = low > 1e-12, high < -1e-12
    expected = OPEN if not (above or below) else CONTRADICTED if equal or below else SUPPORTED
    assert judge(claim, figures, "percent", {}).outcome == expected


def test_one_pair_on_the_wrong_side_contradicts_a_claim_about_all():
    def figure(value):
        return Resampled(value, np.full(9, value))

    claim = Claim("t", "claim", "source", ((("x", "f"), ("y", "f")), (("x", "f"), ("z", "f"))))
    figures = {("x", "f"): figure(0.5), ("y", "f"): figure(0.1), ("z", "f"): figure(0.9)}
    assert judge(claim, figures, "percent", {}).outcome == CONTRADICTED
    assert judge(claim, {**figures, ("z", "f"): figure(0.5)}, "percent", {}).outcome == OPEN
    assert judge(claim, {**figures, ("z", "f"): figure(0.2)}, "percent", {}).outcome == SUPPORTED


def test_every_claim_can_be_decided_or_says_why_not():
    for claim in CLAIMS:
        assert bool(claim.pairs) != bool(claim.reason), claim.text
        assert claim.table in ("1", "2", "3", "4", "speed")


def test_the_claim_on_filters_points_to_their_numbers():
    (claim,) = [claim for claim in CLAIMS if "grey" in claim.text]
    for words in ("`videocnn filters RUN` prints", "colour", "mean frequency", "fovea"):
        assert words in claim.reason


def ranked(order, positives=2, names=("x", "y")):
    """Scores in which class x's videos, the first `positives`, stand at the places that `order` gives them."""
    chance = np.linspace(0.9, 0.1, len(order))[np.argsort(np.argsort(order))]
    scores = np.stack([chance, 1 - chance], axis=1).astype(np.float32)
    true = np.array([0] * positives + [1] * (len(order) - positives))
    paths = tuple(f"v{i}.mp4" for i in range(len(order)))
    groups = tuple(f"g{i}" for i in range(len(order)))
    return Scores("test", names, paths, groups, np.eye(2, dtype=np.float32)[true], scores[:, None], "h1", 4)


def test_table_2_changes_by_hand(runs):
    """x at places 2 and 4: AP (1/2 + 2/4) / 2 = 0.5, at 1 and 2: 1. The order of y is that of x reversed: the same."""
    table = make_table("2", runs(slow_fusion=ranked([1, 2, 3, 4]), single_frame=ranked([2, 4, 1, 3])))
    assert cells(table, "single_frame") == {"x": 0.5, "y": 0.5}
    assert cells(table, "slow_fusion") == {"x": 1.0, "y": 1.0}
    assert cells(table, "videos") == {"x": 2, "y": 2}
    changes = cells(table, "change")
    assert changes["x"] == 0.5
    assert {key: row.cells["change"].paper for key, row in zip(changes, table.rows, strict=True)}[
        "paper: Juggling Club"
    ] == 0.12
    assert sum(value is None for value in changes.values()) == len(TABLE_2)


def test_table_2_shows_both_ends_and_warns(runs):
    names = tuple(f"class {i:02d}" for i in range(25))
    true = np.repeat(np.arange(25), 4)
    right = np.tile([True, False, True, True], 25)
    gains = np.where(true < 3, True, right) & ~(true > 22)
    single, slow = (made_scores(part, true=true, names=names) for part in (right, gains))
    table = make_table("2", runs(single_frame=single, slow_fusion=slow))
    shown = [row.key for row in table.rows if not row.key.startswith("paper")]
    assert len(shown) == 20
    before, after = (average_precision(part.video_scores, part.labels) for part in (single, slow))
    expected = sorted(after - before, reverse=True)
    assert [cells(table, "change")[name] for name in shown] == pytest.approx(expected[:10] + expected[-10:])
    assert expected[0] > 0.2 > -0.2 > expected[-1]
    apart = cells(table, "apart")
    assert [name for name, value in apart.items() if value == "yes"]
    assert any("about 1.2 would" in note for note in table.notes)  # 5 % of 25
    assert any("extremes of 25 classes" in note for note in table.notes)


def test_equal_runs_change_nothing_in_any_draw(runs):
    table = make_table("2", runs(single_frame=made_scores(HALF), slow_fusion=made_scores(HALF)))
    for row in table.rows[:3]:
        assert (row.cells["change"].value, row.cells["change"].low, row.cells["change"].high) == (0, 0, 0)
        assert row.cells["apart"].value == "no"


def test_table_2_takes_the_papers_own_classes_and_names_absent_ones(runs):
    names = ("juggling club", "road racing", "nobody")
    scores = made_scores([True, False, True, True], true=[0, 0, 1, 1], names=names)
    table = make_table("2", runs(single_frame=scores, slow_fusion=scores))
    paper = {row.key: row.cells["change"].paper for row in table.rows}
    assert (paper["juggling club"], paper["road racing"]) == (0.12, -0.07)
    assert len(table.rows) == 2 + 3
    assert any("without a video in this split: nobody" in note for note in table.notes)


def test_average_precisions_over_draws_are_those_of_the_mean():
    rng = np.random.default_rng(3)
    scores, labels = rng.random((30, 4)), np.eye(4)[rng.integers(0, 3, 30)]  # nobody has class 3
    groups = [f"g{i // 5}" for i in range(30)]
    by_class = resample(average_precisions_of(scores, labels, groups), groups, num_resamples=50)
    mean = resample(mean_average_precision_of(scores, labels, groups), groups, num_resamples=50)
    np.testing.assert_array_equal(by_class.value, average_precision(scores, labels))
    assert by_class.draws.shape == (50, 4)
    np.testing.assert_allclose(np.nanmean(by_class.draws, axis=1), mean.draws)
    assert np.isnan(by_class.draws[:, 3]).all()


@pytest.mark.parametrize("table", ["1", "2", "speed"])
def test_runs_that_do_not_belong_together_are_refused(runs, tmp_path, table):
    def pair(second, **options):
        folder = tmp_path / f"pair{len(list(tmp_path.iterdir()))}"
        return [
            write_run(folder / "one", made_scores(HALF), model="single_frame"),
            write_run(folder / "two", second, **{"model": "slow_fusion", **options}),
        ]

    with pytest.raises(CompareError, match="different classes"):
        make_table(table, pair(made_scores(HALF, names=("a", "b", "d"))))
    with pytest.raises(CompareError, match="different data"):
        make_table(table, pair(made_scores(HALF, hash="h2")))
    with pytest.raises(PaperTableError, match="two: was fine-tuned"):
        make_table(table, pair(made_scores(HALF), regime="top"))
    with pytest.raises(PaperTableError, match=r"one and .*two are both Single-Frame; give one of each"):
        make_table(table, pair(made_scores(HALF), model="single_frame"))
    with pytest.raises(PaperTableError, match="'histogram'"):
        make_table(table, pair(made_scores(HALF), model="histogram"))
    with pytest.raises(PaperTableError, match="two: the run is unfinished; end it with --resume"):
        make_table(table, pair(made_scores(HALF), finished=False))
    with pytest.raises(ScoresError, match="no kept scores of split 'val'"):
        make_table(table, pair(made_scores(HALF)), "val")


def test_a_run_twice_is_refused(runs, tmp_path):
    (run,) = runs(single_frame=made_scores(HALF))
    (tmp_path / "link").symlink_to(run)
    for again in (run, f"{run}/", tmp_path / "link"):
        with pytest.raises(PaperTableError, match=r"the same run as .*single_frame; name each run once"):
            make_table("1", [run, again])
    with pytest.raises(PaperTableError, match="no run is given"):
        make_table("1", [])


def test_a_manifest_without_groups_needs_a_word(runs):
    scores = made_scores(HALF)
    alone = dataclasses.replace(scores, groups=tuple(f"folder/{path}" for path in scores.paths))
    (run,) = runs(single_frame=alone)
    with pytest.raises(PaperTableError, match=r"names no groups.*--group-pattern.*--ungrouped"):
        make_table("1", [run])
    table = make_table("1", [run], ungrouped=True)
    assert any("single videos (the manifest names no groups)" in note for note in table.notes)
    (grouped,) = runs(slow_fusion=scores)
    assert any("draws of whole groups" in note for note in make_table("1", [grouped], ungrouped=True).notes)


def test_a_finished_run_without_its_backup_is_told_by_its_last_weights(runs):
    (run,) = runs(single_frame=made_scores(HALF))
    (run / "backup" / "state.json").unlink()
    with pytest.raises(PaperTableError, match="unfinished"):
        make_table("1", [run])
    (run / "last.keras").write_bytes(b"")
    make_table("1", [run])
    (run / "backup" / "state.json").write_text("damaged")
    with pytest.raises(PaperTableError, match="unfinished"):
        make_table("1", [run])


def test_files_of_different_evaluations_are_refused(runs):
    (run,) = runs(single_frame=made_scores(HALF))
    kept = json.loads((run / "metrics.json").read_text())
    for stale in (
        {},
        [],
        {"test": {**kept["test"], "num_videos": 7}},
        {"test": {**kept["test"], "manifest_hash": "x"}},
    ):
        (run / "metrics.json").write_text(json.dumps(stale))
        with pytest.raises(PaperTableError, match=r"evaluations?; evaluate the run again"):
            make_table("1", [run])


def test_what_is_no_run_is_refused(runs, tmp_path):
    (run,) = runs(single_frame=made_scores(HALF))
    with pytest.raises(VideoCNNError, match="not a run folder"):
        make_table("1", [tmp_path / "absent"])
    for damaged in ("{}", "[]", '{"arguments": 3}'):
        (run / "run.json").write_text(damaged)
        with pytest.raises(PaperTableError, match="does not say how the run was trained"):
            make_table("1", [run])
    with pytest.raises(PaperTableError, match="table '5' is unknown; give one of 1, 2, 3, 4, speed"):
        make_table("5", [run])


def test_table_2_takes_one_pair_that_sees_the_same(runs):
    single, slow, context = runs(
        single_frame=made_scores(HALF), slow_fusion=made_scores(HALF), single_frame__context=made_scores(HALF)
    )
    for wrong in ([single], [single, context], [single, slow, context]):
        with pytest.raises(PaperTableError, match="one run of Slow Fusion and one of Single-Frame"):
            make_table("2", wrong)
    with pytest.raises(PaperTableError, match=r"sees stream full and .*single_frame__context context"):
        make_table("2", [slow, context])


def test_videos_that_not_every_run_scored_are_left_out_and_told(runs):
    table = make_table(
        "1", runs(single_frame=made_scores(HALF), late_fusion=made_scores(HALF).take([0, 2, 4, 6])), ungrouped=False
    )
    values = cells(table, "video_hit_at_1")
    assert (values["single_frame/full"], values["late_fusion/full"]) == (1, 1)
    assert any("4 videos in 4 groups" in note and "4 videos left out" in note for note in table.notes)


def test_settings_that_differ_are_told(runs, tmp_path):
    folders = runs(single_frame=made_scores(HALF))
    folders.append(write_run(tmp_path / "wide", made_scores(HALF), model="slow_fusion", width=1.0, skipped=2))
    notes = make_table("1", folders).notes
    assert any(note.startswith("the runs differ in width: 0.25 (") and "1.0 (" in note for note in notes)
    assert any("wide; 2 clips x 4 views a video, 2 videos skipped, seed 0" in note for note in notes)


def test_no_tensorflow_is_imported():
    code = "import sys, videocnn.report.paper.making, videocnn.cli.tables; sys.exit('tensorflow' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
