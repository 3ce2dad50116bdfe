"""Execute the notebooks of the course: `make notebooks`.

Each notebook is executed from top to bottom in a fresh kernel, in its own folder. Its metadata then record a hash of
its code cells and of the parameters of every videocnn function and class it uses, the wall-clock and processor seconds,
the peak memory, and the machine. A notebook whose hash has changed is stale. Refactoring the package leaves the hash as
it is.

    python tutorials/run.py                                  # execute the stale notebooks
    python tutorials/run.py tutorials/02_single_frame.ipynb  # execute this one, stale or not
    python tutorials/run.py --all
    python tutorials/run.py --check                          # list the stale notebooks and exit with status 1
    python tutorials/run.py --accept                         # store the current hashes and keep the outputs
"""

from __future__ import annotations

import argparse
import ast
import hashlib
import inspect
import json
import os
import pkgutil
import re
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
"""The second cell of every notebook, tagged `install`; it does nothing where the package is installed."""
CELL_SECONDS = 600
KEPT_OUTPUTS = ("image/png", "text/plain")  # what the site shows
KEPT_METADATA = ("tags", "alt")  # of a cell; `alt` is the alternative text of its pictures
# Evaluated in the kernel after the last cell. Windows has no `resource`; there the sampled peak has to do.
PROBE = """\
import json as _json, os as _os, sys as _sys
try:
    import resource as _resource
    _peak = _resource.getrusage(_resource.RUSAGE_SELF).ru_maxrss * (1 if _sys.platform == "darwin" else 1024)
except ImportError:
    _peak = 0
_seconds = sum(_os.times()[:4])
import videocnn as _videocnn
from videocnn.runs import hardware as _hardware, versions as _versions
print(_json.dumps({
    "file": _os.path.realpath(_videocnn.__file__), "hardware": _hardware(),
    "memory": _peak, "processor_seconds": round(_seconds), "versions": _versions(),
}))"""


class RunError(Exception):
    """A notebook could not be executed."""


def code_cells(notebook: NotebookNode) -> list[str]:
    """Return the source of every code cell, except for the cell that installs the package."""
    return [cell.source for cell in notebook.cells if cell.cell_type == "code" and not tagged(cell, "install")]


def names_used(cells: list[str]) -> list[str]:
    """Return the dotted names of the videocnn functions, classes and constants that code cells use, sorted."""
    # Magic commands are not Python.
    tree = ast.parse("\n".join(re.sub(r"^(\s*)[%!].*", r"\1pass", cell, flags=re.MULTILINE) for cell in cells))
    names = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "videocnn":
            names |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
    attributes = [node for node in ast.walk(tree) if isinstance(node, ast.Attribute)]
    members = {
        f"{names[node.value.id]}.{node.attr}"
        for node in attributes
        if isinstance(node.value, ast.Name) and node.value.id in names
    }
    return sorted({*names.values(), *members})


def parameters(name: str) -> list[list[str]] | str:
    """Return name, kind and default of each parameter of a function or class; a word for anything else."""
    try:
        value = pkgutil.resolve_name(name)
    except (ImportError, AttributeError):
        return "missing"
    if not (inspect.isfunction(value) or inspect.isclass(value)):
        return "constant"
    signature = inspect.signature(value.__init__ if inspect.isclass(value) else value)
    return [[each.name, each.kind.name, shown(each.default)] for each in signature.parameters.values()]


def shown(default: Any) -> str:
    """Return a default as text, which is the same in every process."""
    plain = (str, int, float, bool, tuple, type(None))
    return repr(default) if isinstance(default, plain) else getattr(default, "__name__", type(default).__name__)


def sources(notebook: NotebookNode) -> str:
    """Return the hash of a notebook's code cells and of the parameters of every videocnn name they use."""
    cells = code_cells(notebook)
    used = [[name, parameters(name)] for name in names_used(cells)]
    return hashlib.sha256(json.dumps([cells, used]).encode()).hexdigest()[:32]


def tagged(cell: NotebookNode, tag: str) -> bool:
    """Return whether a cell carries a tag."""
    return tag in cell.metadata.get("tags", [])


def picture_texts(cell: NotebookNode) -> list[str]:
    """Return the alternative texts of a cell's pictures, one for each."""
    alt = cell.metadata.get("alt", [])
    return [alt] if isinstance(alt, str) else list(alt)


