"""Each rule for notebooks speaks up: a good notebook is broken in one place at a time, and what is said of it named."""

import re
import warnings

import nbformat
import notebook_rules as rules
import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_output

NAME = "05_from_clips_to_videos"
TITLE = f"""# From clips to videos

[![Open it](assets/open-in-colab.svg)]({rules.BADGE.format(NAME)})

**You will learn**

- one thing,
- another thing, which is
  somewhat longer,
- a third.

It needs about two minutes and 1 GB of memory. Expect two surprises.
"""
QUOTED = """\
quoted = {"48 %": (accuracy, 0.4, 0.56), "3.2 times": (first / second, 2, 4.4)}
assert all(low <= value <= high for value, low, high in quoted.values()), quoted"""
END = """## What this did *not* show

The paper's figure stands on [its page](paper/index.md#results).

## Exercises

**Exercise 1. Predict.** What falls?

<details markdown="1"><summary>Answer</summary>

It falls, and it falls by much.

</details>

**Exercise 2. Modify.** Change it.

<details markdown="1"><summary>Answer</summary>

It rises by about five points.

</details>

**Exercise 3. Investigate.** How many?

<details markdown="1"><summary>Answer</summary>

There are two of them, not one.

</details>

[Before](04_fovea_and_context.ipynb) · [after](06_filter_visualisation.ipynb)
"""
SHOWN = "A bar of 48 % beside one of 8 %."
PICTURE = {"image/png": "iVBORw0KGgo=", "text/plain": "<Figure>"}


def code(source, count, *, tags=(), outputs=(), **metadata):
    cell = new_code_cell(source, execution_count=count, outputs=list(outputs), metadata=metadata)
    if tags:
        cell.metadata["tags"] = list(tags)
    return cell


@pytest.fixture
def folder(tmp_path):
    """Return a folder with the files that the notebook links to."""
    for name in ("paper", "assets"):
        (tmp_path / name).mkdir()
    for name in (
        "assets/open-in-colab.svg",
        "paper/index.md",
        "04_fovea_and_context.ipynb",
        "06_filter_visualisation.ipynb",
    ):
        (tmp_path / name).touch()
    return tmp_path


@pytest.fixture
def notebook():
    """Return a notebook with which nothing is wrong."""
    table = "network  hit@1\nsingle   48 %\nchance    8 %\n"
    cells = [
        new_markdown_cell(TITLE),
        code(rules.TOOL.INSTALL, 1, tags=["install"]),
        code("import math\n\nfrom videocnn.errors import VideoCNNError", 2),
        code('DATA = "toy"\nSEED = 0', 3),
        code("accuracy, first, second = 0.48, 3.2, 1", 4, outputs=[new_output("stream", name="stdout", text=table)]),
        code("accuracy", 5, outputs=[new_output("execute_result", data=PICTURE, execution_count=5)], alt=SHOWN),
        *(new_markdown_cell(f"Words and words, cell {i}. " + "We look at the picture. " * 11) for i in range(10)),
        new_markdown_cell("It gets **48 %** right, **3.2 times** as many as chance, and **not** more. " * 3),
        code(QUOTED, 6, tags=["quoted"]),
        new_markdown_cell(END),
    ]
    notebook = nbformat.v4.new_notebook(cells=cells)
    notebook.metadata["videocnn"] = {
        "modules": ["videocnn.errors"], "seconds": 60, "processor_seconds": 70, "memory_mb": 900,
        "processor": "Abacus 1, 2 cores", "versions": {"python": "3.11"},
    }  # fmt: skip
    notebook.metadata.videocnn["sources"] = rules.TOOL.sources(notebook)
    return notebook


def check(folder, notebook, *, refresh=True):
    """Return what is wrong, the hash brought up to date first unless it is what a test is about."""
    if refresh:
        notebook.metadata.videocnn["sources"] = rules.TOOL.sources(notebook)
    path = folder / f"{NAME}.ipynb"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        nbformat.write(notebook, path)
        return rules.problems(path)


def test_nothing_is_wrong_with_the_good_one(folder, notebook):
    assert check(folder, notebook) == []


def replace(place, old, new):
    """Return a change of the text of one cell."""

    def change(notebook):
        assert old in notebook.cells[place].source
        notebook.cells[place].source = notebook.cells[place].source.replace(old, new)

    return change


