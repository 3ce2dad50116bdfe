"""Figures of a run: those that `metrics.json` keeps, and how they are written for people.

A run folder comes in, its figures by split come out; numbers come in, their text comes out.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from videocnn.files import write_json
from videocnn.runs.folder import WAIT_SECONDS, RunError, updating

FIGURES = {
    "clip_hit_at_1": "clip hit@1",
    "clip_hit_at_5": "clip hit@5",
    "video_hit_at_1": "video hit@1",
    "video_hit_at_5": "video hit@5",
    "mean_average_precision": "mean AP",
}

CHANCE = "chance: always naming the most frequent labels of these videos"


def percent(value: float | None) -> str:
    """Return a share as a percentage with one decimal."""
    return "-" if value is None else f"{100 * value:.1f}"


def interval(figure: dict[str, float | None]) -> str:
    """Return the two ends of a figure's interval."""
    return "one group: none" if figure["low"] is None else f"[{percent(figure['low'])}, {percent(figure['high'])}]"


def counted(count: int, noun: str) -> str:
    """Return a number with its noun."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def read_metrics(folder: str | os.PathLike) -> dict[str, Any]:
    """Return the figures that a run folder keeps, by split; empty before the first evaluation.

    Raises:
        RunError: the file is damaged.
    """
    path = Path(folder) / "metrics.json"
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise RunError(f"{path}: cannot be read ({error}); delete it and evaluate again") from error


def write_metrics(
    folder: str | os.PathLike, split: str, result: dict[str, Any], *, wait_seconds: float = WAIT_SECONDS
) -> None:
    """Add the metrics of one split to `metrics.json`; several evaluations may do so at the same time.

    Args:
        folder: the run folder.
        split: the split that was measured; its older metrics are replaced, those of other splits are kept.
        result: plain values.
        wait_seconds: how long to wait while another evaluation writes.

    Raises:
        RunError: the file is damaged, or another job held the lock for too long.
    """
    folder = Path(folder)
    with updating(folder, wait_seconds=wait_seconds):
        write_json(folder / "metrics.json", {**read_metrics(folder), split: result})
