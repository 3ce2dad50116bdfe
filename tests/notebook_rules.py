"""The rules for the notebooks of the course: a notebook goes in, out comes a list of what is wrong with it, in words.

`problems` is about one notebook, `copied` is about all of them together. To check a draft, executed or not:

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
from collections.abc import Callable, Iterator
from pathlib import Path

import nbformat
from nbformat import NotebookNode

TUTORIALS = Path(__file__).resolve().parent.parent / "tutorials"
NAMES = (
    "01_a_clip_is_the_unit",
    "02_single_frame",
    "03_fusion_in_time",
    "04_fovea_and_context",
    "05_from_clips_to_videos",
    "06_filter_visualisation",
    "07_ucf101_transfer",
    "08_several_gpus",
    "09_your_own_videos",
)
PLACES = re.compile(r"(?<![\w./-])/(?:work|home|tmp|root|Users|var/folders|mnt)/|[A-Z]:\\+Users|\bat 0x[0-9a-f]{6,}")
COMPLAINTS = re.compile(
    r"\bWARNING\b|\w*Warning\b:|Traceback \(most recent|\babsl\b|^[WE]\d{4} \d\d:\d\d", re.MULTILINE
)
NUMBER = re.compile(r"\*\*([+−-]?\d[^*\n]*)\*\*")  # in bold, and a number: one that the notebook has measured
VALUE = re.compile(r"[+−-]?\d[\d,]*(?:\.\d+)?")
LINK = re.compile(r"(!?)\[([^\[\]]*)\]\(([^)\s]+)[^)]*\)")
MAX_BYTES, MAX_SECONDS, MAX_MEGABYTES = 1_000_000, 180, 2000
CELLS, WORDS, MAX_LINES, MAX_CELL_LINES = (18, 30), (600, 1200), 200, 15
BADGE = "https://colab.research.google.com/github/videocnn/videocnn/blob/main/tutorials/{}.ipynb"


def load_tool():
    """Return `tutorials/run.py` as a module: it says what the install cell is and what a notebook's hash is."""
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


def num_words(text: str) -> int:
    """Return how many words a reader reads: no addresses, tags or marks."""
    text = re.sub(r"\]\([^)]*\)|<[^>]+>|https?://\S+", " ", text)
    return len(re.findall(r"[^\W_][\w'’.-]*", text))


def tree(cell: NotebookNode) -> ast.Module | None:
    """Return a code cell's syntax tree, its magic lines taken out; None if it is not Python."""
    lines = [re.sub(r"^(\s*)[%!].*", r"\1pass", line) for line in cell.source.splitlines()]
    try:
        return ast.parse("\n".join(lines))
    except SyntaxError:
        return None


def tagged(notebook: NotebookNode, tag: str) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if TOOL.tagged(cell, tag)]


def is_imports(cell: NotebookNode) -> bool:
    """Return whether a cell imports and does nothing else."""
    parsed = tree(cell)
    return bool(parsed and parsed.body) and all(isinstance(node, (ast.Import, ast.ImportFrom)) for node in parsed.body)


def constants(cell: NotebookNode) -> set[str]:
    """Return the names that a cell sets, if it does nothing but set constants."""
    parsed = tree(cell)
    if parsed is None or not all(isinstance(node, ast.Assign) for node in parsed.body):
        return set()
    names = {target.id for node in parsed.body for target in node.targets if isinstance(target, ast.Name)}
    return names if all(name.isupper() for name in names) else set()


def outputs(notebook: NotebookNode) -> Iterator[tuple[int, NotebookNode]]:
    """Yield each output with the number of its code cell, from 1."""
    for number, cell in enumerate(code_cells(notebook), 1):
        for output in cell.outputs:
            yield number, output


def texts(notebook: NotebookNode) -> Iterator[tuple[int, str]]:
    """Yield the text of each output with the number of its code cell."""
    for number, output in outputs(notebook):
        if output.output_type == "stream":
            yield number, output.text
        elif output.output_type == "error":
            yield number, "\n".join(output.traceback)
        elif "text/plain" in output.get("data", {}):
            yield number, output.data["text/plain"]


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
        extra = set(cell.metadata) - set(TOOL.KEPT_METADATA) | set(cell.metadata.get("tags", [])) - {
            "install",
            "quoted",
        }
        if extra:
            yield f"has a cell with the metadata {sorted(extra)}: nothing is hidden, only install and quoted are tagged"
    if "widgets" in notebook.metadata:
        yield "keeps the state of widgets"


