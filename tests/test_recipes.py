"""The table of training arguments: recipes, checks, and that the paper's values are the paper's."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from videocnn.train import ArgumentError, TrainArguments


def test_default_recipe_is_the_papers():
    arguments = TrainArguments().resolve()
    expected = {
        "optimizer": "sgd", "learning_rate": 1e-3, "momentum": 0.9, "weight_decay": 5e-4, "schedule": "plateau",
        "batch_size": 32, "width": 1.0, "norm": "lrn", "head": "paper", "augment": "paper", "frame_size": 170,
        "scale": 1.0, "label_smoothing": 0.0, "dtype": "float32",
    }  # fmt: skip
    assert {name: getattr(arguments, name) for name in expected} == expected


def test_modern_recipe_ends_after_ten_minutes():
    arguments = TrainArguments(recipe="modern").resolve()
    assert (arguments.minutes, arguments.epochs) == (10, None)


def test_one_limit_given_sets_the_recipes_other_aside():
    assert TrainArguments(minutes=2).resolve().epochs is None
    assert TrainArguments(recipe="modern", epochs=3).resolve().minutes is None
    both = TrainArguments(minutes=2, epochs=3).resolve()
    assert (both.minutes, both.epochs) == (2, 3)


def test_given_values_win_over_the_recipe():
    arguments = TrainArguments(recipe="modern", width=0.25, norm="none").resolve()
    assert (arguments.width, arguments.norm, arguments.head) == (0.25, "none", "pool")


@pytest.mark.parametrize("stream", ["multires", "fovea", "context"])
def test_two_streams_are_fed_178_pixels(stream):
    assert TrainArguments(stream=stream).resolve().frame_size == 178
    assert TrainArguments(stream=stream, frame_size=120).resolve().frame_size == 120


def test_differences_are_augmented_without_mixup():
    arguments = TrainArguments(recipe="modern", frame_difference=True)
    assert arguments.resolve().augment == "motion"
    assert dataclasses.replace(arguments, augment="modern").resolve().augment == "modern"
    assert dataclasses.replace(arguments, recipe="paper").resolve().augment == "paper"


def test_resolved_arguments_survive_json_and_resolve_to_themselves():
    arguments = TrainArguments(recipe="modern", model="early_fusion", minutes=1.5).resolve()
    again = TrainArguments(**json.loads(json.dumps(arguments.to_config())))
    assert again == arguments == again.resolve()


@pytest.mark.parametrize(
    ("name", "value"),
    [("model", "slowfusion"), ("recipe", "best"), ("stream", "both"), ("width", 0.0), ("dropout", 1.0), ("epochs", 0),
     ("frame_size", 8), ("batch_size", 0), ("seed", -1), ("minutes", 0.0), ("learning_rate", float("nan"))],
)  # fmt: skip
def test_impossible_values_are_refused_by_name(name, value):
    with pytest.raises(ArgumentError, match=f"--{name.replace('_', '-')}"):
        TrainArguments(**{name: value}).resolve()


def test_every_argument_says_what_it_is():
    for field in dataclasses.fields(TrainArguments):
        assert field.metadata["help"]
        assert "default" in field.metadata["recipes"] or {"paper", "modern"} == set(field.metadata["recipes"])


def test_values_become_what_json_can_hold(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    given = {"seed": np.int64(3), "learning_rate": np.float32(0.25), "cache": np.True_, "weights": Path("a.keras")}
    stored = TrainArguments(**given, minutes=2).resolve().to_config()
    assert json.loads(json.dumps(stored)) == stored
    assert (stored["seed"], stored["learning_rate"], stored["cache"]) == (3, 0.25, True)
    assert stored["weights"] == str(tmp_path / "a.keras")
    assert type(stored["minutes"]) is int  # as it was given


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [("seed", 1.5, "1.5 is no whole number"), ("epochs", "3", "'3' is no whole number"), ("width", "x", "'x' is no n"),
     ("cache", 7, "7 is no yes or no"), ("model", 3, "3 is no text"), ("weights", 3.5, "3.5 is no text")],
)  # fmt: skip
def test_values_of_another_kind_are_refused_by_name(name, value, words):
    with pytest.raises(ArgumentError, match=f"--{name}: {words}"):
        TrainArguments(**{name: value}).resolve()
