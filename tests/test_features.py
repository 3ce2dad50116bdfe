"""Kept features: computed once, in the order of the stream, continued after a kill, never taken for others."""

import shutil

import keras
import numpy as np
import pytest

from videocnn.models import weights_hash
from videocnn.runs import RunError
from videocnn.transfer.features import features_key, held_out_features, keep_features

SIZES = {"batch_size": 3, "num_classes": 2, "quiet": True}


@pytest.fixture
def frozen():
    """A network whose features of a clip `(1, 2, 2, 3)` are its two pixels' sums, in two rows."""
    clip = keras.Input((1, 2, 2, 3))
    x = keras.layers.Reshape((2, 6))(clip)
    dense = keras.layers.Dense(1, use_bias=False, trainable=False)
    model = keras.Model(clip, dense(x))
    dense.set_weights([np.ones((6, 1), "float32")])
    return model


class Stream:
    """Batches of three clips; clip number p is full of p, and its label is (p, -p). Notes which are asked for."""

    def __init__(self, fails_at=None):
        self.asked, self.fails_at = [], fails_at

    def __call__(self, start):
        for number in range(start, 10**6):
            if number == self.fails_at:
                raise KeyboardInterrupt
            self.asked.append(number)
            clips = np.arange(3 * number, 3 * number + 3, dtype="float32")
            yield np.broadcast_to(clips[:, None, None, None, None], (3, 1, 2, 2, 3)), np.stack([clips, -clips], axis=1)


def take(features, count, start=0):
    return [(x.numpy(), y.numpy()) for x, y in features.batches(start).take(count)]


def test_batches_come_in_order_and_begin_again(frozen, tmp_path):
    stream = Stream()
    features = keep_features(frozen, stream, 4, tmp_path, key="k" * 64, **SIZES)
    assert stream.asked == [0, 1, 2, 3]
    for place, (x, y) in enumerate(take(features, 6, start=3)):
        clips = np.arange(3) + 3 * ((3 + place) % 4)
        np.testing.assert_array_equal(x, np.broadcast_to(6.0 * clips[:, None, None], (3, 2, 1)))
        np.testing.assert_array_equal(y, np.stack([clips, -clips], axis=1))
    rows = np.load(features.file)
    assert (rows.shape, rows.dtype) == ((12, 4), np.float32)
    assert features.record()["num_clips"] == 12
    assert features.record()["bytes"] == features.file.stat().st_size


def test_features_are_computed_once(frozen, tmp_path):
    first, again = Stream(), Stream()
    kept = keep_features(frozen, first, 2, tmp_path, key="a" * 64, **SIZES)
    same = keep_features(frozen, again, 2, tmp_path, key="a" * 64, **SIZES)
    assert kept.seconds > 0
    assert (same.file, same.seconds, again.asked) == (kept.file, 0, [])


def test_features_of_another_key_are_computed_anew_and_the_old_go(frozen, tmp_path):
    old = keep_features(frozen, Stream(), 2, tmp_path, key="a" * 64, **SIZES)
    other = Stream()
    new = keep_features(frozen, other, 2, tmp_path, key="b" * 64, **SIZES)
    assert other.asked == [0, 1]
    assert [file.name for file in tmp_path.iterdir()] == [new.file.name] != [old.file.name]


@pytest.mark.parametrize("torn", [0, 5, -5])
def test_a_killed_computation_goes_on_where_it_was(frozen, tmp_path, tmp_path_factory, torn):
    whole = keep_features(frozen, Stream(), 4, tmp_path_factory.mktemp("whole"), key="a" * 64, **SIZES)
    with pytest.raises(KeyboardInterrupt):
        keep_features(frozen, Stream(fails_at=2), 4, tmp_path, key="a" * 64, **SIZES)
    (partial,) = tmp_path.iterdir()
    content = partial.read_bytes()
    partial.write_bytes(content + b"x" * torn if torn >= 0 else content[:torn])  # a row was under way
    rest = Stream()
    features = keep_features(frozen, rest, 4, tmp_path, key="a" * 64, **SIZES)
    assert rest.asked == ([1, 2, 3] if torn < 0 else [2, 3])
    assert features.file.read_bytes() == whole.file.read_bytes()
    assert list(tmp_path.iterdir()) == [features.file]


def test_a_disk_that_fills_up_says_what_to_do(frozen, tmp_path, monkeypatch):
    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("videocnn.transfer.features.os.fsync", fail)
    with pytest.raises(RunError, match=r"No space left.*--resume.*--feature-epochs.*--no-features"):
        keep_features(frozen, Stream(), 1, tmp_path, key="a" * 64, **SIZES)


def test_too_little_space_is_found_before_the_first_clip(frozen, tmp_path, monkeypatch):
    usage = shutil.disk_usage(tmp_path)._replace(free=2**20)
    monkeypatch.setattr("videocnn.transfer.features.shutil.disk_usage", lambda _: usage)
    stream = Stream()
    with pytest.raises(RunError, match=r"0\.04 GiB.* 0\.00 GiB"):  # 10^6 batches, 3 rows of 4 values
        keep_features(frozen, stream, 10**6, tmp_path, key="a" * 64, **SIZES)
    assert stream.asked == []


def test_held_out_clips_keep_their_labels(frozen):
    stream = Stream()(0)
    batches = [next(stream) for _ in range(3)]
    parts = list(held_out_features(frozen, batches, 4))
    assert [len(x) for x, _ in parts] == [4, 4, 1]
    np.testing.assert_array_equal(np.concatenate([y for _, y in parts])[:, 0], np.arange(9))
    np.testing.assert_array_equal(np.concatenate([x for x, _ in parts])[:, 0, 0], 6 * np.arange(9))


def test_every_value_is_part_of_the_key():
    base = {"weights": "w", "seed": 1, "augment": "paper"}
    keys = {features_key(**{**base, **change}) for change in ({}, {"seed": 2}, {"augment": "modern"}, {"more": 0})}
    assert len(keys) == 4
    assert features_key(**base) == features_key(**dict(reversed(base.items())))


def test_the_hash_of_weights_sees_a_single_bit(frozen):
    before = weights_hash(frozen)
    assert weights_hash(frozen) == before
    frozen.layers[-1].set_weights([np.nextafter(np.ones((6, 1), "float32"), 2)])
    assert weights_hash(frozen) != before
