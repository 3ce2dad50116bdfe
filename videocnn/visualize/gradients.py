"""Saliency: which pixels and frames of a clip a class score depends on, by gradients and by Grad-CAM.

One forward and one backward pass cover all four networks and both streams. Not part of the paper: image saliency is
due to Simonyan et al. (2014) and Grad-CAM to Selvaraju et al. (2017); the extension over time is ours.
"""

from __future__ import annotations

import dataclasses
import os
from typing import Any

import keras
import numpy as np

from videocnn.models import clip_spec
from videocnn.visualize.canvas import PictureError
from videocnn.visualize.clip import Clip, fovea_box, network_input, read_clips
from videocnn.visualize.towers import STREAM_PREFIXES, frames_seen

REDUCE = ("max", "sum")


@dataclasses.dataclass(frozen=True)
class Saliency:
    """Evidence for one class in one clip.

    Attributes:
        class_name: the class.
        probability: the predicted probability of the class, 0..1.
        rank: rank of the class among the predictions, starting at 1.
        gradient: float32 `(time, height, width)`, non-negative: how much the class score (before softmax) changes per
            grey level of a pixel.
        activation: float32 `(time, height, width)` for each stream, non-negative: how strongly conv5 supports the
            class at that place; NaN outside the stream's region. Empty for a network without conv5.
    """

    class_name: str
    probability: float
    rank: int
    gradient: np.ndarray
    activation: dict[str, np.ndarray]

    @property
    def frame_shares(self) -> np.ndarray:
        """Each frame's share of the gradient, float64 `(time,)`; the shares sum to 1, or are all zero."""
        sums = self.gradient.sum(axis=(1, 2), dtype=np.float64)
        return sums / (sums.sum() or 1.0)


def saliency(model: keras.Model, clip: Clip, class_name: str | None = None, *, reduce: str = "max") -> Saliency:
    """Compute which pixels and frames of a clip a class score depends on.

    The score is the classifier's output before softmax, because probabilities near 1 saturate. For a model without a
    final classifier layer (an average of networks) it is the log-probability.

    Args:
        model: a network of this package, with any stream and in any precision.
        clip: a clip returned by `read_clip`.
        class_name: the class; by default the top prediction.
        reduce: how the absolute gradients of a pixel's three channels are combined: `"max"` or `"sum"`.

    Raises:
        PictureError: the class or `reduce` is unknown, the clip's shape does not match the network's input, or the
            backend is not TensorFlow.
    """
    if keras.backend.backend() != "tensorflow":
        raise PictureError(f"saliency requires the TensorFlow backend of Keras, got {keras.backend.backend()}")
    if reduce not in REDUCE:
        raise PictureError(f"reduce={reduce!r}: expected 'max' or 'sum'")
    import tensorflow as tf

    names = class_names(model)
    if class_name is not None and class_name not in names:
        raise PictureError(
            f"{model.name}: unknown class {class_name!r}; its {len(names)} classes are {', '.join(names[:5])}"
            + (", ..." if len(names) > 5 else "")
        )
    layers = {layer.name: layer for layer in model.layers}
    tops = {
        stream: layers[f"{prefix}conv5"] for stream, prefix in STREAM_PREFIXES.items() if f"{prefix}conv5" in layers
    }
    head = _classifier(model)
    end = model.output if head is None else head.input
    graph = keras.Model(model.input, [end, model.output, *(layer.output for layer in tops.values())])
    pixels = tf.convert_to_tensor(network_input(model, clip))
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(pixels)
        end, probabilities, *maps = graph(pixels, training=False)
        index = int(np.argmax(probabilities[0])) if class_name is None else names.index(class_name)
        score = _score(end, head, index)
    slope, *map_slopes = tape.gradient(score, [pixels, *maps], unconnected_gradients=tf.UnconnectedGradients.ZERO)
    slope = np.abs(_numpy(slope)[0]) * np.float32(clip_spec(model).scale)  # per grey level of the clip
    size = clip.frames.shape[:3]
    activation = {
        stream: spread(class_activation(_numpy(map_)[0], _numpy(grad)[0]), stream, frames_seen(model, layer), size)
        for (stream, layer), map_, grad in zip(tops.items(), maps, map_slopes, strict=True)
    }
    values = _numpy(probabilities)[0]
    return Saliency(
        class_name=names[index],
        probability=float(values[index]),
        rank=1 + int((values > values[index]).sum()),
        gradient=slope.max(axis=-1) if reduce == "max" else slope.sum(axis=-1),
        activation=activation,
    )


