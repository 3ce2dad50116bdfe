"""Exports say what the Keras network says, appear whole or not at all, and tell an engineer how they are fed."""

import json
import re
import warnings
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf
from colour_network import SPEC, colour_network, scores_by_hand
from typer.testing import CliRunner
from videos import write_counting_video

from videocnn.export import FORMATS, ExportError, export
from videocnn.export.precision import dtype_of, in_float32
from videocnn.layers.winograd import pays
from videocnn.manifest import Manifest, Video, read_manifest, write_manifest
from videocnn.models import SingleFrame, average, load_network, set_clip_spec
from videocnn.video import read_frames


@pytest.fixture
def run(tmp_path):
    """A run folder whose data are there: two videos to test on, one to train on."""
    folder = tmp_path / "run"
    folder.mkdir()
    colour_network().save(folder / "model.keras")
    videos = []
    for number, split in enumerate(("test", "test", "train")):
        write_counting_video(tmp_path / f"{number}.mp4", 9, first=150 * number)
        videos.append(Video(f"{number}.mp4", (SPEC.class_names[number],), split, f"g{number}", 9, 25.0))
    write_manifest(Manifest(tuple(videos), SPEC.class_names, tmp_path), tmp_path / "manifest.csv")
    settings = {
        "arguments": {"model": "slow_fusion"},
        "data": str(tmp_path / "manifest.csv"),
        "manifest_hash": read_manifest(tmp_path / "manifest.csv").hash,
        "class_names": list(SPEC.class_names),
    }
    (folder / "run.json").write_text(json.dumps(settings))
    return folder


@pytest.fixture
def add_format(monkeypatch):
    """Add a format "fake" whose networks answer as `answer(clips)` does."""

    def add(answer, packages=()):
        def write(network, folder):
            (folder / "fake.bin").write_text("fake")

        fake = SimpleNamespace(
            FILE="fake.bin", USE="scores = clips", PACKAGES=packages, write=write, read=lambda folder: answer
        )
        monkeypatch.setitem(FORMATS, "fake", fake)

    return add


def exact(clips):
    return scores_by_hand(clips / SPEC.scale + SPEC.mean)


def names_below(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_a_saved_model_is_fed_by_what_clip_json_says(run, tmp_path):
    exported = export(run, "savedmodel", licence="CC0")
    assert exported.folder == run / "export" / "savedmodel"
    assert {"saved_model.pb", "variables", "clip.json", "README.md"} <= {p.name for p in exported.folder.iterdir()}
    guide = json.loads((exported.folder / "clip.json").read_text())
    assert guide["class_names"] == ["red", "green", "blue"]
    assert guide["input"]["shape"] == ["batch", 3, 16, 20, 3]
    assert (guide["input"]["dtype"], guide["input"]["channels"]) == ("float32", "RGB")
    assert guide["output"]["shape"] == ["batch", 3]
    assert guide["licence"] == "CC0"
    assert "CC0" in (exported.folder / "README.md").read_text()
    check = guide["check"]
    assert check["real_videos"] is True
    assert check["clips"].startswith("4 clips (centre view and mirror image) of 2 videos of split test")
    assert str(tmp_path.parent) not in (exported.folder / "clip.json").read_text()  # it goes to strangers
    assert 0 <= check["largest_difference"] <= check["tolerance"] == 1e-4

    preparation, sampling = guide["preprocessing"], guide["sampling"]
    (height, width), (crop_height, crop_width) = preparation["region_size"], preparation["frame_size"]
    indices = [4 + k * sampling["frame_step"] for k in range(sampling["num_frames"])]
    region = read_frames(tmp_path / "2.mp4", indices, (height, width), crop_to_aspect_ratio=True)
    top, left = (height - crop_height) // 2, (width - crop_width) // 2
    pixels = region[:, top : top + crop_height, left : left + crop_width].astype("float32")
    clip = (pixels - np.float32(preparation["mean"])) * np.float32(preparation["scale"])
    serve = tf.saved_model.load(exported.folder).signatures["serving_default"]
    scores = serve(**{guide["input"]["name"]: tf.constant(clip[None])})[guide["output"]["name"]].numpy()
    np.testing.assert_allclose(scores, scores_by_hand(pixels[None]), atol=1e-5)
    assert f"centre begins at row {top}, column {left}" in " ".join(guide["steps"])


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (lambda clips: exact(clips) + np.array([0.01, 0, 0]), r"differ by 0\.01 on 4 clips, 0\.0001 is allowed"),
        (lambda clips: exact(clips) * np.nan, "differ by nan"),
        (lambda clips: exact(clips[:1]), "differ by nan"),
        (lambda clips: exact(clips[..., ::-1]), "differ by"),
    ],
)
def test_an_export_that_says_something_else_is_an_error_and_leaves_nothing(run, add_format, wrong, says):
    add_format(wrong)
    before = names_below(run.parent)
    with pytest.raises(ExportError, match=says):
        export(run, "fake", run.parent / "out")
    assert names_below(run.parent) == before


