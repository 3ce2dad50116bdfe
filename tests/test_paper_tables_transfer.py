"""Tables 3 and 4: means over folds by hand, UCF-101's groups of classes, and runs that do not fit."""

import os
import re
from pathlib import Path

import numpy as np
import pytest
from paper_runs import cells, made_scores, verdict, write_run

from videocnn.datasets import ACTION_GROUPS, action_group
from videocnn.evaluate import CompareError, mean_of, resample
from videocnn.report.paper import PaperTableError, make_table
from videocnn.report.paper.paper import TABLE_3, TABLE_4

TEN = ("Archery", "BabyCrawling", "Basketball", "Drumming", "HandStandPushups", "Haircut", "Kayaking", "Mixing")


def fold_scores(right, fold, **options):
    return made_scores(right, hash=f"h{fold}", prefix=f"f{fold}v", **options)


def write_folds(folder, regime, rights, *, pretrained="w1", model="slow_fusion", **options):
    """Write a folder of folds, or one run where `rights` is a single list."""
    source = {} if regime == "scratch" else {"pretrained": pretrained}
    if not isinstance(rights, dict):
        scores = fold_scores(rights, 1, **options)
        return write_run(folder, scores, model=model, regime=regime, **source)
    for number, right in rights.items():
        write_run(folder / f"fold{number}", fold_scores(right, number, **options), model=model, regime=regime, **source)
    return folder


THREE = {1: [True] * 4, 2: [True, False] * 2, 3: [True, True, True, False]}


def test_table_3_is_the_mean_over_folds(tmp_path):
    """Accuracies 1, 0.5 and 0.75: mean 0.75, deviations 0.25, -0.25, 0, so the spread is sqrt(0.125 / 2) = 0.25."""
    top3 = write_folds(tmp_path / "top3", "top3", THREE)
    scratch = write_folds(tmp_path / "scratch", "scratch", {n: [False] * 4 for n in THREE})
    table = make_table("3", [scratch, top3])
    rows = {row.key: row for row in table.rows}
    assert list(rows) == [*TABLE_3, "chance"]
    assert rows["top3"].cells["accuracy"].value == 0.75
    assert rows["top3"].cells["accuracy"].paper == 0.654
    assert rows["top3"].cells["spread"].value == pytest.approx(0.25)
    assert rows["top3"].cells["folds"].value == "100.0, 50.0, 75.0"
    assert rows["top3"].runs == tuple(f"{top3}/fold{n}" for n in (1, 2, 3))
    assert rows["scratch"].cells["accuracy"].value == 0
    assert rows["top"].cells["accuracy"].value is None
    assert rows["soomro"].cells["accuracy"].paper == 0.439
    assert rows["chance"].cells["accuracy"].value == 0.5  # class a has two of four videos
    assert sum(note.startswith("ours, fold") for note in table.notes) == 3
    assert verdict(table, "Fine-tuning the top three layers is better than the top layer") == "cannot be tested here"


def test_every_fold_draws_its_own_groups_and_regimes_are_paired(tmp_path):
    rng = np.random.default_rng(0)
    rights = {n: list(rng.random(40) < 0.5) for n in (1, 2)}
    folders = [write_folds(tmp_path / regime, regime, rights) for regime in ("top", "all")]
    table = make_table("3", folders, seed=7)
    draws = np.mean(
        [
            resample(mean_of(rights[n]), [f"f{n}v-g{i}" for i in range(40)], seed=7 + number).draws
            for number, n in enumerate(rights)
        ],
        axis=0,
    )
    cell = {row.key: row for row in table.rows}["all"].cells["accuracy"]
    assert (cell.low, cell.high) == pytest.approx(tuple(np.percentile(draws, [2.5, 97.5])))
    (found,) = [v for v in table.verdicts if v.claim == "Fine-tuning the top layer is better than fine-tuning all"]
    assert found.basis == "+0.0 points [+0.0, +0.0]"


