"""Table 3 in small: does a slow fusion that was trained on other videos learn ten classes of UCF-101 better?

Two questions. Trained on five of the ten classes (all their videos), then tuned to the other five; and trained on the
toy videos that the package renders, then tuned to all ten. Each in the paper's four regimes, over the three official
folds, 50 clips a test video. No video of a class that is tested on is seen before the tuning, and test videos are
looked at once. The network is the modern recipe's with the paper's head, so that there is an fc6 and an fc7 to tune.
Lengths are epochs, so that the figures do not depend on how fast a machine is: all layers are tuned for --tune-epochs,
from random weights (scratch) as from trained ones; classifiers and fc layers train for --head-epochs on kept features.
Everything goes through the command line, as a reader would do it.

    python benchmarks/transfer.py --out runs/transfer                  # about an hour and a half on two cores
    python benchmarks/transfer.py --out runs/transfer --only toy       # or one question; what is finished is kept
"""

from __future__ import annotations

import argparse
import csv
import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

from videocnn.manifest import Manifest, read_manifest, write_manifest

REGIMES = ("scratch", "top", "top3", "all")  # the order of Table 3
QUESTIONS = {"classes": "five classes -> the other five", "toy": "toy videos -> ten classes"}
FOLDS = (1, 2, 3)


def videocnn(*arguments: object) -> None:
    """Run the command line and stop at its first error."""
    print("$ videocnn", *arguments, flush=True)
    subprocess.run([sys.executable, "-m", "videocnn", *map(str, arguments)], check=True)


def prepare(out: Path, data: str, *, toy: bool) -> None:
    """Write the manifests: three folds of ten classes, one half for pretraining, three folds of the other half."""
    for fold in FOLDS:
        ten = out / "ten" / f"fold{fold}" / "manifest.csv"
        if not ten.exists():
            videocnn("data", "ucf101", "--root", f"{data}/UCF-101", "--lists", f"{data}/ucfTrainTestlist",
                     "--fold", fold, "--val-groups", "none", "--out", ten.parent)  # fmt: skip
        manifest = read_manifest(ten)
        first, other = manifest.class_names[::2], manifest.class_names[1::2]
        if fold == 1:
            save(of_classes(manifest, first, split="train"), out / "first-five" / "manifest.csv")
        save(of_classes(manifest, other), out / "other-five" / f"fold{fold}" / "manifest.csv")
    if toy and not (out / "toy" / "manifest.csv").exists():
        videocnn("data", "toy", "--out", out / "toy")


def of_classes(manifest: Manifest, class_names: tuple[str, ...], split: str | None = None) -> Manifest:
    """Return the videos of some classes, all in one split if it is given."""
    videos = [video for video in manifest.videos if set(video.labels) <= set(class_names)]
    if split is not None:
        videos = [dataclasses.replace(video, split=split) for video in videos]
    return dataclasses.replace(manifest, videos=tuple(videos), class_names=class_names)


