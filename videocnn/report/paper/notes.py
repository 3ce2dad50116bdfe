"""Notes below a table: data, split, chance, views, seeds, settings and machine.

Each function returns lines of text; what all runs share is stated once, what differs for each run.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from videocnn.evaluate import Scores
from videocnn.evaluate.printing import counted
from videocnn.report.paper.evaluated import EvaluatedRun, has_no_groups

NUM_DRAWS = 1000
SETTINGS = (
    "recipe", "width", "norm", "head", "dropout", "frame_size", "frame_difference", "optimizer", "learning_rate",
    "batch_size", "augment", "epochs", "minutes", "keep", "dtype", "seed",
)  # fmt: skip


def data_note(scores: Scores, left_out: Sequence[str] = (), where: str = "") -> str:
    """Return split, videos, groups, classes and manifest of the videos that a table is made of."""
    text = (
        f"ours{where}: split {scores.split}, {counted(len(scores), 'video')} in "
        f"{counted(len(set(scores.groups)), 'group')}, {len(scores.class_names)} classes, manifest "
        f"{scores.manifest_hash[:12]}"
    )
    if left_out:
        names = ", ".join(left_out[:3]) + (", ..." if len(left_out) > 3 else "")
        text += f"; {counted(len(left_out), 'video')} left out, not scored by every run: {names}"
    return text


def interval_note(scores: Sequence[Scores], seed: int) -> str:
    """Return how the intervals over these videos, of one fold or several, are made."""
    if min(len(set(part.groups)) for part in scores) < 2:
        return "no intervals: all videos are of one group"
    drawn = "single videos (the manifest names no groups)" if all(map(has_no_groups, scores)) else "whole groups"
    return (
        f"[ ]: 95 % intervals from {NUM_DRAWS} draws of {drawn}, seed {seed}; they cover the choice of videos, not "
        "the variation between training runs"
    )


def run_notes(runs: Sequence[EvaluatedRun]) -> list[str]:
    """Return folders, clips and views of each network and regime, then settings and machine."""
    alike: dict[tuple[str, str], list[str]] = {}
    for run in runs:
        label = f"{run.label}{f', {run.regime}' if run.regime else ''}"
        measured = (
            f"{counted(run.scores.num_clips, 'clip')} x {counted(run.scores.num_views, 'view')} a video, "
            f"{counted(run.metrics.get('num_skipped', 0), 'video')} skipped, seed {run.arguments.get('seed')}"
        )
        alike.setdefault((label, measured), []).append(run.name)
    lines = [f"{label}: {', '.join(names)}; {measured}" for (label, measured), names in alike.items()]
    same, differing = [], []
    for name in SETTINGS:
        values: dict[str, list[str]] = {}
        for run in runs:
            values.setdefault(str(run.arguments.get(name)), []).append(run.name)
        shown = name.replace("_", " ")
        if len(values) == 1:
            same += [f"{shown} {value}" for value in values if value not in ("None", "False")]
        else:
            differing.append(
                f"the runs differ in {shown}: " + "; ".join(f"{v} ({', '.join(r)})" for v, r in values.items())
            )
    lines.append("trained with " + ", ".join(same))
    lines += differing
    lines += [
        f"the run {run.name} was trained on other data (manifest {str(run.described.get('manifest_hash'))[:12]}) than "
        "it was evaluated on"
        for run in runs
        if run.described.get("manifest_hash") != run.scores.manifest_hash
    ]
    return lines + memory_notes(runs) + machine_notes(runs)


def memory_notes(runs: Sequence[EvaluatedRun]) -> list[str]:
    """Return of which fine-tuned runs the network they started from had seen the videos they were measured on."""
    notes, open_question = [], []
    for run in runs:
        pretrained = run.described.get("pretrained")
        if not isinstance(pretrained, dict) or run.regime == "scratch":
            continue
        counts = (pretrained.get("seen") or {}).get(run.scores.split)
        if counts and counts["seen_videos"]:
            notes.append(
                f"{run.name}: the network that it was fine-tuned from has seen {counts['seen_groups']} of the "
                f"{counts['num_groups']} groups ({counts['seen_videos']} of {counts['num_videos']} videos) in training "
                "or validation: the figures measure memory"
            )
        elif pretrained.get("not_looked_for"):
            open_question.append(run.name)
    if open_question:
        notes.append(
            "whether the network that was fine-tuned has seen the videos cannot be told: " + ", ".join(open_question)
        )
    return notes


def machine_notes(runs: Sequence[EvaluatedRun]) -> list[str]:
    """Return where the runs were trained, each machine once."""
    machines: dict[str, list[str]] = {}
    for run in runs:
        machines.setdefault(run.machine, []).append(run.name)
    return [
        f"trained on {machine}" + (f" ({', '.join(names)})" if len(machines) > 1 else "")
        for machine, names in machines.items()
    ]


def facts(
    scores: Sequence[Scores], runs: Sequence[EvaluatedRun], chance: dict[str, float], seed: int
) -> dict[str, str | int | float]:
    """Return what the figures rest on as values by name, for programs; of several folds, of all of them."""
    return {
        "split": scores[0].split,
        "videos": sum(map(len, scores)),
        "groups": sum(len(set(part.groups)) for part in scores),
        "classes": len(scores[0].class_names),
        "skipped": joined(run.metrics.get("num_skipped", 0) for run in runs),
        "clips": joined(run.scores.num_clips for run in runs),
        "views": joined(run.scores.num_views for run in runs),
        **chance,
        "bootstrap_seed": seed,
        "training_seeds": joined(run.arguments.get("seed") for run in runs),
        "manifest_hash": joined(part.manifest_hash for part in scores),
        "machine": joined(run.machine for run in runs),
    }


def joined(values: Iterable[object]) -> str:
    """Return the different values, in the order in which they come, as one text."""
    return " | ".join(dict.fromkeys(map(str, values)))
