"""What pages quote is what is there: messages as the package prints them, figures as measured, files that exist."""

import ast
import functools
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = [
    "start/install.md", "start/first-run.md", "start/own-videos.md", "course.md", "howto/own-data.md",
    "howto/large-data.md", "howto/several-gpus.md", "howto/export.md", "howto/troubleshooting.md", "results.md",
    "limits.md", "lecturers.md",
]  # fmt: skip
FENCE = re.compile(r"(?:<!-- (?P<mark>[^>]*) -->\n)?```(?P<kind>\w*)\n(?P<text>.*?)\n```", re.DOTALL)
FIGURE = re.compile(r"(?:[-+]?\d+(?:\.\d+)? )?\[[-+\d.]+, [-+\d.]+\]")
HOLE = "(.*?)"
WHERE = re.compile(r"(?:\S+(?:, line \d+)?: )*\d*")  # files, lines and numbers before a message
LEAST_FIXED = 20  # characters of a message that stand in the source as they are
LONG = 60  # characters between them that must be a message themselves


def page(name):
    return (ROOT / "tutorials" / name).read_text(encoding="utf-8")


def parts_of(node):
    """Return the fixed texts of an expression that makes a string, None where something is put in."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return [node.value]
    if isinstance(node, ast.JoinedStr):
        return [part for value in node.values for part in parts_of(value)]
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return parts_of(node.left) + parts_of(node.right)
    return [None]


@functools.cache
def templates():
    """Return every text in the package's source that could be a message: its longest fixed part, and a pattern."""
    found = {}
    for file in sorted((ROOT / "videocnn").rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            parts = parts_of(node) if isinstance(node, (ast.Constant, ast.JoinedStr, ast.BinOp)) else []
            if sum(len(part) for part in parts if part) >= LEAST_FIXED:
                pattern = "".join(HOLE if part is None else re.escape(part) for part in parts)
                found[pattern] = max((part for part in parts if part), key=len)
    return found


def is_printed(message):
    """Tell whether the package could print a text: as it is, or behind the file or line that it is about."""
    starts = [place for place in range(len(message)) if WHERE.fullmatch(message, 0, place)]
    patterns = [re.compile(pattern) for pattern, fixed in templates().items() if fixed in message]
    return any(
        match and all(len(hole) <= LONG or is_printed(hole) for hole in match.groups())
        for start in starts
        for pattern in patterns
        for match in [pattern.fullmatch(message, start)]
    )


def messages():
    """Return the messages that the page on troubleshooting quotes as the package's own."""
    blocks = FENCE.finditer(page("howto/troubleshooting.md"))
    kept = [block["text"] for block in blocks if not (block["mark"] or "").startswith("not ours")]
    return [text.removeprefix("error: ") for text in kept]


@pytest.mark.parametrize("message", messages())
def test_quoted_messages_are_the_packages_own(message):
    assert is_printed(message), "no text in videocnn/ makes this message any more: quote the new one"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("put the videos of each class", "put the files of each class"),
        ("; take another folder, or delete this one", ""),
        ("finds nothing in", "matches nothing in"),
        ("videos of one source would be trained on", "one source would be trained on"),
        ("or hold its last frame", "or repeat its last frame"),
        ("the batch of all 4 devices", "the batch of all 4 machines"),
        ("videos are too short", "clips are too short"),
        ("with a browser from", "by hand from"),
    ],
)
def test_a_message_that_has_changed_is_noticed(old, new):
    found = [message for message in messages() if old in message]
    assert found, "the page does not quote it any more: take another"
    assert not any(is_printed(message.replace(old, new)) for message in found)


def test_all_messages_are_looked_at():
    assert len(messages()) > 50


@pytest.mark.parametrize("name", PAGES)
def test_figures_with_intervals_are_measured_ones(name):
    measured = (ROOT / "benchmarks" / "README.md").read_text(encoding="utf-8").replace("**", "")
    text = FENCE.sub("", page(name)).replace("**", "")
    missing = [figure for figure in FIGURE.findall(text) if figure.lstrip("+") not in measured]
    assert not missing, "these stand on the page and not in benchmarks/README.md"


def tables(text):
    """Return the tables of a Markdown text, each as the tuple of its rows."""
    found, rows = [], []
    for line in [*text.splitlines(), ""]:
        if line.startswith("|"):
            rows.append(line)
        elif rows:
            found.append(tuple(rows))
            rows = []
    return found


def test_results_have_every_table_of_the_benchmarks_and_no_other():
    measured = tables((ROOT / "benchmarks" / "README.md").read_text(encoding="utf-8"))
    shown = tables(page("results.md"))
    assert len(measured) >= 7
    assert [table[:3] for table in measured if table not in shown] == []
    assert [table[:3] for table in shown if table not in measured] == []


def test_what_contributors_are_told_of_is_there():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    names = set(re.findall(r"`((?:\w[\w.-]*/)+[\w.-]*|[A-Z][\w.]+\.(?:md|txt)|\w+\.(?:py|toml|yml))`", text))
    assert len(names) > 40
    assert sorted(name for name in names if not (ROOT / name).exists() and "NN_" not in name) == []
    named = re.findall(r"`(tests/test_\w+\.py)::(test_\w+)`", text)
    assert len(named) > 10
    missing = [f"{file}::{test}" for file, test in named if f"def {test}(" not in (ROOT / file).read_text()]
    assert missing == []


@pytest.mark.parametrize("name", ["course.md", "lecturers.md"])
def test_pages_about_the_course_name_every_notebook_in_order(name):
    order = [int(number) for number in re.findall(r"\]\((0[1-9])_\w+\.ipynb\)", page(name))]
    assert list(dict.fromkeys(order)) == list(range(1, 10))


def test_the_first_run_has_the_table_of_a_whole_walk():
    table = page("start/first-run.md").split("<!-- walk:begin -->")[1].split("<!-- walk:end -->")[0]
    rows = [line for line in table.splitlines() if line.startswith("|")][2:-1]
    assert all(row.rstrip().endswith("| ok |") for row in rows)
    notebooks = [path.stem for path in sorted((ROOT / "tutorials").glob("[0-9][0-9]_*.ipynb"))]
    wanted = ["git clone", "make install", "make demo", "videocnn data folder", "videocnn predict", *notebooks]
    places = [next(place for place, row in enumerate(rows) if name in row) for name in wanted]
    assert places == sorted(places)
    assert "**together**" in table
    assert "within the 40 minutes" in table
