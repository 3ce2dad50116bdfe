"""Any files in, names out: the scores of evaluation, one bad file beside good ones, the command line's promises."""

import json
import os
import signal
import subprocess
import sys
import time
from fractions import Fraction

import numpy as np
import pytest
from colour_network import SPEC, colour_network, improbable_network
from interrupts import listen_to_ctrl_c
from typer.testing import CliRunner
from videos import write_counting_video, write_video

from videocnn.evaluate import EvaluationError, evaluate, read_scores
from videocnn.manifest import Manifest, Video
from videocnn.models import SavedNetworkError
from videocnn.predict import PredictError, predict

COLOURS = {"red": (230, 30, 30), "green": (30, 230, 30), "blue": (30, 30, 230)}
QUICK = {"num_clips": 2, "num_views": 1}


def write_colour(path, name, num_frames=6, **options):
    frames = np.broadcast_to(np.array(COLOURS[name], np.uint8), (num_frames, 48, 64, 3))
    return write_video(path, frames, **options)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "alone.keras"
    colour_network().save(path)
    return path


@pytest.fixture
def folder(tmp_path):
    """A folder as people have them: two videos, one of them below, a text, and one that only claims to be a video."""
    root = tmp_path / "videos"
    (root / "below").mkdir(parents=True)
    write_colour(root / "b.mp4", "green")
    write_colour(root / "below" / "a.MKV", "red")
    (root / "notes.txt").write_text("not a video")
    (root / "bad.mp4").write_text("not a video either")
    return root


def test_one_file_alone_is_enough(model, tmp_path):
    (prediction,) = predict(model, write_colour(tmp_path / "x.mp4", "blue"), **QUICK)
    assert prediction.error is None
    assert prediction.labels[0][0] == "blue"
    assert sorted(name for name, _ in prediction.labels) == ["blue", "green", "red"]
    scores = [score for _, score in prediction.labels]
    assert scores == sorted(scores, reverse=True)
    assert sum(scores) == pytest.approx(1, abs=1e-5)


def test_top_limits_the_names(model, tmp_path):
    (prediction,) = predict(model, [write_colour(tmp_path / "x.mp4", "red")], top=1, **QUICK)
    assert [name for name, _ in prediction.labels] == ["red"]


