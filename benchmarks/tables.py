"""The paper's tables on toy videos: every network and stream trained, measured, and set beside the paper's figures.

Toy videos cannot say what Sports-1M would; they show the tables whole, and how far the paper's claims carry on data
whose classes are told apart by known things (motion, detail, border). Every run has the same time and width, and its
frames the paper's sizes in proportion. Everything goes through the command line, as a reader would do it. A script that
was interrupted goes on where it was: finished runs are not done again.

    python benchmarks/tables.py --out runs/tables                # 16 runs, under 40 minutes on two cores
    python benchmarks/tables.py --out runs/tables --finetuned runs/top runs/top3 ...    # and tables 3 and 4 of these
    python benchmarks/tables.py --dry-run                        # only shows the commands
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

from videocnn.datasets.ucf101_actions import action_group
from videocnn.recipes import NETWORKS, STREAMS

RECIPE = ["--recipe", "modern", "--dtype", "bfloat16", "--cache"]


def commands(options: argparse.Namespace) -> list[list[object]]:
    """Return every command that is still to be done, in order."""
    manifest, shards = options.out / "toy" / "manifest.csv", options.out / "shards"
    result: list[list[object]] = []
    if not manifest.exists():
        result.append(["data", "toy", "--out", manifest.parent, "--groups", options.groups, "--seed", options.seed])
    # The centre region of a network of 112 px is 132 px, that of two streams (118 px) is 133 px.
    result.append(["shard", manifest, shards, "--size", 133])
    for network in NETWORKS:
        for stream in STREAMS:
            result += run_commands(run_folder(options.out, network, stream), network, stream, shards, options)
    return result + table_commands(options)


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


def table_commands(options: argparse.Namespace) -> list[list[object]]:
    """Return the commands that print the tables, and keep each as Markdown and CSV."""
    runs = {(n, s): run_folder(options.out, n, s) for n in NETWORKS for s in STREAMS}
    tables: dict[str, list[Path]] = {
        "1": list(runs.values()),
        "2": [runs["single_frame", "full"], runs["slow_fusion", "full"]],
        "speed": [runs[n, s] for n in NETWORKS for s in ("full", "multires")],
    }
    if options.finetuned:
        tables["3"] = options.finetuned
        if all(action_group(name) for name in class_names(options.finetuned[0])):
            tables["4"] = options.finetuned
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
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--finetuned", type=Path, nargs="+", help="run folders, or folders of folds, for tables 3 and 4"
    )
    parser.add_argument("--dry-run", action="store_true", help="show what would be done, and do nothing")
    options = parser.parse_args()
    for command in commands(options):
        print("$ videocnn", *command, flush=True)
        if not options.dry_run:
            subprocess.run([sys.executable, "-m", "videocnn", *map(str, command)], check=True)


if __name__ == "__main__":
    main()
