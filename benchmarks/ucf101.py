"""The ten-class piece of UCF-101: every network at equal time, both recipes, one table with intervals.

Official split 1; groups 1 to 7 are the test split and are looked at once, at the end of each run. The modern recipe was
chosen with groups 8 to 10 held out for validation (README.md has those runs); here it learns from all of the training
part, groups 8 to 25, for it keeps its last weights and asks validation nothing. The paper's recipe lowers its rate by
validation and holds groups 8 to 10 out. Everything goes through the command line, as a reader would do it.

    python benchmarks/ucf101.py --out runs/ucf101                    # all ten runs, about 2.5 hours on two cores
    python benchmarks/ucf101.py --out runs/ucf101 --only modern      # or a part; finished runs are not done again
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

from videocnn.models import NETWORKS

DIFFERENCES = [name for name, network in NETWORKS.items() if network.contiguous]


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
    # The centre region of a 112 px network is 132 px; the paper's 170 px are cut from 200.
    shards = {}
    for recipe, held_out, size in (("modern", "none", 132), ("paper", "8,9,10", 200)):
        manifest, shards[recipe] = options.out / f"data-{recipe}" / "manifest.csv", options.out / f"shards-{size}"
        if not manifest.exists():
            videocnn("data", "ucf101", "--root", f"{data}/UCF-101", "--lists", f"{data}/ucfTrainTestlist", "--fold", 1,
                     "--val-groups", held_out, "--out", manifest.parent)  # fmt: skip
        videocnn("shard", manifest, shards[recipe], "--size", size)

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
    modern, names = runs("modern"), runs(None)
    difference = [name for name in modern if "difference" in name]
    # Four networks on colours are the paper's CNN average; on validation, those on differences made the best average.
    for team in ([n for n in modern if n not in difference], difference, modern, [n for n in names if n not in modern]):
        done = [options.out / name for name in team if (options.out / name / "metrics.json").exists()]
        if len(done) > 1:
            videocnn("compare", *done, "--average")


if __name__ == "__main__":
    main()
