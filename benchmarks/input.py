"""How fast clips come in: our files, shards and memory beside PyAV and OpenCV by hand, interleaved in one run.

    python benchmarks/input.py FOLDER [--videos 60] [--seconds 5] [--rounds 3]

FOLDER has videos at any depth (without it: $VIDEOCNN_DATA/UCF-101). Every contender gives random clips of ten adjacent
frames, ready for the network: centre region 200x200, crop 170x170, flip, minus 117, in batches of 16, with as many
threads. Rates are medians over the rounds, in clips a second.
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import av
import numpy as np

from videocnn.clips import train_clips
from videocnn.datasets.folder import EXTENSIONS
from videocnn.jobs import default_workers
from videocnn.manifest import Manifest, Video, measure
from videocnn.sampling import clip_rng, random_clip
from videocnn.shards import write_shards
from videocnn.spec import ClipSpec

BATCH = 16
SPEC = ClipSpec(num_frames=10, frame_size=(170, 170), region_size=(200, 200))


def decode_av(path: str, frames: np.ndarray) -> list[np.ndarray]:
    """Decode with PyAV as one would by hand: from the start up to the last frame, converting those that are wanted."""
    wanted, result = set(frames.tolist()), []
    with av.open(path) as container:
        container.streams.video[0].thread_count = 1
        for number, frame in enumerate(container.decode(video=0)):
            if number in wanted:
                result.append(region(frame.to_ndarray(format="rgb24")))
            if number == frames[-1]:
                return result
    raise ValueError(f"{path} ends before frame {frames[-1]}")


def decode_av_seek(path: str, frames: np.ndarray) -> list[np.ndarray]:
    """The same with a seek to the key frame before the clip; only right where time stamps are regular."""
    result = []
    with av.open(path) as container:
        stream = container.streams.video[0]
        stream.thread_count = 1
        step = 1 / (stream.average_rate * stream.time_base)
        begin = stream.start_time or 0
        container.seek(int(begin + frames[0] * step), stream=stream)
        for frame in container.decode(stream):
            if round((frame.pts - begin) / step) >= frames[0]:
                result.append(region(frame.to_ndarray(format="rgb24")))
            if len(result) == len(frames):
                return result
    return decode_av(path, frames)  # no usable time stamps


def decode_cv2(path: str, frames: np.ndarray) -> list[np.ndarray]:
    """Decode with OpenCV as one would by hand: set the position, read the frames."""
    import cv2

    video = cv2.VideoCapture(path)
    video.set(cv2.CAP_PROP_POS_FRAMES, int(frames[0]))
    result = []
    for _ in frames:
        success, frame = video.read()
        if not success:
            raise ValueError(f"{path} ends before frame {frames[-1]}")
        result.append(region(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)))
    video.release()
    return result


def region(frame: np.ndarray) -> np.ndarray:
    """Cut the centre square and resize it to 200x200, with OpenCV where there is one: it is the fastest at that."""
    side = min(frame.shape[:2])
    top, left = (frame.shape[0] - side) // 2, (frame.shape[1] - side) // 2
    square = frame[top : top + side, left : left + side]
    try:
        import cv2
    except ImportError:
        from PIL import Image

        return np.asarray(Image.fromarray(square).resize((200, 200), Image.Resampling.BILINEAR))
    return cv2.resize(square, (200, 200), interpolation=cv2.INTER_AREA if side > 200 else cv2.INTER_LINEAR)


def by_hand(decode, manifest: Manifest, workers: int) -> Iterator[np.ndarray]:
    """Yield batches of clips from a thread pool that is always kept busy."""

    def clip(position: int) -> np.ndarray:
        rng = clip_rng(position, seed=0)
        video = manifest.videos[rng.integers(len(manifest))]
        frames = np.stack(decode(manifest.file(video), random_clip(video.num_frames, 10, rng=rng)))
        top, left = rng.integers(31, size=2)
        frames = frames[:, top : top + 170, left : left + 170]
        return (frames[:, :, ::-1] if rng.random() < 0.5 else frames).astype(np.float32) - 117

    with ThreadPoolExecutor(workers) as pool:
        position, running = 0, []
        while True:
            while len(running) < 2 * BATCH:
                running.append(pool.submit(clip, position))
                position += 1
            yield np.stack([future.result() for future in running[:BATCH]])
            del running[:BATCH]


def rate(batches: Iterator, seconds: float) -> float:
    """Return clips a second from the end of the first batch to the end of the last (not of the tear-down)."""
    iterator = iter(batches)
    next(iterator)
    count, start = 0, time.perf_counter()
    while time.perf_counter() < start + seconds:
        next(iterator)
        count += BATCH
    return count / (time.perf_counter() - start)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    data = os.environ.get("VIDEOCNN_DATA")
    parser.add_argument("folder", nargs="?" if data else None, default=data and os.path.join(data, "UCF-101"))
    parser.add_argument("--videos", type=int, default=60)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=default_workers())
    arguments = parser.parse_args()

    files = sorted(path for path in Path(arguments.folder).rglob("*") if path.suffix.lower() in EXTENSIONS)
    files = files[:: max(1, len(files) // arguments.videos)][: arguments.videos]
    videos = [Video(str(path), (path.parent.name,), "train") for path in files]
    manifest, skips = measure(Manifest(tuple(videos)))
    manifest = Manifest(tuple(video for video in manifest.videos if video.num_frames >= 10))
    print(
        f"{len(manifest)} videos, {sum(video.num_frames for video in manifest.videos)} frames, {len(skips)} unreadable"
    )

    workers = arguments.workers
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        shards = write_shards(manifest, folder, workers=workers)
        seconds = time.perf_counter() - start
        size = sum(path.stat().st_size for path in Path(folder).iterdir())
        size /= sum(os.path.getsize(manifest.file(video)) for video in manifest.videos)
        print(f"shards: {len(manifest) / seconds:.1f} videos/s written, {size:.2f} times the size of the files")
        how = {"spec": SPEC, "batch_size": BATCH, "workers": workers}
        contenders = {
            "videocnn, shards": lambda: train_clips(shards, **how),
            "videocnn, files": lambda: train_clips(manifest, **how),
            "videocnn, files, modern augmentation": lambda: train_clips(manifest, augment="modern", **how),
            "videocnn, shards, modern augmentation": lambda: train_clips(shards, augment="modern", **how),
            "PyAV by hand, from the start": lambda: by_hand(decode_av, manifest, workers),
            "PyAV by hand, with seek": lambda: by_hand(decode_av_seek, manifest, workers),
        }
        try:
            import cv2
        except ImportError:
            print("OpenCV is not installed: left out")
        else:
            cv2.setNumThreads(1)  # the pool has the threads
            contenders["OpenCV by hand"] = lambda: by_hand(decode_cv2, manifest, workers)
        rates = {name: [] for name in contenders}
        for _ in range(arguments.rounds):
            for name, make in contenders.items():
                rates[name].append(rate(make(), arguments.seconds))
    medians = {name: statistics.median(values) for name, values in rates.items()}
    base = medians["videocnn, files"]
    print(f"{workers} threads, {arguments.rounds} rounds of {arguments.seconds:g} s")
    for name, value in sorted(medians.items(), key=lambda item: -item[1]):
        spread = f"{min(rates[name]):.1f} to {max(rates[name]):.1f}"
        print(f"{name:40s} {value:7.1f} clips/s  ({spread})  {value / base:5.2f} x files")


if __name__ == "__main__":
    main()