def test_a_converter_that_fails_leaves_nothing(run, add_format, monkeypatch):
    add_format(exact)

    def fail(network, folder):
        (folder / "half").write_text("half")
        raise RuntimeError("no such operation\nand a long trace")

    monkeypatch.setattr(FORMATS["fake"], "write", fail)
    before = names_below(run)
    with pytest.raises(ExportError, match=r"fake: the converter failed \(no such operation\)"):
        export(run, "fake")
    assert names_below(run) == before


def test_convolutions_are_exported_as_one_operation(run, add_format, monkeypatch):
    add_format(exact)
    size = (None, 27, 27, 192), (5, 5, 192, 256), "same", "float32"
    while_writing = []
    write = FORMATS["fake"].write
    monkeypatch.setattr(FORMATS["fake"], "write", lambda *given: while_writing.append(pays(*size)) or write(*given))
    export(run, "fake")
    assert while_writing == [False]
    assert pays(*size)


@pytest.mark.parametrize("to", ["savedmodel", "tflite", pytest.param("onnx", marks=pytest.mark.slow)])
def test_the_card_of_an_export_is_about_the_export(run, to, monkeypatch):
    """What it says is done in its own folder; the run's own card stays about the run."""
    if to == "onnx":
        pytest.importorskip("tf2onnx")
    exported = export(run, to)
    card = (exported.folder / "README.md").read_text()
    for words in ("videocnn predict", "model.keras", "Written anew", "folder of its own", "<!--"):
        assert words not in card
    assert f"`{exported.file.name}`" in card
    assert "`clip.json`" in card
    assert "videocnn predict model.keras VIDEO" in (run / "README.md").read_text()
    (code,) = re.findall(r"```python\n(.*?)```", card, re.S)
    monkeypatch.chdir(exported.folder)
    clips = np.random.default_rng(0).normal(size=(1, 3, 16, 20, 3)).astype("float32")
    space = {"clips": clips}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"\s*Warning: tf\.lite\.Interpreter is deprecated", UserWarning)
        exec(code, space)
    np.testing.assert_allclose(space["scores"], exact(clips), atol=1e-4)


def test_what_is_there_is_replaced_only_when_asked_and_only_an_export(run, add_format):
    add_format(exact)
    out = run.parent / "out"
    export(run, "fake", out)
    (out / "mark").write_text("first")
    with pytest.raises(ExportError, match=r"out: exists already.*--overwrite"):
        export(run, "fake", out)
    assert (out / "mark").is_file()
    add_format(lambda clips: exact(clips) + 1)
    with pytest.raises(ExportError, match="differ by 1 "):
        export(run, "fake", out, overwrite=True)
    assert (out / "mark").is_file()  # a failed export leaves the older one
    add_format(exact)
    export(run, "fake", out, overwrite=True)
    assert sorted(path.name for path in out.iterdir()) == ["README.md", "clip.json", "fake.bin"]
    assert not [path for path in run.parent.iterdir() if path.name.startswith(".")]
    with pytest.raises(ExportError, match="run: is not an export"):
        export(run, "fake", run, overwrite=True)
    with pytest.raises(ExportError, match="is a file"):
        export(run, "fake", run / "run.json", overwrite=True)
    assert (run / "model.keras").is_file()


