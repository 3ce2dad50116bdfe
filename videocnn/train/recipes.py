"""The one table of training arguments: what each means, what the paper's recipe says and what ours for little data.

The command line, `train()` and `run.json` are all made from `TrainArguments`, those of fine-tuning from its child
`TransferArguments`, which names only what differs. An argument left at `None` takes the value of the recipe;
`resolve()` gives the arguments that a run really uses.

The paper's recipe (section 3.3): SGD, momentum 0.9, weight decay 5e-4, batches of 32, 1e-3 lowered on plateau.
"""

from __future__ import annotations

import dataclasses
import operator
import os
from collections.abc import Collection, Iterable
from typing import Any

from videocnn.errors import VideoCNNError
from videocnn.models import NETWORKS, STREAMS

REGIMES = ("scratch", "top", "top3", "all")
# What a network that is fine-tuned has settled already.
ARCHITECTURE = ("model", "stream", "width", "norm", "head", "frame_size", "frame_difference", "scale", "weights")


NAMES_OF_KINDS = {int: "whole number", float: "number", bool: "yes or no (True or False)", str: "text"}


class ArgumentError(VideoCNNError, ValueError):
    """A training argument has a value that cannot be used."""


def argument(kind: type, help: str, *, choices: Collection[str] = (), **values: Any) -> Any:
    """Return a field of the table: `default=` for a fixed default, or `paper=` and `modern=` for one by recipe.

    In `TransferArguments`, a regime's value (`top=`) goes before a recipe's.
    """
    default = values.get("default")
    return dataclasses.field(
        default=default, metadata={"kind": kind, "help": help, "choices": choices, "recipes": values}
    )


@dataclasses.dataclass(frozen=True)
class TrainArguments:
    """Everything that decides what a training run computes."""

    model: str = argument(str, "the network", choices=NETWORKS, default="slow_fusion")
    stream: str = argument(str, "full frame, both streams, or one of them", choices=STREAMS, default="full")
    recipe: str = argument(
        str, "the paper's, or one for little data and little time", choices=("paper", "modern"), default="paper"
    )
    width: float | None = argument(float, "multiplies every filter and unit count", paper=1.0, modern=0.5)
    norm: str | None = argument(
        str, "normalisation after conv1 and conv2", choices=("lrn", "batch", "none"), paper="lrn", modern="batch"
    )
    head: str | None = argument(
        str,
        "fc6 and fc7 as in the paper, or averaged features",
        choices=("paper", "pool"),
        paper="paper",
        modern="pool",
    )
    dropout: float | None = argument(float, "share of units dropped in the head", paper=0.5, modern=0.5)
    frame_size: int | None = argument(
        int, "side in pixels of what the network sees [170; 178 for two streams]", paper=None, modern=112
    )
    frame_difference: bool = argument(
        bool, "feed frame differences instead of colours (not in the paper; early and slow fusion)", default=False
    )
    optimizer: str | None = argument(
        str,
        "sgd: the paper's, with the decay inside the momentum",
        choices=("sgd", "adamw"),
        paper="sgd",
        modern="adamw",
    )
    learning_rate: float | None = argument(float, "learning rate at the start", paper=1e-3, modern=1e-3)
    momentum: float | None = argument(float, "momentum of sgd", paper=0.9, modern=0.9)
    weight_decay: float | None = argument(float, "weight decay of kernels", paper=5e-4, modern=0.05)
    schedule: str | None = argument(
        str,
        "lower on plateau, or along a cosine to zero",
        choices=("plateau", "cosine"),
        paper="plateau",
        modern="cosine",
    )
    patience: int = argument(int, "validations without improvement before the rate is lowered tenfold", default=5)
    batch_size: int | None = argument(int, "clips a step", paper=32, modern=32)
    augment: str | None = argument(
        str,
        "paper: crop and flip; modern: also zoom, colour and mixup [its default for differences: motion, no mixup]",
        choices=("paper", "modern", "motion"),
        paper="paper",
        modern="modern",
    )
    label_smoothing: float | None = argument(
        float, "share of probability spread over all classes", paper=0.0, modern=0.0
    )
    scale: float | None = argument(float, "what pixels minus 117 are multiplied by", paper=1.0, modern=1 / 60)
    epochs: int | None = argument(int, "passes over the training videos, one clip a video", paper=100, modern=None)
    minutes: float | None = argument(float, "stop after this time", paper=None, modern=10.0)
    short: str = argument(
        str,
        "videos shorter than a clip: list and skip, stop, or hold the last frame",
        choices=("skip", "error", "hold"),
        default="skip",
    )
    keep: str | None = argument(
        str,
        "weights of model.keras: best at validation (clip hit@1), or those at the end",
        choices=("best", "last"),
        paper="best",
        modern="last",
    )
    validate_every: int | None = argument(int, "epochs from one validation to the next", paper=1, modern=5)
    validation_clips: int = argument(int, "clips of a video at a validation, one view each", default=3)
    dtype: str = argument(str, "arithmetic of the network", choices=("float32", "bfloat16"), default="float32")
    weights: str | None = argument(str, "file of weights to start from", default=None)
    cache: bool = argument(bool, "keep decoded frames in memory", default=False)
    cache_limit: float = argument(float, "most memory for --cache, in GiB", default=8.0)
    seed: int = argument(int, "seed of weights, clips, crops and dropout", default=0)

    def resolve(self) -> TrainArguments:
        """Fill what is `None` from the recipe and check every value.

        Giving one of `epochs` and `minutes` sets aside the recipe's default for the other.

        Raises:
            ArgumentError: a value is not among the choices or out of range.
        """
        fields = dataclasses.fields(self)
        given = {
            field.name: plain_value(field.name, getattr(self, field.name), field.metadata["kind"]) for field in fields
        }
        check_choice("recipe", self.recipe, ("paper", "modern"))
        filled = {
            field.name: self.default_of(field) if given[field.name] is None else given[field.name] for field in fields
        }
        if given["epochs"] is not None and given["minutes"] is None:
            filled["minutes"] = None
        if given["minutes"] is not None and given["epochs"] is None:
            filled["epochs"] = None
        if filled["frame_size"] is None or (given["frame_size"] is None and self.stream != "full"):
            # Two streams split the clip: they are fed the paper's 178, or as many pixels more than the recipe's size.
            full = filled["frame_size"] or 170
            filled["frame_size"] = full if self.stream == "full" else 2 * round(full * 178 / 340)
        if self.frame_difference and given["augment"] is None and self.recipe == "modern":
            filled["augment"] = "motion"
        for field in fields:
            if field.metadata["choices"] and filled[field.name] is not None:
                check_choice(field.name, filled[field.name], field.metadata["choices"])
        check_ranges(filled)
        return type(self)(**filled)

    def default_of(self, field: dataclasses.Field) -> Any:
        """Return what an argument that is not given is worth."""
        return field.metadata["recipes"].get(self.recipe)

    def to_config(self) -> dict[str, Any]:
        """Return the table as plain JSON values."""
        return dataclasses.asdict(self)


