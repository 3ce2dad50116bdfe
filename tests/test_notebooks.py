"""The notebooks of the course keep the rules and run from a fresh kernel, with the Python of their exercises' answers.

They also run on a reader's own videos. Whether their stored outputs are current is for `make notebooks-check` to say.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys

import nbformat
import notebook_rules
import pytest
import snippets
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell

from videocnn.datasets import open_videos

PATHS = sorted(notebook_rules.TUTORIALS.glob("*.ipynb"))
TOOL = notebook_rules.TOOL
MEMORY = """\
import json, resource, sys
_peaks = [resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
print(json.dumps([peak * (1 if sys.platform == "darwin" else 1024) for peak in _peaks]))"""


def test_all_nine_are_there():
    assert [path.name[:2] for path in PATHS] == [f"{number:02}" for number in range(1, 10)]


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_a_notebook_keeps_the_rules(path):
    assert notebook_rules.problems(path) == []


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """Return a copy of the notebooks without their output folder; the first one renders the videos for the others."""
    folder = tmp_path_factory.mktemp("course") / "tutorials"
    shutil.copytree(notebook_rules.TUTORIALS, folder, ignore=shutil.ignore_patterns("course", "__pycache__"))
    return folder


def answers(notebook, folder):
    """Return the Python blocks in a notebook's markdown, except those marked as not run."""
    page = folder / "answers.md"
    page.write_text(
        "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown"), encoding="utf-8"
    )
    found = [block for block in snippets.blocks(page, folder) if block.language == snippets.PYTHON]
    return [block.text for block in found if block.runs]


@pytest.mark.slow
@pytest.mark.timeout(700)
@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_a_notebook_runs_from_a_fresh_kernel(path, course):
    # One more cell reports the peak memory of the kernel and its largest child process. The answers' code follows.
    copy = course / path.name
    notebook = nbformat.read(copy, as_version=4)
    count = len(notebook.cells)
    notebook.cells += [new_code_cell(text) for text in (MEMORY, *answers(notebook, course))]
    nbformat.write(notebook, copy)
    environment = {k: v for k, v in os.environ.items() if k not in ("MPLBACKEND", "PYTEST_ADDOPTS", "VIDEOCNN_DATA")}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--nbmake", "--nbmake-timeout=600"]
    result = subprocess.run(
        [*command, "--overwrite", copy.name], cwd=course, env=environment, capture_output=True, text=True, timeout=650
    )
    assert result.returncode == 0, result.stdout[-5000:] + result.stderr[-2000:]
    executed = nbformat.read(copy, as_version=4)
    peaks = json.loads(executed.cells[count].outputs[0].text)
    del executed.cells[count:]
    assert sum(peaks) < notebook_rules.MAX_MEGABYTES * 1e6
    TOOL.normalise(executed)
    assert list(notebook_rules.clean_outputs(copy, executed)) == []


# What makes training short, as a last line of the cell of constants. Notebook 7 is about UCF-101's folds.
SHORT = {
    "01_a_clip_is_the_unit": "EPOCHS = 1",
    "02_single_frame": "EPOCHS = 1",
    "03_fusion_in_time": "EPOCHS = 1",
    "04_fovea_and_context": "EPOCHS, WIDTH = 1, 0.1",
    "05_from_clips_to_videos": "EPOCHS = 1",
    "06_filter_visualisation": 'EPOCHS, WIDTH = {"multires": 1, "slow": 1}, 0.1',
    "08_several_gpus": 'QUICK = {**QUICK, "epochs": 2}',
    "09_your_own_videos": "GROUP = None",
}


@pytest.fixture(scope="module")
def own_videos(course, tmp_path_factory):
    """Return a reader's folder: fifteen videos of each of two classes, which no notebook's text speaks of."""
    toy, folder = open_videos("toy", course / "course"), tmp_path_factory.mktemp("own") / "my_videos"
    for own, label in (("kites", "rising"), ("beach", "sea")):
        (folder / own).mkdir(parents=True)
        files = [toy.file(video) for video in toy.videos if label in video.labels and video.num_frames >= 16]
        for number, file in enumerate(files[::3][:15]):  # of another group each
            shutil.copy(file, folder / own / f"{number:02}.mp4")
    return folder


def hashes(folder):
    return {file: hashlib.sha256(file.read_bytes()).hexdigest() for file in folder.rglob("*") if file.is_file()}


@pytest.mark.slow
@pytest.mark.timeout(700)
@pytest.mark.parametrize("name", SHORT)
def test_a_notebook_runs_on_a_readers_own_videos(name, course, own_videos, monkeypatch):
    """All cells run, the files stay as they were, and the last cell may say that the text is about other videos."""
    notebook = nbformat.read(notebook_rules.TUTORIALS / f"{name}.ipynb", as_version=4)
    constants = next(cell for cell in notebook.cells if cell.source.startswith("DATA = "))
    constants.source += f"\nDATA = {str(own_videos)!r}\n{SHORT[name]}"
    before = hashes(own_videos)
    monkeypatch.delenv("MPLBACKEND", raising=False)
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "2")
    folder = course.parent / f"own-{name[:2]}"
    folder.mkdir()
    options = {"timeout": 600, "kernel_name": "python3", "allow_errors": True, "record_timing": False}
    NotebookClient(notebook, resources={"metadata": {"path": str(folder)}}, **options).execute()
    wrong = []
    for cell, output in ((one, output) for one in notebook.cells for output in one.get("outputs", [])):
        told = "the text is about the toy videos" in output.get("evalue", "") and TOOL.tagged(cell, "quoted")
        if output.output_type == "error" and not told:
            wrong.append((cell.source, output.ename, output.evalue))
    assert wrong == []
    assert hashes(own_videos) == before
