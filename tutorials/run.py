"""Executes the notebooks of the course and keeps in each what it was executed with: `make notebooks`.

A notebook goes in, the same one comes out with fresh outputs and, in its metadata, a hash of its code cells and of the
modules of videocnn that it loaded, its seconds by the clock and of the processor, its peak memory and the machine. Only
notebooks whose hash is no longer current are executed. The hash sees code only: comments, docstrings and the version of
the package may change.

    python tutorials/run.py                                  # those that are stale
    python tutorials/run.py tutorials/02_single_frame.ipynb  # this one, stale or not
    python tutorials/run.py --all
    python tutorials/run.py --check                          # name the stale ones and do nothing
"""

from __future__ import annotations

import argparse
import ast
import hashlib
import json
import os
import shutil
import sys
import threading
import time
from pathlib import Path
from typing import Any

import nbformat
import psutil
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode

from videocnn.cli.quiet import START_UP

TUTORIALS = Path(__file__).resolve().parent
PACKAGE = TUTORIALS.parent / "videocnn"
INSTALL = '''\
import os
from importlib.util import find_spec

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # no start-up lines of TensorFlow
if find_spec("videocnn") is None:  # on a hosted notebook service
    %pip install -q "videocnn[notebooks] @ git+https://github.com/videocnn/videocnn"'''
"""The second cell of every notebook, tagged `install`: installs where the package is missing, prints nothing here."""
CELL_SECONDS = 600
KEPT_OUTPUTS = ("image/png", "text/plain")  # what the site shows
KEPT_METADATA = ("tags", "alt")  # of a cell; `alt` says in words what its pictures show
UNSEEN = ("videocnn.cli", "videocnn.report.html")  # commands and report pages, whose wording changes often
# What a kernel is asked after its last cell. Modules and memory come first: the questions load some themselves. Windows
# has no `resource`; what is sampled from outside has to do there.
PROBE = f"""\
import json as _json, os as _os, sys as _sys
try:
    import resource as _resource
    _peak = _resource.getrusage(_resource.RUSAGE_SELF).ru_maxrss * (1 if _sys.platform == "darwin" else 1024)
except ImportError:
    _peak = 0
_modules = sorted(n for n in _sys.modules if n.startswith("videocnn.") and not n.startswith({UNSEEN!r}))
_seconds = sum(_os.times()[:4])
import videocnn as _videocnn
from videocnn.runs import hardware as _hardware, versions as _versions
print(_json.dumps({{
    "modules": _modules, "file": _os.path.realpath(_videocnn.__file__), "hardware": _hardware(),
    "memory": _peak, "processor_seconds": round(_seconds), "versions": _versions(),
}}))"""


class RunError(Exception):
    """A notebook cannot be executed as it is."""


def code_of(tree: ast.AST) -> str:
    """Return what code does as text: no comments, docstrings or positions, the same on every version of Python."""
    if isinstance(tree, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)) and ast.get_docstring(tree):
        tree.body = tree.body[1:]

    def text(value: Any) -> str:
        if isinstance(value, ast.AST):
            return code_of(value)
        return f"[{','.join(map(text, value))}]" if isinstance(value, list) else repr(value)

    # Fields that are empty differ between versions: newer grammars have more of them.
    fields = [(name, value) for name, value in ast.iter_fields(tree) if value is not None and value != []]
    return f"{type(tree).__name__}({','.join(f'{name}={text(value)}' for name, value in fields)})"


def module_code(name: str, package: Path = PACKAGE) -> str:
    """Return the code of a module of the package as text; of one that is not there any more, nothing."""
    path = package.parent.joinpath(*name.split("."))
    for file in (path.with_suffix(".py"), path / "__init__.py"):
        if file.is_file():
            return code_of(ast.parse(file.read_text(encoding="utf-8")))
    return ""


def sources(notebook: NotebookNode, package: Path = PACKAGE) -> str | None:
    """Return the hash of a notebook's code and of the modules that its execution loaded; None if they are not known."""
    modules = notebook.metadata.get("videocnn", {}).get("modules")
    if not modules:
        return None
    cells = [cell.source for cell in notebook.cells if cell.cell_type == "code" and not tagged(cell, "install")]
    codes = [(name, module_code(name, package)) for name in modules]
    return hashlib.sha256(json.dumps([cells, codes]).encode()).hexdigest()[:32]


def tagged(cell: NotebookNode, tag: str) -> bool:
    """Return whether a cell has a tag."""
    return tag in cell.metadata.get("tags", [])


def picture_texts(cell: NotebookNode) -> list[str]:
    """Return what a cell's metadata say of its pictures, a text for each."""
    alt = cell.metadata.get("alt", [])
    return [alt] if isinstance(alt, str) else list(alt)


def is_stale(notebook: NotebookNode, package: Path = PACKAGE) -> bool:
    """Return whether a notebook's outputs are of other code than its own and the package's, or not there."""
    known = sources(notebook, package)
    unexecuted = any(cell.execution_count is None for cell in notebook.cells if cell.cell_type == "code")
    return known is None or unexecuted or known != notebook.metadata.videocnn.get("sources")


