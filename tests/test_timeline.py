"""Scores over time: the network's own on the clips of the definition; what is written; the command's promises."""

import csv
import json

import numpy as np
import pytest
from colour_network import SPEC, colour_network, improbable_network, scores_by_hand
from PIL import Image
from typer.testing import CliRunner
from videos import counting_frames, write_counting_video, write_video

from videocnn.evaluate import EvaluationError
from videocnn.models import SavedNetworkError
from videocnn.predict import PredictError, Timeline, predict, score_timeline
from videocnn.report import predict_timelines
from videocnn.report.html.video import page_video
from videocnn.report.timeline_files import output_names
from videocnn.video import VideoFileError, read_frames
from videocnn.visualize import plot_timeline
from videocnn.visualize.canvas import PictureError
from videocnn.visualize.timeline import minutes

NASTY = ("red", "<script>alert(1)</script>", "_blue $\\frac{")


@pytest.fixture(scope="module")
def network():
    return colour_network()


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "nasty.keras"
    colour_network(SPEC.replace(class_names=NASTY)).save(path)
    return path


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    """30 frames of 1/25 s, a second apart in colour."""
    return write_counting_video(tmp_path_factory.mktemp("film") / "film.mp4", 30, first=100, options={"bf": "0"})


def test_scores_are_the_networks_on_centre_views(network, film):
    timeline = score_timeline(network, film, step_seconds=0.2, batch_size=4)
    starts = [0, 5, 10, 15, 20, 25]
    np.testing.assert_allclose(timeline.start_seconds, np.array(starts) / 25)
    np.testing.assert_allclose(timeline.end_seconds, (np.array(starts) + 3) / 25)
    regions = read_frames(film, range(30), SPEC.region_size, crop_to_aspect_ratio=True)[:, 2:18, 4:24]
    expected = scores_by_hand(np.stack([regions[start : start + 3] for start in starts]))
    np.testing.assert_allclose(timeline.scores, expected, atol=1e-5)
    assert timeline.scores.dtype == np.float32
    assert (timeline.num_frames, timeline.duration_seconds) == (30, 1.2)
    assert timeline.class_names == SPEC.class_names


def test_one_clip_is_what_predict_says_of_it(network, film):
    (prediction,) = predict(network, film, num_clips=1, num_views=1)  # the middle clip: frames 13 to 15
    timeline = score_timeline(network, film, step_seconds=13 / 25)
    for name, score in prediction.labels:
        assert timeline.scores[1, SPEC.class_names.index(name)] == pytest.approx(score, abs=1e-6)


def test_frame_rates_are_followed_where_the_network_asks_for_one(film):
    """At 5 Hz a clip sees frames 0, 5 and 10, and lasts 0.6 s."""
    timeline = score_timeline(colour_network(SPEC.replace(fps=5.0)), film, step_seconds=0.4)
    np.testing.assert_allclose(timeline.start_seconds, [0, 0.4])
    np.testing.assert_allclose(timeline.end_seconds, [0.6, 1.0])
    regions = read_frames(film, range(30), SPEC.region_size, crop_to_aspect_ratio=True)[:, 2:18, 4:24]
    expected = scores_by_hand(np.stack([regions[[0, 5, 10]], regions[[10, 15, 20]]]))
    np.testing.assert_allclose(timeline.scores, expected, atol=1e-5)


def test_a_short_video_is_refused_until_its_last_frame_is_held(network, tmp_path):
    short = write_counting_video(tmp_path / "short.mp4", 2, first=7)
    with pytest.raises(PredictError, match=r"short\.mp4: a clip of 3 frames needs 3 frames, the video has 2.*--hold"):
        score_timeline(network, short)
    timeline = score_timeline(network, short, hold_last=True)
    regions = read_frames(short, [0, 1, 1], SPEC.region_size, crop_to_aspect_ratio=True)[:, 2:18, 4:24]
    np.testing.assert_allclose(timeline.scores[0], scores_by_hand(regions), atol=1e-5)
    np.testing.assert_allclose([timeline.start_seconds[0], timeline.end_seconds[0]], [0, 0.08])


def test_errors_name_the_file(network, tmp_path):
    with pytest.raises(VideoFileError, match=r"absent\.mp4"):
        score_timeline(network, tmp_path / "absent.mp4")
    with pytest.raises(SavedNetworkError):
        score_timeline(tmp_path / "absent.keras", tmp_path / "absent.mp4")
    with pytest.raises(PredictError, match="batch_size=0"):
        score_timeline(network, tmp_path / "absent.mp4", batch_size=0)


