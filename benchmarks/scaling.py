"""How well several devices train: clips/s on N devices over N times the clips/s on one.

    python benchmarks/scaling.py --gpus all --manifest ucf101/manifest.csv
    python benchmarks/scaling.py --logical 2 --width 0.25 --size 80    # without a GPU: does it run at all

Three rows: one device; N devices with a batch N times as large, so that each has as much to do (what scaling means
here); N devices with the batch of one, which computes the same as one device. Each is timed in a process of its own,
in turns, over the steps of `Model.fit` as `videocnn train` runs them, from the end of a warm step to that of the last,
both waited for. Without --manifest the clips are in memory already, and reading videos is not in the figure.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    devices = parser.add_mutually_exclusive_group(required=True)
    devices.add_argument("--gpus", metavar="N|all")
    devices.add_argument("--logical", metavar="N", type=int)
    parser.add_argument("--manifest", help="a manifest.csv or a folder of shards; default random clips in memory")
    parser.add_argument("--network", default="slow_fusion")
    parser.add_argument("--dtype", choices=["float32", "bfloat16"], default="float32")
    parser.add_argument("--batch", type=int, default=32, help="clips a step on one device")
    parser.add_argument("--size", type=int, default=170, help="pixels a side")
    parser.add_argument("--width", type=float, default=1.0)
    parser.add_argument("--classes", type=int, default=487, help="of random clips")
    parser.add_argument("--warm-steps", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=20, help="that one process is timed in one round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", metavar="FILE", help="also write the figures to FILE")
    parser.add_argument("--worker", choices=["one", "larger", "same"], help=argparse.SUPPRESS)
    return parser.parse_args()


def work(arguments: argparse.Namespace) -> dict:
    """Return clips/s of one configuration, timed in this process."""
    from videocnn.train import open_devices

    one = arguments.worker == "one"
    asked = {} if one else {"gpus": arguments.gpus, "logical": arguments.logical}
    devices = open_devices(**asked)

    import keras
    import numpy as np
    import tensorflow as tf

    from videocnn import models
    from videocnn.clips import batches as clips
    from videocnn.runs import hardware, versions
    from videocnn.train import TrainArguments
    from videocnn.train.training import build_network, compile_trainer

    class Clock(keras.callbacks.Callback):
        """Times the steps after the first few; reading a loss waits for its step."""

        steps = 0

        def on_train_batch_end(self, batch, logs=None):
            self.steps += 1
            if self.steps == arguments.warm_steps:
                float(logs["loss"])
                self.begun = time.perf_counter()
            elif self.steps > arguments.warm_steps and time.perf_counter() - self.begun >= arguments.seconds:
                float(logs["loss"])
                self.rate = (self.steps - arguments.warm_steps) * batch_size / (time.perf_counter() - self.begun)
                self.model.stop_training = True

    batch_size = arguments.batch * (len(devices) if arguments.worker == "larger" else 1)
    dataset = clips.Dataset.open(arguments.manifest) if arguments.manifest else None
    options = TrainArguments(
        model=arguments.network, width=arguments.width, frame_size=arguments.size, dtype=arguments.dtype
    ).resolve()
    names = dataset.class_names if dataset else tuple(str(number) for number in range(arguments.classes))
    network = devices.place(build_network(options, names))
    if dataset:
        stream = clips.train_clips(dataset, models.clip_spec(network), batch_size)
    else:
        generator = np.random.default_rng(0)
        shape = (batch_size, *network.input_shape[1:])
        batch = (
            generator.uniform(-117, 138, shape).astype("float32"),
            np.eye(len(names), dtype="float32")[generator.integers(0, len(names), batch_size)],
        )
        stream = tf.data.Dataset.from_tensors(batch).repeat().prefetch(2)
    with devices.scope():
        trainer = compile_trainer(network, options)
    clock = Clock()
    trainer.fit(
        devices.split(stream, batch_size), steps_per_epoch=10**9, epochs=1, callbacks=[clock], shuffle=False, verbose=0
    )
    return {
        "devices": list(devices.names), "batch_size": batch_size, "clips_per_second": clock.rate,
        "hardware": hardware(), "versions": versions(),
    }  # fmt: skip


def main() -> None:
    arguments = parse_arguments()
    if arguments.worker:
        reply = os.fdopen(os.dup(1), "w")  # libraries may print to standard output; only the reply goes to the real one
        os.dup2(2, 1)
        print(json.dumps(work(arguments)), file=reply, flush=True)
        os._exit(0)  # an endless stream reads ahead; nothing is left to be kept
    results: dict[str, list[dict]] = {"one": [], "larger": [], "same": []}
    for _ in range(arguments.rounds):
        for name, found in results.items():
            command = [sys.executable, __file__, *sys.argv[1:], "--worker", name]
            done = subprocess.run(
                command, stdout=subprocess.PIPE, text=True, env={"TF_CPP_MIN_LOG_LEVEL": "2", **os.environ}
            )
            if done.returncode:
                raise SystemExit(f"{name}: the process ended with code {done.returncode}; see its message above")
            found.append(json.loads(done.stdout))
    report(arguments, results)


def report(arguments: argparse.Namespace, results: dict[str, list[dict]]) -> None:
    """Print the median rate of each configuration and the efficiency of several devices."""
    size = f"{arguments.size} px, width {arguments.width:g}, {arguments.dtype}"
    source = arguments.manifest or "random clips in memory"
    print(f"training {arguments.network}, {size}, {source}; medians of {arguments.rounds} x {arguments.seconds:g} s")
    machine, versions = results["one"][0]["hardware"], results["one"][0]["versions"]
    gpus = ", ".join(machine["gpus"]) or "no GPU"
    print(f"{machine['processor']}, {machine['processors']} cores, {gpus}; TensorFlow {versions['tensorflow']}")
    print(f"  {'devices':>7} {'batch':>6} {'a device':>9} {'clips/s':>9}  efficiency")
    rates = {name: statistics.median(row["clips_per_second"] for row in rows) for name, rows in results.items()}
    efficiency = {}
    for name, rows in results.items():
        count, batch = len(rows[0]["devices"]), rows[0]["batch_size"]
        efficiency[name] = rates[name] / (count * rates["one"])
        print(f"  {count:>7} {batch:>6} {batch / count:>9.4g} {rates[name]:>9.2f}  {100 * efficiency[name]:.0f} %")
    print("efficiency: clips/s on N devices / (N x clips/s on one device)")
    if arguments.logical:
        print("Logical devices share the cores that one device has alone: this shows that it runs, not how it scales.")
    if arguments.json:
        with open(arguments.json, "w", encoding="utf-8") as file:
            json.dump({"arguments": vars(arguments), "efficiency": efficiency, "runs": results}, file, indent=1)


if __name__ == "__main__":
    main()
