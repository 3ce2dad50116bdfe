"""What all pictures share: colours that colour-blind readers tell apart, and writing a figure to a file."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable
from pathlib import Path

from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import text_to_path

from videocnn.errors import VideoCNNError
from videocnn.files import visible, write_bytes

# Okabe and Ito's palette: distinct under all common forms of colour blindness.
BLUE, ORANGE, GREY = "#0072B2", "#D55E00", "#9A9A9A"
HEAT = "viridis"  # its lightness grows evenly, so it reads in grey print as well


class PictureError(VideoCNNError):
    """There is nothing to draw, or the file cannot be written."""


def plain(text: str) -> str:
    """Return text that matplotlib draws as it is: dollar signs would start a formula, and bytes are no letters."""
    return visible(text).replace("$", r"\$")


def text_inches(texts: Iterable[str], size: float) -> float:
    """Return the width in inches of the widest of some texts at a font size in points."""
    font = FontProperties(size=size)
    widths = (text_to_path.get_text_width_height_descent(text, font, ismath=False)[0] for text in texts)
    return max(widths, default=0.0) / 72


def save_figure(figure: Figure, path: str | os.PathLike) -> None:
    """Write a figure, whole or not at all; the suffix (.png, .pdf, .svg) names the format.

    Raises:
        PictureError: matplotlib knows no such format.
        WriteError: the folder is not there or cannot be written.
    """
    path = Path(path)
    content = io.BytesIO()
    try:
        figure.savefig(content, format=path.suffix[1:] or "png", dpi=150)
    except ValueError as error:
        raise PictureError(f"{path}: {error}; name it .png, .pdf or .svg") from error
    write_bytes(path, content.getvalue())