def test_regimes_of_single_runs_are_compared(tmp_path):
    right, wrong = [True] * 6, [False] * 6
    folders = [
        write_folds(tmp_path / regime, regime, wrong if regime == "scratch" else right)
        for regime in ("scratch", "top", "top3", "all")
    ]
    table = make_table("3", folders)
    (every,) = [v for v in table.verdicts if v.claim.startswith("Every way of fine-tuning")]
    assert every.outcome == "supported"
    assert [part.split("(")[1] for part in every.basis.split("; ")] == [
        "fine-tuned top layer)",
        "fine-tuned top 3 layers)",
        "fine-tuned all layers)",
    ]
    assert verdict(table, "Fine-tuning the top three layers is better than the top layer") == "cannot be tested here"
    assert {row.cells["spread"].value for row in table.rows if row.runs} == {None}


def test_folds_stand_in_their_order(tmp_path):
    folder = write_folds(tmp_path / "top", "top", {10: [True] * 4, 9: [False] * 4})
    assert {row.key: row for row in make_table("3", [folder]).rows}["top"].cells["folds"].value == "0.0, 100.0"


def test_regimes_that_do_not_belong_together_are_refused(tmp_path):
    def refuse(says, second, table="3", error=PaperTableError):
        with pytest.raises(error, match=says):
            make_table(table, [top, second])

    right = [True, False] * 3
    top = write_folds(tmp_path / "top", "top", right)
    refuse("both regime top; give one of each", write_folds(tmp_path / "top-again", "top", right))
    refuse(
        r"folds has fold1, fold2, .*top has a single run; give every regime the same folds",
        write_folds(tmp_path / "folds", "all", {1: right, 2: right}),
    )
    refuse("Early Fusion, width 0.25, and", write_folds(tmp_path / "early", "all", right, model="early_fusion"))
    refuse(
        r"top \(from runs/source\) and .*other \(from runs/source\) started from different networks",
        write_folds(tmp_path / "other", "all", right, pretrained="w2"),
    )
    refuse(
        "different classes", write_folds(tmp_path / "classes", "all", right, names=("a", "b", "d")), error=CompareError
    )
    plain = write_run(tmp_path / "plain", fold_scores(right, 1), model="slow_fusion")
    refuse("plain: was not fine-tuned; .*videocnn finetune", plain)
    refuse("unknown: was fine-tuned in regime last", write_folds(tmp_path / "unknown", "last", right))
    (tmp_path / "empty").mkdir()
    refuse(r"empty: is no run folder \(no run.json\) and holds no fold1", tmp_path / "empty")


def test_scratch_may_come_from_another_network_or_none(tmp_path):
    folders = [write_folds(tmp_path / "top", "top", [True] * 4)]
    folders.append(
        write_run(
            tmp_path / "s", fold_scores([False] * 4, 1), model="slow_fusion", regime="scratch", pretrained="another"
        )
    )
    assert cells(make_table("3", folders), "accuracy")["scratch"] == 0


def test_folds_that_are_no_folds_are_refused(tmp_path):
    right = [True, False, True]
    mixed = write_folds(tmp_path / "mixed", "top", {1: right})
    write_run(mixed / "fold2", fold_scores(right, 2), model="slow_fusion", regime="all", pretrained="w1")
    with pytest.raises(PaperTableError, match="mixed: was fine-tuned in several regimes"):
        make_table("3", [mixed])
    same = write_folds(tmp_path / "same", "top", {1: right})
    write_run(same / "fold2", fold_scores(right, 1), model="slow_fusion", regime="top", pretrained="w1")
    with pytest.raises(PaperTableError, match=r"fold1 and fold2 were both evaluated on f1v0\.mp4"):
        make_table("3", [same])
    absent = write_folds(tmp_path / "absent", "top", {1: right, 2: right[:2]})
    with pytest.raises(PaperTableError, match="fold2: no video of split 'test' has class 'c'"):
        make_table("3", [absent])
    other = write_folds(tmp_path / "other", "top", {1: right})
    scores = fold_scores(right, 2, names=("a", "b", "d"))
    write_run(other / "fold2", scores, model="slow_fusion", regime="top", pretrained="w1")
    with pytest.raises(PaperTableError, match=r"fold2.*classes.*fold1"):
        make_table("3", [other])
    unfinished = write_folds(tmp_path / "unfinished", "top", {1: right})
    scores = fold_scores(right, 2)
    write_run(unfinished / "fold2", scores, model="slow_fusion", regime="top", finished=False)
    with pytest.raises(PaperTableError, match="unfinished/fold2: the run is unfinished"):
        make_table("3", [unfinished])


