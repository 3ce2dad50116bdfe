"""The four networks of the paper, in its order: read two neighbours side by side, the difference is the idea.

Each builder takes the same arguments (described at `SingleFrame`) and returns an uncompiled `keras.Model` from clips
`(batch, time, height, width, 3)` to class probabilities. Kernel sizes and strides are (time, height, width).
Section 3.1 of the paper: time information fusion in CNNs; choices where it is silent: 170 px, conv1 without padding.
"""

from __future__ import annotations

import keras

from videocnn.models.network import build_network


def SingleFrame(
    include_top: bool = True,
    weights: str | None = None,
    input_shape: tuple[int, int, int, int] | None = None,
    pooling: str | None = None,
    classes: int = 487,
    classifier_activation: str | None = "softmax",
    *,
    stream: str = "full",
    width: float = 1.0,
    norm: str | None = "lrn",
    dropout: float = 0.5,
    name: str = "single_frame",
    frame_difference: bool = False,
) -> keras.Model:
    """Build the single-frame network: one picture, no motion; what the others are measured against.

    Args:
        include_top: whether fc6, fc7 and the classifier are part of the network.
        weights: path of a `.weights.h5` or `.keras` file of the same network, or None for random weights.
        input_shape: `(frames, height, width, 3)`; default `(1, 170, 170, 3)` here, 10 frames for early and slow
            fusion, 2 for late fusion, and 178 pixels for every stream but `"full"`.
        pooling: without the top: None gives `(batch, time, height, width, channels)`; `"avg"` and `"max"` reduce each
            frame's picture to one number a channel, `(batch, time * channels)`.
        classes: number of classes, Sports-1M's 487 by default.
        classifier_activation: of the last layer, computed in float32 under any dtype policy; None gives logits.
        stream: `"full"` frame, `"fovea"` (centre half), `"context"` (all of it at half size) or `"multires"` (both).
        width: multiplies every number of filters and units.
        norm: `"lrn"` as in the paper, `"batch"` normalisation in its place, or None.
        dropout: share of fc6's and fc7's outputs that is dropped in training.
        name: the model's name.
        frame_difference: early and slow fusion only, not the paper's: look at changes between frames instead of
            colours, which takes one frame more (11).

    Returns:
        An uncompiled model; clips come in as preprocessed values (`preprocess_input`), float32 probabilities
        `(batch, classes)` come out. `clip_spec(model)` tells how its clips are sampled.

    Raises:
        ModelError: an argument cannot be used, or the weights are missing or belong to another network.

    Example:
        >>> SingleFrame(classes=10, width=0.125).output_shape
        (None, 10)
    """

    def tower(x, layers):  # (B, 1, 170, 170, 3)
        x = layers.conv("conv1", 96, (1, 11, 11), strides=(1, 3, 3), padding="valid")(x)  # (B, 1, 54, 54, 96)
        x = layers.normalise("norm1")(x)
        x = layers.pool("pool1")(x)  # (B, 1, 27, 27, 96)
        x = layers.conv("conv2", 256, (1, 5, 5))(x)  # (B, 1, 27, 27, 256)
        x = layers.normalise("norm2")(x)
        x = layers.pool("pool2")(x)  # (B, 1, 14, 14, 256)
        x = layers.conv("conv3", 384, (1, 3, 3))(x)  # (B, 1, 14, 14, 384)
        x = layers.conv("conv4", 384, (1, 3, 3))(x)
        return layers.conv("conv5", 256, (1, 3, 3))(x)  # (B, 1, 14, 14, 256), then pool5: 7 x 7

    return build_network(
        tower, 1, 1, include_top, weights, input_shape, pooling, classes, classifier_activation,
        stream, width, norm, dropout, name, frame_difference,
    )  # fmt: skip


def EarlyFusion(
    include_top: bool = True,
    weights: str | None = None,
    input_shape: tuple[int, int, int, int] | None = None,
    pooling: str | None = None,
    classes: int = 487,
    classifier_activation: str | None = "softmax",
    *,
    stream: str = "full",
    width: float = 1.0,
    norm: str | None = "lrn",
    dropout: float = 0.5,
    name: str = "early_fusion",
    frame_difference: bool = False,
) -> keras.Model:
    """Build early fusion: conv1's filters extend over all ten contiguous frames, then time is gone.

    Arguments, result and errors as at `SingleFrame`; `input_shape` is `(10, 170, 170, 3)` by default.

    Example:
        >>> EarlyFusion(classes=10, width=0.125).get_layer("conv1").kernel_size
        (10, 11, 11)
    """

    def tower(x, layers):  # (B, 10, 170, 170, 3)
        x = layers.conv("conv1", 96, (x.shape[1], 11, 11), strides=(1, 3, 3), padding="valid")(x)  # (B, 1, 54, 54, 96)
        x = layers.normalise("norm1")(x)
        x = layers.pool("pool1")(x)  # (B, 1, 27, 27, 96)
        x = layers.conv("conv2", 256, (1, 5, 5))(x)  # (B, 1, 27, 27, 256)
        x = layers.normalise("norm2")(x)
        x = layers.pool("pool2")(x)  # (B, 1, 14, 14, 256)
        x = layers.conv("conv3", 384, (1, 3, 3))(x)  # (B, 1, 14, 14, 384)
        x = layers.conv("conv4", 384, (1, 3, 3))(x)
        return layers.conv("conv5", 256, (1, 3, 3))(x)  # (B, 1, 14, 14, 256), then pool5: 7 x 7

    return build_network(
        tower, 10, 1, include_top, weights, input_shape, pooling, classes, classifier_activation,
        stream, width, norm, dropout, name, frame_difference,
    )  # fmt: skip


