"""The ten-class piece of UCF-101: every network at equal time, both recipes, one table with intervals.

Official split 1; groups 8 to 10 are held out of the training part for validation, groups 1 to 7 are the test split and
are looked at once, at the end of each run. Everything goes through the command line, as a reader would do it.

    python benchmarks/ucf101.py --out runs/ucf101                    # all ten runs, about 2.5 hours on two cores
    python benchmarks/ucf101.py --out runs/ucf101 --only modern      # or a part; finished runs are not done again
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

NETWORKS = ("single_frame", "early_fusion", "late_fusion", "slow_fusion")
DIFFERENCES = ("early_fusion", "slow_fusion")


def runs(only: str | None) -> dict[str, list[str]]:
    """Return the options of every run by its name; `only` keeps names that contain it."""
    modern = ["--recipe", "modern", "--dtype", "bfloat16", "--cache"]
    table = {f"modern-{name}": ["--model", name, *modern] for name in NETWORKS}
    table |= {f"modern-{name}-difference": ["--model", name, "--frame-difference", *modern] for name in DIFFERENCES}
    table |= {f"paper-{name}": ["--model", name, "--recipe", "paper"] for name in NETWORKS}
    return {name: options for name, options in table.items() if only is None or only in name}


def videocnn(*arguments: object) -> None:
    """Run the command line and stop at its first error."""
    print("$ videocnn", *arguments, flush=True)
    subprocess.run([sys.executable, "-m", "videocnn", *map(str, arguments)], check=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("runs/ucf101"))
    parser.add_argument("--minutes", type=float, default=12)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", help="only runs whose name contains this")
    parser.add_argument("--clips", type=int, default=20, help="clips of a video at the test")
    options = parser.parse_args()

    data = os.environ.get("VIDEOCNN_DATA")
    if not data:
        sys.exit("VIDEOCNN_DATA is not set: give the folder that holds UCF-101/ and ucfTrainTestlist/")
    manifest = options.out / "data" / "manifest.csv"
    if not manifest.exists():
        videocnn("data", "ucf101", "--root", f"{data}/UCF-101", "--lists", f"{data}/ucfTrainTestlist", "--fold", 1,
                 "--out", manifest.parent)  # fmt: skip
    # The centre region of a 112 px network is 132 px; the paper's 170 px are cut from 200.
    shards = {"modern": options.out / "shards-132", "paper": options.out / "shards-200"}
    for folder, size in ((shards["modern"], 132), (shards["paper"], 200)):
        videocnn("shard", manifest, folder, "--size", size)

    chosen = runs(options.only)
    for name, arguments in chosen.items():
        folder, data = options.out / name, shards[name.split("-")[0]]
        if not (folder / "metrics.json").exists():
            again = ["--resume"] if (folder / "backup" / "state.json").exists() else ["--overwrite"]
            arguments = (
                [] if again == ["--resume"] else [*arguments, "--minutes", options.minutes, "--seed", options.seed]
            )
            videocnn("train", data, "--out", folder, *again, *arguments)
            videocnn("evaluate", folder, data, "--split", "test", "--clips", options.clips)
    for kind in ("modern", "paper"):
        done = [options.out / name for name in runs(kind) if (options.out / name / "metrics.json").exists()]
        if done:
            videocnn("compare", *done, *(["--average"] if len(done) > 1 else []))


if __name__ == "__main__":
    main()
