"""The layers that towers are made of, by the names and with the choices that all four networks share.

A name and sizes come in, a layer comes out. Section 3 of the paper: C(96,11,3)-N-P-C(256,5,1)-N-P-C(384,3,1)-
C(384,3,1)-C(256,3,1)-P, ReLU after every convolution.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import keras

from videocnn.errors import VideoCNNError
from videocnn.layers import FramePooling, LocalResponseNormalization, TemporalConv


class ModelError(VideoCNNError, ValueError):
    """A network cannot be built, loaded or used in the way that was asked for."""


def scaled(units: int, width: float) -> int:
    """Return a number of filters or units at another width, at least one."""
    return max(1, round(units * width))


@dataclasses.dataclass(frozen=True)
class TowerLayers:
    """Makes a tower's layers: `width`, `norm` and the prefix of the names are the same for all of them."""

    width: float
    norm: str | None
    prefix: str = ""

    def replace(self, **changes: Any) -> TowerLayers:
        """Return a copy with some attributes changed."""
        return dataclasses.replace(self, **changes)

    def conv(
        self, name: str, filters: int, kernel_size: tuple, strides: int | tuple = 1, padding: str = "same"
    ) -> Callable:
        """Return a convolution over (time, height, width) with ReLU; every frame must count."""
        layer = TemporalConv(
            scaled(filters, self.width), kernel_size, strides, padding, activation="relu", name=self.prefix + name
        )

        def apply(x: Any) -> Any:
            taps, step = layer.kernel_size[0], layer.strides[0]
            if x.shape[1] < taps or (x.shape[1] - taps) % step:
                raise ModelError(
                    f"{layer.name} looks at {taps} frames at a time, {step} further at each step; of the {x.shape[1]} "
                    "frames that reach it some would never be seen. Give input_shape another number of frames."
                )
            return layer(x)

        return apply

    def normalise(self, name: str) -> Callable:
        """Return the layer that stands for the paper's N: response normalisation, batch normalisation or nothing."""
        if self.norm == "batch":
            return keras.layers.BatchNormalization(name=self.prefix + name)
        if self.norm == "lrn":
            return LocalResponseNormalization(name=self.prefix + name)
        return lambda x: x

    def pool(self, name: str) -> Callable:
        """Return 2 x 2 max pooling of each frame."""
        return FramePooling(name=self.prefix + name)
