"""Each rule for notebooks is broken once in a notebook that keeps them all."""

import warnings

import nbformat
import notebook_rules as rules
import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

NAME = "05_from_clips_to_videos"
TITLE = f"# Title\n\n[![Open it](badge.svg)]({rules.BADGE.format(NAME)})\n"
QUOTED = 'quoted = {"48 %": (accuracy, 0.4, 0.56)}\nassert all(low <= v <= high for v, low, high in quoted.values())'
PICTURE = {"image/png": "iVBORw0KGgo=", "text/plain": "<Figure>"}


@pytest.fixture
def notebook():
    """Return a notebook without problems."""
    table = new_output("stream", name="stdout", text="single 48 %\nchance 8 %\n")
    picture = new_output("execute_result", data=PICTURE, execution_count=3)
    cells = [
        new_markdown_cell(TITLE),
        new_code_cell(rules.TOOL.INSTALL, execution_count=1, metadata={"tags": ["install"]}),
        new_code_cell("accuracy = 0.48", execution_count=2, outputs=[table]),
        new_code_cell("accuracy", execution_count=3, outputs=[picture], metadata={"alt": "A bar of 48 %."}),
        new_markdown_cell("It gets **48 %** right. See [the paper](badge.svg)."),
        new_code_cell(QUOTED, execution_count=4, metadata={"tags": ["quoted"]}),
    ]
    return new_notebook(cells=cells, metadata={"videocnn": {"seconds": 60, "memory_mb": 900}})


def check(folder, notebook):
    (folder / "badge.svg").touch()
    path = folder / f"{NAME}.ipynb"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        nbformat.write(notebook, path)
        return rules.problems(path)


def test_a_good_notebook_has_no_problems(tmp_path, notebook):
    assert check(tmp_path, notebook) == []


def source(place, text):
    return lambda n: n.cells[place].update(source=text)


def printed(text):
    return lambda n: n.cells[2].outputs.append(new_output("stream", name="stdout", text=text))


BREAKS = {
    "hidden": lambda n: n.cells[3].metadata.update(hidden=True),
    "remove-input": lambda n: n.cells[3].metadata.update(tags=["remove-input"]),
    "bytes": lambda n: n.cells[3].outputs[0].data.update({"image/png": "A" * 1_000_000}),
    "not a valid": lambda n: n.cells[2].update(outputs=[NotebookNode(output_type="stream", text="x")]),
    "[1, 2, 7, 4]": lambda n: n.cells[3].update(execution_count=7),
    "200 seconds": lambda n: n.metadata.videocnn.update(seconds=200),
    "2500 MB": lambda n: n.metadata.videocnn.update(memory_mb=2500),
    "an error": lambda n: n.cells[2].outputs.append(new_output("error", ename="E", evalue="no", traceback=["E"])),
    "standard error": lambda n: n.cells[2].outputs.append(new_output("stream", name="stderr", text="hm")),
    "text/html": lambda n: n.cells[2].outputs.append(new_output("display_data", data={"text/html": "<b>"})),
    "UserWarning": printed("x.py:3: UserWarning: old"),
    "terminal colours": printed("\x1b[31mred"),
    "/home/": printed("read /home/ada/x.csv"),
    "/tmp/": source(3, 'open("/tmp/x")'),
    "no badge": source(0, "# Title"),
    "INSTALL": source(1, "%pip install videocnn"),
    "chance": lambda n: n.cells[2].update(outputs=[]),
    "broken link: none.md": source(4, "**48 %** [x](none.md)"),
    "neither relative": source(4, "**48 %** [x](/x)"),
    "alternative text, or": source(4, "**48 %** ![](badge.svg)"),
    "1 pictures, but 0": lambda n: n.cells[3].metadata.pop("alt"),
    "7 % is in bold": source(4, "**48 %** and **7 %**"),
    "48 % is in bold": source(4, "48 %"),
    "tagged quoted": lambda n: n.cells[5].metadata.pop("tags"),
}


@pytest.mark.parametrize("words", BREAKS)
def test_a_broken_rule_is_reported(words, tmp_path, notebook):
    BREAKS[words](notebook)
    assert words in "\n".join(check(tmp_path, notebook))
