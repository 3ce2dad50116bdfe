"""The four networks: the paper's sizes, its equivalences, values computed by hand, and what is refused."""

import doctest

import keras
import numpy as np
import pytest
from keras import ops

import videocnn.layers.tower
import videocnn.models.fusion
import videocnn.models.interface
from videocnn.layers import Context, Fovea
from videocnn.models import (
    EarlyFusion,
    LateFusion,
    ModelError,
    SingleFrame,
    SlowFusion,
    average,
    clip_spec,
    decode_predictions,
    load_model,
    preprocess_input,
    set_clip_spec,
    with_pooled_head,
)

BUILDERS = [SingleFrame, EarlyFusion, LateFusion, SlowFusion]
STREAMS = ["full", "multires", "fovea", "context"]
# Section 1 of the paper's reading, 487 classes: the convolutions, full, multires, and either stream alone.
PARAMETERS = {
    SingleFrame: (3_747_200, 73_908_071, 129_035_495, 73_908_071, 73_908_071),
    EarlyFusion: (4_060_832, 74_221_703, 129_662_759, 74_221_703, 74_221_703),
    LateFusion: (3_747_200, 125_288_295, 231_795_943, 125_288_295, 125_288_295),
    SlowFusion: (5_350_880, 75_511_751, 132_242_855, 75_511_751, 75_511_751),
}
each_builder = pytest.mark.parametrize("builder", BUILDERS, ids=lambda builder: builder.__name__)
SMALL = {"width": 0.04, "classes": 5}


def clip(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-117, 138, shape).astype("float32")


def scores(model: keras.Model, x: np.ndarray) -> np.ndarray:
    return ops.convert_to_numpy(model(x, training=False))


def small(builder, size: tuple = (31, 37), **arguments) -> keras.Model:
    frames = {SingleFrame: 1, LateFusion: 2}.get(builder, 10) + bool(arguments.get("frame_difference"))
    return builder(**{"input_shape": (frames, *size, 3), **SMALL, **arguments})


@each_builder
@pytest.mark.parametrize("stream", STREAMS)
def test_parameter_counts_are_the_papers(builder, stream):
    # Full-size networks are counted, not run: in this scope weights have a shape but no memory.
    with keras.StatelessScope(initialize_variables=False):
        model = builder(stream=stream)
    conv_stack, *whole = PARAMETERS[builder]
    assert model.count_params() == whole[STREAMS.index(stream)]
    convolutions = sum(layer.count_params() for layer in model.layers if "conv" in layer.name)
    assert convolutions == conv_stack * (2 if stream == "multires" else 1)
    assert model.output_shape == (None, 487)
    keras.utils.clear_session()


def test_shapes_along_slow_fusion():
    model = SlowFusion(width=0.125)
    shapes = {layer.name: tuple(layer.output.shape[1:]) for layer in model.layers}
    assert shapes == {
        "frames": (10, 170, 170, 3),
        "clip": (10, 170, 170, 3),
        **dict.fromkeys(("conv1", "norm1"), (4, 54, 54, 12)),
        "pool1": (4, 27, 27, 12),
        **dict.fromkeys(("conv2", "norm2"), (2, 27, 27, 32)),
        "pool2": (2, 14, 14, 32),
        "conv3": (1, 14, 14, 48),
        "conv4": (1, 14, 14, 48),
        "conv5": (1, 14, 14, 32),
        "pool5": (1, 7, 7, 32),
        "flatten": (1568,),
        **dict.fromkeys(("fc6", "fc6_dropout", "fc7", "fc7_dropout"), (512,)),
        "predictions": (487,),
    }


@each_builder
def test_streams_end_at_seven_by_seven_and_join_in_the_channels(builder):
    frames = 2 if builder is LateFusion else 1
    for stream, channels in zip(STREAMS, (32, 64, 32, 32), strict=True):
        model = builder(include_top=False, width=0.125, stream=stream)
        assert model.output_shape == (None, frames, 7, 7, channels)
        assert model.input_shape[2:] == ((170, 170, 3) if stream == "full" else (178, 178, 3))


