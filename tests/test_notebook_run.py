"""The tool that executes notebooks: what makes one stale, what it keeps, what it takes out."""

import ast

import nbformat
import notebook_rules
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

TOOL = notebook_rules.TOOL
MODULE = '''\
"""What it is for."""
import math  # for pi


def area(radius: float) -> float:
    """Return the area of a circle."""
    # A square times pi.
    return math.pi * radius**2
'''


@pytest.fixture
def package(tmp_path):
    """Return a package of two modules."""
    folder = tmp_path / "videocnn"
    (folder / "round").mkdir(parents=True)
    (folder / "round" / "__init__.py").write_text('"""Round things."""\nfrom videocnn.round import circle\n')
    (folder / "round" / "circle.py").write_text(MODULE)
    return folder


@pytest.fixture
def executed(package):
    """Return a notebook whose hash is of its own code and of the package's."""
    cells = [new_markdown_cell("# Areas"), new_code_cell("area(2)", execution_count=1)]
    install = new_code_cell(TOOL.INSTALL, execution_count=2, metadata={"tags": ["install"]})
    notebook = new_notebook(cells=[*cells, install])
    notebook.metadata["videocnn"] = {"modules": ["videocnn.round", "videocnn.round.circle"]}
    notebook.metadata.videocnn["sources"] = TOOL.sources(notebook, package)
    return notebook


def test_words_do_not_make_a_notebook_stale(executed, package):
    assert not TOOL.is_stale(executed, package)
    circle = package / "round" / "circle.py"
    text = (
        MODULE.replace("# A square times pi.", "# Pi times a square.")
        .replace("Return the", "The")
        .replace("    #", "\n    #")
    )
    circle.write_text('"""Other words."""\n\n\n' + text.split("\n", 1)[1])
    executed.cells[0].source = "# Areas of circles"
    executed.cells[2].source = "pass"
    assert not TOOL.is_stale(executed, package)
    (package / "sphere.py").write_text("volume = 1\n")
    assert not TOOL.is_stale(executed, package)  # it was not loaded


@pytest.mark.parametrize("change", [("radius**2", "radius**3"), ("math.pi", "3.14"), ("radius: float", "radius: int")])
def test_code_of_the_package_makes_a_notebook_stale(change, executed, package):
    circle = package / "round" / "circle.py"
    circle.write_text(MODULE.replace(*change))
    assert TOOL.is_stale(executed, package)
    circle.write_text(MODULE)
    assert not TOOL.is_stale(executed, package)
    circle.unlink()
    assert TOOL.is_stale(executed, package)


def test_its_own_code_makes_a_notebook_stale(executed, package):
    executed.cells[1].source = "area(3)"
    assert TOOL.is_stale(executed, package)


def test_what_was_never_executed_is_stale(executed, package):
    executed.cells[1].execution_count = None
    assert TOOL.is_stale(executed, package)
    executed.cells[1].execution_count = 1
    del executed.metadata["videocnn"]
    assert TOOL.is_stale(executed, package)


def test_code_is_told_from_wording():
    def code(text):
        return TOOL.code_of(ast.parse(text))

    assert code("class A:\n    'What.'\n    x: int = 1  # one") == code("class A:\n    x: int = 1")
    assert code("async def f():\n    'What.'\n    return 'x'") == code("async def f(): return 'x'")
    assert code("x = 'a'") != code("x = 'b'")
    assert code("x = 1") != code("x = 1.0")
    assert code("x = None") != code("x = ...")
    assert code("f(a, *b)") != code("f(a, b)")
    assert code("def f(a, b): pass") != code("def f(a, *, b): pass")


def test_what_is_no_result_is_taken_out():
    data = {"text/html": "<table>", "text/plain": "a table", "image/png": "iVBORw0KGgo="}
    parts = [new_output("stream", name="stdout", text=text) for text in ("one\n", "two\n")]
    cell = new_code_cell("show()", execution_count=1, outputs=[*parts, new_output("display_data", data=data)])
    cell.metadata.update(execution={"iopub.execute_input": "2020-01-01"}, tags=["quoted"], alt="A square of grey.")
    notebook = new_notebook(cells=[cell], metadata={"widgets": {}, "language_info": {"name": "python", "version": "3"}})
    TOOL.normalise(notebook)
    assert notebook.metadata.language_info == {"name": "python"}
    assert "widgets" not in notebook.metadata
    assert cell.metadata == {"tags": ["quoted"], "alt": "A square of grey."}
    assert cell.outputs[0].text == "one\ntwo\n"
    assert set(cell.outputs[1].data) == {"text/plain", "image/png"}


