"""What a run has looked at: its settings in, its data out, and which videos of other data are among them.

A network has seen what the one whose weights it starts from was trained on (section 4.2 of the paper). Where test
videos are among that, or of one group with such, their figures measure memory. TensorFlow is imported when data are
opened, and not before.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from videocnn.clips import Dataset
from videocnn.errors import VideoCNNError
from videocnn.manifest import Manifest, is_url
from videocnn.runs.folder import read_run

if TYPE_CHECKING:
    import keras


def find_data(settings: dict[str, Any], opened: Dataset | None = None) -> tuple[Dataset | None, str]:
    """Return the data set that a run was trained on, or `None` and the reason why it is not available.

    Args:
        settings: the content of `run.json`.
        opened: a data set that is open already; returned without another look at the disk if its hash is the run's.
    """
    if opened is not None and opened.hash == settings.get("manifest_hash"):
        return opened, ""
    place = settings.get("data")
    if not place:
        return None, "the run does not say what it was trained on"
    path = Path(place)
    if (path / "manifest.csv").is_file() and not (path / "index.json").is_file():
        path = path / "manifest.csv"  # trained on a manifest in memory
    if not path.exists():
        return None, f"{place} is not there, or not from this folder"
    try:
        dataset = Dataset.open(path)
    except VideoCNNError as error:
        return None, str(error)
    if settings.get("manifest_hash") not in (None, dataset.hash):
        return None, f"{place} has changed since"
    return dataset, ""


def look_back(pretrained: dict[str, Any], manifest: Manifest) -> dict[str, Any]:
    """Return which videos a network had seen before it was trained on a manifest, itself or where it came from.

    Args:
        pretrained: what `run.json` says of the network whose weights are started from.
        manifest: the data that the new one is trained and measured on.

    Returns:
        Plain values: `seen`, as `seen_before` says, of all data that are still there; `not_looked_for`, why other
        data were not looked at, or "".
    """
    looked, reasons = [], []
    for settings in origins({"pretrained": pretrained}):
        dataset, reason = find_data(settings)
        if dataset is None:
            reasons.append(reason)
        else:
            looked.append(dataset.whole)
    return {"seen": seen_before(*looked, manifest), "not_looked_for": "; ".join(reasons)}


def started_from(weights: str, network: keras.Model, dataset: Dataset, *, quiet: bool) -> dict[str, Any]:
    """Return what `run.json` says of the file of weights that a network was given; warn of videos they have seen.

    Args:
        weights: the file.
        network: the network that was given them.
        dataset: what the network is going to be trained and measured on.
        quiet: print nothing but warnings of test videos.
    """
    from videocnn.models import weights_hash

    origin = {**find_origin(weights), "weights_hash": weights_hash(network)}
    return origin | warn_of_seen(origin, dataset.whole, quiet=quiet)


def find_origin(network: str | os.PathLike | None) -> dict[str, Any]:
    """Return what `run.json` is to say of a network whose weights a run starts from, as far as its own folder tells.

    Args:
        network: a run folder or a file, which may lie in one; None for a network in memory.
    """
    path = None if network is None else os.fspath(network)
    # A file tells nothing of the arguments, but where it lies in its run folder still, what it was trained on.
    folders = [] if path is None else [at for at in (Path(path), Path(path).parent) if (at / "run.json").is_file()]
    known = read_run(folders[0]) if folders else {}
    regime = (known.get("arguments") or {}).get("regime")
    return {
        "path": path,
        "class_names": known.get("class_names") or [],
        **{name: known.get(name) for name in ("data", "manifest_hash")},
        "arguments": known.get("arguments") if folders and os.path.isdir(path) else None,
        # what it started from itself
        **({"pretrained": known["pretrained"]} if known.get("pretrained") and regime != "scratch" else {}),
    }


def warn_of_seen(pretrained: dict[str, Any], manifest: Manifest, *, quiet: bool) -> dict[str, Any]:
    """Return what `look_back` finds, and print what people must know of it; of test videos also when `quiet`."""
    back = look_back(pretrained, manifest)
    for sentence in seen_sentences(back):
        if not quiet or back["seen"].get("test", {}).get("seen_videos"):
            print(f"warning: {sentence}", file=sys.stderr)
    return back


def origins(settings: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield what `run.json` says of the network whose weights a run started from, of the one before it, and so on."""
    pretrained = settings.get("pretrained")
    if (settings.get("arguments") or {}).get("regime") == "scratch":
        return
    while isinstance(pretrained, dict):
        yield pretrained
        pretrained = pretrained.get("pretrained")


def seen_before(*data: Manifest) -> dict[str, dict[str, int]]:
    """Return how many videos and groups of the last manifest's splits val and test the others have seen.

    Of its validation videos those count that the others trained on, of its test videos those too that chose weights.
    A group counts as seen where one of its videos is the same file, or where the other manifest calls a group alike
    that has videos in the same folder: names of groups mean nothing beyond one data set.
    """
    *trained, manifest = data
    counts = {}
    for split, looked in (("val", ("train",)), ("test", ("train", "val"))):
        videos = manifest.select(split).videos
        if not videos:
            continue
        files, places = set(), set()
        for other in trained:
            for video in other.videos:
                if video.split in looked:
                    file = _real_file(other, video)
                    files.add(file)
                    places.add((video.group, os.path.dirname(file)))
        seen = {
            video.group
            for video in videos
            for file in [_real_file(manifest, video)]
            if file in files or (video.group != video.path and (video.group, os.path.dirname(file)) in places)
        }
        counts[split] = {
            "num_videos": len(videos),
            "seen_videos": sum(video.group in seen for video in videos),
            "num_groups": len({video.group for video in videos}),
            "seen_groups": len(seen),
        }
    return counts


def _real_file(manifest: Manifest, video: Any) -> str:
    """Return the file of a video behind all links, or its URL."""
    return video.path if is_url(video.path) else os.path.realpath(manifest.file(video))


def seen_sentences(back: dict[str, Any]) -> list[str]:
    """Return what people must know of `look_back`; nothing where there is nothing to fear."""
    found = []
    for split, counts in (back.get("seen") or {}).items():
        if counts["seen_videos"]:
            effect = {
                "test": "training or validation. The figures measure memory.",
                "val": "training. They choose the weights by memory.",
            }[split]
            found.append(
                f"Split {split}: the network that this one started from has seen {counts['seen_groups']} of its "
                f"{counts['num_groups']} groups ({counts['seen_videos']} of {counts['num_videos']} videos) in "
                f"{effect}"
            )
    if back.get("not_looked_for") != "":
        found.append(
            "Whether the network that this one started from has seen these videos cannot be told: its data are "
            "not on record, not there, or have changed."
        )
    return found
