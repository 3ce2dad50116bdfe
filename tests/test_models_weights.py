"""Weights from files: those of the same network come back; others, and files that cannot be read, are told apart."""

import zipfile

import keras
import numpy as np
import pytest
from keras import ops

from videocnn.models import ModelError, SingleFrame, SlowFusion


def small(builder, size: tuple = (31, 37), **arguments) -> keras.Model:
    frames = 1 if builder is SingleFrame else 10
    return builder(**{"input_shape": (frames, *size, 3), "width": 0.04, "classes": 5, **arguments})


def test_weights_come_back_from_files(tmp_path):
    model = small(SlowFusion)
    x = np.random.default_rng(0).uniform(-117, 138, (2, 10, 31, 37, 3)).astype("float32")
    for file in (tmp_path / "slow.weights.h5", tmp_path / "slow.keras"):
        (model.save_weights if file.suffix == ".h5" else model.save)(file)
        for path in (file, str(file)):
            again = small(SlowFusion, weights=path)
            one, other = (ops.convert_to_numpy(network(x, training=False)) for network in (again, model))
            np.testing.assert_array_equal(one, other)


def test_weights_that_do_not_fit_are_refused(tmp_path):
    file = tmp_path / "slow.weights.h5"
    small(SlowFusion).save_weights(file)
    for arguments in ({"width": 0.05}, {"classes": 6}, {"stream": "multires", "size": (62, 74)}):
        with pytest.raises(ModelError, match=r"slow.weights.h5.* do not fit this network; build it with the width"):
            small(SlowFusion, weights=file, **arguments)
    with pytest.raises(ModelError, match="do not fit this network"):
        small(SingleFrame, weights=file)
    with pytest.raises(ModelError, match=r"missing.weights.h5' is not a file; give the path"):
        small(SlowFusion, weights=tmp_path / "missing.weights.h5")
    other = tmp_path / "weights.txt"
    other.write_text("3")
    with pytest.raises(ModelError, match=r"weights.txt'.*weights.h5"):
        small(SlowFusion, weights=other)


def cut_off(content):
    return content[: len(content) // 2]


def changed(content):
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 255]) + content[middle + 1 :]


def groups_changed(content):
    return content[:2000] + bytes([content[2000] ^ 255] * 8) + content[2008:]


@pytest.mark.parametrize(
    ("ending", "damage"),
    [
        (".keras", lambda content: b"junk\n"),
        (".keras", lambda content: b""),
        (".keras", cut_off),
        (".keras", changed),
        (".weights.h5", lambda content: b"not hdf5"),
        (".weights.h5", cut_off),
        (".weights.h5", groups_changed),
    ],
)
def test_a_file_that_cannot_be_read_is_told_from_one_that_does_not_fit(tmp_path, ending, damage):
    model = small(SingleFrame)
    good, broken = tmp_path / f"good{ending}", tmp_path / f"broken{ending}"
    (model.save if ending == ".keras" else model.save_weights)(good)
    broken.write_bytes(damage(good.read_bytes()))
    with pytest.raises(ModelError, match=rf"broken{ending}' cannot be read \(.+\); the file may be damaged") as caught:
        small(SingleFrame, weights=broken)
    assert "do not fit" not in str(caught.value)


def test_an_archive_without_weights(tmp_path):
    with zipfile.ZipFile(tmp_path / "other.keras", "w") as archive:
        archive.writestr("readme.txt", "no network")
    with pytest.raises(ModelError, match=r"other.keras' cannot be read \(.*without 'model.weights.h5'"):
        small(SingleFrame, weights=tmp_path / "other.keras")
    with zipfile.ZipFile(tmp_path / "other.keras", "w") as archive:
        archive.writestr("model.weights.h5", "no weights")
    with pytest.raises(ModelError, match=r"other.keras' cannot be read"):
        small(SingleFrame, weights=tmp_path / "other.keras")