def put(place, **values):
    return lambda notebook: notebook.cells[place].update(values)


def output(kind, **values):
    return lambda notebook: notebook.cells[4].outputs.append(new_output(kind, **values))


def printed(text):
    return output("stream", name="stdout", text=text)


def metadata(**values):
    return lambda notebook: notebook.metadata.videocnn.update(values)


RISES = "<details><summary>Answer</summary>\n\nIt rises"
BREAKS = {
    "metadata \\['hidden'\\]": lambda n: n.cells[6].metadata.update(hidden=True),
    "metadata \\['remove-input'\\]": lambda n: n.cells[5].metadata.update(tags=["remove-input"]),
    "state of widgets": lambda n: n.metadata.update(widgets={}),
    "has 1,.* bytes, more": lambda n: n.cells[5].outputs[0].data.update({"image/png": "A" * 1_000_000}),
    "not a valid notebook": put(4, outputs=[NotebookNode(output_type="stream", text="x")]),
    "numbered \\[1, 2, 3, 4, 7, 6\\]": put(5, execution_count=7),
    "numbered .*None": put(5, execution_count=None),
    "does not say in its metadata: seconds": lambda n: n.metadata.videocnn.pop("seconds"),
    "took 200 seconds": metadata(seconds=200),
    "took 2500 MB": metadata(memory_mb=2500),
    "code cell 4: an error, or": output("error", ename="E", evalue="no", traceback=["E: no"]),
    "on standard error": output("stream", name="stderr", text="hm"),
    "of the kind text/html": output("display_data", data={"text/html": "<b>", "text/plain": "b"}),
    "traceback in its output: UserWarning": printed("x.py:3: UserWarning: old"),
    "traceback in its output: W0000": printed("W0000 00:00:1.0 gpu\n"),
    "traceback in its output: WARNING": printed("WARNING: All log messages before\n"),
    "terminal colours": printed("\x1b[31mred"),
    "machine: /home/": printed("read /home/ada/x.csv"),
    "machine: at 0x": printed("<object at 0x7f00aa11>"),
    "machine: /tmp/": replace(5, "accuracy", 'accuracy = open("/tmp/x")'),
    r"machine: C:\\Users": printed(r"C:\Users\ada"),
    "has 17 cells": lambda n: n.cells.__delitem__(slice(6, 8)),
    "has 31 cells": lambda n: n.cells.extend(new_markdown_cell(" ") for _ in range(12)),
    "has \\d+ words, not 600": lambda n: [cell.update(source="few") for cell in n.cells[6:10]],
    "has 1\\d{3} words, not 600": lambda n: n.cells.append(new_markdown_cell("many " * 900)),
    "code cell 5: 16 lines": put(5, source="accuracy\n" * 16),
    "lines of code, more than 200": put(5, source="accuracy\n" * 201),
    "title in markdown": replace(0, "# From", "From"),
    "has 2 bullets": replace(0, "- a third.", ""),
    "has 4 bullets": replace(0, "- a third.", "- a third.\n- a fourth."),
    "has 0 bullets": replace(0, "You will learn", "You learn"),
    "how much time": replace(0, "two minutes", "no time"),
    "time and memory": replace(0, "1 GB", "some"),
    "what to expect": replace(0, "Expect two", "Two"),
    "no badge": replace(0, "colab.research", "example"),
    "another second cell": lambda n: n.cells.insert(1, new_markdown_cell("before")),
    "install cell that differs": replace(1, "pip install", "pip install -U"),
    "install cell that printed": put(1, outputs=[new_output("stream", name="stdout", text="Note")]),
    "has no imports, or something": replace(2, "import math", "math = 1"),
    "imports outside": replace(5, "accuracy", "import os\naccuracy"),
    "has no constants": replace(3, "DATA", "data"),
    "no results table": put(4, outputs=[]),
    "what it did not show": replace(-1, "did *not* show", "showed"),
    "does not speak of the paper": replace(-1, "The paper's figure", "The figure"),
    "has not three exercises": replace(-1, '1"><summary>Answer</summary>\n\nIt rises', '1">\n\nIt rises'),
    "each answer a paragraph": replace(-1, '<details markdown="1"><summary>Answer</summary>\n\nIt rises', RISES),
    "Answer</summary> and </details>": replace(-1, "points.\n\n</details>", "points.</details>"),
    "has not three .* folded": replace(-1, "It rises by about five points.", "Up."),
    "under the heading": replace(-1, "## Exercises", "## More"),
    r"begins with \*\*Exercise 2. Modify": replace(-1, "Modify.", "Change."),
    r"begins with \*\*Exercise 3. Inv": replace(-1, "**Exercise 3. Investigate.**", "1. Investigate."),
    "no link to 04_fovea": replace(-1, "04_fovea_and_context", "06_filter_visualisation"),
    "no link to 06_filter": replace(-1, "06_filter_visualisation", "04_fovea_and_context"),
    "page of the paper": replace(-1, "paper/index.md", "04_fovea_and_context.ipynb"),
    "leads nowhere: paper/none.md": replace(-1, "paper/index.md", "paper/none.md"),
    "neither relative nor of the web: /x": replace(-1, "paper/index.md", "/x"),
    "another server must send": replace(0, "assets/", "https://example.org/"),
    "without a text in its place: a.png": replace(6, "Words", "![](a.png)"),
    "without a text in its place: <img": replace(6, "Words", '<img src="a.png">'),
    "cell 5: pictures: 1, texts .*: 0": lambda n: n.cells[5].metadata.pop("alt"),
    "cell 5: pictures: 1, texts .*: 2": lambda n: n.cells[5].metadata.update(alt=[SHOWN, SHOWN]),
    "cell 6: pictures: 0, texts .*: 1": lambda n: n.cells[17].metadata.update(alt=SHOWN),
    "in a sentence what .*: Two bars.": lambda n: n.cells[5].metadata.update(alt="Two bars."),
    "in a sentence what .*: A bar of 48": lambda n: n.cells[5].metadata.update(alt=SHOWN[:-1]),
    "quotes 7 without its unit": replace(6, "Words", "**7**"),
    "quotes 7 % in bold": replace(6, "Words", "**7 %**"),
    "quotes −7 points in bold": replace(6, "Words", "**−7 points**"),
    "quoted holds 48 %": replace(16, "**48 %**", "48 %"),
    "another last code cell": lambda n: n.cells[17].metadata.pop("tags"),
    "no dictionary `quoted`": replace(17, "quoted = {", "other = {"),
    "not one assert": replace(17, "assert all", "all"),
    "48 % has not the form": replace(17, "0.4, 0.56", "0.6, 0.5"),
    "3.2 times has not the form": replace(17, "2, 4.4", "low, 4.4"),
    "value of 48 % is written down": replace(17, "accuracy", "0.48"),
    "48 % is not between 0.5": replace(17, "0.4, ", "0.5, "),
    "3.2 times is not between 2 and 3": replace(17, "2, 4.4", "2, 3"),
    "does not see that 48 %": replace(17, "low <= value <= high", "value <= high"),
    "although all values": replace(17, "low <= value", "low > value"),
    "looks at more than": replace(17, "low <= value", "accuracy <= value"),
}  # fmt: skip


@pytest.mark.parametrize("message", BREAKS)
def test_each_rule_speaks_up(message, folder, notebook):
    BREAKS[message](notebook)
    found = "\n".join(check(folder, notebook))
    assert re.search(message, found), found


def test_a_stale_notebook_is_seen(folder, notebook):
    notebook.cells[5].source = "accuracy + 1"
    assert "stale" in "".join(check(folder, notebook, refresh=False))


def test_copied_cells_are_seen(notebook):
    assert rules.copied({"a": notebook}) == []
    long = "figure = draw(\n    accuracy,\n    first,\n)"
    notebook.cells[5].source = long
    other = nbformat.from_dict({**notebook, "cells": [*notebook.cells[:4]]})
    other.cells.append(new_code_cell(f"# Here too\n{long}"))
    assert rules.copied({"a": notebook, "b": other}) == ["b: has a cell of a: figure = draw("]
    assert rules.copied({"b": other}) == []
    other.cells.append(new_code_cell(long))
    assert rules.copied({"b": other}) == ["b: has a cell of b: figure = draw("]
