"""`videocnn filters` and `videocnn picture ...`: each writes its file where it is asked to and says so."""

import numpy as np
import pytest
from colour_network import colour_network
from PIL import Image
from typer.testing import CliRunner
from videos import write_counting_video

from videocnn.cli import make_app
from videocnn.evaluate import evaluate
from videocnn.manifest import Manifest, Video, read_manifest, write_manifest
from videocnn.models import SlowFusion, load_network, set_clip_spec
from videocnn.runs.folder import write_history
from videocnn.visualize.predictions import drawn, predict_and_plot


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """A folder with two runs of networks that need no training, and four videos with their manifest."""
    root = tmp_path_factory.mktemp("work")
    videos = []
    for number in range(4):
        write_counting_video(root / f"v{number}.mp4", 14, first=64 * (2 * number + 1))
        split = "test" if number < 2 else "train"
        videos.append(Video(f"v{number}.mp4", (("red", "green")[number % 2],), split, "", 14, 25.0))
    manifest = Manifest(tuple(videos), root=root)
    write_manifest(manifest, root / "manifest.csv")
    for name, gain in (("colour", 1.0), ("other", -1.0)):
        (root / name).mkdir()
        colour_network(gain=gain).save(root / name / "model.keras")
        evaluate(root / name, manifest, num_clips=2, num_views=1, quiet=True)
        write_history(root / name, [{"epoch": 1, "loss": 2.0, "hit@1": 0.5, "seconds": 3}])
    slow = SlowFusion(stream="multires", input_shape=(10, 44, 44, 3), width=0.0625, classes=3)
    set_clip_spec(slow, class_names=("red", "green", "blue"))
    slow.save(root / "slow.keras")
    return root


def run(*arguments):
    return CliRunner().invoke(make_app(), [str(argument) for argument in arguments])


@pytest.mark.parametrize(
    ("command", "writes"),
    [
        ("clip colour v0.mp4 --start 11", "colour/clip_v0.png"),
        ("saliency colour v0.mp4 --class blue --clips 3", "colour/saliency_v0.png"),
        ("activations slow.keras v0.mp4 --maps 2", "activations_v0.png"),
        ("predictions colour manifest.csv --count 2 --clips 1", "colour/predictions.png"),
        ("confusion colour", "colour/confusion_test.png"),
        ("gains colour other", "colour/gains_test.png"),
        ("curves colour other --over minutes --out c.svg", "c.svg"),
        ("filters slow.keras", "filters.png"),
    ],
)
def test_pictures(work, monkeypatch, command, writes):
    monkeypatch.chdir(work)
    result = run("picture", *command.split())
    assert result.exit_code == 0, result.output
    assert f"{writes} shows " in result.output
    if writes.endswith(".png"):
        with Image.open(work / writes) as picture:
            assert np.asarray(picture.convert("L")).std() > 5  # not an empty page
    else:
        assert "<svg" in (work / writes).read_text()


def test_filters_say_their_numbers_and_move(work, tmp_path):
    result = run("filters", work / "slow.keras", "--out", tmp_path / "x.gif")
    assert result.exit_code == 0, result.output
    with Image.open(tmp_path / "x.gif") as film:
        assert film.n_frames == 4
    rows = {line.split("  ")[0].strip(): line.split()[-1] for line in result.output.splitlines() if "0." in line}
    assert set(rows) == {"fovea", "context", "(random)"}
    assert rows["(random)"] == "0.381"
    assert "halve" in result.output


def test_neighbours_are_printed(work, tmp_path):
    out = tmp_path / "n.png"
    data = work / "v0.mp4", work / "manifest.csv"
    result = run("picture", "neighbours", work / "colour", *data, "--split", "all", "--out", out)
    found = {line.split()[2]: line.split()[1] for line in result.output.splitlines()[:3]}
    assert found == {"v1.mp4": "green", "v2.mp4": "red", "v3.mp4": "green"}
    assert "1 of 3 share the query's label (chance: 33 %" in result.output


@pytest.mark.parametrize(
    ("command", "says"),
    [
        ("saliency colour v0.mp4 --class pink", "class 'pink'"),
        ("clip colour v0.mp4 --start 12", "no clip begins at frame 12; give 0 to 11"),
        ("clip colour absent.mp4", "absent.mp4"),
        ("activations colour v0.mp4", "no convolutions"),
        ("confusion colour --split val", "split 'val'"),
        ("gains colour colour", "given twice"),
        ("curves .", "no history.csv"),
        ("predictions colour manifest.csv --split val", "it has no videos"),
        ("confusion colour --out colour/x.doc", "x.doc"),
    ],
)
def test_errors_are_one_line(work, monkeypatch, command, says):
    monkeypatch.chdir(work)
    result = run("picture", *command.split())
    assert result.exit_code == 1
    assert says in result.output
    assert result.output.startswith("error: ")
    assert result.output.count("\n") == 1


def test_predictions_are_of_the_split_and_drawn_by_seed(work):
    network, manifest = load_network(work / "colour"), read_manifest(work / "manifest.csv")
    figure = predict_and_plot(network, manifest, count=9, num_clips=1)
    assert [axes.get_title(loc="left").split("true: ")[1] for axes in figure.axes[::2]] == ["red", "green"]
    assert "2 of 2 videos of split test, drawn at random (seed 0)" in figure.get_suptitle()
    numbers = np.array([2, 3, 5, 7, 11])
    assert drawn(numbers, 9, seed=1).tolist() == numbers.tolist()
    pairs = {tuple(drawn(numbers, 2, seed=seed)) for seed in range(50)}
    assert len(pairs) == 10  # every pair comes up
    assert all(first < second for first, second in pairs)
