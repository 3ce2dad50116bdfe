"""`videocnn tables` through the whole application: to the terminal, to a file, and errors on one line."""

import csv

import pytest
from paper_runs import made_scores, write_run
from typer.testing import CliRunner

from videocnn.cli import make_app


@pytest.fixture
def call():
    runner = CliRunner()
    return lambda *arguments: runner.invoke(make_app(), ["tables", *map(str, arguments)])


@pytest.fixture
def pair(tmp_path):
    right = [True, False] * 3
    return [
        write_run(tmp_path / "[red]single", made_scores(right)),
        write_run(tmp_path / "slow", made_scores([True] * 6), model="slow_fusion"),
    ]


def test_tables_are_printed(call, pair):
    for name, words in {"1": "Slow Fusion", "2": "extremes of 3 classes", "speed": "times"}.items():
        result = call(name, *pair)
        assert result.exit_code == 0, result.output
        for part in (words, "what the paper says", "manifest h1", "Abacus 1"):
            assert part in " ".join(result.output.split())


def test_a_table_goes_to_a_file_in_each_format(call, pair, tmp_path):
    for form, beginning in {"text": "Table 1", "markdown": "### Table 1", "csv": "table,kind,row"}.items():
        out = tmp_path / "new" / f"table.{form}"
        result = call("1", *pair, "--format", form, "--out", out)
        assert result.exit_code == 0, result.output
        assert result.output.strip() == f"{out}: table 1"
        assert out.read_text().startswith(beginning)
    rows = list(csv.DictReader((tmp_path / "new" / "table.csv").read_text().splitlines()))
    assert {row["bootstrap_seed"] for row in rows} == {"0"}
    assert any("[red]single" in row["runs"] for row in rows)


def test_options_reach_the_table(call, pair, tmp_path):
    assert "seed 5" in call("1", *pair, "--seed", 5).output
    scores = made_scores([True, False] * 2)
    alone = write_run(tmp_path / "alone", scores.__class__(**{**vars(scores), "groups": scores.paths, "split": "val"}))
    result = call("1", alone, "--split", "val")
    assert (result.exit_code, result.output.count("\n")) == (1, 1)
    assert "names no groups" in result.output
    assert call("1", alone, "--split", "val", "--ungrouped").exit_code == 0


def test_errors_are_one_line(call, pair, tmp_path):
    for arguments, says in (
        (("7", *pair), "table '7' is unknown"),
        (("1", *pair, "--format", "html"), "--format: 'html' is not one of"),
        (("1", tmp_path / "absent"), "absent: is not a run folder"),
        (("3", *pair), "was not fine-tuned"),
        (("1", pair[0], pair[0]), "name each run once"),
    ):
        result = call(*arguments)
        assert (result.exit_code, result.output.count("\n")) == (1, 1), result.output
        assert says in result.output