def current(path: Path, notebook: NotebookNode) -> Iterator[str]:
    counts = [cell.execution_count for cell in code_cells(notebook)]
    if counts != list(range(1, len(counts) + 1)):
        yield f"was not executed from top to bottom by a fresh kernel: its cells are numbered {counts}"
    if not any(True for _ in outputs(notebook)):
        yield "has no outputs"
    if TOOL.is_stale(notebook):
        yield "is stale: it was executed with other code than is here; make notebooks"
    kept = notebook.metadata.get("videocnn", {})
    absent = {"sources", "modules", "seconds", "processor_seconds", "memory_mb", "processor", "versions"} - set(kept)
    if absent:
        yield f"does not say in its metadata: {', '.join(sorted(absent))}"
    if kept.get("seconds", 0) > MAX_SECONDS:
        yield f"took {kept['seconds']} seconds, more than {MAX_SECONDS}"
    if kept.get("memory_mb", 0) > MAX_MEGABYTES:
        yield f"took {kept['memory_mb']} MB, more than {MAX_MEGABYTES}"


def clean_outputs(path: Path, notebook: NotebookNode) -> Iterator[str]:
    for number, output in outputs(notebook):
        if output.output_type == "error" or output.get("name") == "stderr":
            yield f"code cell {number}: an error, or output on standard error"
        other = set(output.get("data", {})) - set(TOOL.KEPT_OUTPUTS)
        if other:
            yield f"code cell {number}: output of the kind {', '.join(sorted(other))}, which the site does not show"
    for number, text in texts(notebook):
        if COMPLAINTS.search(text):
            yield f"code cell {number}: a warning or a traceback in its output: {COMPLAINTS.search(text).group()}"
        if "\x1b" in text or "\r" in text:
            yield f"code cell {number}: terminal colours or a progress bar in its output"
    for text in itertools.chain((cell.source for cell in notebook.cells), (text for _, text in texts(notebook))):
        if PLACES.search(text):
            yield f"a path or an address of the machine: {PLACES.search(text).group()}"


def size(path: Path, notebook: NotebookNode) -> Iterator[str]:
    if not CELLS[0] <= len(notebook.cells) <= CELLS[1]:
        yield f"has {len(notebook.cells)} cells, not {CELLS[0]} to {CELLS[1]}"
    words = num_words(prose(notebook))
    if not WORDS[0] <= words <= WORDS[1]:
        yield f"has {words} words, not {WORDS[0]} to {WORDS[1]}"
    lines = [sum(bool(line.strip()) for line in cell.source.splitlines()) for cell in code_cells(notebook)]
    if sum(lines) > MAX_LINES:
        yield f"has {sum(lines)} lines of code, more than {MAX_LINES}"
    for number, count in enumerate(lines, 1):
        if count > MAX_CELL_LINES:
            yield f"code cell {number}: {count} lines, more than {MAX_CELL_LINES}"


def beginning(path: Path, notebook: NotebookNode) -> Iterator[str]:
    first = notebook.cells[0].source if notebook.cells and notebook.cells[0].cell_type == "markdown" else ""
    if not re.match(r"# \S", first):
        yield "does not begin with a title in markdown"
    listed = re.search(
        r"you will learn[^\n]*\n+((?:[ \t]*[-*] [^\n]*\n?(?:[ \t]+[^\s-][^\n]*\n?)*)+)", first, re.IGNORECASE
    )
    bullets = len(re.findall(r"^[ \t]*[-*] ", listed.group(1), re.MULTILINE)) if listed else 0
    if bullets != 3:
        yield f'has {bullets} bullets under "You will learn" in its first cell, not 3'
    if not re.search(r"\b(minutes?|seconds?|min|s)\b", first) or not re.search(r"\d\s*[GM]i?B\b", first):
        yield "does not say in its first cell how much time and memory it needs"
    if not re.search(r"\bExpect [a-z]", first):
        yield "does not say in its first cell what to expect"
    if BADGE.format(path.stem) not in first:
        yield f"has no badge in its first cell with the address {BADGE.format(path.stem)}"
    if len(tagged(notebook, "install")) != 1 or not TOOL.tagged(notebook.cells[1], "install"):
        yield "has another second cell than the one tagged install"
    elif notebook.cells[1].source != TOOL.INSTALL:
        yield "has an install cell that differs from INSTALL in tutorials/run.py"
    elif notebook.cells[1].get("outputs"):
        yield "has an install cell that printed something"
    cells = code_cells(notebook)[1:]
    if not cells or not is_imports(cells[0]):
        yield "has no imports, or something beside them, in the code cell after the install cell"
    for cell in cells[1:]:
        parsed = tree(cell)
        if parsed and any(isinstance(node, (ast.Import, ast.ImportFrom)) for node in ast.walk(parsed)):
            yield f"imports outside its imports cell: {cell.source.splitlines()[0]}"
    if len(cells) < 2 or "DATA" not in constants(cells[1]):
        yield "has no constants, DATA among them, in the code cell after the imports"


