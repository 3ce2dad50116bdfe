"""What happens in a toy video: six pairs of classes, each told apart by one thing alone.

A class is a function of a random generator and a place; it returns a painter `(frame, seconds, shift)` that draws its
objects. In the motion pairs the state at any one moment has the same distribution in both classes (positions
uniform on a torus, sizes uniform over a cycle), so that a single frame holds no evidence (paper, section 3.1).
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np

from videocnn.datasets.toy.scenes import SHAKE, SIDE, Place, colour, draw, smooth_noise

Painter = Callable[[np.ndarray, float, np.ndarray], None]

# What tells a pair apart -> its classes. Never left and right: training flips clips.
PAIRS = {
    "direction": ("rising", "sinking"),  # motion alone: discs move up or down
    "size": ("growing", "shrinking"),  # motion alone: squares grow or shrink
    "speed": ("fast", "slow"),  # motion alone: triangles, each with a heading of its own
    "layout": ("sea", "desert"),  # the warm half above or below: seen at any resolution
    "detail": ("rows", "columns"),  # one-pixel threads in the centre: for the fovea, not for the context stream
    "border": ("corners", "edges"),  # where four lamps stand: for the context stream, not for the fovea
}
MOTION_PAIRS = ("direction", "size", "speed")


def count(place: Place, per_square: float) -> int:
    """Return how many objects keep the density of `per_square` in a square of `SIDE` pixels."""
    height, width = place.frame_size
    return max(1, round(per_square * height * width / SIDE**2))


def drifting(
    rng: np.random.Generator,
    place: Place,
    shape: str,
    *,
    speed: tuple[float, float],
    heading: float | None = None,
    per_square: float = 9,
    radius: tuple[float, float] = (13, 21),
) -> Painter:
    """Objects that move straight on, each at its own speed, and come in again on the other side.

    Args:
        rng: the clip's generator.
        place: where it happens.
        shape: see `draw`.
        speed: lowest and highest, in pixels a second.
        heading: direction in radians (0 down, pi up); `None`: each object its own.
        per_square: objects in 200 x 200 pixels.
        radius: smallest and largest, in pixels.
    """
    num = count(place, per_square)
    radii = rng.uniform(*radius, num)
    beyond = radius[1] + 1 + SHAKE  # an object is out of sight, however the camera shakes, when it wraps around
    room = np.asarray(place.frame_size) + 2 * beyond
    start = rng.random((num, 2)) * room
    angles = rng.uniform(0, 2 * np.pi, num) if heading is None else np.full(num, heading)
    velocity = np.stack([np.cos(angles), np.sin(angles)], -1) * rng.uniform(*speed, (num, 1))
    paints = [place.paint(rng) for _ in range(num)]

    def painter(frame: np.ndarray, seconds: float, shift: np.ndarray) -> None:
        where = (start + velocity * seconds) % room - beyond + shift
        for (y, x), size, paint in zip(where, radii, paints, strict=True):
            draw(frame, shape, y, x, size, *paint)

    return painter


def breathing(rng: np.random.Generator, place: Place, direction: int) -> Painter:
    """Squares that grow (`direction` 1) or shrink (-1) through all sizes; each cycle begins at another spot."""
    num, smallest, largest, cycles = count(place, 8), 3.0, 38.0, 8
    phase = rng.random(num) + cycles // 2
    rate = direction * rng.uniform(1.1, 1.6, num)  # cycles a second
    spots = rng.random((num, cycles, 2)) * place.frame_size
    paints = [place.paint(rng) for _ in range(num)]

    def painter(frame: np.ndarray, seconds: float, shift: np.ndarray) -> None:
        turn, part = np.divmod(phase + rate * seconds, 1)
        for i, paint in enumerate(paints):
            y, x = spots[i, int(turn[i]) % cycles] + shift
            draw(frame, "square", y, x, smallest + (largest - smallest) * part[i], *paint)

    return painter


def landscape(rng: np.random.Generator, place: Place, warm_above: bool) -> Painter:
    """A warm and a cool half, one above the other: which is above is the class; the colours are the same."""
    height, width = (side + 2 * SHAKE for side in place.frame_size)
    shade = (place.hue - 0.5) * 0.1  # so that a place has its own tones of the two
    warm, cool = colour(0.075 + shade, 0.6, 0.75), colour(0.575 + shade, 0.55, 0.72)
    horizon = height * (0.42 + 0.16 * place.accent) + smooth_noise(rng, 1, width, 40) * 12 - 6
    below = np.clip(np.arange(height, dtype=np.float32)[:, None] - horizon, 0, 1)
    halves = 0.65 * (cool + (warm - cool) * (1 - below if warm_above else below)).astype(np.float32)
    birds = drifting(rng, place, "disc", speed=(10, 60), per_square=5, radius=(4, 9))

    def painter(frame: np.ndarray, seconds: float, shift: np.ndarray) -> None:
        top, left = SHAKE - shift
        frame *= 0.35  # the place's own texture and tint shine through
        frame += halves[:, top : top + frame.shape[1], left : left + frame.shape[2]]
        birds(frame, seconds, shift)

    return painter


def cloth(rng: np.random.Generator, place: Place, axis: int) -> Painter:
    """A cloth of one-pixel threads in the centre, along rows (`axis` 0) or columns (1); at half size it is plain."""
    height, width = place.frame_size
    half, tone = 42, colour(place.hue + 0.5, 0.15, rng.uniform(0.45, 0.6))
    threads = np.where(np.arange(2 * half) % 2, np.float32(42), np.float32(-42))
    weave = tone + (threads[:, None] if axis == 0 else threads) + np.zeros((1, 2 * half, 2 * half), np.float32)
    passers = drifting(rng, place, "diamond", speed=(20, 90), per_square=5, radius=(6, 14))

    def painter(frame: np.ndarray, seconds: float, shift: np.ndarray) -> None:
        passers(frame, seconds, shift)
        top, left = height // 2 - half + shift[0], width // 2 - half + shift[1]
        frame[:, top : top + 2 * half, left : left + 2 * half] = weave

    return painter


def lamps(rng: np.random.Generator, place: Place, spots: tuple[tuple[int, int], ...]) -> Painter:
    """Four lamps near the border of the centre square, in its corners or at the middle of its edges.

    They stand 28 px inside the 200 px square: any crop of 170 shows some of them, the fovea (the centre 89 of any
    crop of 178) none.
    """
    height, width = place.frame_size
    glow, core = colour(place.hue + rng.uniform(0.4, 0.6), 0.35, 1), colour(0.15, 0.1, 1)
    passers = drifting(rng, place, "triangle", speed=(20, 90), per_square=6, radius=(7, 15))
    distance, radius = SIDE // 2 - 28, 12

    def painter(frame: np.ndarray, seconds: float, shift: np.ndarray) -> None:
        passers(frame, seconds, shift)
        for down, across in spots:
            y, x = height / 2 + down * distance + shift[0], width / 2 + across * distance + shift[1]
            draw(frame, "glow", y, x, radius, glow, core)

    return painter


MOVE = (140, 200)  # px/s: 5 to 8 px a frame, 2 to 3 at 64 px, and less than half the way around in 15 frames
CLASSES: dict[str, Callable[[np.random.Generator, Place], Painter]] = {
    "rising": functools.partial(drifting, shape="disc", speed=MOVE, heading=np.pi),
    "sinking": functools.partial(drifting, shape="disc", speed=MOVE, heading=0.0),
    "growing": functools.partial(breathing, direction=1),
    "shrinking": functools.partial(breathing, direction=-1),
    "fast": functools.partial(drifting, shape="triangle", speed=(200, 280), per_square=11, radius=(15, 23)),
    "slow": functools.partial(drifting, shape="triangle", speed=(15, 40), per_square=11, radius=(15, 23)),
    "sea": functools.partial(landscape, warm_above=True),
    "desert": functools.partial(landscape, warm_above=False),
    "rows": functools.partial(cloth, axis=0),
    "columns": functools.partial(cloth, axis=1),
    "corners": functools.partial(lamps, spots=((-1, -1), (-1, 1), (1, -1), (1, 1))),
    "edges": functools.partial(lamps, spots=((-1, 0), (1, 0), (0, -1), (0, 1))),
}
