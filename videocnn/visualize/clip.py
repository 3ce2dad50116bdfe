"""Show a clip exactly as a network sees it: sampled, cropped, and split into streams or frame differences.

Takes a video file and a network; returns frames in 0..255 with the preprocessing undone (sections 3.2 and 4 of the
paper: centre region, crop, subtraction of 117, two streams).
"""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import keras
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from videocnn.clips import check_sizes
from videocnn.clips.selection import timeline
from videocnn.layers import Context, Fovea, FrameDifference
from videocnn.models import clip_spec, preprocess_input
from videocnn.sampling import ClipError, clip_indices, clip_span, even_clips
from videocnn.spec import ClipSpec
from videocnn.video import probe, read_frames
from videocnn.visualize.canvas import PictureError, plain
from videocnn.visualize.strip import draw_strip, shown_frames, strip_figure


@dataclasses.dataclass(frozen=True)
class Clip:
    """One clip of a video, cropped but not yet normalised.

    Attributes:
        frames: uint8 `(time, height, width, 3)`.
        numbers: int64 `(time,)`: the frames' indices in the video.
        name: file name of the video.
    """

    frames: np.ndarray
    numbers: np.ndarray
    name: str = ""


def read_clip(path: str | os.PathLike, spec: ClipSpec, *, start: int | None = None) -> Clip:
    """Read one clip of a video as in evaluation: centre region, centre crop.

    Args:
        path: the video file.
        spec: the network's clip specification, `clip_spec(model)`.
        start: index of the clip's first frame; by default the middle clip is read.

    Raises:
        PictureError: the video is too short, `start` is out of range, or the network needs a frame rate that the file
            does not state.
        VideoError: the file cannot be read.
    """
    if start is None:
        return read_clips(path, spec, 1)[0]
    ticks = _ticks(path, spec)
    first = int(np.searchsorted(ticks, start))
    if start < 0 or first + spec.span > len(ticks):
        last = len(ticks) - spec.span
        latest = f"give 0 to {ticks[last]}" if last >= 0 else f"it has {len(ticks)} frames, a clip needs {spec.span}"
        raise PictureError(f"{path}: no clip begins at frame {start}; {latest}")
    return _read(path, spec, ticks[clip_indices([first], spec.num_frames, spec.frame_step)])[0]


def read_clips(path: str | os.PathLike, spec: ClipSpec, num_clips: int) -> list[Clip]:
    """Read evenly spaced clips, from the beginning to the end of a video; raises the same errors as `read_clip`."""
    ticks = _ticks(path, spec)
    try:
        clips = even_clips(len(ticks), num_clips, spec.num_frames, spec.frame_step)
    except ClipError as error:
        raise PictureError(f"{path}: {error}") from error
    return _read(path, spec, ticks[clips])


def _ticks(path: str | os.PathLike, spec: ClipSpec) -> np.ndarray:
    check_sizes(spec)
    clip_span(spec.num_frames, spec.frame_step)
    info = probe(path)
    if spec.fps is not None and info.fps is None:
        raise PictureError(f"{path}: states no frame rate, and the network needs {spec.fps:g} frames a second")
    return timeline(info.num_frames, info.fps, spec)


def _read(path: str | os.PathLike, spec: ClipSpec, clips: np.ndarray) -> list[Clip]:
    wanted, places = np.unique(clips, return_inverse=True)
    regions = read_frames(path, wanted, spec.region_size, crop_to_aspect_ratio=True)
    (height, width), (region_height, region_width) = spec.frame_size, spec.region_size
    top, left = (region_height - height) // 2, (region_width - width) // 2
    crops = regions[:, top : top + height, left : left + width]
    return [
        Clip(crops[place], numbers, Path(path).name)
        for place, numbers in zip(places.reshape(clips.shape), clips, strict=True)
    ]


def network_input(model: keras.Model, clip: Clip) -> np.ndarray:
    """Return a preprocessed clip as a batch of one, float32 `(1, time, height, width, 3)`.

    Raises:
        PictureError: the clip's shape does not match the network's input.
    """
    spec = clip_spec(model)
    if clip.frames.shape != (spec.num_frames, *spec.frame_size, 3):
        raise PictureError(
            f"{clip.name or 'the clip'}: has the shape {clip.frames.shape}, {model.name} takes "
            f"{(spec.num_frames, *spec.frame_size, 3)}; read it with read_clip(path, clip_spec(model))"
        )
    return preprocess_input(clip.frames, spec.mean, spec.scale)[None]


