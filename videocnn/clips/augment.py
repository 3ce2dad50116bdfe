"""Training views beyond the paper: zoom and colour changes that keep small data sets from being learnt by heart.

Takes and gives the frames of one clip as `preprocess.random_view` does. Every choice is drawn once per clip and is the
same for all of its frames, so that differences between frames still show motion and nothing else.
"""

from __future__ import annotations

import dataclasses
import math

import tensorflow as tf

from videocnn.clips.views import cut, place, random_view
from videocnn.sampling import ClipError
from videocnn.spec import ClipSpec

LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601: the weights of red, green and blue in grey


@dataclasses.dataclass(frozen=True)
class Augmentation:
    """What may change from one training clip to the next. The default is the paper's: a crop and a flip, no more.

    Attributes:
        zoom: the smallest share of the region's area that a crop may cover, in (0, 1]; it is resized to the frame size.
            `None` cuts the paper's crop, without resizing.
        aspect: how far a zoomed crop may be stretched: its width over its height is drawn from [1 / aspect, aspect].
        brightness: most that is added or taken away, as a share of 255.
        contrast: distances from the mean grey of the clip's first frame are multiplied by a factor from
            [1 - contrast, 1 + contrast].
        saturation: distances of a pixel from its own grey, likewise.
        grey: probability that a clip loses its colours altogether.
        channels: red, green and blue are each multiplied by a factor from [1 - channels, 1 + channels].
        mixup: two clips of a batch and their labels are blended in shares lambda and 1 - lambda, drawn from Beta(mixup,
            mixup) (Zhang et al. 2018); 0 blends nothing.
        frame_steps: multiples of the specification's `frame_step`, one drawn per clip among those for which the video
            is long enough; (1, 2) shows half of the clips at double speed.
    """

    zoom: float | None = None
    aspect: float = 1.0
    brightness: float = 0.0
    contrast: float = 0.0
    saturation: float = 0.0
    grey: float = 0.0
    channels: float = 0.0
    mixup: float = 0.0
    frame_steps: tuple[int, ...] = (1,)

    def __post_init__(self):
        object.__setattr__(self, "frame_steps", tuple(self.frame_steps))
        ranges = {
            "zoom": self.zoom is None or 0 < self.zoom <= 1,
            "aspect": self.aspect >= 1,
            "brightness": 0 <= self.brightness <= 1,
            "contrast": 0 <= self.contrast <= 1,
            "saturation": 0 <= self.saturation <= 1,
            "grey": 0 <= self.grey <= 1,
            "channels": 0 <= self.channels <= 1,
            "mixup": self.mixup >= 0,
            "frame_steps": bool(self.frame_steps) and min(self.frame_steps) >= 1,
        }
        for name, fits in ranges.items():
            if not fits:
                raise ClipError(f"augmentation: {name}={getattr(self, name)!r} is out of its range")


AUGMENTATIONS = {
    "paper": Augmentation(),
    "modern": Augmentation(
        zoom=0.25, aspect=1.33, brightness=0.15, contrast=0.5, saturation=0.5, grey=0.2, channels=0.2, mixup=0.3
    ),
    # For differences of frames: mixup showed no gain there, and colours hardly matter to them.
    "motion": Augmentation(zoom=0.35, aspect=1.3, contrast=0.4),
}


def find_augmentation(augment: str | Augmentation) -> Augmentation:
    """Return an `Augmentation` by its name, or as it is.

    Raises:
        ClipError: no augmentation has that name.
    """
    if isinstance(augment, Augmentation):
        return augment
    if augment not in AUGMENTATIONS:
        raise ClipError(f"augment={augment!r} is unknown; give one of {sorted(AUGMENTATIONS)} or an Augmentation")
    return AUGMENTATIONS[augment]


def augmented_view(frames: tf.Tensor, spec: ClipSpec, augment: Augmentation, *, seed: tf.Tensor) -> tf.Tensor:
    """Draw one training view.

    Args:
        frames: uint8 `(time, *spec.region_size, 3)`.
        spec: gives the sizes.
        augment: what may change.
        seed: two whole numbers, int64 `(2,)`; the view is a function of them.

    Returns:
        `(time, *spec.frame_size, 3)` in 0..255: uint8 for the paper's augmentation, float32 for others.
    """
    view = random_view(frames, spec, seed=seed) if augment.zoom is None else zoomed(frames, spec, augment, seed=seed)
    if not (augment.brightness or augment.contrast or augment.saturation or augment.grey or augment.channels):
        return view
    return recoloured(view, augment, seed=seed + 1_000_003)  # other numbers than the crop's


