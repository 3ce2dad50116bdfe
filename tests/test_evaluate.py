"""Views -> clip -> video, against scores worked out by hand on real small files; refusals; what a run folder keeps."""

import dataclasses
import errno
import io
import json
import os

import keras
import numpy as np
import pytest
from colour_network import SPEC, colour_network, scores_by_hand
from rich.console import Console
from videos import write_counting_video, write_video

from videocnn.errors import VideoCNNError
from videocnn.evaluate import EvaluationError, evaluate, print_result, read_scores, score_clips, write_scores
from videocnn.evaluate.evaluation import matched_labels
from videocnn.manifest import Manifest, Skip, Video
from videocnn.models import SavedNetworkError, load_network
from videocnn.runs import RunError
from videocnn.video import read_frames


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Eight videos with a colour that runs from left to right and over time; one too short, one no video."""
    root = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)
    videos = []
    for number in range(6):
        length = 7 + number
        corners = rng.uniform(0, 255, (2, 2, 3))  # (first or last frame, left or right, channel)
        time, across = np.linspace(0, 1, length)[:, None, None], np.linspace(0, 1, 64)[None, :, None]
        start, end = (corners[i, 0] + across * (corners[i, 1] - corners[i, 0]) for i in (0, 1))
        frames = np.repeat((start + time * (end - start))[:, None], 48, axis=1).round().astype(np.uint8)
        write_video(root / f"v{number}.mp4", frames)
        label = SPEC.class_names[number % 2]
        labels = (label, "blue") if number == 5 else (label,)
        videos.append(Video(f"v{number}.mp4", labels, "test", f"g{number // 2}", length, 25.0))
    write_counting_video(root / "short.mp4", 2)
    (root / "broken.mp4").write_bytes(b"no video at all")
    videos.insert(1, Video("short.mp4", ("red",), "test", "g7", 2, 25.0))
    videos.append(Video("broken.mp4", ("green",), "test", "g8", 30, 25.0))
    write_counting_video(root / "other.mp4", 9)
    videos.append(Video("other.mp4", ("red",), "train", "g9", 9, 25.0))
    return Manifest(tuple(videos), ("blue", "green", "red"), root)  # another order than the network's


@pytest.fixture
def run(tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    colour_network().save(folder / "model.keras")
    return folder


def video_score_by_hand(path, starts):
    """Two views, the centre crop and its mirror image, of three-frame clips at `starts`; averaged views, then clips."""
    region = read_frames(path, range(max(starts) + 3), SPEC.region_size, crop_to_aspect_ratio=True)
    clips = []
    for start in starts:
        clip = region[start : start + 3, 2:18, 4:24]
        clips.append((scores_by_hand(clip) + scores_by_hand(clip[:, :, ::-1])) / 2)
    return np.mean(clips, axis=0), np.array(clips)


def test_clip_and_video_scores_by_hand():
    """Two videos of two clips of two views; probabilities are the "clips" themselves, so every number is known."""
    views = np.array(
        [[1.0, 0.0], [0.5, 0.5], [0.2, 0.8], [0.0, 1.0], [0.6, 0.4], [0.4, 0.6], [1.0, 0.0], [1.0, 0.0]], np.float32
    )
    video, clip = np.array([0, 0, 0, 0, 2, 2, 2, 2]), np.array([0, 0, 1, 1, 0, 0, 1, 1])
    batches = [(views[i : i + 3], video[i : i + 3], clip[i : i + 3]) for i in (0, 3, 6)]  # clips run over batches' ends
    scores, scored = score_clips(lambda x: x, batches, num_videos=3, num_clips=2, num_views=2)
    assert scored.tolist() == [0, 2]  # nothing came of video 1
    np.testing.assert_allclose(scores, [[[0.75, 0.25], [0.1, 0.9]], [[0.5, 0.5], [1.0, 0.0]]])


def test_a_missing_view_is_noticed():
    with pytest.raises(AssertionError, match="views"):
        score_clips(lambda x: x, [(np.ones((3, 2), np.float32), [0, 0, 0], [0, 0, 1])], 1, 2, 2)


def test_scores_of_real_files_are_those_worked_out_by_hand(data, run):
    result = evaluate(run, data, num_clips=2, num_views=2, batch_size=5, quiet=True)
    kept = read_scores(run, "test")
    assert kept.paths == tuple(f"v{number}.mp4" for number in range(6))
    for number in range(6):
        video, clips = video_score_by_hand(data.root / f"v{number}.mp4", (0, 4 + number))
        np.testing.assert_allclose(kept.clip_scores[number], clips, atol=2e-6)
        np.testing.assert_allclose(kept.video_scores[number], video, atol=2e-6)
    # Hit@1 by hand: columns are the network's (red, green, blue); video 5 is green and blue.
    true = [{0}, {1}, {0}, {1}, {0}, {1, 2}]
    best = kept.video_scores.argmax(axis=1)
    assert result["video_hit_at_1"]["value"] == pytest.approx(
        np.mean([b in t for b, t in zip(best, true, strict=True)])
    )
    clip_best = kept.clip_scores.argmax(axis=2)
    by_clip = [b in t for row, t in zip(clip_best, true, strict=True) for b in row]
    assert result["clip_hit_at_1"]["value"] == pytest.approx(np.mean(by_clip))
    assert result["video_hit_at_5"]["value"] == 1
    assert (result["num_videos"], result["num_skipped"], result["num_groups"]) == (6, 2, 3)
    assert result["chance_hit_at_1"] == pytest.approx(0.5)


def test_batch_size_changes_nothing(data, run):
    one, other = (evaluate(run, data, num_clips=2, num_views=4, batch_size=size, quiet=True) for size in (1, 64))
    for result in (one, other):
        del result["seconds"], result["views_per_second"], result["batch_size"]
    assert one == other


def test_a_run_folder_keeps_figures_scores_and_skipped_videos(data, run):
    result = evaluate(run, data, num_clips=2, num_views=1, quiet=True)
    kept = json.loads((run / "metrics.json").read_text())
    assert kept == {"test": result}
    skipped = (run / "skipped_test.csv").read_text().splitlines()
    assert skipped[0] == "path,reason"
    assert skipped[1].startswith("short.mp4,")
    assert skipped[2].startswith("broken.mp4,")
    # Another split beside it, the first stays.
    moved = Manifest(tuple(dataclasses.replace(v, split="val") for v in data.videos), root=data.root)
    evaluate(run, moved, split="val", num_clips=1, num_views=1, quiet=True)
    assert set(json.loads((run / "metrics.json").read_text())) == {"test", "val"}
    assert json.loads((run / "metrics.json").read_text())["test"] == result


def test_scores_survive_writing_and_reading(data, run):
    evaluate(run, data, num_clips=3, num_views=2, quiet=True)
    kept = read_scores(run, "test")
    assert kept.class_names == ("red", "green", "blue")
    assert kept.manifest_hash == data.hash
    assert (kept.num_clips, kept.num_views) == (3, 2)
    np.testing.assert_array_equal(kept.labels[5], [0, 1, 1])
    write_scores(kept, run)
    np.testing.assert_array_equal(read_scores(run, "test").clip_scores, kept.clip_scores)


def test_shards_give_the_same_figures_and_name_what_they_lack(data, run, tmp_path):
    """Flat colours survive JPEG nearly, so scores agree nearly; `broken.mp4` is not in the shards and still listed."""
    from videocnn.shards import write_shards

    evaluate(run, data, num_clips=2, num_views=2, quiet=True)
    files, skipped = read_scores(run, "test"), (run / "skipped_test.csv").read_text()
    write_shards(data, tmp_path / "shards", frame_size=SPEC.region_size, quiet=True)
    result = evaluate(run, tmp_path / "shards", num_clips=2, num_views=2, quiet=True)
    shards = read_scores(run, "test")
    assert (shards.paths, shards.groups, shards.manifest_hash) == (files.paths, files.groups, files.manifest_hash)
    np.testing.assert_allclose(shards.video_scores, files.video_scores, atol=0.05)
    assert result["num_skipped"] == 2
    assert [line.split(",")[0].rpartition("/")[2] for line in (run / "skipped_test.csv").read_text().splitlines()] == [
        line.split(",")[0] for line in skipped.splitlines()
    ]


def test_a_keras_file_and_a_network_are_measured_without_keeping_anything(data, run):
    options = {"num_clips": 1, "num_views": 1, "quiet": True}
    from_file = evaluate(run / "model.keras", data, **options)
    assert from_file["video_hit_at_1"] == evaluate(colour_network(), data, **options)["video_hit_at_1"]
    assert [file.name for file in run.iterdir()] == ["model.keras"]


def test_bfloat16_networks_score_as_float32_ones_do(data, run):
    kept = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        network = colour_network()
    finally:
        keras.config.set_dtype_policy(kept)
    half = evaluate(network, data, num_clips=2, num_views=2, quiet=True)
    full = evaluate(colour_network(), data, num_clips=2, num_views=2, quiet=True)
    assert half["mean_average_precision"]["value"] == pytest.approx(full["mean_average_precision"]["value"], abs=0.1)


def test_an_unknown_label_is_refused_by_name(data, run):
    videos = (*data.videos, Video("v0.mp4x", ("purple",), "test"))
    with pytest.raises(EvaluationError, match=r"'purple'.*v0\.mp4x.*red, green, blue"):
        evaluate(run, Manifest(videos, root=data.root), quiet=True)


def test_labels_stand_in_the_networks_columns():
    matrix = matched_labels([("x", ("b",)), ("y", ("c", "a"))], ("c", "b", "a"))
    np.testing.assert_array_equal(matrix, [[0, 1, 0], [1, 0, 1]])


def test_classes_without_a_video_are_named(data, run):
    some = Manifest(tuple(v for v in data.videos if "red" in v.labels), root=data.root)
    result = evaluate(run, some, num_clips=1, num_views=1, quiet=True)
    assert result["absent_classes"] == ["green", "blue"]
    assert result["average_precision"]["green"] is None
    assert json.dumps(result, allow_nan=False)


def test_nothing_scored_and_an_empty_split_are_errors(data, run):
    only = Manifest((data.videos[-2],), root=data.root)
    with pytest.raises(EvaluationError, match=r"no video of split 'test' could be scored.*broken\.mp4"):
        evaluate(run, only, quiet=True)
    with pytest.raises(VideoCNNError, match="'val'"):
        evaluate(run, data, split="val", quiet=True)
    assert not (run / "metrics.json").exists()


def test_a_folder_that_takes_no_files_is_told_before_the_work(data, run, monkeypatch, tmp_path):
    monkeypatch.setattr(
        "videocnn.evaluate.evaluation.score_clips", lambda *_, **__: pytest.fail("work that cannot be kept")
    )
    monkeypatch.setattr("tempfile.TemporaryFile", denied)
    with pytest.raises(RunError, match=r"run: no file can be written there \(Permission denied\)"):
        evaluate(run, data, quiet=True)


def denied(*_, **__):
    raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


def test_a_diverged_network_is_an_error(data):
    network = colour_network()
    network.get_layer("predictions").set_weights([np.full((3, 3), np.nan, "float32"), np.zeros(3, "float32")])
    with pytest.raises(EvaluationError, match=r"v0\.mp4: the network's outputs are no probabilities"):
        evaluate(network, data, num_clips=1, num_views=1, quiet=True)


def test_the_table_is_honest(data, run):
    result = evaluate(run, data, num_clips=2, num_views=1, quiet=True, seed=3)
    text = io.StringIO()
    print_result(result, [Skip("[red]x.mp4", "too [b]short")], run, console=Console(file=text, width=100))
    for part in ("clip hit@1", "mean AP", "95 % interval", "chance", "6 videos in 3 groups", "2 clips a video"):
        assert part in text.getvalue()
    for part in ("1 view a clip", "2 videos skipped", "seed 3", "[red]x.mp4: too [b]short", "skipped_test.csv"):
        assert part in text.getvalue()


def plain_keras_file(path):
    keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)]).save(path)


@pytest.mark.parametrize(
    ("name", "make", "says"),
    [
        ("absent.keras", lambda path: None, "there is no such file"),
        ("text.keras", lambda path: path.write_text("hello"), r"is not a \.keras file"),
        ("empty.keras", lambda path: path.write_bytes(b""), r"is not a \.keras file"),
        ("plain.keras", plain_keras_file, "not a network of this package"),
        ("folder", lambda path: path.mkdir(), r"not a run folder \(no model.keras\)"),
    ],
)
def test_what_is_no_network_of_ours_is_refused(tmp_path, name, make, says):
    make(tmp_path / name)
    with pytest.raises(SavedNetworkError, match=f"{name}.*{says}"):
        load_network(tmp_path / name)


def test_a_network_of_ours_that_was_cut_off_is_refused(run):
    file = run / "model.keras"
    import zipfile

    with zipfile.ZipFile(file) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    content["model.weights.h5"] = content["model.weights.h5"][:500]
    with zipfile.ZipFile(file, "w") as archive:
        for name, part in content.items():
            archive.writestr(name, part)
    with pytest.raises(VideoCNNError, match=r"model\.keras"):
        load_network(file)


def test_a_network_without_class_names_is_refused(tmp_path):
    from videocnn.models import SingleFrame

    SingleFrame(classes=4, width=0.02, input_shape=(1, 16, 16, 3)).save(tmp_path / "nameless.keras")
    with pytest.raises(SavedNetworkError, match="4 outputs and 0 class names"):
        load_network(tmp_path / "nameless.keras")
