"""The step benchmark runs from end to end on a network so small that its figures mean nothing."""

import importlib.util
import json
import pathlib
import subprocess
import sys

import pytest

STEP = pathlib.Path(__file__).parent.parent / "benchmarks" / "step.py"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "names"),
    [
        (["--dtype", "bfloat16", "--stream", "multires"], {"ours", "plain Keras"}),
        (["--backend", "jax", "--network", "single_frame"], {"ours"}),
        (["--backend", "torch", "--network", "late_fusion"], {"ours"}),
    ],
    ids=["tensorflow", "jax", "torch"],
)
def test_step_reports_every_implementation(options, names, tmp_path):
    torch = importlib.util.find_spec("torch") is not None
    if "--backend" in options:
        pytest.importorskip("torch")
    if "jax" in options:
        pytest.importorskip("jax")
    small = ["--batch", "2", "--size", "46", "--width", "0.05", "--classes", "4", "--seconds", "0.1", "--rounds", "2"]
    command = [sys.executable, str(STEP), *small, *options, "--json", str(tmp_path / "step.json")]
    result = subprocess.run(command, capture_output=True, text=True, timeout=500)
    assert result.returncode == 0, result.stderr
    figures = json.loads((tmp_path / "step.json").read_text())
    if torch:
        names = names | {"PyTorch, channels last", "PyTorch, contiguous"}
    for task in ("train", "infer"):
        assert set(figures[task]["clips_per_second"]) == names
        assert all(len(durations) >= 2 for durations in figures[task]["step_seconds"].values())
        rates = figures[task]["clips_per_second"]
        others = [rate for name, rate in rates.items() if name != "ours"]
        assert figures[task]["ratio"] == pytest.approx(rates["ours"] / max(others))
        assert f"{task:5}  ours / {figures[task]['fastest_other']}: {figures[task]['ratio']:.2f}" in result.stdout
