"""Render a report as HTML from run records, results, images and examples."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from videocnn.evaluate.printing import CHANCE, FIGURES, counted
from videocnn.evaluate.printing import percent as bare
from videocnn.report.html.examples import Example
from videocnn.report.html.page import Picture, percent, render
from videocnn.report.html.paper_tables import TITLES, table_view
from videocnn.report.paper.allowed import Allowed
from videocnn.runs.state import Run

WIDE = 700  # CSS pixels; wider images scroll on phones instead of shrinking until their text is illegible
NUM_PAIRS = 10
FEW = 10  # rows; longer tables of differences are collapsed
FEW_PICTURES = 3  # of gains; more than these are collapsed

Comparison = dict[str, Any] | str  # the result of `compare`, or why there is none


@dataclasses.dataclass(frozen=True)
class Section:
    """The section of a report on one run.

    Attributes:
        record: the run.
        confusion: the confusion matrix, a sentence on why there is none, or "".
        filters: the first-layer filters, or a sentence on why there are none.
        examples: example videos with their predictions.
        no_examples: why there are no examples, or "".
        num_parameters: number of parameters of the network, or None.
    """

    record: Run
    confusion: Picture | str
    filters: Picture | str
    examples: Sequence[Example]
    no_examples: str
    num_parameters: int | None


def report_page(
    records: Sequence[Run],
    *,
    split: str | None,
    warnings: dict[str, list[str]],
    comparisons: Sequence[tuple[Sequence[Run], Comparison]],
    paper: Allowed | None,
    curves: Picture | str,
    gains: Sequence[Picture | str],
    sections: Sequence[Section],
) -> str:
    """Render a report as HTML.

    Args:
        records: the runs, in the order of the report.
        split: the split whose results are shown, or None if no run was evaluated.
        warnings: warnings by run, as sentences.
        comparisons: the evaluated runs, grouped by data set, with the result of `compare` for each group: a sentence
            if they cannot be compared, "" for a single run.
        paper: the paper's tables, or None if no run was evaluated.
        curves: learning curves, or a sentence on why there are none.
        gains: gains of the later runs over the first, as images or sentences.
        sections: images and examples of each run.
    """
    return render(
        "report.html",
        title=f"Report: {', '.join(record.name for record in records)}",
        records=records,
        split=split,
        warnings=[(name, found) for name, found in warnings.items() if found],
        tables=[table for part, found in comparisons for table in figure_tables(part, split, found)],
        not_compared=not_compared([found for _, found in comparisons]),
        differences=[
            row for part, found in comparisons if isinstance(found, dict) for row in difference_rows(part, found)
        ],
        few=FEW,
        few_pictures=FEW_PICTURES,
        paper=None if paper is None else paper_view(paper),
        precisions=precision_rows(records, split),
        measured=[record for record in records if split in record.metrics],
        chance=CHANCE,
        curves=curves,
        curve_notes=[curve_note(record) for record in records if record.num_epochs],
        gains=gains,
        sections=[(section, confusions(section.record, split), facts(section)) for section in sections],
        wide=WIDE,
    )


def curve_note(record: Run) -> str:
    """Return a sentence on how the learning curves of a run were measured."""
    arguments = record.settings.get("arguments") or {}
    classes = len(record.settings.get("class_names") or ())
    views = "training: one random clip per video and epoch"
    if "val_hit@1" in record.history:
        views += f"; validation: centre views of {text(arguments.get('validation_clips'))} clips per video"
    even = f"; uniform guessing among {classes} classes gives {percent(1 / classes)}" if classes else ""
    return f"{record.name}: seed {text(arguments.get('seed'))}; {views}{even}."


def not_compared(found: Sequence[Comparison]) -> list[str]:
    """Return the reasons why runs are not compared, including runs on different data."""
    reasons = [f"The runs are not compared: {text}" for text in found if isinstance(text, str) and text]
    if len(found) > 1:
        reasons.insert(0, "Runs on different data or classes are not compared; each table is for a single data set.")
    return reasons


def paper_view(paper: Allowed) -> dict[str, Any] | None:
    """Return the variables of the section on the paper's tables, or None if there are no tables."""
    if not paper.tables and not paper.refused:
        return None
    return {
        "tables": [table_view(table) for table in paper.tables],
        "refused": [(TITLES[name], reason) for name, reason in paper.refused.items()],
        "left_out": list(paper.left_out.items()),
        "needed": [(TITLES[name], need) for name, need in paper.needed.items()],
    }


def figure_tables(records: Sequence[Run], split: str, comparison: Comparison) -> list[dict[str, Any]]:
    """Return result tables of evaluated runs: one for all runs that are compared, otherwise one per run."""
    if isinstance(comparison, dict):
        names = names_by_folder(records)
        rows = [(names[row["name"]], row["sampling"], row) for row in comparison["rows"]]
        return [figure_table(split, rows, comparison)]
    tables = []
    for record in records:
        result = record.metrics[split]
        sampling = f"{result['num_clips']} x {result['num_views']}"
        tables.append(figure_table(split, [(record.name, sampling, result)], result))
    return tables


