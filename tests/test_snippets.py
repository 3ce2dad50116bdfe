"""Every command and example of README, of the site's pages and of docstrings is run, or says why it is not."""

import ast
import doctest
import importlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import snippets
from snippets import PYTHON, SHELL, Block

PAGES = snippets.pages()
BLOCKS = {path.relative_to(snippets.ROOT).as_posix(): snippets.blocks(path) for path in PAGES}
RUN = [page for page, found in BLOCKS.items() if any(block.runs for block in found)]
OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def examples(path):
    """Yield the name and text of each docstring of a file that has an example."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            text = ast.get_docstring(node) or ""
            if ">>>" in text or re.search(r"^\s*Examples?:", text, re.MULTILINE):
                yield getattr(node, "name", "module"), text


SOURCES = sorted((snippets.ROOT / "videocnn").rglob("*.py"))
DOCUMENTED = {path: list(examples(path)) for path in SOURCES if list(examples(path))}
FILES = re.compile(r"""["'][^"']*(?:/|\.mp4|\.csv|\.keras)[^"']*["']|["']toy["']""")  # an example with these needs them
READING = [path for path, found in DOCUMENTED.items() if FILES.search("".join(re.findall(">>>.*", str(found))))]
PURE = [path for path in DOCUMENTED if path not in READING]


def module_name(path):
    return ".".join(path.relative_to(snippets.ROOT).with_suffix("").parts).removesuffix(".__init__")


@pytest.mark.parametrize("page", BLOCKS)
def test_no_block_is_left_out(page):
    for block in BLOCKS[page]:
        known = block.language in (PYTHON, SHELL, snippets.SESSION) or block.language in snippets.PLAIN
        assert known, f"{block.place}: {block.language!r} is no language that tests/snippets.py knows"
        if block.reason is not None:
            assert len(block.reason.split()) >= 3, f"{block.place}: the reason for not running it is no reason"
        if block.language == PYTHON:
            compile(block.text, block.place, "exec")
        if block.language == SHELL:
            unknown = set(snippets.targets(block)) - snippets.makefile_targets()
            assert not unknown, f"{block.place}: the Makefile has no target {sorted(unknown)}"
            done = subprocess.run(["bash", "-n", "-c", snippets.runnable(block)], capture_output=True, text=True)
            assert not done.stderr, f"{block.place}: {done.stderr}"


def test_every_shortening_is_of_use():
    shown = "".join(re.sub(r"[ \t]*\\\n[ \t]*", " ", b.text) for found in BLOCKS.values() for b in found if b.runs)
    unused = [pattern for pattern, _ in snippets.SHORTER if not re.search(pattern, shown)]
    assert unused == [], "no page has these any more; take them out of SHORTER in tests/snippets.py"


@pytest.mark.parametrize("path", DOCUMENTED, ids=module_name)
def test_no_example_is_left_out(path):
    for name, text in DOCUMENTED[path]:
        assert ">>>" in text, f"{module_name(path)}.{name}: its example cannot be run; write it with >>>"
        if "+SKIP" in text:
            assert re.search(r"not run: \w+ \w+ \w+", text, re.IGNORECASE), f"{module_name(path)}.{name}: skipped, why?"


class Checker(doctest.OutputChecker):
    """Lets an example print what it does not show."""

    def check_output(self, want, got, flags):
        return not want or super().check_output(want, got, flags)


def run_examples(path):
    """Run the examples of a module in this folder; return what is said of those that fail."""
    module, said = importlib.import_module(module_name(path)), []
    tests = [test for test in doctest.DocTestFinder(exclude_empty=True).find(module) if test.examples]
    runner = doctest.DocTestRunner(Checker(), optionflags=OPTIONS)
    for test in tests:
        runner.run(test, out=said.append)
    assert sum(len(test.examples) for test in tests), f"{path}: its examples are not found"
    return "".join(said)


@pytest.mark.parametrize("path", PURE, ids=module_name)
def test_examples_hold(path):
    assert run_examples(path) == ""


@pytest.fixture(scope="module")
def small_world(tmp_path_factory):
    from snippet_world import make_world

    folder = tmp_path_factory.mktemp("world")
    make_world(folder)
    return folder


@pytest.fixture
def world(small_world, tmp_path, monkeypatch):
    """Return a copy of the small world, to work in."""
    folder = shutil.copytree(small_world, tmp_path / "here")
    monkeypatch.chdir(folder)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("path", READING, ids=module_name)
def test_examples_with_files_hold(path, world):
    for name in re.findall(r'>>> .*make_toy\("([^"]+)"', path.read_text(encoding="utf-8")):
        shutil.rmtree(world / name)
    assert run_examples(path) == ""


def run_page(page, found, world, tmp_path):
    """Run the blocks of a page, in order, and return the finished process."""
    for name in snippets.made(found):
        target = world / name
        if target.is_dir():
            shutil.rmtree(target)
        elif target.exists():
            target.unlink()
    work = [{"place": b.place, "language": b.language, "text": snippets.runnable(b)} for b in found if b.runs]
    (tmp_path / "blocks.json").write_text(json.dumps(work), encoding="utf-8")
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {**os.environ, "PATH": path, "TF_CPP_MIN_LOG_LEVEL": "2", "MPLBACKEND": "agg"}
    environment.pop("VIDEOCNN_DATA", None)
    command = [sys.executable, snippets.__file__, str(tmp_path / "blocks.json")]
    return subprocess.run(command, cwd=world, env=environment, capture_output=True, text=True, timeout=1000)


@pytest.mark.slow
@pytest.mark.timeout(1500)  # the first one makes the world of all
@pytest.mark.parametrize("page", RUN)
def test_a_page_runs(page, world, tmp_path):
    done = run_page(page, BLOCKS[page], world, tmp_path)
    assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-5000:]}"


@pytest.mark.parametrize(
    ("language", "text", "words"),
    [
        (SHELL, "false\ntrue", "exit status 1"),
        (SHELL, "false | true", "exit status 1"),
        (PYTHON, "x = 1\n1 / (x - 1)", "ZeroDivisionError"),
        (snippets.SESSION, ">>> 1 + 1\n3\n", "failed"),
    ],
)
def test_a_block_that_fails_ends_the_page(language, text, words, tmp_path):
    (tmp_path / "world").mkdir()
    found = [Block("p.md", 1, language, text), Block("p.md", 9, SHELL, "touch after")]
    done = run_page("p.md", found, tmp_path / "world", tmp_path)
    assert done.returncode != 0
    assert "p.md:1" in done.stderr
    assert words in done.stderr
    assert not (tmp_path / "world" / "after").exists()
