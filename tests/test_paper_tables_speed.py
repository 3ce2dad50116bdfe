"""The speed table: rates and ratios by hand, and no ratio of what differs in more than the stream."""

import re
import shutil

import pytest
from paper_runs import cells, made_scores, verdict, write_run

from videocnn.report.paper import PaperTableError, make_table
from videocnn.runs import RunError

SCORES = made_scores([True, False] * 3)
# 64 clips an epoch; the first also builds the graph (10 s). Left: 64 / 4, 64 / 4, 64 / 2 and 64 / 8.
SLOWLY = ((1, 64, 10.0), (2, 128, 4.0), (3, 192, 4.0), (4, 256, 2.0), (5, 320, 8.0))
QUICKLY = tuple((n, 64 * n, 1.0) for n in range(1, 6))  # 64 clips/s in every epoch


def pair(folder, full=None, multires=None):
    """Write a run on the full frame and one on two streams, alike but for what is given."""
    defaults = {"model": "slow_fusion"}
    return [
        write_run(folder / "full", SCORES, **{**defaults, "history": SLOWLY, **(full or {})}),
        write_run(
            folder / "multires",
            SCORES,
            **{**defaults, "stream": "multires", "history": QUICKLY, "views_per_second": 250.0, **(multires or {})},
        ),
    ]


def test_rates_and_ratio_by_hand(tmp_path):
    """Median of 16, 16, 32 and 8 is 16; two streams make 64: four times."""
    table = make_table("speed", pair(tmp_path))
    rows = {row.key: row for row in table.rows}
    training = rows["slow_fusion training"].cells
    assert training["full"].value == pytest.approx(16)
    assert training["full"].paper == 5
    assert (training["full"].low, training["full"].high) == pytest.approx((8, 32))
    assert training["multires"].value == pytest.approx(64)
    assert training["ratio"].value == pytest.approx(4)
    assert training["ratio"].paper == 2
    evaluation = rows["slow_fusion evaluation"].cells
    # 100 and 250 views a second, four views a clip
    assert (evaluation["full"].value, evaluation["multires"].value) == pytest.approx((25, 62.5))
    assert any(note.startswith("evaluation: clips a second, 4 views of each") for note in table.notes)
    assert evaluation["ratio"].value == pytest.approx(2.5)
    assert evaluation["ratio"].paper is None
    assert verdict(table, "Two streams train Slow Fusion faster") == "supported"
    assert verdict(table, "Two streams train Single-Frame faster") == "cannot be tested here"
    assert rows["single_frame training"].cells["ratio"].paper == 3.5
    assert rows["single_frame training"].cells["full"].value is None


def test_other_numbers_of_views_are_told(tmp_path):
    """A clip of one view is evaluated four times as fast: the ratio is that of views."""
    full, multires = pair(tmp_path)
    scores = made_scores([True, False] * 3, num_views=1)
    shutil.rmtree(multires)
    write_run(multires, scores, model="slow_fusion", stream="multires", history=QUICKLY, views_per_second=250.0)
    table = make_table("speed", [full, multires])
    evaluation = {row.key: row for row in table.rows}["slow_fusion evaluation"].cells
    assert (evaluation["full"].value, evaluation["multires"].value) == pytest.approx((25, 250))
    assert evaluation["ratio"].value == pytest.approx(2.5)
    assert any("1 view or 4 views of each" in note and "the ratio is that of views" in note for note in table.notes)


