"""The four networks of the paper: one tower, and a table of how each extends over time (section 3.1).

Each builder takes the same arguments (documented at `SingleFrame`) and returns an uncompiled `keras.Model` from clips
`(batch, time, height, width, 3)` to class probabilities. The table can be read without importing Keras.
Where the paper is silent, we chose 170 px and conv1 without padding.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from videocnn.models.options import Network, NetworkOptions

if TYPE_CHECKING:
    import keras

ALL = None  # as many frames as the clip has
NETWORKS = {
    #              title, builder                 frames step  extent and stride in time of conv1, conv2, conv3
    "single_frame": Network("Single-Frame", "SingleFrame", 1, 1, (1, 1, 1), (1, 1, 1), in_paper=True),
    "early_fusion": Network("Early Fusion", "EarlyFusion", 10, 1, (ALL, 1, 1), (1, 1, 1), in_paper=True),
    "late_fusion": Network("Late Fusion", "LateFusion", 2, 15, (1, 1, 1), (1, 1, 1), in_paper=True),
    "slow_fusion": Network("Slow Fusion", "SlowFusion", 10, 1, (4, 2, 2), (2, 2, 2), in_paper=True),
}


def tower(x: Any, layers: Any, network: Network) -> Any:
    """Return the features of a clip; kernel sizes and strides are (time, height, width).

    The number of time steps before conv1 and after conv1, conv2 and conv3 (T, T1, T2, T3 below) is
    1, 1, 1, 1 for single-frame, 10, 1, 1, 1 for early, 2, 2, 2, 2 for late and 10, 4, 2, 1 for slow fusion.
    """
    e1, e2, e3 = network.kernel_extents(x.shape[1])
    s1, s2, s3 = network.strides
    x = layers.conv("conv1", 96, (e1, 11, 11), strides=(s1, 3, 3), padding="valid")(x)  # (B, T1, 54, 54, 96)
    x = layers.normalise("norm1")(x)
    x = layers.pool("pool1")(x)  # (B, T1, 27, 27, 96)
    x = layers.conv("conv2", 256, (e2, 5, 5), strides=(s2, 1, 1))(x)  # (B, T2, 27, 27, 256)
    x = layers.normalise("norm2")(x)
    x = layers.pool("pool2")(x)  # (B, T2, 14, 14, 256)
    x = layers.conv("conv3", 384, (e3, 3, 3), strides=(s3, 1, 1))(x)  # (B, T3, 14, 14, 384)
    x = layers.conv("conv4", 384, (1, 3, 3))(x)
    return layers.conv("conv5", 256, (1, 3, 3))(x)  # (B, T3, 14, 14, 256), then pool5: 7 x 7


def build(network: Network, arguments: dict[str, Any]) -> keras.Model:
    """Build the network of a row from its builder's arguments."""
    from videocnn.models.network import build_network

    return build_network(network, tower, NetworkOptions(**arguments))


def SingleFrame(
    include_top: bool = True, weights: str | None = None, input_shape: tuple[int, int, int, int] | None = None,
    pooling: str | None = None, classes: int = 487, classifier_activation: str | None = "softmax", *,
    stream: str = "full", width: float = 1.0, norm: str | None = "lrn", dropout: float = 0.5,
    name: str = "single_frame", frame_difference: bool = False,
) -> keras.Model:  # fmt: skip
    """Build the single-frame network: one frame, no motion; the baseline for the others.

    Args:
        include_top: whether to include fc6, fc7 and the classifier.
        weights: path of a `.weights.h5` or `.keras` file of the same network, or None for random weights.
        input_shape: `(frames, height, width, 3)`. Default: 1 frame here, 10 for early and slow fusion, 2 for late
            fusion, of 170 x 170 pixels for `stream="full"` and 178 x 178 for the other streams.
        pooling: with `include_top=False`: None returns `(batch, time, height, width, channels)`; `"avg"` and `"max"`
            pool over the pixels of each time step and return `(batch, time * channels)`.
        classes: number of classes; Sports-1M has 487.
        classifier_activation: activation of the classifier, computed in float32 under any dtype policy; None
            returns logits.
        stream: `"full"` frame, `"fovea"` (centre half), `"context"` (whole frame at half size) or `"multires"` (both).
        width: multiplier of every filter and unit count.
        norm: `"lrn"` (local response normalization) as in the paper, `"batch"` (batch normalization) or None.
        dropout: dropout rate after fc6 and fc7.
        name: name of the model.
        frame_difference: whether to feed differences of neighbouring frames instead of colours, which takes one frame
            more. Early and slow fusion only; not in the paper.

    Returns:
        An uncompiled model from preprocessed clips (`preprocess_input`) to float32 probabilities `(batch, classes)`.
        `clip_spec(model)` describes how its clips are sampled.

    Raises:
        ModelError: an argument is invalid, or the weights are missing or belong to another network.

    Example:
        >>> SingleFrame(classes=10, width=0.125).output_shape
        (None, 10)
    """
    return build(NETWORKS["single_frame"], locals())


def EarlyFusion(
    include_top: bool = True, weights: str | None = None, input_shape: tuple[int, int, int, int] | None = None,
    pooling: str | None = None, classes: int = 487, classifier_activation: str | None = "softmax", *,
    stream: str = "full", width: float = 1.0, norm: str | None = "lrn", dropout: float = 0.5,
    name: str = "early_fusion", frame_difference: bool = False,
) -> keras.Model:  # fmt: skip
    """Build early fusion: conv1 extends over all frames of the clip (10 in the paper). See `SingleFrame`."""
    return build(NETWORKS["early_fusion"], locals())


def LateFusion(
    include_top: bool = True, weights: str | None = None, input_shape: tuple[int, int, int, int] | None = None,
    pooling: str | None = None, classes: int = 487, classifier_activation: str | None = "softmax", *,
    stream: str = "full", width: float = 1.0, norm: str | None = "lrn", dropout: float = 0.5,
    name: str = "late_fusion", frame_difference: bool = False,
) -> keras.Model:  # fmt: skip
    """Build late fusion: two frames 15 apart share one tower's weights and meet in fc6. See `SingleFrame`."""
    return build(NETWORKS["late_fusion"], locals())


def SlowFusion(
    include_top: bool = True, weights: str | None = None, input_shape: tuple[int, int, int, int] | None = None,
    pooling: str | None = None, classes: int = 487, classifier_activation: str | None = "softmax", *,
    stream: str = "full", width: float = 1.0, norm: str | None = "lrn", dropout: float = 0.5,
    name: str = "slow_fusion", frame_difference: bool = False,
) -> keras.Model:  # fmt: skip
    """Build slow fusion: conv1, conv2 and conv3 merge 10 frames into 4, 2 and 1 steps. See `SingleFrame`.

    18, 26, ... frames leave 2, 3, ... steps, which meet in fc6.
    """
    return build(NETWORKS["slow_fusion"], locals())
