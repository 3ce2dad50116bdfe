"""Toy videos that the package renders: the paper's questions, answerable in minutes and without a download.

In goes a seed, out comes a folder of encoded videos with its `manifest.csv`. Twelve classes in six pairs: three told
apart by motion alone, the others by layout, by fine detail in the centre and by something near the border (which
the context and the fovea stream of section 3.2 see or do not see). Groups and folds are as in UCF-101.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from videocnn.datasets.toy.classes import CLASSES, MOTION_PAIRS, PAIRS
from videocnn.datasets.toy.encode import encode_video
from videocnn.datasets.toy.scenes import CANVAS, SHAKE, Place, camera_path, make_place
from videocnn.errors import VideoCNNError
from videocnn.jobs import map_parallel
from videocnn.manifest import Manifest, Video, write_manifest

__all__ = ["CLASSES", "MOTION_PAIRS", "NUM_SHORT", "PAIRS", "ToyClip", "ToyError", "make_toy", "toy_clips"]

CLIPS_PER_GROUP = 3
NUM_SHORT = 3  # videos of fewer than ten frames in a set, whatever its size: too short for early and slow fusion


class ToyError(VideoCNNError):
    """The toy set cannot be rendered as asked."""


@dataclasses.dataclass(frozen=True)
class ToyClip:
    """One toy video, wholly determined by these values.

    Attributes:
        seed: seed of the set.
        label: its class, a key of `CLASSES`.
        group: 1-based; clips of one class and group share camera and scenery.
        clip: 1-based number in the group.
        short: whether it has fewer than ten frames.
    """

    seed: int
    label: str
    group: int
    clip: int
    short: bool = False

    @property
    def path(self) -> str:
        """Path inside the set's folder, named as UCF-101 names its files."""
        return f"{self.label}/v_{self.label}_g{self.group:02d}_c{self.clip:02d}.mp4"

    def frames(self) -> tuple[int, Iterator[np.ndarray]]:
        """Return frames a second and an iterator of uint8 `(height, width, 3)` RGB frames."""
        place = _place(self.seed, self.label, self.group)
        rng = np.random.default_rng((self.seed, list(CLASSES).index(self.label), self.group, self.clip))
        num_frames = rng.integers(4, 10) if self.short else round(rng.uniform(0.9, 1.3) * place.fps)
        return place.fps, _render(self.label, place, rng, num_frames)


@functools.lru_cache(maxsize=16)
def _place(seed: int, label: str, group: int) -> Place:
    place = make_place(np.random.default_rng((seed, list(CLASSES).index(label), group, 0)))
    place.scenery.setflags(write=False)
    return place


def _render(label: str, place: Place, rng: np.random.Generator, num_frames: int) -> Iterator[np.ndarray]:
    height, width = place.frame_size
    seconds = np.arange(num_frames) / place.fps
    shifts = camera_path(rng, seconds)
    paint = CLASSES[label](rng, place)
    top, left = rng.integers(SHAKE, CANVAS - SHAKE - np.array(place.frame_size))
    slack = 64  # each frame cuts its noise out of one larger field: as good to the eye, and far quicker
    noise = rng.normal(0, place.noise, (height + slack, width + slack)).astype(np.float32)
    for moment, shift in zip(seconds, shifts, strict=True):
        y, x = top - shift[0], left - shift[1]
        frame = place.scenery[:, y : y + height, x : x + width].copy()
        paint(frame, moment, shift)
        y, x = rng.integers(slack, size=2)
        frame += noise[y : y + height, x : x + width]
        np.clip(frame, 0, 255, out=frame)
        yield np.ascontiguousarray(frame.astype(np.uint8).transpose(1, 2, 0))


def toy_clips(seed: int = 0, groups_per_class: int = 15) -> list[ToyClip]:
    """Return the clips of a set, class by class and group by group; see `make_toy`."""
    clips = [
        ToyClip(seed, label, group, clip)
        for label in CLASSES
        for group in range(1, groups_per_class + 1)
        for clip in range(1, CLIPS_PER_GROUP + 1)
    ]
    # The very short ones: one in each fold's test groups, each in another pair, beside the group's other clips.
    for third, label in enumerate(("rising", "sea", "corners")):
        clips.append(ToyClip(seed, label, 1 + third * groups_per_class // 3, CLIPS_PER_GROUP + 1, short=True))
    return clips


def _split(group: int, groups_per_class: int, fold: int) -> str:
    """Test: the fold's third of the groups, in order, as UCF-101 has it; validation: a quarter of those after it."""
    first = (fold - 1) * groups_per_class // 3
    num_test = fold * groups_per_class // 3 - first
    place = (group - 1 - first) % groups_per_class
    num_val = max(1, (groups_per_class - num_test) // 4)
    return "test" if place < num_test else "val" if place < num_test + num_val else "train"


def make_toy(
    out: str | Path,
    *,
    seed: int = 0,
    groups_per_class: int = 15,
    fold: int = 1,
    workers: int | None = None,
    quiet: bool = False,
) -> Manifest:
    """Render a set of toy videos and write its manifest.

    Args:
        out: folder to write; it holds a folder a class and `manifest.csv`.
        seed: the same seed gives the same frames, whatever `workers` is.
        groups_per_class: groups in each of the twelve classes, three videos in each; at least 3. Three videos more
            (`NUM_SHORT`) are too short for ten frames.
        fold: 1, 2 or 3: which third of each class's groups is the test split; a quarter of the rest is validation.
        workers: threads; `None`: one a processor.
        quiet: no progress on standard error.

    Returns:
        The manifest, as written to `out/manifest.csv`.

    Raises:
        ToyError: `fold`, `groups_per_class` or `seed` is out of range, `out` already holds a manifest, or a file
            cannot be written.

    Example:
        >>> manifest = make_toy("toy", groups_per_class=3)
        >>> len(manifest), manifest.class_names[:3]
        (111, ('columns', 'corners', 'desert'))
    """
    out = Path(out)
    if fold not in (1, 2, 3):
        raise ToyError(f"fold is {fold!r}; the toy videos have the folds 1, 2 and 3")
    if groups_per_class < 3:
        raise ToyError(f"groups_per_class is {groups_per_class}; training, validation and test need 3 or more")
    if seed < 0:
        raise ToyError(f"seed is {seed}; it must be 0 or more")
    if (out / "manifest.csv").exists():
        raise ToyError(f"{out / 'manifest.csv'} exists already; give another folder or remove this one")
    clips = toy_clips(seed, groups_per_class)

    def work(clip: ToyClip) -> tuple[int, int]:
        fps, frames = clip.frames()
        try:
            (out / clip.label).mkdir(parents=True, exist_ok=True)
            return encode_video(out / clip.path, frames, fps), fps
        except OSError as error:
            raise ToyError(f"{out / clip.path} cannot be written ({error.strerror}); give another folder") from error

    counts = {}
    for clip, result in map_parallel(work, clips, workers=workers, description="rendering", quiet=quiet):
        if isinstance(result, VideoCNNError):
            raise result
        counts[clip] = result
    videos = tuple(
        Video(
            path=clip.path,
            labels=(clip.label,),
            split=_split(clip.group, groups_per_class, fold),
            group=f"{clip.label}_g{clip.group:02d}",
            num_frames=counts[clip][0],
            fps=float(counts[clip][1]),
        )
        for clip in sorted(clips, key=lambda clip: clip.path)
    )
    manifest = Manifest(videos=videos, class_names=tuple(sorted(CLASSES)), root=out)
    write_manifest(manifest, out / "manifest.csv")
    return manifest
