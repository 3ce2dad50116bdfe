"""Saliency on networks whose answer depends on a known patch of a known frame: it is found there and nowhere else."""

import keras
import numpy as np
import pytest
from colour_network import SPEC, colour_network
from videos import write_counting_video

from videocnn.layers import ClipInput, Context, Fovea, TemporalConv
from videocnn.models import EarlyFusion, LateFusion, SingleFrame, SlowFusion, average
from videocnn.spec import ClipSpec
from videocnn.visualize import plot_saliency, saliency, save_figure, scores_over_time
from videocnn.visualize.canvas import PictureError
from videocnn.visualize.clip import Clip
from videocnn.visualize.gradients import class_activation, spread
from videocnn.visualize.heat import blurred, overlay, scaled

PATCH = ClipSpec(num_frames=4, frame_size=(16, 20), region_size=(16, 20), scale=0.25, class_names=("a", "b"))
SMALL = {"width": 0.0625, "classes": 3, "dropout": 0.0}


def random_clip(num_frames, height, width, seed=0) -> Clip:
    frames = np.random.default_rng(seed).integers(0, 256, (num_frames, height, width, 3), np.uint8)
    return Clip(frames, np.arange(num_frames), "x.mp4")


def ends_in(x, frames, weights, spec=PATCH) -> keras.Model:
    """Return a network with a classifier of given weights, without bias."""
    dense = keras.layers.Dense(weights.shape[1], activation="softmax", use_bias=False, name="predictions")
    network = keras.Model(frames, dense(x), name="known")
    dense.set_weights([weights.astype(np.float32)])
    return network


def patch_network() -> keras.Model:
    """Return a network that looks at rows 3 to 6 and columns 5 to 10 of frame 2 only."""
    frames = keras.Input((4, 16, 20, 3))
    x = ClipInput(PATCH)(frames)
    x = keras.layers.Cropping3D(((2, 1), (3, 9), (5, 9)))(x)
    return ends_in(keras.layers.Flatten()(x), frames, np.tile([[0.5, -1], [1, 0], [-2, 0]], (24, 1)))


def test_the_gradient_lies_on_the_patch_and_the_frame():
    found = saliency(patch_network(), random_clip(4, 16, 20), "a")
    expected = np.zeros((4, 16, 20))
    expected[2, 3:7, 5:11] = 2 * 0.25  # the largest of the three weights, by grey level
    np.testing.assert_allclose(found.gradient, expected)
    np.testing.assert_allclose(found.frame_shares, [0, 0, 1, 0])
    assert found.activation == {}
    summed = saliency(patch_network(), random_clip(4, 16, 20), "a", reduce="sum")
    np.testing.assert_allclose(summed.gradient[2, 3:7, 5:11], 3.5 * 0.25)


def test_the_class_and_its_place():
    clip = Clip(np.full((4, 16, 20, 3), 217, np.uint8), np.arange(4), "x.mp4")
    best, other = saliency(patch_network(), clip), saliency(patch_network(), clip, "b")
    # 24 pixels of (217 - 117) / 4 = 25: a has 24 * 25 * (0.5 + 1 - 2) = -300, b 24 * 25 * -1 = -600
    assert (best.class_name, best.rank, other.class_name, other.rank) == ("a", 1, "b", 2)
    assert best.probability == pytest.approx(1)
    np.testing.assert_allclose(other.gradient[2, 3:7, 5:11], 0.25)


def test_a_certain_network_has_a_gradient_too():
    """Softmax is flat where it is certain; the score before it is not."""
    clip = Clip(np.zeros((3, 16, 20, 3), np.uint8) + np.array([250, 5, 5], np.uint8), np.arange(3), "x.mp4")
    found = saliency(colour_network(gain=1e4), clip)
    assert (found.class_name, found.probability) == ("red", 1.0)
    np.testing.assert_allclose(found.gradient[:, :, :10], 1e4 / 60 / (3 * 16 * 10), rtol=1e-5)
    assert not found.gradient[:, :, 10:].any()


def red_conv(name: str) -> TemporalConv:
    """Return a convolution that lets red pass, so that a black clip (minus 117) is silent."""
    kernel = keras.initializers.Constant(np.array([1, 0, 0], np.float32).reshape(1, 1, 1, 3, 1))
    return TemporalConv(1, 1, activation="relu", kernel_initializer=kernel, name=name)


def red_patches(*places) -> Clip:
    frames = np.zeros((4, 16, 20, 3), np.uint8)
    for place in places:
        frames[(*place, 0)] = 255
    return Clip(frames, np.arange(4), "x.mp4")