def class_names(model: keras.Model) -> list[str]:
    """Return a network's class names, or the indices of its outputs if it has none."""
    return list(clip_spec(model).class_names) or [str(number) for number in range(model.output_shape[-1])]


def _classifier(model: keras.Model) -> keras.layers.Dense | None:
    """Return the final classifier layer of a model, or None."""
    last = model.layers[-1]
    known = (keras.activations.softmax, keras.activations.sigmoid, keras.activations.linear)
    return last if isinstance(last, keras.layers.Dense) and last.activation in known else None


def _score(end: Any, head: keras.layers.Dense | None, index: int) -> Any:
    if head is None:
        return keras.ops.log(end[0, index] + keras.config.epsilon())
    features = keras.ops.cast(end, "float32")
    score = keras.ops.sum(features[0] * keras.ops.cast(head.kernel, "float32")[:, index])
    return score if head.bias is None else score + head.bias[index]


def class_activation(maps: np.ndarray, slopes: np.ndarray) -> np.ndarray:
    """Compute Grad-CAM: feature maps weighted by their mean gradients, followed by ReLU.

    Each time step has its own weights, because late fusion's classifier treats its two frames differently.

    Args:
        maps: feature maps, float32 `(steps, height, width, filters)`.
        slopes: gradients of the score with respect to `maps`, of the same shape.

    Returns:
        float32 `(steps, height, width)`.
    """
    weights = slopes.mean(axis=(1, 2), keepdims=True)
    return np.maximum((maps * weights).sum(axis=-1), 0)


def spread(maps: np.ndarray, stream: str, seen: list[range], size: tuple[int, int, int]) -> np.ndarray:
    """Resize a stream's maps `(steps, h, w)` to the clip `(time, height, width)`, averaging the steps of each frame.

    The fovea's maps cover the centre half and are surrounded by NaN; the context's maps cover the whole frame.
    """
    import tensorflow as tf

    num_frames, height, width = size
    top, left, height, width = fovea_box((height, width)) if stream == "fovea" else (0, 0, height, width)
    large = tf.image.resize(maps[..., None], (height, width), method="bilinear").numpy()[..., 0]
    laid = np.full(size, np.nan, np.float32)
    for frame in range(num_frames):
        steps = [step for step, frames in enumerate(seen) if frame in frames]
        if steps:
            laid[frame, top : top + height, left : left + width] = large[steps].mean(axis=0)
    return laid


def scores_over_time(
    model: keras.Model, path: str | os.PathLike, num_clips: int = 20, *, batch_size: int = 4
) -> tuple[np.ndarray, np.ndarray]:
    """Score the centre crops of evenly spaced clips of a video.

    Returns:
        A tuple of the first and last frame of each clip, int64 `(num_clips, 2)`, and the class probabilities, float32
        `(num_clips, num_classes)`.

    Raises:
        PictureError: the video is too short.
        VideoError: the video cannot be read.
    """
    from videocnn.models import predict_function

    probabilities = predict_function(model)
    clips = read_clips(path, clip_spec(model), num_clips)
    batches = [
        np.concatenate([network_input(model, clip) for clip in clips[first : first + batch_size]])
        for first in range(0, len(clips), batch_size)
    ]
    return (
        np.array([[clip.numbers[0], clip.numbers[-1]] for clip in clips]),
        np.concatenate([probabilities(batch) for batch in batches]),
    )


def _numpy(tensor: Any) -> np.ndarray:
    return np.asarray(keras.ops.convert_to_numpy(keras.ops.cast(tensor, "float32")))