LOG = """\
WARNING: All log messages before absl::InitializeLog() is called are written to STDERR
I0000 00:00:1795461606.261792   21425 port.cc:153] oneDNN custom operations are on. You may see different results.
E0000 00:00:1795461788.614452   21425 cuda_platform.cc:52] failed call to cuInit: CUDA error: UNKNOWN ERROR (303)
"""


@pytest.mark.parametrize(
    ("text", "kept"),
    [(LOG, ""), (f"{LOG}x.py:3: UserWarning: old\n{LOG}", "x.py:3: UserWarning: old\n")]
    + [(line, line) for line in ("E0000 00:00:1.6 5 gpu.cc:5] out of memory\n", "W0000 00:00:1.6 5 a.cc:5] slow\n")],
)
def test_only_start_up_lines_are_taken_out(text, kept):
    cell = new_code_cell("x", execution_count=1, outputs=[new_output("stream", name="stderr", text=text)])
    TOOL.normalise(new_notebook(cells=[cell]))
    assert "".join(output.text for output in cell.outputs) == kept


def test_stale_notebooks_are_named(executed, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(TOOL, "TUTORIALS", tmp_path)
    executed.metadata.videocnn["sources"] = TOOL.sources(executed)
    nbformat.write(executed, tmp_path / "01_fresh.ipynb")
    assert TOOL.main(["--check"]) == 0
    executed.cells[1].source = "area(3)"
    nbformat.write(executed, tmp_path / "02_stale.ipynb")
    assert TOOL.main(["--check"]) == 1
    assert capsys.readouterr().out == "02_stale.ipynb: stale; make notebooks\n"


@pytest.mark.slow
def test_a_notebook_is_executed(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(TOOL, "TUTORIALS", tmp_path)
    install = new_code_cell("install()", metadata={"tags": ["install"]})
    cells = [
        "import os, warnings",
        "from videocnn.sampling import even_clips\nimport videocnn.cli",
        "even_clips(9, 2, 3)",
    ]
    # 320 MB that are gone before anybody looks from outside.
    cells += ["import numpy as np\nnp.ones(40_000_000).sum()\nos.path.basename(os.getcwd())"]
    path = tmp_path / "07_small.ipynb"
    nbformat.write(new_notebook(cells=[install, *map(new_code_cell, cells)]), path)
    for run in ("07-old", "06-other"):
        (tmp_path / "course" / "runs" / run).mkdir(parents=True)
    assert TOOL.main([]) == 0
    assert [folder.name for folder in (tmp_path / "course" / "runs").iterdir()] == ["06-other"]
    notebook = nbformat.read(path, as_version=4)
    assert [cell.execution_count for cell in notebook.cells] == [1, 2, 3, 4, 5]
    assert notebook.cells[0].source == TOOL.INSTALL
    assert [cell.outputs for cell in notebook.cells[:3]] == [[], [], []]
    assert "array([[0, 1, 2]" in notebook.cells[3].outputs[0].data["text/plain"]
    assert notebook.cells[4].outputs[0].data["text/plain"] == repr(tmp_path.name)
    kept = notebook.metadata.videocnn
    assert {"videocnn.sampling", "videocnn.errors"} <= set(kept.modules)
    assert not any(name.startswith("videocnn.cli") or name == "videocnn" for name in kept.modules)
    assert 320 < kept.memory_mb < 3000
    assert 0 <= kept.seconds < 600
    assert 0 <= kept.processor_seconds < 100
    assert kept.versions.keys() >= {"python", "tensorflow", "keras"}
    assert not TOOL.is_stale(notebook)
    assert TOOL.main([]) == 0  # nothing is left to do
    assert capsys.readouterr().out.count("executing") == 1


@pytest.mark.slow
def test_a_notebook_that_fails_is_left_as_it_was(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(TOOL, "TUTORIALS", tmp_path)
    for name, source in (("01_bad", "1 / 0"), ("02_good", "import videocnn.errors")):
        nbformat.write(new_notebook(cells=[new_code_cell(source)]), tmp_path / f"{name}.ipynb")
    before = (tmp_path / "01_bad.ipynb").read_bytes()
    assert TOOL.main([]) == 1
    assert "ZeroDivisionError" in capsys.readouterr().err
    assert (tmp_path / "01_bad.ipynb").read_bytes() == before
    assert nbformat.read(tmp_path / "02_good.ipynb", as_version=4).cells[0].execution_count == 1
    assert TOOL.main([str(tmp_path / "02_good.ipynb")]) == 0  # named, so executed again
    assert "02_good.ipynb: executing" in capsys.readouterr().out
