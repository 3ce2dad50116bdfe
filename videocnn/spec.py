"""What a network must be fed: how its clips are sampled and prepared, and what its outputs are called.

A `ClipSpec` goes in at the builder, travels inside the `.keras` file and comes out at prediction, so that one file
is enough to classify a video (section 3.3 of the paper: frames, centre region, crop, minus 117).
"""

from __future__ import annotations

import dataclasses
from typing import Any


@dataclasses.dataclass(frozen=True)
class ClipSpec:
    """How a clip is cut out of a video for one network.

    Attributes:
        num_frames: frames in a clip.
        frame_size: `(height, width)` in pixels of the crop that the network sees.
        region_size: `(height, width)` in pixels of the centre region from which crops are taken (200 for a 170 crop).
        frame_step: distance between sampled frames, in frames (late fusion: 15).
        fps: frame rate in Hz at which frames are sampled; `None` takes the file's own frames.
        mean: what is subtracted from raw 0..255 values (the paper's 117).
        scale: what the centred values are multiplied by (the paper: 1).
        class_names: names of the outputs, in their order; empty while unknown.
    """

    num_frames: int
    frame_size: tuple[int, int]
    region_size: tuple[int, int]
    frame_step: int = 1
    fps: float | None = None
    mean: float = 117.0
    scale: float = 1.0
    class_names: tuple[str, ...] = ()

    def __post_init__(self):
        for field in ("frame_size", "region_size", "class_names"):
            object.__setattr__(self, field, tuple(getattr(self, field)))

    @property
    def span(self) -> int:
        """Frames from the first sampled one to the last, both included."""
        return (self.num_frames - 1) * self.frame_step + 1

    def replace(self, **changes: Any) -> ClipSpec:
        """Return a copy with some attributes changed."""
        return dataclasses.replace(self, **changes)

    def to_config(self) -> dict[str, Any]:
        """Return plain JSON values; `ClipSpec(**config)` is the way back."""
        return {
            key: list(value) if isinstance(value, tuple) else value for key, value in dataclasses.asdict(self).items()
        }
