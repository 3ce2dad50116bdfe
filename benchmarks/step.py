"""How fast a network trains and infers here: ours, plain Keras and PyTorch take turns, each in a process of its own.

    python benchmarks/step.py --network slow_fusion --dtype bfloat16
    python benchmarks/step.py --backend jax    # ours under JAX or torch beside native PyTorch, without TensorFlow

"Plain Keras" is Conv3D and `tf.nn.local_response_normalization`; PyTorch is Conv3d and its own LocalResponseNorm,
channels last and contiguous. All take the same steps: SGD with momentum on one batch of random clips in memory.
Every process works for a while in every round, so that a machine that others use slows all of them alike.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import platform
import statistics
import subprocess
import sys
import time

from videocnn.models import NETWORKS


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", choices=NETWORKS, default="slow_fusion")
    parser.add_argument("--stream", choices=["full", "multires"], default="full")
    parser.add_argument("--dtype", choices=["float32", "bfloat16"], default="float32")
    parser.add_argument("--tasks", nargs="+", choices=["train", "infer"], default=["train", "infer"])
    parser.add_argument("--backend", choices=["tensorflow", "jax", "torch"], default="tensorflow", help="of ours")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--size", type=int, help="pixels a side; default the paper's 170, multires 178")
    parser.add_argument("--width", type=float, default=1.0)
    parser.add_argument("--classes", type=int, default=487)
    parser.add_argument("--seconds", type=float, default=10, help="that one process works in one round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", metavar="FILE", help="also write the figures to FILE")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    arguments.size = arguments.size or (170 if arguments.stream == "full" else 178)
    return arguments


# The three implementations: each returns {"train": step, "infer": step}, a step ends when its result is there


def ours(arguments: argparse.Namespace) -> dict:
    """Return steps of this package's network under the backend that KERAS_BACKEND names."""
    import videocnn.models

    network = NETWORKS[arguments.network]
    return keras_steps(
        lambda: getattr(videocnn.models, network.builder)(
            input_shape=(network.num_frames, arguments.size, arguments.size, 3),
            classes=arguments.classes,
            stream=arguments.stream,
            width=arguments.width,
        ),
        arguments,
    )


