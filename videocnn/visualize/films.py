"""Turn clips into animations that play in notebooks, web pages and image viewers.

Section 3 of the paper treats a video as a bag of short clips; these animations show them.
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
TEXT = 13  # pixels: font size of the captions
COLOURS = 128  # palette size of animated PNGs: a third of the bytes, barely visible on small frames


@dataclasses.dataclass(frozen=True, repr=False)
class Film:
    """An animation that a notebook displays as an animated PNG.

    Attributes:
        frames: uint8 `(time, height, width, 3)`: complete images, with the clips side by side and their captions.
        fps: frames per second.
    """

    frames: np.ndarray
    fps: float

    def __repr__(self) -> str:
        num_frames, height, width = self.frames.shape[:3]
        return f"Film({num_frames} pictures of {height} x {width}, {self.fps:g} a second)"

    def _repr_png_(self) -> bytes:
        return self._encoded("PNG")

    def save(self, path: str | os.PathLike) -> None:
        """Save the film as a looping animated `.png` or `.gif`. The file is written atomically.

        Raises:
            PictureError: the suffix is neither `.png` nor `.gif`.
            WriteError: the folder does not exist or is not writable.
        """
        path = Path(path)
        if path.suffix.lower() not in (".png", ".gif"):
            raise PictureError(f"{path}: films are saved as animated PNG or GIF; use the suffix .png or .gif")
        content = self._encoded(path.suffix[1:].upper())
        write_bytes(path, content)

    def _encoded(self, kind: str) -> bytes:
        # One palette for all frames: with a palette per frame, static regions would flicker.
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
    """Animate clips side by side, each with a caption below.

    Args:
        clips: one clip, uint8 `(time, height, width, 3)`, or several. Shorter clips hold their last frame, marked by a
            bar below it, until the longest clip ends.
        fps: frames per second.
        captions: one caption per clip.
        scale: integer magnification in height and width.

    Raises:
        PictureError: there is no clip, a shape or dtype is wrong, the number of captions does not match, or `fps` or
            `scale` is not positive.

    Example:
        >>> import numpy as np
        >>> film(np.zeros((10, 48, 64, 3), np.uint8), captions="night").frames.shape
        (10, 69, 64, 3)
    """
    shown = [clips] if isinstance(clips, np.ndarray) and clips.ndim == 4 else list(clips)
    names = [captions] if isinstance(captions, str) else list(captions or ())
    if not shown:
        raise PictureError("there is no clip to show; expected uint8 frames (time, height, width, 3)")
    for clip in shown:
        if not isinstance(clip, np.ndarray) or clip.ndim != 4 or clip.shape[-1] != 3 or clip.dtype != np.uint8:
            what = f"{clip.dtype} {clip.shape}" if isinstance(clip, np.ndarray) else type(clip).__name__
            raise PictureError(f"expected clips of uint8 frames (time, height, width, 3), got {what}")
        if not clip.size:
            raise PictureError(f"a clip of shape {clip.shape} has no frames to show")
    if names and len(names) != len(shown):
        raise PictureError(f"{len(names)} captions for {len(shown)} clips; give one caption per clip")
    if not fps > 0 or scale < 1:
        raise PictureError(f"fps={fps}, scale={scale}: both must be positive")
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
