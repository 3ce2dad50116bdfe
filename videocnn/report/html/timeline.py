"""Render a page that plays a video beside the curves of its class scores; clicking a curve seeks the video."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from videocnn.report.html.page import clock, render
from videocnn.report.html.video import PageVideo

if TYPE_CHECKING:
    from videocnn.predict import Timeline

WIDTH, HEIGHT = 100_000, 1000  # coordinates of the curves, finer than any screen resolution
NUM_COLOURS, NUM_DASHES = 7, 4
MOST_ROWS = 2000
TICKS = 8
STEPS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400)


def timeline_page(timeline: Timeline, video: PageVideo, columns: Sequence[int]) -> str:
    """Render the timeline page of one video as HTML.

    Args:
        timeline: class scores over the course of the video.
        video: the video as embedded in or linked from the page.
        columns: indices of the classes to plot, in the order of the legend.
    """
    spec, count = timeline.spec, len(timeline.scores)
    frames = "1 frame" if spec.num_frames == 1 else f"{spec.num_frames} frames"
    rate = "" if spec.fps is None else f" at {spec.fps:g} frames per second"
    apart = f", {spec.frame_step} apart" if spec.frame_step > 1 else ""
    return render(
        "timeline.html",
        title=os.path.basename(timeline.path) or timeline.path,
        script="timeline.js",
        media="'self' file: data: http: https:" if video.linked else "data:",
        facts=f"{clock(timeline.duration_seconds)}, {timeline.num_frames:,} frames; {count:,} "
        f"{'clip' if count == 1 else 'clips'} of {frames}{apart}{rate}, one every {timeline.step_seconds:g} s",
        about=f"The {len(columns)} of {len(timeline.class_names)} classes with the highest score in any clip. Each "
        "point is plotted at the middle of its clip. Scores are the network's class probabilities; they sum to 100 % "
        "over all classes, even if none of them is right.",
        video=video,
        width=WIDTH,
        height=HEIGHT,
        curves=[curve(timeline, column, number) for number, column in enumerate(columns)],
        ticks=ticks(timeline.duration_seconds),
        rows=clip_rows(timeline) if count <= MOST_ROWS else [],
        data={
            "duration": timeline.duration_seconds,
            "step": timeline.step_seconds,
            "classes": [timeline.class_names[column] for column in columns],
            "starts": timeline.start_seconds.round(4).tolist(),
            "ends": timeline.end_seconds.round(4).tolist(),
            "scores": timeline.scores[:, list(columns)].astype(float).round(4).tolist(),
        },
    )


def curve(timeline: Timeline, column: int, number: int) -> dict[str, Any]:
    """Return the curve of one class: its points, style and highest score."""
    scores = timeline.scores[:, column]
    best = int(scores.argmax())
    start, end = timeline.start_seconds, timeline.end_seconds
    if len(scores) == 1:  # a line needs two points
        points = [(start[0], scores[0]), (end[0], scores[0])]
    else:
        points = list(zip((start + end) / 2, scores, strict=True))
    scale = WIDTH / timeline.duration_seconds
    return {
        "name": timeline.class_names[column],
        "colour": number % NUM_COLOURS,
        "dash": number % NUM_DASHES,
        "points": " ".join(f"{seconds * scale:.0f},{(1 - float(score)) * HEIGHT:.0f}" for seconds, score in points),
        "first": float(scores[0]),
        "highest": float(scores[best]),
        "at": round(float(start[best] + end[best]) / 2, 4),
    }


def ticks(duration: float) -> list[dict[str, Any]]:
    """Return the ticks of the time axis: text, position in percent and kind."""
    step = next((step for step in STEPS if duration / step <= TICKS), math.ceil(duration / TICKS / 3600) * 3600)
    digits = 1 if step < 1 else 0
    marks = []
    for number in range(math.floor(duration / step) + 1):
        place = 100 * number * step / duration
        # Phones show every other tick; the label of a tick at the right edge is right-aligned instead of centred.
        kind = "minor" if number % 2 else "last" if place > 97 else ""
        marks.append({"text": clock(number * step, digits), "place": round(place, 3), "kind": kind})
    return marks


def clip_rows(timeline: Timeline) -> list[dict[str, Any]]:
    """Return the top class of every clip."""
    best = timeline.scores.argmax(axis=1)
    return [
        {"start": float(start), "end": float(end), "name": timeline.class_names[column], "score": float(scores[column])}
        for start, end, scores, column in zip(
            timeline.start_seconds, timeline.end_seconds, timeline.scores, best, strict=True
        )
    ]
