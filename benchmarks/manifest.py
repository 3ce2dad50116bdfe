"""A manifest of the size of Sports-1M: how long it takes to read, check, hash and select from it, and in what memory.

Makes a manifest of 1,133,158 rows with 487 classes, 5 % of them with several labels, and times every step that a
training goes through before its first batch, and the model card that it ends with. There are no video files: frames
are made up, so that only the work around them is in the figures. Peak memory is that of the whole process, TensorFlow
included.

    python benchmarks/manifest.py                    # a minute on two cores
    python benchmarks/manifest.py --rows 100000      # a smaller one
"""

from __future__ import annotations

import argparse
import contextlib
import json
import resource
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

ROWS, CLASSES, SEVERAL = 1_133_158, 487, 0.05
SIZE = 32  # pixels of the network that asks for the first batch


def write_rows(path: Path, num_rows: int, num_classes: int, *, seed: int = 0) -> None:
    """Write the manifest: splits 70 : 10 : 20, five videos a group, 100 to 9,999 frames."""
    rng = np.random.default_rng(seed)
    names = [f"sport {number:03d}" for number in range(num_classes)]
    first = np.concatenate([np.arange(num_classes), rng.integers(num_classes, size=num_rows - num_classes)])
    several, second = rng.random(num_rows) < SEVERAL, rng.integers(1, num_classes, size=num_rows)
    splits = rng.choice(["train", "val", "test"], size=num_rows // 5 + 1, p=[0.7, 0.1, 0.2])
    splits[: num_classes // 5 + 1] = "train"  # every class is trained on
    frames = rng.integers(100, 10_000, size=num_rows)
    with open(path, "w", encoding="utf-8", newline="\n") as file:
        file.write("path,labels,split,group,num_frames,fps\n")
        for row in range(num_rows):
            labels = names[first[row]]
            if several[row]:
                labels += "|" + names[(first[row] + second[row]) % num_classes]
            group = row // 5
            file.write(f"videos/{row % 1000:03d}/v{row:07d}.mp4,{labels},{splits[group]},g{group},{frames[row]},25.0\n")


@contextlib.contextmanager
def timed(times: dict[str, float], name: str) -> Iterator[None]:
    """Note how many seconds a step takes, and print them with the memory used so far."""
    begun = time.monotonic()
    yield
    times[name] = time.monotonic() - begun
    print(f"{name:24s} {times[name]:7.2f} s   peak {peak_gib():5.2f} GiB", flush=True)


def peak_gib() -> float:
    """Return the most memory that this process has used, in GiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def measure(folder: Path, num_rows: int, num_classes: int) -> dict[str, float]:
    """Return the seconds of every step."""
    times: dict[str, float] = {}
    path = folder / "manifest.csv"
    with timed(times, "write the rows"):
        write_rows(path, num_rows, num_classes)
    from videocnn.manifest import check_groups, check_trainable, read_manifest

    with timed(times, "read"):
        manifest = read_manifest(path, check_files=False)
    with timed(times, "check"):
        check_groups(manifest)
        check_trainable(manifest)
    with timed(times, "hash"):
        assert len(manifest.hash) == 64
    with timed(times, "select"):
        counts = {split: len(manifest.select(split)) for split in ("train", "val", "test")}
    print(", ".join(f"{count:,} {split}" for split, count in counts.items()))

    with timed(times, "import TensorFlow"):
        import tensorflow as tf

        from videocnn.clips import Dataset, train_clips
        from videocnn.clips import dataset as opening
        from videocnn.runs import write_card
        from videocnn.spec import ClipSpec

    class Grey:  # frames that cost nothing: what is measured is everything around them
        def __init__(self, files, region_size):
            self.region_size = region_size

        def read(self, video, frame_numbers):
            return np.full((len(frame_numbers), *self.region_size, 3), 117, np.uint8)

    opening.FileFrames = Grey
    dataset = Dataset.open(manifest)
    with timed(times, "first training batch"):
        spec = ClipSpec(10, (SIZE, SIZE), (SIZE + 8, SIZE + 8), class_names=manifest.class_names)
        clips, labels = next(iter(train_clips(dataset, spec, 32)))
    assert clips.shape == (32, 10, SIZE, SIZE, 3)
    assert np.allclose(tf.reduce_sum(labels, axis=1), 1)

    settings = {
        "arguments": {"model": "slow_fusion"}, "data": str(path), "manifest_hash": manifest.hash,
        "class_names": list(manifest.class_names), "num_train_videos": counts["train"], "skipped": [],
    }  # fmt: skip
    (folder / "run.json").write_text(json.dumps(settings), encoding="utf-8")
    with timed(times, "model card"):
        write_card(folder, opened=dataset)
    return times


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--classes", type=int, default=CLASSES)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        times = measure(Path(folder), arguments.rows, arguments.classes)
    print(f"read and check: {times['read'] + times['check']:.1f} s; peak memory {peak_gib():.2f} GiB")


if __name__ == "__main__":
    main()
