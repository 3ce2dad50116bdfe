"""Building blocks of a tower: temporal convolution, local response normalisation and pooling.

Inputs and outputs are clips `(batch, time, height, width, channels)`. Section 3 of the paper: C, N and P.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from videocnn.layers.folding import fold, unfold
from videocnn.layers.winograd import pays, winograd_conv


def _triple(value: int | tuple[int, int, int], what: str) -> tuple[int, int, int]:
    numbers = (value,) * 3 if isinstance(value, int) else tuple(value)
    if len(numbers) != 3 or any(not isinstance(number, int) or number < 1 for number in numbers):
        raise ValueError(f"{what}={value!r}: expected one or three positive integers (time, height, width).")
    return numbers


@keras.saving.register_keras_serializable(package="videocnn")
class TemporalConv(keras.layers.Layer):
    """Convolution over time, height and width: equivalent to `keras.layers.Conv3D` without padding in time, but faster.

    The frames of each temporal window are stacked in the channels and time is folded into the batch, so that a single
    2-D convolution suffices. On CPUs, Winograd's algorithm (`layers/winograd.py`) is used where it is faster. The
    kernel has the same shape as Conv3D's, `(time, height, width, channels, filters)`.

    Args:
        filters: number of output channels.
        kernel_size: one or three sizes (time, height, width), in frames and pixels.
        strides: one or three steps (time, height, width).
        padding: `"valid"` or `"same"`, in height and width only.
        activation: anything that `keras.activations.get` accepts; None for no activation.
        use_bias: whether to add a bias.
        kernel_initializer: anything that `keras.initializers.get` accepts.
        kernel_regularizer: anything that `keras.regularizers.get` accepts.

    Returns:
        `(batch, (time - kernel) // stride + 1, height, width, filters)` in the layer's compute dtype.

    Raises:
        ValueError: sizes are not positive integers, the padding is unknown, or the clip is shorter than the kernel.

    Example:
        >>> TemporalConv(96, (4, 11, 11), strides=(2, 3, 3)).compute_output_shape((16, 10, 170, 170, 3))
        (16, 4, 54, 54, 96)
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int | tuple[int, int, int],
        strides: int | tuple[int, int, int] = 1,
        padding: str = "valid",
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        kernel_regularizer: Any = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        if padding not in ("valid", "same"):
            raise ValueError(f'padding={padding!r}: expected "valid" or "same".')
        self.filters = filters
        self.kernel_size = _triple(kernel_size, "kernel_size")
        self.strides = _triple(strides, "strides")
        self.padding = padding
        self.activation = keras.activations.get(activation)
        self.use_bias = use_bias
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)

    def build(self, input_shape: tuple) -> None:
        self.num_windows(input_shape[1])
        self.kernel = self.add_weight(
            name="kernel",
            shape=(*self.kernel_size, input_shape[-1], self.filters),
            initializer=self.kernel_initializer,
            regularizer=self.kernel_regularizer,
        )
        self.bias = self.add_weight(name="bias", shape=(self.filters,), initializer="zeros") if self.use_bias else None

    def num_windows(self, num_frames: int) -> int:
        """Return the number of output time steps for `num_frames` input frames."""
        if num_frames is None or num_frames < self.kernel_size[0]:
            raise ValueError(
                f"Layer {self.name!r} needs at least {self.kernel_size[0]} frames, but its input has {num_frames}. "
                "Give the network a longer clip."
            )
        return (num_frames - self.kernel_size[0]) // self.strides[0] + 1

    def call(self, x: Any) -> Any:
        taps, windows = self.kernel_size[0], self.num_windows(x.shape[1])
        channels = x.shape[-1]
        x = self._windows(x, windows)  # (B, T', H, W, taps C)
        kernel = ops.transpose(ops.cast(self.kernel, self.compute_dtype), (1, 2, 0, 3, 4))
        kernel = ops.reshape(kernel, (*self.kernel_size[1:], taps * channels, self.filters))
        x = self._convolve(fold(x), kernel)
        if self.use_bias:
            x = ops.add(x, ops.cast(self.bias, self.compute_dtype))
        return unfold(self.activation(x), windows)

    def _convolve(self, x: Any, kernel: Any) -> Any:
        """Convolve images with the fastest implementation for their size and precision on this device."""
        if self.strides[1:] == (1, 1) and pays(x.shape, kernel.shape, self.padding, self.compute_dtype):
            # Accurate enough in float32 only, where it is faster than a plain convolution in bfloat16.
            x = winograd_conv(ops.cast(x, "float32"), ops.cast(kernel, "float32"), self.padding)
            return ops.cast(x, self.compute_dtype)
        return ops.conv(x, kernel, self.strides[1:], self.padding, data_format="channels_last")

    def _windows(self, x: Any, windows: int) -> Any:
        """Stack the frames of each window in the channels: (B, T, H, W, C) -> (B, T', H, W, taps C)."""
        taps, step = self.kernel_size[0], self.strides[0]
        if windows == 1:
            step = taps
        used = (windows - 1) * step + taps
        x = x[:, :used] if used < x.shape[1] else x
        if taps % step:
            last = (windows - 1) * step + 1
            return ops.concatenate([x[:, tap : tap + last : step] for tap in range(taps)], axis=-1)
        # Strided slices are several times slower than this transpose followed by contiguous slices.
        if step > 1:
            _, num_frames, height, width, channels = x.shape
            x = ops.reshape(x, (-1, num_frames // step, step, height, width, channels))
            x = ops.reshape(
                ops.transpose(x, (0, 1, 3, 4, 2, 5)), (-1, num_frames // step, height, width, step * channels)
            )
        groups = taps // step
        return ops.concatenate([x[:, g : g + windows] for g in range(groups)], axis=-1) if groups > 1 else x

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        sizes = [
            -(-size // stride) if self.padding == "same" else (size - kernel) // stride + 1
            for size, kernel, stride in zip(input_shape[2:4], self.kernel_size[1:], self.strides[1:], strict=True)
        ]
        return (input_shape[0], self.num_windows(input_shape[1]), *sizes, self.filters)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "strides": self.strides,
            "padding": self.padding,
            "activation": keras.activations.serialize(self.activation),
            "use_bias": self.use_bias,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "kernel_regularizer": keras.regularizers.serialize(self.kernel_regularizer),
        }


@keras.saving.register_keras_serializable(package="videocnn")
class LocalResponseNormalization(keras.layers.Layer):
    """Local response normalisation across channels, as in Krizhevsky et al. (2012).

        y[c] = x[c] / (k + alpha * sum of x[j]^2 over |j - c| <= n // 2) ** beta

    The sum over neighbours is computed as a single product of x^2 with a band matrix.

    Args:
        k: additive constant.
        n: number of neighbouring channels in the sum, odd; fewer at the ends.
        alpha: scale of the sum (which is not divided by `n`).
        beta: the exponent; 0.5 in the paper.

    Returns:
        The same shape and dtype as the input.

    Raises:
        ValueError: `n` is not a positive odd integer, or `k` is not positive (all-zero pixels would divide by zero).
    """

    def __init__(self, k: float = 2.0, n: int = 5, alpha: float = 1e-4, beta: float = 0.5, **kwargs: Any):
        super().__init__(**kwargs)
        if not isinstance(n, int) or n < 1 or n % 2 == 0:
            raise ValueError(f"n={n!r}: expected a positive odd number of channels.")
        if not k > 0:
            raise ValueError(f"k={k!r}: must be positive, or pixels where every channel is zero would divide by zero.")
        self.k, self.n, self.alpha, self.beta = k, n, alpha, beta

    def call(self, x: Any) -> Any:
        # Squares of half-precision values above 256 overflow; bfloat16 has float32's range.
        dtype = "float32" if self.compute_dtype == "float16" else self.compute_dtype
        channels = np.arange(x.shape[-1])
        band = self.alpha * (abs(channels[:, None] - channels) <= self.n // 2)
        values = ops.cast(x, dtype)
        strength = ops.matmul(ops.square(values), ops.convert_to_tensor(band, dtype)) + self.k
        factor = ops.rsqrt(strength) if self.beta == 0.5 else ops.power(strength, -self.beta)
        return ops.cast(values * factor, self.compute_dtype)

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "k": self.k, "n": self.n, "alpha": self.alpha, "beta": self.beta}


@keras.saving.register_keras_serializable(package="videocnn")
class FramePooling(keras.layers.Layer):
    """2 x 2 max pooling of every frame; odd sizes round up (27 -> 14), the time axis is unchanged."""

    def call(self, x: Any) -> Any:
        pooled = ops.max_pool(fold(x), 2, 2, padding="same", data_format="channels_last")
        return unfold(pooled, x.shape[1])

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        batch, frames, height, width, channels = input_shape
        return (batch, frames, -(-height // 2), -(-width // 2), channels)
