"""The paper's tables on toy videos: every network and stream trained, measured, and set beside the paper's figures.

Toy videos cannot say what Sports-1M would; they show the tables whole, and how far the paper's claims carry on data
whose classes are told apart by known things (motion, detail, border). Every run has the same time and width, and its
frames the paper's sizes in proportion. For transfer, a slow fusion with the paper's head learns six of the toy classes
and is tuned to the six others, in four regimes over three folds of groups (table 3). Table 4 groups UCF-101's classes:
where VIDEOCNN_DATA has UCF-101/ and ucfTrainTestlist/, the same network is tuned to the classes that are there, on
official fold 1. Everything goes through the command line, as a reader would do it, but the cutting of the toy classes.
A script that was interrupted goes on where it was: finished runs are not done again.

    python benchmarks/tables.py --out runs/tables                # 29 runs on two cores; with UCF-101 4 more
    python benchmarks/tables.py --only transfer                  # or a part: tables 3 and 4 alone
    python benchmarks/tables.py --out runs/tables --finetuned runs/top runs/top3 ...    # tables 3 and 4 of these
    python benchmarks/tables.py --dry-run                        # only shows the commands
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

from videocnn.datasets import action_group
from videocnn.datasets.toy.classes import PAIRS
from videocnn.manifest import Manifest, read_manifest, write_manifest
from videocnn.models import NETWORKS, STREAMS

RECIPE = ["--recipe", "modern", "--dtype", "bfloat16", "--cache"]
REGIMES = ("scratch", "top", "top3", "all")  # the order of Table 3
FOLDS = (1, 2, 3)
# Every other pair of toy classes is learnt first, the others are tuned to.
LEARNT, TUNED = (tuple(name for pair in list(PAIRS.values())[start::2] for name in pair) for start in (0, 1))
FRAME_SIZE, REGION = 80, 94  # pixels; the centre region of a network of 80 px is 94 px
NEEDS_UCF101 = (
    "table 4 is not made: it groups UCF-101's classes; set VIDEOCNN_DATA to a folder that holds UCF-101/ and "
    "ucfTrainTestlist/, or give --finetuned"
)


def commands(options: argparse.Namespace) -> list[list[object]]:
    """Return what is still to be done for tables 1, 2 and speed, in order."""
    manifest, shards = options.out / "toy" / "manifest.csv", options.out / "shards"
    result: list[list[object]] = []
    if not manifest.exists():
        result.append(["data", "toy", "--out", manifest.parent, "--groups", options.groups, "--seed", options.seed])
    if options.only == "transfer":
        return result
    # The centre region of a network of 112 px is 132 px, that of two streams (118 px) is 133 px.
    result.append(["shard", manifest, shards, "--size", 133])
    for network in NETWORKS:
        for stream in STREAMS:
            result += run_commands(run_folder(options.out, network, stream), network, stream, shards, options)
    return result


def transfer_commands(options: argparse.Namespace) -> list[list[object]]:
    """Return what is missing of the fine-tuned runs: the first network, four regimes on toy folds and on UCF-101."""
    folder = options.out / "transfer"
    learnt, pretrained = folder / "learnt", folder / "pretrained"
    result: list[list[object]] = [["shard", learnt / "manifest.csv", learnt / "shards", "--size", REGION]]
    result += [
        ["shard", fold_manifest(folder, fold), folder / "folds" / f"fold{fold}", "--size", REGION] for fold in FOLDS
    ]
    if not is_finished(pretrained):
        chosen = ["--model", "slow_fusion", "--head", "paper", "--frame-size", FRAME_SIZE, "--width", options.width,
                  "--minutes", options.pretrain_minutes, "--seed", options.seed, *RECIPE]  # fmt: skip
        begun = (pretrained / "backup" / "state.json").exists()
        again = ["--resume"] if begun else ["--overwrite", *chosen]
        result.append(["train", learnt / "shards", "--out", pretrained, *again])
    for regime in REGIMES:
        out = folder / regime
        if not (out / "folds.json").exists():
            result.append(["finetune", pretrained, folder / "folds", "--folds", "all", "--out", out,
                           *tuning(regime, options), "--resume"])  # fmt: skip
    data = ucf101_folder()
    if data is None:
        return result
    ucf101 = folder / "ucf101"
    if not (ucf101 / "manifest.csv").exists():
        result.append(["data", "ucf101", "--root", data / "UCF-101", "--lists", data / "ucfTrainTestlist", "--fold", 1,
                       "--val-groups", "none", "--out", ucf101])  # fmt: skip
    result.append(["shard", ucf101 / "manifest.csv", ucf101 / "shards", "--size", REGION])
    for regime in REGIMES:
        out = folder / f"ucf101-{regime}"
        if not (out / "metrics.json").exists():
            again = "--resume" if (out / "run.json").exists() else "--overwrite"
            result.append(["finetune", pretrained, ucf101 / "shards", "--out", out, *tuning(regime, options), again])
    return result


def tuning(regime: str, options: argparse.Namespace) -> list[object]:
    """Return the options of a regime: a time where all layers learn, epochs of kept features where the head does."""
    whole = regime in ("scratch", "all")
    length = ["--minutes", options.tune_minutes, "--cache"] if whole else [
        "--epochs", options.head_epochs, "--feature-epochs", options.feature_epochs
    ]  # fmt: skip
    return ["--regime", regime, *length, "--seed", options.seed, "--clips", options.clips, "--views", options.views]


def ucf101_folder() -> Path | None:
    """Return the folder of real data, where it has UCF-101 and its lists."""
    data = Path(os.environ.get("VIDEOCNN_DATA") or ".nowhere")
    return data if (data / "UCF-101").is_dir() and (data / "ucfTrainTestlist").is_dir() else None


def is_finished(run: Path) -> bool:
    """Return whether a training has come to its end."""
    state = run / "backup" / "state.json"
    return state.exists() and json.loads(state.read_text(encoding="utf-8")).get("finished", False)


def fold_manifest(folder: Path, fold: int) -> Path:
    """Return where the manifest of a fold lies."""
    return folder / "manifests" / f"fold{fold}" / "manifest.csv"


def cut_toy(options: argparse.Namespace) -> None:
    """Write the manifest of the classes that are learnt first, and three folds of the others: a third of the groups."""
    whole, folder = read_manifest(options.out / "toy" / "manifest.csv"), options.out / "transfer"
    learnt = tuple(dataclasses.replace(video, split="train") for video in whole.videos if video.labels[0] in LEARNT)
    parts = {folder / "learnt" / "manifest.csv": Manifest(learnt, tuple(sorted(LEARNT)), whole.root)}
    videos = [video for video in whole.videos if video.labels[0] in TUNED]
    place = {}  # of each group among those of its class
    for name in TUNED:
        groups = sorted({video.group for video in videos if video.labels[0] == name})
        place |= {group: number * len(FOLDS) // len(groups) + 1 for number, group in enumerate(groups)}
    for fold in FOLDS:
        split = tuple(
            dataclasses.replace(video, split="test" if place[video.group] == fold else "train") for video in videos
        )
        parts[fold_manifest(folder, fold)] = Manifest(split, tuple(sorted(TUNED)), whole.root)
    for path, part in parts.items():
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            write_manifest(part, path)


def run_folder(out: Path, network: str, stream: str) -> Path:
    """Return the folder of a run."""
    return out / f"{network}-{stream}"


def run_commands(
    folder: Path, network: str, stream: str, shards: Path, options: argparse.Namespace
) -> list[list[object]]:
    """Return what is missing of one run: training, or the rest of it, and evaluation."""
    if (folder / "metrics.json").exists():
        return []
    evaluate = ["evaluate", folder, shards, "--clips", options.clips, "--views", options.views, "--quiet"]
    if (folder / "backup" / "state.json").exists():
        return [["train", shards, "--out", folder, "--resume"], evaluate]
    chosen = ["--model", network, "--stream", stream, "--width", options.width, "--minutes", options.minutes]
    return [["train", shards, "--out", folder, "--overwrite", *chosen, "--seed", options.seed, *RECIPE], evaluate]


def transfer_tables(options: argparse.Namespace) -> dict[str, list[Path]]:
    """Return the runs of tables 3 and 4, of those that can be made."""
    if options.finetuned:
        tables = {"3": options.finetuned}
        if all(action_group(name) for name in class_names(options.finetuned[0])):
            tables["4"] = options.finetuned
        return tables
    tables = {"3": [options.out / "transfer" / regime for regime in REGIMES]}
    if ucf101_folder() is not None:
        tables["4"] = [options.out / "transfer" / f"ucf101-{regime}" for regime in REGIMES]
    return tables


def table_commands(options: argparse.Namespace) -> list[list[object]]:
    """Return the commands that print the tables, and keep each as Markdown and CSV."""
    runs = {(n, s): run_folder(options.out, n, s) for n in NETWORKS for s in STREAMS}
    tables: dict[str, list[Path]] = {
        "1": list(runs.values()),
        "2": [runs["single_frame", "full"], runs["slow_fusion", "full"]],
        "speed": [runs[n, s] for n in NETWORKS for s in ("full", "multires")],
    }
    if options.only == "transfer":
        tables = {}
    if options.only != "networks":
        tables |= transfer_tables(options)
    result: list[list[object]] = []
    for name, folders in tables.items():
        result.append(["tables", name, *folders])
        for form, ending in (("markdown", "md"), ("csv", "csv")):
            result.append(["tables", name, *folders, "--format", form, "--out", options.out / f"table-{name}.{ending}"])
    return result


def class_names(folder: Path) -> list[str]:
    """Return the classes of a run, or of a folder of folds; Table 4 is for UCF-101's alone."""
    run = next((path for path in (folder, *sorted(folder.glob("fold*"))) if (path / "run.json").exists()), None)
    if run is None:
        sys.exit(f"{folder}: is no run folder and holds no fold1; give the --out of videocnn finetune")
    return json.loads((run / "run.json").read_text(encoding="utf-8"))["class_names"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("runs/tables"))
    parser.add_argument("--minutes", type=float, default=1.25, help="training time of each of the 16 runs")
    parser.add_argument("--width", type=float, default=0.25)
    parser.add_argument("--groups", type=int, default=15, help="groups of a toy class, three videos in each")
    parser.add_argument("--clips", type=int, default=5, help="clips of a video at the test")
    parser.add_argument("--views", type=int, default=2, help="views of a clip at the test")
    parser.add_argument("--pretrain-minutes", type=float, default=2, help="training time of the network that is tuned")
    parser.add_argument(
        "--tune-minutes", type=float, default=0.4, help="training time of each fold, where all layers learn"
    )
    parser.add_argument("--head-epochs", type=int, default=40, help="of classifiers and fc layers on kept features")
    parser.add_argument("--feature-epochs", type=int, default=6, help="epochs of clips whose features are kept")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--finetuned",
        type=Path,
        nargs="+",
        help="run folders, or folders of folds, for tables 3 and 4: nothing is tuned",
    )
    parser.add_argument("--only", choices=("networks", "transfer"), help="tables 1, 2 and speed, or tables 3 and 4")
    parser.add_argument("--dry-run", action="store_true", help="show what would be done, and do nothing")
    options = parser.parse_args()
    run(commands(options), options)
    if options.only != "networks" and not options.finetuned:
        print(f"# six classes to learn first, three folds of the others: {options.out / 'transfer'}", flush=True)
        if not options.dry_run:
            cut_toy(options)
        run(transfer_commands(options), options)
    tables = table_commands(options)
    run(tables, options)
    if options.only != "networks" and not any(command[1] == "4" for command in tables):
        print(f"# {NEEDS_UCF101}")


def run(commands: list[list[object]], options: argparse.Namespace) -> None:
    """Show the commands and, unless that is all, run them; the first error is the end."""
    for command in commands:
        print("$ videocnn", *command, flush=True)
        if not options.dry_run:
            subprocess.run([sys.executable, "-m", "videocnn", *map(str, command)], check=True)


if __name__ == "__main__":
    main()
