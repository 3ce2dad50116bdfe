"""`videocnn export`: run a trained network without this package."""

from __future__ import annotations

from typing import Annotated

import typer

from videocnn.cli.run import Model


def export(
    run: Model,
    to: Annotated[str, typer.Option(help="savedmodel | onnx | tflite")],
    out: Annotated[str | None, typer.Option(help="folder to write [export/FORMAT in the run folder]")] = None,
    check: Annotated[
        list[str] | None,
        typer.Option(
            metavar="VIDEO|random",
            help="videos to compare the exported network on, or random pixels [videos of the run's data]",
        ),
    ] = None,
    licence: Annotated[str | None, typer.Option(help="licence of the weights, for the model card")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="replace an existing export")] = False,
    seed: Annotated[int, typer.Option(help="seed of the random pixels")] = 0,
) -> None:
    """Write a trained network as SavedModel, ONNX or TFLite, and check it against the Keras network."""
    from videocnn.export import export as write

    exported = write(run, to, out, check=check or None, licence=licence, overwrite=overwrite, seed=seed)
    found = exported.check
    typer.echo(f"checked on {found['clips']}")
    typer.echo(f"largest difference of a probability {found['largest_difference']:.2g}, allowed {found['tolerance']:g}")
    if found["network_dtype"] != "float32":
        typer.echo(
            f"the network computes in {found['network_dtype']}, its export in float32: against the Keras network in "
            f"float32 it is {found['largest_difference_in_float32']:.2g}, allowed {found['tolerance_in_float32']:g}"
        )
    typer.echo(f"{exported.file} is the network, {exported.folder / 'clip.json'} says how to feed it")


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command()(export)
