"""Writes down what the package computes today, for `tests/test_unchanged.py` to hold later code against.

    python tests/unchanged/make.py             # core.json, core.npz, runs.json, runs.npz: results of the present code
    python tests/unchanged/make.py --old       # old-<version>.tar.xz: files that later versions must still open

Rerun the first only when results change on purpose, and say in the commit which and why. Never rerun the second for a
version that has been released: those files stand for what people have on their disks. After a release that changes a
format, add an archive for it. `results.py` says what is computed.

Files hold no place of the machine that made them: everything is made in a temporary folder, and its name is taken out
of texts; where it is left anywhere, nothing is kept.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
from pathlib import Path

from results import HERE, OLD, PARTS, PINNED, SHARDS, compute, tiny_manifest

QUICK = {"width": 0.01, "frame_size": 40, "batch_size": 2, "scale": 0.02, "validation_clips": 1, "quiet": True}


def make_results() -> None:
    """Write the results of the present code beside this file, each part in a process of its own."""
    for part in PARTS:
        compute(part, HERE)
        print(part, sum((HERE / f"{part}.{kind}").stat().st_size for kind in ("json", "npz")), "bytes")


def make_old() -> None:
    """Write files of the present version: networks, run folders, shards and a video."""
    import videocnn

    target = HERE / f"old-{videocnn.__version__}.tar.xz"
    if target.exists():
        sys.exit(f"{target}: is there already; files of a version are made once")
    with tempfile.TemporaryDirectory() as work:
        os.chdir(work)
        made = Path(work) / "made"
        make_files(made)
        clean(made, work)
        with tarfile.open(target, "w:xz", preset=9) as archive:
            for file in sorted(made.rglob("*")):
                archive.add(file, file.relative_to(made), recursive=False, filter=nobody)
    print(target.name, target.stat().st_size, "bytes")


def nobody(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    """Return an entry that does not say whose it was."""
    entry.uid, entry.gid, entry.uname, entry.gname = 0, 0, "", ""
    return entry


def make_files(made: Path) -> None:
    from videocnn.datasets.toy import make_toy
    from videocnn.evaluate import evaluate
    from videocnn.shards import write_shards
    from videocnn.train import train
    from videocnn.transfer import finetune

    made.mkdir()
    manifest = tiny_manifest(make_toy("toy", groups_per_class=3, quiet=True), (made / "shards").absolute())
    write_shards(manifest, made / "shards", **SHARDS)
    (short,) = (video for video in manifest.videos if video.path.endswith("_c04.mp4"))
    shutil.copy(manifest.file(short), made / "short.mp4")
    shards, measured = made / "shards", {"num_clips": 3, "num_views": 2, "quiet": True}
    train(shards, made / "run", model="single_frame", epochs=2, validate_every=1, seed=0, **QUICK)
    evaluate(made / "run", shards, **measured)
    options = {"regime": "top", "epochs": 2, "batch_size": 2, "validation_clips": 1, "feature_epochs": 1, "seed": 1}
    finetune(made / "run", shards, made / "tuned", quiet=True, **options)
    evaluate(made / "tuned", shards, **measured)
    unfinished(made)
    networks(made / "networks")


def unfinished(made: Path, epochs: int = 20) -> None:
    """A run that is killed after its second backup."""
    options = [f"--{name.replace('_', '-')}={value}" for name, value in QUICK.items() if name != "quiet"]
    out = made / "unfinished"
    command = [sys.executable, "-m", "videocnn", "train", str(made / "shards"), f"--out={out}", f"--epochs={epochs}"]
    command += ["--model=early_fusion", "--recipe=modern", "--validate-every=4", "--seed=2", *options]
    state = out / "backup" / "state.json"
    with subprocess.Popen(command, env=os.environ | PINNED) as process:
        while process.poll() is None:
            if state.is_file() and json.loads(state.read_text(encoding="utf-8"))["epoch"] >= 2:
                process.kill()
                process.wait()
            time.sleep(0.002)
    if json.loads(state.read_text(encoding="utf-8"))["finished"]:
        sys.exit("the run was finished before it could be killed; give it more epochs")


def networks(folder: Path) -> None:
    """A file of each network, with weights of a seed: they need not be good at anything."""
    import keras

    from videocnn import models

    def shape(frames, size=40):
        return {"classes": 2, "width": 0.01, "input_shape": (frames, size, size, 3)}

    keras.utils.set_random_seed(7)
    made = {
        "single_frame": models.SingleFrame(**shape(1)),
        "early_fusion": models.EarlyFusion(**shape(10)),
        "late_fusion": models.LateFusion(**shape(2), norm="batch"),
        "slow_fusion": models.SlowFusion(**shape(10)),
        "pooled_head": models.with_pooled_head(models.SlowFusion, **shape(10), norm="batch"),
        "multires": models.SingleFrame(**shape(1, 80), stream="multires"),
        "frame_difference": models.EarlyFusion(**shape(11), frame_difference=True),
    }
    for network in made.values():
        models.set_clip_spec(network, class_names=("rising", "sinking"), scale=0.02)
    made["average"] = models.average([made[name] for name in ("single_frame", "late_fusion", "slow_fusion")])
    folder.mkdir()
    for name, network in made.items():
        network.save(folder / f"{name}.keras")


def clean(made: Path, work: str) -> None:
    """Take the temporary folder's name out of texts, and refuse to keep anything where it is left."""
    names = sorted({work, os.path.realpath(work)}, key=len, reverse=True)
    for left in made.rglob(".writing-*"):
        left.unlink()
    for file in made.rglob("*"):
        if file.suffix in (".json", ".csv", ".md"):
            text = file.read_text(encoding="utf-8")
            for name in names:
                for folder in (f"{name}/made/", f"{name}/"):
                    text = text.replace(folder, "").replace(folder.replace("/", "\\/"), "")
            file.write_text(text, encoding="utf-8")
    forbidden = [name.encode() for name in (*names, str(HERE.parents[1]), os.path.expanduser("~"))]
    for file in made.rglob("*"):
        if file.is_file():
            contents = [file.read_bytes()]
            if zipfile.is_zipfile(file):
                with zipfile.ZipFile(file) as archive:
                    contents += [archive.read(name) for name in archive.namelist()]
            if any(name in content for content in contents for name in forbidden):
                sys.exit(f"{file}: names a place of this machine; nothing was kept")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--old", action="store_true", help="files of the present version, once for each version")
    if parser.parse_args().old:
        make_old()
    elif not OLD.is_file():
        sys.exit(f"{OLD}: is not there; results are computed from its files too")
    else:
        make_results()


if __name__ == "__main__":
    main()
