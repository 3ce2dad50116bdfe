"""What happens to a clip before its tower: its specification, streams, frame differences.

Clips come in and go out as `(batch, time, height, width, channels)`; only the specification leaves them alone. Section
4.1 of the paper: fovea and context.
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
    """Cut the centre half of every frame at full resolution: 178 x 178 -> 89 x 89.

    The result has `size // 2` pixels a side, from `(size - size // 2) // 2` on; where the centre cannot be met exactly
    it lies half a pixel towards the top left.
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
    """See the whole of every frame at half size: each pixel is the mean of 2 x 2, so 178 x 178 -> 89 x 89.

    The result has `size // 2` pixels a side; of an odd size the last row or column is left out.
    """

    def call(self, x: Any) -> Any:
        return unfold(ops.average_pool(fold(x), 2, 2, padding="valid", data_format="channels_last"), x.shape[1])

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        batch, frames, height, width, channels = input_shape
        return (batch, frames, height // 2, width // 2, channels)


@keras.saving.register_keras_serializable(package="videocnn")
class FrameDifference(keras.layers.Layer):
    """Turn colour frames into what changes between neighbours: grey, next frame minus this one, times `gain`.

    Not the paper's: later work calls it RGB difference. `(B, T + 1, H, W, 3)` -> `(B, T, H, W, 1)`. Grey is the luma
    0.299 R + 0.587 G + 0.114 B, in whatever unit the clip comes; a difference is some three times smaller than a
    picture's own contrast, which the default gain makes up for.
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
    """Let a clip pass and remember, inside the saved model, how such clips are sampled and prepared.

    Args:
        spec: a `ClipSpec` or the dictionary of its `to_config()`.
    """

    def __init__(self, spec: ClipSpec | dict[str, Any], **kwargs: Any):
        super().__init__(**kwargs)
        self.spec = spec if isinstance(spec, ClipSpec) else ClipSpec(**spec)

    def call(self, x: Any) -> Any:
        return x

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "spec": self.spec.to_config()}


@keras.saving.register_keras_serializable(package="videocnn")
class TakeFrames(keras.layers.Layer):
    """Take `num_frames` frames of a longer clip, `frame_step` apart, from frame `start` on."""

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
