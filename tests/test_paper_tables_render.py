"""Text, Markdown and CSV of a table: every figure is there, and no label is taken for markup."""

import csv
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from rich.console import Console

from videocnn.report.paper import Cell, Column, PaperTable, PaperTableError, Row, Verdict, print_table, render

NASTY = "<script>alert(1)</script>"
COLUMNS = (
    Column("hit", "hit@1", "percent"),
    Column("change", "change", "change", paper=False),
    Column("word", "word", "text", paper=False),
)


def made_table(label=NASTY, note="a note", runs=("runs/x",)):
    rows = (
        Row("x", label, {"hit": Cell(0.5, 0.25, 0.75, 0.593), "change": Cell(-0.125), "word": Cell("yes")}, runs),
        Row("y", "[bold]y[/bold]", {"hit": Cell(paper=0.6)}),
    )
    verdicts = (Verdict("x is better", "table 1", "supported", "+2.0 points [+1.0, +3.0]"),)
    return PaperTable("1", "A | title", "network", COLUMNS, rows, {"split": "test", "videos": 7}, (note,), verdicts)


def test_text_shows_labels_as_they_are_and_figures_with_their_ends():
    shown = render(made_table())
    for part in (
        NASTY,
        "[bold]y[/bold]",
        "50.0",
        "[25.0, 75.0]",
        "59.3",
        "60.0",
        "-0.12",
        "yes",
        "a note",
        "supported",
    ):
        assert part in shown
    assert "\x1b" not in shown
    (line,) = [line for line in shown.splitlines() if "[bold]y" in line]
    assert line.split() == ["[bold]y[/bold]", "-", "60.0"]


@pytest.mark.parametrize(("width", "folded"), [(79, False), (40, True), (20, True)])
def test_a_narrow_console_folds_intervals_and_loses_nothing(width, folded):
    console = Console(file=io.StringIO(), width=width)
    print_table(made_table(label="x"), console=console)
    shown = console.file.getvalue()
    assert ("[25.0, 75.0]" in shown) != folded
    for end in ("[25.0,", "75.0]", "59.3", "-0.12", "yes"):
        assert end in shown


def table_cells(markdown):
    """Parse Markdown and return the texts of all cells, row by row, and the texts of list items."""
    cells, items, rows, where = [], [], [], []
    for token in MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(markdown):
        if token.type.endswith("_open"):
            where.append(token.type.removesuffix("_open"))
        elif token.type.endswith("_close"):
            if where.pop() == "tr":
                rows.append(cells)
                cells = []
        elif token.type == "inline" and where[-1] in ("td", "th"):
            assert {child.type for child in token.children} <= {"text", "text_special"}
            cells.append("".join(child.content for child in token.children))
        elif token.type == "inline" and "list_item" in where:
            items.append("".join(child.content for child in token.children))
    return rows, items


def test_markdown_by_hand():
    rows, items = table_cells(render(made_table(label="a | b `c` *d* [e](f)\ng"), "markdown"))
    assert rows == [
        ["network", "hit@1", "paper", "change", "word"],
        ["a | b `c` *d* [e](f) g", "50.0 [25.0, 75.0]", "59.3", "-0.12", "yes"],
        ["[bold]y[/bold]", "-", "60.0", "", ""],
        ["what the paper says", "where", "here", "by"],
        ["x is better", "table 1", "supported", "+2.0 points [+1.0, +3.0]"],
    ]
    assert items == ["a note"]


@given(st.text(st.characters(min_codepoint=32, max_codepoint=0x2FFF, exclude_categories=("C", "Z")), min_size=1))
def test_markdown_gives_any_label_back(label):
    rows, items = table_cells(render(made_table(label=label, note=f"of {label}"), "markdown"))
    assert rows[1][0] == label
    assert items == [f"of {label}"]


def test_csv_holds_every_figure_with_what_it_rests_on():
    rows = list(csv.DictReader(io.StringIO(render(made_table(runs=("runs/x", "runs,y")), "csv"))))
    assert [row["kind"] for row in rows] == ["figure"] * 4 + ["verdict", "note"]
    hit, change, word, paper = rows[:4]
    assert (hit["row"], hit["column"], hit["unit"], hit["runs"]) == (NASTY, "hit", "percent", "runs/x | runs,y")
    assert [float(hit[key]) for key in ("value", "low", "high", "paper")] == [0.5, 0.25, 0.75, 0.593]
    assert (float(change["value"]), change["low"]) == (-0.125, "")
    assert (word["value"], word["text"]) == ("", "yes")
    assert (paper["value"], paper["paper"]) == ("", "0.6")
    assert {(row["table"], row["split"], row["videos"]) for row in rows} == {("1", "test", "7")}
    assert (rows[4]["column"], rows[4]["text"]) == ("supported", "+2.0 points [+1.0, +3.0] (table 1)")


def test_plain_values_are_json():
    plain = made_table().plain()
    assert json.loads(json.dumps(plain, allow_nan=False))["rows"][0]["cells"]["hit"]["paper"] == 0.593


def test_another_form_is_refused():
    with pytest.raises(PaperTableError, match="--format: 'html' is not one of text, markdown, csv"):
        render(made_table(), "html")
