"""Nothing that the package computes has changed: weights, figures, probabilities, shards, clips, and old files open.

`tests/unchanged/results.py` computes, in a process of its own; the files beside it keep what it gave when that was
written down (`make.py` says when to do so anew). Where the environment is the recorded one (versions of TensorFlow,
Keras, NumPy, PyAV and Pillow, and the processor's kernels), every bit must be the same; elsewhere numbers must lie
within `TOLERANCES`, and whatever no arithmetic decides must be equal all the same. No case is skipped.
"""

import json

import numpy as np
import pytest
from unchanged.results import HERE, Results, compute, fingerprint

# By the first word of a result's name: most that a number may differ by where another machine or version computes.
# Without oneDNN's kernels, on the machine that wrote the results down, weights differed by 7.5e-7, probabilities by
# 1.2e-7 and clips (in grey levels) by 7.6e-6.
TOLERANCES = {"weights": 1e-5, "probabilities": 1e-5, "clips": 1e-4, "figures": 1e-4}
# Hits and ranks jump where two scores are nearly equal, and these networks have learnt so little that some are within
# 1e-6. What figures make of given scores is held within 1e-4 everywhere by "old/compare", which starts from kept ones.
COUNTED, MOST_MOVED = 0.2, 1


def recorded(part):
    return json.loads((HERE / f"{part}.json").read_text(encoding="utf-8"))["fingerprint"]


def differences(expected, found, *, exact):
    """Return a line for each result that differs, is missing or is new."""
    lines = []
    for kind in ("plain", "figures", "digests", "arrays"):
        before, after = getattr(expected, kind), getattr(found, kind)
        lines += [f"{kind} {name}: on one side only" for name in sorted(set(before) ^ set(after))]
    both = [name for name in expected.plain if name in found.plain]
    lines += [f"{name}: {found.plain[name]!r}, not {expected.plain[name]!r}" for name in both
              if found.plain[name] != expected.plain[name]]  # fmt: skip
    if exact:
        for kind in ("digests", "figures"):
            before, after = getattr(expected, kind), getattr(found, kind)
            lines += [f"{name}: is not the same{distance(name, expected, found)}" for name in before
                      if name in after and before[name] != after[name]]  # fmt: skip
        return lines
    for name, figure in expected.figures.items():
        if name in found.figures and not close(figure, found.figures[name], counted=counts(name)):
            lines.append(f"{name}: {found.figures[name]}, not {figure}")
    for name, array in expected.arrays.items():
        limit = TOLERANCES[name.split("/")[0]]
        other = found.arrays.get(name, array)
        if array.shape != other.shape or not np.allclose(array, other, rtol=0, atol=limit):
            lines.append(f"{name}: differs by more than {limit}{distance(name, expected, found)}")
    return lines


def distance(name, expected, found):
    """Say by how much an array differs, for whoever reads a failure."""
    one, other = expected.arrays.get(name), found.arrays.get(name)
    if one is None or other is None or one.shape != other.shape:
        return ""
    return f" (by up to {np.abs(one.astype(np.float64) - other).max():.3g})"


def counts(name):
    """Tell whether a figure counts hits and ranks of scores that were computed here."""
    return name.endswith(("/figures", "/history"))


def close(one, other, *, counted=False, key=""):
    """Tell whether plain values agree: losses closely, what is counted up to a hit or a rank that moved."""
    if isinstance(one, dict) and isinstance(other, dict):
        return set(one) == set(other) and all(close(one[k], other[k], counted=counted, key=k) for k in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(
            close(a, b, counted=counted, key=key) for a, b in zip(one, other, strict=True)
        )
    if isinstance(one, float) and isinstance(other, float):
        closely = not counted or key in ("loss", "val_loss", "learning_rate", "epoch", "clips")
        return abs(one - other) <= (TOLERANCES["figures"] if closely else COUNTED)
    if counted and type(one) is type(other) is int:
        return abs(one - other) <= MOST_MOVED
    return one == other


@pytest.mark.parametrize(
    "part", ["core", pytest.param("old", marks=pytest.mark.slow), pytest.param("runs", marks=pytest.mark.slow)]
)
def test_results_are_those_written_down(part, tmp_path):
    here, there = fingerprint(), recorded(part)
    exact = here == there
    lines = differences(Results.read(HERE, part), compute(part, tmp_path), exact=exact)
    how = "bit for bit" if exact else f"within {TOLERANCES}; computed with {here}, written down with {there}"
    print(f"{part}: compared {how}")
    assert not lines, f"{len(lines)} results differ ({how}):\n" + "\n".join(line[:400] for line in lines)


def test_a_difference_is_seen():
    """In the last bit where the machine is the recorded one, beyond the tolerance elsewhere."""
    array = np.linspace(0, 1, 7, dtype=np.float32)
    expected, same, bit, far = Results(), Results(), Results(), Results()
    for results, values in ((expected, array), (same, array), (bit, np.nextafter(array, 2)), (far, array + 1e-3)):
        results.add("weights/x", values)
        results.plain["hash"] = "abc"
        results.figures["x"] = {"hit": [float(values[3]), None]}
    for exact in (True, False):
        assert not differences(expected, same, exact=exact)
        assert bool(differences(expected, bit, exact=exact)) == exact
        assert differences(expected, far, exact=exact)
    same.plain["hash"] = "abd"
    assert differences(expected, same, exact=False) == ["hash: 'abd', not 'abc'"]
    for hit, fits in ((0.6, True), (0.9, False)):  # half, give or take a rank
        assert close({"hit@1": 0.5}, {"hit@1": hit}, counted=True) == fits
        assert not close({"loss": 0.5}, {"loss": hit}, counted=True)
    del same.digests["weights/x"]
    assert "digests weights/x: on one side only" in differences(expected, same, exact=False)