@dataclasses.dataclass(frozen=True)
class TransferArguments(TrainArguments):
    """Everything that decides what a fine-tuning computes: the same table, where it differs from training.

    The network's architecture is that of the network it starts from; recipe and dtype are too, unless given.
    """

    regime: str = argument(
        str,
        "what learns: all, from random weights; a new classifier; fc6 and fc7 with it; all [top]",
        choices=REGIMES,
        default="top",
    )
    recipe: str = argument(
        str, "where other defaults come from [that of RUN]", choices=("paper", "modern"), default="paper"
    )
    dropout: float | None = argument(
        float, "share of units dropped before layers that learn, fc7 and classifier", paper=0.9, modern=0.5, scratch=0.5
    )
    learning_rate: float | None = argument(float, "learning rate at the start", paper=1e-3, modern=1e-3, all=1e-4)
    epochs: int | None = argument(
        int, "passes over the training videos, one clip a video", paper=100, modern=None, top=100, top3=100
    )
    minutes: float | None = argument(
        float, "stop after this time, that for features apart", paper=None, modern=10.0, top=None, top3=None
    )
    dtype: str = argument(
        str, "arithmetic of the network [that of RUN]", choices=("float32", "bfloat16"), default="float32"
    )
    features: bool | None = argument(
        bool,
        "compute the frozen layers' output once and train on what is kept",
        scratch=False,
        top=True,
        top3=True,
        all=False,
    )
    feature_epochs: int = argument(
        int, "epochs of clips whose features are kept, later epochs see them again [20]", default=20
    )

    def default_of(self, field: dataclasses.Field) -> Any:
        """Return what an argument that is not given is worth: by regime, else by recipe."""
        values = field.metadata["recipes"]
        return values[self.regime] if self.regime in values else values.get(self.recipe)

    def resolve(self) -> TransferArguments:
        """Fill and check as for training.

        Raises:
            ArgumentError: also for features of a regime that freezes nothing.
        """
        resolved = super().resolve()
        if resolved.features and resolved.regime in ("scratch", "all"):
            raise ArgumentError(f"--features: --regime {resolved.regime} freezes no layer; leave --features out")
        return resolved


def check_names(function: str, given: Iterable[str], table: type[TrainArguments]) -> None:
    """Raise `ArgumentError` for names that the table does not have."""
    unknown = sorted(set(given) - set(table.__dataclass_fields__))
    if unknown:
        raise ArgumentError(
            f"{function}() has no argument {', '.join(unknown)}; see videocnn.train.recipes.{table.__name__}"
        )


def plain_value(name: str, value: Any, kind: type) -> Any:
    """Return a value as JSON can hold it: paths as absolute text, NumPy's numbers as Python's.

    Raises:
        ArgumentError: it is of another kind.
    """
    try:
        if value is None or (kind is float and type(value) in (int, float)):
            return value
        if name == "weights":
            return os.path.abspath(value)
        if kind is bool and value not in (True, False):
            raise TypeError
        return {int: operator.index, bool: bool, float: float, str: os.fspath}[kind](value)
    except (TypeError, ValueError):
        option = f"--{name.replace('_', '-')}"
        raise ArgumentError(f"{option}: {value!r} is no {NAMES_OF_KINDS[kind]}") from None


def check_choice(name: str, value: str, choices: Collection[str]) -> None:
    """Raise `ArgumentError` unless `value` is one of `choices`."""
    if value not in choices:
        raise ArgumentError(f"--{name.replace('_', '-')}: {value!r} is not one of {', '.join(choices)}")


def check_ranges(values: dict[str, Any]) -> None:
    """Raise `ArgumentError` for a number that no run can use."""
    limits = {
        "width": (0.01, 16), "dropout": (0, 0.99), "frame_size": (32, 4096), "learning_rate": (0, 100),
        "momentum": (0, 0.9999), "weight_decay": (0, 10), "patience": (1, 1e9), "batch_size": (1, 65536),
        "label_smoothing": (0, 0.99), "epochs": (1, 1e9), "minutes": (0.001, 1e9), "validate_every": (1, 1e9),
        "validation_clips": (1, 1000), "cache_limit": (0, 1e6), "seed": (0, 2**31 - 1), "feature_epochs": (1, 1e6),
    }  # fmt: skip
    for name, (low, high) in limits.items():
        if values.get(name) is not None and not low <= values[name] <= high:
            raise ArgumentError(f"--{name.replace('_', '-')}: {values[name]} is not between {low:g} and {high:g}")