def test_stream_layers_are_named_by_stream_and_have_weights_of_their_own():
    model = small(LateFusion, (40, 44), stream="multires")
    names = [layer.name for layer in model.layers]
    for part in ("conv1", "norm1", "pool1", "conv2", "norm2", "pool2", "conv3", "conv4", "conv5"):
        assert {f"fovea_{part}", f"context_{part}"} <= set(names)
    assert not any(name.endswith("pool5") for name in names)
    fovea, context = (model.get_layer(f"{prefix}_conv1").kernel for prefix in ("fovea", "context"))
    assert fovea is not context
    assert np.abs(ops.convert_to_numpy(fovea - context)).max() > 0


def test_one_stream_is_the_tower_on_what_that_stream_sees():
    x = clip(2, 1, 46, 54, 3)
    full = small(SingleFrame, (23, 27), include_top=False)
    before_pool5 = keras.Model(full.input, full.get_layer("conv5").output)
    for stream, layer in (("fovea", Fovea()), ("context", Context())):
        model = small(SingleFrame, (46, 54), include_top=False, stream=stream)
        model.set_weights(full.get_weights())
        np.testing.assert_allclose(scores(model, x), scores(before_pool5, layer(x)), rtol=1e-5, atol=1e-5)


# Values, computed independently


def numpy_tower(model: keras.Model, x: np.ndarray, time: dict) -> np.ndarray:
    """The paper's formulas in loops: convolution, ReLU, response normalisation, pooling with ceiling."""

    def conv(x, name, stride=1, padding=0):
        kernel, bias = (ops.convert_to_numpy(weight) for weight in model.get_layer(name).weights)
        taps, step = time.get(name, (1, 1))
        assert kernel.shape[0] == taps
        x = np.pad(x, [(0, 0), (0, 0), (padding, padding), (padding, padding), (0, 0)])
        windows = np.lib.stride_tricks.sliding_window_view(x, kernel.shape[:3], axis=(1, 2, 3))
        windows = windows[:, ::step, ::stride, ::stride]
        return np.maximum(np.einsum("bthwcijk,ijkcf->bthwf", windows, kernel, optimize=True) + bias, 0)

    def normalise(x):
        channels = range(x.shape[-1])
        sums = [sum(x[..., j] ** 2 for j in channels if abs(j - c) <= 2) for c in channels]
        return x / (2 + 1e-4 * np.stack(sums, axis=-1)) ** 0.5

    def pool(x):
        rows, columns = ((size + 1) // 2 for size in x.shape[2:4])
        result = np.empty((*x.shape[:2], rows, columns, x.shape[-1]), x.dtype)
        for i, j in np.ndindex(rows, columns):
            result[:, :, i, j] = x[:, :, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2].max(axis=(2, 3))
        return result

    x = pool(normalise(conv(x.astype("float64"), "conv1", stride=3)))
    x = pool(normalise(conv(x, "conv2", padding=2)))
    x = conv(conv(conv(x, "conv3", padding=1), "conv4", padding=1), "conv5", padding=1)
    return pool(x)


def numpy_classifier(model: keras.Model, x: np.ndarray) -> np.ndarray:
    x = x.reshape(len(x), -1)
    for name in ("fc6", "fc7", "predictions"):
        kernel, bias = (ops.convert_to_numpy(weight) for weight in model.get_layer(name).weights)
        x = x @ kernel + bias
        x = np.maximum(x, 0) if name != "predictions" else x
    x = np.exp(x - x.max(axis=1, keepdims=True))
    return x / x.sum(axis=1, keepdims=True)


@pytest.mark.parametrize(
    ("builder", "time"),
    [
        (SingleFrame, {}),
        (EarlyFusion, {"conv1": (10, 1)}),
        (LateFusion, {}),
        (SlowFusion, {"conv1": (4, 2), "conv2": (2, 2), "conv3": (2, 2)}),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_scores_are_the_papers_formulas(builder, time):
    model = small(builder, (41, 47), width=0.08)
    for layer in model.layers:
        if layer.weights:
            layer.bias.assign(np.random.default_rng(1).normal(size=layer.bias.shape) * 0.1)
    x = clip(3, *model.input_shape[1:])
    expected = numpy_classifier(model, numpy_tower(model, x, time))
    assert expected.std(axis=0).max() > 1e-3  # the clips must not all look alike to the network
    np.testing.assert_allclose(scores(model, x), expected, rtol=1e-3, atol=1e-5)


# Equivalences that the paper implies


def test_early_fusion_of_one_frame_is_single_frame():
    single, early = small(SingleFrame), small(EarlyFusion, input_shape=(1, 31, 37, 3))
    early.set_weights(single.get_weights())
    x = clip(2, 1, 31, 37, 3)
    np.testing.assert_array_equal(scores(early, x), scores(single, x))


def test_early_fusion_of_a_still_clip_is_single_frame_with_kernels_summed_over_time():
    early, single = small(EarlyFusion), small(SingleFrame)
    weights = early.get_weights()
    single.set_weights([weights[0].sum(axis=0, keepdims=True), *weights[1:]])
    x = clip(2, 1, 31, 37, 3)
    np.testing.assert_allclose(scores(early, x.repeat(10, axis=1)), scores(single, x), rtol=1e-4)


def test_late_fusion_is_two_single_frame_towers_with_shared_weights():
    late, single = small(LateFusion, include_top=False), small(SingleFrame, include_top=False)
    single.set_weights(late.get_weights())
    x = clip(2, 2, 31, 37, 3)
    expected = np.concatenate([scores(single, x[:, :1]), scores(single, x[:, 1:])], axis=1)
    np.testing.assert_allclose(scores(late, x), expected, rtol=1e-5, atol=1e-5)


def test_late_fusion_ignores_the_frames_between_its_two():
    model = average([small(LateFusion), small(SingleFrame)])
    x = clip(1, 16, 31, 37, 3).repeat(17, axis=0)
    x[np.arange(16), np.arange(16)] = 0  # clip i lacks frame i, the last one is whole
    result = scores(model, x)
    changed = np.flatnonzero(np.abs(result[:16] - result[16]).max(axis=1) > 1e-5)
    assert changed.tolist() == [0, 7, 15]  # 7 is the single-frame network's


@pytest.mark.parametrize("frames", [10, 18])
def test_slow_fusion_looks_at_every_frame(frames):
    tf = pytest.importorskip("tensorflow")
    model = small(SlowFusion, input_shape=(frames, 31, 37, 3))
    x = tf.constant(clip(2, frames, 31, 37, 3))
    with tf.GradientTape() as tape:
        tape.watch(x)
        loss = tf.reduce_sum(model(x)[:, 0])
    gradient = tape.gradient(loss, x).numpy()
    assert (np.abs(gradient).max(axis=(0, 2, 3, 4)) > 0).all()


@pytest.mark.parametrize(
    ("builder", "stream", "norm"),
    [
        (SingleFrame, "full", None),
        (SingleFrame, "context", "batch"),
        (EarlyFusion, "multires", "lrn"),
        (LateFusion, "multires", "batch"),
        (SlowFusion, "full", "lrn"),
        (SlowFusion, "fovea", "batch"),
    ],
)
def test_every_weight_learns(builder, stream, norm):
    tf = pytest.importorskip("tensorflow")
    keras.utils.set_random_seed(1)
    model = small(builder, (44, 46), width=0.08, stream=stream, norm=norm, dropout=0.0)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(tf.math.log(model(clip(4, *model.input_shape[1:]) / 60, training=True))[:, 0])
    for weight, gradient in zip(
        model.trainable_weights, tape.gradient(loss, [w.value for w in model.trainable_weights]), strict=True
    ):
        assert np.isfinite(gradient.numpy()).all(), weight.path
        assert np.abs(gradient.numpy()).max() > 0, weight.path


# Arguments


def test_signatures_are_one():
    import inspect

    expected = (
        "include_top weights input_shape pooling classes classifier_activation stream width norm dropout name "
        "frame_difference"
    )
    for builder in BUILDERS:
        parameters = inspect.signature(builder).parameters
        assert " ".join(parameters) == expected
        assert [p.kind.name for p in parameters.values()] == ["POSITIONAL_OR_KEYWORD"] * 6 + ["KEYWORD_ONLY"] * 6


@each_builder
def test_pooling_keeps_each_frames_channels_apart(builder):
    features = small(builder, include_top=False)
    x = clip(2, *features.input_shape[1:])
    values = scores(features, x)
    for pooling, reduce in (("avg", np.mean), ("max", np.max)):
        model = small(builder, include_top=False, pooling=pooling)
        model.set_weights(features.get_weights())
        np.testing.assert_allclose(scores(model, x), reduce(values, axis=(2, 3)).reshape(2, -1), rtol=1e-5, atol=1e-6)


def test_width_norm_dropout_and_activation_reach_the_layers():
    model = small(SingleFrame, width=0.5, norm="batch", dropout=0.25, classifier_activation=None)
    assert [model.get_layer(f"conv{i}").filters for i in range(1, 6)] == [48, 128, 192, 192, 128]
    assert model.get_layer("fc7").units == 2048
    assert isinstance(model.get_layer("norm2"), keras.layers.BatchNormalization)
    assert model.get_layer("fc6_dropout").rate == 0.25
    assert not np.allclose(scores(model, clip(2, 1, 31, 37, 3)).sum(axis=1), 1)
    assert "norm1" not in [layer.name for layer in small(SingleFrame, norm=None).layers]


@pytest.mark.parametrize("stream", ["full", "multires"])
@pytest.mark.parametrize("builder", [EarlyFusion, SlowFusion])
def test_frame_difference_sees_change_and_nothing_else(builder, stream):
    model = small(builder, (44, 46), frame_difference=True, stream=stream)
    assert clip_spec(model).num_frames == 11
    assert model.get_layer("conv1" if stream == "full" else "fovea_conv1").kernel.shape[3] == 1
    still = clip(2, 1, 44, 46, 3).repeat(11, axis=1)
    moving = clip(2, 11, 44, 46, 3)
    np.testing.assert_allclose(scores(model, still)[0], scores(model, 0 * still)[1], atol=1e-5)
    np.testing.assert_allclose(scores(model, moving + 20), scores(model, moving), atol=1e-4)
    assert np.abs(scores(model, moving) - scores(model, still)).max() > 1e-4


@pytest.mark.parametrize(
    ("builder", "arguments", "message"),
    [
        (SingleFrame, {"stream": "foveal"}, "stream='foveal'.*'full', 'multires'"),
        (SingleFrame, {"norm": "layer"}, "norm='layer'.*'lrn', 'batch', None"),
        (SingleFrame, {"pooling": "mean"}, "pooling='mean'"),
        (SingleFrame, {"classes": 0}, "classes=0"),
        (SingleFrame, {"classes": 10.0}, "classes=10.0"),
        (SingleFrame, {"width": 0}, "width=0"),
        (SingleFrame, {"width": "x"}, "width='x'"),
        (SingleFrame, {"width": float("inf")}, "width=inf"),
        (SingleFrame, {"dropout": 1.0}, "dropout=1.0"),
        (SingleFrame, {"dropout": "a"}, "dropout='a'"),
        (SingleFrame, {"input_shape": 170}, "input_shape=170"),
        (SingleFrame, {"input_shape": (170, 170, 3)}, r"input_shape=\(170, 170, 3\).*\(frames, height"),
        (SlowFusion, {"input_shape": (10, None, None, 3)}, r"input_shape=\(10, None, None, 3\)"),
        (SlowFusion, {"input_shape": (10, 64, 64, 1)}, r"\(10, 64, 64, 1\).*\(frames, height, width, 3\)"),
        (SingleFrame, {"input_shape": (2, 64, 64, 3)}, "2 frames"),
        (LateFusion, {"input_shape": (1, 64, 64, 3)}, "1 frame"),
        (SlowFusion, {"input_shape": (10, 10, 64, 3)}, "11 pixels"),
        (EarlyFusion, {"input_shape": (10, 21, 64, 3), "stream": "fovea"}, "22 pixels"),
        (SlowFusion, {"input_shape": (11, 64, 64, 3)}, "conv1 .*11 frames.*input_shape"),
        (SlowFusion, {"input_shape": (3, 64, 64, 3)}, "conv1 .*3 frames.*input_shape"),
        (SlowFusion, {"input_shape": (12, 64, 64, 3)}, "conv2 .*5 frames.*input_shape"),
        (SingleFrame, {"frame_difference": True}, "frame_difference=True.*SlowFusion"),
        (LateFusion, {"frame_difference": True}, "frame_difference=True.*SlowFusion"),
        (EarlyFusion, {"frame_difference": True, "input_shape": (1, 64, 64, 3)}, "two frames"),
    ],
)
def test_bad_arguments_are_refused(builder, arguments, message):
    with pytest.raises(ModelError, match=message):
        builder(**{**SMALL, **arguments})


# Saving, precision, training


def test_mixed_bfloat16_trains_in_a_graph_and_scores_in_float32():
    keras.utils.set_random_seed(2)
    x, y = clip(8, 10, 31, 37, 3) / 60, np.arange(8) % 5
    exact = small(SlowFusion)
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = small(SlowFusion)
        features = small(SlowFusion, include_top=False)
    finally:
        keras.config.set_dtype_policy("float32")
    model.set_weights(exact.get_weights())
    result = model(x)
    assert keras.backend.standardize_dtype(result.dtype) == "float32"
    assert keras.backend.standardize_dtype(features(x).dtype) == "bfloat16"
    np.testing.assert_allclose(result, scores(exact, x), rtol=0.1)
    np.testing.assert_allclose(ops.convert_to_numpy(result).sum(axis=1), 1, atol=1e-6)
    model.compile(keras.optimizers.SGD(0.05), "sparse_categorical_crossentropy", jit_compile=False)
    history = model.fit(x, y, batch_size=4, epochs=4, verbose=0).history["loss"]
    assert history[-1] < history[0]
    assert all(weight.dtype == "float32" for weight in model.weights)


# What goes in and what comes out


@pytest.mark.parametrize(
    ("builder", "stream", "num_frames", "frame_step", "span", "size"),
    [
        (SingleFrame, "full", 1, 1, 1, 170),
        (EarlyFusion, "full", 10, 1, 10, 170),
        (LateFusion, "context", 2, 15, 16, 178),
        (SlowFusion, "multires", 10, 1, 10, 178),
    ],
)
def test_networks_know_how_their_clips_are_sampled(builder, stream, num_frames, frame_step, span, size):
    spec = clip_spec(builder(width=0.02, stream=stream))
    assert (spec.num_frames, spec.frame_step, spec.span) == (num_frames, frame_step, span)
    assert (spec.frame_size, spec.region_size) == ((size, size), (200, 200))
    assert (spec.mean, spec.scale, spec.fps, spec.class_names) == (117, 1, None, ())


def test_region_grows_with_the_frame():
    assert clip_spec(small(SingleFrame, (34, 51))).region_size == (40, 60)
    assert clip_spec(small(SingleFrame, (89, 178), stream="fovea")).region_size == (100, 200)


def test_class_names_mean_and_scale_are_saved_with_the_model(tmp_path):
    model = with_pooled_head(SlowFusion, 2, width=0.04, input_shape=(10, 31, 37, 3))
    spec = set_clip_spec(model, class_names=("judo", "polo"), scale=1 / 60, fps=12.5)
    assert clip_spec(model) == spec
    model.save(tmp_path / "model.keras")
    again = load_model(tmp_path / "model.keras")
    assert clip_spec(again) == spec
    assert (spec.class_names, spec.scale, spec.fps, spec.mean) == (("judo", "polo"), 1 / 60, 12.5, 117)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"class_names": ("judo",)}, "1 class names for 5 outputs; build it with classes=1"),
        ({"num_frames": 9}, "do not fit the network's input"),
        ({"frame_size": (37, 31)}, "do not fit the network's input"),
        ({"classnames": ()}, "classnames.*ClipSpec has num_frames, frame_size"),
    ],
)
def test_a_specification_that_does_not_fit_is_refused(changes, message):
    model = small(SlowFusion)
    before = clip_spec(model)
    with pytest.raises(ModelError, match=message):
        set_clip_spec(model, **changes)
    assert clip_spec(model) == before


