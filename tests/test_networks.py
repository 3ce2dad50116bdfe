"""The table of networks: read without Keras, and enough to add a network; what was built is recorded in the network."""

import subprocess
import sys

import keras
import numpy as np
import pytest
from videos import counting_frames, write_video

from videocnn import models
from videocnn.cli.train import option
from videocnn.manifest import Manifest, Video, write_manifest
from videocnn.models import NETWORKS, clip_spec, load_model, load_network, network_config, set_clip_spec
from videocnn.models.fusion import build
from videocnn.models.options import Network
from videocnn.report.paper.networks import AVERAGED
from videocnn.runs import read_run
from videocnn.train import TrainArguments, train
from videocnn.transfer import finetune, transfer_network

SMALL = {"width": 0.04, "classes": 5}


def small(builder, **arguments):
    frames = {models.SingleFrame: 1, models.LateFusion: 2}.get(builder, 10) + bool(arguments.get("frame_difference"))
    return builder(**{"input_shape": (frames, 44, 46, 3), **SMALL, **arguments})


def test_the_table_is_read_without_keras():
    code = "import sys; from videocnn.models import NETWORKS, STREAMS; import videocnn.train.recipes; " \
        "sys.exit(len(NETWORKS) != 4 or 'keras' in sys.modules or 'numpy' in sys.modules)"  # fmt: skip
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


@pytest.mark.parametrize("name", NETWORKS)
def test_rows_say_what_builders_build(name):
    row = NETWORKS[name]
    model = getattr(models, row.builder)(width=0.02)
    spec, convolutions = clip_spec(model), [model.get_layer(f"conv{i}") for i in (1, 2, 3)]
    assert (model.name, spec.num_frames, spec.frame_step) == (name, row.num_frames, row.frame_step)
    assert tuple(layer.kernel_size[0] for layer in convolutions) == row.kernel_extents()
    assert tuple(layer.strides[0] for layer in convolutions) == row.strides


@pytest.mark.parametrize(
    ("builder", "arguments"),
    [
        (models.SingleFrame, {"norm": None}),
        (models.EarlyFusion, {"frame_difference": True, "norm": "batch"}),
        (models.LateFusion, {"stream": "multires", "dropout": 0.25, "name": "two"}),
        (models.SlowFusion, {"stream": "fovea", "classifier_activation": None}),
        (models.SlowFusion, {"include_top": False, "pooling": "max"}),
    ],
)
def test_a_network_keeps_its_builder_and_arguments(tmp_path, builder, arguments):
    model = small(builder, **arguments)
    set_clip_spec(model, scale=0.5)
    model.save(tmp_path / "model.keras")
    for again in (model, keras.models.clone_model(model), load_model(tmp_path / "model.keras")):
        config = network_config(again)
        assert config["builder"] == builder.__name__
        assert config["head"] == (None if "include_top" in arguments else "paper")
        assert config["arguments"].items() >= {**SMALL, **arguments}.items()
        rebuilt = getattr(models, config["builder"])(**config["arguments"])
        assert [w.shape for w in rebuilt.weights] == [w.shape for w in model.weights]
        assert [layer.name for layer in rebuilt.layers] == [layer.name for layer in model.layers]


@pytest.mark.parametrize("pooled", [False, True])
def test_other_heads_and_classes_are_recorded(pooled):
    model = models.with_pooled_head(models.SlowFusion, 5, width=0.04) if pooled else small(models.SlowFusion)
    config = network_config(transfer_network(model, ("judo", "polo"), "all", dropout=0.75))
    assert config["head"] == ("pool" if pooled else "paper")
    assert (config["arguments"]["classes"], config["arguments"]["dropout"]) == (2, 0.75)
    assert network_config(model)["arguments"]["classes"] == 5


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("arguments", [{"stream": "context"}, {"stream": "multires", "norm": None}, {"pooled": True}])
def test_what_a_file_of_version_0_1_0_was_built_from_is_inferred(name, arguments):
    builder = getattr(models, NETWORKS[name].builder)
    if "pooled" in arguments:
        model = models.with_pooled_head(builder, 5, width=0.125, norm="batch", dropout=0.25)
    else:
        model = small(builder, **{**arguments, "width": 0.0625})
    config = network_config(model)
    model.get_layer("clip").network = None
    assert network_config(model) == config


def test_an_average_has_no_builder():
    assert network_config(models.average([small(models.SingleFrame), small(models.SlowFusion)])) is None


# A fifth network is a row and a builder


def MiddleFusion(
    include_top=True, weights=None, input_shape=None, pooling=None, classes=487, classifier_activation="softmax", *,
    stream="full", width=1.0, norm="lrn", dropout=0.5, name="middle_fusion", frame_difference=False,
):  # fmt: skip
    """Merge 6 frames in pairs in conv1 and the three steps in conv2."""
    return build(NETWORKS["middle_fusion"], locals())


@pytest.fixture
def _fifth(monkeypatch):
    row = Network("Middle Fusion", "MiddleFusion", 6, 1, (2, 3, 1), (2, 1, 1))
    monkeypatch.setitem(NETWORKS, "middle_fusion", row)
    monkeypatch.setattr(models, "MiddleFusion", MiddleFusion, raising=False)


@pytest.mark.usefixtures("_fifth")
def test_a_network_is_added_by_a_row_and_a_builder(tmp_path):
    videos = []
    for number in range(6):
        write_video(tmp_path / f"{number}.mp4", counting_frames(12, 48, 64))
        videos.append(Video(f"{number}.mp4", (("judo", "polo")[number % 2],), "train", f"g{number}", 12, 25.0))
    write_manifest(Manifest(tuple(videos), ("judo", "polo"), tmp_path), tmp_path / "manifest.csv")
    common = {"epochs": 1, "batch_size": 2, "quiet": True}
    trained = train(
        tmp_path / "manifest.csv", tmp_path / "run", model="middle_fusion", width=0.02, frame_size=40, **common
    )
    assert trained.get_layer("conv2").output.shape[1] == 1
    loaded = load_network(tmp_path / "run")
    x = np.random.default_rng(0).uniform(-117, 138, (2, 6, 40, 40, 3)).astype("float32")
    np.testing.assert_array_equal(models.predict_function(loaded)(x), models.predict_function(trained)(x))
    assert network_config(loaded)["builder"] == "MiddleFusion"

    finetune(tmp_path / "run" / "model.keras", tmp_path / "manifest.csv", tmp_path / "tuned", regime="top", **common)
    assert read_run(tmp_path / "tuned")["arguments"]["model"] == "middle_fusion"
    assert "middle_fusion/full" not in AVERAGED
    shown = option(TrainArguments.__dataclass_fields__["model"])
    assert "middle_fusion" in shown.annotation.__metadata__[0].help
