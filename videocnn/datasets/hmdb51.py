"""HMDB-51 and its official lists -> a manifest of one fold (Kuehne and others, 2011; not in the paper).

`<class>_test_split<fold>.txt` has a line `name.avi 1` for each training video of a class, 2 for testing, 0 for the
rest. Validation is cut out of the training part by source, as for UCF-101.
"""

from __future__ import annotations

import dataclasses
import os
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

from videocnn.datasets.official import Source, files_by_name
from videocnn.datasets.prepare import Found
from videocnn.files import read_text
from videocnn.manifest import Manifest, ManifestError, Skip, Video, check_groups, split_validation
from videocnn.manifest.row import clean_group

NUM_VIDEOS, NUM_CLASSES, FOLDS = 6766, 51, (1, 2, 3)
_PAGE = "https://serre.lab.brown.edu/hmdb51.html"
# the page's links in the form that gives the file itself: for a large one its own form asks back by a web page
_DRIVE = "https://drive.usercontent.google.com/download?export=download&confirm=t&id="
VIDEOS = Source(
    _DRIVE + "17anw5Oxp7lmp9cMwXPOyOpL5olDLmPpj", _PAGE, "hmdb51_org.rar", "hmdb51", keep=2, option="--archive"
)
LISTS = Source(
    _DRIVE + "1NQxJWJSYWefyNS-LFYCenFih4gRDUPCX",
    _PAGE,
    "test_train_splits.rar",
    "testTrainMulti_7030_splits",
    keep=1,
    option="--lists-archive",
)
SPLITS = {"1": "train", "2": "test", "0": ""}
_LIST_NAME = re.compile(r"(?P<label>.+)_test_split(?P<fold>[123])\.txt")
# visible body, camera motion, number of people, viewpoint, quality, number of the clip
_CODES = re.compile(r"(?P<source>.+)_[hufl]_(?:cm|nm)_np\d+_(?:fr|ba|le|ri)_(?:goo|med|bad)_\d+\.[^.]+")


def hmdb51_group(label: str, file_name: str) -> str:
    """Return the class and the source video of a clip: `"dive/Pirates_5"` for `Pirates_5_dive_f_cm_np1_le_bad_3.avi`.

    A name is the source's title, the class, five codes (visible body `h u f l`, camera motion `cm nm`, people `np1`,
    viewpoint `fr ba le ri`, quality `goo med bad`) and a number; the source is what stands before class and codes.
    Parts of one film (`Pirates_1`, `Pirates_5`) are sources of their own, and so is a film in another class, because
    the official lists part them: they keep a source together within a class only. A name of another form is alone.
    """
    match = _CODES.fullmatch(file_name)
    source = match["source"].removesuffix(f"_{label}") if match else file_name
    return clean_group(f"{label}/{source}")


