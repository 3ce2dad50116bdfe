"""Filters as numbers: how much of them is colour, and how fine a pattern they look for.

The paper (section 4.1) sees grey, high-frequency filters in the fovea stream and colours and low frequencies in the
context stream; these two numbers a stream say whether a network of ours does.
"""

from __future__ import annotations

import dataclasses

import keras
import numpy as np

from videocnn.visualize.filters import colour_share, first_layer_kernels


@dataclasses.dataclass(frozen=True)
class FilterNumbers:
    """The first layer of one stream in numbers.

    Attributes:
        stream: `"full frame"`, `"fovea"` or `"context"`.
        shape: `(time, height, width, channels, filters)` of its kernel.
        colour_share: share of the weights' energy that is colour and not brightness, 0..1 (random weights: 2/3); None
            for a network on frame differences.
        frequency: mean spatial frequency, in cycles per pixel of the stream; NaN where all weights are zero.
        random_frequency: the same for random weights: white noise of the kernel's size.
    """

    stream: str
    shape: tuple[int, ...]
    colour_share: float | None
    frequency: float
    random_frequency: float


def filter_numbers(model: keras.Model) -> list[FilterNumbers]:
    """Return the numbers of a network's first layer, stream by stream, fovea first.

    Strong filters count more, by their energy. A pixel of the context stream is two of the clip's, so its frequency
    halves in the clip's own pixels.

    Raises:
        PictureError: the model has no conv1.
    """
    numbers = []
    for stream, kernel in first_layer_kernels(model).items():
        power, frequency = spectrum(kernel)
        total = power.sum()
        numbers.append(
            FilterNumbers(
                stream=stream,
                shape=kernel.shape,
                colour_share=None if kernel.shape[3] == 1 else colour_share(kernel),
                frequency=float((power * frequency[..., None]).sum() / total) if total else float("nan"),
                random_frequency=float(frequency.mean()),
            )
        )
    return numbers


def frequency_centroids(kernel: np.ndarray) -> np.ndarray:
    """Return each filter's mean spatial frequency, weighted by the power that its 2-D spectrum has there.

    A grating of f cycles per pixel has the centroid f, a flat filter 0; the finest pattern along a row 0.5, along a
    diagonal 0.71. Powers of a filter's colours and steps in time are added.

    Args:
        kernel: `(time, height, width, channels, filters)`.

    Returns:
        float64 `(filters,)`, cycles per pixel; NaN for a filter of zeros.
    """
    power, frequency = spectrum(kernel)
    total = power.sum(axis=(0, 1))
    weighted = (power * frequency[..., None]).sum(axis=(0, 1))
    return np.divide(weighted, total, out=np.full(len(total), np.nan), where=total > 0)


def spectrum(kernel: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return power by frequency and filter, float64 `(height, width, filters)`, and the frequencies `(height, width)`.

    Frequencies are the lengths of the 2-D ones, in cycles per pixel.
    """
    power = np.square(np.abs(np.fft.fft2(kernel.astype(np.float64), axes=(1, 2)))).sum(axis=(0, 3))
    rows, columns = (np.fft.fftfreq(size) for size in kernel.shape[1:3])
    return power, np.hypot(rows[:, None], columns)
