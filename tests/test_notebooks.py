"""The notebooks of the course: the nine are there, as the rules want them, and run from a fresh kernel."""

import json
import os
import shutil
import subprocess
import sys

import nbformat
import notebook_rules
import pytest

PATHS = sorted(notebook_rules.TUTORIALS.glob("*.ipynb"))
TOOL = notebook_rules.TOOL
MEMORY = """\
import json, resource, sys
_peaks = [resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
print(json.dumps([peak * (1 if sys.platform == "darwin" else 1024) for peak in _peaks]))"""


def test_the_nine_are_there_and_no_other():
    assert [path.stem for path in PATHS] == list(notebook_rules.NAMES)


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_a_notebook_keeps_the_rules(path):
    assert notebook_rules.problems(path) == []


def test_no_cell_is_copied():
    assert notebook_rules.copied({path.stem: nbformat.read(path, as_version=4) for path in PATHS}) == []


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """Return a copy of the folder of notebooks, without what they wrote; the first one renders the videos for all."""
    folder = tmp_path_factory.mktemp("course") / "tutorials"
    shutil.copytree(notebook_rules.TUTORIALS, folder, ignore=shutil.ignore_patterns("course", "__pycache__"))
    return folder


@pytest.mark.slow
@pytest.mark.timeout(700)
@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_a_notebook_runs_from_a_fresh_kernel(path, course):
    # A cell more, at the end, tells what memory the kernel and the largest process that it started have taken.
    copy = course / path.name
    notebook = nbformat.read(copy, as_version=4)
    notebook.cells.append(nbformat.v4.new_code_cell(MEMORY))
    nbformat.write(notebook, copy)
    environment = {k: v for k, v in os.environ.items() if k not in ("MPLBACKEND", "PYTEST_ADDOPTS", "VIDEOCNN_DATA")}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--nbmake", "--nbmake-timeout=600"]
    result = subprocess.run(
        [*command, "--overwrite", copy.name], cwd=course, env=environment, capture_output=True, text=True, timeout=650
    )
    assert result.returncode == 0, result.stdout[-5000:] + result.stderr[-2000:]
    executed = nbformat.read(copy, as_version=4)
    peaks = json.loads(executed.cells.pop().outputs[0].text)
    assert sum(peaks) < notebook_rules.MAX_MEGABYTES * 1e6
    TOOL.normalise(executed)
    assert list(notebook_rules.clean_outputs(copy, executed)) == []
    assert list(notebook_rules.ending(path, executed)) == []