def test_class_activation_lies_on_the_patch_and_the_frame():
    frames = keras.Input((4, 16, 20, 3))
    x = red_conv("conv5")(ClipInput(PATCH)(frames))
    network = ends_in(keras.layers.GlobalAveragePooling3D()(x), frames, np.array([[1, -1]]))
    place = (1, slice(3, 7), slice(5, 11))
    clip = red_patches(place)
    found = saliency(network, clip, "a").activation["full frame"]
    assert found.shape == (4, 16, 20)
    assert found[place].sum() == pytest.approx(found.sum(), rel=1e-5)
    assert found[place].min() > 0
    against = saliency(network, clip, "b")
    assert not against.activation["full frame"].any()  # red speaks against b
    figure = plot_saliency(clip, against)
    assert "nothing" in figure.axes[2].get_ylabel()


def test_streams_are_laid_over_the_parts_that_they_see():
    """One patch in the centre, one in a corner: the context sees both, the fovea the first, twice as large."""
    frames = keras.Input((4, 16, 20, 3))
    clip = ClipInput(PATCH)(frames)
    fovea, context = red_conv("fovea_conv5")(Fovea()(clip)), red_conv("context_conv5")(Context()(clip))
    x = keras.layers.Concatenate()([fovea, context])
    network = ends_in(keras.layers.GlobalAveragePooling3D()(x), frames, np.array([[1, -1], [1, -1]]))
    centre, corner = (2, slice(6, 8), slice(8, 10)), (0, slice(0, 4), slice(0, 4))
    found = saliency(network, red_patches(centre, corner), "a")
    assert list(found.activation) == ["fovea", "context"]
    fovea, context = found.activation.values()
    known = np.zeros((16, 20), bool)
    known[4:12, 5:15] = True
    assert (np.isnan(fovea) == ~known).all()
    assert np.nansum(fovea[centre]) == pytest.approx(np.nansum(fovea), rel=1e-5)
    around = (0, slice(0, 6), slice(0, 6))  # half a cell more: the context's pixels are two wide, smoothed between
    assert context[around].sum() == pytest.approx(context[0].sum(), rel=1e-5)
    assert context[2, 5:9, 7:11].sum() == pytest.approx(context[2].sum(), rel=1e-5)
    assert not context[[1, 3]].any()
    assert (found.gradient[:, 4:12, 5:15] > 0).any()
    assert (found.gradient[corner] > 0).all()


@pytest.mark.parametrize(
    ("builder", "frames", "stream"),
    [(SingleFrame, 1, "multires"), (EarlyFusion, 10, "full"), (LateFusion, 2, "multires"), (SlowFusion, 10, "full")],
)
def test_every_network_has_a_saliency(builder, frames, stream):
    keras.utils.set_random_seed(3)
    network = builder(stream=stream, input_shape=(frames, 44, 48, 3), **SMALL)
    found = saliency(network, random_clip(frames, 44, 48))
    assert found.gradient.shape == (frames, 44, 48)
    assert np.isfinite(found.gradient).all()
    assert found.frame_shares.sum() == pytest.approx(1)
    assert (found.frame_shares > 0.2 / frames).all()  # every frame counts (section 3.1)
    assert found.class_name in "012"
    assert list(found.activation) == (["full frame"] if stream == "full" else ["fovea", "context"])
    for values in found.activation.values():
        assert values.shape == (frames, 44, 48)
        assert np.nanmin(values) >= 0


def test_a_fovea_sees_nothing_outside_the_centre():
    keras.utils.set_random_seed(3)
    network = SingleFrame(stream="fovea", input_shape=(1, 44, 48, 3), **SMALL)
    gradient = saliency(network, random_clip(1, 44, 48)).gradient[0]
    inside = gradient[11:33, 12:36].sum()
    assert inside > 0
    assert gradient.sum() == pytest.approx(inside)


def test_the_gradient_is_that_of_the_score():
    """Against differences of the score itself, in the direction in which it rises."""
    keras.utils.set_random_seed(3)
    network = LateFusion(input_shape=(2, 32, 36, 3), classifier_activation=None, **SMALL)
    clip = random_clip(2, 32, 36)
    pixel = np.unravel_index(saliency(network, clip, "1").gradient.argmax(), (2, 32, 36))
    batch = (clip.frames.astype(np.float32) - 117)[None]
    slopes = []
    for channel in range(3):
        step = np.zeros_like(batch)
        step[(0, *pixel, channel)] = 0.5
        up, down = (np.asarray(network(batch + sign * step, training=False))[0, 1] for sign in (1, -1))
        slopes.append(abs(up - down))
    assert saliency(network, clip, "1").gradient[pixel] == pytest.approx(max(slopes), rel=0.02)


def test_half_precision_finds_the_same():
    clip, found = random_clip(10, 44, 44), []
    for policy in ("float32", "mixed_bfloat16"):
        before = keras.config.dtype_policy()
        keras.config.set_dtype_policy(policy)
        try:
            keras.utils.set_random_seed(3)
            network = SlowFusion(stream="multires", input_shape=(10, 44, 44, 3), **SMALL)
        finally:
            keras.config.set_dtype_policy(before)
        found.append(saliency(network, clip, "1"))
    assert found[1].gradient.dtype == np.float32
    assert list(found[1].activation) == ["fovea", "context"]
    assert np.corrcoef(found[0].gradient.ravel(), found[1].gradient.ravel())[0, 1] > 0.98


