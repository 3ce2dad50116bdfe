"""`videocnn`: every command of the package, each a thin call of the function that does the work.

Nothing heavy is imported before a command runs, so that help is instant. A user's error ends with one line on
standard error and exit code 1, Ctrl-C with 130.
"""

from __future__ import annotations

import functools
import sys
from typing import Annotated

import typer
import typer.core

from videocnn import __version__
from videocnn.cli.quiet import quiet_start
from videocnn.errors import VideoCNNError
from videocnn.files import visible


class Commands(typer.core.TyperGroup):
    """The commands, with the ends that they share."""

    def invoke(self, ctx):
        """Run a command; turn what a user can cause into a line and an exit code."""
        try:
            return super().invoke(ctx)
        except VideoCNNError as error:
            message = str(error)
        except BrokenPipeError:
            raise  # the reader has gone (`| head`): typer ends quietly
        except OSError as error:
            message = f"{error.filename}: {error.strerror}" if error.filename and error.strerror else str(error)
        except KeyboardInterrupt:
            typer.echo("interrupted", err=True)
            raise typer.Exit(130) from None
        # a file name may hold escape codes of the terminal, and bytes that are no text
        typer.echo("error: " + "\n".join(map(visible, message.split("\n"))), err=True)
        raise typer.Exit(1)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"videocnn {__version__}")
        raise typer.Exit


def start(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version.", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    """Large-scale video classification with CNNs: find videos, train, evaluate, predict."""


@functools.cache
def make_app() -> typer.Typer:
    """Return the application with all its commands."""
    from videocnn.cli import data, demo, export, pictures, predict, report, run, tables, train, transfer

    # plain help and plain tracebacks: names of files and classes are text, never markup
    app = typer.Typer(
        cls=Commands,
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
    )
    app.callback()(start)
    for part in (demo, data, train, transfer, run, tables, predict, pictures, report, export):
        part.register(app)
    return app


def main() -> None:
    """Run the command line and exit."""
    quiet_start()
    for stream in (sys.stdout, sys.stderr):
        # a file name that the terminal cannot show is no reason to stop
        stream.reconfigure(errors="backslashreplace")
    try:
        make_app()(prog_name="videocnn")
    except KeyboardInterrupt:  # before a command began
        sys.exit(130)
