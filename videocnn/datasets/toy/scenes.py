"""What stands still in a toy video: palette, background, camera; and the brush that draws one object.

Takes random generators, gives arrays of colours 0..255. Everything that the clips of one group share is made here
from the group's generator, which is what lets a random split leak (as UCF-101's groups do). Pictures are planes
`(3, height, width)` in here, as NumPy then runs along whole rows.
"""

from __future__ import annotations

import colorsys
import dataclasses
import math

import numpy as np

# The shorter side of every toy video. The paper resizes the centre region to 200 px: at this side that is the
# identity, so detail of one pixel reaches the fovea stream as it was drawn.
SIDE = 200
FRAME_SIZES = ((200, 200), (200, 268), (200, 300), (200, 356), (268, 200))
FRAME_RATES = (24, 25, 30)
SHAKE = 3  # largest shift of the camera in pixels
CANVAS = 400  # height and width of a group's background, from which each clip cuts its own view


def colour(hue: float, saturation: float, value: float) -> np.ndarray:
    """Return float32 RGB `(3, 1, 1)` in 0..255; `hue` wraps around at 1."""
    return np.asarray(colorsys.hsv_to_rgb(hue % 1.0, saturation, value), np.float32).reshape(3, 1, 1) * 255


def smooth_noise(rng: np.random.Generator, height: int, width: int, cell: float) -> np.ndarray:
    """Return a smooth random float32 field `(height, width)` in 0..1 with features about `cell` pixels wide."""
    field = rng.random((int(height / cell) + 2, int(width / cell) + 2), np.float32)
    for size in (height, width):  # down, then (the field lying on its side) across
        position = np.arange(size, dtype=np.float32) / np.float32(cell)
        knot = position.astype(int)
        ease = (position - knot)[:, None]
        ease = ease * ease * (3 - 2 * ease)
        field = (field[knot] * (1 - ease) + field[knot + 1] * ease).T
    return field


def draw(
    frame: np.ndarray, shape: str, y: float, x: float, radius: float, paint: np.ndarray, core: np.ndarray | None = None
) -> None:
    """Draw one antialiased object into `frame`, in place; parts outside are cut off.

    Args:
        frame: float32 `(3, height, width)`, 0..255.
        shape: `"disc"`, `"square"`, `"diamond"`, `"triangle"` or `"glow"` (a disc that fades to its rim).
        y: centre, in pixels from the top.
        x: centre, in pixels from the left.
        radius: half the extent, in pixels.
        paint: RGB of the object, `(3, 1, 1)`.
        core: RGB of the inner half, or `None` for one colour throughout.
    """
    _, height, width = frame.shape
    reach = radius + 1
    top, bottom = max(math.floor(y - reach), 0), min(math.ceil(y + reach) + 1, height)
    left, right = max(math.floor(x - reach), 0), min(math.ceil(x + reach) + 1, width)
    if top >= bottom or left >= right:
        return
    down = np.arange(top, bottom, dtype=np.float32)[:, None] - np.float32(y)
    across = np.abs(np.arange(left, right, dtype=np.float32) - np.float32(x))
    if shape in ("disc", "glow"):
        distance = np.sqrt(down * down + across * across)
    elif shape == "square":
        distance = np.maximum(np.abs(down), across)
    elif shape == "diamond":
        distance = np.abs(down) + across
    else:  # an upright triangle in the circle
        distance = np.maximum(2 * down, np.float32(1.73) * across - down)
    patch = frame[:, top:bottom, left:right]
    inside = np.float32(radius + 0.5) - distance
    alpha = np.minimum(np.maximum(inside / np.float32(radius / 2) if shape == "glow" else inside, 0), 1)
    patch += alpha * (paint - patch)
    if core is not None:
        alpha *= np.minimum(np.maximum(inside - np.float32(radius / 2), 0), 1)
        patch += alpha * (core - patch)


@dataclasses.dataclass(frozen=True)
class Place:
    """What all clips of a group share: camera and scenery.

    Attributes:
        frame_size: `(height, width)` of its videos in pixels.
        fps: frames a second of its videos.
        hue: 0..1, the scenery's own colour; objects are painted in others.
        noise: standard deviation of the sensor's noise, in grey levels.
        scenery: float32 `(3, CANVAS, CANVAS)`, 0..255.
        accent: 0..1, for what a class varies from place to place.
    """

    frame_size: tuple[int, int]
    fps: int
    hue: float
    noise: float
    scenery: np.ndarray
    accent: float

    def paint(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Return the bright colours `(paint, core)` of one object, away from the scenery's own hue."""
        hue = self.hue + rng.uniform(0.2, 0.8)
        return colour(hue, rng.uniform(0.5, 0.9), rng.uniform(0.85, 1)), colour(hue + 0.08, 0.25, 1)


def make_place(rng: np.random.Generator) -> Place:
    """Return a random place: muted two-tone scenery with texture and clutter, one hue a place."""
    hue, tilt, pitch = rng.random(), rng.uniform(0, np.pi), rng.uniform(14, 40)
    frame_size, fps, noise = FRAME_SIZES[rng.integers(len(FRAME_SIZES))], rng.choice(FRAME_RATES), rng.uniform(1.5, 3)
    level, richness = rng.uniform(0.25, 0.5), rng.uniform(0.2, 0.55)
    dark = colour(hue, richness, level * 0.75)
    light = colour(hue + rng.uniform(-0.08, 0.08), richness * 0.8, level * 1.25)
    y, x = np.mgrid[:CANVAS, :CANVAS].astype(np.float32)
    bands = 0.5 + 0.5 * np.sin((y * math.cos(tilt) + x * math.sin(tilt)) * (2 * math.pi / pitch))
    field = 0.55 * smooth_noise(rng, CANVAS, CANVAS, 70) + 0.25 * smooth_noise(rng, CANVAS, CANVAS, 12) + 0.2 * bands
    scenery = dark + (light - dark) * field.astype(np.float32)
    for _ in range(30):  # clutter: small things of the scenery's own colours
        shape = ("disc", "square", "diamond", "triangle")[rng.integers(4)]
        where = rng.uniform(0, CANVAS, 2)
        draw(scenery, shape, *where, rng.uniform(3, 10), colour(hue + rng.normal(0, 0.05), richness, level * 1.4))
    return Place(frame_size, int(fps), hue, noise, scenery, rng.random())


def camera_path(rng: np.random.Generator, seconds: np.ndarray) -> np.ndarray:
    """Return the shake of a hand-held camera: int64 `(frames, 2)`, shifts down and right, at most `SHAKE` pixels.

    Whole pixels, as a fraction of a pixel would blur the finest detail.
    """
    frequency, phase = rng.uniform(0.7, 3, (2, 2)), rng.uniform(0, 2 * np.pi, (2, 2))
    waves = np.sin(2 * np.pi * seconds[:, None, None] * frequency + phase)  # (frames, axis, wave)
    return np.rint(waves.mean(-1) * SHAKE).astype(np.int64)
