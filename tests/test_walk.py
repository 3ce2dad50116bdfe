"""The newcomer's walk, on a repository of which every command is quick: order, times, failures, the table."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

PATH = Path(__file__).resolve().parent.parent / "benchmarks" / "walk.py"
README = """\
# videos

```sh
make demo     # everything
make test
```

```python
from pathlib import Path

for name in ("toy/rising", "toy/sea"):
    Path(name).mkdir(parents=True)
    Path(name, f"v_{Path(name).name}.mp4").write_text("video")
```

```python
print(name)
```

```sh
videocnn data folder my_videos --out my_data   # a manifest
videocnn train my_data --minutes 10 \\
    --out run
videocnn predict run some_video.mp4
```

```sh
videocnn tables 1 run
```
"""
# What is asked of the environment's python and videocnn is written down; a word makes it fail.
MAKEFILE = f"""\
install:
\tmkdir -p .venv/bin
\tln -sf {sys.executable} .venv/bin/python3
\tcp python.sh .venv/bin/python
\tcp videocnn.sh .venv/bin/videocnn
demo: install
\ttest -z "$(VIDEOCNN_DATA)"
"""
PYTHON = """\
#!/bin/bash
case "$1" in
    -m) echo "$@" > installed.txt ;;
    -c) exit 1 ;;
    tutorials/run.py) grep -q good "$2" ;;
    *) exec "$(dirname "$0")/python3" "$@" ;;
esac
"""
VIDEOCNN = """\
#!/bin/bash
echo "$@" >> done.txt
"""


def load():
    spec = importlib.util.spec_from_file_location("walk", PATH)
    module = importlib.util.module_from_spec(spec)
    sys.modules["walk"] = module
    spec.loader.exec_module(module)
    return module


WALK = load()


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """Return a repository in the small, with a clean working tree."""
    root = tmp_path / "origin"
    (root / "tutorials").mkdir(parents=True)
    (root / "README.md").write_text(README)
    (root / "Makefile").write_text(MAKEFILE)
    for name, text in (("python.sh", PYTHON), ("videocnn.sh", VIDEOCNN)):
        (root / name).write_text(text)
        (root / name).chmod(0o755)
    for name in ("01_one", "02_two"):
        (root / "tutorials" / f"{name}.ipynb").write_text("good")
    monkeypatch.setenv("VIDEOCNN_DATA", "/nowhere")
    subprocess.run(["git", "init", "-q", root], check=True)
    commit(root)
    return root


def commit(root):
    me = ["-c", "user.name=me", "-c", "user.email=me@example.org"]
    for words in (["add", "."], [*me, "commit", "-q", "-m", "all"]):
        subprocess.run(["git", "-C", root, *words], check=True)


@pytest.fixture(autouse=True)
def all_cores(monkeypatch):
    """Leave the test's own process all its cores."""
    monkeypatch.setattr(WALK, "restrict", lambda cores: cores)


def rows(text):
    """Return step and status of each row of a table."""
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines() if line.startswith("|")]
    return [(row[1].strip("`"), row[4]) for row in cells[2:-1]]


def test_everything_is_walked_through_in_order(repository, tmp_path, capsys):
    out, keep = tmp_path / "walk.md", tmp_path / "kept"
    assert WALK.main(["--checkout", str(repository), "--out", str(out), "--keep", str(keep)]) == 0
    text = out.read_text()
    assert rows(text) == [
        ("git clone", "ok"),
        ("make install", "ok"),
        ("pip install -e '.[notebooks]'", "ok"),
        ("make demo", "ok"),
        ("the examples in Python", "ok"),
        ("videocnn data folder my_videos --out my_data", "ok"),
        ("videocnn train my_data --minutes 2 --out run", "ok"),
        ("videocnn predict run some_video.mp4", "ok"),
        ("01_one", "ok"),
        ("02_two", "ok"),
    ]
    assert text in capsys.readouterr().out
    assert "--editable .[notebooks]" in (keep / "videocnn" / "installed.txt").read_text()
    assert len((keep / "here" / "done.txt").read_text().splitlines()) == 3
    assert (keep / "here" / "some_video.mp4").read_text() == "video"
    assert sorted(path.name for path in (keep / "here" / "my_videos").iterdir()) == ["rising", "sea"]
    assert (keep / "logs" / "05.log").read_text().endswith("toy/sea\n")


def test_the_walk_goes_on_after_a_failure_and_says_so(repository, tmp_path, capsys):
    (repository / "tutorials" / "01_one.ipynb").write_text("bad")
    (repository / "videocnn.sh").write_text(VIDEOCNN + "test $1 != train\n")
    commit(repository)
    assert WALK.main(["--checkout", str(repository), "--keep", str(tmp_path / "kept")]) == 1
    text = capsys.readouterr().out
    found = dict(rows(text[text.index("| |") :]))
    assert [step for step, status in found.items() if status != "ok"] == [
        "videocnn train my_data --minutes 2 --out run",
        "01_one",
    ]
    assert found["01_one"] == "failed (1)"
    assert found["02_two"] == "ok"


def test_the_real_readme_can_be_followed(tmp_path):
    """The README of this repository has what the walk looks for."""
    clone, here = tmp_path / "clone", tmp_path / "here"
    for folder in (clone / "tutorials", here):
        folder.mkdir(parents=True)
    (clone / "README.md").write_text((PATH.parent.parent / "README.md").read_text(encoding="utf-8"), encoding="utf-8")
    (clone / "tutorials" / "01_one.ipynb").touch()
    shown = [step.shown for step in WALK.steps(tmp_path, clone, here)]
    assert "make demo" in shown
    assert any(step.startswith("videocnn train my_shards") and "--minutes 2 " in step for step in shown)
    assert "make_toy" in (here / "example.py").read_text()
    compile((here / "example.py").read_text(), "example.py", "exec")
