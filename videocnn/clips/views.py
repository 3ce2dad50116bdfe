"""From the centre region of a video's frames to what a network sees: crop, flip, minus 117 (section 3.3 of the paper).

Takes uint8 frames `(time, region height, region width, 3)` and a `ClipSpec`; gives `(time, height, width, 3)`.
A *view* is one crop and flip of a clip, the same for each of its frames: random in training, from a fixed list in
evaluation. The centre region itself is cut where frames are decoded (`read_frames`, or once into shards).
"""

from __future__ import annotations

import tensorflow as tf

from videocnn.sampling import ClipError
from videocnn.spec import ClipSpec

# (top, left) as shares of the room between crop and region, and whether the view is flipped. Any first n of them look
# at both sides and at both orientations as evenly as n allows; the paper does not say which views it took.
VIEWS = (
    (0.5, 0.5, False),
    (0.5, 0.5, True),
    (0.0, 0.0, False),
    (1.0, 1.0, True),
    (0.0, 1.0, False),
    (1.0, 0.0, True),
    (0.0, 0.0, True),
    (1.0, 1.0, False),
    (0.0, 1.0, True),
    (1.0, 0.0, False),
)


def check_sizes(spec: ClipSpec) -> None:
    """Refuse a specification whose crop does not fit into its centre region.

    Raises:
        ClipError: the crop is higher or wider than the region, or smaller than a pixel.
    """
    if not all(0 < crop <= region for crop, region in zip(spec.frame_size, spec.region_size, strict=True)):
        raise ClipError(
            f"frame_size {spec.frame_size} must be positive and fit into region_size {spec.region_size} "
            "(height, width); enlarge the region"
        )


def normalize(clips: tf.Tensor, spec: ClipSpec) -> tf.Tensor:
    """Turn raw 0..255 values into the network's float32 input: `(clips - spec.mean) * spec.scale`; paper: minus 117."""
    return (tf.cast(clips, tf.float32) - spec.mean) * spec.scale


def place(draw: tf.Tensor, room: tf.Tensor | int) -> tf.Tensor:
    """Turn a draw from [0, 1) into one of the whole numbers 0 to `room`, each equally likely."""
    return tf.cast(draw * (tf.cast(room, tf.float32) + 1), tf.int32)


def cut(frames, top, left, height, width, flip) -> tf.Tensor:
    """Cut the same `height` x `width` window out of every frame and mirror it where `flip` is true; the dtype stays."""
    frames = frames[:, top : top + height, left : left + width]  # (T, H, W, 3)
    return tf.cond(flip, lambda: mirrored(frames), lambda: frames)


def mirrored(frames: tf.Tensor) -> tf.Tensor:
    """Turn left and right; as a list of rows, for which TensorFlow is four times as quick as for whole frames."""
    rows = tf.reverse(tf.reshape(frames, (-1, tf.shape(frames)[2], 3)), [1])
    return tf.reshape(rows, tf.shape(frames))


def random_view(frames: tf.Tensor, spec: ClipSpec, *, seed: tf.Tensor) -> tf.Tensor:
    """Draw the paper's training view: one crop and, half of the time, one flip for the whole clip.

    Args:
        frames: uint8 `(time, *spec.region_size, 3)`.
        spec: gives the sizes.
        seed: two whole numbers, int64 `(2,)`; the view is a function of them.

    Returns:
        uint8 `(time, *spec.frame_size, 3)`.
    """
    draws = tf.random.stateless_uniform((3,), seed)
    (height, width), (region_height, region_width) = spec.frame_size, spec.region_size
    top, left = place(draws[0], region_height - height), place(draws[1], region_width - width)
    return tf.ensure_shape(cut(frames, top, left, height, width, draws[2] < 0.5), (None, height, width, 3))


def fixed_view(frames: tf.Tensor, spec: ClipSpec, index: tf.Tensor | int) -> tf.Tensor:
    """Return view number `index` of `VIEWS`: centre, centre mirrored, then corners in turn.

    Args:
        frames: uint8 `(time, *spec.region_size, 3)`.
        spec: gives the sizes.
        index: 0 to 9; view 0 is the plain centre crop.

    Returns:
        uint8 `(time, *spec.frame_size, 3)`.
    """
    view = tf.gather(tf.constant([[float(value) for value in view] for view in VIEWS]), index)
    (height, width), (region_height, region_width) = spec.frame_size, spec.region_size
    top = tf.cast(view[0] * (region_height - height), tf.int32)
    left = tf.cast(view[1] * (region_width - width), tf.int32)
    return tf.ensure_shape(cut(frames, top, left, height, width, view[2] > 0), (None, height, width, 3))
