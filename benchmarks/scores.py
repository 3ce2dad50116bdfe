"""Time and memory of a split's scores: collected video by video, written, read again, and turned into figures.

    python benchmarks/scores.py                     # 20,000 videos x 20 clips x 100 classes
    python benchmarks/scores.py --full --figures    # 200,000 x 20 x 487: 7.8 GB of clip scores, twice that on disk

A synthetic scorer gives random probabilities. Peak memory is that of the process alone (anonymous memory, sampled
100 times a second); pages of files that the system caches and can drop at any time are not counted. Linux only.
"""

from __future__ import annotations

import argparse
import contextlib
import re
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from videocnn.evaluate import Scores, clip_hits, gather_clip_scores, read_scores, summarize, write_scores
from videocnn.evaluate.scores import scores_file

SIZES = {False: (20_000, 20, 100), True: (200_000, 20, 487)}  # videos, clips, classes
GROUP_SIZE = 5  # videos of one source


def memory() -> float:
    """Return the anonymous memory of this process in GB."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(re.search(r"RssAnon:\s+(\d+) kB", status)[1]) * 1024 / 1e9


@contextlib.contextmanager
def measured(name: str) -> Iterator[None]:
    """Print the time of a step and the most memory that the process had during it."""
    peak, done = [memory()], threading.Event()

    def watch() -> None:
        while not done.wait(0.01):
            peak[0] = max(peak[0], memory())

    watcher = threading.Thread(target=watch)
    watcher.start()
    begin = time.monotonic()
    try:
        yield
    finally:
        seconds = time.monotonic() - begin
        done.set()
        watcher.join()
        print(f"{name:32} {seconds:8.1f} s   {peak[0]:5.2f} GB", flush=True)


def synthetic_videos(num_videos: int, num_clips: int, num_classes: int) -> Iterator[tuple[int, np.ndarray]]:
    """Yield the clip scores of one video after the other, the true class (`number % num_classes`) a little higher."""
    rng = np.random.default_rng(0)
    for number in range(num_videos):
        scores = rng.random((num_clips, num_classes), np.float32)
        scores[:, number % num_classes] += 0.5
        yield number, scores / scores.sum(axis=1, keepdims=True)


def main() -> None:
    """Run the steps one after the other and remove the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true", help="Sports-1M's test videos, 7.8 GB of clip scores")
    parser.add_argument("--figures", action="store_true", help="also all figures with their intervals")
    parser.add_argument("--folder", default=".", help="where the temporary run folder is made")
    options = parser.parse_args()
    num_videos, num_clips, num_classes = SIZES[options.full]
    size = 4 * num_videos * num_clips * num_classes / 1e9
    print(f"{num_videos:,} videos x {num_clips} clips x {num_classes} classes: {size:.2f} GB of clip scores")
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        with measured("score and collect"):
            clip_scores, numbers = gather_clip_scores(synthetic_videos(num_videos, num_clips, num_classes), folder)
        labels = np.zeros((num_videos, num_classes), np.float32)
        labels[numbers, numbers % num_classes] = 1
        scores = Scores(
            split="test",
            class_names=tuple(f"class {number}" for number in range(num_classes)),
            paths=tuple(f"videos/{number:07}.mp4" for number in numbers),
            groups=tuple(f"source {number // GROUP_SIZE}" for number in numbers),
            labels=labels,
            clip_scores=clip_scores,
            manifest_hash="0" * 64,
            num_views=4,
        )
        with measured("video scores"):
            assert scores.video_scores.shape == (num_videos, num_classes)
        with measured("write"):
            write_scores(scores, folder)
        del clip_scores, scores
        print(f"{scores_file(folder, 'test').name}: {scores_file(folder, 'test').stat().st_size / 1e9:.2f} GB")
        with measured("read"):
            scores = read_scores(folder, "test")
        with measured("clip hit@1"):
            print(f"clip hit@1 {100 * clip_hits(scores, 1).mean():.1f} %")
        if options.figures:
            with measured("all figures with intervals"):
                summarize(scores)


if __name__ == "__main__":
    main()