def zoomed(frames: tf.Tensor, spec: ClipSpec, augment: Augmentation, *, seed: tf.Tensor) -> tf.Tensor:
    """Cut a window of random area, shape and place, the same for all frames, and resize it: float32 in 0..255."""
    draws = tf.random.stateless_uniform((5,), seed)
    (region_height, region_width), (height, width) = spec.region_size, spec.frame_size
    area = augment.zoom + (1 - augment.zoom) * draws[0]
    stretch = tf.exp((2 * draws[1] - 1) * math.log(augment.aspect))
    # The window has the network's shape before it is stretched; its sides are whole pixels, within the region.
    ratio = stretch * (width / height) / (region_width / region_height)
    tall = tf.minimum(tf.cast(tf.round(region_height * tf.sqrt(area / ratio)), tf.int32), region_height)
    wide = tf.minimum(tf.cast(tf.round(region_width * tf.sqrt(area * ratio)), tf.int32), region_width)
    top, left = place(draws[2], region_height - tall), place(draws[3], region_width - wide)
    window = cut(frames, top, left, tall, wide, draws[4] < 0.5)
    # A slice and `tf.image.resize` cost less than half of what `tf.image.crop_and_resize` does.
    return tf.image.resize(tf.cast(window, tf.float32), spec.frame_size)


def recoloured(clip: tf.Tensor, augment: Augmentation, *, seed: tf.Tensor) -> tf.Tensor:
    """Change brightness, contrast, saturation and channels of a clip `(time, height, width, 3)`: float32 in 0..255.

    All are one affine map of a pixel's colour, so they cost one small matrix product together.
    """
    draws, others = 2 * tf.random.stateless_uniform((3,), seed) - 1, tf.random.stateless_uniform((4,), seed + 1)
    brightness, contrast, saturation = (
        255 * augment.brightness * draws[0],
        1 + augment.contrast * draws[1],
        tf.where(others[3] < augment.grey, 0.0, 1 + augment.saturation * draws[2]),
    )
    channels = 1 + augment.channels * (2 * others[:3] - 1)
    clip = tf.cast(clip, tf.float32)
    luma = tf.constant(LUMA)
    grey = tf.tensordot(tf.reduce_mean(clip[0], axis=(0, 1)), luma, 1)  # one frame tells it, at a tenth of the cost
    mix = contrast * (saturation * tf.eye(3) + (1 - saturation) * tf.tile(luma[:, None], [1, 3]))
    colours = tf.matmul(tf.reshape(clip, (-1, 3)), mix * channels) + ((1 - contrast) * grey + brightness) * channels
    return tf.reshape(tf.clip_by_value(colours, 0.0, 255.0), tf.shape(clip))


def mixed(
    clips: tf.Tensor, labels: tf.Tensor, augment: Augmentation, *, seed: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Blend each clip of a batch and its labels with those of the clip that mirrors it in the batch.

    Args:
        clips: float32 `(batch, time, height, width, 3)`.
        labels: float32 `(batch, classes)`, rows sum to 1.
        augment: gives `mixup`.
        seed: two whole numbers, int64 `(2,)`.

    Returns:
        The same shapes; a clip keeps at least half of itself.
    """
    if not augment.mixup:
        return clips, labels
    one, other = tf.unstack(tf.random.stateless_gamma((2, tf.shape(labels)[0]), seed, augment.mixup) + 1e-9)
    share = tf.maximum(one, other) / (one + other)
    # Row i has share[i] in column i and the rest in the mirrored one: a matrix product blends in one go over memory.
    shares = tf.linalg.diag(share) + tf.linalg.diag(1 - share)[:, ::-1]
    flat = tf.reshape(clips, (tf.shape(labels)[0], -1))
    return tf.reshape(tf.matmul(shares, flat), tf.shape(clips)), tf.matmul(shares, labels)
