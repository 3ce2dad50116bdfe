"""The named layers of a tower, with the options that all of them share: width, normalization, prefix.

A name and sizes come in, a layer comes out. Section 3 of the paper: C(96,11,3)-N-P-C(256,5,1)-N-P-C(384,3,1)-
C(384,3,1)-C(256,3,1)-P, ReLU after every convolution.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import keras

from videocnn.layers import FramePooling, LocalResponseNormalization, TemporalConv
from videocnn.models.options import ModelError


def scaled(units: int, width: float) -> int:
    """Return a number of filters or units times `width`, rounded, at least one."""
    return max(1, round(units * width))


@dataclasses.dataclass(frozen=True)
class TowerLayers:
    """Makes the layers of one tower: all share `width`, `norm` and the prefix of their names."""

    width: float
    norm: str | None
    prefix: str = ""

    def replace(self, **changes: Any) -> TowerLayers:
        """Return a copy with the given attributes changed."""
        return dataclasses.replace(self, **changes)

    def conv(
        self, name: str, filters: int, kernel_size: tuple, strides: int | tuple = 1, padding: str = "same"
    ) -> Callable:
        """Return a convolution over (time, height, width) with ReLU that must cover every frame."""
        layer = TemporalConv(
            scaled(filters, self.width), kernel_size, strides, padding, activation="relu", name=self.prefix + name
        )

        def apply(x: Any) -> Any:
            taps, step = layer.kernel_size[0], layer.strides[0]
            if x.shape[1] < taps or (x.shape[1] - taps) % step:
                raise ModelError(
                    f"{layer.name} has extent {taps} and stride {step} in time, which cannot cover exactly the "
                    f"{x.shape[1]} frames that reach it; choose another number of frames in input_shape."
                )
            return layer(x)

        return apply

    def normalise(self, name: str) -> Callable:
        """Return the paper's N: local response normalization, batch normalization or the identity."""
        if self.norm == "batch":
            return keras.layers.BatchNormalization(name=self.prefix + name)
        if self.norm == "lrn":
            return LocalResponseNormalization(name=self.prefix + name)
        return lambda x: x

    def pool(self, name: str) -> Callable:
        """Return 2 x 2 max pooling of each frame."""
        return FramePooling(name=self.prefix + name)