def stream_frames(model: keras.Model, clip: Clip) -> dict[str, np.ndarray]:
    """Return the input of each stream of a network for a clip, in the video's grey levels.

    Returns:
        A dictionary keyed by stream (`"full frame"`, or `"fovea"` and `"context"`). Values are colour frames, uint8
        `(time, height, width, 3)`. For a network on frame differences they are the differences multiplied by the
        layer's gain, float32 `(time - 1, height, width, 1)`, zero where nothing moves.
    """
    layers = {}
    for stream, kind in (("fovea", Fovea), ("context", Context), ("full frame", FrameDifference)):
        found = [layer for layer in model.layers if isinstance(layer, kind)]
        if found and (stream != "full frame" or not layers):  # the streams are split after taking differences
            layers[stream] = found[0]
    spec, batch = clip_spec(model), network_input(model, clip)
    if not layers:
        return {"full frame": clip.frames}
    outputs = keras.Model(model.input, [layer.output for layer in layers.values()])(batch, training=False)
    frames = {}
    for name, output in zip(layers, outputs if isinstance(outputs, (list, tuple)) else [outputs], strict=True):
        values = np.asarray(keras.ops.convert_to_numpy(keras.ops.cast(output, "float32")))[0] / spec.scale
        if values.shape[-1] == 3:
            values = (values + spec.mean).round().clip(0, 255).astype(np.uint8)
        frames[name] = values
    return frames


def fovea_box(frame_size: tuple[int, int]) -> tuple[int, int, int, int]:
    """Return the region of a frame that the fovea stream sees, `(top, left, height, width)` in pixels."""
    height, width = frame_size[0] // 2, frame_size[1] // 2
    return (frame_size[0] - height) // 2, (frame_size[1] - width) // 2, height, width


def plot_clip(model: keras.Model, clip: Clip) -> Figure:
    """Plot a clip as a network sees it: the crop, followed by the fovea and context streams or frame differences.

    The region of the fovea stream is outlined in the crop. Differences are grey where nothing moves, white where a
    pixel became brighter since the previous frame, and black where it became darker.

    Args:
        model: one of this package's networks.
        clip: a clip returned by `read_clip`.

    Returns:
        A figure with one axes per row: the clip, then each stream whose input differs from it.

    Raises:
        PictureError: the clip's shape does not match the network's input.
    """
    streams = stream_frames(model, clip)
    chosen = shown_frames(len(clip.frames))
    rows = {f"clip\n{_size(clip.frames)}": clip.frames[chosen]}
    for name, frames in streams.items():
        if frames.shape[-1] == 1:
            rows[f"{name}:\nchange since the\nframe before\n{_size(frames)}"] = change_pictures(frames)[chosen[1:] - 1]
        elif name != "full frame":
            rows[f"{name}\n{_size(frames)}"] = frames[chosen]
    shapes = [frames.shape[1] / frames.shape[2] for frames in rows.values()]
    figure, panels = strip_figure(len(chosen), shapes, list(rows), below=0.25)
    for axes, (label, frames) in zip(panels, rows.items(), strict=True):
        numbers = clip.numbers[chosen][-len(frames) :] if axes is panels[-1] else ()
        draw_strip(axes, frames, label, [f"frame {number}" for number in numbers], columns=len(chosen))
    if "fovea" in streams:
        _outline_fovea(panels[0], clip.frames.shape[1:3], len(chosen))
    figure.suptitle(f"{plain(clip.name)}, as {plain(model.name)} sees it", fontsize=10)
    return figure


def change_pictures(changes: np.ndarray) -> np.ndarray:
    """Return frame differences `(T, H, W, 1)` as grey images, float32 0..1, on one scale where 0.5 means no change.

    Changes are clipped at the 99th percentile, so that a single noisy pixel does not hide the rest.
    """
    peak = float(np.percentile(np.abs(changes), 99)) or float(np.abs(changes).max()) or 1.0
    return np.repeat((0.5 + 0.5 * changes / peak).clip(0, 1), 3, axis=-1).astype(np.float32)


def _size(frames: np.ndarray) -> str:
    return f"{frames.shape[1]} x {frames.shape[2]} px"


def _outline_fovea(axes, frame_size: tuple[int, int], columns: int) -> None:
    top, left, height, width = fovea_box(frame_size)
    image = axes.images[0]
    scale = columns / image.get_array().shape[1]  # units per pixel
    pitch = image.get_array().shape[1] // columns
    for column in range(columns):
        corner = (scale * (column * pitch + left), scale * (frame_size[0] - top - height))
        for colour, line in (("black", "-"), ("white", (0, (3, 3)))):  # visible on dark and on bright frames
            box = Rectangle(corner, scale * width, scale * height, fill=False, color=colour, lw=1.2, linestyle=line)
            axes.add_patch(box)
