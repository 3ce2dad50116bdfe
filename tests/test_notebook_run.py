"""The tool that executes notebooks: what makes one stale, what it keeps, what it removes."""

import sys
import types

import nbformat
import notebook_rules
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

TOOL = notebook_rules.TOOL


@pytest.fixture
def package(monkeypatch):
    """Return a small module of the package whose function a notebook uses."""
    module = types.ModuleType("videocnn.circles")
    exec("def area(radius: float, *, scale=1): return scale * radius**2", module.__dict__)
    monkeypatch.setitem(sys.modules, "videocnn.circles", module)
    return module


@pytest.fixture
def executed(package):
    """Return a notebook that is up to date."""
    cells = [
        new_markdown_cell("# Areas"),
        new_code_cell("from videocnn.circles import area\n%time area(2)", execution_count=1),
        new_code_cell(TOOL.INSTALL, execution_count=2, metadata={"tags": ["install"]}),
    ]
    notebook = new_notebook(cells=cells, metadata={"videocnn": {}})
    notebook.metadata.videocnn["sources"] = TOOL.sources(notebook)
    return notebook


@pytest.mark.parametrize(
    ("code", "stale"),
    [
        ("def area(radius, *, scale=1): return helper(radius)", False),  # refactored
        ("def area(radius, *, scale=2): return radius", True),
        ("def area(r, *, scale=1): return r", True),
        ("def area(radius, scale=1): return radius", True),
        ("del area", True),
    ],
)
def test_a_changed_signature_makes_a_notebook_stale(code, stale, executed, package):
    assert not TOOL.is_stale(executed)
    exec(code, package.__dict__)
    assert TOOL.is_stale(executed) == stale


def test_only_code_makes_a_notebook_stale(executed):
    executed.cells[0].source = "# Areas of circles"
    executed.cells[2].source = "pass"
    assert not TOOL.is_stale(executed)
    executed.cells[1].source += "\narea(3)"
    assert TOOL.is_stale(executed)


def test_a_notebook_that_was_never_executed_is_stale(executed):
    executed.cells[1].execution_count = None
    assert TOOL.is_stale(executed)
    executed.cells[1].execution_count = 1
    del executed.metadata["videocnn"]
    assert TOOL.is_stale(executed)


def test_names_are_found_by_import_and_by_attribute():
    cells = ["from videocnn import spec\nfrom videocnn.spec import ClipSpec as Spec", "spec.ClipSpec(1)\nx.spec"]
    assert TOOL.names_used(cells) == ["videocnn.spec", "videocnn.spec.ClipSpec"]


def test_what_is_no_result_is_removed():
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
def test_only_start_up_lines_are_removed(text, kept):
    cell = new_code_cell("x", execution_count=1, outputs=[new_output("stream", name="stderr", text=text)])
    TOOL.normalise(new_notebook(cells=[cell]))
    assert "".join(output.text for output in cell.outputs) == kept


def test_stale_notebooks_are_listed_and_accepted(executed, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(TOOL, "TUTORIALS", tmp_path)
    executed.metadata.videocnn.update(seconds=1, processor_seconds=1, memory_mb=1)
    nbformat.write(executed, tmp_path / "01_fresh.ipynb")
    assert TOOL.main(["--check"]) == 0
    executed.cells[1].source += "\narea(3)"
    nbformat.write(executed, tmp_path / "02_stale.ipynb")
    assert TOOL.main(["--check"]) == 1
    shown = capsys.readouterr().out
    assert "02_stale.ipynb" in shown
    assert "01_fresh.ipynb" not in shown
    assert TOOL.main(["--accept"]) == 0
    assert TOOL.main(["--check"]) == 0


@pytest.mark.slow
def test_a_notebook_is_executed(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(TOOL, "TUTORIALS", tmp_path)
    install = new_code_cell("install()", metadata={"tags": ["install"]})
    # The last cell allocates 320 MB for an instant, which only the kernel's own peak can tell.
    cells = [
        "from videocnn.sampling import even_clips",
        "even_clips(9, 2, 3)",
        "import numpy as np, os\nnp.ones(40_000_000).sum()\nos.path.basename(os.getcwd())",
    ]
    path = tmp_path / "07_small.ipynb"
    nbformat.write(new_notebook(cells=[install, *map(new_code_cell, cells)]), path)
    for run in ("07-old", "06-other"):
        (tmp_path / "course" / "runs" / run).mkdir(parents=True)
    assert TOOL.main([]) == 0
    assert [folder.name for folder in (tmp_path / "course" / "runs").iterdir()] == ["06-other"]
    notebook = nbformat.read(path, as_version=4)
    assert [cell.execution_count for cell in notebook.cells] == [1, 2, 3, 4]
    assert notebook.cells[0].source == TOOL.INSTALL
    assert "array([[0, 1, 2]" in notebook.cells[2].outputs[0].data["text/plain"]
    assert notebook.cells[3].outputs[0].data["text/plain"] == repr(tmp_path.name)
    kept = notebook.metadata.videocnn
    assert 320 < kept.memory_mb < 3000
    assert kept.versions.keys() >= {"python", "tensorflow", "keras"}
    assert TOOL.main([]) == 0  # nothing is left to do
    assert capsys.readouterr().out.count("executing") == 1


@pytest.mark.slow
def test_a_notebook_that_fails_is_left_unchanged(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(TOOL, "TUTORIALS", tmp_path)
    for name, source in (("01_bad", "1 / 0"), ("02_good", "import videocnn.errors")):
        nbformat.write(new_notebook(cells=[new_code_cell(source)]), tmp_path / f"{name}.ipynb")
    before = (tmp_path / "01_bad.ipynb").read_bytes()
    assert TOOL.main([]) == 1
    assert "ZeroDivisionError" in capsys.readouterr().err
    assert (tmp_path / "01_bad.ipynb").read_bytes() == before
    assert nbformat.read(tmp_path / "02_good.ipynb", as_version=4).cells[0].execution_count == 1
