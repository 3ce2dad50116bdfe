"""What the package computes, written down: run as a program, in a process of its own and on one thread of arithmetic.

    python tests/unchanged/results.py core|old|runs FOLDER

writes `FOLDER/<part>.json` (plain values, SHA-256 of arrays and files) and `FOLDER/<part>.npz` (arrays; large ones
other than weights as means of blocks). `make.py` keeps them as today's results, `tests/test_unchanged.py` compares.
Only rooms are imported whose names stay. `core` and `old` open the old files of `OLD`; `runs` renders toy videos and
trains on them. Toy videos are encoded anew: their bytes, and all that is learnt from them, hang on the x264 that PyAV
brings, so PyAV's version is part of the fingerprint. Shards hang on TensorFlow's JPEG encoder and Pillow's decoder.
"""

from __future__ import annotations

import csv
import dataclasses
import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).resolve().parent
OLD = HERE / "old-0.1.0.tar.xz"  # what version 0.1.0 wrote, byte for byte; most of a small `.keras` file is empty space
PARTS = ("core", "old", "runs")
# One thread of arithmetic, whatever the machine has: with two, gradients are summed in another order and weights differ
# by up to 1.5e-7. (On one, TensorFlow 2.17.1 and 2.21.0 gave the same bits when this was written.)
PINNED = {"TF_NUM_INTRAOP_THREADS": "1", "TF_CPP_MIN_LOG_LEVEL": "2", "KERAS_BACKEND": "tensorflow"}
LEFT_TO_TENSORFLOW = ("TF_ENABLE_ONEDNN_OPTS", "ONEDNN_MAX_CPU_ISA", "XLA_FLAGS", "TF_XLA_FLAGS", "KERAS_HOME")
NO_RESULT = {"hardware", "seconds", "train_seconds", "views_per_second", "devices"}
TRAINING = {
    "epochs": 2, "width": 0.02, "frame_size": 40, "batch_size": 8, "scale": 0.02, "validation_clips": 1,
    "learning_rate": 0.01, "validate_every": 1, "seed": 0, "quiet": True,
}  # fmt: skip
NETWORKS = ("single_frame", "early_fusion", "late_fusion", "slow_fusion")
AUGMENTATIONS = ("paper", "modern", "motion")


def fingerprint() -> dict[str, Any]:
    """Return what decides the last bit: versions, and what of the processor chooses kernels."""
    names = ("tensorflow", "keras", "numpy", "av", "pillow")
    return {"versions": {name: metadata.version(name) for name in names}, "processor": processor()}


