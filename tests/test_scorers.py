"""A scorer that is no network, made by hand, measured and shown like one; large scores that never lie in memory."""

import json
import zipfile

import numpy as np
import pytest
from colour_network import SPEC, colour_network
from paper_runs import cells, write_run
from videos import write_video

from videocnn.clips import Dataset
from videocnn.evaluate import ScorerError, Scores, compare, evaluate, read_scores, summarize, write_scores
from videocnn.manifest import Manifest, Video
from videocnn.report import write_report
from videocnn.report.paper import PaperTableError, make_table
from videocnn.runs import read_run
from videocnn.video import read_frames

COLOURS = {"red": (200, 30, 30), "green": (30, 200, 30), "blue": (30, 30, 200)}


class MeanColour:
    """The mean colour of a video's first frame, as a share of red, green and blue."""

    kind = "baseline"

    def __init__(self, model="mean_colour"):
        self.arguments = {"model": model}

    def score(self, dataset: Dataset, split, *, skips, **_):
        videos = dataset.select(split).videos
        colours = [read_frames(dataset.whole.file(video), [0]).mean(axis=(0, 1, 2)) for video in videos]
        shares = np.array([colour / colour.sum() for colour in colours], np.float32)
        names = tuple(COLOURS)
        return Scores(
            split=split,
            class_names=names,
            paths=tuple(dataset.whole.portable_path(video) for video in videos),
            groups=tuple(video.group for video in videos),
            labels=np.array([[name in video.labels for name in names] for video in videos], np.float32),
            clip_scores=shares[:, None],
            manifest_hash=dataset.hash,
            num_views=1,
        )


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    root = tmp_path_factory.mktemp("data")
    videos = []
    for number in range(6):
        name = list(COLOURS)[number % 3]
        write_video(root / f"v{number}.mp4", np.full((6, 48, 64, 3), COLOURS[name], np.uint8))
        label = "blue" if number == 5 else "green" if number == 4 else name
        label = "red" if number == 5 else label  # the last one is blue and called red
        videos.append(Video(f"v{number}.mp4", (label,), "test", f"g{number // 2}", 6, 25.0))
    return Manifest(tuple(videos), tuple(COLOURS), root)


def test_a_scorer_is_measured_and_becomes_a_run(data, tmp_path):
    run = tmp_path / "colour"
    result = evaluate(MeanColour(), data, out=run, quiet=True)
    assert result["video_hit_at_1"]["value"] == pytest.approx(5 / 6)  # by hand: the last one alone is wrong
    assert result["num_parameters"] is None
    assert json.loads((run / "metrics.json").read_text()) == {"test": result}
    assert read_run(run)["kind"] == "baseline"
    assert read_run(run)["finished"] is True
    assert read_scores(run, "test").paths == tuple(f"v{number}.mp4" for number in range(6))
    assert (run / "README.md").is_file()
    evaluate(MeanColour(), data, out=run, quiet=True)  # again, into the same run
    with pytest.raises(ScorerError, match="colour"):
        evaluate(MeanColour("other"), data, out=run, quiet=True)


def test_a_scorers_run_stands_beside_networks(data, tmp_path):
    runs = [tmp_path / "colour", tmp_path / "single"]
    evaluate(MeanColour(), data, out=runs[0], quiet=True)
    scores = read_scores(runs[0], "test")
    write_run(runs[1], scores)
    result = compare(runs)
    assert result["differences"][0]["video_hit_at_1"]["value"] == 0
    table = make_table("1", runs)
    assert cells(table, "video_hit_at_1")["mean_colour"] == pytest.approx(5 / 6)
    assert cells(table, "video_hit_at_1")["single_frame/full"] == pytest.approx(5 / 6)
    assert [row.label for row in table.rows if row.key == "mean_colour"] == ["mean colour (not in the paper)"]
    page = write_report(runs, tmp_path / "report.html").read_text(encoding="utf-8")
    assert "mean colour" in page
    assert "No epoch has ended" not in page
    with pytest.raises(PaperTableError, match="mean colour"):
        make_table("2", runs)


