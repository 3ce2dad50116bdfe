"""What a network gets of a clip, and what its layers make of it: pixels by hand, frames by their numbers."""

import numpy as np
import pytest
from videos import read_counts, write_counting_video, write_video

from videocnn.clips import eval_clips
from videocnn.layers import TemporalConv
from videocnn.manifest import Manifest, Video
from videocnn.models import EarlyFusion, LateFusion, SingleFrame, SlowFusion, average, clip_spec
from videocnn.spec import ClipSpec
from videocnn.visualize import plot_activations, plot_clip, read_clip, save_figure
from videocnn.visualize.activations import layer_activations, strongest
from videocnn.visualize.canvas import PictureError
from videocnn.visualize.clip import Clip, change_pictures, read_clips, stream_frames
from videocnn.visualize.strip import shown_frames
from videocnn.visualize.towers import frames_seen

SMALL = {"width": 0.05, "classes": 3}


def random_clip(num_frames, height, width, seed=0) -> Clip:
    frames = np.random.default_rng(seed).integers(0, 256, (num_frames, height, width, 3), np.uint8)
    return Clip(frames, np.arange(7, 7 + num_frames), "a_$x$_^{.mp4")


def labels(axes) -> list[str]:
    return [label.get_text() for label in axes.get_xticklabels()]


@pytest.mark.parametrize("fps", [None, 10.0])
def test_a_clip_is_what_evaluation_scores(tmp_path, fps):
    blocks = np.random.default_rng(0).integers(0, 256, (23, 6, 8, 3), np.uint8).repeat(8, axis=1).repeat(8, axis=2)
    write_video(tmp_path / "x.mp4", blocks, fps=25)
    spec = ClipSpec(num_frames=3, frame_size=(17, 22), region_size=(24, 31), frame_step=2, fps=fps, scale=0.5)
    manifest = Manifest((Video("x.mp4", ("a",), "test", "", 23, 25.0),), root=tmp_path)
    batch, _, _ = next(iter(eval_clips(manifest, spec, num_clips=1, num_views=1)))
    clip = read_clip(tmp_path / "x.mp4", spec)
    np.testing.assert_array_equal(clip.frames, np.asarray(batch)[0] / 0.5 + 117)
    assert clip.name == "x.mp4"


def test_a_clip_begins_where_it_is_asked_to(tmp_path):
    path = write_counting_video(tmp_path / "x.mp4", 30)
    spec = ClipSpec(num_frames=4, frame_size=(16, 20), region_size=(20, 28), frame_step=3)
    clip = read_clip(path, spec, start=20)
    assert clip.numbers.tolist() == read_counts(clip.frames).tolist() == [20, 23, 26, 29]
    assert read_clip(path, spec).numbers.tolist() == [10, 13, 16, 19]  # of 0 to 20 the middle
    assert [clip.numbers[0] for clip in read_clips(path, spec, 3)] == [0, 10, 20]
    for start in (21, -1, 1000):
        with pytest.raises(PictureError, match=rf"x\.mp4: no clip begins at frame {start}; give 0 to 20"):
            read_clip(path, spec, start=start)
    with pytest.raises(PictureError, match=r"x\.mp4: a clip of 11 frames 3 apart needs 31"):
        read_clip(path, spec.replace(num_frames=11))
    with pytest.raises(PictureError, match=r"x\.mp4: no clip begins at frame 0; it has 30 frames, a clip needs 31"):
        read_clip(path, spec.replace(num_frames=11), start=0)


def test_streams_get_the_centre_and_the_whole():
    network = LateFusion(stream="multires", input_shape=(2, 46, 52, 3), **SMALL)
    clip = random_clip(2, 46, 52)
    streams = stream_frames(network, clip)
    assert list(streams) == ["fovea", "context"]
    np.testing.assert_array_equal(streams["fovea"], clip.frames[:, 11:34, 13:39])
    means = clip.frames.reshape(2, 23, 2, 26, 2, 3).mean(axis=(2, 4))
    assert np.abs(streams["context"] - means).max() <= 0.5 + 1e-3


def test_a_network_on_differences_gets_changes():
    network = SlowFusion(input_shape=(11, 32, 32, 3), frame_difference=True, **SMALL)
    clip = random_clip(11, 32, 32)
    changes = stream_frames(network, clip)["full frame"]
    luma = clip.frames @ np.array([0.299, 0.587, 0.114])
    np.testing.assert_allclose(changes[..., 0], 3 * (luma[1:] - luma[:-1]), atol=0.01)


def test_changes_are_grey_where_nothing_moves():
    changes = np.zeros((2, 4, 5, 1), np.float32)
    changes[0, 0, 0], changes[1, 3, 4] = 8, -8
    pictures = change_pictures(changes)
    assert pictures.shape == (2, 4, 5, 3)
    assert (pictures[0, 0, 0] == 1).all()
    assert (pictures[1, 3, 4] == 0).all()
    assert (pictures[0, 1:] == 0.5).all()
    assert (change_pictures(0 * changes) == 0.5).all()