@pytest.mark.parametrize("gain", [float("nan"), 3.0])
def test_outputs_that_are_no_probabilities_are_refused(film, gain):
    with pytest.raises(EvaluationError, match=r"film\.mp4: the network's outputs are no probabilities"):
        score_timeline(improbable_network(gain), film)


def make_timeline(scores, names=("a", "b", "c")):
    scores = np.array(scores, np.float32)
    starts = np.arange(len(scores), dtype=float)
    return Timeline("x.mp4", names, starts, starts + 1, scores, float(len(scores)), 25 * len(scores), 1.0, SPEC)


def test_best_classes_are_those_with_the_highest_peak():
    timeline = make_timeline([[0.5, 0.2, 0.3], [0.5, 0.4, 0.1], [0.1, 0.2, 0.7]])
    assert timeline.best() == [2, 0, 1]
    assert timeline.best(1) == [2]
    with pytest.raises(PredictError, match="top=0"):
        timeline.best(0)


def test_what_is_written(network, film, tmp_path):
    (result,) = predict_timelines(network, film, tmp_path / "out", step_seconds=0.4)
    assert result.error is None
    assert [file.rpartition("/")[2] for file in result.files] == ["film.csv", "film.json", "film.png", "film.html"]
    timeline = score_timeline(network, film, step_seconds=0.4)
    with open(result.files[0], newline="") as stream:
        header, *rows = csv.reader(stream)
    assert header == ["start_seconds", "end_seconds", "red", "green", "blue"]
    np.testing.assert_allclose(np.array(rows, float)[:, :2].T, [timeline.start_seconds, timeline.end_seconds])
    np.testing.assert_allclose(np.array(rows, float)[:, 2:], timeline.scores, atol=1e-6)
    values = json.loads((tmp_path / "out" / "film.json").read_text())
    assert (values["path"], values["num_frames"], values["step_seconds"]) == (str(film), 30, 0.4)
    assert values["class_names"] == ["red", "green", "blue"]
    assert values["clip"]["num_frames"] == 3
    np.testing.assert_allclose(values["scores"], timeline.scores, atol=1e-6)
    with Image.open(result.files[2]) as picture:
        assert picture.size[0] > 1000
    assert "data:video/mp4;base64," in (tmp_path / "out" / "film.html").read_text()


def test_top_limits_table_and_curves(network, film, tmp_path):
    predict_timelines(network, film, tmp_path, top=2)
    best = score_timeline(network, film)
    names = [best.class_names[column] for column in best.best(2)]
    assert (tmp_path / "film.csv").read_text().splitlines()[0].split(",")[2:] == names
    assert json.loads((tmp_path / "film.json").read_text())["class_names"] == names
    assert (tmp_path / "film.html").read_text().count("<polyline") == 2


def test_names_of_outputs_are_apart():
    assert output_names(["a/x.mp4", "b/x.avi", "X.mkv", "x-2.mp4", "y"]) == ["x", "x-2", "X-3", "x-2-2", "y"]