def test_table_4_by_hand(tmp_path):
    """Two videos a class; where both are found AP is 1; wrong ones name the next class, which costs that one too."""
    true = np.repeat(np.arange(len(TEN)), 2)
    right = np.ones(len(true), bool)
    right[[0, 1]] = False  # both Archery videos are called BabyCrawling
    folders = [
        write_folds(tmp_path / "top", "top", list(right), true=true, names=TEN),
        write_folds(tmp_path / "top3", "top3", [True] * len(true), true=true, names=TEN),
    ]
    table = make_table("4", folders)
    rows = {row.key: row for row in table.rows}
    assert list(rows) == [*TABLE_4]
    assert cells(table, "classes") == {
        "Human-Object Interaction": 1, "Body-Motion Only": 2, "Human-Human Interaction": 1,
        "Playing Musical Instruments": 1, "Sports": 3, "all groups": 8,
    }  # fmt: skip
    assert [row.cells["classes"].paper for row in table.rows] == [20, 16, 5, 10, 50, 101]
    assert set(cells(table, "top3").values()) == {1}
    # Archery: 16 videos share all of its scores but two, so both stand at rank 16: AP 2/16. BabyCrawling: four share
    # the first rank, two of them true: 1/2. Kayaking and Basketball are found: 1.
    assert rows["Sports"].cells["top"].value == pytest.approx((2 / 16 + 1 + 1) / 3)
    assert rows["Body-Motion Only"].cells["top"].value == pytest.approx((1 / 2 + 1) / 2)
    assert rows["all groups"].cells["top"].value == pytest.approx((2 / 16 + 1 / 2 + 6) / 8)
    assert rows["Sports"].cells["top"].paper == 0.80
    assert rows["Sports"].cells["all"].paper is None
    assert rows["Sports"].cells["chance"].value == pytest.approx(1 / 8)


def test_table_4_is_the_mean_over_folds_and_names_empty_groups(tmp_path):
    names = ("Archery", "Basketball")
    both = {1: [True] * 4, 2: [False] * 4}
    table = make_table("4", [write_folds(tmp_path / "all", "all", both, true=[0, 0, 1, 1], names=names)])
    rows = {row.key: row for row in table.rows}
    # Fold 2 ranks every video of the other class first: the true ones at 3 and 4, which tie: AP 2/4.
    assert rows["Sports"].cells["all"].value == pytest.approx((1 + 0.5) / 2)
    assert rows["Body-Motion Only"].cells["all"].value is None
    assert rows["Body-Motion Only"].cells["classes"].value == 0
    assert any(
        note == "no class here is of the groups Human-Object Interaction, Body-Motion Only, Human-Human Interaction, "
        "Playing Musical Instruments"
        for note in table.notes
    )


def test_table_4_is_for_ucf101(tmp_path):
    run = write_folds(tmp_path / "toy", "top", [True] * 4, names=("Archery", "smile", "<script>"), true=[0, 1, 2, 0])
    with pytest.raises(PaperTableError, match="class 'smile' and 1 more is none of UCF-101's 101 classes"):
        make_table("4", [run])


def test_the_groups_of_ucf101():
    sizes = {group: len(names) for group, names in ACTION_GROUPS.items()}
    assert list(sizes.values()) == [20, 16, 5, 10, 50]
    assert len({name.casefold() for names in ACTION_GROUPS.values() for name in names}) == 101
    assert action_group("HandStandPushups") == action_group("HandstandPushups") == "Body-Motion Only"
    assert action_group("smile") is None
    assert {action_group(n) for names in ACTION_GROUPS.values() for n in names if re.match("Playing|Drum", n)} == {
        "Playing Musical Instruments"
    }


def test_every_class_of_the_official_list_has_a_group():
    data = os.environ.get("VIDEOCNN_DATA")
    if not data:
        pytest.skip("VIDEOCNN_DATA is not set")
    lines = (Path(data) / "ucfTrainTestlist" / "classInd.txt").read_text().split("\n")
    names = [line.split()[1] for line in lines if line.strip()]
    assert len(names) == 101
    assert sorted(names) == sorted(name for group in ACTION_GROUPS.values() for name in group)
