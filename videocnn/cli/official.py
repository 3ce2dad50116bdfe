"""`videocnn data ucf101|hmdb51`: official data sets and splits, from the web, an archive or a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from videocnn.cli.data import Quiet, Seed, Workers, prepare_found

Out = Annotated[Path, typer.Option(help="Folder for manifest.csv (fold1/manifest.csv ... for all) and downloads.")]
Fold = Annotated[str, typer.Option(help="Official split: 1, 2, 3, or all.")]
Root = Annotated[Path | None, typer.Option(help="Unpacked videos: the folder of class folders, or part of it.")]
Archive = Annotated[Path | None, typer.Option(help="Downloaded archive of the videos, RAR or ZIP.")]
Url = Annotated[str | None, typer.Option(help="URL of the videos.  [default: the official one]")]
Lists = Annotated[Path | None, typer.Option(help="Folder of the unpacked official lists.")]
ListsArchive = Annotated[Path | None, typer.Option(help="Downloaded archive of the official lists, RAR or ZIP.")]
ListsUrl = Annotated[str | None, typer.Option(help="URL of the lists.  [default: the official one]")]


def ucf101(
    out: Out,
    root: Root = None,
    lists: Lists = None,
    fold: Fold = "1",
    val_groups: Annotated[
        str | None,
        typer.Option(help="Training groups that validate: 8,9,10, or none.  [default: the fold's first three]"),
    ] = None,
    archive: Archive = None,
    url: Url = None,
    lists_archive: ListsArchive = None,
    lists_url: ListsUrl = None,
    workers: Workers = None,
    quiet: Quiet = False,
) -> None:
    """Prepare UCF-101 with its official lists, downloading what is not given."""
    from videocnn.datasets import ucf101 as data

    numbers = None if val_groups is None else [] if val_groups == "none" else _numbers(val_groups)
    folds = _folds(fold)
    root = _place("--root", root, data.VIDEOS, out, url, archive, workers, quiet)
    lists = _place("--lists", lists, data.LISTS, out, lists_url, lists_archive, workers, quiet)
    found = {fold: data.ucf101(root, lists, fold=fold, val_groups=numbers) for fold in folds}
    _write(found, data, out, workers, quiet)


def hmdb51(
    out: Out,
    root: Root = None,
    lists: Lists = None,
    fold: Fold = "1",
    val_fraction: Annotated[float, typer.Option(help="Fraction of each class's training groups to validate on.")] = 0.1,
    seed: Seed = 0,
    archive: Archive = None,
    url: Url = None,
    lists_archive: ListsArchive = None,
    lists_url: ListsUrl = None,
    workers: Workers = None,
    quiet: Quiet = False,
) -> None:
    """Prepare HMDB-51 with its official lists, downloading what is not given."""
    from videocnn.datasets import hmdb51 as data

    folds = _folds(fold)
    root = _place("--root", root, data.VIDEOS, out, url, archive, workers, quiet)
    lists = _place("--lists", lists, data.LISTS, out, lists_url, lists_archive, workers, quiet)
    found = {fold: data.hmdb51(root, lists, fold=fold, val_fraction=val_fraction, seed=seed) for fold in folds}
    _write(found, data, out, workers, quiet)


def _place(option: str, folder: Path | None, source, out: Path, url, archive, workers, quiet) -> Path:
    """Return the given folder, or download and unpack it."""
    from videocnn.datasets import obtain

    if sum(value is not None for value in (folder, url, archive)) > 1:
        kind = option.removeprefix("--lists")
        names = "--lists, --lists-archive and --lists-url" if not kind else "--root, --archive and --url"
        raise typer.BadParameter(f"{names} are three ways to the same: give one of them, or none")
    if folder is not None:
        return folder
    folder, note = obtain(source, out, url=url, archive=archive, workers=workers, quiet=quiet)
    typer.echo(note)
    return folder


def _write(found: dict, data, out: Path, workers: int | None, quiet: bool) -> None:
    """Print what is missing, and write the manifest of one fold or of all."""
    from videocnn.datasets.official import completeness
    from videocnn.datasets.prepare import measure_folds

    for note in completeness(next(iter(found.values())), data.NUM_VIDEOS, data.NUM_CLASSES):
        typer.echo(note)
    if len(found) == 1:
        prepare_found(*found.values(), out, workers, quiet)
        return
    for fold, measured in measure_folds(found, workers=workers, quiet=quiet).items():
        prepare_found(measured, out / f"fold{fold}", workers, quiet)


def _folds(text: str) -> tuple[int, ...]:
    if text not in ("1", "2", "3", "all"):
        raise typer.BadParameter(f"{text!r}: there are the folds 1, 2, 3, and all")
    return (1, 2, 3) if text == "all" else (int(text),)


def _numbers(text: str) -> list[int]:
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise typer.BadParameter(f"{text!r}: write numbers with commas between, 8,9,10, or none") from None


def register(to: typer.Typer) -> None:
    """Add the commands to those of `videocnn data`."""
    to.command()(ucf101)
    to.command()(hmdb51)
