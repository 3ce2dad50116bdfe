"""Filters as numbers and as a film: frequencies of known gratings, pixels of known steps, files that play."""

import keras
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from PIL import Image

from videocnn.models import EarlyFusion, SingleFrame, SlowFusion
from videocnn.visualize import filter_numbers, save_filter_animation
from videocnn.visualize.animation import filter_frames
from videocnn.visualize.canvas import PictureError
from videocnn.visualize.spectrum import frequency_centroids

SMALL = {"width": 0.05, "classes": 3, "include_top": False}


def grating(down: int, across: int, phase: float = 0.0, size: int = 11) -> np.ndarray:
    """Return a filter `(1, size, size, 1, 1)` with so many waves down and across."""
    rows, columns = np.mgrid[:size, :size]
    return np.cos(2 * np.pi * (down * rows + across * columns) / size + phase)[None, :, :, None, None]


@given(down=st.integers(-5, 5), across=st.integers(-5, 5), phase=st.floats(0, 6))
def test_a_grating_has_its_own_frequency(down, across, phase):
    assume((down, across) != (0, 0))
    expected = (down**2 + across**2) ** 0.5 / 11
    assert frequency_centroids(grating(down, across, phase)) == pytest.approx([expected])


def test_frequencies_of_flat_silent_and_mixed_filters():
    """Colours and steps add their power: a wave of amplitude 2 beside one of amplitude 1 counts four times."""
    mixed = np.concatenate([2 * grating(0, 1), grating(0, 5)], axis=3)
    moving = np.concatenate([grating(3, 4), grating(0, 2)], axis=0)
    assert frequency_centroids(np.ones((1, 11, 11, 3, 1))) == pytest.approx([0])
    assert frequency_centroids(mixed) == pytest.approx([(4 * 1 / 11 + 5 / 11) / 5])
    assert frequency_centroids(moving) == pytest.approx([(5 / 11 + 2 / 11) / 2])
    assert np.isnan(frequency_centroids(np.zeros((1, 11, 11, 3, 2)))).all()


def test_frequencies_by_a_second_way():
    """The power of each wave by its definition, wave by wave, for filters that are higher than wide."""
    kernel = np.random.default_rng(0).normal(size=(2, 7, 5, 3, 2))
    rows, columns = np.mgrid[:7, :5]
    power, weighted = np.zeros(2), np.zeros(2)
    for down in range(-3, 4):
        for across in range(-2, 3):
            wave = np.exp(-2j * np.pi * (down * rows / 7 + across * columns / 5))
            found = (np.abs(np.einsum("thwcf,hw->tcf", kernel, wave)) ** 2).sum(axis=(0, 1))
            power += found
            weighted += found * ((down / 7) ** 2 + (across / 5) ** 2) ** 0.5
    np.testing.assert_allclose(frequency_centroids(kernel), weighted / power)


def test_numbers_by_stream():
    """A fovea of fine grey waves and a context of flat red: what the paper saw, in the extreme."""
    network = SingleFrame(stream="multires", input_shape=(1, 44, 44, 3), **SMALL)
    fine = np.broadcast_to(grating(3, 4), (1, 11, 11, 3, 5))
    red = np.zeros((1, 11, 11, 3, 5))
    red[..., 0, :] = 1
    for stream, kernel in (("fovea", fine), ("context", red)):
        network.get_layer(f"{stream}_conv1").kernel.assign(kernel)
    fovea, context = filter_numbers(network)
    assert (fovea.stream, context.stream) == ("fovea", "context")
    assert fovea.shape == (1, 11, 11, 3, 5)
    assert (fovea.colour_share, fovea.frequency) == pytest.approx((0, 5 / 11), abs=1e-6)
    assert (context.colour_share, context.frequency) == pytest.approx((2 / 3, 0), abs=1e-6)
    noise = np.random.default_rng(0).normal(size=(1, 11, 11, 3, 3000))
    assert fovea.random_frequency == pytest.approx(frequency_centroids(noise).mean(), abs=0.002)


def test_frame_differences_have_no_colour():
    network = SlowFusion(input_shape=(11, 32, 32, 3), frame_difference=True, **SMALL)
    (numbers,) = filter_numbers(network)
    assert numbers.colour_share is None
    assert 0.3 < numbers.frequency < 0.45


@pytest.fixture(scope="module")
def moving() -> keras.Model:
    """Early fusion of three frames; its filters are grey but for frame 1, where they are white."""
    network = EarlyFusion(input_shape=(3, 32, 32, 3), name="early_$", **SMALL)
    kernel = np.zeros((3, 11, 11, 3, 5), np.float32)
    kernel[1] = 1
    network.get_layer("conv1").kernel.assign(kernel)
    return network


def test_an_animation_has_one_picture_a_frame(moving):
    frames = filter_frames(moving)
    assert len(frames) == 3
    grey = [int((np.abs(frame.astype(int) - 128) < 2).all(axis=-1).sum()) for frame in frames]
    assert grey[0] == pytest.approx(grey[2], rel=0.01)  # the letters above differ
    assert grey[0] > 5 * 121 * 9  # five filters of 11 x 11 weights, each three pixels wide at least
    assert grey[1] < grey[0] / 50  # only what smooth letters leave
    assert len(filter_frames(moving, max_filters=1)) == 3


def test_an_animation_is_a_gif_that_plays(moving, tmp_path):
    save_filter_animation(moving, tmp_path / "film.gif", seconds_per_frame=0.25)
    with Image.open(tmp_path / "film.gif") as film:
        assert (film.format, film.n_frames, film.info["duration"], film.info["loop"]) == ("GIF", 3, 250, 0)
        pictures = []
        for number in range(3):
            film.seek(number)
            pictures.append(np.asarray(film.convert("RGB")).astype(int))
    assert pictures[0].shape == pictures[1].shape
    assert np.abs(pictures[0] - pictures[1]).mean() > 5 * np.abs(pictures[0] - pictures[2]).mean()
    assert [file.name for file in tmp_path.iterdir()] == ["film.gif"]


def test_animations_that_cannot_be(moving, tmp_path):
    with pytest.raises(PictureError, match=r"\.gif"):
        save_filter_animation(moving, tmp_path / "film.png")
    still = SingleFrame(input_shape=(1, 32, 32, 3), **SMALL)
    with pytest.raises(PictureError, match="single frame"):
        save_filter_animation(still, tmp_path / "film.gif")
    assert not list(tmp_path.iterdir())
