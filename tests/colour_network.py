"""A network whose scores can be worked out by hand: softmax of a linear function of the left half's mean colour."""

from __future__ import annotations

import keras
import numpy as np

from videocnn.layers import ClipInput
from videocnn.spec import ClipSpec

SPEC = ClipSpec(
    num_frames=3, frame_size=(16, 20), region_size=(20, 28), scale=1 / 60, class_names=("red", "green", "blue")
)


def colour_network(spec: ClipSpec = SPEC, gain: float = 1.0) -> keras.Model:
    """Return a network that calls a clip by the strongest colour channel in the left half of its frames."""
    frames = keras.Input((spec.num_frames, *spec.frame_size, 3), name="frames")
    x = ClipInput(spec, dtype="float32", name="clip")(frames)
    x = keras.layers.Cropping3D(((0, 0), (0, 0), (0, spec.frame_size[1] // 2)))(x)
    x = keras.layers.GlobalAveragePooling3D()(x)
    classes = len(spec.class_names)
    dense = keras.layers.Dense(classes, activation="softmax", dtype="float32", name="predictions")
    network = keras.Model(frames, dense(x), name="colour")
    dense.set_weights([gain * np.eye(3, classes, dtype="float32"), np.zeros(classes, "float32")])
    return network


def improbable_network(gain: float) -> keras.Model:
    """Return one whose outputs are no probabilities: NaN as of weights that have diverged, or above 1."""
    network = colour_network()
    network.get_layer("predictions").activation = lambda x: gain * x
    return network


def scores_by_hand(clips: np.ndarray, spec: ClipSpec = SPEC, gain: float = 1.0) -> np.ndarray:
    """Return what `colour_network` says about raw clips `(..., T, H, W, 3)` in 0..255, in plain NumPy."""
    left = clips[..., : clips.shape[-2] // 2, :].astype(np.float64)
    colour = gain * (left.mean(axis=(-4, -3, -2)) - spec.mean) * spec.scale
    logits = np.concatenate([colour, np.zeros((*colour.shape[:-1], len(spec.class_names) - 3))], axis=-1)
    exponentials = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return exponentials / exponentials.sum(axis=-1, keepdims=True)