def test_predictions_are_the_scores_of_evaluation(tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    colour_network().save(run / "model.keras")
    videos = []
    for number, length in enumerate((9, 14)):
        write_counting_video(tmp_path / f"{number}.mp4", length, first=100 * number)
        videos.append(Video(f"{number}.mp4", ("red",), "test", "", length, 25.0))
    evaluate(run, Manifest(tuple(videos), root=tmp_path), num_clips=3, num_views=4, quiet=True)
    expected = read_scores(run, "test").video_scores
    for row, prediction in enumerate(predict(run, [tmp_path / "0.mp4", tmp_path / "1.mp4"], num_clips=3)):
        found = [dict(prediction.labels)[name] for name in SPEC.class_names]
        np.testing.assert_allclose(found, expected[row], atol=1e-6)


def test_a_bad_file_keeps_none_of_the_others_back(model, folder):
    first, bad, last = predict(model, [folder / "b.mp4", folder / "bad.mp4", folder / "below" / "a.MKV"], **QUICK)
    assert first.labels[0][0] == "green"
    assert last.labels[0][0] == "red"
    assert bad.labels == ()
    assert "bad.mp4" in bad.error


def test_folders_are_searched_by_suffix_and_in_order(model, folder):
    found = predict(model, folder, **QUICK)
    assert [os.path.relpath(prediction.path, folder) for prediction in found] == ["b.mp4", "bad.mp4", "below/a.MKV"]


def test_absent_files_and_empty_folders(model, tmp_path):
    (prediction,) = predict(model, tmp_path / "absent.mp4", **QUICK)
    assert "absent.mp4" in prediction.error
    (tmp_path / "empty").mkdir()
    with pytest.raises(PredictError, match="empty: no video files"):
        predict(model, tmp_path / "empty")
    with pytest.raises(PredictError, match="nothing to predict"):
        predict(model, [])


def test_urls_are_read_as_urls(model, folder):
    url = f"file://{folder / 'b.mp4'}"
    (prediction,) = predict(model, url)
    assert (prediction.path, prediction.error) == (url, None)
    assert prediction.labels == predict(model, folder / "b.mp4")[0].labels


@pytest.mark.parametrize("gain", [float("nan"), 3.0])
def test_outputs_that_are_no_probabilities_are_refused(folder, gain):
    with pytest.raises(EvaluationError, match=r"\.mp4: the network's outputs are no probabilities"):
        predict(improbable_network(gain), folder)


def test_a_file_named_twice_is_predicted_twice(model, folder):
    one, other = predict(model, [folder / "b.mp4", os.path.relpath(folder / "b.mp4")], **QUICK)
    assert one.labels == other.labels != ()
    assert one.path != other.path


def test_a_short_video_is_refused_until_its_last_frame_is_held(model, tmp_path):
    path = write_colour(tmp_path / "short.mp4", "blue", num_frames=2)
    (refused,) = predict(model, path, **QUICK)
    assert "short.mp4" in refused.error
    assert "3 frames, the video has 2" in refused.error
    assert "hold_last" in refused.error
    (held,) = predict(model, path, hold_last=True, **QUICK)
    assert held.labels[0][0] == "blue"


def test_frame_rates_are_followed_where_the_network_asks_for_one(tmp_path):
    """At 5 Hz, a clip of three frames needs a fifth of the frames of a 25 Hz video: 11 of them, not 3."""
    network = colour_network(SPEC.replace(fps=5.0))
    long, short = (write_colour(tmp_path / f"{n}.mp4", "red", n, fps=Fraction(25)) for n in (11, 10))
    fine, refused = predict(network, [long, short], **QUICK)
    assert fine.labels[0][0] == "red"
    assert "needs 3 frames, the video has 2" in refused.error


@pytest.mark.parametrize("options", [{"top": 0}, {"num_clips": 0}, {"num_views": 11}, {"batch_size": 0}])
def test_impossible_arguments_are_refused(model, folder, options):
    from videocnn.errors import VideoCNNError

    with pytest.raises(VideoCNNError):
        predict(model, folder / "b.mp4", **{**QUICK, **options})


def test_a_model_that_is_none_is_refused(folder):
    with pytest.raises(SavedNetworkError, match=r"b\.mp4: is not a \.keras file"):
        predict(folder / "b.mp4", folder / "b.mp4")


@pytest.fixture
def run_cli(monkeypatch):
    from videocnn.cli import make_app

    app = make_app()
    return lambda *arguments: CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_json_is_all_that_is_printed(run_cli, model, folder):
    result = run_cli("predict", model, folder, "--json", "--clips", 2, "--views", 1, "--top", 2)
    assert result.exit_code == 1  # bad.mp4
    rows = json.loads(result.stdout)
    assert [row["labels"][0]["name"] if row["labels"] else None for row in rows] == ["green", None, "red"]
    assert len(rows[0]["labels"]) == 2
    assert rows[0]["error"] is None
    assert "bad.mp4" in rows[1]["error"]
    assert "error: " in result.stderr


def test_the_command_prints_names_and_reasons(run_cli, model, folder):
    result = run_cli("predict", model, folder / "b.mp4", "--clips", 2, "--quiet")
    assert result.exit_code == 0
    assert result.stdout.splitlines()[0] == str(folder / "b.mp4")
    assert result.stdout.splitlines()[1].split() == [result.stdout.splitlines()[1].split()[0], "%", "green"]


def test_names_are_text_and_may_begin_with_a_dash(run_cli, folder, tmp_path, monkeypatch):
    network = colour_network(SPEC.replace(class_names=("[red]", "../green", "<b>")))
    network.save(tmp_path / "-m.keras")
    write_colour(tmp_path / "-x [bold].mp4", "green")
    monkeypatch.chdir(tmp_path)
    result = run_cli("predict", "--clips", 2, "--quiet", "--", "-m.keras", "-x [bold].mp4")
    assert result.exit_code == 0
    assert result.stdout.splitlines()[0] == "-x [bold].mp4"
    assert result.stdout.splitlines()[1].endswith("%  ../green")


def test_evaluate_and_compare_commands(run_cli, tmp_path):
    from videocnn.manifest import write_manifest

    videos = []
    for number, name in enumerate(COLOURS):
        write_colour(tmp_path / f"{name}.mp4", name)
        videos.append(Video(f"{name}.mp4", (name,), "test", f"g{number}", 6, 25.0))
    write_manifest(Manifest(tuple(videos), root=tmp_path), tmp_path / "manifest.csv")
    for name, gain in (("one", 1.0), ("two", -1.0)):
        (tmp_path / name).mkdir()
        colour_network(gain=gain).save(tmp_path / name / "model.keras")
        result = run_cli("evaluate", tmp_path / name, tmp_path / "manifest.csv", "--clips", 2, "--views", 1, "-q")
        assert result.exit_code == 0, result.output
        assert "video hit@1" in result.stdout
    result = run_cli("compare", tmp_path / "one", tmp_path / "two", "--average")
    assert result.exit_code == 0
    assert "-100.0" in result.stdout
    result = run_cli("filters", tmp_path / "one")
    assert result.exit_code == 1
    assert "no layer named conv1" in result.stderr


@pytest.mark.slow
def test_ctrl_c_ends_with_130(model, tmp_path):
    """In a process of its own, through the whole command line, while videos are being probed and scored."""
    first = write_counting_video(tmp_path / "0.mp4", 200, height=240, width=320, keyframe_every=50)
    for number in range(1, 100):
        os.link(first, tmp_path / f"{number}.mp4")
    command = [sys.executable, "-m", "videocnn", "predict", str(model), str(tmp_path), "--views", "10", "--clips", "40"]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=listen_to_ctrl_c
    )
    try:
        while "probe" not in process.stderr.readline():
            assert process.poll() is None
        time.sleep(1)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=120)
        assert process.returncode == 130
    finally:
        process.kill()
        process.communicate()
