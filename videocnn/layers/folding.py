"""Time into the batch and back: what works on pictures then works on clips."""

from __future__ import annotations

from typing import Any

from keras import ops


def fold(x: Any) -> Any:
    """Lay frames out as a batch of pictures: (B, T, H, W, C) -> (B T, H, W, C)."""
    return ops.reshape(x, (-1, *x.shape[2:]))


def unfold(x: Any, num_frames: int) -> Any:
    """Undo `fold`: (B T, H, W, C) -> (B, T, H, W, C)."""
    return ops.reshape(x, (-1, num_frames, *x.shape[1:]))
