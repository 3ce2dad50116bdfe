"""The table of a notebook: every figure in its column, beside chance, and what all of them rest on."""

import json

import pytest
from paper_runs import made_scores, write_run

from videocnn.evaluate import ScoresError, results_table
from videocnn.runs import RunError


def measured(folder, scores, *, parameters, **options):
    write_run(folder, scores, **options)
    metrics = json.loads((folder / "metrics.json").read_text())
    metrics[scores.split]["num_parameters"] = parameters
    (folder / "metrics.json").write_text(json.dumps(metrics))
    return folder


def test_figures_stand_in_their_columns(tmp_path):
    right = [1, 1, 1, 0, 0, 1]
    one = measured(tmp_path / "one", made_scores([1] * 6), parameters=1234567, seed=3)
    two = measured(
        tmp_path / "two",
        made_scores(right),
        parameters=89,
        history=((1, 64, 10.0), (2, 128, 2.0), (7, 448, 99.6)),
        seed=3,
    )
    head, columns, first, second, *rest = results_table({"all right": one, "two": two}).splitlines()
    assert head == "split test, %"
    assert first.split()[:7] == ["all", "right", "1,234,567", "2", "12", "100.0", "100.0"]
    assert second.split()[:6] == ["two", "89", "7", "112", "66.7", "66.7"]
    assert second.split()[-1] == "33.3"
    assert len({len(columns), len(first), len(second)}) == 1
    assert first.index("[100.0, 100.0]") + len("[100.0, 100.0]") == columns.index("95 % interval") + len(
        "95 % interval"
    )
    assert rest == [
        "6 videos in 6 groups, 2 clips a video, 4 views a clip, 0 skipped; seed 3; trained on 2 cores Abacus 1"
    ]


def test_figures_that_rest_on_other_things_say_so(tmp_path):
    one = measured(tmp_path / "one", made_scores([1, 0, 1]), parameters=5)
    other = measured(
        tmp_path / "other", made_scores([1] * 4, groups=["g"] * 4, num_views=1), parameters=5, skipped=2, seed=9,
        machine={"gpus": ["Loom 5"]},
    )  # fmt: skip
    *_, first, second = results_table({"a": one, "b": other}).splitlines()
    assert first.startswith("a: 3 videos in 3 groups, 2 clips")
    assert "seed 0" in first
    assert second == "b: 4 videos in 1 group, 2 clips a video, 1 view a clip, 2 skipped; seed 9; trained on Loom 5"


def test_what_was_not_measured_is_named(tmp_path):
    run = measured(tmp_path / "run", made_scores([1]), parameters=5)
    with pytest.raises(ScoresError, match=r"run: was not measured on split 'val'; run `videocnn evaluate`"):
        results_table({"run": run}, split="val")
    with pytest.raises(RunError, match="not a run folder"):
        results_table({"nothing": tmp_path / "nothing"})
    with pytest.raises(ScoresError, match="no run"):
        results_table({})
