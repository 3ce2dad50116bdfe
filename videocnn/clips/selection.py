"""Which videos of a manifest clips can be taken from, and which are left out, counted and listed with reasons.

Takes a manifest whose frames are counted and the shape of a clip; opens no file.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np

from videocnn.manifest import Manifest, Skip
from videocnn.sampling import ClipError, clip_span, frames_at_rate, num_ticks
from videocnn.spec import ClipSpec

SHORT = ("skip", "error", "hold")

logger = logging.getLogger("videocnn")


def timeline(num_frames: int, fps: float | None, spec: ClipSpec) -> np.ndarray:
    """Return the frames that clips of a video may use: all of them, or those that a clock of `spec.fps` sees."""
    return np.arange(num_frames) if spec.fps is None else frames_at_rate(num_frames, fps, spec.fps)


def usable(manifest: Manifest, spec: ClipSpec, *, short: str = "skip") -> tuple[np.ndarray, list[Skip]]:
    """Find the videos that are long enough for a clip; nothing is decoded.

    Args:
        manifest: videos whose frames have been counted.
        spec: the shape of a clip.
        short: what to do with a video that is too short: `"skip"` leaves it out and lists it, `"error"` raises,
            `"hold"` keeps it and repeats its last frame.

    Returns:
        Their numbers, int64, ascending; and the videos left out, with reasons.

    Raises:
        ClipError: frames are not counted, none is usable, or one is too short and `short="error"`.
    """
    if short not in SHORT:
        raise ClipError(f"short={short!r} is unknown; give one of {SHORT}")
    videos = manifest.videos
    unknown = np.flatnonzero((videos.num_frames == 0) | (np.isnan(videos.fps) & (spec.fps is not None)))
    if len(unknown):
        raise ClipError(
            f"{videos.path(unknown[0])}: its frames are not counted or its frame rate is unknown; "
            "`videocnn data csv MANIFEST --split-column split --group-column group --out FOLDER` counts them and "
            "writes FOLDER/manifest.csv; in Python, videocnn.manifest.measure does"
        )
    lengths, span = videos.num_frames.copy(), clip_span(spec.num_frames, spec.frame_step)
    if spec.fps is not None:
        for fps in np.unique(videos.fps):
            lengths[videos.fps == fps] = num_ticks(lengths[videos.fps == fps], float(fps), spec.fps)
    rate = "" if spec.fps is None else f" at {spec.fps:g} frames a second"
    skips = []
    for row in np.flatnonzero(lengths < span) if short != "hold" else ():
        reason = f"too short: a clip needs {span} frames, it has {lengths[row]}{rate}"
        if short == "error":
            raise ClipError(
                f'{manifest.files[row]}: {reason}; short="skip" leaves it out, "hold" repeats its last frame'
            )
        skips.append(Skip(videos.path(row), reason))
    kept = np.flatnonzero((lengths >= span) | (short == "hold"))
    if not len(kept):
        found = f"all {len(skips)} videos are too short; the first: {skips[0].reason}" if skips else "it has no videos"
        raise ClipError(f"nothing to take clips from: {found}")
    return kept, skips


class SkipList:
    """Videos left out so far, each once: appended to the caller's list, or logged where there is none."""

    def __init__(self, skips: list[Skip] | None):
        self.logged = skips is None
        self.skips = [] if skips is None else skips
        self.paths = {skip.path for skip in self.skips}

    def add(self, new: Sequence[Skip]) -> None:
        new = [skip for skip in new if skip.path not in self.paths]
        self.paths.update(skip.path for skip in new)
        self.skips.extend(new)
        if new and self.logged:
            others = f" and {len(new) - 1} more" if len(new) > 1 else ""
            logger.warning("skipped %s (%s)%s", new[0].path, new[0].reason, others)
