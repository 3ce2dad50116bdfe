"""Figures: the pixels of filters, what is written beside bars, values of curves, files that can be opened."""

import keras
import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from PIL import Image
from videos import read_counts, write_counting_video

from videocnn.files import WriteError
from videocnn.models import EarlyFusion, LateFusion, SingleFrame, SlowFusion, average
from videocnn.runs import RunError
from videocnn.runs.folder import write_history
from videocnn.spec import ClipSpec
from videocnn.visualize import plot_curves, plot_filters, plot_predictions, save_figure
from videocnn.visualize.canvas import PictureError
from videocnn.visualize.filters import GAP, colour_share, first_layer_kernels, mosaic
from videocnn.visualize.predictions import film_strip

SMALL = {"width": 0.05, "classes": 3}


def texts(figure: Figure) -> list[str]:
    """Return every non-empty text of a figure's axes, titles included."""
    found = []
    for axes in figure.axes:
        found += [axes.get_title(), axes.get_title(loc="left"), *(text.get_text() for text in axes.texts)]
    return [text for text in found if text]


@pytest.mark.parametrize(("builder", "steps"), [(SingleFrame, 1), (EarlyFusion, 10), (LateFusion, 1), (SlowFusion, 4)])
@pytest.mark.parametrize("stream", ["full", "multires", "context"])
def test_filters_of_every_network(builder, steps, stream):
    size = 32 if stream == "full" else 64
    frames = {SingleFrame: 1, LateFusion: 2}.get(builder, 10)
    network = builder(stream=stream, input_shape=(frames, size, size, 3), include_top=False, **SMALL)
    figure = plot_filters(network)
    panels = {"full": ["full frame"], "multires": ["fovea", "context"], "context": ["context"]}[stream]
    assert [axes.get_title().splitlines()[0] for axes in figure.axes] == panels
    assert all("5 filters, 11 x 11 px, colour" in axes.get_title() for axes in figure.axes)
    labels = [label.get_text() for label in figure.axes[0].get_xticklabels()]
    assert labels == ([str(step) for step in range(steps)] if steps > 1 else [])


def test_filters_of_frame_differences():
    network = SlowFusion(input_shape=(11, 32, 32, 3), include_top=False, frame_difference=True, **SMALL)
    assert "frame differences" in plot_filters(network).axes[0].get_title()


def test_fewer_filters_are_drawn_when_asked_and_it_is_said():
    network = SingleFrame(input_shape=(1, 32, 32, 3), include_top=False, width=0.25, classes=3)
    assert "8 of 24 filters" in plot_filters(network, max_filters=8).axes[0].get_title()


def test_mosaic_shows_each_filter_in_its_place():
    """Filters 3 high and 5 wide over 2 steps; filter 1 is -1 in its first step's top left corner, in red only."""
    kernel = np.zeros((2, 3, 5, 3, 9), np.float32)
    kernel[0, 0, 0, 0, 1] = -1
    kernel[1, 2, 4, :, 1] = 0.5
    image = mosaic(kernel)
    strip = 2 * (5 + GAP) + 2 * GAP
    np.testing.assert_allclose(image[GAP, GAP], 0.5)  # a filter of zeros is grey
    np.testing.assert_allclose(image[0, 0], 1)  # between filters it is white
    np.testing.assert_allclose(image[GAP, GAP + strip], [0, 0.5, 0.5])
    np.testing.assert_allclose(image[GAP + 2, GAP + strip + 5 + GAP + 4], 0.75)
    assert image.shape == (2 * (3 + GAP) + GAP, 8 * strip - GAP, 3)  # eight strips of two a row, the ninth below


def test_colour_share_by_hand():
    grey, red = np.ones((1, 2, 2, 3, 1)), np.zeros((1, 2, 2, 3, 1))
    red[..., 0, :] = 1
    assert colour_share(grey) == pytest.approx(0)
    assert colour_share(red) == pytest.approx(2 / 3)
    assert colour_share(red - red.mean(axis=3, keepdims=True)) == pytest.approx(1)


def test_kernels_are_the_networks_own():
    network = SingleFrame(stream="multires", input_shape=(1, 64, 64, 3), include_top=False, **SMALL)
    kernels = first_layer_kernels(network)
    assert list(kernels) == ["fovea", "context"]
    np.testing.assert_array_equal(kernels["context"], network.get_layer("context_conv1").kernel.numpy())


def test_networks_without_a_first_layer_are_refused():
    member = SingleFrame(input_shape=(1, 32, 32, 3), **SMALL)
    with pytest.raises(PictureError, match="one of its members"):
        plot_filters(average([member, member]))
    with pytest.raises(PictureError, match="no layer named conv1"):
        plot_filters(keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)]))


def test_right_and_wrong_are_told_without_colour():
    strips = [np.zeros((3, 8, 12, 3), np.uint8)] * 3
    answers = [[("ski", 0.75), ("judo", 0.25)], [("judo", 0.6), ("ski", 0.4)], [("judo", 0.6), ("polo", 0.4)]]
    figure = plot_predictions(strips, answers, [["ski"], ["ski"], ["ski", "golf"]])
    assert len(figure.axes) == 6
    shown = texts(figure)
    for text in ("right; true: ski", "wrong; true: ski", "wrong; true: golf, ski", "ski (true)", "75 %", "judo"):
        assert text in shown
    bars = figure.axes[1].patches
    assert [bar.get_hatch() for bar in bars] == [None, "//"]  # the true one filled, the other hatched
    assert [bar.get_width() for bar in bars] == [0.75, 0.25]
    assert [bar.get_hatch() for bar in figure.axes[3].patches] == ["//", None]
    assert len({to_hex(bar.get_edgecolor()) for bar in bars}) == 2


