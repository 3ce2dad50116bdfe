"""The paper's SGD against Krizhevsky's update worked by hand, and learning rates over a run."""

import itertools

import keras
import numpy as np
import pytest

from videocnn.train import Cosine, PaperSGD, Plateau, TrainArguments, make_optimizer


def test_weight_decay_goes_through_the_momentum_and_spares_biases():
    kernel, bias = keras.Variable(np.array([[1.0, -2.0]])), keras.Variable(np.array([3.0]))
    optimizer = PaperSGD(learning_rate=0.1, momentum=0.9, kernel_decay=0.5)
    optimizer.build([kernel, bias])
    expected, moved, expected_bias, moved_bias = np.array([[1.0, -2.0]]), 0.0, 3.0, 0.0
    for gradient in (1.0, 0.0, -2.0):
        optimizer.apply([np.full((1, 2), gradient, "float32"), np.full(1, gradient, "float32")])
        moved = 0.9 * moved - 0.1 * (gradient + 0.5 * expected)
        expected = expected + moved
        moved_bias = 0.9 * moved_bias - 0.1 * gradient
        expected_bias += moved_bias
    np.testing.assert_allclose(kernel.numpy(), expected, rtol=1e-6)
    np.testing.assert_allclose(bias.numpy(), [expected_bias], rtol=1e-6)


def test_optimizer_survives_serialisation():
    config = keras.saving.serialize_keras_object(PaperSGD(0.01, 0.8, 0.002))
    again = keras.saving.deserialize_keras_object(config)
    assert (again.momentum, again.kernel_decay) == (0.8, 0.002)


def test_plateau_lowers_after_patience_and_counts_anew():
    schedule = Plateau(1.0, patience=2)
    rates = []
    for loss in (5.0, 4.0, 4.5, 4.0, 3.0, 3.1, 3.2):
        schedule.after_validation(loss)
        rates.append(schedule.rate(0.5))
    assert rates == [1, 1, 1, 0.1, 0.1, 0.1, pytest.approx(0.01)]


def test_cosine_rises_falls_and_ends_at_zero():
    schedule = Cosine(2.0)
    rates = [schedule.rate(progress) for progress in np.linspace(0, 1, 101)]
    assert 0 < rates[0] < rates[1]
    assert max(rates) == pytest.approx(2.0, rel=0.01)
    assert rates[50] == pytest.approx(1.0)
    assert rates[-1] == pytest.approx(0.0, abs=1e-12)
    assert schedule.rate(1.7) == pytest.approx(0.0, abs=1e-12)
    assert all(a >= b for a, b in itertools.pairwise(rates[2:]))


def test_adamw_does_not_shrink_biases():
    kernel = keras.Variable(np.ones((2, 2)), name="kernel")
    bias = keras.Variable(np.ones(2), name="bias")
    optimizer = make_optimizer(TrainArguments(recipe="modern", optimizer="adamw", weight_decay=0.1).resolve())
    optimizer.build([kernel, bias])
    optimizer.apply([np.zeros((2, 2), "float32"), np.zeros(2, "float32")])
    assert kernel.numpy().max() < 1
    np.testing.assert_array_equal(bias.numpy(), [1, 1])