def ending(path: Path, notebook: NotebookNode) -> Iterator[str]:
    text = prose(notebook)
    if not any("chance" in shown.lower() and shown.count("\n") >= 2 for _, shown in texts(notebook)):
        yield "prints no results table with the chance level"
    shortcomings = re.split(r"\bdid \W*not\W* show", text, maxsplit=1, flags=re.IGNORECASE)
    if len(shortcomings) != 2:
        yield "does not say what it did not show"
    elif not re.search(r"\bpaper", LINK.sub(r"\2", shortcomings[1].split("# Exercises")[0])):
        yield "does not speak of the paper where it says what it did not show"
    exercises = re.split(r"^#+ Exercises.*$", text, maxsplit=1, flags=re.MULTILINE)
    # Without markdown="1" the site shows an answer's backticks.
    answers = re.findall(
        r'^<details markdown="1"><summary>Answer</summary>\n\n(.*?)\n\n</details>$',
        exercises[-1],
        re.DOTALL | re.MULTILINE,
    )
    if len(exercises) != 2 or len(answers) != 3 or not all(num_words(answer) >= 5 for answer in answers):
        yield (
            "has not three exercises with folded answers under the heading Exercises, each answer a paragraph between "
            '<details markdown="1"><summary>Answer</summary> and </details>'
        )
    for number, kind in enumerate(("Predict", "Modify", "Investigate"), 1):
        # A list would begin again at 1 after every answer.
        if not re.search(rf"^\*\*Exercise {number}\. {kind}\.\*\* \S", exercises[-1], re.MULTILINE):
            yield f"has no exercise that begins with **Exercise {number}. {kind}.**"
    targets = {target.split("#")[0] for _, _, target in LINK.findall(text)}
    if path.stem in NAMES:
        place = NAMES.index(path.stem)
        for neighbour in NAMES[max(0, place - 1) : place] + NAMES[place + 1 : place + 2]:
            if f"{neighbour}.ipynb" not in targets:
                yield f"has no link to {neighbour}.ipynb"
    if not any(re.match(r"(\./)?paper/", target) for target in targets):
        yield "has no link to a page of the paper"


def links(path: Path, notebook: NotebookNode) -> Iterator[str]:
    text = prose(notebook)
    for mark, shown, target in LINK.findall(text):
        if mark and not shown.strip():
            yield f"has a picture without a text in its place: {target}"
        if mark and re.match(r"https?:", target):
            yield f"has a picture that another server must send: {target}"
        if re.match(r"[a-z]+:|#|/", target):
            if not target.startswith(("https://", "http://", "#")):
                yield f"has a link that is neither relative nor of the web: {target}"
        elif not (path.parent / target.split("#")[0]).exists():
            yield f"has a link that leads nowhere: {target}"
    for tag in re.findall(r"<img[^>]*>", text):
        if not re.search(r"\balt=[\"'][^\"']*\w", tag):
            yield f"has a picture without a text in its place: {tag}"


def pictures(path: Path, notebook: NotebookNode) -> Iterator[str]:
    for number, cell in enumerate(code_cells(notebook), 1):
        shown = sum("image/png" in output.get("data", {}) for output in cell.outputs)
        said = TOOL.picture_texts(cell)
        if len(said) != shown:
            yield f"code cell {number}: pictures: {shown}, texts in their place (`alt` in its metadata): {len(said)}"
        for text in said:
            if num_words(text) < 6 or not text.endswith("."):
                yield f"code cell {number}: does not say in a sentence what its picture shows: {text}"


