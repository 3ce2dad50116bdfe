"""The pages about the paper say what is so: its figures, ours, weights, recipes, and tests that are there."""

import re
from pathlib import Path

import pytest

from videocnn.report.paper.paper import SPEED, TABLE_1, TABLE_2, TABLE_3, TABLE_4
from videocnn.train import TrainArguments

ROOT = Path(__file__).parent.parent
PAGES = {path.stem: path.read_text(encoding="utf-8") for path in (ROOT / "tutorials" / "paper").glob("*.md")}
FIGURE = re.compile(r"(?:[-+]?\d+(?:\.\d+)? )?\[[-+\d.]+, [-+\d.]+\]")
NETWORKS = {
    "Single-Frame": "single_frame/full",
    "Early Fusion": "early_fusion/full",
    "Late Fusion": "late_fusion/full",
    "Slow Fusion": "slow_fusion/full",
    "average of the four": "average",
}
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


def percent(values) -> list[str]:
    return ["–" if value is None else f"{100 * value:.1f}" for value in values]


def test_all_pages_are_read():
    assert sorted(PAGES) == ["index", "networks", "results", "training", "transfer"]


def test_table_1_is_the_papers():
    shown = table("results", "network", "clip hit@1", "video hit@1")
    streams = {f"Single-Frame, {words}": f"single_frame/{stream}" for words, stream in
               (("both streams", "multires"), ("fovea only", "fovea"), ("context only", "context"))}  # fmt: skip
    keys = {**NETWORKS, **streams, "feature histograms and a neural network": "histograms",
            "average of the four full-frame networks": "average"}  # fmt: skip
    assert {keys[row]: cells for row, cells in shown.items()} == {key: percent(row) for key, row in TABLE_1.items()}


def test_the_papers_figures_beside_ours_are_the_papers():
    found = 0
    for rows in tables(PAGES["results"]):
        heading = rows[0]
        for row in rows[1:]:
            if row[0] not in NETWORKS:
                continue
            clip, video, _ = percent(TABLE_1[NETWORKS[row[0]]])
            if "passes" in heading:
                assert [row[3], row[5]] == [clip, video]
                found += 1
            elif heading[1:3] == ["full frame", "both streams"] and "fovea only" in heading:
                assert row[1].endswith(rf"\| {video}")
                found += 1
    assert found == 3 * len(NETWORKS)
    streams = table("results", "network", "full frame", "both streams", "fovea only")["Single-Frame"]
    theirs = [percent(TABLE_1[f"single_frame/{stream}"])[1] for stream in ("full", "multires", "fovea", "context")]
    assert [cell.split(r"\| ")[1] for cell in streams] == theirs


def test_table_2_is_the_papers():
    shown = next(rows for rows in tables(PAGES["results"]) if rows[0] == ["class", "change of AP"])
    assert {row[0]: float(row[1]) for row in shown[1:]} == TABLE_2


def test_speeds_are_the_papers():
    shown = [
        rows
        for rows in tables(PAGES["results"])
        if rows[0] == ["network", "full frame", "both streams", "times as fast"]
    ]
    expected = {
        name: [f"{rates['full']:g}", f"{rates['multires']:g}", f"{rates['multires'] / rates['full']:g}"]
        for name, rates in (("Single-Frame", SPEED["single_frame"]), ("Slow Fusion", SPEED["slow_fusion"]))
    }
    assert {row[0]: row[1:] for row in shown[0][1:]} == expected


def test_table_3_is_the_papers():
    shown = table("transfer", "regime", "accuracy")
    rows = ("the data set's own baseline (Soomro and others)", "feature histograms and a neural network",
            "Slow Fusion from scratch", "top layer", "top 3 layers", "all layers")  # fmt: skip
    keys = ("soomro", "histograms", "scratch", "top", "top3", "all")
    assert {row: cells[:1] for row, cells in shown.items()} == {
        row: percent([TABLE_3[key]]) for row, key in zip(rows, keys, strict=True)
    }


def test_table_3_beside_ours_is_the_papers():
    shown = table("transfer", "regime", "ours, mean of three folds")
    keys = {"from scratch": "scratch", "top layer": "top", "top 3 layers": "top3", "all layers": "all"}
    assert {keys[row]: cells[-1:] for row, cells in shown.items()} == {
        key: percent([TABLE_3[key]]) for key in keys.values()
    }


def test_table_4_is_the_papers():
    shown = table("transfer", "group", "from scratch", "top 3 layers", "top layer")
    assert {group: [float(cell) for cell in cells] for group, cells in shown.items()} == {
        group: [row["scratch"], row["top3"], row["top"]] for group, row in TABLE_4.items()
    }


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
