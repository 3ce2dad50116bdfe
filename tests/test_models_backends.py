"""Saved networks give the same scores in a new process, under TensorFlow, JAX and PyTorch."""

import os
import subprocess
import sys

import numpy as np
import pytest

from videocnn.layers import winograd
from videocnn.models import EarlyFusion, LateFusion, SingleFrame, SlowFusion, average, set_clip_spec, with_pooled_head

LOAD_AND_SCORE = """
import sys
import numpy as np
from keras import ops
from videocnn.models import clip_spec, load_model

folder, backend, expected = sys.argv[1:]
if backend != "tensorflow":
    assert "tensorflow" not in sys.modules, "the networks must not import TensorFlow"
results = {}
for name in expected.split(","):
    model = load_model(f"{folder}/{name}.keras")
    assert clip_spec(model).class_names == tuple("abcde"), clip_spec(model)
    # One compilation a network under JAX, instead of one for every operation in it.
    score = model.predict_on_batch if backend == "jax" else lambda x, model=model: model(x, training=False)
    results[name] = ops.convert_to_numpy(score(np.load(f"{folder}/{name}.npy")))
np.savez(f"{folder}/scores_{backend}.npz", **results)
"""


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A folder of networks and clips, and the scores that they get in this process."""
    folder = tmp_path_factory.mktemp("networks")
    small = {"width": 0.04, "classes": 5}
    members = [
        SingleFrame(input_shape=(1, 31, 37, 3), **small),
        LateFusion(input_shape=(2, 31, 37, 3), norm="batch", **small),
        SlowFusion(input_shape=(10, 31, 37, 3), **small),
        SlowFusion(input_shape=(11, 31, 37, 3), frame_difference=True, **small),
    ]
    models = {
        "early": EarlyFusion(input_shape=(10, 62, 46, 3), stream="multires", **small),
        "average": average(members),
        # Wide enough for convolutions with fewer multiplications, which PyTorch does not take.
        "wide": with_pooled_head(SlowFusion, 5, width=0.5, input_shape=(10, 94, 94, 3)),
    }
    assert winograd.pays((None, 14, 14, 96), (5, 5, 96, 128), "same", "float32")
    for model in models.values():
        set_clip_spec(model, class_names=tuple("abcde"))
    scores = {}
    for name, model in models.items():
        x = np.random.default_rng(4).uniform(-117, 138, (3, *model.input_shape[1:])).astype("float32")
        model.save(folder / f"{name}.keras")
        np.save(folder / f"{name}.npy", x)
        scores[name] = np.asarray(model(x, training=False))
    return folder, scores


@pytest.mark.parametrize(
    "backend",
    ["tensorflow", pytest.param("jax", marks=pytest.mark.slow), pytest.param("torch", marks=pytest.mark.slow)],
)
def test_a_saved_network_scores_the_same_in_a_new_process(backend, saved):
    pytest.importorskip(backend)
    folder, scores = saved
    done = subprocess.run(
        [sys.executable, "-c", LOAD_AND_SCORE, str(folder), backend, ",".join(scores)],
        env={**os.environ, "KERAS_BACKEND": backend, "JAX_PLATFORMS": "cpu"},
        stderr=subprocess.PIPE,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    results = np.load(folder / f"scores_{backend}.npz")
    assert set(results) == set(scores)
    for name, expected in scores.items():
        assert expected.std(axis=0).max() > 1e-4, name
        np.testing.assert_allclose(results[name], expected, rtol=1e-4, atol=1e-6, err_msg=name)
