"""Layers between the input clip and the tower: clip specification, streams, frame differences.

Input and output are clips `(batch, time, height, width, channels)`. Section 3.2 of the paper: fovea and context.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from videocnn.layers.folding import fold, unfold
from videocnn.spec import ClipSpec


@keras.saving.register_keras_serializable(package="videocnn")
class Fovea(keras.layers.Layer):
    """Crop the centre half of every frame at full resolution: 178 x 178 -> 89 x 89.

    The crop has `size // 2` pixels a side and starts at `(size - size // 2) // 2`: if it cannot be centred exactly, it
    is shifted by half a pixel to the top left.
    """

    def call(self, x: Any) -> Any:
        height, width = x.shape[2] // 2, x.shape[3] // 2
        top, left = (x.shape[2] - height) // 2, (x.shape[3] - width) // 2
        return x[:, :, top : top + height, left : left + width]

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        batch, frames, height, width, channels = input_shape
        return (batch, frames, height // 2, width // 2, channels)


@keras.saving.register_keras_serializable(package="videocnn")
class Context(keras.layers.Layer):
    """Downsample every frame to half size by 2 x 2 average pooling: 178 x 178 -> 89 x 89.

    The result has `size // 2` pixels a side; the last row or column of an odd size is dropped.
    """

    def call(self, x: Any) -> Any:
        return unfold(ops.average_pool(fold(x), 2, 2, padding="valid", data_format="channels_last"), x.shape[1])

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        batch, frames, height, width, channels = input_shape
        return (batch, frames, height // 2, width // 2, channels)


@keras.saving.register_keras_serializable(package="videocnn")
class FrameDifference(keras.layers.Layer):
    """Replace colour frames by greyscale differences of consecutive frames (next minus current), scaled by `gain`.

    `(B, T + 1, H, W, 3)` -> `(B, T, H, W, 1)`. Greyscale is the luma 0.299 R + 0.587 G + 0.114 B, in the clip's units.
    Differences are about three times smaller than a frame's contrast; the default gain compensates for that. Not in
    the paper; later work calls it RGB difference.
    """

    def __init__(self, gain: float = 3.0, **kwargs: Any):
        super().__init__(**kwargs)
        self.gain = gain

    def call(self, x: Any) -> Any:
        luma = ops.convert_to_tensor(np.array([[0.299], [0.587], [0.114]]), self.compute_dtype)
        grey = ops.matmul(x, luma * self.gain)
        return grey[:, 1:] - grey[:, :-1]

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        return (input_shape[0], input_shape[1] - 1, *input_shape[2:4], 1)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "gain": self.gain}


@keras.saving.register_keras_serializable(package="videocnn")
class ClipInput(keras.layers.Layer):
    """Pass clips through unchanged; store the clip specification and the network's arguments in the saved model.

    Args:
        spec: a `ClipSpec` or the dictionary returned by its `to_config()`.
        network: the network's builder, head and arguments as JSON values (see `videocnn.models.network_config`); None
            for an average of networks and in files of version 0.1.0.
    """

    def __init__(self, spec: ClipSpec | dict[str, Any], network: dict[str, Any] | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        self.spec = spec if isinstance(spec, ClipSpec) else ClipSpec(**spec)
        self.network = network

    def call(self, x: Any) -> Any:
        return x

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        network = None if self.network is None else dict(self.network)
        return {**super().get_config(), "spec": self.spec.to_config(), "network": network}


@keras.saving.register_keras_serializable(package="videocnn")
class TakeFrames(keras.layers.Layer):
    """Select `num_frames` frames of a longer clip, `frame_step` apart, starting at frame `start`."""

    def __init__(self, start: int, num_frames: int, frame_step: int = 1, **kwargs: Any):
        super().__init__(**kwargs)
        self.start, self.num_frames, self.frame_step = start, num_frames, frame_step

    def call(self, x: Any) -> Any:
        return x[:, self.start : self.start + (self.num_frames - 1) * self.frame_step + 1 : self.frame_step]

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        return (input_shape[0], self.num_frames, *input_shape[2:])

    def get_config(self) -> dict[str, Any]:
        own = {"start": self.start, "num_frames": self.num_frames, "frame_step": self.frame_step}
        return {**super().get_config(), **own}
