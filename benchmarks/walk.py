"""A newcomer's walk: a fresh clone and a fresh environment, README's commands and all notebooks in order, each timed.

Follows README of the clone to the letter, with two differences that the table states: the own videos are the toy videos
that its Python example renders, and they are trained on for 2 minutes. A step that fails is listed and the
walk goes on; it ends with status 1 if a step failed or all of them together took more than --limit minutes.

    python benchmarks/walk.py                            # half an hour on two cores; needs git, make and the network
    python benchmarks/walk.py --out walk.md --keep walk  # keep the table; keep clone and logs in the folder walk
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import platform
import re
import resource
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
SHORTER = ("--minutes 10", "--minutes 2")
PLACE = ("<!-- walk:begin -->", "<!-- walk:end -->")  # of the table on a page
STEP_SECONDS = 1800
# What of the caller's surroundings a newcomer would not have.
FOREIGN = ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME", "VIDEOCNN_DATA", "MPLBACKEND")
MACHINE = """\
import json
from videocnn.runs import hardware, versions
print(json.dumps({"processor": hardware()["processor"], **versions()}))"""


class WalkError(Exception):
    """There is nothing to walk through."""


@dataclasses.dataclass(frozen=True)
class Step:
    """One step.

    Attributes:
        part: what it belongs to: `install`, `README`, `own videos`, `course`.
        shown: the command or file, as the table shows it.
        command: what is run.
        folder: where.
    """

    part: str
    shown: str
    command: list[str]
    folder: Path


@dataclasses.dataclass(frozen=True)
class Walked:
    """A step that was made: its status, seconds by the clock and of all processors together."""

    step: Step
    status: str
    seconds: float
    processor_seconds: float


def fences(page: Path) -> list[tuple[str, str]]:
    """Return language and text of the fenced blocks of a page."""
    return re.findall(r"^```(\w*)[^\n]*\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def commands(block: str) -> list[str]:
    """Return the commands of a block for a shell, without comments and with continued lines joined."""
    lines = re.sub(r"[ \t]*\\\n[ \t]*", " ", block).splitlines()
    return [line for line in (re.sub(r"(^|\s+)#.*", "", line).strip() for line in lines) if line]


def steps(root: Path, clone: Path, here: Path) -> Iterator[Step]:
    """Yield the steps, those after the clone as the clone's own README has them.

    Raises:
        WalkError: the README has no such commands, or there are no notebooks.
    """
    yield Step("install", "git clone", ["git", "clone", "--quiet", str(root), str(clone)], clone.parent)
    if not (clone / "README.md").is_file():
        raise WalkError(f"{root}: the clone has no README.md")
    blocks = fences(clone / "README.md")
    first = next((text for language, text in blocks if language == "sh" and "make demo" in text), None)
    examples = "\n".join(text for language, text in blocks if language == "python")
    own = next((text for language, text in blocks if language == "sh" and "videocnn data folder" in text), None)
    notebooks = sorted((clone / "tutorials").glob("[0-9][0-9]_*.ipynb"))
    for found, what in (
        (first, "make demo"),
        (examples, "Python"),
        (own, "videocnn data folder"),
        (notebooks, "notebooks"),
    ):
        if not found:
            raise WalkError(f"{root}: there is no {what} to follow, neither in README.md nor in tutorials")
    yield Step("install", "make install", ["make", "install"], clone)
    extra = [str(clone / ".venv" / "bin" / "python"), "-m", "pip", "install", "--quiet", "--editable", ".[notebooks]"]
    yield Step("install", "pip install -e '.[notebooks]'", extra, clone)
    yield Step("README", "make demo", ["make", "demo"], clone)

    (here / "example.py").write_text(examples, encoding="utf-8")
    yield Step("README", "the examples in Python", [str(clone / ".venv" / "bin" / "python"), "example.py"], here)
    if (here / "toy").is_dir():
        for folder in sorted(path for path in (here / "toy").iterdir() if path.is_dir()):
            shutil.copytree(folder, here / "my_videos" / folder.name)
        shutil.copyfile(sorted((here / "my_videos").rglob("*.mp4"))[0], here / "some_video.mp4")
    for command in commands(own):
        short = command.replace(*SHORTER)
        yield Step("own videos", short, ["bash", "-e", "-c", short], here)
    for path in notebooks:
        run = [str(clone / ".venv" / "bin" / "python"), "tutorials/run.py", f"tutorials/{path.name}"]
        yield Step("course", path.stem, run, clone)


def walk(step: Step, environment: dict[str, str], log: Path) -> Walked:
    """Make one step, its output into a file."""
    before, begin = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    with open(log, "w", encoding="utf-8") as stream:
        stream.write(f"$ {shlex.join(step.command)}\n\n")
        stream.flush()
        try:
            code = subprocess.run(
                step.command, cwd=step.folder, env=environment, stdin=subprocess.DEVNULL, stdout=stream, stderr=stream,
                timeout=STEP_SECONDS,
            ).returncode  # fmt: skip
            status = "ok" if code == 0 else f"failed ({code})"
        except subprocess.TimeoutExpired:
            status = f"stopped after {STEP_SECONDS} s"
        except OSError as error:
            stream.write(str(error))
            status = f"failed ({error.strerror})"
    seconds, after = time.perf_counter() - begin, resource.getrusage(resource.RUSAGE_CHILDREN)
    return Walked(step, status, seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def restrict(cores: int) -> int:
    """Take so many cores of those that there are, where the system can tell; return how many are used."""
    if not hasattr(os, "sched_setaffinity"):
        return os.cpu_count() or 1
    there = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, there[:cores])
    return len(there[:cores])


def describe(clone: Path, environment: dict[str, str], cores: int) -> str:
    """Return a sentence on the machine, the versions and the commit."""
    asked = subprocess.run(
        [clone / ".venv" / "bin" / "python", "-c", MACHINE], env=environment, capture_output=True, text=True
    ) if (clone / ".venv" / "bin" / "python").exists() else None  # fmt: skip
    try:
        found = json.loads(asked.stdout)
    except (AttributeError, ValueError):  # the installation is what failed
        found = {"processor": platform.processor() or platform.machine(), "python": platform.python_version()}
    commit = subprocess.run(["git", "-C", clone, "rev-parse", "--short", "HEAD"], capture_output=True, text=True).stdout
    named = (f"{name} {found[name]}" for name in ("python", "tensorflow", "keras", "videocnn") if name in found)
    return f"{cores} cores of {found['processor']}, {platform.system()}; {', '.join(named)}, commit {commit.strip()}."


def clock(seconds: float) -> str:
    """Return seconds as minutes and seconds."""
    return f"{round(seconds) // 60}:{round(seconds) % 60:02d}"


def table(walked: list[Walked], machine: str, limit: float) -> str:
    """Return the Markdown table with what stands below it."""
    lines = ["| | step | time | processor time | |", "|---|---|---:|---:|---|"]
    part = ""
    for each in walked:
        shown = each.step.shown if each.step.part == "course" else f"`{each.step.shown}`"
        first = each.step.part if each.step.part != part else ""
        part = each.step.part
        cells = (first, shown.replace("|", "\\|"), clock(each.seconds), clock(each.processor_seconds), each.status)
        lines.append(f"| {' | '.join(cells)} |")
    total = sum(each.seconds for each in walked)
    processor = sum(each.processor_seconds for each in walked)
    lines.append(f"| | **together** | **{clock(total)}** | {clock(processor)} | |")
    verdict = "within" if total <= 60 * limit else "more than"
    lines += ["", f"Minutes and seconds, {verdict} the {limit:g} minutes meant for it. {machine}"]
    lines += ["The own videos are the toy videos, trained on for 2 minutes in place of 10."]
    failed = [each.step.shown for each in walked if each.status != "ok"]
    if failed:
        lines += ["", f"Failed: {', '.join(failed)}."]
    return "\n".join(lines) + "\n"


def write(text: str, path: Path) -> None:
    """Write the table into a file; where that has a place for it, only there."""
    page = path.read_text(encoding="utf-8") if path.is_file() else ""
    place = re.compile(rf"({re.escape(PLACE[0])}\n).*?({re.escape(PLACE[1])})", re.DOTALL)
    whole = place.sub(lambda match: f"{match[1]}\n{text}\n{match[2]}", page, count=1) if place.search(page) else text
    path.write_text(whole, encoding="utf-8")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--checkout", type=Path, default=CHECKOUT, help="the repository to clone; what is committed counts"
    )
    parser.add_argument("--out", type=Path, help="write the table there as well; on a page, between its two marks")
    parser.add_argument("--keep", type=Path, help="folder for clone, logs and what is made; by default a temporary one")
    parser.add_argument("--limit", type=float, default=40, help="minutes that the walk may take")
    parser.add_argument("--cores", type=int, default=2, help="cores that it may use")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="walk-") as temporary:
        folder = (options.keep or Path(temporary)).resolve()
        clone, here, logs = folder / "videocnn", folder / "here", folder / "logs"
        if clone.exists():
            parser.error(f"{clone} exists already; give --keep another folder")
        for made in (here, logs):
            made.mkdir(parents=True)
        environment = {name: value for name, value in os.environ.items() if name not in FOREIGN}
        environment["PATH"] = os.pathsep.join([str(clone / ".venv" / "bin"), environment.get("PATH", os.defpath)])
        cores, walked = restrict(options.cores), []
        try:
            for step in steps(options.checkout.resolve(), clone, here):
                print(f"{step.part}: {step.shown} ...", end=" ", flush=True)
                walked.append(walk(step, environment, logs / f"{len(walked) + 1:02d}.log"))
                print(walked[-1].status, clock(walked[-1].seconds), flush=True)
                if walked[-1].status != "ok":
                    print((logs / f"{len(walked):02d}.log").read_text(encoding="utf-8", errors="replace")[-3000:])
        except WalkError as error:
            print(f"error: {error}", file=sys.stderr)
            return 1
        text = table(walked, describe(clone, environment, cores), options.limit)
    print(f"\n{text}")
    if options.out:
        write(text, options.out)
    total = sum(each.seconds for each in walked)
    return int(any(each.status != "ok" for each in walked) or total > 60 * options.limit)


if __name__ == "__main__":
    sys.exit(main())
