"""Rules that protect the readers of a notebook: `problems` returns what is wrong with one, in words.

python tests/notebook_rules.py tutorials/02_single_frame.ipynb
"""

from __future__ import annotations

import ast
import importlib.util
import itertools
import json
import re
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import nbformat
from nbformat import NotebookNode

TUTORIALS = Path(__file__).resolve().parent.parent / "tutorials"
PLACES = re.compile(r"(?<![\w./-])/(?:work|home|tmp|root|Users|var/folders|mnt)/|[A-Z]:\\+Users|\bat 0x[0-9a-f]{6,}")
COMPLAINTS = re.compile(
    r"\bWARNING\b|\w*Warning\b:|Traceback \(most recent|\babsl\b|^[WE]\d{4} \d\d:\d\d", re.MULTILINE
)
NUMBER = re.compile(r"\*\*([+−-]?\d[^*\n]*)\*\*")  # in bold, and a number: measured by the notebook
LINK = re.compile(r"(!?)\[([^\[\]]*)\]\(([^)\s]+)[^)]*\)")
MAX_BYTES, MAX_SECONDS, MAX_MEGABYTES = 1_000_000, 180, 2000
BADGE = "https://colab.research.google.com/github/videocnn/videocnn/blob/main/tutorials/{}.ipynb"


def load_tool():
    """Return `tutorials/run.py` as a module."""
    spec = importlib.util.spec_from_file_location("tutorials_run", TUTORIALS / "run.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


TOOL = load_tool()


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def prose(notebook: NotebookNode) -> str:
    """Return the markdown of all cells, without code."""
    text = "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    return re.sub(r"^[ \t]*(```|~~~).*?^[ \t]*\1", "", text, flags=re.MULTILINE | re.DOTALL)


def valid(path: Path, notebook: NotebookNode) -> Iterator[str]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            nbformat.validate(json.loads(path.read_text(encoding="utf-8")))
    except (nbformat.ValidationError, Warning) as error:
        yield f"is not a valid notebook: {str(error).splitlines()[0]}"
    if path.stat().st_size > MAX_BYTES:
        yield f"has {path.stat().st_size:,} bytes, more than {MAX_BYTES:,}"
    for cell in notebook.cells:
        extra = set(cell.metadata) - set(TOOL.KEPT_METADATA)
        hidden = set(cell.metadata.get("tags", [])) - {"install", "quoted"}
        if extra or hidden:
            yield f"has a cell with unexpected metadata: {sorted(extra | hidden)}"


def executed(path: Path, notebook: NotebookNode) -> Iterator[str]:
    counts = [cell.execution_count for cell in code_cells(notebook)]
    if counts != list(range(1, len(counts) + 1)):
        yield f"was not executed from top to bottom in a fresh kernel: its cells are numbered {counts}"
    kept = notebook.metadata.get("videocnn", {})
    if kept.get("seconds", MAX_SECONDS + 1) > MAX_SECONDS:
        yield f"took {kept.get('seconds')} seconds, more than {MAX_SECONDS}"
    if kept.get("memory_mb", MAX_MEGABYTES + 1) > MAX_MEGABYTES:
        yield f"took {kept.get('memory_mb')} MB, more than {MAX_MEGABYTES}"


def clean_outputs(path: Path, notebook: NotebookNode) -> Iterator[str]:
    texts = []
    for number, cell in enumerate(code_cells(notebook), 1):
        for output in cell.outputs:
            if output.output_type == "error" or output.get("name") == "stderr":
                yield f"code cell {number}: an error, or output on standard error"
            other = set(output.get("data", {})) - set(TOOL.KEPT_OUTPUTS)
            if other:
                yield f"code cell {number}: output of type {', '.join(sorted(other))}, which the site does not show"
            text = output.get("text") or output.get("data", {}).get("text/plain", "")
            texts.append(text)
            if COMPLAINTS.search(text):
                yield f"code cell {number}: a warning or a traceback in its output: {COMPLAINTS.search(text).group()}"
            if "\x1b" in text or "\r" in text:
                yield f"code cell {number}: terminal colours or a progress bar in its output"
    for text in itertools.chain((cell.source for cell in notebook.cells), texts):
        if PLACES.search(text):
            yield f"a path or an address of the machine: {PLACES.search(text).group()}"


def start(path: Path, notebook: NotebookNode) -> Iterator[str]:
    if BADGE.format(path.stem) not in notebook.cells[0].source:
        yield f"has no badge in its first cell that opens {BADGE.format(path.stem)}"
    installs = [cell for cell in notebook.cells if TOOL.tagged(cell, "install")]
    if installs != [notebook.cells[1]] or installs[0].source != TOOL.INSTALL or installs[0].outputs:
        yield "has another second cell than INSTALL of tutorials/run.py"
    if not any("chance" in str(output).lower() for cell in code_cells(notebook) for output in cell.outputs):
        yield "prints no results beside the chance level"


def links(path: Path, notebook: NotebookNode) -> Iterator[str]:
    text = prose(notebook)
    for mark, shown, target in LINK.findall(text):
        if mark and (not shown.strip() or re.match(r"https?:", target)):
            yield f"has a picture without alternative text, or from another server: {target}"
        if re.match(r"[a-z]+:|#|/", target):
            if not target.startswith(("https://", "http://", "#")):
                yield f"has a link that is neither relative nor to the web: {target}"
        elif not (path.parent / target.split("#")[0]).exists():
            yield f"has a broken link: {target}"


def pictures(path: Path, notebook: NotebookNode) -> Iterator[str]:
    for number, cell in enumerate(code_cells(notebook), 1):
        shown = sum("image/png" in output.get("data", {}) for output in cell.outputs)
        texts = [text for text in TOOL.picture_texts(cell) if text.strip()]
        if len(texts) != shown:
            yield f"code cell {number}: {shown} pictures, but {len(texts)} alternative texts (`alt` in its metadata)"


def quoted(path: Path, notebook: NotebookNode) -> Iterator[str]:
    """Every number in bold must be a key of `quoted` in the last cell, which asserts that it still holds."""
    last = code_cells(notebook)[-1]
    body = ast.parse(last.source).body if TOOL.tagged(last, "quoted") else []
    keys = [
        {key.value for key in node.value.keys if isinstance(key, ast.Constant)}
        for node in body
        if isinstance(node, ast.Assign)
        and ast.unparse(node.targets[0]) == "quoted"
        and isinstance(node.value, ast.Dict)
    ]
    if len(keys) != 1 or not any(isinstance(node, ast.Assert) for node in body):
        yield "does not end with a cell tagged quoted that asserts the numbers in bold"
        return
    bold = {re.sub(r"\s+", " ", number) for number in NUMBER.findall(prose(notebook).replace("\u00a0", " "))}
    for number in sorted(bold ^ keys[0]):
        yield f"{number} is in bold or in the dictionary `quoted`, not in both"


RULES = (executed, clean_outputs, start, links, pictures, quoted)


def problems(path: Path) -> list[str]:
    """Return everything that is wrong with a notebook."""
    notebook = nbformat.read(path, as_version=4)
    found = list(valid(path, notebook))
    if not found or "is not a valid" not in found[0]:
        found += [problem for rule in RULES for problem in rule(path, notebook)]
    return [f"{path.name}: {problem}" for problem in found]


if __name__ == "__main__":
    everything = [problem for name in sys.argv[1:] for problem in problems(Path(name))]
    print("\n".join(everything) or "no problems")
    sys.exit(bool(everything))
