"""The arguments that all builders share and the row of the table that sets each network apart; Keras is not imported.

A builder's arguments become one `NetworkOptions`, checked against its `Network` before anything is built.
"""

from __future__ import annotations

import dataclasses
import math
import numbers
from typing import Any

from videocnn.errors import VideoCNNError

# What a network sees of the clip, and how the name of a network on that stream ends.
STREAMS = {"full": "", "multires": " + multires", "fovea": ", fovea only", "context": ", context only"}


class ModelError(VideoCNNError, ValueError):
    """A network cannot be built, loaded or used as requested."""


@dataclasses.dataclass(frozen=True)
class Network:
    """What distinguishes one network from the others.

    Attributes:
        title: the paper's name for it.
        builder: its builder in `videocnn.models`.
        num_frames: frames in a clip by default.
        frame_step: distance between sampled frames.
        extents: extent in time of conv1, conv2 and conv3; None covers every frame of the clip.
        strides: stride in time of the same layers.
        in_paper: whether the paper has it, so that it is part of the paper's CNN average.
    """

    title: str
    builder: str
    num_frames: int
    frame_step: int
    extents: tuple[int | None, int, int]
    strides: tuple[int, int, int]
    in_paper: bool = False

    @property
    def contiguous(self) -> bool:
        """Whether a clip is several frames in a row, so that it has frame differences."""
        return self.num_frames > 1 and self.frame_step == 1

    def kernel_extents(self, num_frames: int | None = None) -> tuple[int, int, int]:
        """Return the extents in time of conv1 to conv3 for clips of `num_frames`, by default the usual number."""
        return tuple(extent or num_frames or self.num_frames for extent in self.extents)


@dataclasses.dataclass(frozen=True)
class NetworkOptions:
    """The arguments of a builder, described at `SingleFrame`."""

    include_top: bool
    weights: str | None
    input_shape: tuple[int, int, int, int] | None
    pooling: str | None
    classes: int
    classifier_activation: str | None
    stream: str
    width: float
    norm: str | None
    dropout: float
    name: str
    frame_difference: bool

    @property
    def frame_size(self) -> int:
        """Side in pixels of the paper's frames: two streams are cut from slightly larger ones."""
        return 170 if self.stream == "full" else 178

    def to_config(self) -> dict[str, Any]:
        """Return the arguments as plain JSON values, without `weights`: a network contains those."""
        config = dataclasses.asdict(self) | {"input_shape": list(self.input_shape)}
        return {name: value for name, value in config.items() if name != "weights"}

    def checked(self, network: Network) -> NetworkOptions:
        """Return the options with `input_shape` filled in.

        Raises:
            ModelError: no such network can be built; the message names the argument, its value and a remedy.
        """
        for argument, known in (
            ("stream", tuple(STREAMS)),
            ("norm", ("lrn", "batch", None)),
            ("pooling", (None, "avg", "max")),
        ):
            value = getattr(self, argument)
            if value not in known:
                raise ModelError(
                    f"{self.name}: unknown {argument}={value!r}; choose one of {', '.join(map(repr, known))}."
                )
        if self.frame_difference and not network.contiguous:
            raise ModelError(
                f"{self.name}: frame_difference=True needs a network of contiguous frames; use EarlyFusion or "
                "SlowFusion, or omit it."
            )
        if not isinstance(self.classes, int) or self.classes < 1:
            raise ModelError(f"{self.name}: expected classes to be a positive integer, got classes={self.classes!r}.")
        if not isinstance(self.width, numbers.Real) or not 0 < self.width < math.inf:
            raise ModelError(
                f"{self.name}: expected a positive number for width, got width={self.width!r}; 1 is the paper's "
                "network, 0.5 has half the filters."
            )
        check_dropout(self.name, self.dropout)
        if self.input_shape is None:
            shape = (network.num_frames + bool(self.frame_difference), self.frame_size, self.frame_size, 3)
            return dataclasses.replace(self, input_shape=shape)
        self._check_shape(network)
        return self

    def _check_shape(self, network: Network) -> None:
        shape, smallest = self.input_shape, 11 if self.stream == "full" else 22
        received = f"{self.name}: input_shape={shape!r}"
        integers = isinstance(shape, (tuple, list)) and all(isinstance(size, int) for size in shape)
        if not integers or len(shape) != 4 or shape[3] != 3:
            raise ModelError(
                f"{received} is not (frames, height, width, 3) in integers, such as "
                f"({network.num_frames}, 170, 170, 3); time comes first, even for a single frame."
            )
        if network.frame_step > 1 and shape[0] == 1:
            raise ModelError(f"{received} has 1 frame, but the network compares 2 or more.")
        if network.num_frames == 1 and shape[0] != 1:
            raise ModelError(f"{received} has {shape[0]} frames, but the network takes 1.")
        if shape[0] < 1 + bool(self.frame_difference) or min(shape[1:3]) < smallest:
            raise ModelError(
                f"{received} is too small; with stream={self.stream!r} conv1 needs at least {smallest} pixels a side"
                + (" and a frame difference needs two frames." if self.frame_difference else ".")
            )


def check_dropout(name: str, dropout: float) -> None:
    """Raise `ModelError` unless `dropout` is a rate that leaves something."""
    if not isinstance(dropout, numbers.Real) or not 0 <= dropout < 1:
        raise ModelError(
            f"{name}: expected dropout in [0, 1), got dropout={dropout!r}; the paper uses 0.5, 0 disables it."
        )
