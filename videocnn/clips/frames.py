"""Where decoded frames come from: video files, or memory after their first use (`shard_reader` adds shards).

A source gives the centre region of any frames of any of its videos, `read(video, frames)` -> uint8
`(len(frames), height, width, 3)`, from any thread. The rest of the pipeline does not see which kind it reads from.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import itertools
import re
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from videocnn.errors import VideoCNNError
from videocnn.sampling import ClipError

GIB = 2**30


class FileFrames:
    """Frames decoded from video files whenever they are asked for."""

    def __init__(self, files: Sequence[str], region_size: tuple[int, int], *, crop_to_aspect_ratio: bool = True):
        """Take the files in the order of their numbers and the `(height, width)` of their centre regions.

        Without `crop_to_aspect_ratio`, whole frames are squeezed into that size.
        """
        self.files = files
        self.region_size = tuple(region_size)
        self.crop_to_aspect_ratio = crop_to_aspect_ratio

    def read(self, video: int, frames: np.ndarray) -> np.ndarray:
        """Return the centre region of some frames; raises `VideoError` naming the file."""
        from videocnn.video import read_frames
        from videocnn.video.errors import counted_by_manifest

        with counted_by_manifest():
            return read_frames(
                self.files[video], frames, frame_size=self.region_size, crop_to_aspect_ratio=self.crop_to_aspect_ratio
            )


def cached_gib(lengths: Sequence[int], region_size: tuple[int, int]) -> float:
    """Return how many GiB the frames of videos of some lengths take in memory, uint8 RGB."""
    return int(sum(lengths)) * region_size[0] * region_size[1] * 3 / GIB


class CachedFrames:
    """Frames of another source, kept in memory from the first time that a video is asked for.

    A whole video is decoded at its first use: random clips ask for all of it sooner or later, and decoding in
    sequence is cheapest. (What is kept are frames, before sampling. Keeping the sampled clips would freeze them.)
    """

    def __init__(self, source, lengths: Sequence[int], *, limit: float):
        """Wrap a source.

        Args:
            source: where the frames come from.
            lengths: number of frames of each video.
            limit: most memory, in GiB, that the frames of all videos may take.

        Raises:
            ClipError: they would take more.
        """
        self.source, self.lengths, self.region_size = source, [int(length) for length in lengths], source.region_size
        needed = cached_gib(self.lengths, self.region_size)
        if needed > limit:
            raise ClipError(
                f"cache=True needs {needed:.3g} GiB for {sum(self.lengths):,} frames of {self.region_size[0]}x"
                f"{self.region_size[1]}, and {limit:.3g} GiB are left: raise cache_limit if the memory is there, "
                "take smaller frames, or write shards and train from those"
            )
        self.kept: dict[int, np.ndarray] = {}
        self.locks = [threading.Lock() for _ in self.lengths]

    def read(self, video: int, frames: np.ndarray) -> np.ndarray:
        """Return the centre region of some frames; errors are those of the wrapped source."""
        with self.locks[video]:  # two threads that want the same video decode it once
            if video not in self.kept:
                self.kept[video] = self.source.read(video, np.arange(self.lengths[video]))
        return self.kept[video][frames]


class _Calls:
    """Counts the calls that datasets make into Python, and lets none begin once the program ends.

    A dataset reads ahead on threads of its own. If Python shuts down while one of them is inside a call, TensorFlow
    waits for ever for that thread; so the program's end waits, briefly, until none is.
    """

    def __init__(self):
        self.lock = threading.Lock()
        self.running, self.ending, self.last = 0, False, 0.0

    def __enter__(self):
        with self.lock:
            self.running, self.last = self.running + 1, time.monotonic()
            if self.ending:
                self.running -= 1
                raise ClipError("the program is ending; no more clips are read")

    def __exit__(self, *error):
        with self.lock:
            self.running -= 1

    def end(self, quiet_seconds: float = 0.1, most_seconds: float = 60.0) -> None:
        """Refuse calls from now on; return when none is under way and none has been tried for a moment."""
        self.ending, begun = True, time.monotonic()
        while time.monotonic() - begun < most_seconds:
            with self.lock:
                if not self.running and time.monotonic() - max(self.last, begun) > quiet_seconds:
                    return
            time.sleep(0.01)


_calls = _Calls()
atexit.register(_calls.end)


def called_by_dataset(function: Callable) -> Callable:
    """Wrap a function for `call_python`, so that the end of the program never meets it half-way."""

    @functools.wraps(function)
    def wrapper(*arguments):
        with _calls:
            return function(*arguments)

    return wrapper


def call_python(function: Callable, arguments: Sequence[Any], dtypes: Any) -> Any:
    """Call a Python function inside `Dataset.map`, as `tf.numpy_function` does, and let it go with the dataset.

    TensorFlow keeps a function that it has been given, and all the frames in reach of it, until the program ends; so it
    gets one that only knows where the function is. The function that is mapped must hold it: a name of the scope
    around, not a temporary object.
    """
    import tensorflow as tf

    found = weakref.ref(function)

    def call(*values):
        there = found()
        if there is None:
            raise RuntimeError("the dataset that these clips come from is gone; keep it while its batches are read")
        return there(*values)

    return tf.numpy_function(call, arguments, dtypes)


_failures: dict[int, VideoCNNError] = {}
_failure_numbers = itertools.count(1)


def carried(function: Callable) -> Callable:
    """Wrap a function for `call_python`, so that `video_errors` can find its error again."""

    @called_by_dataset
    @functools.wraps(function)
    def wrapper(*arguments):
        try:
            return function(*arguments)
        except VideoCNNError as error:
            number = next(_failure_numbers)
            _failures[number] = error
            for old in list(_failures)[:-100]:  # nobody may ever ask for them
                _failures.pop(old, None)
            raise VideoCNNError(f"{error} [videocnn failure {number}]") from None

    return wrapper


@contextlib.contextmanager
def video_errors() -> Iterator[None]:
    """Raise the package's own error where TensorFlow reports that reading a clip has failed.

    TensorFlow turns an error inside a dataset into its own, with a traceback for its text. Wrap what consumes a
    dataset of `train_clips` or `eval_clips`: `with video_errors(): model.fit(clips, steps_per_epoch=100)`.
    """
    import tensorflow as tf

    try:
        yield
    except tf.errors.OpError as error:
        found = re.search(r"\[videocnn failure (\d+)\]", str(error))
        own = _failures.pop(int(found.group(1)), None) if found else None
        if own is None:
            raise
        raise own from None