def processor() -> dict[str, Any]:
    """Return maker, family, model and vector instructions where the system tells them, elsewhere the bare kind."""
    kind = {"system": platform.system(), "machine": platform.machine()}
    file = Path("/proc/cpuinfo")
    if not file.is_file():
        return kind
    lines = file.read_text(encoding="utf-8").split("\n\n")[0].splitlines()
    said = {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    flags = [f for f in said.get("flags", "").split() if f.startswith(("sse", "ssse", "avx", "amx", "fma", "f16c"))]
    return kind | {
        "name": [said.get(name) for name in ("vendor_id", "cpu family", "model")],
        "flags": sorted(flags),
    }


def compute(part: str, folder: Path) -> Results:
    """Compute a part in a process of its own and return what it found."""
    import videocnn

    environment = {name: value for name, value in os.environ.items() if name not in LEFT_TO_TENSORFLOW} | PINNED
    package = str(Path(videocnn.__file__).resolve().parent.parent)
    environment["PYTHONPATH"] = os.pathsep.join([package, *filter(None, [os.environ.get("PYTHONPATH")])])
    command = [sys.executable, __file__, part, str(folder)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=900)
    if done.returncode:
        raise AssertionError(f"{part}: ended with {done.returncode}\n{done.stdout}\n{done.stderr}")
    return Results.read(folder, part)


@dataclasses.dataclass
class Results:
    """Named results.

    Attributes:
        plain: values that are the same on every machine: names, counts, settings, hashes of text.
        figures: numbers that follow from arithmetic.
        digests: SHA-256 of arrays and files.
        arrays: the arrays, or means of their blocks where they are large.
    """

    plain: dict[str, Any] = dataclasses.field(default_factory=dict)
    figures: dict[str, Any] = dataclasses.field(default_factory=dict)
    digests: dict[str, str] = dataclasses.field(default_factory=dict)
    arrays: dict[str, np.ndarray] = dataclasses.field(default_factory=dict)

    def add(self, name: str, array: Any, *, whole: bool = False) -> None:
        array = np.ascontiguousarray(array)
        digest = hashlib.sha256(f"{array.dtype} {array.shape}".encode())
        digest.update(array.tobytes())
        self.digests[name] = digest.hexdigest()
        self.arrays[name] = array if whole or array.size <= 512 else block_means(array)

    def add_file(self, name: str, file: Path) -> None:
        self.digests[name] = hashlib.sha256(file.read_bytes()).hexdigest()

    def add_weights(self, name: str, network: Any) -> None:
        """Add all weights as one vector, and their names and shapes."""
        named = [(layer.name, weight) for layer in network.layers for weight in layer.get_weights()]
        self.plain[f"{name}/shapes"] = [[layer, str(w.dtype), list(w.shape)] for layer, w in named]
        self.add(name, np.concatenate([w.ravel() for _, w in named]), whole=True)

    def write(self, folder: Path, part: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        content = {
            "fingerprint": fingerprint(), "plain": self.plain, "figures": self.figures, "digests": self.digests,
        }  # fmt: skip
        text = json.dumps(content, indent=1, sort_keys=True) + "\n"
        (folder / f"{part}.json").write_text(text, encoding="utf-8")
        np.savez_compressed(folder / f"{part}.npz", **self.arrays)

    @classmethod
    def read(cls, folder: Path, part: str) -> Results:
        content = json.loads((folder / f"{part}.json").read_text(encoding="utf-8"))
        with np.load(folder / f"{part}.npz", allow_pickle=False) as arrays:
            return cls(content["plain"], content["figures"], content["digests"], dict(arrays))


def block_means(array: np.ndarray, num_blocks: int = 256) -> np.ndarray:
    """Return float32 means of so many equal parts of the flattened array, the last filled with its own mean."""
    flat = array.astype(np.float64).ravel()
    return np.array([block.mean() for block in np.array_split(flat, num_blocks)], np.float32)


def core(results: Results, work: Path) -> None:
    """What takes seconds: manifests, old networks, clips and a training run from old shards."""
    from videocnn.train import train

    manifests(results)
    old = unpack(work / "old")
    clips(results, "old_shards", old / "shards", 40, 4)
    network = train(old / "shards", work / "trained", model="single_frame", **TRAINING | {"batch_size": 2})
    run(results, "old_shards/single_frame", work / "trained", network, old / "shards")
    old_networks(results, old, ("single_frame", "average"))


def unpack(folder: Path) -> Path:
    """Unpack the old files into a new folder."""
    with tarfile.open(OLD) as archive:
        archive.extractall(folder, filter="data")
    return folder


def manifests(results: Results) -> None:
    """Hashes of manifests with everything that a row may hold."""
    from videocnn.manifest import Manifest, Video

    plain = (Video("a/1.mp4", ("judo",), "train", "g1", 30, 25.0), Video("b/2.mp4", ("polo",), "test", "g2", 31, 29.97))
    found = {
        "plain": Manifest(plain),
        "other order": Manifest(plain[::-1]),
        "other root": Manifest(plain, root=Path("/elsewhere/data")),
        "one folder": Manifest(tuple(dataclasses.replace(v, path=f"deep/er/{v.path}") for v in plain)),
        "classes in another order": Manifest(plain, ("polo", "judo")),
        "a class without videos": Manifest(plain, ("judo", "polo", "tennis")),
        "not ASCII": Manifest((Video("café/日本 1.mp4", ("Fußball", "柔道"), "train", "Zürich"),)),
        "several labels": Manifest((Video("1.mp4", ("polo", "judo", "a, b"), "val", "g", 5, 25),)),
        "URLs": Manifest((Video("https://example.org/v/1.mp4", ("judo",), "test"), *plain)),
        "only URLs": Manifest((Video("https://example.org/v/1.mp4?x=1", ("judo",), "test", "g"),)),
        "empty group": Manifest((Video("1.mp4", ("judo",), "train", "", 10, 25.0),)),
        "empty split": Manifest((Video("1.mp4", ("judo",), "", "g", 10, 25.0), Video("2.mp4", ("judo",), "", ""))),
        "counts missing": Manifest((Video("1.mp4", ("judo",), "train", "g"), Video("2.mp4", ("judo",), "val", "h", 7))),
    }
    results.plain["manifests"] = {name: manifest.hash for name, manifest in found.items()}
    results.plain["manifests/classes"] = {name: list(manifest.class_names) for name, manifest in found.items()}


def clips(results: Results, name: str, source: Path, size: int, batch_size: int) -> None:
    """The first two training batches of each augmentation, one from the middle, and all evaluation batches."""
    from videocnn import models
    from videocnn.clips import eval_clips, train_clips

    builders = {"still": models.SingleFrame, "late": models.LateFusion, "ten": models.SlowFusion}
    specs = {}
    for kind, builder in builders.items():
        frames = {"still": 1, "late": 2, "ten": 10}[kind]
        specs[kind] = models.clip_spec(builder(classes=2, width=0.02, input_shape=(frames, size, size, 3)))
    specs["fps"] = specs["ten"].replace(fps=12.0)
    for kind, augment in [("ten", a) for a in AUGMENTATIONS] + [
        ("still", "paper"),
        ("late", "modern"),
        ("fps", "paper"),
    ]:
        stream = train_clips(source, specs[kind], batch_size, augment=augment, skips=[], seed=5)
        for number, (views, labels) in enumerate(stream.take(2)):
            results.add(f"clips/{name}/train/{kind}/{augment}/{number}", views)
            results.add(f"clips/{name}/train/{kind}/{augment}/{number}/labels", labels)
    for start, short in ((7, "skip"), (0, "hold")):
        stream = train_clips(source, specs["ten"], batch_size, start=start, short=short, skips=[], seed=6)
        results.add(f"clips/{name}/train/start {start} {short}", next(iter(stream))[0])
    for kind, spec in specs.items():
        skips = []
        batches = eval_clips(source, spec, num_clips=2, num_views=5, batch_size=9, skips=skips)
        every = list(batches if name == "old_shards" else batches.take(3))
        for place, part in enumerate(("views", "video", "clip")):
            results.add(f"clips/{name}/eval/{kind}/{part}", np.concatenate([batch[place].numpy() for batch in every]))
        results.plain[f"clips/{name}/eval/{kind}/skipped"] = [[skip.path, skip.reason] for skip in skips]


def run(results: Results, name: str, folder: Path, network: Any, source: Path) -> None:
    """A run folder: weights, what is on record, history, figures and every probability."""
    from videocnn.evaluate import evaluate

    results.add_weights(f"weights/{name}", network)
    record(results, name, folder)
    found = evaluate(folder, source, num_clips=3, num_views=2, quiet=True)
    figures(results, name, found)
    with np.load(folder / "scores_test.npz", allow_pickle=False) as scores:
        for part in ("clip_scores", "video_scores"):
            results.add(f"probabilities/{name}/{part}", scores[part], whole=True)
        for part in ("paths", "groups", "class_names", "manifest_hash", "num_clips", "num_views"):
            results.plain[f"{name}/scores/{part}"] = scores[part].tolist()
    kept = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))["test"]
    results.plain[f"{name}/metrics are kept"] = kept == json.loads(json.dumps(found))
    results.plain[f"{name}/skipped_test.csv"] = (folder / "skipped_test.csv").read_text(encoding="utf-8")
    results.plain[f"{name}/files"] = sorted(
        path.relative_to(folder).as_posix() for path in folder.rglob("*")
        if path.is_file() and not path.name.startswith((".", "features-"))
    )  # fmt: skip


