"""The layers against sums written out in NumPy, Keras's own Conv3D, and values worked by hand."""

import keras
import numpy as np
import pytest
from keras import ops

from videocnn.layers import (
    ClipInput,
    Context,
    Fovea,
    FrameDifference,
    FramePooling,
    LocalResponseNormalization,
    TakeFrames,
    TemporalConv,
)
from videocnn.spec import ClipSpec

SPEC = ClipSpec(num_frames=3, frame_size=(6, 8), region_size=(7, 9), class_names=("judo", "polo"))


def clip(*shape: int) -> np.ndarray:
    return np.random.default_rng(3).normal(size=shape).astype("float32")


def convolve(x: np.ndarray, kernel: np.ndarray, strides: tuple, padding: str) -> np.ndarray:
    """Cross-correlate by the definition: sum over every window's frames, rows, columns and channels."""
    if padding == "same":
        sides = [((k - 1) // 2, k // 2) for k in kernel.shape[1:3]]
        x = np.pad(x, [(0, 0), (0, 0), *sides, (0, 0)])
    windows = np.lib.stride_tricks.sliding_window_view(x, kernel.shape[:3], axis=(1, 2, 3))
    windows = windows[:, :: strides[0], :: strides[1], :: strides[2]]
    return np.einsum("bthwcijk,ijkcf->bthwf", windows, kernel, optimize=True)


CONVOLUTIONS = pytest.mark.parametrize(
    ("frames", "kernel", "strides", "padding"),
    [
        (1, (1, 3, 2), (1, 2, 3), "valid"),
        (5, (1, 3, 5), (1, 1, 1), "same"),
        (5, (1, 3, 5), (2, 1, 1), "same"),
        (10, (10, 5, 4), (1, 3, 3), "valid"),
        (10, (4, 5, 4), (2, 3, 3), "valid"),
        (4, (2, 5, 3), (2, 1, 1), "same"),
        (2, (2, 3, 3), (2, 1, 1), "same"),
        (7, (3, 3, 3), (1, 1, 1), "valid"),
        (11, (4, 3, 3), (2, 1, 1), "valid"),
        (12, (3, 3, 3), (2, 2, 1), "valid"),
        (9, (2, 1, 1), (3, 1, 1), "valid"),
        (4, (3, 2, 3), (3, 1, 1), "valid"),
    ],
)


@CONVOLUTIONS
def test_temporal_conv_is_the_sum_over_its_window(frames, kernel, strides, padding):
    layer = TemporalConv(7, kernel, strides, padding)
    x = clip(2, frames, 13, 16, 3)
    result = layer(x)
    layer.bias.assign(np.arange(7))
    expected = convolve(x, ops.convert_to_numpy(layer.kernel), strides, padding)
    np.testing.assert_allclose(result, expected, atol=2e-5)
    np.testing.assert_allclose(layer(x), expected + np.arange(7), atol=2e-5)
    assert layer.compute_output_shape(x.shape) == expected.shape


@CONVOLUTIONS
def test_temporal_conv_has_conv3d_gradients(frames, kernel, strides, padding):
    tf = pytest.importorskip("tensorflow")
    x = tf.constant(clip(2, frames, 13, 16, 3))
    ours = TemporalConv(4, kernel, strides, padding, activation="relu")
    plain = keras.layers.Conv3D(4, kernel, strides, "valid", activation="relu")
    sides = [((k - 1) // 2, k // 2) if padding == "same" else (0, 0) for k in kernel[1:]]
    ours.build(x.shape)
    plain.build(x.shape)
    plain.set_weights(ours.get_weights())
    gradients = []
    for layer, margin in ((ours, [(0, 0), (0, 0)]), (plain, sides)):
        with tf.GradientTape() as tape:
            tape.watch(x)
            loss = tf.reduce_sum(layer(tf.pad(x, [(0, 0), (0, 0), *margin, (0, 0)])) ** 2)
        gradients.append(tape.gradient(loss, [x, layer.kernel.value, layer.bias.value]))
    for own, other in zip(*gradients, strict=True):
        assert np.abs(other).max() > 0
        np.testing.assert_allclose(own, other, rtol=1e-4, atol=1e-3)


def test_temporal_conv_rounds_only_once_in_bfloat16():
    exact, half = TemporalConv(8, (4, 5, 5), (2, 3, 3)), TemporalConv(8, (4, 5, 5), (2, 3, 3), dtype="mixed_bfloat16")
    x = clip(2, 10, 20, 23, 3)
    expected = ops.convert_to_numpy(exact(x))
    half.build(x.shape)
    half.set_weights(exact.get_weights())
    result = half(x)
    assert keras.backend.standardize_dtype(result.dtype) == "bfloat16"
    np.testing.assert_allclose(ops.cast(result, "float32"), expected, atol=0.02 * np.abs(expected).max())


def test_temporal_conv_refuses_a_clip_shorter_than_its_kernel():
    with pytest.raises(ValueError, match=r"4 frames.* has 3"):
        TemporalConv(4, (4, 3, 3))(clip(1, 3, 8, 8, 3))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"kernel_size": (2, 3)}, "kernel_size=\\(2, 3\\)"),
        ({"kernel_size": 0}, "kernel_size=0"),
        ({"kernel_size": 3, "strides": (1, 0, 1)}, "strides="),
        ({"kernel_size": 3, "padding": "causal"}, "padding='causal'"),
    ],
)
def test_temporal_conv_refuses_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        TemporalConv(4, **arguments)