def LateFusion(
    include_top: bool = True,
    weights: str | None = None,
    input_shape: tuple[int, int, int, int] | None = None,
    pooling: str | None = None,
    classes: int = 487,
    classifier_activation: str | None = "softmax",
    *,
    stream: str = "full",
    width: float = 1.0,
    norm: str | None = "lrn",
    dropout: float = 0.5,
    name: str = "late_fusion",
    frame_difference: bool = False,
) -> keras.Model:
    """Build late fusion: two frames 15 apart go through the same single-frame tower and meet in fc6.

    Arguments, result and errors as at `SingleFrame`; `input_shape` is `(2, 170, 170, 3)` by default. The kernels of
    one frame in time are what shares the weights.

    Example:
        >>> LateFusion(classes=10, width=0.125, include_top=False).output_shape
        (None, 2, 7, 7, 32)
    """

    def tower(x, layers):  # (B, 2, 170, 170, 3)
        x = layers.conv("conv1", 96, (1, 11, 11), strides=(1, 3, 3), padding="valid")(x)  # (B, 2, 54, 54, 96)
        x = layers.normalise("norm1")(x)
        x = layers.pool("pool1")(x)  # (B, 2, 27, 27, 96)
        x = layers.conv("conv2", 256, (1, 5, 5))(x)  # (B, 2, 27, 27, 256)
        x = layers.normalise("norm2")(x)
        x = layers.pool("pool2")(x)  # (B, 2, 14, 14, 256)
        x = layers.conv("conv3", 384, (1, 3, 3))(x)  # (B, 2, 14, 14, 384)
        x = layers.conv("conv4", 384, (1, 3, 3))(x)
        return layers.conv("conv5", 256, (1, 3, 3))(x)  # (B, 2, 14, 14, 256), then pool5: 7 x 7

    return build_network(
        tower, 2, 15, include_top, weights, input_shape, pooling, classes, classifier_activation,
        stream, width, norm, dropout, name, frame_difference,
    )  # fmt: skip


def SlowFusion(
    include_top: bool = True,
    weights: str | None = None,
    input_shape: tuple[int, int, int, int] | None = None,
    pooling: str | None = None,
    classes: int = 487,
    classifier_activation: str | None = "softmax",
    *,
    stream: str = "full",
    width: float = 1.0,
    norm: str | None = "lrn",
    dropout: float = 0.5,
    name: str = "slow_fusion",
    frame_difference: bool = False,
) -> keras.Model:
    """Build slow fusion: conv1 joins 4 frames, conv2 two of its steps, conv3 two of conv2's: 10 -> 4 -> 2 -> 1.

    Arguments, result and errors as at `SingleFrame`; `input_shape` is `(10, 170, 170, 3)` by default; 18, 26, ...
    frames end in 2, 3, ... steps that meet in fc6.

    Example:
        >>> SlowFusion(classes=10, width=0.125, include_top=False).output_shape
        (None, 1, 7, 7, 32)
    """

    def tower(x, layers):  # (B, 10, 170, 170, 3)
        x = layers.conv("conv1", 96, (4, 11, 11), strides=(2, 3, 3), padding="valid")(x)  # (B, 4, 54, 54, 96)
        x = layers.normalise("norm1")(x)
        x = layers.pool("pool1")(x)  # (B, 4, 27, 27, 96)
        x = layers.conv("conv2", 256, (2, 5, 5), strides=(2, 1, 1))(x)  # (B, 2, 27, 27, 256)
        x = layers.normalise("norm2")(x)
        x = layers.pool("pool2")(x)  # (B, 2, 14, 14, 256)
        x = layers.conv("conv3", 384, (2, 3, 3), strides=(2, 1, 1))(x)  # (B, 1, 14, 14, 384)
        x = layers.conv("conv4", 384, (1, 3, 3))(x)
        return layers.conv("conv5", 256, (1, 3, 3))(x)  # (B, 1, 14, 14, 256), then pool5: 7 x 7

    return build_network(
        tower, 10, 1, include_top, weights, input_shape, pooling, classes, classifier_activation,
        stream, width, norm, dropout, name, frame_difference,
    )  # fmt: skip
