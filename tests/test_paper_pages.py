"""The page about the paper's training gives the values of the recipes."""

import re
from pathlib import Path

from videocnn.train import TrainArguments

PAGE = Path(__file__).parent.parent / "tutorials" / "paper" / "training.md"


def tables(text: str) -> list[list[list[str]]]:
    """Return the tables of a Markdown text as rows of cells, the heading first, without bold."""
    found, rows = [], []
    for line in [*text.splitlines(), ""]:
        if " | " in line and not line.startswith(("#", "$")):
            rows.append([cell.strip(" *") for cell in re.split(r"(?<!\\)\|", line)])
        elif rows and not re.fullmatch(r"[-:|]+", line):
            found.append(rows)
            rows = []
    return found


def test_recipes_are_the_packages():
    recipes = {name: TrainArguments(recipe=name).resolve() for name in ("paper", "modern")}
    checked = 0
    for names, *cells in tables(PAGE.read_text(encoding="utf-8"))[-2][1:]:
        for argument in re.findall(r"`(\w+)`", names):
            for recipe, cell in zip(recipes.values(), cells, strict=True):
                value = getattr(recipe, argument)
                if isinstance(value, float) and value < 1 and argument == "scale":
                    value = f"1/{1 / value:.0f}"
                elif not isinstance(value, str):
                    value = None if value is None else f"{value:g}"
                if value is not None and argument not in ("schedule", "head", "augment", "keep"):  # told in words
                    assert value in re.findall(r"[\w./]+", cell), (argument, value)
                    checked += 1
    assert checked >= 17
