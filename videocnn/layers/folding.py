"""Fold time into the batch and back, so that 2-D operations apply to clips."""

from __future__ import annotations

from typing import Any

from keras import ops


def fold(x: Any) -> Any:
    """Fold the time axis into the batch: (B, T, H, W, C) -> (B T, H, W, C)."""
    return ops.reshape(x, (-1, *x.shape[2:]))


def unfold(x: Any, num_frames: int) -> Any:
    """Undo `fold`: (B T, H, W, C) -> (B, T, H, W, C)."""
    return ops.reshape(x, (-1, num_frames, *x.shape[1:]))
