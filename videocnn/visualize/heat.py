"""Plot saliency: the frames, each pixel's gradient, conv5's class activation and the class score over the video.

Strong values differ in lightness as well as in colour: they are bright, and the frame around them is dim and grey.
"""

from __future__ import annotations

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure

from videocnn.visualize.canvas import BLUE, HEAT, PictureError, plain
from videocnn.visualize.clip import Clip
from videocnn.visualize.gradients import Saliency
from videocnn.visualize.strip import draw_strip, shown_frames, strip_figure

BLUR = 5  # pixels; the gradients of single pixels are too fine to see


def plot_saliency(
    clip: Clip, found: Saliency, over_time: tuple[np.ndarray, np.ndarray] | None = None, *, even: float | None = None
) -> Figure:
    """Plot a clip with the gradient and the class activation of a class, and optionally its score over the video.

    Args:
        clip: a clip returned by `read_clip`.
        found: the result of `saliency` for this clip.
        over_time: first and last frames of clips `(num_clips, 2)` and the class probability of each
            `(num_clips,)`; adds a curve of the score over the video.
        even: the chance level, drawn as a reference line beside the curve.

    Returns:
        A figure with one axes per row.

    Raises:
        PictureError: `found` was computed for a different clip.
    """
    if found.gradient.shape != clip.frames.shape[:3]:
        raise PictureError(
            f"the saliency has shape {found.gradient.shape}, but the clip has shape {clip.frames.shape[:3]}; give the "
            "clip that it was computed for"
        )
    chosen = shown_frames(len(clip.frames))
    frames = clip.frames[chosen]
    heat = {"gradient": scaled(blurred(found.gradient))}
    for stream, values in found.activation.items():
        label = f"conv5\n{stream}" if np.nanmax(values) > 0 else f"conv5\n{stream}:\nnothing\nfor the class"
        heat[label] = scaled(values)
    shape = frames.shape[1] / frames.shape[2]
    curve = [] if over_time is None else [0.7 if len(chosen) < 4 else 1.3]
    figure, panels = strip_figure(
        len(chosen), [shape] * (1 + len(heat)) + curve, ["probability", *heat], below=0.45, right=0.8
    )
    shares = [f"{100 * share:.0f} %" for share in found.frame_shares[chosen]]
    draw_strip(panels[0], frames, "clip", [f"frame {number}" for number in clip.numbers[chosen]])
    strips = panels[1 : 1 + len(heat)]
    for axes, (label, values) in zip(strips, heat.items(), strict=True):
        captions = shares if label == "gradient" else ()
        draw_strip(axes, overlay(frames, values[chosen]), label, captions)
    strips[0].set_xlabel("a frame's share of the gradient", fontsize=8)
    top, edge = strips[0].get_position().y1, strips[0].get_position().x1
    box = (edge + 0.12 / figure.get_figwidth(), strips[0].get_position().y0, 0.13 / figure.get_figwidth())
    bar = figure.colorbar(ScalarMappable(cmap=heat_colours()), cax=figure.add_axes((*box, top - box[1])))
    bar.set_ticks([0, 1], labels=["none", "most"], fontsize=8)
    if over_time is not None:
        draw_curve(panels[-1], over_time, clip, even)
    place = "the best class" if found.rank == 1 else f"number {found.rank} of the classes"
    figure.suptitle(
        f"{plain(clip.name)}: what speaks for {plain(found.class_name)} ({100 * found.probability:.0f} %, {place})",
        fontsize=10,
    )
    return figure


def draw_curve(axes: Axes, over_time: tuple[np.ndarray, np.ndarray], clip: Clip, even: float | None) -> None:
    """Plot a class's probability over the video, each clip at its middle frame, with the current clip shaded."""
    spans, scores = over_time
    axes.plot(spans.mean(axis=1), scores, color=BLUE, marker="o", markersize=3.5, clip_on=False)
    axes.axvspan(clip.numbers[0], clip.numbers[-1] or 0.5, color="0.85", zorder=0)
    axes.text((clip.numbers[0] + clip.numbers[-1]) / 2, 1.02, "this clip", fontsize=7, ha="center", va="bottom")
    if even is not None:
        axes.axhline(even, color="0.3", linewidth=1, linestyle=":")
        axes.annotate(
            "all classes equal", (1, even), xycoords=("axes fraction", "data"), fontsize=7, ha="right", va="bottom"
        )
    axes.set_ylim(0, 1)
    axes.set_xlabel("middle frame of a clip of the video", fontsize=8)
    axes.set_ylabel("probability", fontsize=8)
    axes.tick_params(labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)


def overlay(frames: np.ndarray, heat: np.ndarray) -> np.ndarray:
    """Overlay a heat map on frames: dim grey where it is zero, the bright colours of the colour map where it is strong.

    Args:
        frames: uint8 `(time, height, width, 3)`.
        heat: 0..1 `(time, height, width)`; where it is NaN, the frame is drawn paler.

    Returns:
        float32 `(time, height, width, 3)`, 0..1.
    """
    grey = (frames.astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32) / 255)[..., None]
    strength = np.nan_to_num(heat).astype(np.float32)
    # The dark end of the colour map is left out: low values must not look darker than zero, even on a white wall.
    colours = matplotlib.colormaps[HEAT](0.35 + 0.65 * strength)[..., :3].astype(np.float32)
    weight = 0.9 * strength[..., None]
    known = (1 - weight) * 0.38 * grey + weight * colours
    return np.where(np.isnan(heat)[..., None], 0.7 + 0.3 * grey, known).clip(0, 1).astype(np.float32)


def heat_colours() -> ListedColormap:
    """Return the colour map used for heat over grey frames."""
    grey = np.full((1, 1, 256, 3), 117, np.uint8)
    return ListedColormap(overlay(grey, np.linspace(0, 1, 256)[None, None])[0, 0])


def scaled(values: np.ndarray) -> np.ndarray:
    """Scale non-negative values of a clip to 0..1, clipped at the 99.8th percentile; NaN is preserved."""
    peak = float(np.nanpercentile(values, 99.8)) or float(np.nanmax(values)) or 1.0
    return np.clip(values / peak, 0, 1)


def blurred(values: np.ndarray) -> np.ndarray:
    """Apply a `BLUR` x `BLUR` mean filter to each frame, with its edges replicated."""
    half = BLUR // 2
    padded = np.pad(values, ((0, 0), (half, half), (half, half)), mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (BLUR, BLUR), axis=(1, 2))
    return windows.mean(axis=(-2, -1))
