"""The page of a report: records, figures, pictures and examples go in as plain values, HTML comes out."""

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
from videocnn.runs.description import RunRecord

WIDE = 700  # CSS pixels; a wider picture is scrolled on a telephone and not shrunk until its letters vanish
NUM_PAIRS = 10
FEW = 10  # rows; a longer table of differences is folded
FEW_PICTURES = 3  # of gains; more of them are folded

Comparison = dict[str, Any] | str  # what `compare` says of some runs, or why it says nothing


@dataclasses.dataclass(frozen=True)
class Section:
    """The part of a report that is about one run.

    Attributes:
        record: the run.
        confusion: its confusion matrix, a sentence that says why there is none, or "".
        filters: its first layer, or a sentence.
        examples: videos with what it said of them.
        no_examples: why there are none, or "".
        num_parameters: of the network, or None.
    """

    record: RunRecord
    confusion: Picture | str
    filters: Picture | str
    examples: Sequence[Example]
    no_examples: str
    num_parameters: int | None


def report_page(
    records: Sequence[RunRecord],
    *,
    split: str | None,
    warnings: dict[str, list[str]],
    comparisons: Sequence[tuple[Sequence[RunRecord], Comparison]],
    paper: Allowed | None,
    curves: Picture | str,
    gains: Sequence[Picture | str],
    sections: Sequence[Section],
) -> str:
    """Return a report as HTML.

    Args:
        records: the runs, in their order.
        split: whose figures are shown, None where no run has any.
        warnings: sentences by run.
        comparisons: the measured runs, those on the same data together, and what `compare` says of them: a sentence
            where it says nothing, "" where there is a single run.
        paper: the paper's tables, None where no run was measured.
        curves: learning curves, or a sentence.
        gains: what later runs gain on the first, pictures or sentences.
        sections: pictures and examples of each run.
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


def curve_note(record: RunRecord) -> str:
    """Return what the learning curves of a run rest on."""
    arguments = record.settings.get("arguments") or {}
    classes = len(record.settings.get("class_names") or ())
    views = "training: one random clip of each video an epoch"
    if "val_hit@1" in record.history:
        views += f"; validation: centre views of {text(arguments.get('validation_clips'))} clips a video"
    even = f"; an even guess among {classes} classes hits {percent(1 / classes)}" if classes else ""
    return f"{record.name}: seed {text(arguments.get('seed'))}; {views}{even}."


def not_compared(found: Sequence[Comparison]) -> list[str]:
    """Return why runs are not compared: what keeps runs on the same data apart, and that there are other data."""
    reasons = [f"The runs are not compared: {text}" for text in found if isinstance(text, str) and text]
    if len(found) > 1:
        reasons.insert(0, "Runs on other data or classes are not compared; each table holds runs on the same.")
    return reasons


def paper_view(paper: Allowed) -> dict[str, Any] | None:
    """Return the section on the paper's tables as texts; None where no table was tried."""
    if not paper.tables and not paper.refused:
        return None
    return {
        "tables": [table_view(table) for table in paper.tables],
        "refused": [(TITLES[name], reason) for name, reason in paper.refused.items()],
        "left_out": list(paper.left_out.items()),
        "needed": [(TITLES[name], need) for name, need in paper.needed.items()],
    }


def figure_tables(records: Sequence[RunRecord], split: str, comparison: Comparison) -> list[dict[str, Any]]:
    """Return tables of figures of measured runs: one for all of them where they are compared, else one a run."""
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
    """Return one table: a row a run with value and interval of each figure, and chance."""
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
    """Return a figure and its interval as texts."""
    if figure is None:
        return "–", ""

    def shown(value):
        return f"{100 * value:+.1f}" if signed else f"{100 * value:.1f}"

    interval = "one group: none" if figure["low"] is None else f"{shown(figure['low'])} to {shown(figure['high'])}"
    return shown(figure["value"]), interval


def names_by_folder(records: Sequence[RunRecord]) -> dict[str, str]:
    """Return the names of runs by their folders, which `compare` calls them by."""
    return {str(record.folder): record.name for record in records}


def difference_rows(records: Sequence[RunRecord], comparison: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the paired differences of all pairs of runs, in points."""
    figures, names = ("video_hit_at_1", "video_hit_at_5", "mean_average_precision"), names_by_folder(records)
    return [
        {
            "first": names[row["first"]],
            "second": names[row["second"]],
            "cells": [cell(row[figure], signed=True) for figure in figures],
        }
        for row in comparison["differences"]
    ]


def precision_rows(records: Sequence[RunRecord], split: str | None) -> list[tuple[str, list[str]]]:
    """Return the average precision of every class, one column a run that was measured."""
    results = [record.metrics[split] for record in records if split in record.metrics]
    names = list(dict.fromkeys(name for result in results for name in result["class_names"]))
    return [(name, [percent(result["average_precision"].get(name)) for result in results]) for name in names]


def confusions(record: RunRecord, split: str | None) -> list[str]:
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
    """Return how a run was run, as pairs of name and text, by heading."""
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
                f"{result['num_clips']} clips a video, {result['num_views']} views a clip"
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
    """Return a dictionary as pairs of texts."""
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