def test_two_streams_that_are_slower_contradict_the_paper(tmp_path):
    table = make_table("speed", pair(tmp_path, {"history": QUICKLY}, {"history": SLOWLY}))
    (found,) = [v for v in table.verdicts if "Slow Fusion" in v.claim]
    assert found.outcome == "contradicted"
    assert re.fullmatch(r"0\.25 times \[0\.1[23], 0\.50\]", found.basis)  # 16 / 64, from 8 / 64 to 32 / 64


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"machine": {"processor": "Abacus 2"}}, r"Abacus 1.*Abacus 2.*a ratio of speeds needs one machine"),
        ({"machine": {"gpus": ["GPU 1"]}}, r"no GPU.*GPU 1"),
        ({"machine": {"processors": 4}}, r"2 processors.*4 processors"),
        (
            {"dtype": "bfloat16"},
            "full has dtype float32, .*multires bfloat16; a ratio of speeds needs runs that differ",
        ),
        ({"width": 0.5}, "width 0.25, .* 0.5"),
        ({"batch_size": 16}, "batch size 32, .* 16"),
        ({"norm": "lrn"}, "norm batch, .* lrn"),
        ({"devices": ["GPU 0", "GPU 1"]}, "full has devices .*None.*, .*multires .*GPU 1"),
    ],
)
def test_what_differs_is_not_put_into_one_ratio(tmp_path, change, says):
    with pytest.raises(PaperTableError, match=says):
        make_table("speed", pair(tmp_path, multires=change))


def test_runs_of_different_networks_may_differ(tmp_path):
    folders = pair(tmp_path)
    folders.append(write_run(tmp_path / "single", SCORES, model="single_frame", width=1.0, batch_size=8))
    assert cells(make_table("speed", folders), "full")["single_frame training"] == pytest.approx(32)


def test_a_history_of_one_epoch_gives_no_rate(tmp_path):
    table = make_table("speed", pair(tmp_path, *[{"history": ((1, 64, 9.0),)}] * 2))
    row = {row.key: row for row in table.rows}["slow_fusion training"].cells
    assert (row["full"].value, row["multires"].value, row["ratio"].value) == (None, None, None)
    assert sum("no second epoch" in note for note in table.notes) == 2
    assert verdict(table, "Two streams train Slow Fusion faster") == "cannot be tested here"


def test_one_epoch_gives_a_rate_without_an_interval(tmp_path):
    table = make_table("speed", pair(tmp_path, {"history": ((1, 64, 9.0), (2, 128, 1.0))}))
    cell = {row.key: row for row in table.rows}["slow_fusion training"].cells["full"]
    assert (cell.value, cell.low) == (pytest.approx(64), None)
    (found,) = [v for v in table.verdicts if "Slow Fusion" in v.claim]
    assert (found.outcome, found.basis) == ("cannot be tested here", "1.00 times: no interval, there is one epoch")


def test_missing_and_damaged_histories_are_named(tmp_path):
    full, multires = pair(tmp_path)
    (full / "history.csv").write_text("epoch,clips,train_seconds\n1,64,ten\n")
    with pytest.raises(RunError, match=r"full/history.csv: cannot be read \(could not convert"):
        make_table("speed", [full, multires])
    (full / "history.csv").write_text("epoch,clips,train_seconds,seconds\n1,64,10,10\n2,128,0,10\n")
    with pytest.raises(PaperTableError, match="took no time"):
        make_table("speed", [full, multires])
    (full / "history.csv").write_text("epoch,seconds\n1,64\n")
    with pytest.raises(PaperTableError, match="does not tell clips and train_seconds"):
        make_table("speed", [full, multires])
    (full / "history.csv").unlink()
    with pytest.raises(RunError, match=r"full: has no history\.csv"):
        make_table("speed", [full, multires])


def test_one_stream_alone_has_no_place_here(tmp_path):
    fovea = write_run(tmp_path / "fovea", SCORES, stream="fovea")
    with pytest.raises(
        PaperTableError, match="is Single-Frame, fovea only; speed is compared between full and multires"
    ):
        make_table("speed", [fovea])


def test_differences_are_a_network_of_their_own(tmp_path):
    folders = pair(tmp_path, {"frame_difference": True}, {"frame_difference": True})
    table = make_table("speed", folders)
    assert cells(table, "ratio")["slow_fusion/difference training"] == pytest.approx(4)
    assert cells(table, "ratio")["slow_fusion training"] is None