@pytest.mark.parametrize(
    ("options", "words"),
    [({"top": 0}, "top=0"), ({"step_seconds": 0}, "step_seconds=0"), ({"embed_limit": 0}, "embed_limit=0")],
)
def test_impossible_arguments_are_refused_before_the_work(network, film, tmp_path, options, words):
    with pytest.raises(PredictError, match=words):
        predict_timelines(network, film, tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()


def test_a_folder_that_cannot_be_made(network, film, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(PredictError, match="the folder cannot be made"):
        predict_timelines(network, film, tmp_path / "file" / "out")


# The video of a page


def test_a_video_that_browsers_play_is_embedded_as_it_is_or_linked(film, tmp_path):
    video = page_video(str(film), tmp_path / "page.html", tmp_path / "copy")
    assert "embedded unchanged" in video.note
    assert not video.linked
    odd = tmp_path / "späß 100%#?.mp4"
    odd.write_bytes(film.read_bytes())
    video = page_video(str(odd), tmp_path / "pages" / "page.html", tmp_path / "copy", link=True)
    assert (video.source, video.copy, video.linked) == ("../sp%C3%A4%C3%9F%20100%25%23%3F.mp4", None, True)


def test_other_videos_are_copied(tmp_path):
    old = str(write_counting_video(tmp_path / "old.avi", 30, codec="mpeg4"))
    video = page_video(old, tmp_path / "page.html", tmp_path / "old.preview")
    assert "small silent copy" in video.note
    assert "browsers do not play its format" in video.note
    assert sorted(path.name for path in tmp_path.iterdir()) == ["old.avi"]
    video = page_video(old, tmp_path / "page.html", tmp_path / "old.preview", link=True)
    assert video.copy.name in ("old.preview.mp4", "old.preview.webm")
    assert video.copy.is_file()
    assert video.source == video.copy.name


def test_large_videos_become_small_or_are_refused(network, tmp_path):
    noise = np.random.default_rng(0).integers(0, 255, (75, 96, 128, 3), dtype=np.uint8)
    path = write_video(tmp_path / "noise.mp4", noise)
    assert path.stat().st_size > 0.1 * 2**20
    video = page_video(str(path), tmp_path / "page.html", tmp_path / "copy", limit=0.1)
    assert "larger than 0.1 MiB" in video.note
    assert len(video.source) < 0.14 * 2**20  # base64 writes three bytes as four letters
    (result,) = predict_timelines(network, path, tmp_path / "out", embed_limit=0.002)
    assert "3 seconds do not fit into 0.002 MiB" in result.error
    assert "table and picture were written, the page was not" in result.error
    assert [file.rpartition(".")[2] for file in result.files] == ["csv", "json", "png"]


# The picture


def test_curves_stand_at_the_middle_of_clips():
    figure = plot_timeline(np.array([0.0, 1.0]), np.array([0.5, 1.5]), np.array([[0.2, 0.8], [0.4, 0.6]]), ["_a", "$b"])
    first, second = figure.axes[0].lines
    np.testing.assert_allclose(first.get_xdata(), [0.25, 1.25])
    np.testing.assert_allclose(second.get_ydata(), [0.8, 0.6])
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [" _a", r" \$b"]
    assert len({(line.get_color(), line.get_linestyle()) for line in (first, second)}) == 2


def test_a_single_clip_is_a_line(tmp_path):
    figure = plot_timeline(np.array([0.0]), np.array([0.5]), np.array([[0.2]]), ["a"])
    np.testing.assert_allclose(figure.axes[0].lines[0].get_xdata(), [0, 0.5])
    with pytest.raises(PictureError, match="at least one"):
        plot_timeline(np.zeros(0), np.zeros(0), np.zeros((0, 1)), ["a"])


def test_times_on_the_axis():
    assert [minutes(seconds) for seconds in (0, 0.5, 59.999, 61.25, 3600)] == [
        "0:00",
        "0:00.5",
        "1:00",
        "1:01.25",
        "60:00",
    ]


# The command


@pytest.fixture
def run_cli():
    from videocnn.cli import make_app

    return lambda *arguments: CliRunner().invoke(make_app(), [str(argument) for argument in arguments])


def test_one_bad_file_does_not_stop_the_others(run_cli, model, tmp_path):
    write_video(tmp_path / "a.mp4", counting_frames(20, 48, 64))
    (tmp_path / "bad.mp4").write_text("no video")
    write_video(tmp_path / "z.avi", counting_frames(20, 48, 64), codec="mpeg4")
    result = run_cli("predict", model, tmp_path, "--timeline", "--out", tmp_path / "out", "-q", "--step", 0.2)
    assert result.exit_code == 1
    assert "bad.mp4" in result.stderr
    written = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert written == sorted(f"{name}.{kind}" for name in "az" for kind in ("csv", "json", "png", "html"))
    for name in written:
        assert str(tmp_path / "out" / name) in result.stdout
    with open(tmp_path / "out" / "a.csv", newline="") as stream:
        assert next(csv.reader(stream))[2:] == list(NASTY)
    page = (tmp_path / "out" / "a.html").read_text()
    assert "&lt;script&gt;alert(1)" in page
    assert "<script>alert(1)" not in page


def test_a_name_that_is_too_long_for_its_page_stops_no_other(model, tmp_path):
    for name in ("長" * 83 + "ab", "b"):  # of 255 bytes with its suffix
        write_counting_video(tmp_path / f"{name}.mp4", 8)
    results = predict_timelines(model, tmp_path, tmp_path / "out", quiet=True)
    assert [bool(result.error) for result in results] == [False, True]
    assert "could not be written (File name too long)" in results[1].error


def test_json_names_the_files(run_cli, model, film, tmp_path):
    result = run_cli("predict", model, film, "--timeline", "--json", "--top", 1, "--link", "--out", tmp_path)
    assert result.exit_code == 0
    (row,) = json.loads(result.stdout)
    assert row["error"] is None
    assert str(tmp_path / "film.html") in row["files"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--timeline", "--clips", "3"], "--clips changes nothing with --timeline"),
        (["--timeline", "--views", "3"], "--views changes nothing with --timeline"),
        (["--step", "1"], "--step changes nothing without --timeline; add --timeline"),
        (["--link"], "--link changes nothing without --timeline"),
    ],
)
def test_options_that_would_change_nothing_are_refused(run_cli, model, film, arguments, words):
    result = run_cli("predict", model, film, *arguments)
    assert result.exit_code == 1
    assert words in result.stderr