@pytest.mark.parametrize(
    ("n", "beta", "channels"), [(5, 0.5, 11), (5, 0.75, 11), (3, 0.5, 4), (5, 0.5, 2), (1, 1.0, 3)]
)
def test_response_normalisation_is_krizhevskys_sum(n, beta, channels):
    k, alpha = 1.5, 0.03
    x = 4 * clip(2, 3, 4, 5, channels)
    expected = np.empty_like(x)
    for c in range(channels):
        total = sum(x[..., j] ** 2 for j in range(max(0, c - n // 2), min(channels, c + n // 2 + 1)))
        expected[..., c] = x[..., c] / (k + alpha * total) ** beta
    result = LocalResponseNormalization(k=k, n=n, alpha=alpha, beta=beta)(x)
    np.testing.assert_allclose(result, expected, rtol=2e-6, atol=1e-6)


def test_response_normalisation_defaults_are_the_papers():
    layer = LocalResponseNormalization()
    assert (layer.k, layer.n, layer.alpha, layer.beta) == (2, 5, 1e-4, 0.5)
    np.testing.assert_allclose(
        layer(np.full((1, 1, 1, 1, 1), 100.0)), np.full((1, 1, 1, 1, 1), 100 / 3**0.5), rtol=1e-6
    )


@pytest.mark.parametrize("beta", [0.5, 0.75])
def test_response_normalisation_gradient_agrees_with_tensorflows_own(beta):
    tf = pytest.importorskip("tensorflow")
    x, upstream = tf.constant(30 * clip(2, 3, 4, 5, 12)), tf.constant(clip(2, 3, 4, 5, 12) ** 3)
    gradients = []
    for function in (
        LocalResponseNormalization(beta=beta),
        lambda x: tf.reshape(
            tf.nn.local_response_normalization(tf.reshape(x, (6, 4, 5, 12)), 2, bias=2.0, alpha=1e-4, beta=beta),
            x.shape,
        ),
    ):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = function(x)
        gradients.append(tape.gradient(y, x, upstream))
    np.testing.assert_allclose(*gradients, rtol=1e-4, atol=1e-5)


def test_response_normalisation_survives_float16():
    result = LocalResponseNormalization(dtype="float16")(np.full((1, 1, 1, 1, 3), 1000, "float16"))
    expected = 1000 / np.sqrt(2 + 1e-4 * 3e6)
    np.testing.assert_allclose(ops.cast(result, "float32"), np.full((1, 1, 1, 1, 3), expected), rtol=2e-3)


@pytest.mark.parametrize(("arguments", "message"), [({"n": 4}, "n=4"), ({"n": -1}, "n=-1"), ({"k": 0}, "k=0")])
def test_response_normalisation_refuses_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        LocalResponseNormalization(**arguments)


def test_frame_pooling_rounds_up_and_leaves_time_alone():
    x = -np.arange(1 * 2 * 3 * 5 * 1, dtype="float32").reshape(1, 2, 3, 5, 1)  # largest at the top left of each square
    expected = [[[0, 2, 4], [10, 12, 14]], [[15, 17, 19], [25, 27, 29]]]
    np.testing.assert_array_equal(FramePooling()(x)[..., 0], -np.array([expected], "float32"))


def test_fovea_is_the_centre_and_context_the_whole():
    rows, columns = np.meshgrid(np.arange(178), np.arange(180), indexing="ij")
    x = np.stack([rows, columns], axis=-1)[None, None].repeat(3, axis=1).astype("float32")
    fovea, context = ops.convert_to_numpy(Fovea()(x)), ops.convert_to_numpy(Context()(x))
    assert fovea.shape == context.shape == (1, 3, 89, 90, 2)
    assert (fovea[0, 1, 0, 0], fovea[0, 1, -1, -1]) == (pytest.approx([44, 45]), pytest.approx([132, 134]))
    assert (context[0, 1, 0, 0], context[0, 1, -1, -1]) == (pytest.approx([0.5, 0.5]), pytest.approx([176.5, 178.5]))


def test_fovea_and_context_agree_on_odd_sizes():
    x = clip(2, 3, 7, 9, 1)
    np.testing.assert_array_equal(Fovea()(x), x[:, :, 2:5, 2:6])
    by_hand = x[:, :, :6, :8].reshape(2, 3, 3, 2, 4, 2, 1).mean(axis=(3, 5))
    np.testing.assert_allclose(Context()(x), by_hand, atol=1e-6)


def test_frame_difference_is_next_grey_minus_this_one():
    x = np.zeros((1, 3, 1, 2, 3), "float32")
    x[0, 1, 0, 1] = [10, 0, 0]
    x[0, 2, 0, 1] = [10, 20, 5]
    expected = 2 * np.array([[0, 2.99], [0, 11.74 + 0.57]])
    np.testing.assert_allclose(FrameDifference(gain=2.0)(x)[0, :, 0, :, 0], expected, rtol=1e-6)


def test_frame_difference_ignores_brightness_and_still_pictures():
    still = clip(1, 1, 4, 5, 3).repeat(4, axis=1)
    np.testing.assert_allclose(FrameDifference()(still + 7), np.zeros((1, 3, 4, 5, 1)), atol=1e-5)


def test_take_frames():
    x = np.arange(16, dtype="float32").reshape(1, 16, 1, 1, 1)
    assert ops.convert_to_numpy(TakeFrames(0, 2, 15)(x)).ravel().tolist() == [0, 15]
    assert ops.convert_to_numpy(TakeFrames(3, 4)(x)).ravel().tolist() == [3, 4, 5, 6]


LAYERS = [
    TemporalConv(5, (2, 3, 1), (1, 2, 1), "same", activation="relu", use_bias=False, kernel_regularizer="l2"),
    LocalResponseNormalization(k=1.0, n=3, alpha=0.5, beta=0.75),
    FramePooling(),
    Fovea(),
    Context(),
    FrameDifference(gain=2.0),
    TakeFrames(1, 2),
    ClipInput(SPEC),
]


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: type(layer).__name__)
def test_layers_keep_their_settings_and_know_their_shape(layer):
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert copy.get_config() == layer.get_config()
    x = clip(2, 3, 6, 8, 3)
    expected = layer(x)
    if layer.weights:
        copy.build(x.shape)
        copy.set_weights(layer.get_weights())
    np.testing.assert_array_equal(copy(x), expected)
    assert tuple(expected.shape) == tuple(layer.compute_output_shape(x.shape))


def test_clip_input_carries_the_specification_and_changes_nothing():
    x = clip(2, 3, 6, 8, 3)
    layer = ClipInput.from_config(ClipInput(SPEC, name="clip").get_config())
    assert layer.spec == SPEC
    np.testing.assert_array_equal(layer(x), x)