def plain_keras(arguments: argparse.Namespace) -> dict:
    """Return steps of the network as one would write it: Conv3D, TensorFlow's response normalisation, MaxPooling3D."""
    import keras
    import tensorflow as tf

    network = NETWORKS[arguments.network]
    frames, taps, steps = network.num_frames, network.kernel_extents(), network.strides

    class Normalisation(keras.layers.Layer):
        def call(self, x):
            pictures = tf.reshape(x, (-1, *x.shape[2:]))
            if pictures.dtype == tf.bfloat16:  # TensorFlow has it for float32 and float16 on a processor
                pictures = tf.cast(pictures, tf.float32)
            pictures = tf.nn.local_response_normalization(pictures, 2, bias=2.0, alpha=1e-4, beta=0.5)
            return tf.reshape(tf.cast(pictures, x.dtype), (-1, *x.shape[1:]))

    def tower(x):
        def conv(x, number, filters, size, stride=1):
            # In time "same" pads nothing here: the filters' strides cover the frames exactly.
            time_taps, time_step = (taps[number], steps[number]) if number < 3 else (1, 1)
            return keras.layers.Conv3D(
                round(filters * arguments.width),
                (time_taps, size, size),
                (time_step, stride, stride),
                "same" if stride == 1 else "valid",
                activation="relu",
            )(x)

        def pool(x):
            return keras.layers.MaxPooling3D((1, 2, 2), padding="same")(x)

        x = pool(Normalisation()(conv(x, 0, 96, 11, stride=3)))
        x = pool(Normalisation()(conv(x, 1, 256, 5)))
        return conv(conv(conv(x, 2, 384, 3), 3, 384, 3), 4, 256, 3)

    def build():
        inputs = keras.Input((frames, arguments.size, arguments.size, 3))
        if arguments.stream == "full":
            x = keras.layers.MaxPooling3D((1, 2, 2), padding="same")(tower(inputs))
        else:
            half = arguments.size // 2
            margin = ((arguments.size - half) // 2, arguments.size - half - (arguments.size - half) // 2)
            fovea = keras.layers.Cropping3D((0, margin, margin))(inputs)
            x = keras.layers.Concatenate()([tower(fovea), tower(keras.layers.AveragePooling3D((1, 2, 2))(inputs))])
        x = keras.layers.Flatten()(x)
        for _ in range(2):
            x = keras.layers.Dense(round(4096 * arguments.width), activation="relu")(x)
            x = keras.layers.Dropout(0.5)(x)
        return keras.Model(inputs, keras.layers.Dense(arguments.classes, activation="softmax", dtype="float32")(x))

    return keras_steps(build, arguments)


def keras_steps(build, arguments: argparse.Namespace) -> dict:
    """Return what `fit` and `predict` do for each batch, without their loops."""
    import keras
    import numpy as np

    if arguments.dtype == "bfloat16":
        keras.config.set_dtype_policy("mixed_bfloat16")
    model = build()
    generator = np.random.default_rng(0)
    clips = generator.uniform(-117, 138, (arguments.batch, *model.input_shape[1:])).astype("float32")
    labels = generator.integers(0, arguments.classes, arguments.batch)
    clips, labels = keras.ops.convert_to_tensor(clips), keras.ops.convert_to_tensor(labels)
    # XLA only where it is the backend: it compiles TensorFlow's convolutions on a processor to much slower ones.
    model.compile(
        keras.optimizers.SGD(1e-6, momentum=0.9),
        keras.losses.SparseCategoricalCrossentropy(),
        jit_compile=keras.backend.backend() == "jax",
    )
    return {
        "train": lambda: float(model.train_on_batch(clips, labels)),
        "infer": lambda: float(model.predict_on_batch(clips)[0, 0]),
    }


def pytorch(arguments: argparse.Namespace, channels_last: bool) -> dict:
    """Return steps of the network in native PyTorch, on a GPU if there is one."""
    import torch
    from torch import nn

    network = NETWORKS[arguments.network]
    frames, taps, steps = network.num_frames, network.kernel_extents(), network.strides
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    layout = torch.channels_last_3d if channels_last else torch.contiguous_format

    def scaled(units):
        return round(units * arguments.width)

    def conv(number, channels, filters, size, stride=1):
        time_taps, time_step = (taps[number], steps[number]) if number < 3 else (1, 1)
        padding = (0, size // 2, size // 2) if stride == 1 else 0
        return [
            nn.Conv3d(channels, filters, (time_taps, size, size), (time_step, stride, stride), padding),
            nn.ReLU(inplace=True),
        ]

    def pool():
        return nn.MaxPool3d((1, 2, 2), ceil_mode=True)

    def tower():
        one, two, three, last = scaled(96), scaled(256), scaled(384), scaled(256)
        norm = (5, 5e-4, 0.5, 2.0)  # PyTorch divides alpha by the number of neighbours
        return nn.Sequential(
            *conv(0, 3, one, 11, stride=3), nn.LocalResponseNorm(*norm), pool(),
            *conv(1, one, two, 5), nn.LocalResponseNorm(*norm), pool(),
            *conv(2, two, three, 3), *conv(3, three, three, 3), *conv(4, three, last, 3),
        )  # fmt: skip

    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            self.towers = nn.ModuleList([tower() for _ in range(1 if arguments.stream == "full" else 2)])
            hidden = scaled(4096)
            self.top = nn.Sequential(
                nn.Flatten(), nn.LazyLinear(hidden), nn.ReLU(inplace=True), nn.Dropout(0.5),
                nn.Linear(hidden, hidden), nn.ReLU(inplace=True), nn.Dropout(0.5), nn.Linear(hidden, arguments.classes),
            )  # fmt: skip

        def forward(self, clips):
            if arguments.stream == "full":
                return self.top(pool()(self.towers[0](clips)))
            half = arguments.size // 2
            start = (arguments.size - half) // 2
            fovea = clips[..., start : start + half, start : start + half].contiguous(memory_format=layout)
            context = nn.functional.avg_pool3d(clips, (1, 2, 2))
            return self.top(torch.cat([self.towers[0](fovea), self.towers[1](context)], dim=1))

    generator = torch.Generator().manual_seed(0)
    clips = torch.rand((arguments.batch, 3, frames, arguments.size, arguments.size), generator=generator) * 255 - 117
    clips = clips.to(device, memory_format=layout)
    labels = torch.randint(0, arguments.classes, (arguments.batch,), generator=generator).to(device)
    model = Network().to(device)
    model(clips[:1])  # gives the lazy layer its size
    model = model.to(memory_format=layout)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-6, momentum=0.9)
    half_precision = torch.autocast(device.type, torch.bfloat16, enabled=arguments.dtype == "bfloat16")

    def train():
        model.train()
        optimizer.zero_grad(set_to_none=True)
        with half_precision:
            scores = model(clips)
        loss = nn.functional.cross_entropy(scores.float(), labels)
        loss.backward()
        optimizer.step()
        return loss.item()

    def infer():
        model.eval()
        with torch.inference_mode(), half_precision:
            return float(model(clips).float().softmax(dim=1)[0, 0])

    return {"train": train, "infer": infer}


WORKERS = {
    "ours": ours,
    "plain Keras": plain_keras,
    "PyTorch, channels last": lambda arguments: pytorch(arguments, channels_last=True),
    "PyTorch, contiguous": lambda arguments: pytorch(arguments, channels_last=False),
}


def work(arguments: argparse.Namespace) -> None:
    """Run one implementation: a task's name and seconds come in as a line, the seconds of its steps go out as one."""
    reply = os.fdopen(os.dup(1), "w")  # libraries may print to standard output; only replies go to the real one
    os.dup2(2, 1)
    steps = WORKERS[arguments.worker](arguments)
    for task in arguments.tasks:
        for _ in range(2):
            steps[task]()
    forbidden = arguments.backend != "tensorflow" and "tensorflow" in sys.modules
    print(json.dumps({"ready": not forbidden, "hardware": hardware()}), file=reply, flush=True)
    for line in sys.stdin:
        task, seconds = json.loads(line)
        durations, begin = [], time.perf_counter()
        while not durations or time.perf_counter() - begin < seconds:
            start = time.perf_counter()
            steps[task]()
            durations.append(time.perf_counter() - start)
        print(json.dumps(durations), file=reply, flush=True)


def hardware() -> str:
    """Return one line on the machine: processor, cores that this process may use, GPU, library versions."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    name = platform.processor() or platform.machine()
    if os.path.exists("/proc/cpuinfo"):
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            name = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), name)
    parts = [f"{name}, {cores} cores", f"Python {platform.python_version()}"]
    libraries = [lib for lib in ("keras", "torch") if lib in sys.modules]
    if "keras" in libraries:
        libraries = ["keras", sys.modules["keras"].backend.backend()]
    parts += [f"{lib} {sys.modules[lib].__version__}" for lib in libraries]
    if "torch" in sys.modules and sys.modules["torch"].cuda.is_available():
        parts.append(sys.modules["torch"].cuda.get_device_name())
    return ", ".join(parts)


class Worker:
    """An implementation in a process of its own."""

    def __init__(self, name: str, arguments: list[str], environment: dict[str, str]):
        command = [sys.executable, __file__, *arguments, "--worker", name]
        self.name = name
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, **environment}
        )
        self.hardware = ""

    def read(self):
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"{self.name}: the process ended with code {self.process.wait()}; see its message above")
        return json.loads(line)

    def run(self, task: str, seconds: float) -> list[float]:
        print(json.dumps([task, seconds]), file=self.process.stdin, flush=True)
        return self.read()


def main() -> None:
    arguments = parse_arguments()
    if arguments.worker:
        work(arguments)
        return
    names = [name for name in WORKERS if arguments.backend == "tensorflow" or name != "plain Keras"]
    if importlib.util.find_spec("torch") is None:
        names = [name for name in names if "PyTorch" not in name]
        print("PyTorch is not installed: its rows are missing", file=sys.stderr)
    if len(names) < 2:
        raise SystemExit(f"--backend {arguments.backend}: nothing to compare with; install PyTorch")
    # Frees nothing that counts here, but keeps JAX from taking the whole GPU before PyTorch gets its share.
    environment = {"TF_CPP_MIN_LOG_LEVEL": "2", "XLA_PYTHON_CLIENT_PREALLOCATE": "false"}
    workers = []
    try:
        for name in names:  # one after the other: they would slow each other's compilation down
            backend = arguments.backend if name == "ours" else "tensorflow"
            workers.append(Worker(name, sys.argv[1:], {**environment, "KERAS_BACKEND": backend}))
            ready = workers[-1].read()
            if not ready["ready"]:
                raise SystemExit(f"{name}: TensorFlow was imported under --backend {arguments.backend}")
            workers[-1].hardware = ready["hardware"]
            print(f"{name}: {ready['hardware']}", file=sys.stderr)
        durations = {task: {name: [] for name in names} for task in arguments.tasks}
        for _ in range(arguments.rounds):
            for task in arguments.tasks:
                for worker in workers:
                    durations[task][worker.name] += worker.run(task, arguments.seconds)
    finally:
        for worker in workers:
            worker.process.kill()
            worker.process.wait()
    report(arguments, durations, workers)


def report(arguments: argparse.Namespace, durations: dict, workers: list[Worker]) -> None:
    """Print clips per second (median step) and the ratio of ours to the fastest other implementation."""
    size = f"{arguments.size} px, width {arguments.width:g}, batch {arguments.batch}, {arguments.dtype}"
    print(f"{arguments.network}, {arguments.stream}, {size}, ours under {arguments.backend}")
    print("; ".join(dict.fromkeys(worker.hardware for worker in workers)))
    result = {"arguments": vars(arguments), "hardware": {worker.name: worker.hardware for worker in workers}}
    for task, by_name in durations.items():
        rates = {name: arguments.batch / statistics.median(values) for name, values in by_name.items()}
        fastest = max((name for name in rates if name != "ours"), key=rates.get)
        for name, rate in rates.items():
            best = arguments.batch / min(by_name[name])
            print(f"  {task:5}  {name:23} {rate:8.2f} clips/s  (best {best:.2f}, {len(by_name[name])} steps)")
        ratio = rates["ours"] / rates[fastest]
        print(f"  {task:5}  ours / {fastest}: {ratio:.2f}")
        result[task] = {"clips_per_second": rates, "fastest_other": fastest, "ratio": ratio, "step_seconds": by_name}
    if arguments.json:
        with open(arguments.json, "w", encoding="utf-8") as file:
            json.dump(result, file, indent=1)


if __name__ == "__main__":
    main()