def is_stale(notebook: NotebookNode) -> bool:
    """Return whether a notebook has cells without outputs, or has changed since it was executed."""
    unexecuted = any(cell.execution_count is None for cell in notebook.cells if cell.cell_type == "code")
    return unexecuted or sources(notebook) != notebook.metadata.get("videocnn", {}).get("sources")


class Memory(threading.Thread):
    """Samples the memory of a process and its children five times a second; `peak` is the largest sum, in bytes."""

    def __init__(self, pid: int):
        super().__init__(daemon=True)
        self.process, self.peak, self.ended = psutil.Process(pid), 0, threading.Event()

    def run(self) -> None:
        while not self.ended.wait(0.2):
            total = 0
            try:
                for process in (self.process, *self.process.children(recursive=True)):
                    total += process.memory_info().rss
            except psutil.Error:  # one of them ended in between
                continue
            self.peak = max(self.peak, total)


def execute(path: Path, package: Path = PACKAGE) -> NotebookNode:
    """Execute a notebook in a fresh kernel and return it with outputs, timings and memory.

    Raises:
        RunError: a cell fails or times out, or the kernel imports another copy of the package.
    """
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        if tagged(cell, "install"):
            cell.source = INSTALL
    # Training refuses to overwrite the runs of an earlier execution.
    for run in (path.parent / "course" / "runs").glob(f"{path.name[:3].replace('_', '-')}*"):
        shutil.rmtree(run)
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2"}
    environment.pop("MPLBACKEND", None)  # figures belong in the notebook
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
        raise RunError(f"{path}: imports videocnn from {found['file']}, expected {package}; install this clone")
    machine = found["hardware"]
    normalise(notebook)
    notebook.metadata["videocnn"] = {
        "seconds": round(seconds),
        "processor_seconds": found["processor_seconds"],
        "memory_mb": round(max(memory.peak, found["memory"]) / 1e6),
        "processor": f"{machine['processor']}, {machine['processors']} cores",
        "versions": found["versions"],
    }
    notebook.metadata.videocnn["sources"] = sources(notebook)
    return notebook


def ask(client: NotebookClient, notebook: NotebookNode) -> dict[str, Any]:
    """Run the probe in the kernel and return what it printed; the notebook is left unchanged."""
    cell = nbformat.v4.new_code_cell(PROBE)
    notebook.cells.append(cell)
    client.execute_cell(cell, len(notebook.cells) - 1)
    notebook.cells.pop()
    return json.loads("".join(output.text for output in cell.outputs if output.get("name") == "stdout"))


def normalise(notebook: NotebookNode) -> None:
    """Remove what differs between executions without being a result."""
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
    parser.add_argument("notebooks", nargs="*", type=Path, help="by default, the stale ones next to this script")
    parser.add_argument("--all", action="store_true", help="execute every notebook, stale or not")
    parser.add_argument("--check", action="store_true", help="list the stale notebooks; exit with status 1 if any")
    parser.add_argument("--accept", action="store_true", help="store the current hashes without executing anything")
    options = parser.parse_args(arguments)
    paths = [path.resolve() for path in options.notebooks] or sorted(TUTORIALS.glob("[0-9][0-9]_*.ipynb"))
    if not options.notebooks and not options.all:
        paths = [path for path in paths if is_stale(nbformat.read(path, as_version=4))]
    failures = 0
    for path in paths:
        if options.check:
            print(f"{path.name} is stale; run `make notebooks`")
            continue
        print(f"{path.name}: {'accepting' if options.accept else 'executing'}", flush=True)
        try:
            notebook = accept(path) if options.accept else execute(path)
        except RunError as error:
            print(error, file=sys.stderr)
            failures += 1
            continue
        nbformat.write(notebook, path)
        took = notebook.metadata.videocnn
        print(
            f"{path.name}: {took.seconds} s ({took.processor_seconds} s of processor time), {took.memory_mb} MB",
            flush=True,
        )
    return 1 if failures or (options.check and paths) else 0


def accept(path: Path) -> NotebookNode:
    """Return a notebook with its current hash and the outputs it has.

    Raises:
        RunError: the notebook was never executed.
    """
    notebook = nbformat.read(path, as_version=4)
    if "seconds" not in notebook.metadata.get("videocnn", {}):
        raise RunError(f"{path}: was never executed; run `make notebooks`")
    notebook.metadata.videocnn.pop("modules", None)
    notebook.metadata.videocnn["sources"] = sources(notebook)
    return notebook


if __name__ == "__main__":
    sys.exit(main())
