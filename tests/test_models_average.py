"""The paper's CNN average: which frames each member takes, mean probabilities, saving, members that do not fit."""

import keras
import numpy as np
import pytest
from keras import ops

from videocnn.models import (
    EarlyFusion,
    LateFusion,
    ModelError,
    SingleFrame,
    SlowFusion,
    average,
    clip_spec,
    load_model,
    set_clip_spec,
)

BUILDERS = [SingleFrame, EarlyFusion, LateFusion, SlowFusion]


def clip(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).uniform(-117, 138, shape).astype("float32")


def scores(model: keras.Model, x: np.ndarray) -> np.ndarray:
    return ops.convert_to_numpy(model(x, training=False))


def small(builder, size: tuple = (31, 37), **arguments) -> keras.Model:
    frames = {SingleFrame: 1, LateFusion: 2}.get(builder, 10) + bool(arguments.get("frame_difference"))
    return builder(**{"input_shape": (frames, *size, 3), "width": 0.04, "classes": 5, **arguments})


def test_average_is_the_mean_over_members_that_take_their_own_frames():
    members = [small(builder) for builder in BUILDERS] + [small(SlowFusion, frame_difference=True)]
    set_clip_spec(members[1], mean=100.0, scale=1 / 60)
    model = average(members)
    spec = clip_spec(model)
    assert (spec.num_frames, spec.frame_step, spec.frame_size, spec.mean, spec.scale) == (16, 1, (31, 37), 117, 1)
    x = clip(2, 16, 31, 37, 3)
    raw = x + 117
    inputs = [x[:, 7:8], (raw[:, 3:13] - 100) / 60, x[:, [0, 15]], x[:, 3:13], x[:, 2:13]]
    expected = np.mean([scores(member, own) for member, own in zip(members, inputs, strict=True)], axis=0)
    np.testing.assert_allclose(scores(model, x), expected, rtol=1e-4)


def test_average_takes_no_more_than_its_members_need():
    assert clip_spec(average([small(LateFusion), small(LateFusion)])).num_frames == 2
    assert clip_spec(average([small(LateFusion), small(SingleFrame)])).num_frames == 16
    assert clip_spec(average([small(SingleFrame), small(SingleFrame)])).num_frames == 1
    assert clip_spec(average([small(SingleFrame), small(EarlyFusion)])).span == 10


def test_average_is_saved_and_averaged_again(tmp_path):
    members = [small(SlowFusion), small(SlowFusion), small(LateFusion)]
    for member in members:
        set_clip_spec(member, class_names=tuple("abcde"))
    model = average(members)
    model.save(tmp_path / "average.keras")
    again = load_model(tmp_path / "average.keras")
    assert clip_spec(again) == clip_spec(model)
    assert clip_spec(again).class_names == tuple("abcde")
    x = clip(2, 16, 31, 37, 3)
    np.testing.assert_allclose(scores(again, x), scores(model, x), rtol=1e-6)
    np.testing.assert_allclose(scores(average([again, model]), x), scores(model, x), rtol=1e-5)


@pytest.mark.parametrize(
    ("members", "message"),
    [
        (lambda: [], "at least one network"),
        (lambda: [small(SingleFrame), small(SlowFusion, (33, 37))], "same frame_size"),
        (lambda: [small(SingleFrame), small(SlowFusion, classes=6)], "same output shape"),
        (lambda: [small(SlowFusion, classifier_activation=None)], "ends in 'predictions' without softmax"),
        (lambda: [small(SlowFusion, include_top=False, pooling="avg")], "needs class probabilities"),
        (lambda: [keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])], "no clip specification"),
    ],
)
def test_members_that_do_not_go_together_are_refused(members, message):
    with pytest.raises(ModelError, match=message):
        average(members())


def test_members_with_other_class_names_are_refused():
    one, two = small(SingleFrame), small(SlowFusion)
    set_clip_spec(one, class_names=tuple("abcde"))
    set_clip_spec(two, class_names=tuple("abced"))
    with pytest.raises(ModelError, match="class_names: 'single_frame' has"):
        average([one, two])
