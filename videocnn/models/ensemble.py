"""The paper's CNN average (Table 1, last row): the mean of several networks' class probabilities for one clip.

Trained networks become one `keras.Model` that is fed, saved and evaluated like any of them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import keras

from videocnn.layers import ClipInput, TakeFrames
from videocnn.models.interface import clip_spec
from videocnn.models.options import ModelError
from videocnn.spec import ClipSpec


def average(models: Sequence[keras.Model], name: str = "average") -> keras.Model:
    """Build the average of several networks' class probabilities.

    The clip is as long as the longest that any network needs (16 frames with late fusion among them). Each network
    takes its own frames from the middle: of 16 frames single-frame takes frame 7, early and slow fusion take 3 to 12,
    late fusion takes 0 and 15.

    Args:
        models: networks of this package with the same frame size, frame rate and classes. Colour and
            frame-difference networks can be mixed; different means and scales are converted exactly.
        name: name of the model.

    Returns:
        An uncompiled model that shares the networks' weights, from clips to float32 `(batch, classes)`;
        `clip_spec` describes the longest clip.

    Raises:
        ModelError: no models, models that differ in frame size, frame rate or classes, or one that does not return
            probabilities.
    """
    models = list(models)
    if not models:
        raise ModelError("average() needs at least one network, got none.")
    specs = [clip_spec(model) for model in models]
    for what in ("frame_size", "region_size", "fps", "class_names"):
        _check_equal(models, [getattr(spec, what) for spec in specs], what)
    _check_equal(models, [model.output_shape for model in models], "output shape")
    for model in models:
        activation = getattr(model.layers[-1], "activation", None)
        if activation not in (keras.activations.softmax, keras.activations.sigmoid) and not _is_average(model):
            raise ModelError(
                f"average() needs class probabilities, but {model.name!r} ends in {model.layers[-1].name!r} without "
                'softmax; build it with include_top=True and classifier_activation="softmax".'
            )
    spec = longest_clip(specs)
    frames = keras.Input((spec.num_frames, *spec.frame_size, 3), name="frames")
    clip = ClipInput(spec, dtype="float32", name="clip")(frames)
    outputs = []
    for number, (model, own) in enumerate(zip(models, specs, strict=True)):
        label = f"member{number}_{model.name}"
        x = clip
        if own.num_frames != spec.num_frames or own.frame_step != spec.frame_step:
            x = TakeFrames(*_frames_of(own, spec), dtype="float32", name=f"{label}_frames")(x)
        if (own.mean, own.scale) != (spec.mean, spec.scale):
            gain, shift = own.scale / spec.scale, (spec.mean - own.mean) * own.scale
            x = keras.layers.Rescaling(gain, shift, dtype="float32", name=f"{label}_values")(x)
        # The same layers and weights under a name of their own: two slow fusions may be averaged.
        outputs.append(keras.Model(model.input, model.output, name=label)(x))
    scores = keras.layers.Average(dtype="float32", name="predictions")(outputs) if len(models) > 1 else outputs[0]
    return keras.Model(frames, scores, name=name)


def longest_clip(specs: Sequence[ClipSpec]) -> ClipSpec:
    """Return the shortest clip that contains every network's frames when centred, at the largest common step."""
    step = math.gcd(*(spec.frame_step for spec in specs))
    span = max(spec.span for spec in specs)
    return specs[0].replace(num_frames=(span - 1) // step + 1, frame_step=step)


def _frames_of(own: ClipSpec, clip: ClipSpec) -> tuple[int, int, int]:
    step = own.frame_step // clip.frame_step
    span = (own.num_frames - 1) * step + 1
    return (clip.num_frames - span) // 2, own.num_frames, step


def _is_average(model: keras.Model) -> bool:
    return isinstance(model.layers[-1], keras.layers.Average)


def _check_equal(models: Sequence[keras.Model], values: Sequence[Any], what: str) -> None:
    for model, value in zip(models, values, strict=True):
        if value != values[0]:
            raise ModelError(
                f"average() needs networks with the same {what}: {models[0].name!r} has {values[0]}, {model.name!r} "
                f"has {value}."
            )
