"""What an engineer needs beside an exported network to feed it: a network in, the plain values of `clip.json` out.

Whoever serves the network has the exported file and this one, and need not have this package.
"""

from __future__ import annotations

from typing import Any

import keras

from videocnn.models import clip_spec
from videocnn.spec import ClipSpec


def describe_export(network: keras.Model, file: str, batch: int | str) -> dict[str, Any]:
    """Return how clips are cut and prepared for a network, and what comes out.

    Args:
        network: the network.
        file: the exported file's name.
        batch: clips in a batch, or the name of an open number.
    """
    spec = clip_spec(network)
    return {
        "file": file,
        "input": {
            "name": "frames",
            "shape": [batch, *network.input_shape[1:]],
            "dtype": "float32",
            "axes": ["batch", "time", "height", "width", "channels"],
            "channels": "RGB",
        },
        "output": {
            "name": "output_0",
            "shape": [batch, network.output_shape[-1]],
            "dtype": "float32",
            "meaning": "probabilities of class_names, in that order",
        },
        "class_names": list(spec.class_names),
        "sampling": {"num_frames": spec.num_frames, "frame_step": spec.frame_step, "span": spec.span, "fps": spec.fps},
        "preprocessing": {
            "region_size": list(spec.region_size),
            "frame_size": list(spec.frame_size),
            "mean": spec.mean,
            "scale": spec.scale,
        },
        "steps": steps(spec),
    }


def describe_use(guide: dict[str, Any], code: str) -> str:
    """Return what the model card beside an export says of its use, Markdown.

    Args:
        guide: what `clip.json` says.
        code: Python that makes `scores` of `clips` in that folder.
    """
    shape = ", ".join(map(str, guide["input"]["shape"]))
    return (
        f"The network is `{guide['file']}`, in the format {guide['format']}; neither videocnn nor Keras is needed to "
        f"run it. In this folder:\n\n```python\n{code.strip()}\n```\n\n"
        f"`clips` are float32, ({shape}): {', '.join(guide['input']['axes'])}. `clip.json` says under `steps` how a "
        "video becomes a clip and how the scores of its clips become those of the video, and under `class_names` which "
        "class each score belongs to."
    )


def steps(spec: ClipSpec) -> list[str]:
    """Return in sentences how a video becomes a clip, and clips' scores those of the video."""
    height, width = spec.region_size
    top, left = ((region - crop) // 2 for region, crop in zip(spec.region_size, spec.frame_size, strict=True))
    decode = "Decode the video to RGB with square pixels, the right way up, values 0 to 255"
    if spec.fps is not None:
        decode += (
            f"; keep {spec.fps:g} frames a second: of a video of F frames a second, frame floor(k F / {spec.fps:g}) "
            "for k = 0, 1, 2, ..."
        )
    take = f"Take {spec.num_frames} frames, {spec.frame_step} apart, from any frame on"
    return [
        decode,
        take if spec.num_frames > 1 else "Take any one frame",
        f"Scale each frame (bilinear), keeping its shape, until it just covers {height} x {width} pixels (height x "
        "width), and cut off evenly what sticks out",
        f"Cut out {spec.frame_size[0]} x {spec.frame_size[1]} pixels (height x width), the same of every frame; the "
        f"centre begins at row {top}, column {left}",
        f"Convert to float32 and compute (value - {spec.mean!r}) * {spec.scale!r}",
        "Scores of a video are the mean of the probabilities of clips spread evenly over it, and of several crops of "
        "each and their mirror images where time allows",
    ]
