"""How weights move: the paper's SGD, and learning rates over a run.

In the paper's time weight decay was a term of the gradient and went through the momentum (Krizhevsky et al. 2012);
`keras.optimizers.SGD(weight_decay=...)` shrinks the weights beside it instead, ten times more weakly at momentum 0.9.
"""

from __future__ import annotations

import math
from typing import Any

import keras
from keras import ops

from videocnn.train.recipes import TrainArguments


@keras.saving.register_keras_serializable(package="videocnn")
class PaperSGD(keras.optimizers.SGD):
    """SGD whose weight decay is part of the gradient, as in section 3.3.

        m <- momentum m - rate (g + decay w)
        w <- w + m

    Only kernels decay; biases and normalisation weights, which have one axis, do not.

    Args:
        learning_rate: step size.
        momentum: share of the last step that is kept.
        kernel_decay: the paper's weight decay, 5e-4.
        **options: other arguments of `keras.optimizers.SGD`.
    """

    def __init__(self, learning_rate: float = 1e-3, momentum: float = 0.9, kernel_decay: float = 5e-4, **options: Any):
        options.setdefault("name", "paper_sgd")
        super().__init__(learning_rate, momentum=momentum, **options)
        self.kernel_decay = kernel_decay

    def update_step(self, gradient, variable, learning_rate):
        if len(variable.shape) > 1:
            decay = ops.cast(self.kernel_decay, variable.dtype)
            gradient = ops.add(ops.cast(gradient, variable.dtype), ops.multiply(decay, variable))
        super().update_step(gradient, variable, learning_rate)

    def get_config(self):
        return {**super().get_config(), "kernel_decay": self.kernel_decay}


def make_optimizer(arguments: TrainArguments) -> keras.optimizers.Optimizer:
    """Return the optimizer that resolved arguments ask for."""
    if arguments.optimizer == "sgd":
        return PaperSGD(arguments.learning_rate, arguments.momentum, arguments.weight_decay)
    optimizer = keras.optimizers.AdamW(arguments.learning_rate, weight_decay=arguments.weight_decay)
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return optimizer


class Plateau:
    """A rate that is divided by ten whenever the validation loss has not improved `patience` times in a row."""

    def __init__(self, start: float, patience: int):
        self.start, self.patience = start, patience
        self.state = {"rate": start, "best": None, "waited": 0}

    def rate(self, progress: float) -> float:
        """Return the learning rate now; `progress` is not used."""
        return self.state["rate"]

    def after_validation(self, loss: float) -> None:
        """Take note of a validation loss."""
        if self.state["best"] is None or loss < self.state["best"]:
            self.state.update(best=loss, waited=0)
            return
        self.state["waited"] += 1
        if self.state["waited"] >= self.patience:
            self.state.update(rate=self.state["rate"] / 10, waited=0)


class Cosine:
    """A rate that rises over the first 2 % of the run and falls along a half cosine to zero at its end."""

    warmup = 0.02

    def __init__(self, start: float):
        self.start = start
        self.state: dict[str, float] = {}

    def rate(self, progress: float) -> float:
        """Return the learning rate at `progress`, 0 at the start of the run and 1 at its end."""
        progress = min(max(progress, 0.0), 1.0)
        return self.start * min(1.0, (progress + 1e-3) / self.warmup) * 0.5 * (1 + math.cos(math.pi * progress))

    def after_validation(self, loss: float) -> None:
        """Take no note: the rate follows the run alone."""


def make_schedule(arguments: TrainArguments) -> Plateau | Cosine:
    """Return the learning-rate schedule that resolved arguments ask for."""
    if arguments.schedule == "plateau":
        return Plateau(arguments.learning_rate, arguments.patience)
    return Cosine(arguments.learning_rate)
