"""Make every table of the paper that a set of runs allows, and say which runs the other tables need.

Networks trained from random weights fill tables 1, 2 and speed; fine-tuned networks fill tables 3 and 4.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence

from videocnn.errors import VideoCNNError
from videocnn.report.paper.evaluated import EvaluatedRun, read_evaluated, run_names
from videocnn.report.paper.making import TABLES, make_table
from videocnn.report.paper.regimes import fold_folders
from videocnn.report.paper.table import PaperTable

COMPARED = ("single_frame/full", "slow_fusion/full")  # in table 2
TIMED = ("full", "multires")  # streams, for speed
NEEDS = {
    "1": "two networks or streams of `videocnn train`, evaluated on the same videos",
    "2": "a run of Single-Frame and one of Slow Fusion, both on the full frame",
    "3": "runs of `videocnn finetune`, one a regime",
    "4": "runs of `videocnn finetune`, one a regime, on classes of UCF-101",
    "speed": "a network once on the full frame and once in two streams (`--stream multires`)",
}


@dataclasses.dataclass(frozen=True)
class Allowed:
    """The tables that a set of runs allows.

    Attributes:
        tables: the tables, in the paper's order.
        refused: why a table could not be made from the runs it needs, by the table's name.
        needed: the runs that the other tables need, by the table's name.
        left_out: why a run is in none of the tables, by its folder.
    """

    tables: tuple[PaperTable, ...]
    refused: dict[str, str]
    needed: dict[str, str]
    left_out: dict[str, str]


def allowed_tables(
    runs: Sequence[str | os.PathLike], split: str = "test", *, seed: int = 0, ungrouped: bool = False
) -> Allowed:
    """Make every table of the paper that runs allow.

    Args:
        runs: run folders, and folders of `fold1`, `fold2`, ...; unfinished and unmeasured ones are left out.
        split: the split that they were evaluated on.
        seed: of the bootstrap.
        ungrouped: treat every video as its own group where the manifest names none.

    Raises:
        PaperTableError: no run, or one twice.
    """
    networks, tuned, left_out = sort_runs(runs, split, ungrouped=ungrouped)
    tables, refused, needed = [], {}, {}
    for name, chosen in choose_runs(networks, tuned).items():
        if not chosen:
            needed[name] = NEEDS[name]
            continue
        try:
            tables.append(make_table(name, chosen, split, seed=seed, ungrouped=ungrouped))
        except VideoCNNError as error:
            refused[name] = str(error)
    return Allowed(tuple(tables), refused, needed, left_out)


def sort_runs(
    runs: Sequence[str | os.PathLike], split: str, *, ungrouped: bool
) -> tuple[list[EvaluatedRun], list[str], dict[str, str]]:
    """Return networks trained from random weights, folders of fine-tuned ones, and why others are neither."""
    found: list[EvaluatedRun] = []
    folds, left_out = [], {}
    for name in run_names(runs):
        try:
            if list(fold_folders(name)) != [""]:
                folds.append(name)
                continue
            run = read_evaluated(name, split, ungrouped=ungrouped)
            if run.weights:
                left_out[name] = f"{name}: {run.weights}; the tables are of random weights and of regimes"
            else:
                found.append(run)
        except VideoCNNError as error:
            left_out[name] = str(error)
    # A run from scratch is the fourth regime where there are others, and a network like any other where there are none.
    transfer = bool(folds) or any(run.regime not in (None, "scratch") for run in found)
    single = [run.name for run in found if transfer and run.regime is not None]
    return [run for run in found if run.name not in single], folds + single, left_out


def choose_runs(networks: Sequence[EvaluatedRun], tuned: Sequence[str]) -> dict[str, list[str]]:
    """Return the runs that each table is made from, none where some are missing."""
    streams: dict[str, set[str]] = {}
    for run in networks:
        streams.setdefault(without_stream(run), set()).add(run.arguments.get("stream"))
    timed = [
        run.name
        for run in networks
        if run.arguments.get("stream") in TIMED and streams[without_stream(run)].issuperset(TIMED)
    ]
    compared = [run.name for run in networks if run.key in COMPARED]
    both = len({run.key for run in networks} & set(COMPARED)) == 2
    chosen = {
        "1": [run.name for run in networks] if len(networks) > 1 else [],
        "2": compared if both else [],
        "3": list(tuned),
        "4": list(tuned),
        "speed": timed,
    }
    return {name: chosen[name] for name in TABLES}


def without_stream(run: EvaluatedRun) -> str:
    """Return the network of a run whatever its stream."""
    return run.key.replace(f"/{run.arguments.get('stream')}", "")
