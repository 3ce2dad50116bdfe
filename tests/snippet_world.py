"""The small world in which the pages' commands run: videos, data sets, shards and runs under the names that pages use.

    toy/  course/toy/  my_videos/  mine/  UCF-101/ ucfTrainTestlist/  hmdb51/ testTrainMulti_7030_splits/  list.csv
    my_data/  my_shards/  data/ucf101/fold1..3/  runs/single  runs/slow  runs/mine
    some_video.mp4  holiday.mp4  jump.mp4  match.mp4

All videos are toy videos, three groups a class. The runs know next to nothing: one epoch of a network of small width.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
from videos import write_video

from videocnn.datasets.folder import folder
from videocnn.datasets.prepare import prepare
from videocnn.datasets.toy import make_toy, toy_clips
from videocnn.datasets.ucf101 import ucf101
from videocnn.evaluate import evaluate
from videocnn.manifest import read_manifest
from videocnn.shards import write_shards
from videocnn.train import train

GROUPS = 3
TINY = {"recipe": "modern", "width": 0.1, "frame_size": 46, "epochs": 1, "quiet": True}
UCF_CLASSES = {"Archery": "rising", "Diving": "sea", "Surfing": "rows"}
# Fold -> groups that test; those that validate by default (8, 9, 10 or 1, 2, 3) must be among the others.
UCF_GROUPS, UCF_FOLDS = (1, 2, 3, 8, 9, 10, 15, 16), {1: (1, 2, 3), 2: (8, 9, 10), 3: (15, 16)}
HMDB_CLASSES = {"dive": "sinking", "wave": "fast"}
HMDB_SOURCES = ("Lake", "Pool", "Quay", "River", "Sea", "Shore", "Bay", "Creek", "Delta")


def make_world(root: Path) -> None:
    """Make everything in a folder that is there and empty."""
    make_toy(root / "toy", groups_per_class=GROUPS, quiet=True)
    shutil.copytree(root / "toy", root / "course" / "toy")
    for label in ("rising", "sea", "rows"):
        for number, video in enumerate(toy_videos(root, label)):
            copy(video, root / "my_videos" / label / f"tape{1 + number // 3}_{'abc'[number % 3]}.mp4")
    shutil.copytree(root / "my_videos", root / "mine")
    lines = [
        "file;tags",
        *(f"{video.relative_to(root)};{video.parent.name}" for video in (root / "mine").rglob("*.mp4")),
    ]
    (root / "list.csv").write_text("\n".join([lines[0], *sorted(lines[1:])]) + "\n", encoding="utf-8")
    make_ucf101(root)
    make_hmdb51(root)
    for name in ("some_video.mp4", "holiday.mp4", "jump.mp4"):
        copy(toy_videos(root, "sinking")[0], root / name)
    clips = [clip for clip in toy_clips(groups_per_class=GROUPS) if clip.group == 1][:2]
    frames = [frame[:96, :128] for clip in clips for frame in list(clip.frames()[1])[:24]]
    write_video(root / "match.mp4", np.stack(frames * 2), fps=24)
    make_runs(root)


def toy_videos(root: Path, label: str) -> list[Path]:
    """Return the toy videos of a class, nine, without those that are too short for a clip."""
    return [video for video in sorted((root / "toy" / label).glob("*.mp4")) if not video.stem.endswith("c04")]


def copy(video: Path, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(video, path)


def make_ucf101(root: Path) -> None:
    """Make what looks like UCF-101, its official lists, and a manifest for each fold."""
    lists = root / "ucfTrainTestlist"
    lists.mkdir()
    numbers = {name: number for number, name in enumerate(UCF_CLASSES, 1)}
    (lists / "classInd.txt").write_text("".join(f"{number} {name}\n" for name, number in numbers.items()))
    for name, label in UCF_CLASSES.items():
        for group, video in zip(UCF_GROUPS, toy_videos(root, label), strict=False):
            copy(video, root / "UCF-101" / name / f"v_{name}_g{group:02d}_c01.avi")
    for fold, tested in UCF_FOLDS.items():
        rows = [
            (f"{name}/v_{name}_g{group:02d}_c01.avi", numbers[name], group) for name in numbers for group in UCF_GROUPS
        ]
        (lists / f"testlist{fold:02d}.txt").write_text(
            "".join(f"{path}\n" for path, _, group in rows if group in tested)
        )
        train = (f"{path} {number}\n" for path, number, group in rows if group not in tested)
        (lists / f"trainlist{fold:02d}.txt").write_text("".join(train))
        prepare(ucf101(root / "UCF-101", lists, fold=fold), root / "data" / "ucf101" / f"fold{fold}", quiet=True)


def make_hmdb51(root: Path) -> None:
    """Make what looks like HMDB-51 and its official lists: one video of each of nine sources, six for training."""
    lists = root / "testTrainMulti_7030_splits"
    lists.mkdir()
    for label, toy in HMDB_CLASSES.items():
        names = [f"{source}_{label}_f_cm_np1_le_med_0.avi" for source in HMDB_SOURCES]
        for name, video in zip(names, toy_videos(root, toy), strict=True):
            copy(video, root / "hmdb51" / label / name)
        for fold in (1, 2, 3):
            codes = [2 if number % 3 == fold - 1 else 1 for number in range(len(names))]
            text = "".join(f"{name} {code} \n" for name, code in zip(names, codes, strict=True))
            (lists / f"{label}_test_split{fold}.txt").write_text(text)


def make_runs(root: Path) -> None:
    """Train and measure two networks on the toy videos, and one on shards of the reader's own."""
    prepare(folder(root / "my_videos"), root / "my_data", quiet=True)
    write_shards(
        read_manifest(root / "my_data" / "manifest.csv"), root / "my_shards", frame_size=(132, 132), quiet=True
    )
    toy = root / "toy" / "manifest.csv"
    for name, model, source in (
        ("single", "single_frame", toy), ("slow", "slow_fusion", toy), ("mine", "slow_fusion", root / "my_shards")
    ):  # fmt: skip
        train(source, root / "runs" / name, model=model, **TINY)
        evaluate(root / "runs" / name, source, num_clips=2, num_views=2, quiet=True)
