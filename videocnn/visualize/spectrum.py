"""Quantify first-layer filters: share of colour and mean spatial frequency.

The paper (section 4.1) finds grey, high-frequency filters in the fovea stream and colourful, low-frequency filters in
the context stream; these two numbers per stream show whether that holds for a given network.
"""

from __future__ import annotations

import dataclasses

import keras
import numpy as np

from videocnn.visualize.filters import colour_share, first_layer_kernels


@dataclasses.dataclass(frozen=True)
class FilterNumbers:
    """Statistics of the first layer of one stream.

    Attributes:
        stream: `"full frame"`, `"fovea"` or `"context"`.
        shape: shape of the kernel, `(time, height, width, channels, filters)`.
        colour_share: share of the weights' energy that is chromatic, 0..1 (random weights: 2/3); None for a network on
            frame differences.
        frequency: mean spatial frequency, in cycles per pixel of the stream; NaN if all weights are zero.
        random_frequency: the same for random weights (white noise of the kernel's size).
    """

    stream: str
    shape: tuple[int, ...]
    colour_share: float | None
    frequency: float
    random_frequency: float


def filter_numbers(model: keras.Model) -> list[FilterNumbers]:
    """Return the statistics of a network's first layer for each stream, fovea first.

    Filters are weighted by their energy. A pixel of the context stream covers two pixels of the clip, so in clip pixels
    its frequency is half the reported value.

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
    """Return the spectral centroid of each filter: its mean spatial frequency, weighted by power.

    A grating of f cycles per pixel has centroid f, a constant filter 0; the finest pattern has 0.5 along a row and 0.71
    along a diagonal. Power is summed over colour channels and time steps.

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
    """Return the power spectrum, float64 `(height, width, filters)`, and its frequencies `(height, width)`.

    Frequencies are the magnitudes of the 2-D frequency vectors, in cycles per pixel.
    """
    power = np.square(np.abs(np.fft.fft2(kernel.astype(np.float64), axes=(1, 2)))).sum(axis=(0, 3))
    rows, columns = (np.fft.fftfreq(size) for size in kernel.shape[1:3])
    return power, np.hypot(rows[:, None], columns)
