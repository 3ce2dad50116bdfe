"""Which tables runs allow: by network, stream and regime, what the others need, and why a run is in none."""

import pytest
from paper_runs import made_scores, write_run

from videocnn.report.paper import TABLES, PaperTableError, make_table
from videocnn.report.paper.allowed import allowed_tables

SCORES = made_scores([True, False] * 3)


@pytest.fixture
def write(tmp_path):
    def run(name, scores=SCORES, **options):
        return str(write_run(tmp_path / name, scores, **options))

    return run


def fold_scores(fold, names=("a", "b", "c")):
    return made_scores([True, False] * len(names), hash=f"h{fold}", prefix=f"f{fold}v", names=names)


def made(allowed):
    """Return the folders that each table was made from."""
    return {table.name: sorted({run for row in table.rows for run in row.runs}) for table in allowed.tables}


def test_two_networks_allow_the_tables_that_compare_them(write):
    single, slow = write("single"), write("slow", model="slow_fusion")
    allowed = allowed_tables([single, slow])
    assert made(allowed) == {"1": [single, slow], "2": [single, slow]}
    assert list(allowed.needed) == ["3", "4", "speed"]
    assert "--stream multires" in allowed.needed["speed"]
    assert (allowed.refused, allowed.left_out) == ({}, {})


def test_each_table_is_made_from_its_own_runs(write):
    single, multires = write("single"), write("multires", stream="multires")
    slow, early, fovea = (
        write("slow", model="slow_fusion"),
        write("e", model="early_fusion"),
        write("f", stream="fovea"),
    )
    allowed = allowed_tables([single, multires, slow, early, fovea])
    tables = made(allowed)
    assert tables["1"] == sorted([single, multires, slow, early, fovea])
    assert tables["2"] == sorted([single, slow])
    assert tables["speed"] == sorted([single, multires])


def test_two_streams_of_different_networks_are_no_pair(write):
    allowed = allowed_tables([write("single"), write("slow", model="slow_fusion", stream="multires")])
    assert list(made(allowed)) == ["1"]
    difference = allowed_tables([write("a"), write("b", stream="multires", frame_difference=True)])
    assert list(made(difference)) == ["1"]


def test_one_network_allows_none(write):
    allowed = allowed_tables([write("single")])
    assert allowed.tables == ()
    assert list(allowed.needed) == list(TABLES)


def test_fine_tuned_runs_allow_the_tables_of_transfer(write, tmp_path):
    for fold in (1, 2):
        write(f"top/fold{fold}", fold_scores(fold), regime="top", pretrained="w")
        write(f"scratch/fold{fold}", fold_scores(fold), regime="scratch")
    folders = [str(tmp_path / "top"), str(tmp_path / "scratch")]
    allowed = allowed_tables(folders)
    assert made(allowed) == {"3": sorted(f"{folder}/fold{fold}" for folder in folders for fold in (1, 2))}
    assert "none of UCF-101's 101 classes" in allowed.refused["4"]
    assert list(allowed.needed) == ["1", "2", "speed"]


def test_single_runs_of_regimes_on_classes_of_ucf101(write):
    scores = fold_scores(1, names=("Archery", "Drumming"))
    folders = [write(name, scores, regime=name, pretrained="w") for name in ("top", "all")]
    folders.append(write("scratch", scores, regime="scratch"))
    assert made(allowed_tables(folders)) == {"3": sorted(folders), "4": sorted(folders)}


def test_from_scratch_is_a_network_like_any_other_where_no_other_regime_is(write):
    runs = [write("scratch", regime="scratch"), write("slow", model="slow_fusion")]
    assert list(made(allowed_tables(runs))) == ["1", "2"]


def test_runs_that_do_not_fit_each_other_are_named(write):
    single, slow = write("single"), write("slow", model="slow_fusion")
    again = allowed_tables([single, slow, write("again")])
    assert again.tables == ()
    assert "again are both Single-Frame" in again.refused["1"]
    assert "again are both Single-Frame" in again.refused["2"]
    other = allowed_tables([single, write("other", made_scores([True] * 6, hash="h2"), model="late_fusion")])
    assert "different data" in other.refused["1"]
    elsewhere = write("multires", stream="multires", machine={"processor": "Slide rule"})
    timed = allowed_tables([single, slow, elsewhere])
    assert list(made(timed)) == ["1", "2"]
    assert "needs one machine" in timed.refused["speed"]


def test_unfinished_and_unmeasured_runs_are_left_out(write, tmp_path):
    single, slow = write("single"), write("slow", model="slow_fusion")
    begun, unmeasured = (
        write("begun", model="early_fusion", finished=False),
        write("u", made_scores([True], split="val")),
    )
    allowed = allowed_tables([single, slow, begun, unmeasured, str(tmp_path)])
    assert made(allowed)["1"] == [single, slow]
    assert "the run is unfinished" in allowed.left_out[begun]
    assert list(allowed.left_out) == [begun, unmeasured, str(tmp_path)]


def test_a_run_that_did_not_start_from_random_weights_is_left_out(write):
    single, slow = write("single"), write("slow", model="slow_fusion")
    further = write("further", model="early_fusion", weights="runs/early/model.keras")
    allowed = allowed_tables([single, slow, further])
    assert made(allowed)["1"] == [single, slow]
    assert "was started from the weights in runs/early/model.keras" in allowed.left_out[further]
    with pytest.raises(PaperTableError, match=r"further: was started from the weights in .*; this table compares"):
        make_table("1", [single, further])


def test_without_groups_only_on_request(write):
    scores = made_scores([True, False] * 3, groups=[f"v{i}.mp4" for i in range(6)])
    runs = [write("single", scores), write("slow", scores, model="slow_fusion")]
    assert "names no groups" in allowed_tables(runs).left_out[runs[0]]
    assert list(made(allowed_tables(runs, ungrouped=True))) == ["1", "2"]


def test_the_split_and_the_seed_are_those_asked_for(write):
    scores = made_scores([True, False] * 3, split="val")
    runs = [write("single", scores), write("slow", scores, model="slow_fusion")]
    assert allowed_tables(runs).tables == ()
    (table, _) = allowed_tables(runs, "val", seed=3).tables
    assert (table.facts["split"], table.facts["bootstrap_seed"]) == ("val", 3)


def test_impossible_requests(write):
    with pytest.raises(PaperTableError, match="no run is given"):
        allowed_tables([])
    single = write("single")
    with pytest.raises(PaperTableError, match="the same run as"):
        allowed_tables([single, single + "/"])