class Memory(threading.Thread):
    """Watches a process and those that it starts; `peak` is the most memory they were seen to have at a time, in bytes.

    It looks five times a second: what lasts shorter may be missed.
    """

    def __init__(self, pid: int):
        super().__init__(daemon=True)
        self.process, self.peak, self.ended = psutil.Process(pid), 0, threading.Event()

    def run(self) -> None:
        while not self.ended.wait(0.2):
            total = 0
            try:
                for process in (self.process, *self.process.children(recursive=True)):
                    total += process.memory_info().rss
            except psutil.Error:  # one has ended meanwhile
                continue
            self.peak = max(self.peak, total)


def execute(path: Path, package: Path = PACKAGE) -> NotebookNode:
    """Return a notebook as a fresh kernel executes it, in its own folder, with what it took in its metadata.

    Raises:
        RunError: a cell fails or takes too long, or the kernel has another copy of the package.
    """
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        if tagged(cell, "install"):
            cell.source = INSTALL
    # What an earlier execution trained would be refused or taken for this one's.
    for run in (path.parent / "course" / "runs").glob(f"{path.name[:3].replace('_', '-')}*"):
        shutil.rmtree(run)
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2"}
    environment.pop("MPLBACKEND", None)  # figures belong into the notebook
    client = NotebookClient(notebook, timeout=CELL_SECONDS, kernel_name="python3", record_timing=False)
    begin = time.perf_counter()
    try:
        with client.setup_kernel(cwd=str(path.parent), env=environment):
            memory = Memory(client.km.provisioner.pid)
            memory.start()
            for number, cell in enumerate(notebook.cells):
                client.execute_cell(cell, number)
            seconds = time.perf_counter() - begin
            memory.ended.set()
            memory.join()
            found = ask(client, notebook)
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
        raise RunError(f"{path}: {error}") from error
    if Path(found["file"]) != (package / "__init__.py").resolve():
        raise RunError(f"{path}: was executed with {found['file']} and not with {package}; install this clone")
    machine = found["hardware"]
    normalise(notebook)
    notebook.metadata["videocnn"] = {
        "modules": found["modules"],
        "seconds": round(seconds),
        "processor_seconds": found["processor_seconds"],
        "memory_mb": round(max(memory.peak, found["memory"]) / 1e6),
        "processor": f"{machine['processor']}, {machine['processors']} cores",
        "versions": found["versions"],
    }
    notebook.metadata.videocnn["sources"] = sources(notebook, package)
    return notebook


def ask(client: NotebookClient, notebook: NotebookNode) -> dict[str, Any]:
    """Return what the kernel says of itself after the last cell; the notebook is left as it was."""
    cell = nbformat.v4.new_code_cell(PROBE)
    notebook.cells.append(cell)
    client.execute_cell(cell, len(notebook.cells) - 1)
    notebook.cells.pop()
    return json.loads("".join(output.text for output in cell.outputs if output.get("name") == "stdout"))


def normalise(notebook: NotebookNode) -> None:
    """Take out what differs from one execution to the next without being a result."""
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    notebook.metadata = NotebookNode(
        kernelspec={"display_name": "Python 3", "language": "python", "name": "python3"},
        language_info={"name": "python"},
    )
    for cell in notebook.cells:
        cell.metadata = NotebookNode({key: value for key, value in cell.metadata.items() if key in KEPT_METADATA})
        if cell.cell_type != "code":
            continue
        outputs: list[NotebookNode] = []
        for output in cell.outputs:
            if output.get("name") == "stderr":
                output.text = START_UP.sub("", output.text)
                if not output.text.strip():
                    continue
            if output.output_type == "stream" and outputs and outputs[-1].get("name") == output.name:
                outputs[-1].text += output.text
                continue
            if "data" in output and any(kind in output.data for kind in KEPT_OUTPUTS):
                output.data = NotebookNode({kind: output.data[kind] for kind in KEPT_OUTPUTS if kind in output.data})
                output.metadata = NotebookNode()
            outputs.append(output)
        cell.outputs = outputs


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("notebooks", nargs="*", type=Path, help="by default the stale ones beside this script")
    parser.add_argument("--all", action="store_true", help="execute them all, stale or not")
    parser.add_argument("--check", action="store_true", help="only name the stale ones; exit 1 if there are any")
    options = parser.parse_args(arguments)
    paths = [path.resolve() for path in options.notebooks] or sorted(TUTORIALS.glob("[0-9][0-9]_*.ipynb"))
    if not options.notebooks and not options.all:
        paths = [path for path in paths if is_stale(nbformat.read(path, as_version=4))]
    failures = 0
    for path in paths:
        if options.check:
            print(f"{path.name}: stale; make notebooks")
            continue
        print(f"{path.name}: executing", flush=True)
        try:
            notebook = execute(path)
        except RunError as error:
            print(error, file=sys.stderr)
            failures += 1
            continue
        nbformat.write(notebook, path)
        took = notebook.metadata.videocnn
        print(
            f"{path.name}: {took.seconds} s ({took.processor_seconds} s of the processor), {took.memory_mb} MB",
            flush=True,
        )
    return 1 if failures or (options.check and paths) else 0


if __name__ == "__main__":
    sys.exit(main())