def record(results: Results, name: str, folder: Path) -> None:
    """What `run.json` and `history.csv` say, without times, places and machine."""
    settings = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    arguments = {key: value for key, value in settings["arguments"].items() if key != "weights"}
    results.plain[f"{name}/arguments"] = arguments
    for key in ("manifest_hash", "class_names", "num_train_videos", "skipped"):
        results.plain[f"{name}/{key}"] = settings[key]
    with open(folder / "history.csv", newline="", encoding="utf-8") as stream:
        rows = [{key: value for key, value in row.items() if key not in NO_RESULT} for row in csv.DictReader(stream)]
    results.figures[f"{name}/history"] = [{k: float(v) if v else None for k, v in row.items()} for row in rows]


def figures(results: Results, name: str, found: dict[str, Any]) -> None:
    counted = {"num_videos", "num_groups", "num_clips", "num_views", "seed", "manifest_hash", "class_names", "split"}
    counted |= {"num_skipped", "short", "num_parameters", "batch_size", "chance_hit_at_1", "chance_hit_at_5"}
    found = json.loads(json.dumps(found))
    results.plain[f"{name}/counts"] = {key: value for key, value in found.items() if key in counted}
    results.figures[f"{name}/figures"] = {
        key: value for key, value in found.items() if key not in counted and key not in NO_RESULT
    }


