"""The network of a regime: what is copied, what is new, what learns, and that nothing else ever moves."""

import keras
import numpy as np
import pytest

from videocnn.models import (
    EarlyFusion,
    LateFusion,
    ModelError,
    SingleFrame,
    SlowFusion,
    average,
    clip_spec,
    load_model,
    set_clip_spec,
    with_pooled_head,
)
from videocnn.train import TrainArguments
from videocnn.train.training import build_network
from videocnn.transfer import transfer_network
from videocnn.transfer.network import architecture, split_network

BUILDERS = [SingleFrame, EarlyFusion, LateFusion, SlowFusion]
STREAMS = ["full", "multires", "fovea", "context"]
NEW = ("hammer & tongs", "<script>alert(1)</script>", "polo")


def small(builder=SlowFusion, *, pooled=False, **arguments):
    """Return a small network of five classes whose weights, moving statistics too, are all random."""
    frames = {SingleFrame: 1, LateFusion: 2}.get(builder, 10) + bool(arguments.get("frame_difference"))
    options = {"input_shape": (frames, 31, 37, 3), "width": 0.02, "classes": 5, **arguments}
    model = with_pooled_head(builder, **options) if pooled else builder(**options)
    set_clip_spec(model, class_names=tuple("abcde"), scale=0.02)
    rng = np.random.default_rng(3)
    model.set_weights([rng.uniform(0.05, 0.1, weight.shape) for weight in model.get_weights()])
    return model


def clip(model, batch=2):
    return np.random.default_rng(0).uniform(-1, 1, (batch, *model.input_shape[1:])).astype("float32")


def weights(model):
    return {f"{layer.name}/{i}": w for layer in model.layers for i, w in enumerate(layer.get_weights())}


def train_a_little(network):
    """Take two large steps with plain Keras, eagerly: the steps of a small network cost less than their compilation."""
    trainer = keras.Model(network.input, network.output)
    trainer.compile(keras.optimizers.SGD(0.5, momentum=0.9), "categorical_crossentropy", run_eagerly=True)
    for row in range(2):
        trainer.train_on_batch(clip(network), np.eye(len(NEW), dtype="float32")[[row, 2]])


def check_frozen(builder, stream, regime):
    pretrained = small(builder, stream=stream, norm="batch")
    before = weights(pretrained)
    network = transfer_network(pretrained, NEW, regime, dropout=0.1)
    start = weights(network)
    train_a_little(network)
    learnt = {name for name, weight in weights(network).items() if not np.array_equal(weight, start[name])}
    layers = {"top": ["predictions"], "top3": ["fc6", "fc7", "predictions"]}[regime]
    assert {name.split("/")[0] for name in learnt} == set(layers)
    for name, weight in weights(network).items():
        if name.split("/")[0] not in layers:  # batch normalisation's moving statistics among them
            np.testing.assert_array_equal(weight, before[name])
    for name, weight in weights(pretrained).items():
        np.testing.assert_array_equal(weight, before[name])


@pytest.mark.parametrize(
    ("builder", "stream", "regime"),
    [(SlowFusion, "full", "top"), (LateFusion, "multires", "top3")],
)
def test_frozen_layers_do_not_move(builder, stream, regime):
    check_frozen(builder, stream, regime)


@pytest.mark.slow
@pytest.mark.parametrize("regime", ["top", "top3"])
@pytest.mark.parametrize("stream", STREAMS)
@pytest.mark.parametrize("builder", BUILDERS)
def test_frozen_layers_of_every_network_do_not_move(builder, stream, regime):
    check_frozen(builder, stream, regime)


def test_all_moves_everything_and_begins_at_the_trained_weights():
    pretrained = small(SingleFrame, norm="batch")
    network = transfer_network(pretrained, NEW, "all", dropout=0.1)
    start = weights(network)
    for name, weight in weights(pretrained).items():
        if not name.startswith("predictions"):
            np.testing.assert_array_equal(start[name], weight)
    train_a_little(network)
    assert all(not np.array_equal(weight, start[name]) for name, weight in weights(network).items())


def test_scratch_takes_nothing_but_the_architecture():
    pretrained = small(EarlyFusion, stream="multires")
    network, again = (transfer_network(pretrained, NEW, "scratch", seed=seed) for seed in (4, 4))
    start = weights(network)
    for name, weight in weights(again).items():
        np.testing.assert_array_equal(weight, start[name])
    for name, weight in weights(pretrained).items():
        if not name.startswith("predictions"):
            assert weight.shape == start[name].shape
            assert not np.array_equal(weight, start[name])
    assert (start["fovea_conv4/0"] != start["context_conv4/0"]).any()
    assert all(layer.trainable for layer in network.layers)