def test_a_model_of_another_make_is_refused(tmp_path):
    foreign = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    with pytest.raises(ModelError, match="no clip specification"):
        clip_spec(foreign)
    foreign.save(tmp_path / "foreign.keras")
    with pytest.raises(ModelError, match=r"foreign.keras.*no clip specification"):
        load_model(tmp_path / "foreign.keras")
    with pytest.raises(ModelError, match=r"missing.keras"):
        load_model(tmp_path / "missing.keras")
    (tmp_path / "broken.keras").write_bytes(b"PK not a zip")
    with pytest.raises(ModelError, match=r"broken.keras.* cannot be read as a Keras model"):
        load_model(tmp_path / "broken.keras")
    (tmp_path / "model.txt").write_text("")
    with pytest.raises(ModelError, match=r"does not end in .keras"):
        load_model(tmp_path / "model.txt")


def test_pooled_head_is_one_dense_layer_on_mean_features():
    model = with_pooled_head(LateFusion, 3, dropout=0.2, width=0.04, input_shape=(2, 31, 37, 3))
    features = keras.Model(model.input, model.get_layer("pool5").output)
    x = clip(2, 2, 31, 37, 3)
    kernel, bias = model.get_layer("predictions").get_weights()
    logits = scores(features, x).mean(axis=(2, 3)).reshape(2, -1) @ kernel + bias
    np.testing.assert_allclose(scores(model, x), np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True), rtol=1e-4)
    assert model.name == "late_fusion"
    assert model.get_layer("dropout").rate == 0.2


