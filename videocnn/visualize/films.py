"""Clips as a moving picture: frames go in, an animation that notebooks, pages and image viewers play comes out.

Section 3 of the paper treats a video as a bag of short clips; this is how one looks at them.
"""

from __future__ import annotations

import dataclasses
import io
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from videocnn.files import write_bytes
from videocnn.visualize.canvas import PictureError

GAP = 6  # pixels between clips
TEXT = 13  # pixels: height of the captions' letters
COLOURS = 128  # of the palette of an animated PNG: a third of the bytes, hardly seen on small frames


@dataclasses.dataclass(frozen=True, repr=False)
class Film:
    """A moving picture that shows itself in a notebook, as an animated PNG.

    Attributes:
        frames: uint8 `(time, height, width, 3)`: whole pictures, clips side by side and captions included.
        fps: pictures a second.
    """

    frames: np.ndarray
    fps: float

    def __repr__(self) -> str:
        num_frames, height, width = self.frames.shape[:3]
        return f"Film({num_frames} pictures of {height} x {width}, {self.fps:g} a second)"

    def _repr_png_(self) -> bytes:
        return self._encoded("PNG")

    def save(self, path: str | os.PathLike) -> None:
        """Write the film as an animated `.png` or `.gif` that runs for ever, whole or not at all.

        Raises:
            PictureError: the file has another suffix.
            WriteError: the folder is not there or cannot be written.
        """
        path = Path(path)
        if path.suffix.lower() not in (".png", ".gif"):
            raise PictureError(f"{path}: a film is an animated PNG or GIF; name it .png or .gif")
        content = self._encoded(path.suffix[1:].upper())
        write_bytes(path, content)

    def _encoded(self, kind: str) -> bytes:
        # One palette for all pictures: still places would flicker if each had its own.
        whole = Image.fromarray(self.frames.reshape(-1, *self.frames.shape[2:]))
        palette = whole.quantize(COLOURS, method=Image.Quantize.MEDIANCUT)
        first, *others = (
            Image.fromarray(frame).quantize(palette=palette, dither=Image.Dither.NONE) for frame in self.frames
        )
        content = io.BytesIO()
        options = {"append_images": others, "duration": round(1000 / self.fps), "loop": 0, "optimize": False}
        first.save(content, kind, save_all=True, **options)
        return content.getvalue()


def film(
    clips: np.ndarray | Sequence[np.ndarray],
    fps: float = 10.0,
    captions: Sequence[str] | str | None = None,
    scale: int = 1,
) -> Film:
    """Show clips as a moving picture, side by side, each with a caption below.

    Args:
        clips: uint8 `(time, height, width, 3)`, or several of them. Of different lengths the shorter ones rest on
            their last frame, marked by a bar below it, until the longest is over.
        fps: frames a second.
        captions: one for each clip.
        scale: every pixel becomes so many in height and width.

    Raises:
        PictureError: no clip, other shapes or dtypes, another number of captions, or a rate or scale that is not
            positive.

    Example:
        >>> import numpy as np
        >>> film(np.zeros((10, 48, 64, 3), np.uint8), captions="night").frames.shape
        (10, 69, 64, 3)
    """
    shown = [clips] if isinstance(clips, np.ndarray) and clips.ndim == 4 else list(clips)
    names = [captions] if isinstance(captions, str) else list(captions or ())
    if not shown:
        raise PictureError("there is no clip to show; give uint8 frames (time, height, width, 3)")
    for clip in shown:
        if not isinstance(clip, np.ndarray) or clip.ndim != 4 or clip.shape[-1] != 3 or clip.dtype != np.uint8:
            what = f"{clip.dtype} {clip.shape}" if isinstance(clip, np.ndarray) else type(clip).__name__
            raise PictureError(f"a clip is {what}; give uint8 frames (time, height, width, 3)")
        if not clip.size:
            raise PictureError(f"a clip has the shape {clip.shape}: there is no frame to show")
    if names and len(names) != len(shown):
        raise PictureError(f"{len(names)} captions for {len(shown)} clips; give one for each")
    if not fps > 0 or scale < 1:
        raise PictureError(f"fps is {fps} and scale is {scale}; both must be positive")
    shown = [clip.repeat(scale, axis=1).repeat(scale, axis=2) for clip in shown]
    texts = names or [""] * len(shown)
    columns = [max(clip.shape[2], _text_width(text)) for clip, text in zip(shown, texts, strict=True)]
    tallest = max(clip.shape[1] for clip in shown)
    size = (sum(columns) + GAP * (len(columns) - 1), tallest + (TEXT + 8 if names else 0))
    pictures = []
    for tick in range(max(len(clip) for clip in shown)):
        picture = Image.new("RGB", size, "white")
        draw, left = ImageDraw.Draw(picture), 0
        for number, clip in enumerate(shown):
            height, width = clip.shape[1:3]
            picture.paste(Image.fromarray(clip[min(tick, len(clip) - 1)]), (left, tallest - height))
            if tick >= len(clip):
                draw.rectangle((left, tallest - 3, left + width - 1, tallest - 1), fill="black")
            if names:
                draw.text((left, tallest + 3), names[number], fill="black", font=_font())
            left += columns[number] + GAP
        pictures.append(np.asarray(picture))
    return Film(np.stack(pictures), float(fps))


def _font() -> ImageFont.ImageFont | ImageFont.FreeTypeFont:
    return ImageFont.load_default(TEXT)


def _text_width(text: str) -> int:
    return int(np.ceil(_font().getlength(text)))
