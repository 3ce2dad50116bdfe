"""Read run folders for a table, and refuse runs that cannot be compared.

A run must be finished and evaluated on the split; intervals are drawn over groups, so the manifest must have groups.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable, Sequence
from typing import Any

from videocnn.evaluate import Scores, read_scores
from videocnn.models import NETWORKS, STREAMS
from videocnn.report.paper.table import PaperTableError
from videocnn.runs import open_run, read_metrics, read_run

NETWORK_KINDS = ("network", "fine-tuned")  # `kind` in run.json; absent in runs of 0.1.0


@dataclasses.dataclass(frozen=True)
class EvaluatedRun:
    """A finished run that was evaluated on a split.

    Attributes:
        name: the folder as it was given.
        described: content of `run.json`.
        metrics: entry of the split in `metrics.json`.
        scores: the kept scores of the split.
    """

    name: str
    described: dict[str, Any]
    metrics: dict[str, Any]
    scores: Scores

    @property
    def arguments(self) -> dict[str, Any]:
        """The resolved arguments of its training."""
        return self.described["arguments"]

    @property
    def regime(self) -> str | None:
        """How it was fine-tuned, or None for a run of `videocnn train`."""
        return self.arguments.get("regime")

    @property
    def weights(self) -> str:
        """A description of the weights it started from; "" for random weights and for fine-tuned runs."""
        file = self.arguments.get("weights")
        return f"was started from the weights in {file}" if file else ""

    @property
    def is_network(self) -> bool:
        """Whether a network was measured, and not another scorer."""
        return self.described.get("kind", "network") in NETWORK_KINDS

    @property
    def key(self) -> str:
        """The row of Table 1: network and stream, or the name of another scorer."""
        if not self.is_network:
            return self.arguments["model"]
        difference = "/difference" if self.arguments.get("frame_difference") else ""
        return f"{self.arguments['model']}/{self.arguments['stream']}{difference}"

    @property
    def label(self) -> str:
        """Network and stream, or the name of another scorer, for people."""
        return network_label(self.key) if self.is_network else self.key.replace("_", " ")

    @property
    def machine(self) -> str:
        """Where it was trained: processor, memory, GPUs, system and TensorFlow."""
        parts = self.described.get("hardware", {})
        gpus = ", ".join(parts.get("gpus", [])) or "no GPU"
        memory = f"{parts['memory_gib']} GiB, " if parts.get("memory_gib") else ""
        version = self.described.get("versions", {}).get("tensorflow", "unknown")
        return (
            f"{parts.get('processor', 'unknown')}, {parts.get('processors', '?')} processors, {memory}{gpus}, "
            f"{parts.get('system', 'unknown system')}, TensorFlow {version}"
        )


def network_label(key: str) -> str:
    """Return the display name of a row such as `"single_frame/multires"`."""
    model, stream, *difference = key.split("/")
    return NETWORKS[model].title + STREAMS[stream] + (" on frame differences" if difference else "")


def run_names(runs: Sequence[str | os.PathLike]) -> list[str]:
    """Return the folders as they are displayed, without duplicates.

    Raises:
        PaperTableError: no run, or a duplicate run.
    """
    if not runs:
        raise PaperTableError("no run is given; name the run folders that the table is made from")
    names = [os.fspath(run).rstrip("/") or "/" for run in runs]
    seen: dict[str, str] = {}
    for name in names:
        place = os.path.realpath(name)
        if place in seen:
            raise PaperTableError(f"{name}: the same run as {seen[place]}; name each run once")
        seen[place] = name
    return names


def read_evaluated(folder: str, split: str, *, ungrouped: bool = False) -> EvaluatedRun:
    """Read a finished and evaluated run.

    Args:
        folder: the run folder.
        split: the split that it was evaluated on.
        ungrouped: accept a manifest without groups; every video then counts as its own group.

    Raises:
        PaperTableError: the run is unfinished, its files come from different evaluations, or there are no groups.
        RunError: the folder is not a run.
        ScoresError: it was not evaluated on this split, or its scores are damaged.
    """
    described = read_run(folder)
    arguments = described.get("arguments") if isinstance(described, dict) else None
    if not isinstance(arguments, dict) or not isinstance(described.get("hardware", {}), dict):
        raise PaperTableError(f"{folder}/run.json: does not say how the run was trained; train it again")
    network = described.get("kind", "network") in NETWORK_KINDS
    if not network and not (isinstance(arguments.get("model"), str) and arguments["model"]):
        raise PaperTableError(f"{folder}/run.json: does not name its scorer (arguments: model); evaluate it again")
    if network and (arguments.get("model") not in NETWORKS or arguments.get("stream") not in STREAMS):
        raise PaperTableError(
            f"{folder}: is a run of {arguments.get('model')!r}, stream {arguments.get('stream')!r}; the tables know "
            f"{', '.join(NETWORKS)} and {', '.join(STREAMS)}"
        )
    if not open_run(folder).finished:
        raise PaperTableError(
            f"{folder}: the run is unfinished; end it with --resume, then evaluate it (`videocnn evaluate {folder} "
            f"MANIFEST --split {split}`)"
        )
    scores, metrics = read_scores(folder, split), read_metrics(folder)
    kept = metrics.get(split) if isinstance(metrics, dict) else None
    if (
        not isinstance(kept, dict)
        or kept.get("manifest_hash") != scores.manifest_hash
        or kept.get("num_videos") != len(scores)
    ):
        raise PaperTableError(
            f"{folder}: metrics.json and scores_{split}.npz come from different evaluations; evaluate the run again"
        )
    if not ungrouped and has_no_groups(scores):
        raise PaperTableError(
            f"{folder}: its manifest names no groups, so {len(scores)} videos would count as independent, which videos "
            "of one source are not; add groups (--group-pattern) and evaluate again, or say --ungrouped if every "
            "video has a source of its own"
        )
    return EvaluatedRun(folder, described, kept, scores)


def has_no_groups(scores: Scores) -> bool:
    """Return whether every video is a group of its own because no group was named: it is called as its file is."""
    return all(
        not group or os.path.basename(group) == os.path.basename(path)
        for path, group in zip(scores.paths, scores.groups, strict=True)
    )


def by_key(runs: Iterable[EvaluatedRun]) -> dict[str, EvaluatedRun]:
    """Return runs by network and stream.

    Raises:
        PaperTableError: two runs of one network and stream, or a run that did not start from random weights.
    """
    found: dict[str, EvaluatedRun] = {}
    for run in runs:
        if run.regime not in (None, "scratch"):
            raise PaperTableError(
                f"{run.name}: was fine-tuned (regime {run.regime}); this table compares networks trained from random "
                "weights, tables 3 and 4 are for fine-tuned ones"
            )
        if run.weights:
            raise PaperTableError(
                f"{run.name}: {run.weights}; this table compares networks trained from random weights"
            )
        if run.key in found:
            raise PaperTableError(f"{found[run.key].name} and {run.name} are both {run.label}; give one of each")
        found[run.key] = run
    return found
