"""The commands and examples on pages: pages and docstrings go in, blocks to run come out, each with what becomes of it.

On a page, what counts is every fenced block of Python or shell, and every indented one that begins with a command. A
block is run unless the line before it says `<!-- not run: REASON -->`. The blocks of one page run in one process, in
order and in one folder; `make TARGET` is not run, the Makefile must have the target. What would take long is shortened
as SHORTER says. As a program, it runs the blocks that it is given as JSON.
"""

from __future__ import annotations

import dataclasses
import json
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PYTHON, SHELL, SESSION = "python", "sh", "pycon"
LANGUAGES = {
    "python": PYTHON,
    "py": PYTHON,
    "pycon": SESSION,
    **dict.fromkeys(("sh", "bash", "shell", "console"), SHELL),
}
PLAIN = {"text", "txt", "csv", "json", "yaml", "toml", "html", "css", "mermaid", "diff", "makefile", "ini", "tex"}
COMMANDS = (
    "videocnn",
    "python",
    "python3",
    "pip",
    "make",
    "git",
    "bash",
    "sudo",
    "apt",
    "brew",
    "docker",
    "cd",
    "export",
)
MARK = re.compile(r"^\s*<!--\s*not run:\s*(?P<reason>.*?)\s*-->\s*$")
FENCE = re.compile(r"^(?P<indent>[ \t]*)(?P<fence>`{3,}|~{3,})[ \t]*\{?\.?(?P<language>[\w+-]*)[^`\n]*$")

# What pages show takes minutes; what is run in its place, everywhere. Each must be of use on some page.
SHORTER = (
    (r"--minutes [\d.]+", "--minutes 0.02"),
    (r"\bminutes=[\d.]+", "minutes=0.02"),
    (r"--epochs \d+", "--epochs 1"),
    (r"videocnn train (?!.*--frame-size)", "videocnn train --frame-size 46 "),
    (r"videocnn train (?!.*--width)", "videocnn train --width 0.1 "),
    (r"videocnn finetune (?!.*--(?:epochs|minutes))", "videocnn finetune --epochs 1 "),
    (r'make_toy\("toy"\)', 'make_toy("toy", groups_per_class=3)'),
)
# Where a page's own commands make a file or folder, that of the small world must not be in the way.
MADE = {
    SHELL: (r"--out[ =](\S+)", r"videocnn shard \S+ (\S+)"),
    PYTHON: (r'make_toy\(\s*"([^"]+)"', r'\b(?:train|write_shards|write_features)\([^,()]+,\s*"([^"]+)"',
             r'\bfinetune\([^,()]+,[^,()]+,\s*"([^"]+)"'),
}  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Block:
    """One block of a page.

    Attributes:
        page: path in the repository.
        line: of its first line, from 1.
        language: `python`, `sh`, `pycon`; anything else is not for running.
        text: what the page shows, not indented.
        reason: why it is not run; None if it is.
    """

    page: str
    line: int
    language: str
    text: str
    reason: str | None = None

    @property
    def place(self) -> str:
        return f"{self.page}:{self.line}"

    @property
    def runs(self) -> bool:
        return self.reason is None and self.language in (PYTHON, SHELL, SESSION)


def pages(root: Path = ROOT) -> list[Path]:
    """Return the pages whose blocks are run."""
    found = [root / "README.md", root / "CONTRIBUTING.md", *root.glob("data/*/README.md")]
    found += (path for path in root.glob("tutorials/**/*.md") if "course" not in path.relative_to(root).parts[:-1])
    return sorted(path for path in found if path.is_file())


def is_command(text: str) -> bool:
    """Return whether a block without a language is one for a shell."""
    return text.lstrip("$ ").split(" ", 1)[0].strip() in COMMANDS


