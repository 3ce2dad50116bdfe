"""`videocnn train`: the options are the table in `videocnn.train.recipes`, one for one."""

from __future__ import annotations

import dataclasses
import inspect
from typing import Annotated, Any

import typer

from videocnn.cli.run import Gpus, Logical
from videocnn.train import TrainArguments


def option(field: dataclasses.Field) -> inspect.Parameter:
    """Return the command-line option of one training argument."""
    recipes, help = field.metadata["recipes"], field.metadata["help"]
    if field.metadata["choices"]:
        help += f": {' | '.join(field.metadata['choices'])}"
    values = [f"{name}: {shown(value)}" for name, value in recipes.items() if name != "default"]
    if values:
        help += f" [{', '.join(values)}]"
    flags = f"--{field.name.replace('_', '-')}"
    if field.metadata["kind"] is bool:
        flags = f"{flags}/--no-{field.name.replace('_', '-')}"
    default = recipes.get("default")
    if default is not None and not help.endswith("]"):
        help += f" [default: {shown(default)}]"
    kind = Annotated[field.metadata["kind"] | None, typer.Option(flags, help=help, show_default=False)]
    return inspect.Parameter(field.name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=kind)


def shown(value: Any) -> str:
    """Format a recipe's value for the help text."""
    if value is None or isinstance(value, bool):
        return {None: "-", True: "yes", False: "no"}[value]
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def train(
    manifest: Annotated[str, typer.Argument(help="manifest.csv, or a folder of shards")],
    *,
    out: Annotated[str, typer.Option(help="the run folder")],
    resume: Annotated[bool, typer.Option("--resume", help="continue the run in --out")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="replace the run in --out")] = False,
    tensorboard: Annotated[bool, typer.Option("--tensorboard", help="also write curves to OUT/tensorboard")] = False,
    gpus: Gpus = None,
    logical: Logical = None,
    **arguments: Any,
) -> None:
    """Train one of the paper's networks on the train split, validating on the val split."""
    from videocnn.train import train as run

    given = {name: value for name, value in arguments.items() if value is not None}
    options = {"resume": resume, "overwrite": overwrite, "tensorboard": tensorboard, "gpus": gpus, "logical": logical}
    run(manifest, out, **options, **given)
    typer.echo(f"{out}/model.keras is the network. Next: videocnn evaluate {out} {manifest}")


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    signature = inspect.signature(train, eval_str=True)
    own = [parameter for name, parameter in signature.parameters.items() if name != "arguments"]
    train.__signature__ = signature.replace(
        parameters=own + [option(field) for field in dataclasses.fields(TrainArguments)]
    )
    train.__annotations__ = {name: parameter.annotation for name, parameter in train.__signature__.parameters.items()}
    app.command()(train)