def figure_table(split: str, rows: list[tuple[str, str, dict]], basis: dict[str, Any]) -> dict[str, Any]:
    """Return one table, with the value and interval of each metric for each run, and the chance level."""
    left_out = basis.get("left_out", ())
    return {
        "name": f"Figures of {', '.join(name for name, _, _ in rows)}, split {split}",
        "caption": f"Split {split}: {counted(basis['num_videos'], 'video')} in {counted(basis['num_groups'], 'group')}"
        + (f", {len(left_out)} not scored by every run and left out" if left_out else "")
        + f"; % with 95 % interval by bootstrap over groups, seed {basis['seed']}",
        "columns": list(FIGURES.values()),
        "rows": [
            {"name": name, "sampling": sampling, "cells": [cell(result.get(key)) for key in FIGURES]}
            for name, sampling, result in rows
        ],
        "chance": [bare(basis.get(f"chance_{key.partition('_')[2]}")) for key in FIGURES],
    }


def cell(figure: dict[str, float | None] | None, signed: bool = False) -> tuple[str, str]:
    """Format a metric and its interval."""
    if figure is None:
        return "–", ""

    def shown(value):
        return f"{100 * value:+.1f}" if signed else f"{100 * value:.1f}"

    interval = "one group: none" if figure["low"] is None else f"{shown(figure['low'])} to {shown(figure['high'])}"
    return shown(figure["value"]), interval


def names_by_folder(records: Sequence[Run]) -> dict[str, str]:
    """Return the names of runs keyed by folder, as `compare` identifies them."""
    return {str(record.folder): record.name for record in records}


def difference_rows(records: Sequence[Run], comparison: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the paired differences of all pairs of runs, in percentage points."""
    figures, names = ("video_hit_at_1", "video_hit_at_5", "mean_average_precision"), names_by_folder(records)
    return [
        {
            "first": names[row["first"]],
            "second": names[row["second"]],
            "cells": [cell(row[figure], signed=True) for figure in figures],
        }
        for row in comparison["differences"]
    ]


def precision_rows(records: Sequence[Run], split: str | None) -> list[tuple[str, list[str]]]:
    """Return the average precision of every class, one column per evaluated run."""
    results = [record.metrics[split] for record in records if split in record.metrics]
    names = list(dict.fromkeys(name for result in results for name in result["class_names"]))
    return [(name, [percent(result["average_precision"].get(name)) for result in results]) for name in names]


def confusions(record: Run, split: str | None) -> list[str]:
    """Return the most frequent confusions of a run as sentences."""
    if split not in record.metrics:
        return []
    result = record.metrics[split]
    table = np.asarray(result["confusion"], float)
    names, totals = result["class_names"], table.sum(axis=1)
    pairs = [(r, c) for r, c in zip(*np.nonzero(table), strict=True) if r != c]
    pairs.sort(key=lambda pair: -table[pair])
    return [f"{names[r]} taken for {names[c]}: {table[r, c]:g} of {totals[r]:g}" for r, c in pairs[:NUM_PAIRS]]


def facts(section: Section) -> dict[str, list[tuple[str, str]]]:
    """Return the settings of a run as pairs of name and text, grouped by heading."""
    record = section.record
    settings, history = record.settings, record.history
    minutes = float(history["seconds"][-1]) / 60 if record.num_epochs else 0.0
    run = [
        ("folder", str(record.folder)),
        ("epochs", f"{record.num_epochs}{' (unfinished)' if record.finished is False else ''}"),
        ("training time", f"{minutes:.1f} min"),
        ("training videos", text(settings.get("num_train_videos"))),
        ("classes", text(len(settings.get("class_names") or ()) or None)),
        ("parameters", "–" if section.num_parameters is None else f"{section.num_parameters:,}"),
        ("data", text(settings.get("data"))),
        ("data hash (SHA-256)", text(settings.get("manifest_hash"))),
    ]
    for split, result in record.metrics.items():
        seconds = result.get("seconds")
        run.append(
            (
                f"evaluation, {split}",
                f"{result['num_clips']} clips per video, {result['num_views']} views per clip"
                + ("" if seconds is None else f", {seconds:g} s"),
            )
        )
    known = ("arguments", "data", "manifest_hash", "class_names", "num_train_videos", "skipped", "versions", "hardware")
    return {
        "Run": run,
        "Machine": pairs(settings.get("hardware")),
        "Versions": pairs(settings.get("versions")),
        "Arguments": pairs(settings.get("arguments")),
        "Also recorded": pairs({key: value for key, value in settings.items() if key not in known}),
    }


def pairs(values: Any) -> list[tuple[str, str]]:
    """Return the items of a dictionary as pairs of texts."""
    return (
        [(str(key).replace("_", " "), text(value)) for key, value in values.items()] if isinstance(values, dict) else []
    )


def text(value: Any) -> str:
    """Return a value of `run.json` as text."""
    if value is None:
        return "–"
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return ", ".join(value) or "none"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
