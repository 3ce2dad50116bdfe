"""One word or path -> the manifest of videos to work on: toy videos, a manifest, or a folder of class folders.

What a notebook's first cell needs, so that one constant leads from the toy videos to the reader's own.
"""

from __future__ import annotations

import os
from pathlib import Path

from videocnn.datasets.folder import folder
from videocnn.datasets.prepare import Found, prepare
from videocnn.datasets.toy import make_toy
from videocnn.files import read_table
from videocnn.manifest import Manifest, ManifestError, read_manifest

TOY = "toy"


def open_videos(
    source: str | os.PathLike = TOY, out: str | os.PathLike = "course", *, seed: int = 0, quiet: bool = True
) -> Manifest:
    """Return the videos that a word or a path means, made ready to train on.

    Args:
        source: `"toy"`: the toy videos, rendered into `out/toy` by the first call and found there by later ones; or
            the path of a `manifest.csv`, of a folder that holds one, or of a folder with a folder for each class,
            which is measured and split by group into `out/NAME-videos`, again only where files came or went.
        out: where what is made is kept.
        seed: of the toy videos, or of the split of a folder that states none.
        quiet: no progress on standard error.

    Returns:
        The manifest; its videos have splits, groups, frame counts and rates.

    Raises:
        ManifestError: nothing is there, or it cannot be trained on.
        ToyError: the toy videos cannot be written.

    Example:
        >>> manifest = open_videos("toy", "course")
        >>> len(manifest.class_names)
        12
    """
    out = Path(out)
    if source == TOY:
        made = out / TOY / "manifest.csv"
        return read_manifest(made) if made.is_file() else make_toy(out / TOY, seed=seed, quiet=quiet)
    path = Path(source)
    if path.is_file():
        return read_manifest(path)
    if (path / "manifest.csv").is_file():
        return read_manifest(path / "manifest.csv")
    if not path.is_dir():
        raise ManifestError(
            f"{source}: there is no such file or folder; give {TOY!r}, a manifest.csv, or a folder with a folder for "
            "each class"
        )
    made = out / f"{path.resolve().name}-videos"
    found = folder(path, seed=seed)
    return measured_before(found, made) or prepare(found, made, quiet=quiet)[0]


def measured_before(found: Found, made: Path) -> Manifest | None:
    """Return the manifest that an earlier call wrote, if the folder still holds the same files; None otherwise."""
    if not (made / "manifest.csv").is_file():
        return None
    kept = read_manifest(made / "manifest.csv", check_files=False)
    skipped = [row["path"] for _, row in read_table(made / "skipped.csv", ("path", "reason"))]
    usable = {os.path.realpath(kept.file(video)) for video in kept.videos}
    bad = {os.path.realpath(os.path.join(found.manifest.root, path)) for path in skipped}
    there = {os.path.realpath(found.manifest.file(video)) for video in found.manifest.videos}
    return kept if usable <= there <= usable | bad else None