def hmdb51(
    root: str | os.PathLike,
    lists: str | os.PathLike,
    *,
    fold: int = 1,
    val_fraction: float = 0.1,
    seed: int = 0,
) -> Found:
    """Find the listed videos that are in `root/<class>/`; nothing is opened.

    Videos that the fold does not use are left out. Should a list put clips of one source (see `hmdb51_group`) on both
    sides, the list stands, so that figures compare, each side becomes a group of its own, and a note names them.

    Args:
        root: the folder of class folders; a part of the data set will do.
        lists: the folder of `brush_hair_test_split1.txt` and so on.
        fold: official split, 1 to 3.
        val_fraction: share of every class's training groups that validate; 0 for no validation.
        seed: decides which.

    Raises:
        ManifestError: no such folder or fold; a line of the lists that cannot be; none of the videos there.
        TableError: a list cannot be read.
    """
    root, lists = Path(root), Path(lists)
    if fold not in FOLDS:
        raise ManifestError(f"fold {fold}: HMDB-51 has the folds 1, 2 and 3")
    if not 0 <= val_fraction < 1:
        raise ManifestError(f"validation fraction {val_fraction}: it lies between 0 and 1, 0 for none")
    if not root.is_dir():
        raise ManifestError(f"{root}: there is no such folder; it should hold HMDB-51's class folders")
    present = files_by_name(root, lambda name: name.lower().endswith(".avi"))
    videos, listed, absent, unused = [], [], [], 0
    for label, name, split in _read_lists(lists, fold):
        listed.append(f"{label}/{name}")
        path = present.get(listed[-1]) or present.get(listed[-1].casefold())
        if path is None:
            absent.append(listed[-1])
        elif not split:
            unused += 1
        else:
            videos.append(Video(path, (label,), split, hmdb51_group(label, name)))
    if not videos:
        raise ManifestError(f"{root}: none of the {len(listed)} videos listed in {lists} is there and in fold {fold}")
    there = {path.split("/")[0] for path in set(listed) - set(absent)}
    notes = [
        f"HMDB-51 fold {fold}: {len(videos) + unused} of {len(listed)} listed videos are there, in {len(there)} of "
        f"{len({name.split('/')[0] for name in listed})} classes; {unused} of them are not used by this fold"
    ]
    videos, cut = _parted(videos)
    if cut:
        notes.append(
            f"{len(cut)} sources are on both sides of the official list, which stands: {', '.join(cut[:5])}"
            + (", ..." if len(cut) > 5 else "")
        )
    notes += _across_classes(videos)
    manifest = Manifest(tuple(videos), root=root)
    check_groups(manifest)
    if val_fraction and any(video.split == "train" for video in videos):
        manifest = split_validation(manifest, fraction=val_fraction, seed=seed)
        notes.append(f"validation: {val_fraction:g} of the training groups of every class (seed {seed})")
    else:
        notes.append("no validation")
    skips = tuple(Skip(name, "listed, but not there") for name in absent if name.split("/")[0] in there)
    return Found(manifest, skips, tuple(notes), tuple(listed), tuple(absent))


def _parted(videos: list[Video]) -> tuple[list[Video], list[str]]:
    """Give each side of a group that the lists cut a name of its own; return the groups that were cut as well."""
    sides = defaultdict(set)
    for video in videos:
        sides[video.group].add(video.split)
    cut = sorted(group for group, splits in sides.items() if len(splits) > 1)
    return [
        dataclasses.replace(video, group=f"{video.group} ({video.split})") if len(sides[video.group]) > 1 else video
        for video in videos
    ], cut


def _across_classes(videos: list[Video]) -> list[str]:
    """Say how many test videos have the source of a training video of another class."""
    trained, shared = defaultdict(set), Counter()
    for video in sorted(videos, key=lambda video: video.split, reverse=True):  # train before test
        title = video.group.removesuffix(f" ({video.split})").split("/", 1)[1]
        if video.split == "train":
            trained[title] |= set(video.labels)
        elif trained[title] - set(video.labels):
            shared[title] += 1
    if not shared:
        return []
    return [
        f"{shared.total()} test videos come from {len(shared)} sources that other classes train on, most from "
        f"{shared.most_common(1)[0][0]}: the official lists part sources within a class only"
    ]


def _read_lists(folder: Path, fold: int) -> Iterator[tuple[str, str, str]]:
    """Yield class, file name and split for every line of a fold's lists."""
    if not folder.is_dir():
        raise ManifestError(f"{folder}: there is no such folder; it should hold brush_hair_test_split1.txt and so on")
    files = [(match, path) for path in sorted(folder.iterdir()) if (match := _LIST_NAME.fullmatch(path.name))]
    files = [(match["label"], path) for match, path in files if match["fold"] == str(fold)]
    if not files:
        raise ManifestError(f"{folder}: no list of fold {fold} is there, such as brush_hair_test_split{fold}.txt")
    for label, path in files:
        seen = set()
        for number, line in enumerate(read_text(path).splitlines(), 1):
            if not line.strip():
                continue
            name, code, *_ = *line.strip().rsplit(None, 1), ""
            if code not in SPLITS or "/" in name or "\\" in name:
                raise ManifestError(f"{path}, line {number}: expected a video's name and 0, 1 or 2, got {line!r}")
            if name in seen:
                raise ManifestError(f"{path}, line {number}: {name} comes twice")
            seen.add(name)
            yield label, name, SPLITS[code]
