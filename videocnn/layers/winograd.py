"""2-D convolution with fewer multiplications: Winograd's minimal filtering, implemented with matrix products.

An image is divided into overlapping tiles. Tiles and kernel are transformed to a domain where convolution is an
elementwise product, which takes `outputs + taps - 1` multiplications along each side instead of `outputs * taps`: one
sixth as many for the 5 x 5 kernels of conv2 on 27 pixels. Not part of the paper; the result equals a plain convolution
up to float32 rounding. See Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks" (2016).
"""

from __future__ import annotations

import contextlib
import contextvars
import functools
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import keras
import numpy as np
from keras import ops

# Evaluation points of the polynomials, with infinity last: few and close to 1, to limit rounding errors.
POINTS = (0, 1, -1, 2, -2, Fraction(1, 2), Fraction(-1, 2))
MAX_SIZE = len(POINTS) + 1
# Thresholds above which the algorithm is faster: the reduction in multiplications, and the gain estimated by `pays`.
LEAST = {"float32": (2.0, 450.0), "bfloat16": (4.5, 600.0)}
_plain = contextvars.ContextVar("plain convolutions", default=False)


@functools.cache
def transforms(outputs: int, taps: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the Toom-Cook matrices that compute `outputs` values of a correlation with `taps` weights.

    Args:
        outputs: number of output values per tile along a side.
        taps: number of weights along that side; `outputs + taps - 1` is at most 8.

    Returns:
        `result`, `kernel` and `data` in float64, of shapes (outputs, size), (size, taps) and (size, size), such that
        `result @ ((kernel @ g) * (data @ d))` is the correlation of the data `d` with the weights `g`.

    Example:
        >>> result, kernel, data = transforms(2, 3)
        >>> (result @ ((kernel @ [1, 2, 3]) * (data @ [4, 5, 6, 7]))).tolist()
        [32.0, 38.0]
    """
    points = [Fraction(point) for point in POINTS[: outputs + taps - 2]]
    kernel, data = [], []
    for point in points:
        others = [other for other in points if other != point]
        scale = functools.reduce(lambda product, other: product * (point - other), others, Fraction(1))
        kernel.append([point**power / scale for power in range(taps)])
        data.append([*_polynomial(others), 0])
    kernel.append([0] * (taps - 1) + [1])
    data.append(_polynomial(points))
    result = [[*(point**power for point in points), int(power == outputs - 1)] for power in range(outputs)]
    return tuple(np.array(matrix, dtype="float64") for matrix in (result, kernel, data))


def _polynomial(roots: list[Fraction]) -> list[Fraction]:
    """Return the coefficients of the polynomial with the given roots, lowest power first."""
    coefficients = [Fraction(1)]
    for root in roots:
        coefficients = [lower - root * same for lower, same in zip([0, *coefficients], [*coefficients, 0], strict=True)]
    return coefficients


@functools.cache
def tile_size(length: int, taps: int) -> int:
    """Return the number of outputs per tile that minimises multiplications along a side of `length` outputs."""
    return min(range(1, MAX_SIZE - taps + 2), key=lambda outputs: -(-length // outputs) * (outputs + taps - 1))


@functools.cache
def cutting(length: int, wanted: int, outputs: int, taps: int, margin: int) -> np.ndarray:
    """Return the matrix that maps a side of pixels to the transformed tiles along it.

    Args:
        length: number of pixels along the side.
        wanted: number of outputs along the side.
        outputs: number of outputs per tile.
        taps: number of weights along the side.
        margin: zero padding before the first pixel; the end is padded as needed.

    Returns:
        float32, shape (size * tiles, length): the first values of all tiles, then their second values, and so on.
    """
    data = transforms(outputs, taps)[2]
    tiles = -(-wanted // outputs)
    matrix = np.zeros((len(data), tiles, length), dtype="float32")
    for tile in range(tiles):
        for place in range(len(data)):
            pixel = tile * outputs + place - margin
            if 0 <= pixel < length:
                matrix[:, tile, pixel] = data[:, place]
    return matrix.reshape(-1, length)


def winograd_conv(x: Any, kernel: Any, padding: str) -> Any:
    """Convolve images with stride 1, as `keras.ops.conv` does with `strides=1`.

    Args:
        x: float32, shape (pictures, height, width, channels), with static height and width.
        kernel: float32, shape (rows, columns, channels, filters).
        padding: "same" or "valid".

    Returns:
        float32, shape (pictures, height', width', filters).
    """
    _, height, width, channels = x.shape
    rows, columns, _, filters = kernel.shape
    same = padding == "same"
    new_height, new_width = (height, width) if same else (height - rows + 1, width - columns + 1)
    above, before = ((rows - 1) // 2, (columns - 1) // 2) if same else (0, 0)
    up, across = tile_size(new_height, rows), tile_size(new_width, columns)  # outputs per tile
    high, wide = up + rows - 1, across + columns - 1  # inputs per tile
    down, along = -(-new_height // up), -(-new_width // across)  # number of tiles

    def matrix(values: np.ndarray) -> Any:
        return ops.convert_to_tensor(values, "float32")

    weights = ops.matmul(matrix(transforms(up, rows)[1]), ops.reshape(kernel, (rows, -1)))
    weights = ops.reshape(weights, (high, columns, channels * filters))
    weights = ops.matmul(matrix(transforms(across, columns)[1][None]), weights)
    weights = ops.reshape(weights, (high * wide, channels, filters))

    # Each product has images and channels adjacent, and its result is in the order that the next product needs.
    x = ops.reshape(ops.transpose(x, (1, 0, 2, 3)), (height, -1))
    x = ops.matmul(matrix(cutting(height, new_height, up, rows, above)), x)
    x = ops.transpose(ops.reshape(x, (high, down, -1, width, channels)), (0, 3, 1, 2, 4))
    x = ops.matmul(matrix(cutting(width, new_width, across, columns, before)[None]), ops.reshape(x, (high, width, -1)))
    x = ops.matmul(ops.reshape(x, (high * wide, -1, channels)), weights)  # (high wide, along down N, filters)
    x = ops.matmul(matrix(transforms(up, rows)[0]), ops.reshape(x, (high, -1)))
    x = ops.matmul(matrix(transforms(across, columns)[0][None]), ops.reshape(x, (up, wide, -1)))
    x = ops.transpose(ops.reshape(x, (up, across, along, down, -1, filters)), (4, 3, 0, 2, 1, 5))
    x = ops.reshape(x, (-1, down * up, along * across, filters))
    return x[:, :new_height, :new_width]


def saving(wanted: tuple[int, int], taps: tuple[int, int]) -> float:
    """Return the factor by which multiplications are reduced for `wanted` (height, width) outputs; 1 is no saving."""
    factor = 1.0
    for length, tap in zip(wanted, taps, strict=True):
        if not 1 < tap < MAX_SIZE:
            return 1.0
        outputs = tile_size(length, tap)
        factor *= length * tap / (-(-length // outputs) * (outputs + tap - 1))
    return factor


def pays(shape: tuple, kernel: tuple, padding: str, dtype: str) -> bool:
    """Return whether `winograd_conv` is faster here, as measured by `benchmarks/convolution.py`.

    Args:
        shape: shape of the images, as for `winograd_conv`.
        kernel: shape of the kernel.
        padding: "same" or "valid".
        dtype: the dtype in which a plain convolution would run.
    """
    rows, columns, channels, filters = kernel
    wanted = shape[1:3] if padding == "same" else (shape[1] - rows + 1, shape[2] - columns + 1)
    fewer = saving(wanted, (rows, columns))
    # The savings grow with the number of channels and filters, the cost of tiling does not.
    gain = fewer * 2 * channels * filters / (channels + filters)
    least_fewer, least_gain = LEAST.get(dtype, (np.inf, np.inf))
    return fewer > least_fewer and gain > least_gain and not _plain.get() and on_processor()


def on_processor() -> bool:
    """Return whether Keras runs on the CPU; GPU libraries and PyTorch have their own fast convolutions."""
    if keras.backend.backend() == "torch":
        return False
    return all(device.startswith("cpu") for device in keras.distribution.list_devices())


@contextlib.contextmanager
def plain_convolutions() -> Iterator[None]:
    """Context in which every convolution is a single operation, for networks traced here but run elsewhere."""
    token = _plain.set(True)
    try:
        yield
    finally:
        _plain.reset(token)
