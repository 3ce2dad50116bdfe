"""What the pages state as fact: figures that were measured, names and files that exist, a complete reference."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TUTORIALS = ROOT / "tutorials"
PAGES = [path for folder in (".", "start", "howto", "paper") for path in sorted((TUTORIALS / folder).glob("*.md"))]
FENCE = re.compile(r"```\w*\n.*?\n```", re.DOTALL)
FIGURE = re.compile(r"(?:[-+]?\d+(?:\.\d+)? )?\[[-+\d.]+, [-+\d.]+\]")
# Public names of one room that only other rooms call.
INTERNAL = {
    "videocnn.clips.timeline",
    "videocnn.clips.usable",
    "videocnn.clips.video_errors",
    "videocnn.evaluate.predict_function",
    "videocnn.manifest.check_links",
    "videocnn.manifest.is_url",
    "videocnn.models.STREAMS",
    "videocnn.models.predict_function",
    "videocnn.models.weights_hash",
}
each_page = pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)


def read(path):
    return path.read_text(encoding="utf-8")


def stub_names():
    """Return the public names of every room, as its stub lists them."""
    names = set()
    for stub in (ROOT / "videocnn").rglob("__init__.pyi"):
        room = ".".join(stub.parent.relative_to(ROOT).parts)
        imports = [node for node in ast.parse(read(stub)).body if isinstance(node, ast.ImportFrom)]
        names |= {f"{room}.{alias.asname}" for node in imports for alias in node.names}
    return names


def test_every_public_name_has_a_place_in_the_reference():
    text = "\n".join(read(path) for path in (TUTORIALS / "reference").glob("*.md"))
    listed = re.findall(r"^::: (\S+)$", text, re.MULTILINE)
    names = stub_names()
    assert len(names) > 150
    assert sorted(names - set(listed) - INTERNAL) == []
    assert sorted(INTERNAL & set(listed)) == []
    assert len(listed) == len(set(listed))


@each_page
def test_figures_with_intervals_were_measured(path):
    measured = read(ROOT / "benchmarks" / "README.md").replace("**", "")
    text = FENCE.sub("", read(path)).replace("**", "")
    assert [figure for figure in FIGURE.findall(text) if figure.lstrip("+") not in measured] == []


@pytest.mark.parametrize("path", [ROOT / "CONTRIBUTING.md", *PAGES], ids=lambda path: path.stem)
def test_files_and_tests_that_are_named_exist(path):
    text = read(path)
    files = set(re.findall(r"`((?:videocnn|benchmarks|tests|siteparts)/[\w/]+\.(?:py|md))`", text))
    assert sorted(name for name in files if not (ROOT / name).is_file()) == []
    tests = set(re.findall(r"\b(test_\w+)`", text))
    defined = "".join(read(file) for file in (ROOT / "tests").glob("test_*.py"))
    assert sorted(name for name in tests if f"def {name}(" not in defined) == []


@pytest.mark.parametrize("name", ["course.md", "lecturers.md"])
def test_pages_about_the_course_link_every_notebook_in_order(name):
    links = re.findall(r"\]\((0\d_\w+\.ipynb)\)", read(TUTORIALS / name))
    assert list(dict.fromkeys(links)) == sorted(path.name for path in TUTORIALS.glob("0*.ipynb"))
