"""Convolution with fewer multiplications: against sums written out, in float64, and against the plain operation."""

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from keras import ops

from videocnn.layers import TemporalConv, plain_convolutions, winograd
from videocnn.layers.winograd import MAX_SIZE, cutting, pays, saving, tile_size, transforms, winograd_conv

tf = pytest.importorskip("tensorflow")
SIZES = st.integers(1, MAX_SIZE).flatmap(lambda taps: st.tuples(st.integers(1, MAX_SIZE - taps + 1), st.just(taps)))


def values(*shape, seed=5):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


@given(SIZES)
def test_transforms_make_the_sums_over_windows(size):
    outputs, taps = size
    result, kernel, data = transforms(outputs, taps)
    weights, pixels = values(taps).astype("float64"), values(outputs + taps - 1, seed=6).astype("float64")
    expected = [weights @ pixels[first : first + taps] for first in range(outputs)]
    np.testing.assert_allclose(result @ ((kernel @ weights) * (data @ pixels)), expected, atol=1e-10)


def test_transforms_by_hand():
    # F(2, 3): two outputs of three weights from four multiplications.
    result, kernel, data = transforms(2, 3)
    assert result.tolist() == [[1, 1, 1, 0], [0, 1, -1, 1]]
    assert kernel.tolist() == [[-1, 0, 0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0, 0, 1]]
    assert data.tolist() == [[-1, 0, 1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, -1, 0, 1]]