def test_a_scorer_named_histograms_fills_the_papers_row(data, tmp_path):
    runs = [tmp_path / "histograms", tmp_path / "single"]
    evaluate(MeanColour("histograms"), data, out=runs[0], quiet=True)
    write_run(runs[1], read_scores(runs[0], "test"))
    (row,) = [row for row in make_table("1", runs).rows if row.key == "histograms"]
    assert (row.label, row.cells["video_hit_at_1"].paper) == ("feature histograms", 0.553)
    assert row.cells["video_hit_at_1"].value == pytest.approx(5 / 6)


def test_a_network_and_its_file_are_kept_where_out_says(data, tmp_path):
    result = evaluate(colour_network(), data, out=tmp_path / "kept", num_clips=1, num_views=1, quiet=True)
    assert json.loads((tmp_path / "kept" / "metrics.json").read_text()) == {"test": result}
    assert read_scores(tmp_path / "kept", "test").class_names == SPEC.class_names


@pytest.fixture
def small_blocks(monkeypatch):
    """Everything is large: scores go to disk at once and are read in blocks of two videos or so."""
    monkeypatch.setattr("videocnn.evaluate.scores.LARGE", 64)
    monkeypatch.setattr("videocnn.evaluate.scores.BLOCK", 100)


def test_large_scores_stay_on_disk_and_figures_are_the_same(data, tmp_path, monkeypatch, small_blocks):
    network = colour_network()
    in_pieces = evaluate(network, data, out=tmp_path / "large", num_clips=3, num_views=2, quiet=True)
    large = read_scores(tmp_path / "large", "test")
    assert isinstance(large.clip_scores, np.memmap)
    assert len(list(large.blocks())) > 2
    monkeypatch.undo()
    at_once = evaluate(network, data, out=tmp_path / "small", num_clips=3, num_views=2, quiet=True)
    small = read_scores(tmp_path / "small", "test")
    assert not isinstance(small.clip_scores, np.memmap)
    np.testing.assert_array_equal(large.clip_scores, small.clip_scores)
    for result in (in_pieces, at_once):
        del result["seconds"], result["views_per_second"]
    assert in_pieces == at_once
    with np.load(tmp_path / "large" / "scores_test.npz") as file:  # any reader of NumPy's files reads it
        np.testing.assert_array_equal(file["clip_scores"], small.clip_scores)
        np.testing.assert_array_equal(file["video_scores"], small.video_scores)


def random_scores(num_videos=23, num_clips=4, num_classes=5):
    rng = np.random.default_rng(0)
    clip_scores = rng.random((num_videos, num_clips, num_classes), np.float32)
    labels = np.eye(num_classes, dtype=np.float32)[rng.integers(0, num_classes, num_videos)]
    paths = tuple(f"v{number}.mp4" for number in range(num_videos))
    return Scores("test", tuple("abcde"), paths, tuple(path[:2] for path in paths), labels, clip_scores, "h", 4)


def test_figures_in_pieces_are_bit_for_bit_those_at_once(tmp_path, monkeypatch):
    at_once = summarize(random_scores())
    monkeypatch.setattr("videocnn.evaluate.scores.BLOCK", 100)
    assert summarize(random_scores()) == at_once
    write_scores(random_scores(), tmp_path)
    assert summarize(read_scores(tmp_path, "test")) == at_once


def test_a_compressed_file_of_an_older_version_is_read(tmp_path, small_blocks):
    scores = random_scores()
    content = {name: getattr(scores, name) for name in scores.__dataclass_fields__}
    np.savez_compressed(tmp_path / "scores_test.npz", **content)  # as 0.1.0 wrote it
    with zipfile.ZipFile(tmp_path / "scores_test.npz") as archive:
        assert archive.getinfo("clip_scores.npy").compress_type == zipfile.ZIP_DEFLATED
    np.testing.assert_array_equal(read_scores(tmp_path, "test").clip_scores, scores.clip_scores)
