"""UCF-101 and its official lists -> a manifest of one fold (section 4 of the paper).

The lists put whole groups into training or test (fold 1 tests on groups 1 to 7 of every class). Validation is cut out
of the training part by group as well, so that the test videos are looked at once.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from pathlib import Path

from videocnn.datasets.official import Source, files_by_name
from videocnn.datasets.prepare import Found
from videocnn.files import read_text
from videocnn.manifest import Manifest, ManifestError, Skip, Video, check_groups, split_validation
from videocnn.manifest.groups import UCF_NAME

NUM_VIDEOS, NUM_CLASSES, FOLDS = 13320, 101, (1, 2, 3)
_PAGE = "https://www.crcv.ucf.edu/data/UCF101.php"
VIDEOS = Source(
    "https://www.crcv.ucf.edu/data/UCF101/UCF101.rar", _PAGE, "UCF101.rar", "UCF-101", keep=2, option="--archive"
)
# size and checksum as TensorFlow Datasets publishes them for this address
LISTS = Source(
    "https://www.crcv.ucf.edu/data/UCF101/UCF101TrainTestSplits-RecognitionTask.zip",
    _PAGE,
    "UCF101TrainTestSplits-RecognitionTask.zip",
    "ucfTrainTestlist",
    keep=1,
    option="--lists-archive",
    size=113943,
    sha256="5c0d1a53b8ed364a2ac830a73f405e51bece7d98ce1254fd19ed4a36b224bd27",
)
VAL_GROUPS = {1: (8, 9, 10), 2: (1, 2, 3), 3: (1, 2, 3)}


def ucf101(
    root: str | os.PathLike,
    lists: str | os.PathLike,
    *,
    fold: int = 1,
    val_groups: Collection[int] | None = None,
) -> Found:
    """Find the listed videos that are in `root/<Class>/`; nothing is opened.

    Names are matched with and without capitals: copies of the data set disagree about `HandStandPushups` and
    `HandstandPushups`. Classes are called as `classInd.txt` calls them, and groups `<Class>_g01`,
    because every class has its own group 1.

    Args:
        root: the folder of class folders; a part of the data set will do.
        lists: the folder of `classInd.txt`, `trainlist01.txt`, `testlist01.txt` and so on.
        fold: official split, 1 to 3.
        val_groups: numbers of the training groups that validate, in every class; `None` takes the first three of the
            fold's (8, 9, 10 in fold 1) as far as they are there and their classes have others to train on, an empty
            collection none.

    Raises:
        ManifestError: no such folder, fold or group; a line of the lists that cannot be; none of the videos there.
        TableError: a list is absent.
    """
    root, lists = Path(root), Path(lists)
    if fold not in VAL_GROUPS:
        raise ManifestError(f"fold {fold}: UCF-101 has the folds 1, 2 and 3")
    if not root.is_dir():
        raise ManifestError(f"{root}: there is no such folder; it should hold UCF-101's class folders")
    classes = _class_names(lists / "classInd.txt")
    present = files_by_name(root, UCF_NAME.fullmatch)
    videos, absent, listed = [], [], []
    for split in ("train", "test"):
        for name, label in _read_list(lists / f"{split}list{fold:02d}.txt", classes):
            listed.append(name)
            number = int(UCF_NAME.fullmatch(name.split("/")[1])["number"])
            path = present.get(name) or present.get(name.casefold())
            if path is None:
                absent.append((name, label))
            else:
                videos.append((Video(path, (label,), split, f"{label}_g{number:02d}"), number))
    if not videos:
        raise ManifestError(f"{root}: none of the {len(listed)} videos of fold {fold} is there, such as {absent[0][0]}")
    manifest = Manifest(tuple(video for video, _ in videos), root=root)
    check_groups(manifest)
    trained = {video.group: (video.labels[0], number) for video, number in videos if video.split == "train"}
    manifest, validation = _validation(manifest, trained, VAL_GROUPS[fold], val_groups)
    there = set(manifest.class_names)
    skips = tuple(Skip(name, "listed, but not there") for name, label in absent if label in there)
    notes = [
        f"UCF-101 fold {fold}: {len(videos)} of {len(listed)} listed videos are there, in {len(there)} of "
        f"{len(classes)} classes; {len(absent)} are absent, {len(skips)} of them from these classes"
    ]
    unlisted = len(set(present.values()) - {video.path for video, _ in videos})
    if unlisted:
        notes.append(f"{unlisted} videos in {root} are in no list of fold {fold} and are left out")
    return Found(manifest, skips, (*notes, validation), tuple(listed), tuple(name for name, _ in absent))


def _validation(
    manifest: Manifest, trained: dict[str, tuple[str, int]], usual: Collection[int], wanted: Collection[int] | None
) -> tuple[Manifest, str]:
    """Move training groups to validation, the `wanted` numbers or what there is of the usual, and say so in a sentence.

    Args:
        manifest: the videos in training and test.
        trained: class and number of each training group.
        usual: numbers to take where none are wanted.
        wanted: numbers, or None.
    """
    there = sorted({number for _, number in trained.values()})
    if wanted is not None:
        if not wanted:
            return manifest, "no validation"
        for number in sorted(set(wanted) - set(there)):
            raise ManifestError(f"validation group {number} is not in the training part, {_choice(there)}")
        chosen = [group for group, (_, number) in trained.items() if number in wanted]
        return split_validation(manifest, groups=chosen), f"validation: groups {_listed(wanted)} of the training part"
    if not there:
        return manifest, "no validation: no training video is there"
    others = {label for label, number in trained.values() if number not in usual}
    chosen = [group for group, (label, number) in trained.items() if number in usual and label in others]
    if not chosen:
        return (
            manifest,
            f"no validation: of the groups {_listed(usual)} there is none to spare; --val-groups takes others",
        )
    taken = sorted({trained[group][1] for group in chosen})
    gone = f"not there: {_listed(set(usual) - set(there))}" if set(usual) - set(there) else ""
    last = sorted({label for label, _ in trained.values()} - others)
    spared = f"kept for training, as their classes have no other: {', '.join(last)}" if last else ""
    why = "; ".join(filter(None, (gone, spared)))
    note = f"validation: groups {_listed(taken)} of the training part" + (
        f" ({why}); --val-groups takes others" if why else ""
    )
    return split_validation(manifest, groups=chosen), note


def _choice(there: list[int]) -> str:
    if not there:
        return "of which no video is there; give --val-groups none"
    example = ",".join(map(str, there[:2]))
    return f"as far as it is there; choose among {_listed(there)} (--val-groups {example}) or none (--val-groups none)"


def _listed(numbers: Collection[int]) -> str:
    return ", ".join(map(str, sorted(numbers)))


def _lines(path: Path) -> Iterator[tuple[int, list[str]]]:
    for number, line in enumerate(read_text(path).splitlines(), 1):
        if line.strip():
            yield number, line.split()


def _class_names(path: Path) -> dict[str, int]:
    """Return the number of each class."""
    classes: dict[str, int] = {}
    for number, words in _lines(path):
        if len(words) != 2 or not words[0].isdecimal() or words[1] in classes:
            raise ManifestError(f"{path}, line {number}: expected a number and a new class, got {' '.join(words)!r}")
        classes[words[1]] = int(words[0])
    return classes


def _read_list(path: Path, classes: dict[str, int]) -> Iterator[tuple[str, str]]:
    """Yield `Class/v_Class_g01_c01.avi` and the class for every line."""
    spelling = {name.casefold(): name for name in classes}
    seen = set()
    for number, words in _lines(path):
        parts = words[0].split("/")
        label = spelling.get(parts[0].casefold())
        if len(parts) != 2 or not UCF_NAME.fullmatch(parts[1]) or label is None:
            raise ManifestError(f"{path}, line {number}: {words[0]!r} is no video of a class in classInd.txt")
        if words[1:] not in ([], [str(classes[label])]):
            raise ManifestError(
                f"{path}, line {number}: {label} has number {classes[label]}, not {' '.join(words[1:])}"
            )
        if words[0] in seen:
            raise ManifestError(f"{path}, line {number}: {words[0]} comes twice")
        seen.add(words[0])
        yield words[0], label