@given(SIZES, st.integers(1, 40), st.integers(0, 3))
def test_cutting_is_the_transform_of_every_tile(size, wanted, margin):
    outputs, taps = size
    length = wanted + taps - 1 - margin
    if length < 1:
        return
    pixels = values(length)
    tiles = -(-wanted // outputs)
    data = transforms(outputs, taps)[2]
    padded = np.concatenate([np.zeros(margin), pixels, np.zeros(outputs + taps)])
    expected = [data @ padded[tile * outputs : tile * outputs + len(data)] for tile in range(tiles)]
    cut = (cutting(length, wanted, outputs, taps, margin) @ pixels).reshape(len(data), tiles)
    np.testing.assert_allclose(cut, np.transpose(expected), atol=1e-4)


@given(st.integers(1, 60), st.integers(2, 7))
def test_a_tile_never_costs_more_than_the_plain_sum(length, taps):
    costs = {}  # multiplications along the side, for every tile that there is
    for outputs in range(1, MAX_SIZE - taps + 2):
        tiles = len(range(0, length, outputs))
        costs[outputs] = tiles * len(transforms(outputs, taps)[2])
    chosen = costs[tile_size(length, taps)]
    assert chosen == min(costs.values()) <= length * taps
    assert saving((length, length), (taps, taps)) == pytest.approx((length * taps / chosen) ** 2)


def test_saving_of_the_papers_layers():
    assert saving((27, 27), (5, 5)) == pytest.approx((27 * 5 / (7 * 8)) ** 2)  # conv2: seven tiles of four
    assert saving((14, 14), (3, 3)) == pytest.approx((14 * 3 / (3 * 7)) ** 2)  # conv3 to conv5: three tiles of five
    assert saving((54, 54), (1, 11)) == 1


SHAPES = pytest.mark.parametrize(
    ("shape", "kernel", "padding"),
    [
        ((3, 27, 27, 6), (5, 5, 6, 7), "same"),
        ((3, 14, 13, 6), (3, 3, 6, 7), "same"),
        ((3, 7, 22, 2), (3, 5, 2, 3), "same"),
        ((3, 12, 9, 6), (4, 2, 6, 7), "same"),
        ((3, 12, 9, 6), (4, 2, 6, 7), "valid"),
        ((1, 5, 6, 2), (5, 3, 2, 3), "valid"),
        ((2, 2, 3, 2), (5, 5, 2, 3), "same"),
    ],
)


@SHAPES
def test_it_is_a_convolution(shape, kernel, padding):
    x, weights = values(*shape), values(*kernel, seed=6)
    exact = tf.nn.conv2d(tf.cast(x, "float64"), tf.cast(weights, "float64"), 1, padding.upper()).numpy()
    result = ops.convert_to_numpy(winograd_conv(x, weights, padding))
    assert result.shape == exact.shape
    np.testing.assert_allclose(result, exact, atol=2e-4 * exact.std())
    assert np.sqrt(np.mean((result - exact) ** 2)) < 1e-5 * exact.std()


@SHAPES
def test_its_gradients_are_those_of_a_convolution(shape, kernel, padding):
    x, weights = tf.constant(values(*shape)), tf.constant(values(*kernel, seed=6))
    found = []
    for convolve, dtype in (
        (lambda x, weights: winograd_conv(x, weights, padding), "float32"),
        (lambda x, weights: tf.nn.conv2d(x, weights, 1, padding.upper()), "float64"),
    ):
        inputs = tf.cast(x, dtype), tf.cast(weights, dtype)
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            y = convolve(*inputs)
        found.append(tape.gradient(y, inputs, tf.cast(values(*y.shape, seed=7), dtype)))
    for own, exact in zip(*found, strict=True):
        np.testing.assert_allclose(own, exact, atol=5e-4 * np.std(exact))


def test_any_number_of_pictures_in_a_graph():
    weights = values(3, 3, 4, 5)
    convolve = tf.function(
        lambda x: winograd_conv(x, weights, "same"), input_signature=[tf.TensorSpec((None, 9, 8, 4), "float32")]
    )
    for number in (1, 3):
        x = values(number, 9, 8, 4)
        np.testing.assert_allclose(convolve(x), tf.nn.conv2d(x, weights, 1, "SAME"), atol=1e-4)


def test_where_it_pays():
    assert pays((None, 27, 27, 192), (5, 5, 192, 256), "same", "float32")  # slow fusion's conv2
    assert pays((None, 14, 14, 384), (3, 3, 384, 256), "same", "float32")  # conv5
    assert pays((None, 27, 27, 192), (5, 5, 192, 256), "same", "bfloat16")
    assert not pays((None, 14, 14, 384), (3, 3, 384, 256), "same", "bfloat16")
    assert not pays((None, 27, 27, 48), (5, 5, 48, 64), "same", "float32")  # a quarter of the width
    assert not pays((None, 27, 27, 192), (5, 5, 192, 256), "same", "float16")
    # However many channels: nothing to save, or tiles larger than the exact ones.
    for kernel in ((1, 1), (1, 5), (9, 9), (5, 11)):
        assert not pays((None, 27, 27, 512), (*kernel, 512, 512), "same", "float32")
    with plain_convolutions():
        assert not pays((None, 27, 27, 192), (5, 5, 192, 256), "same", "float32")
    assert pays((None, 27, 27, 192), (5, 5, 192, 256), "same", "float32")


@pytest.mark.parametrize("devices", [["gpu:0"], ["cpu:0", "gpu:0"]])
def test_a_gpu_has_algorithms_of_its_own(monkeypatch, devices):
    monkeypatch.setattr(keras.distribution, "list_devices", lambda: devices)
    assert not pays((None, 27, 27, 192), (5, 5, 192, 256), "same", "float32")


@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-4), ("mixed_bfloat16", 0.05)])
def test_temporal_conv_takes_it_and_says_the_same(monkeypatch, dtype, tolerance):
    calls = []
    convolve = winograd.winograd_conv
    monkeypatch.setattr("videocnn.layers.tower.winograd_conv", lambda *given: calls.append(1) or convolve(*given))
    layer = TemporalConv(160, (2, 5, 5), (2, 1, 1), "same", activation="relu", dtype=dtype)
    x = values(1, 4, 27, 27, 64)
    result = layer(x)
    assert calls == [1]
    assert result.dtype == layer.compute_dtype
    with plain_convolutions():
        plain = layer(x)
    assert calls == [1]
    plain = np.array(ops.cast(plain, "float32"))
    np.testing.assert_allclose(ops.cast(result, "float32"), plain, atol=tolerance * plain.std())


def test_temporal_conv_with_a_kernel_too_large_for_tiles():
    layer = TemporalConv(512, (1, 9, 1), padding="same", use_bias=False)
    x = values(1, 1, 12, 2, 512)
    result = layer(x)
    np.testing.assert_allclose(result[:, 0], tf.nn.conv2d(x[:, 0], layer.kernel[0], 1, "SAME"), atol=1e-4)