def save(manifest: Manifest, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_manifest(manifest, path)


def pretrain(source: Path, run: Path, options: argparse.Namespace) -> None:
    """Train slow fusion with the paper's head, unless that is done."""
    state = run / "backup" / "state.json"
    if state.exists() and json.loads(state.read_text())["finished"]:
        return
    architecture = ["--model", "slow_fusion", "--head", "paper", "--recipe", "modern", "--width", options.width,
                    "--frame-size", options.frame_size, "--dtype", "bfloat16"]  # fmt: skip
    again = ["--resume"] if state.exists() else ["--overwrite"] if (run / "run.json").exists() else []
    if again != ["--resume"]:
        again += [*architecture, "--cache", "--epochs", options.pretrain_epochs, "--seed", options.seed]
    videocnn("train", source, "--out", run, *again)


def tune(pretrained: Path, folds: Path, out: Path, regime: str, options: argparse.Namespace) -> None:
    """Fine-tune and measure every fold that is not done; equal epochs for the regimes that train all layers."""
    if (out / "folds.json").exists():
        return
    epochs = options.tune_epochs if regime in ("scratch", "all") else options.head_epochs
    videocnn("finetune", pretrained, folds, "--folds", "all", "--out", out, "--regime", regime, "--epochs", epochs,
             "--cache", "--seed", options.seed, "--clips", options.clips, "--views", options.views,
             "--resume")  # fmt: skip


def speed(pretrained: Path, source: Path, out: Path, options: argparse.Namespace) -> None:
    """Show what kept features save: the same classifier, from the same clips, with them and without."""
    print(f"\nTop layer, {options.head_epochs} epochs of fold 1, one seed")
    print(f"Both are the same training for {options.feature_epochs} epochs; then kept features begin again")
    for name in ("features", "no-features"):
        run = out / f"speed-{name}"
        if not (run / "last.keras").exists():
            again = ["--resume"] if (run / "run.json").exists() else []
            videocnn("finetune", pretrained, source, "--out", run, "--regime", "top", "--epochs", options.head_epochs,
                     "--feature-epochs", options.feature_epochs, "--seed", options.seed, "--cache", f"--{name}",
                     "--no-evaluate", *again)  # fmt: skip
        with open(run / "history.csv", newline="") as stream:
            last = list(csv.DictReader(stream))[-1]
        features = json.loads((run / "run.json").read_text()).get("features", {})
        print(
            f"{name}: {features.get('seconds', 0):.1f} s for features of {features.get('num_clips', 0)} clips, then "
            f"{float(last['seconds']):.1f} s of training to a loss of {float(last['loss']):.4f}"
        )


def report(name: str, out: Path) -> None:
    """Print Table 3 of one question, with what its intervals allow to say of the paper's order."""
    print(f"\n{QUESTIONS[name]}", flush=True)
    runs = {regime: out / f"{name}-{regime}" for regime in REGIMES}
    videocnn("tables", 3, *runs.values())
    for regime, folder in runs.items():
        print(f"{regime}: {minutes([folder / f'fold{fold}' for fold in FOLDS]):.1f} minutes of training a fold")


def minutes(runs: list[Path]) -> float:
    """Return the mean minutes that a fold took to train, its features included."""
    seconds = []
    for run in runs:
        with open(run / "history.csv", newline="") as stream:
            trained = float(list(csv.DictReader(stream))[-1]["seconds"])
        seconds.append(trained + json.loads((run / "run.json").read_text()).get("features", {}).get("seconds", 0))
    return sum(seconds) / len(seconds) / 60


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("runs/transfer"))
    parser.add_argument("--pretrain-epochs", type=int, default=60)
    parser.add_argument("--tune-epochs", type=int, default=40, help="where all layers learn: scratch and all")
    parser.add_argument("--head-epochs", type=int, default=100, help="of classifiers and fc layers on kept features")
    parser.add_argument("--feature-epochs", type=int, default=20, help="kept where speed is compared")
    parser.add_argument("--clips", type=int, default=50, help="clips of a video at the test")
    parser.add_argument("--views", type=int, default=1, help="views of a clip at the test")
    parser.add_argument("--width", type=float, default=0.5)
    parser.add_argument("--frame-size", type=int, default=112)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=tuple(QUESTIONS), help="one question")
    options = parser.parse_args()

    data = os.environ.get("VIDEOCNN_DATA")
    if not data:
        sys.exit("VIDEOCNN_DATA is not set: give the folder that holds UCF-101/ and ucfTrainTestlist/")
    out = options.out
    asked = [options.only] if options.only else list(QUESTIONS)
    prepare(out, data, toy="toy" in asked)
    sources = {"classes": ("first-five", "other-five"), "toy": ("toy", "ten")}
    for name in asked:
        source, target = sources[name]
        pretrained = out / f"{name}-pretrained"
        pretrain(out / source / "manifest.csv", pretrained, options)
        if name == "classes":
            speed(pretrained, out / target / "fold1" / "manifest.csv", out, options)
        for regime in REGIMES:
            tune(pretrained, out / target, out / f"{name}-{regime}", regime, options)
    for name in asked:
        report(name, out)


if __name__ == "__main__":
    main()