def test_an_average_has_a_gradient_and_no_layer_of_its_own():
    keras.utils.set_random_seed(3)
    members = [
        builder(input_shape=(frames, 32, 32, 3), **SMALL) for builder, frames in ((SingleFrame, 1), (LateFusion, 2))
    ]
    found = saliency(average(members), random_clip(16, 32, 32))
    assert np.flatnonzero(found.frame_shares).tolist() == [0, 7, 15]  # late fusion's two, single-frame's middle one
    assert found.activation == {}


def test_what_cannot_be_explained():
    network, clip = colour_network(), random_clip(3, 16, 20)
    with pytest.raises(PictureError, match=r"'pink'.* red, green, blue"):
        saliency(network, clip, "pink")
    with pytest.raises(PictureError, match="reduce='mean'"):
        saliency(network, clip, reduce="mean")
    with pytest.raises(PictureError, match=r"has the shape \(3, 20, 20, 3\)"):
        saliency(network, random_clip(3, 20, 20))
    with pytest.raises(PictureError, match=r"\(.*\).*\(.*\)"):
        plot_saliency(random_clip(2, 16, 20), saliency(network, clip))


def test_class_activation_by_hand():
    """Two steps, two filters; the second filter speaks against the class in the second step only."""
    maps = np.ones((2, 1, 2, 2), np.float32)
    maps[:, 0, 1, 0] = 3
    slopes = np.array([[[[1, 0], [3, 0]]], [[[1, -4], [1, -4]]]], np.float32)
    np.testing.assert_allclose(class_activation(maps, slopes), [[[2, 6]], [[0, 0]]])


def test_steps_are_laid_over_their_frames():
    maps = np.array([1, 3], np.float32).reshape(2, 1, 1)
    laid = spread(maps, "full frame", [range(0, 10), range(8, 18)], (18, 2, 3))
    assert laid[:, 0, 0].tolist() == [1] * 8 + [2] * 2 + [3] * 8
    fovea = spread(maps, "fovea", [range(0, 1), range(1, 2)], (2, 5, 8))
    assert np.isnan(fovea[0]).tolist() == [[not (1 <= y < 3 and 2 <= x < 6) for x in range(8)] for y in range(5)]


def test_scores_over_time(tmp_path):
    path = write_counting_video(tmp_path / "x.mp4", 40, first=60)  # from 60 to 99: red rises from level 0 to 1
    spans, scores = scores_over_time(colour_network(), path, 5, batch_size=2)
    assert spans.tolist() == [[0, 2], [9, 11], [19, 21], [28, 30], [37, 39]]
    assert scores.shape == (5, 3)
    np.testing.assert_allclose(scores.sum(axis=1), 1, rtol=1e-5)
    red = SPEC.class_names.index("red")
    assert scores[0, red] < scores[-1, red]


def test_pictures_of_saliency(tmp_path):
    clip = random_clip(3, 16, 20)
    spans, scores = np.array([[0, 2], [4, 6]]), np.array([0.25, 0.75])
    figure = plot_saliency(clip, saliency(colour_network(), clip, "blue"), (spans, scores), even=1 / 3)
    pictures, gradient, curve, _ = figure.axes
    assert [label.get_text() for label in pictures.get_xticklabels()] == ["frame 0", "frame 1", "frame 2"]
    assert [label.get_text() for label in gradient.get_xticklabels()] == ["33 %"] * 3
    np.testing.assert_allclose(curve.lines[0].get_xydata(), [[1, 0.25], [5, 0.75]])
    assert "what speaks for blue" in figure.get_suptitle()
    save_figure(figure, tmp_path / "saliency.png")


@pytest.mark.parametrize("level", [0, 117, 255])
def test_more_heat_is_brighter(level):
    """In grey print too, on any picture; what is not known is paler than any heat-less picture."""
    frames = np.full((1, 1, 50, 3), level, np.uint8)
    light = overlay(frames, np.linspace(0, 1, 50)[None, None]) @ np.array([0.2126, 0.7152, 0.0722])
    assert (np.diff(light[0, 0]) > 0).all()
    unknown = overlay(frames, np.full((1, 1, 50), np.nan))
    assert unknown.min() > 0.69 > light[0, 0, 0]


def test_heat_is_smoothed_and_scaled():
    values = np.zeros((2, 9, 9), np.float32)
    values[0, 4, 4] = 25
    smooth = blurred(values)
    assert smooth.shape == values.shape
    np.testing.assert_allclose(smooth[0, 2:7, 2:7], 1)
    assert smooth.sum() == pytest.approx(25)
    np.testing.assert_allclose(blurred(np.ones((1, 4, 6))), 1)
    assert scaled(np.array([[[np.nan, 0, 2, 4]]]))[0, 0, 1:].tolist() == pytest.approx([0, 0.5, 1], abs=0.01)
    assert scaled(np.zeros((1, 2, 2))).tolist() == [[[0, 0], [0, 0]]]
