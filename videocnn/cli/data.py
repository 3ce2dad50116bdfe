"""`videocnn data toy|folder|csv`, `videocnn check` and `videocnn shard`: from videos to what training reads."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

Out = Annotated[Path, typer.Option(help="Folder to write manifest.csv to.")]
Workers = Annotated[
    int | None, typer.Option(help="Files to process in parallel.  [default: number of processors]", min=1)
]
Quiet = Annotated[bool, typer.Option("--quiet", help="Show no progress.")]
GroupPattern = Annotated[
    str | None,
    typer.Option(help="Regular expression whose capture in a file name is the group (videos of one source)."),
]
TestFraction = Annotated[
    float, typer.Option(help="Fraction of each class's groups for testing, if the data has no test split.")
]
ValFraction = Annotated[
    float, typer.Option(help="Fraction of each class's groups for validation, if it has no val split.")
]
Seed = Annotated[int, typer.Option(help="Random seed.", min=0)]

app = typer.Typer(no_args_is_help=True, help="Get or find a data set: write DIR/manifest.csv.")


@app.command()
def toy(
    out: Annotated[Path, typer.Option(help="Folder to render the videos and manifest.csv to.")],
    seed: Seed = 0,
    groups: Annotated[int, typer.Option(help="Groups per class, with three videos each.", min=3)] = 15,
    fold: Annotated[int, typer.Option(help="Which third of the groups to test on.", min=1, max=3)] = 1,
    workers: Workers = None,
    quiet: Quiet = False,
) -> None:
    """Render toy videos: pairs of classes told apart by motion, layout, detail or border."""
    from videocnn.datasets.toy import make_toy

    manifest = make_toy(out, seed=seed, groups_per_class=groups, fold=fold, workers=workers, quiet=quiet)
    _report(manifest, out)


@app.command()
def folder(
    root: Annotated[Path, typer.Argument(help="ROOT/<class>/..., or ROOT/<train|val|test>/<class>/...")],
    out: Out,
    group_pattern: GroupPattern = None,
    test_fraction: TestFraction = 0.2,
    val_fraction: ValFraction = 0.1,
    seed: Seed = 0,
    workers: Workers = None,
    quiet: Quiet = False,
) -> None:
    """Use the videos of a folder that has one subfolder per class."""
    from videocnn.datasets.folder import folder as find

    found = find(root, group_pattern=group_pattern, test_fraction=test_fraction, val_fraction=val_fraction, seed=seed)
    prepare_found(found, out, workers, quiet)


@app.command()
def csv(
    path: Annotated[Path, typer.Argument(help="A CSV file with a header and one row per video.")],
    out: Out,
    path_column: Annotated[str, typer.Option(help="Column with paths or URLs.")] = "path",
    labels_column: Annotated[str, typer.Option(help="Column with class names.")] = "labels",
    split_column: Annotated[str | None, typer.Option(help="Column with train, val or test.")] = None,
    group_column: Annotated[str | None, typer.Option(help="Column with groups.")] = None,
    separator: Annotated[str, typer.Option(help="Separator between several labels.")] = "|",
    delimiter: Annotated[str, typer.Option(help="Separator between columns.")] = ",",
    root: Annotated[
        Path | None, typer.Option(help="Base folder of relative paths.  [default: the CSV's folder]")
    ] = None,
    group_pattern: GroupPattern = None,
    test_fraction: TestFraction = 0.2,
    val_fraction: ValFraction = 0.1,
    seed: Seed = 0,
    workers: Workers = None,
    quiet: Quiet = False,
) -> None:
    """Use the videos listed in any CSV file."""
    from videocnn.datasets.folder import csv_file

    found = csv_file(
        path,
        path_column=path_column,
        labels_column=labels_column,
        split_column=split_column,
        group_column=group_column,
        separator=separator,
        delimiter=delimiter,
        root=root,
        group_pattern=group_pattern,
        test_fraction=test_fraction,
        val_fraction=val_fraction,
        seed=seed,
    )
    prepare_found(found, out, workers, quiet)


def prepare_found(found, out: Path, workers: int | None, quiet: bool) -> None:
    """Print what was found, probe the videos, write the manifest and print its summary."""
    from videocnn.datasets.prepare import prepare

    for note in found.notes:
        typer.echo(note)
    manifest, skips = prepare(found, out, workers=workers, quiet=quiet)
    if skips:
        reasons = f"{len(found.skips)} before reading, {len(skips) - len(found.skips)} unreadable"
        typer.echo(f"left out: {len(skips)} ({reasons}), listed in {out / 'skipped.csv'}")
    _report(manifest, out)


def _report(manifest, out: Path) -> None:
    from videocnn.datasets.prepare import describe

    path = out / "manifest.csv"
    typer.echo(f"{path}: {describe(manifest)}")
    typer.echo(f"Next: videocnn train {shlex.quote(str(path))} --model slow_fusion --out runs/slow_fusion")


def check(
    manifest: Annotated[Path, typer.Argument(help="manifest.csv")],
    out: Annotated[
        Path | None, typer.Option(help="CSV file listing the bad ones.  [default: bad.csv beside it]")
    ] = None,
    timeout: Annotated[float, typer.Option(help="Time limit per video, in seconds.", min=0.001)] = 600,
    workers: Workers = None,
    quiet: Quiet = False,
) -> None:
    """Decode every video and list the bad ones. Exit code 1 if there are any."""
    from videocnn.manifest import check as decode
    from videocnn.manifest import read_manifest, write_skips
    from videocnn.runs.folder import check_writable

    videos = read_manifest(manifest, check_files=False)  # absent ones are for the list
    out = manifest.with_name("bad.csv") if out is None else out
    check_writable(out.parent)
    bad = decode(videos, workers=workers, quiet=quiet, timeout_seconds=timeout)
    write_skips(bad, out)
    for skip in bad[:5]:
        typer.echo(skip.reason, err=True)
    typer.echo(f"{len(videos) - len(bad)} of {len(videos)} videos decode to the end; {len(bad)} bad, listed in {out}")
    if bad:
        raise typer.Exit(1)


def shard(
    manifest: Annotated[Path, typer.Argument(help="manifest.csv")],
    out: Annotated[Path, typer.Argument(help="Folder for the shards; an unfinished one is continued.")],
    size: Annotated[int, typer.Option(help="Height and width of the stored frames, in pixels.", min=1)] = 200,
    quality: Annotated[int, typer.Option(help="JPEG quality of the frames.", min=1, max=100)] = 90,
    videos_per_shard: Annotated[int, typer.Option(help="Maximum number of videos per file.", min=1)] = 64,
    workers: Workers = None,
    quiet: Quiet = False,
) -> None:
    """Write videos as shards, which train faster: TFRecords of JPEG frames."""
    from videocnn.shards import write_shards

    shards = write_shards(
        manifest,
        out,
        frame_size=(size, size),
        quality=quality,
        videos_per_shard=videos_per_shard,
        workers=workers,
        quiet=quiet,
    )
    typer.echo(f"{out}: {len(shards.manifest)} videos in {shards.num_shards} shards")
    if shards.skips:
        typer.echo(f"left out: {len(shards.skips)}, listed in {out / 'skipped.csv'}")
    # The paper's networks see 170 pixels of a region of 200; smaller frames are for networks that see as much less.
    smaller = "" if size >= 200 else f" --frame-size {size * 170 // 200}"
    if size >= 38:
        typer.echo(f"Next: videocnn train {shlex.quote(str(out))} --model slow_fusion{smaller} --out runs/slow_fusion")


def register(to: typer.Typer) -> None:
    """Add the commands to the application."""
    from videocnn.cli import official

    official.register(app)
    to.add_typer(app, name="data")
    to.command()(check)
    to.command()(shard)
