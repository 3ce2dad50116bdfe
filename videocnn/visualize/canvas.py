"""Shared plotting helpers: a colour-blind friendly palette, text escaping and saving figures."""

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

# From the Okabe-Ito palette, which is distinguishable under all common forms of colour blindness.
BLUE, ORANGE, GREY = "#0072B2", "#D55E00", "#9A9A9A"
HEAT = "viridis"  # perceptually uniform, so it remains readable in greyscale


class PictureError(VideoCNNError):
    """A figure cannot be drawn or saved."""


def plain(text: str) -> str:
    """Escape text for matplotlib: dollar signs would start math mode, and undecodable bytes cannot be drawn."""
    return visible(text).replace("$", r"\$")


def text_inches(texts: Iterable[str], size: float) -> float:
    """Return the width in inches of the widest text at a font size given in points."""
    font = FontProperties(size=size)
    widths = (text_to_path.get_text_width_height_descent(text, font, ismath=False)[0] for text in texts)
    return max(widths, default=0.0) / 72


def save_figure(figure: Figure, path: str | os.PathLike) -> None:
    """Save a figure in the format given by the suffix (.png, .pdf, .svg). The file is written atomically.

    Raises:
        PictureError: matplotlib does not support the format.
        WriteError: the folder does not exist or is not writable.
    """
    path = Path(path)
    content = io.BytesIO()
    try:
        figure.savefig(content, format=path.suffix[1:] or "png", dpi=150)
    except ValueError as error:
        raise PictureError(f"{path}: {error}; use the suffix .png, .pdf or .svg") from error
    write_bytes(path, content.getvalue())