def test_the_seed_decides_the_new_classifier_alone():
    pretrained = small()
    one, other = (weights(transfer_network(pretrained, NEW, "top", seed=seed)) for seed in (1, 2))
    assert [name for name in one if not np.array_equal(one[name], other[name])] == ["predictions/0"]


@pytest.mark.parametrize("regime", ["scratch", "top", "top3", "all"])
def test_dropout_acts_before_layers_that_learn_only(regime):
    network = transfer_network(small(), NEW, regime, dropout=0.9)
    rates = [network.get_layer(name).rate for name in ("fc6_dropout", "fc7_dropout")]
    assert rates == ([0.0, 0.9] if regime == "top" else [0.9, 0.9])


def test_a_frozen_network_can_be_thawed_again():
    top = transfer_network(small(norm="batch"), NEW, "top")
    network = transfer_network(top, ("yes", "no"), "all", dropout=0.3)
    assert all(layer.trainable for layer in network.layers)
    assert network.get_layer("fc6_dropout").rate == 0.3
    assert network.output_shape == (None, 2)


@pytest.mark.parametrize("pooled", [False, True])
def test_clips_are_prepared_as_before_and_outputs_are_named(tmp_path, pooled):
    pretrained = small(frame_difference=True, classifier_activation=None, pooled=pooled)
    network = transfer_network(pretrained, NEW, "top")
    assert clip_spec(network) == clip_spec(pretrained).replace(class_names=NEW)
    x = clip(network)
    scores = keras.ops.convert_to_numpy(network(x))
    np.testing.assert_allclose(scores.sum(axis=1), 1, rtol=1e-5)
    split_network(network, "top")  # shares the layers and must not show in the file
    network.save(tmp_path / "tuned.keras")
    again = load_model(tmp_path / "tuned.keras")
    assert clip_spec(again).class_names == NEW
    assert [layer.name for layer in again.layers if layer.trainable and layer.weights] == ["predictions"]
    np.testing.assert_allclose(keras.ops.convert_to_numpy(again(x)), scores, rtol=1e-6)


@pytest.mark.parametrize(("regime", "pooled"), [("top", False), ("top3", False), ("top", True)])
def test_a_network_is_its_frozen_part_and_its_head(regime, pooled):
    network = transfer_network(small(LateFusion, pooled=pooled), NEW, regime)
    frozen, head = split_network(network, regime)
    x = clip(network)
    whole, parts = (keras.ops.convert_to_numpy(y) for y in (network(x), head(frozen(x))))
    np.testing.assert_allclose(parts, whole, rtol=1e-5)
    assert not frozen.trainable_weights
    assert len(head.trainable_weights) == len(network.trainable_weights) == (6 if regime == "top3" else 2)


def test_arithmetic_can_be_changed_and_is_kept_otherwise():
    half = transfer_network(small(SingleFrame), NEW, "top", dtype="bfloat16")
    assert half.get_layer("conv2").compute_dtype == "bfloat16"
    assert {half.get_layer(name).compute_dtype for name in ("clip", "predictions")} == {"float32"}
    assert transfer_network(half, NEW, "top").get_layer("conv2").compute_dtype == "bfloat16"
    assert transfer_network(half, NEW, "top", dtype="float32").get_layer("conv2").compute_dtype == "float32"


@pytest.mark.parametrize(
    ("model", "regime", "message"),
    [
        (lambda: small(pooled=True), "top3", "regime='top3'.*'top' .* or 'all'"),
        (lambda: small(), "top2", "regime='top2'.*scratch, top, top3, all"),
        (lambda: average([small(), small()]), "top", "predictions, .* one of its members"),
        (lambda: small(include_top=False), "all", "pool5, .*fc6"),
    ],
)
def test_impossible_regimes_are_refused(model, regime, message):
    def build():
        try:
            return model()
        except ModelError:  # a network without its top has no outputs to name
            return SlowFusion(include_top=False, input_shape=(10, 31, 37, 3), width=0.02)

    with pytest.raises(ModelError, match=message):
        transfer_network(build(), NEW, regime)


@pytest.mark.parametrize(
    "given",
    [
        {"model": "single_frame", "norm": "none", "width": 0.05},
        {"model": "early_fusion", "frame_difference": True, "recipe": "modern", "width": 0.0625, "dtype": "bfloat16"},
        {"model": "late_fusion", "stream": "multires", "norm": "batch", "width": 0.0625},
        {"model": "slow_fusion", "stream": "context", "width": 0.0625, "scale": 0.5},
        {"model": "slow_fusion", "stream": "fovea", "head": "pool", "recipe": "modern", "width": 0.125},
    ],
)
def test_a_network_tells_its_architecture(given):
    arguments = TrainArguments(frame_size=48, **given).resolve()
    told = architecture(build_network(arguments, ("yes", "no")))
    assert told.pop("width") == pytest.approx(arguments.width, rel=0.01)
    assert told == {name: getattr(arguments, name) for name in told}