def old_networks(results: Results, old: Path, names: Sequence[str]) -> None:
    """Old `.keras` files: their specification, and what they say of clips of noise and of a short video."""
    from videocnn import models
    from videocnn.predict import predict

    for name in names:
        file = old / "networks" / f"{name}.keras"
        network = models.load_model(file)
        name = f"old/{name}"
        results.plain[f"{name}/spec"] = models.clip_spec(network).to_config()
        noise = np.random.default_rng(0).integers(0, 256, (3, *network.input_shape[1:])).astype(np.float32)
        spec = models.clip_spec(network)
        scores = network(models.preprocess_input(noise, spec.mean, spec.scale), training=False)
        results.add(f"probabilities/{name}/noise", scores)
        (found,) = predict(file, old / "short.mp4", num_clips=2, num_views=2, hold_last=True)
        results.plain[f"{name}/error"] = found.error
        results.add(f"probabilities/{name}/short", [dict(found.labels)[label] for label in spec.class_names])


def old_files(results: Results, work: Path) -> None:
    """Old files: networks opened; run folders compared, evaluated anew, resumed, fine-tuned."""
    from videocnn.evaluate import compare
    from videocnn.models import load_model
    from videocnn.predict import predict
    from videocnn.shards import open_shards
    from videocnn.train import train
    from videocnn.transfer import finetune

    old = unpack(work / "old")
    shards = old / "shards"
    old_networks(results, old, sorted(file.stem for file in (old / "networks").glob("*.keras")))
    opened = open_shards(shards)
    results.plain["old/shards"] = [opened.hash, opened.manifest.hash, [v.path for v in opened.manifest.videos]]
    # From kept scores: no arithmetic of a network lies between these figures and the test.
    kept = json.loads(json.dumps(compare([old / "run", old / "tuned"], average=True)))
    names = ("video_hit_at_1", "video_hit_at_5", "mean_average_precision")
    results.figures["old/compare"] = [{key: row[key] for key in row if key != "name"} for row in kept["rows"]]
    results.figures["old/differences"] = [{name: row[name] for name in names} for row in kept["differences"]]
    (found,) = predict(old / "run", old / "short.mp4", num_clips=2, num_views=2, hold_last=True)
    results.plain["old/run/names"] = sorted(label for label, _ in found.labels)
    for name in ("run", "tuned"):
        run(results, f"old/{name}", old / name, load_model(old / name / "model.keras"), shards)
    network = train(shards, old / "unfinished", resume=True, quiet=True)
    run(results, "old/resumed", old / "unfinished", network, shards)
    options = {"regime": "top", "epochs": 2, "batch_size": 2, "validation_clips": 1, "feature_epochs": 1, "seed": 1}
    network = finetune(old / "run", shards, old / "again", quiet=True, **options)
    run(results, "old/finetuned", old / "again", network, shards)