def blocks(path: Path, root: Path = ROOT) -> list[Block]:
    """Return all blocks of a page, in order."""
    page, lines, found = path.relative_to(root).as_posix(), path.read_text(encoding="utf-8").splitlines(), []
    number = 0
    while number < len(lines):
        fence = FENCE.match(lines[number])
        if fence:
            end, close = number + 1, re.compile(rf"[ \t]*{fence['fence']}+[ \t]*")
            while end < len(lines) and not close.fullmatch(lines[end]):
                end += 1
            text, language = textwrap.dedent("\n".join(lines[number + 1 : end])), fence["language"].lower()
            start, after = number + 1, end + 1
        elif lines[number].startswith("    ") and (number == 0 or not lines[number - 1].strip()):
            end = number
            while end < len(lines) and (lines[end].startswith("    ") or not lines[end].strip()):
                end += 1
            text, language = textwrap.dedent("\n".join(lines[number:end])).strip("\n"), ""
            if not is_command(text):  # a list's second paragraph, which may hold a fence, or a drawing
                number += 1
                continue
            start, after = number, end
        else:
            number += 1
            continue
        kind = LANGUAGES.get(language, language) or (SHELL if is_command(text) else "text")
        found.append(Block(page, start + 1, kind, text + "\n", reason(lines[:number])))
        number = after
    return found


def reason(before: list[str]) -> str | None:
    """Return the reason that the last line before a block, blank lines apart, gives for not running it."""
    last = next((line for line in reversed(before) if line.strip()), "")
    mark = MARK.match(last)
    return mark["reason"] if mark else None


def targets(block: Block) -> list[str]:
    """Return what a block of shell commands asks of make."""
    found = re.findall(r"^[ \t]*make\b([^#\n]*)", block.text, re.MULTILINE)
    words = [[word for word in line.split() if "=" not in word and not word.startswith("-")] for line in found]
    return [target for line in words for target in line]


def makefile_targets(root: Path = ROOT) -> set[str]:
    """Return the targets of the Makefile."""
    text = (root / "Makefile").read_text(encoding="utf-8")
    return set(re.findall(r"^([\w.-]+):", text, re.MULTILINE))


def runnable(block: Block) -> str:
    """Return what is run in a block's place: shortened, and make left out."""
    text = block.text
    if block.language == SHELL:
        text = re.sub(r"^[ \t]*make\b.*$", ":", text, flags=re.MULTILINE)
        text = re.sub(r"^([ \t]*)\$ ", r"\1", text, flags=re.MULTILINE)
        text = re.sub(r"[ \t]*\\\n[ \t]*", " ", text)
    for pattern, short in SHORTER:
        text = re.sub(pattern, short, text)
    return text


def made(page: list[Block]) -> Iterator[str]:
    """Yield the paths that a page makes before it speaks of them in any other way."""
    lines = [(block.language, line) for block in page if block.runs for line in runnable(block).splitlines()]
    for place, (language, line) in enumerate(lines):
        if "--resume" in line:
            continue
        for pattern in MADE.get(language, ()):
            for name in re.findall(pattern, line):
                word = re.compile(rf"(?<![\w./]){re.escape(name)}(?![\w-])")
                if not any(word.search(earlier.split("#")[0]) for _, earlier in lines[:place]):
                    yield name


def run_all(found: list[dict[str, str]]) -> None:
    """Run blocks `{place, language, text}` in order, in this folder; end the process at the first that fails."""
    import doctest
    import linecache
    import traceback

    namespace = {"__name__": "__main__"}
    for block in found:
        place, text = block["place"], block["text"]
        print(f"--- {place}", flush=True)
        if block["language"] == SHELL:
            code = subprocess.run(["bash", "-e", "-o", "pipefail", "-c", text]).returncode
            if code:
                sys.exit(f"{place}: exit status {code}")
        elif block["language"] == PYTHON:
            linecache.cache[place] = len(text), None, text.splitlines(True), place  # so that the traceback shows it
            try:
                exec(compile(text, place, "exec"), namespace)
            except Exception:
                traceback.print_exc()
                sys.exit(f"{place}: failed")
        else:
            test = doctest.DocTestParser().get_doctest(text, namespace, place, place, 0)
            results = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(test, clear_globs=False)
            if results.failed:
                sys.exit(f"{place}: failed")
            namespace.update(test.globs)


if __name__ == "__main__":
    run_all(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