def test_pictures_of_clips(tmp_path):
    multires = SlowFusion(stream="multires", input_shape=(11, 44, 44, 3), frame_difference=True, **SMALL)
    figure = plot_clip(multires, random_clip(11, 44, 44))
    clip, fovea, context = figure.axes
    assert [axes.get_ylabel().split("\n")[0] for axes in figure.axes] == ["clip", "fovea:", "context:"]
    assert "22 x 22 px" in fovea.get_ylabel()
    assert labels(context) == [f"frame {number}" for number in range(8, 18)]  # a change stands below its later frame
    assert context.images[0].get_extent()[:2] == [1, 11]
    assert len(clip.patches) == 2 * 11  # the fovea's outline, in each frame 44 pixels wide with a gap of one
    for frame in (0, 10):
        left, bottom, width, height = clip.patches[2 * frame].get_bbox().bounds
        assert np.array([left, bottom, width, height]) * 45 == pytest.approx([45 * frame + 11, 11, 22, 22])
    save_figure(figure, tmp_path / "clip.png")
    single = SingleFrame(input_shape=(1, 32, 32, 3), **SMALL)
    figure = plot_clip(average([single, single]), random_clip(1, 32, 32))
    assert [axes.get_ylabel() for axes in figure.axes] == ["clip\n32 x 32 px"]
    assert not figure.axes[0].patches


def test_a_clip_of_another_network_is_refused():
    network = SingleFrame(input_shape=(1, 32, 32, 3), **SMALL)
    with pytest.raises(PictureError, match=r"has the shape \(2, 32, 32, 3\)"):
        plot_clip(network, random_clip(2, 32, 32))


def test_long_clips_show_some_of_their_frames():
    assert shown_frames(10).tolist() == list(range(10))
    assert shown_frames(21).tolist() == list(range(0, 21, 2))
    assert shown_frames(1).tolist() == [0]
    assert shown_frames(9, 3).tolist() == [0, 4, 8]


def test_which_frames_a_step_sees():
    """By hand from section 3.1 of the paper."""
    slow = SlowFusion(input_shape=(10, 32, 32, 3), **SMALL)
    seen = {name: frames_seen(slow, slow.get_layer(name)) for name in ("conv1", "conv2", "conv3", "conv5")}
    assert seen["conv1"] == [range(0, 4), range(2, 6), range(4, 8), range(6, 10)]
    assert seen["conv2"] == [range(0, 6), range(4, 10)]
    assert seen["conv3"] == seen["conv5"] == [range(0, 10)]
    late = LateFusion(stream="context", input_shape=(2, 44, 44, 3), **SMALL)
    assert frames_seen(late, late.get_layer("context_conv5")) == [range(0, 1), range(1, 2)]
    changes = EarlyFusion(input_shape=(11, 32, 32, 3), frame_difference=True, **SMALL)
    assert frames_seen(changes, changes.get_layer("conv1")) == [range(0, 11)]


def test_activations_are_the_networks_own():
    """A stream has no pooling after conv5, so that a network without its top ends there."""
    network = LateFusion(stream="fovea", input_shape=(2, 48, 48, 3), include_top=False, **SMALL)
    clip = random_clip(2, 48, 48)
    found = layer_activations(network, clip)
    assert list(found) == [f"fovea_conv{number}" for number in range(1, 6)]
    expected = network((clip.frames[None].astype(np.float32) - 117), training=False)
    np.testing.assert_allclose(found["fovea_conv5"], np.asarray(expected)[0], rtol=1e-5, atol=1e-5)


def test_the_strongest_maps_are_chosen():
    values = np.zeros((2, 3, 4, 5), np.float32)
    values[1, 0, 0, 3] = 9  # one strong pixel
    values[..., 1] = 0.5  # little, but everywhere
    assert strongest(values, 3).tolist() == [1, 3, 0]


def test_pictures_of_activations(tmp_path):
    network = SlowFusion(stream="multires", input_shape=(10, 44, 44, 3), **SMALL)
    network.get_layer("context_conv5").bias.assign(np.full(13, -1e9, np.float32))
    figure = plot_activations(network, random_clip(10, 44, 44), num_maps=3)
    assert len(figure.axes) == 2 * (1 + 5)
    conv1, conv2, silent = figure.axes[1], figure.axes[2], figure.axes[-1]
    assert conv1.get_title(loc="left").startswith("fovea_conv1: 4 x 4, 0 to ")
    steps = [[label.get_text() for label in axes.get_yticklabels()] for axes in (conv1, conv2)]
    assert steps == [["frames 7-10", "frames 9-12", "frames 11-14", "frames 13-16"], ["frames 7-12", "frames 11-16"]]
    chosen = strongest(layer_activations(network, random_clip(10, 44, 44))["fovea_conv1"], 3)
    assert labels(conv1) == [f"filter {number}" for number in chosen]
    assert silent.get_title(loc="left") == "context_conv5: 1 x 1, all are silent"
    save_figure(figure, tmp_path / "activations.png")


def test_networks_without_layers_to_look_into():
    member = SingleFrame(input_shape=(1, 32, 32, 3), **SMALL)
    clip = random_clip(1, 32, 32)
    with pytest.raises(PictureError, match="one of its members"):
        plot_activations(average([member, member]), clip)
    with pytest.raises(PictureError, match="num_maps=0"):
        plot_activations(member, clip, num_maps=0)
    assert clip_spec(member).num_frames == 1
    assert isinstance(member.get_layer("conv1"), TemporalConv)