def runs(results: Results, work: Path) -> None:
    """Toy videos rendered, written as shards, learnt by every network, evaluated, predicted, fine-tuned."""
    from videocnn.datasets.toy import make_toy
    from videocnn.predict import predict, score_timeline
    from videocnn.report import write_report
    from videocnn.shards import write_shards
    from videocnn.train import train
    from videocnn.transfer import finetune

    manifest = make_toy(work / "toy", groups_per_class=3, quiet=True)
    source = work / "toy" / "manifest.csv"
    results.plain["toy/manifest.csv"] = source.read_text(encoding="utf-8")
    results.plain["toy/hash"] = manifest.hash
    for video in manifest.videos[::10]:
        results.add_file(f"toy/{video.path}", work / "toy" / video.path)
    clips(results, "toy", source, 40, 8)
    directory(results, work / "toy")

    write_shards(tiny_manifest(manifest, work / "shards"), work / "shards", **SHARDS)
    for file in sorted((work / "shards").iterdir()):
        if file.name[0] != ".":
            results.add_file(f"shards/{file.name}", file)
    results.plain["shards/videos.csv"] = (work / "shards" / "videos.csv").read_text(encoding="utf-8")
    clips(results, "shards", work / "shards", 40, 4)

    options = {name: {"model": name} for name in NETWORKS}
    options["modern"] = {"model": "slow_fusion", "recipe": "modern", "frame_difference": True, "width": 0.04}
    options["cached"] = {"model": "early_fusion", "stream": "multires", "frame_size": 80, "head": "pool", "cache": True}
    for name, extra in options.items():
        network = train(source, work / name, **{**TRAINING, **extra})
        run(results, f"toy/{name}", work / name, network, source)
    files = [manifest.file(video) for video in manifest.select("test").videos[::9]]
    predictions(results, predict(work / "slow_fusion" / "model.keras", files, num_clips=2, top=12))
    timeline = score_timeline(work / "slow_fusion", files[1], step_seconds=0.1)
    for part in ("start_seconds", "end_seconds", "scores"):
        results.add(f"probabilities/timeline/{part}", getattr(timeline, part))
    results.plain["timeline/best"] = sorted(timeline.best(12))

    for regime in ("top", "all"):
        options = {"regime": regime, "epochs": 2, "batch_size": 8, "validation_clips": 1, "seed": 0, "quiet": True}
        network = finetune(work / "slow_fusion", source, work / regime, **options, learning_rate=0.01)
        run(results, f"toy/finetune {regime}", work / regime, network, source)
    old = unpack(work / "old")
    page = write_report([old / "run", old / "tuned"], work / "report.html").read_text(encoding="utf-8")
    results.plain["old/report"] = {"has": [word for word in ("rising", "sinking", "run", "tuned") if word in page]}


SHARDS = {"frame_size": (47, 47), "quality": 60, "videos_per_shard": 4, "quiet": True}


def tiny_manifest(manifest: Any, shards: Path) -> Any:
    """Return a video of each group of two classes, and the short one.

    Paths count from the folder of shards: every record keeps them, and no name of a temporary folder may be in it.
    """
    chosen = [
        dataclasses.replace(video, path=os.path.relpath(manifest.file(video), shards))
        for video in manifest.videos
        if video.labels[0] in ("rising", "sinking") and video.path.endswith(("_c01.mp4", "_c04.mp4"))
    ]
    return dataclasses.replace(manifest, videos=tuple(chosen), class_names=("rising", "sinking"), root=shards)


def directory(results: Results, folder: Path) -> None:
    from videocnn.clips import video_dataset_from_directory

    options = {"frame_size": (40, 40), "batch_size": 8, "class_names": ["growing", "sea"], "seed": 3}
    small = folder.parent / "classes"
    for name in options["class_names"]:
        shutil.copytree(folder / name, small / name)
    training, validation = video_dataset_from_directory(
        small, validation_split=0.4, subset="both", skips=[], label_mode="categorical", **options
    )
    still = video_dataset_from_directory(small, shuffle=False, crop_to_aspect_ratio=True, skips=[], **options)
    for name, dataset in {"training": training, "validation": validation, "still": still}.items():
        results.plain[f"directory/{name}"] = [Path(file).name for file in dataset.file_paths]
        for number, (views, labels) in enumerate(dataset.take(2)):
            results.add(f"clips/directory/{name}/{number}", views)
            results.add(f"clips/directory/{name}/{number}/labels", labels)


def predictions(results: Results, found: list[Any]) -> None:
    results.plain["predict/errors"] = [
        # a file's own folder is not the same twice
        [Path(p.path).name, None if p.error is None else p.error.replace(p.path, Path(p.path).name)]
        for p in found
    ]
    results.figures["predict"] = [dict(p.labels) for p in found]
    # apart, since nearly equal scores may change places on another machine
    order = json.dumps([[label for label, _ in p.labels] for p in found])
    results.digests["predict/order"] = hashlib.sha256(order.encode()).hexdigest()


def main() -> None:
    part, folder = sys.argv[1], Path(sys.argv[2]).absolute()
    results = Results()
    with tempfile.TemporaryDirectory() as work:
        os.chdir(work)
        {"core": core, "old": old_files, "runs": runs}[part](results, Path(work))
        os.chdir(HERE)
    results.write(folder, part)


if __name__ == "__main__":
    main()