def test_unknown_truth_is_no_verdict():
    figure = plot_predictions([np.zeros((1, 8, 8, 3), np.uint8)], [[("a", 0.9)]])
    assert texts(figure) == ["a", "90 %"]


def test_names_are_drawn_as_text(tmp_path):
    figure = plot_predictions([np.zeros((1, 8, 8, 3), np.uint8)], [[(r"$\nonsense{$", 0.9)]], [["a_b^{"]])
    save_figure(figure, tmp_path / "x.png")  # a formula would fail to parse here


def test_a_prediction_that_failed_has_no_bars():
    figure = plot_predictions([np.zeros((1, 8, 8, 3), np.uint8)], [[]], [["ski"]])
    assert len(figure.axes[1].patches) == 0
    assert texts(figure) == ["wrong; true: ski"]


def test_as_many_strips_as_predictions():
    with pytest.raises(PictureError, match="1 strips, 2 predictions"):
        plot_predictions([np.zeros((1, 8, 8, 3), np.uint8)], [[], []])
    with pytest.raises(PictureError, match="at least one"):
        plot_predictions([], [])


def test_film_strip_is_the_middle_clip(tmp_path):
    spec = ClipSpec(num_frames=9, frame_size=(16, 20), region_size=(20, 28), frame_step=2)
    path = write_counting_video(tmp_path / "x.mp4", 37)  # clips begin at 0 to 20: the middle one at 10
    strip = film_strip(path, spec)
    assert strip.shape == (5, 20, 28, 3)
    assert read_counts(strip).tolist() == [10, 14, 18, 22, 26]
    short = write_counting_video(tmp_path / "short.mp4", 3)
    assert read_counts(film_strip(short, spec)).tolist() == [0, 2]


@pytest.fixture
def run(tmp_path):
    rows = [
        {"epoch": 1, "loss": 2.0, "hit@1": 0.2, "seconds": 30},
        {"epoch": 2, "loss": 1.5, "hit@1": 0.4, "val_loss": 1.8, "val_hit@1": 0.3, "seconds": 60},
        {"epoch": 3, "loss": 1.2, "hit@1": 0.5, "val_loss": 1.7, "val_hit@1": 0.35, "seconds": 90},
    ]
    folder = tmp_path / "run_$1"
    folder.mkdir()
    write_history(folder, rows)
    return folder


def test_curves_show_the_history(run):
    figure = plot_curves(run)
    train, validation = figure.axes[0].lines
    np.testing.assert_allclose(train.get_xydata(), [[1, 2.0], [2, 1.5], [3, 1.2]])
    np.testing.assert_allclose(validation.get_xydata(), [[2, 1.8], [3, 1.7]])
    assert (train.get_linestyle(), validation.get_linestyle()) == ("-", "--")
    np.testing.assert_allclose(figure.axes[1].lines[0].get_ydata(), [0.2, 0.4, 0.5])
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["train", "val", r"run_\$1"]


def test_curves_are_called_as_asked(run):
    def names(runs):
        return [text.get_text() for text in plot_curves(runs).legends[0].get_texts()[2:]]

    assert names({"scratch": run, "top": str(run)}) == ["scratch", "top"]
    assert names([run, run]) == [r"run_\$1"] * 2


def test_curves_over_minutes(run):
    figure = plot_curves([run], over="minutes")
    np.testing.assert_allclose(figure.axes[0].lines[1].get_xydata(), [[1, 1.8], [1.5, 1.7]])
    assert figure.axes[0].get_xlabel() == "minutes"
    with pytest.raises(PictureError, match="'hours'"):
        plot_curves(run, over="hours")


def test_runs_differ_by_marker_and_not_by_colour_only(run, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    write_history(other, [{"epoch": 1, "loss": 3.0, "hit@1": 0.1, "seconds": 9}])
    lines = plot_curves([run, other]).axes[0].lines
    assert len(lines) == 3  # no validation in the second
    assert lines[0].get_marker() == lines[1].get_marker() != lines[2].get_marker()
    assert lines[0].get_color() != lines[2].get_color()
    assert [text.get_text() for text in plot_curves(other).legends[0].get_texts()] == ["train", "other"]


def test_absent_empty_and_damaged_histories(tmp_path):
    with pytest.raises(RunError, match=r"no history\.csv"):
        plot_curves(tmp_path)
    for content, says in (
        ("epoch,loss\n", "no epoch"),
        ("epoch,loss\n1,x\n", "cannot be read"),
        ("a,b\n1,2\n", "no ep"),
    ):
        (tmp_path / "history.csv").write_text(content)
        with pytest.raises(RunError, match=says):
            plot_curves(tmp_path)


def test_figures_are_saved_whole(run, tmp_path):
    figure = plot_curves(run)
    save_figure(figure, tmp_path / "curves.png")
    with Image.open(tmp_path / "curves.png") as picture:
        picture.load()
        assert picture.size == (1350, 540)
    save_figure(figure, tmp_path / "curves.svg")
    with pytest.raises(PictureError, match=r"x\.doc: .*\.png"):
        save_figure(figure, tmp_path / "x.doc")
    with pytest.raises(WriteError, match="absent"):
        save_figure(figure, tmp_path / "absent" / "x.png")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["curves.png", "curves.svg", "run_$1"]