def quoted(path: Path, notebook: NotebookNode) -> Iterator[str]:
    said = {re.sub(r"\s+", " ", number) for number in NUMBER.findall(prose(notebook).replace("\u00a0", " "))}
    for number in sorted(said):
        if not VALUE.sub("", number, count=1).strip():
            yield f"quotes {number} without its unit"
    cells = tagged(notebook, "quoted")
    if len(cells) != 1 or cells[0] is not code_cells(notebook)[-1]:
        yield "has another last code cell than the one tagged quoted"
        return
    parsed = tree(cells[0])
    entries = next((node.value for node in parsed.body if _sets(node, "quoted")), None) if parsed else None
    checks = [node for node in parsed.body if isinstance(node, ast.Assert)] if parsed else []
    if not isinstance(entries, ast.Dict) or len(checks) != 1:
        yield "has no dictionary `quoted`, or not one assert, in its last code cell"
        return
    ranges = {}
    for key, value in zip(entries.keys, entries.values, strict=True):
        name = key.value if isinstance(key, ast.Constant) and isinstance(key.value, str) else ast.unparse(key)
        try:
            measured, *bounds = value.elts
            low, high = map(ast.literal_eval, bounds)
            assert low < high
        except (AttributeError, ValueError, AssertionError):
            yield f"quoted: {name} has not the form (value, low, high) with numbers low < high"
            continue
        ranges[name] = low, high
        if not any(isinstance(node, ast.Name) for node in ast.walk(measured)):
            yield f"quoted: the value of {name} is written down and not computed"
        number = VALUE.match(name)
        number = float(number.group().replace(",", "").replace("−", "-")) if number else float("nan")
        if not (low <= number <= high or ("%" in name and low <= number / 100 <= high)):
            yield f"quoted: {name} is not between {low} and {high}"
    for number in sorted(said - set(ranges)):
        yield f"quotes {number} in bold, which the dictionary `quoted` does not hold"
    for number in sorted(set(ranges) - said):
        yield f"quoted holds {number}, which stands nowhere in bold"
    yield from _asserts(checks[0], ranges)


def _sets(node: ast.stmt, name: str) -> bool:
    return isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == name for t in node.targets)


def _asserts(check: ast.Assert, ranges: dict[str, tuple[float, float]]) -> Iterator[str]:
    """Try the assert on values within their ranges and, one after the other, beside them."""

    def holds(values: dict[str, tuple[float, float, float]]) -> bool:
        try:
            exec(compile(ast.Module([check], []), "quoted", "exec"), {"quoted": values})
        except AssertionError:
            return False
        return True

    good = {name: ((low + high) / 2, low, high) for name, (low, high) in ranges.items()}
    try:
        if not holds(good):
            yield "quoted: the assert fails although all values are in their ranges"
        for name, (low, high) in ranges.items():
            for value in (low - 0.01 * (high - low), high + 0.01 * (high - low)):
                if holds(good | {name: (value, low, high)}):
                    yield f"quoted: the assert does not see that {name} is out of its range"
                    break
    except Exception as error:  # anything that a notebook's author may have written
        yield f"quoted: the assert looks at more than `quoted` ({error})"


RULES: tuple[Callable[[Path, NotebookNode], Iterator[str]], ...] = (
    current,
    clean_outputs,
    size,
    beginning,
    ending,
    links,
    pictures,
    quoted,
)


def copied(notebooks: dict[str, NotebookNode]) -> list[str]:
    """Return which code cells of three lines or more stand in two notebooks, or twice in one."""
    seen, found = {}, []
    for name, notebook in notebooks.items():
        for cell in code_cells(notebook):
            parsed = tree(cell)
            lines = [line for line in cell.source.splitlines() if line.strip() and not line.strip().startswith("#")]
            if TOOL.tagged(cell, "install") or is_imports(cell) or constants(cell) or parsed is None or len(lines) < 3:
                continue
            other = seen.setdefault(ast.dump(parsed), name)
            if other != name or seen.get((ast.dump(parsed), name)):
                found.append(f"{name}: has a cell of {other}: {lines[0]}")
            seen[ast.dump(parsed), name] = True
    return found


def problems(path: Path) -> list[str]:
    """Return everything that is wrong with one notebook."""
    notebook = nbformat.read(path, as_version=4)
    found = list(valid(path, notebook))
    if not found or "is not a valid" not in found[0]:
        found += [problem for rule in RULES for problem in rule(path, notebook)]
    return [f"{path.name}: {problem}" for problem in found]


if __name__ == "__main__":
    everything = [problem for name in sys.argv[1:] for problem in problems(Path(name))]
    everything += copied({Path(name).name: nbformat.read(name, as_version=4) for name in sys.argv[1:]})
    print("\n".join(everything) or "nothing is wrong")
    sys.exit(bool(everything))
