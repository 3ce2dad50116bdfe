"""Run folders as training and evaluation leave them, of scores that a test chooses; no network is built."""

import csv
import json

import numpy as np

from videocnn.evaluate import Scores, summarize, write_scores

MACHINE = {"processor": "Abacus 1", "processors": 2, "memory_gib": 4.0, "gpus": [], "system": "Linux x86_64"}
ARGUMENTS = {
    "model": "single_frame", "stream": "full", "recipe": "modern", "width": 0.25, "norm": "batch", "head": "pool",
    "frame_size": 80, "frame_difference": False, "optimizer": "adamw", "batch_size": 32, "augment": "modern",
    "dtype": "float32", "cache": True, "minutes": 1.0, "epochs": None, "seed": 0,
}  # fmt: skip
NAMES = ("a", "b", "c")


def made_scores(
    right, *, true=None, groups=None, names=NAMES, num_clips=2, num_views=4, hash="h1", split="test", prefix="v"
):
    """Scores of videos of which `right[i]` says whether all clips name the true class; else they name the next one."""
    true = np.arange(len(right)) % len(names) if true is None else np.asarray(true)
    best = np.where(right, true, (true + 1) % len(names))
    rows = np.where(np.eye(len(names))[best] > 0, 0.6, 0.4 / (len(names) - 1)).astype(np.float32)
    return Scores(
        split=split,
        class_names=tuple(names),
        paths=tuple(f"{prefix}{i}.mp4" for i in range(len(right))),
        groups=tuple(groups or (f"{prefix}-g{i}" for i in range(len(right)))),
        labels=np.eye(len(names), dtype=np.float32)[true],
        clip_scores=np.repeat(rows[:, None], num_clips, axis=1),
        manifest_hash=hash,
        num_views=num_views,
    )


def write_run(
    folder, scores, *, history=((1, 64, 10.0), (2, 128, 2.0)), views_per_second=100.0, machine=None, finished=True,
    pretrained=None, skipped=0, devices=None, **arguments,
):  # fmt: skip
    """Write a run folder; `history` holds rows of epoch, clips so far and seconds of the epoch's steps."""
    (folder / "backup").mkdir(parents=True)
    run = {
        "arguments": {**ARGUMENTS, **arguments},
        "manifest_hash": scores.manifest_hash,
        "class_names": list(scores.class_names),
        "hardware": {**MACHINE, **(machine or {})},
        "versions": {"tensorflow": "2.21.0"},
        **({} if devices is None else {"devices": [{"from_epoch": 1, "names": devices}]}),
        **({} if pretrained is None else {"pretrained": {"path": "runs/source", "weights_hash": pretrained}}),
    }
    (folder / "run.json").write_text(json.dumps(run))
    (folder / "model.keras").write_bytes(b"")
    (folder / "backup" / "state.json").write_text(json.dumps({"finished": finished}))
    metrics = {**summarize(scores), "num_skipped": skipped, "views_per_second": views_per_second}
    (folder / "metrics.json").write_text(json.dumps({scores.split: metrics}))
    write_scores(scores, folder)
    with open(folder / "history.csv", "w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["epoch", "clips", "train_seconds", "seconds"])
        writer.writerows((*row, sum(other[2] for other in history[: place + 1])) for place, row in enumerate(history))
    return folder


def cells(table, column):
    """Return the shown value of each row in a column, where it has one."""
    return {row.key: row.cells[column].value for row in table.rows if column in row.cells}


def verdict(table, beginning):
    """Return the outcome of the one claim that begins so."""
    (found,) = [v.outcome for v in table.verdicts if v.claim.startswith(beginning)]
    return found
