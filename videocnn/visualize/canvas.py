"""What all pictures share: colours that colour-blind readers tell apart, and writing a figure to a file."""

from __future__ import annotations

import io
import os
from pathlib import Path

from matplotlib.figure import Figure

from videocnn.errors import VideoCNNError
from videocnn.runs import write_file

# Okabe and Ito's palette: distinct under all common forms of colour blindness.
BLUE, ORANGE, GREY = "#0072B2", "#D55E00", "#9A9A9A"


class PictureError(VideoCNNError):
    """There is nothing to draw, or the file cannot be written."""


def plain(text: str) -> str:
    """Return text that matplotlib draws as it is: dollar signs would start a formula."""
    return text.replace("$", r"\$")


def save_figure(figure: Figure, path: str | os.PathLike) -> None:
    """Write a figure, whole or not at all; the suffix (.png, .pdf, .svg) names the format.

    Raises:
        PictureError: matplotlib knows no such format.
        RunError: the folder is not there or cannot be written.
    """
    path = Path(path)
    content = io.BytesIO()
    try:
        figure.savefig(content, format=path.suffix[1:] or "png", dpi=150)
    except ValueError as error:
        raise PictureError(f"{path}: {error}; name it .png, .pdf or .svg") from error
    write_file(path, lambda file: file.write_bytes(content.getvalue()))
