"""The nearest clips of a network whose features are known: the mean colour of a clip's left half."""

import numpy as np
import pytest
from colour_network import colour_network
from videos import write_video

from videocnn.manifest import Manifest, Video
from videocnn.models import SingleFrame, average, with_pooled_head
from videocnn.visualize import nearest_clips, plot_neighbours, save_figure
from videocnn.visualize.canvas import PictureError
from videocnn.visualize.neighbours import feature_model, find_video, summary

# Video -> (colour, label, group, split). Of frames with two colours the second begins in the middle.
VIDEOS = {
    "query.mp4": ([(217, 67, 117)], "red", "tape", "test"),
    "copy.mp4": ([(210, 75, 117)], "red", "tape", "train"),
    "late.mp4": ([(20, 20, 200), (190, 90, 150)], "red", "third", "train"),
    "near.mp4": ([(200, 117, 90)], "<b>$x$", "other", "train"),
    "far.mp4": ([(30, 200, 200)], "green", "fourth", "train"),
}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    root = tmp_path_factory.mktemp("videos")
    rows = []
    for name, (colours, label, group, split) in VIDEOS.items():
        frames = np.zeros((12, 48, 64, 3), np.uint8)
        for place, colour in enumerate(colours):
            frames[place * 12 // len(colours) :] = colour
        write_video(root / name, frames)
        rows.append(Video(name, (label,), split, group, 12, 25.0))
    write_video(root / "short.mp4", np.zeros((2, 48, 64, 3), np.uint8))
    rows.append(Video("short.mp4", ("red",), "train", "fifth", 2, 25.0))
    return Manifest(tuple(rows), root=root)


@pytest.fixture(scope="module")
def network():
    return colour_network()


def cosine(name, place=0) -> float:
    ours, query = (np.array(colour, float) - 117 for colour in (VIDEOS[name][0][place], VIDEOS["query.mp4"][0][0]))
    return ours @ query / np.linalg.norm(ours) / np.linalg.norm(query)


def test_the_nearest_by_hand(network, data):
    """Three clips a video: of the one with two colours, its last counts."""
    found = nearest_clips(network, data.root / "query.mp4", data, num_neighbours=9, batch_size=4)
    expected = {"copy.mp4": cosine("copy.mp4"), "near.mp4": cosine("near.mp4"), "far.mp4": cosine("far.mp4")}
    expected["late.mp4"] = cosine("late.mp4", 1)
    assert [neighbour.path for neighbour in found.found] == ["copy.mp4", "late.mp4", "near.mp4", "far.mp4"]
    for neighbour in found.found:
        assert neighbour.similarity == pytest.approx(expected[neighbour.path], abs=0.04)
    by_name = {neighbour.path: neighbour for neighbour in found.found}
    assert by_name["late.mp4"].clip == 2
    assert {name: neighbour.same_group for name, neighbour in by_name.items()} == {
        "copy.mp4": True, "near.mp4": False, "late.mp4": False, "far.mp4": False
    }  # fmt: skip
    assert np.abs(by_name["far.mp4"].frames.mean(axis=(0, 1, 2)) - (30, 200, 200)).max() < 6
    assert by_name["far.mp4"].frames.shape == (3, 16, 20, 3)
    assert (found.labels, found.group, found.num_videos, found.num_alike) == (("red",), "tape", 4, 2)
    assert [skip.path for skip in found.skips] == ["short.mp4"]
    assert "2 of 4 share the query's label (chance: 50 % of the videos searched do), 1 of 4 its group" in summary(found)


def test_a_video_is_not_its_own_neighbour(network, data):
    found = nearest_clips(network, data.root / "near.mp4", data, split=None, num_clips=2)
    assert "near.mp4" not in [neighbour.path for neighbour in found.found]
    assert found.num_videos == 4
    alone = Manifest(data.videos[:1], root=data.root)
    with pytest.raises(PictureError, match="videos to search"):
        nearest_clips(network, data.root / "query.mp4", alone, split="test")


def test_the_own_group_can_be_left_out(network, data):
    query = data.root / "query.mp4"
    found = nearest_clips(network, query, data, other_groups=True, num_neighbours=1)
    assert [neighbour.path for neighbour in found.found] == ["late.mp4"]
    assert found.num_videos == 3


def test_a_query_from_elsewhere_has_no_group(network, data, tmp_path):
    query = write_video(tmp_path / "else.mp4", np.full((5, 48, 64, 3), (30, 200, 200), np.uint8))
    found = nearest_clips(network, query, data, num_neighbours=1)
    (nearest,) = found.found
    assert (nearest.path, nearest.same_group, found.group, found.labels) == ("far.mp4", None, None, ())
    assert "unknown" in summary(found)
    with pytest.raises(PictureError, match="group is unknown"):
        nearest_clips(network, query, data, other_groups=True)
    with pytest.raises(PictureError, match="num_neighbours=0"):
        nearest_clips(network, query, data, num_neighbours=0)
    assert find_video(data, query) is None


def test_features_are_what_the_classifier_reads():
    small = {"input_shape": (1, 32, 32, 3), "width": 0.0625}
    clip = np.random.default_rng(0).normal(0, 50, (2, 1, 32, 32, 3)).astype(np.float32)
    full = SingleFrame(classes=3, **small)
    fc7 = feature_model(full)
    assert (fc7.name, fc7.output_shape) == ("fc7", (None, 256))
    logits = np.asarray(fc7(clip, training=False)) @ full.get_layer("predictions").kernel.numpy()
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    scores = np.asarray(full(clip, training=False))
    np.testing.assert_allclose(exponentials / exponentials.sum(axis=1, keepdims=True), scores, rtol=1e-4, atol=1e-5)
    pooled = feature_model(with_pooled_head(SingleFrame, 3, **small))
    assert (pooled.name, pooled.output_shape) == ("avg_pool", (None, 16))
    with pytest.raises(PictureError, match="one of its members"):
        feature_model(average([full, full]))


def test_the_query_may_begin_elsewhere(network, data):
    first, last = (nearest_clips(network, data.root / "late.mp4", data, start=start).found[0] for start in (0, 9))
    assert (first.path, last.path) == ("far.mp4", "copy.mp4")


def test_pictures_of_neighbours(network, data, tmp_path):
    found = nearest_clips(network, data.root / "query.mp4", data, num_neighbours=3)
    figure = plot_neighbours(found)
    words = [text.get_text() for axes in figure.axes for text in axes.texts]
    assert words[0] == "query: red\nquery.mp4"
    said = {word.split("\n")[-1]: word for word in words[1:]}
    assert "the query's own group" in said["copy.mp4"]
    assert "red (same label)" in said["late.mp4"]
    assert "group" not in said["late.mp4"]
    assert r"<b>\$x\$ (other label)" in said["near.mp4"]
    save_figure(figure, tmp_path / "neighbours.png")
