"""`videocnn finetune`: a trained network for other videos; its options are the table in `videocnn.train.recipes`."""

from __future__ import annotations

import dataclasses
import inspect
import os
import shlex
from pathlib import Path
from typing import Annotated, Any

import typer

from videocnn.cli.run import Gpus, Logical, Views
from videocnn.cli.train import option
from videocnn.train import TransferArguments
from videocnn.train.recipes import ARCHITECTURE


def finetune(
    run: Annotated[str, typer.Argument(help="run folder of the trained network, or a .keras file")],
    manifest: Annotated[str, typer.Argument(help="manifest.csv, or a folder of shards; with --folds the folder above")],
    *,
    out: Annotated[str, typer.Option(help="the new run folder; with --folds, one subfolder per fold")],
    folds: Annotated[
        str | None,
        typer.Option(metavar="all", help="one run per fold (MANIFEST/fold1, fold2, ...), then mean and spread"),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="continue the run in --out")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="replace the run in --out")] = False,
    no_evaluate: Annotated[
        bool, typer.Option("--no-evaluate", help="do not touch the test videos (while you tune hyperparameters)")
    ] = False,
    num_clips: Annotated[int, typer.Option("--clips", help="evenly spaced clips per test video")] = 50,
    num_views: Views = 4,
    gpus: Gpus = None,
    logical: Logical = None,
    **arguments: Any,
) -> None:
    """Fine-tune a trained network on other videos, then evaluate it on their test split (Table 3 of the paper)."""
    if folds not in (None, "all"):
        raise typer.BadParameter(f"{folds!r}: there is all", param_hint="--folds")
    if folds and no_evaluate:
        raise typer.BadParameter("reports figures of test videos; take it or --folds", param_hint="--no-evaluate")
    given = {name: value for name, value in arguments.items() if value is not None}
    options = {"resume": resume, "overwrite": overwrite, "gpus": gpus, "logical": logical, **given}
    if folds:
        from videocnn.transfer import finetune_folds
        from videocnn.transfer.folds import print_folds

        print_folds(finetune_folds(run, manifest, out, num_clips=num_clips, num_views=num_views, **options))
        typer.echo(f"{os.path.join(out, 'folds.json')} keeps these figures")
        return
    from videocnn.clips import Dataset
    from videocnn.transfer import finetune as tune
    from videocnn.transfer.folds import measure

    check_single(manifest)
    dataset = Dataset.open(manifest)
    tune(run, dataset, out, **options)
    if no_evaluate or not len(dataset.select("test")):
        next_step = f"videocnn evaluate {shlex.quote(out)} {shlex.quote(manifest)} --clips {num_clips}"
        typer.echo(f"{out}/model.keras is the network. Next: {next_step}")
        return
    measure(Path(out), dataset, num_clips=num_clips, num_views=num_views)
    typer.echo(f"{out}/model.keras is the network")


def check_single(manifest: str) -> None:
    """Point to --folds where the folder above several folds is given."""
    if os.path.isdir(manifest) and os.path.isdir(os.path.join(manifest, "fold1")):
        raise typer.BadParameter(f"{manifest} holds several folds: add --folds all, or name one", param_hint="MANIFEST")


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    signature = inspect.signature(finetune, eval_str=True)
    own = [parameter for name, parameter in signature.parameters.items() if name != "arguments"]
    fields = [field for field in dataclasses.fields(TransferArguments) if field.name not in ARCHITECTURE]
    fields.sort(key=lambda field: field.name != "regime")  # first what the command is about
    finetune.__signature__ = signature.replace(parameters=own + [option(field) for field in fields])
    finetune.__annotations__ = {
        name: parameter.annotation for name, parameter in finetune.__signature__.parameters.items()
    }
    app.command()(finetune)
