"""Which convolutions are quicker with fewer multiplications here, and by how much.

Each of slow fusion's layers conv2 to conv5, at several sizes and widths: by Winograd's algorithm, whether it pays or
not, and as one plain operation; the two take turns in one process. The last column says what TemporalConv chooses by
itself: its rule (`pays` in videocnn/layers/winograd.py) is right where it is "winograd" for ratios above 1 and "plain"
for those below.

    python benchmarks/convolution.py                                      # both precisions, about three minutes
    python benchmarks/convolution.py --dtypes float32 --widths 1 --sizes 170 --batch 4
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable, Iterator

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import tensorflow as tf

from videocnn.layers import TemporalConv, plain_convolutions, tower
from videocnn.models.tower import scaled
from videocnn.runs import hardware

LAYERS = {
    # name: frames, channels and filters at width 1, taps in time (which are its steps, too), pixels of the kernel
    "conv2": (4, 96, 256, 2, 5),
    "conv3": (2, 256, 384, 2, 3),
    "conv4": (1, 384, 384, 1, 3),
    "conv5": (1, 384, 256, 1, 3),
}


def layers(size: int, width: float) -> Iterator[tuple[str, tuple, int, tuple]]:
    """Yield name, shape of a clip, filters and kernel of each layer of a network for `size` pixels."""
    pixels = -(-((size - 11) // 3 + 1) // 2)
    for name, (frames, channels, filters, taps, side) in LAYERS.items():
        if name == "conv3":
            pixels = -(-pixels // 2)
        shape = (frames, pixels, pixels, scaled(channels, width))
        yield name, shape, scaled(filters, width), (taps, side, side)


def functions(layer: TemporalConv, clips: tf.Tensor) -> tuple[Callable, Callable]:
    """Return compiled functions: the layer alone, and with the gradients of input and weights."""
    weights = layer.trainable_variables
    values = [weight.value for weight in weights]

    def forward(clips):
        return tf.cast(tf.reshape(layer(clips), [-1])[0], "float32")

    def backward(clips):
        with tf.GradientTape() as tape:
            tape.watch(clips)
            y = layer(clips)
        return tf.add_n([tf.cast(tf.reduce_sum(g), "float32") for g in tape.gradient(y, [clips, *values])])

    compiled = tf.function(forward), tf.function(backward)
    for function in compiled:
        function(clips)
    return compiled


def measure(shape: tuple, filters: int, kernel: tuple, dtype: str, batch: int, rounds: int) -> tuple[list[float], str]:
    """Return how many times as fast Winograd's algorithm is, forward and with gradients, and what the layer chooses."""
    policy = "mixed_bfloat16" if dtype == "bfloat16" else "float32"
    layer = TemporalConv(filters, kernel, (kernel[0], 1, 1), "same", activation="relu", dtype=policy)
    clips = tf.cast(tf.random.stateless_normal((batch, *shape), (0, 0)), layer.compute_dtype)
    layer.build(clips.shape)
    rule = tower.pays
    folded, weights = (None, *shape[1:3], kernel[0] * shape[3]), (*kernel[1:], kernel[0] * shape[3], filters)
    chosen = "winograd" if rule(folded, weights, "same", layer.compute_dtype) else "plain"
    ways = {}
    with plain_convolutions():
        ways["plain"] = functions(layer, clips)
    tower.pays = lambda *_: True
    try:
        ways["winograd"] = functions(layer, clips)
    finally:
        tower.pays = rule
    seconds = {(way, task): [] for way in ways for task in range(2)}
    for _ in range(rounds):
        for way, compiled in ways.items():
            for task, function in enumerate(compiled):
                begin = time.perf_counter()
                float(function(clips))
                seconds[way, task].append(time.perf_counter() - begin)
    medians = {key: statistics.median(values) for key, values in seconds.items()}
    return [medians["plain", task] / medians["winograd", task] for task in range(2)], chosen


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dtypes", nargs="+", choices=["float32", "bfloat16"], default=["float32", "bfloat16"])
    parser.add_argument("--widths", nargs="+", type=float, default=[1, 0.5, 0.25])
    parser.add_argument("--sizes", nargs="+", type=int, default=[170, 112], help="pixels a side of the network")
    parser.add_argument("--batch", type=int, default=16, help="clips")
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    machine = hardware()
    print(f"{machine['processor']}, {machine['processors']} cores, TensorFlow {tf.__version__}; {options.batch} clips")
    print("plain / winograd, in time: above 1, winograd is quicker")
    print("dtype     width  size  layer  forward  with gradients  chosen")
    for dtype in options.dtypes:
        for width in options.widths:
            for size in options.sizes:
                for name, *sizes in layers(size, width):
                    ratios, chosen = measure(*sizes, dtype, options.batch, options.rounds)
                    row = f"{dtype:8}  {width:5g}  {size:4}  {name:5}  {ratios[0]:7.2f}  {ratios[1]:14.2f}  {chosen}"
                    print(row, flush=True)


if __name__ == "__main__":
    main()
