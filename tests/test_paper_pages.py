"""The pages about the paper: weights and recipes are the package's, pictures come in light and dark."""

import re
from pathlib import Path

import pytest

from videocnn.train import TrainArguments

ROOT = Path(__file__).parent.parent
PAGES = {path.stem: path.read_text(encoding="utf-8") for path in (ROOT / "tutorials" / "paper").glob("*.md")}
each_page = pytest.mark.parametrize("name", PAGES)


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


def table(name: str, *heading: str) -> dict[str, list[str]]:
    """Return the one table of a page whose heading begins so: cells by the first of their row."""
    (rows,) = [rows for rows in tables(PAGES[name]) if tuple(rows[0][: len(heading)]) == heading]
    return {row[0]: row[1:] for row in rows[1:]}


def test_weights_are_those_that_the_tests_pin():
    pinned = (ROOT / "tests" / "test_models.py").read_text(encoding="utf-8")
    rows = table("networks", "network", "its convolutions")
    assert len(rows) == 4
    for cells in rows.values():
        assert len(cells) == 4
        assert all(cell.replace(",", "_") in pinned for cell in cells)
    layers = [int(row[-1].replace(",", "")) for row in tables(PAGES["networks"])[0][1:]]
    assert f"{sum(layers):,}" == rows["Single-Frame"][1]


def test_recipes_are_the_packages():
    recipes = {name: TrainArguments(recipe=name).resolve() for name in ("paper", "modern")}
    checked = 0
    for names, *cells in tables(PAGES["training"])[-2][1:]:
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


@each_page
def test_pictures_are_there_in_light_and_dark_with_the_same_words(name):
    pictures = re.findall(r"!\[([^\]]+)\]\(\.\./figures/(\w+\.svg)#only-(light|dark)\)", PAGES[name])
    assert len(pictures) == PAGES[name].count("![")
    for light, dark in zip(pictures[::2], pictures[1::2], strict=True):
        assert (light[2], dark[2]) == ("light", "dark")
        assert light[1] == dark[1]
        assert light[0].split() == dark[0].split()
        assert (ROOT / "tutorials" / "figures" / light[1]).is_file()