def test_preprocess_input_subtracts_117_without_wrapping_around():
    raw = np.array([[0, 117, 255]], "uint8")
    for x in (raw, ops.convert_to_tensor(raw)):
        result = preprocess_input(x)
        assert keras.backend.standardize_dtype(result.dtype) == "float32"
        np.testing.assert_array_equal(result, [[-117, 0, 138]])
    np.testing.assert_allclose(preprocess_input(raw, mean=55, scale=0.5), [[-27.5, 31, 100]])
    assert raw.tolist() == [[0, 117, 255]]


def test_decode_predictions_names_the_best_first():
    names = ["archery", "[bold]judo", "polo"]
    result = decode_predictions(np.array([[0.2, 0.5, 0.3], [0.4, 0.2, 0.4]]), names, top=2)
    assert result == [[("[bold]judo", 0.5), ("polo", 0.3)], [("archery", 0.4), ("polo", 0.4)]]
    assert len(decode_predictions([[0.2, 0.5, 0.3]], names)[0]) == 3
    with pytest.raises(ModelError, match=r"Scores of shape \(1, 2\) do not fit 3 class names"):
        decode_predictions([[0.5, 0.5]], names)
    for top in (0, "x", 2.5):
        with pytest.raises(ModelError, match=f"top={top!r}"):
            decode_predictions([[0.2, 0.5, 0.3]], names, top=top)


# The pages


@pytest.mark.parametrize("module", [videocnn.layers.tower, videocnn.models.fusion, videocnn.models.interface])
def test_docstring_examples_run(module):
    result = doctest.testmod(module, extraglobs=vars(videocnn.models))
    assert result.attempted > 0
    assert result.failed == 0