def test_unknown_formats_and_missing_packages_are_named(run, add_format):
    with pytest.raises(ExportError, match="'pickle' is not known; choose one of savedmodel, onnx, tflite"):
        export(run, "pickle")
    add_format(exact, packages=("videocnn", "not_there_at_all"))
    with pytest.raises(ExportError, match=r"fake needs not_there_at_all: pip install 'videocnn\[export\]'"):
        export(run, "fake")


def test_without_the_runs_videos_some_must_be_given(run, add_format, tmp_path):
    add_format(exact)
    (tmp_path / "manifest.csv").unlink()
    with pytest.raises(ExportError, match=r"videos cannot be had.*--check VIDEO"):
        export(run, "fake")
    alone = tmp_path / "alone.keras"
    colour_network().save(alone)
    with pytest.raises(ExportError, match=r"not a run folder.*--check VIDEO"):
        export(alone, "fake")
    exported = export(alone, "fake", tmp_path / "a", check=[tmp_path / "0.mp4"])
    assert exported.check["clips"] == "2 clips (centre view and mirror image) of 1 video given with --check"
    assert not (exported.folder / "README.md").exists()  # a model card is about a run
    with pytest.raises(ExportError, match=r"--check: .*absent\.mp4"):
        export(alone, "fake", tmp_path / "b", check=[tmp_path / "absent.mp4"])
    exported = export(alone, "fake", tmp_path / "c", check=["random"], seed=3)
    assert exported.check["real_videos"] is False
    assert exported.check["clips"] == "4 clips of random pixels (seed 3), no videos"


def test_a_diverged_network_is_refused(run, add_format):
    add_format(exact)
    network = load_network(run)
    network.get_layer("predictions").set_weights([np.full((3, 3), np.nan, "float32"), np.zeros(3, "float32")])
    network.save(run / "model.keras")
    with pytest.raises(ExportError, match="no probabilities"):
        export(run, "fake")


def half_network(name, seed):
    keras.utils.set_random_seed(seed)
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        network = SingleFrame(classes=3, width=0.03, input_shape=(1, 16, 20, 3), norm="batch", name=name)
    finally:
        keras.config.set_dtype_policy(policy)
    set_clip_spec(network, class_names=SPEC.class_names, scale=1 / 60)
    last = network.get_layer("predictions")  # sure of what it says, as after training
    last.set_weights([20 * weight for weight in last.get_weights()])
    return network


def test_bfloat16_is_exported_as_float32(tmp_path, add_format, monkeypatch):
    """Of an average too, whose members are networks within the network."""
    network = average([half_network("one", 1), half_network("two", 2)])
    assert dtype_of(network) == "bfloat16"
    copy = in_float32(network)
    assert dtype_of(copy) == "float32"
    assert in_float32(copy) is copy
    clips = np.random.default_rng(0).normal(0, 1, (5, 1, 16, 20, 3)).astype("float32")
    halves = [np.asarray(member(clips)) for member in (network, copy)]
    np.testing.assert_allclose(*halves, atol=0.05)
    assert abs(halves[0] - halves[1]).max() > 1e-5

    network.save(tmp_path / "half.keras")
    written = []
    add_format(lambda clips: np.asarray(written[0](clips)))
    monkeypatch.setattr(FORMATS["fake"], "write", lambda network, folder: written.append(network))
    check = export(tmp_path / "half.keras", "fake", check=["random"]).check
    assert dtype_of(written[0]) == "float32"
    assert (check["network_dtype"], check["exported_dtype"]) == ("bfloat16", "float32")
    assert (
        check["largest_difference_in_float32"] <= 1e-6 < 1e-5 < check["largest_difference"] <= check["tolerance"] == 0.1
    )


def test_the_command_says_what_was_compared(run, add_format, monkeypatch):
    from videocnn.cli import make_app

    add_format(exact)
    app = make_app()
    result = CliRunner().invoke(app, ["export", str(run), "--to", "fake", "--check", str(run.parent / "1.mp4")])
    assert result.exit_code == 0, result.output
    assert "checked on 2 clips (centre view and mirror image) of 1 video given with --check" in result.stdout
    assert "allowed 0.0001" in result.stdout
    result = CliRunner().invoke(app, ["export", str(run), "--to", "fake"])
    assert result.exit_code == 1
    assert result.stderr.startswith("error: ")
    assert "exists already" in result.stderr
