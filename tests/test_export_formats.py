"""Every kind of network in every format, against Keras, by the runtimes that others serve them with."""

import json
import os
import subprocess
import sys
import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf

from videocnn.export import export
from videocnn.models import (
    EarlyFusion,
    LateFusion,
    SingleFrame,
    SlowFusion,
    average,
    load_model,
    set_clip_spec,
    with_pooled_head,
)

SIZE = {"width": 0.0625, "classes": 3}


def small(builder, frames, size=32, **options):
    return builder(input_shape=(frames, size, size + 6, 3), **SIZE, **options)


def half():
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        return with_pooled_head(
            SlowFusion, 3, width=0.0625, input_shape=(11, 32, 38, 3), frame_difference=True, norm="batch"
        )
    finally:
        keras.config.set_dtype_policy(policy)


KINDS = {
    "single_frame": lambda: small(SingleFrame, 1),
    "early_fusion": lambda: small(EarlyFusion, 10, norm=None),
    "late_fusion": lambda: small(LateFusion, 2, norm="batch"),
    "slow_fusion-multires": lambda: small(SlowFusion, 10, 48, stream="multires"),
    "slow_fusion-difference-pooled-bfloat16": half,
    "average": lambda: average([small(SingleFrame, 1), small(LateFusion, 2)]),
}


def run_saved_model(folder, clips):
    return tf.saved_model.load(folder).signatures["serving_default"](frames=tf.constant(clips))["output_0"].numpy()


def run_onnx(folder, clips):
    import onnxruntime

    session = onnxruntime.InferenceSession(folder / "model.onnx", providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: clips})[0]


def run_tflite(folder, clips):
    content = (folder / "model.tflite").read_bytes()
    assert b"Flex" not in content
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"\s*Warning: tf\.lite\.Interpreter is deprecated", UserWarning)
        interpreter = tf.lite.Interpreter(model_content=content)
    interpreter.allocate_tensors()
    (entry,), (exit,) = interpreter.get_input_details(), interpreter.get_output_details()
    scores = []
    for clip in clips:
        interpreter.set_tensor(entry["index"], clip[None])
        interpreter.invoke()
        scores.append(interpreter.get_tensor(exit["index"])[0])
    return np.array(scores)


RUN = {"savedmodel": run_saved_model, "onnx": run_onnx, "tflite": run_tflite}


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("to", RUN)
def test_exported_networks_say_what_keras_says(tmp_path, kind, to):
    if to == "onnx":
        for name in ("onnx", "tf2onnx", "onnxruntime"):
            pytest.importorskip(name, reason="the extra export is not installed")
    network = KINDS[kind]()
    rng = np.random.default_rng(0)
    for layer in network.layers:  # moving statistics of their own, as after training
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.set_weights([rng.uniform(0.5, 2, weight.shape) for weight in layer.get_weights()])
    set_clip_spec(network, class_names=("red", "green", "blue"), scale=1 / 60)
    network.save(tmp_path / "model.keras")
    exported = export(tmp_path / "model.keras", to, check=["random"])
    clips = rng.normal(0, 1, (3, *network.input_shape[1:])).astype("float32")
    expected = np.asarray(load_model(tmp_path / "model.keras")(clips))
    tolerance = 0.05 if "bfloat16" in kind else 1e-5
    np.testing.assert_allclose(RUN[to](exported.folder, clips), expected, atol=tolerance)
    assert np.ptp(expected, axis=0).max() > 1e-4  # the clips are told apart at all
    assert exported.check["largest_difference"] <= tolerance
    shape = json.loads((exported.folder / "clip.json").read_text())["input"]["shape"]
    assert shape == [1 if to == "tflite" else "batch", *network.input_shape[1:]]


@pytest.mark.slow
def test_a_saved_model_needs_no_keras(tmp_path):
    """In a process of its own, where neither Keras nor this package can be imported."""
    network = small(SlowFusion, 10)
    set_clip_spec(network, class_names=("red", "green", "blue"))
    network.save(tmp_path / "model.keras")
    folder = export(tmp_path / "model.keras", "savedmodel", check=["random"]).folder
    program = (
        "import sys; sys.modules['videocnn'] = sys.modules['keras'] = None\n"
        "import tensorflow as tf\n"
        f"scores = tf.saved_model.load({str(folder)!r}).signatures['serving_default'](\n"
        "    frames=tf.zeros((2, 10, 32, 38, 3)))['output_0']\n"
        "assert scores.shape == (2, 3) and abs(float(tf.reduce_sum(scores)) - 2) < 1e-5, scores\n"
    )
    environment = {**os.environ, "PYTHONPATH": ""}
    subprocess.run([sys.executable, "-c", program], check=True, cwd=tmp_path, env=environment, timeout=500)
