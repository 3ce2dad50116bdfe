"""Timelines of many videos: a CSV file, a JSON file, a figure and an HTML page with the video for each.

An unreadable file does not stop the others from being scored.
"""

from __future__ import annotations

import csv
import dataclasses
import io
import itertools
import json
import os
from collections.abc import Sequence
from pathlib import Path

import keras

from videocnn.errors import VideoCNNError
from videocnn.files import write_text
from videocnn.models import load_network
from videocnn.predict import PredictError, Timeline, find_files, score_timeline
from videocnn.predict.timelines import STEP_SECONDS
from videocnn.report.html.timeline import timeline_page
from videocnn.report.html.video import EMBED_LIMIT, page_video
from videocnn.video import VideoError
from videocnn.visualize import plot_timeline, save_figure

NUM_CURVES = 5


@dataclasses.dataclass(frozen=True)
class TimelineFiles:
    """The files written for one video.

    Attributes:
        path: the video, as given or found.
        files: CSV, JSON, figure and page, as far as they were written.
        error: why something is missing, or None.
    """

    path: str
    files: tuple[str, ...] = ()
    error: str | None = None


def predict_timelines(
    model: keras.Model | str | os.PathLike,
    paths: str | os.PathLike | Sequence[str | os.PathLike],
    out: str | os.PathLike = "timelines",
    *,
    step_seconds: float = STEP_SECONDS,
    top: int | None = None,
    batch_size: int = 32,
    hold_last: bool = False,
    link: bool = False,
    embed_limit: float = EMBED_LIMIT,
    quiet: bool = True,
) -> list[TimelineFiles]:
    """Score videos over time and write a CSV file, a JSON file, a figure and an HTML page for each.

    Arguments that are not described here are those of `score_timeline`.

    Args:
        paths: files and folders; of a folder every video file in it and below it, by name.
        out: the folder for `<name>.csv`, `.json`, `.png` and `.html`.
        top: classes in the table and the curves, those that score highest at any time; by default all in the table
            and five in the curves.
        link: link to the video instead of embedding it.
        embed_limit: largest video in MiB that a page holds; of larger ones it holds a smaller copy.

    Returns:
        One result a file, in the order of `paths`; a file that cannot be used has its reason in `error`.

    Raises:
        SavedNetworkError: `model` is no network of this package.
        PredictError: no path, a folder without a video, an impossible argument, or `out` cannot be made.
    """
    network = model if isinstance(model, keras.Model) else load_network(model)
    files = find_files([paths] if isinstance(paths, (str, os.PathLike)) else paths)
    if top is not None and top < 1:
        raise PredictError(f"top={top}: give 1 or more")
    if not 0 < step_seconds < float("inf"):
        raise PredictError(f"step_seconds={step_seconds}: give a number of seconds greater than 0")
    if not embed_limit > 0:
        raise PredictError(f"embed_limit={embed_limit}: give MiB, more than 0, or link the videos")
    folder = Path(out)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PredictError(
            f"{folder}: the folder cannot be made ({error.strerror}); give --out another place"
        ) from error
    options = {"step_seconds": step_seconds, "batch_size": batch_size, "hold_last": hold_last, "quiet": quiet}
    results = []
    for path, name in zip(files, output_names(files), strict=True):
        written: list[str] = []
        try:
            timeline = score_timeline(network, path, **options)
            for write in (write_table, write_values, write_picture):
                written.append(str(write(timeline, folder / name, top)))
            page, copy = folder / f"{name}.html", folder / f"{name}.preview"
            video = page_video(path, page, copy, link=link, limit=embed_limit)
            written += [str(video.copy)] if video.copy else []
            content = timeline_page(timeline, video, timeline.best(top or NUM_CURVES))
            write_text(page, content)
            written.append(str(page))
        except VideoCNNError as error:
            message = str(error)
            if written and isinstance(error, VideoError):
                message += " (table and picture were written, the page was not)"
            results.append(TimelineFiles(path, tuple(written), message))
        else:
            results.append(TimelineFiles(path, tuple(written)))
    return results


def output_names(files: Sequence[str]) -> list[str]:
    """Return a name for the outputs of each file: its own without suffix, numbered where two would be the same."""
    names: list[str] = []
    for file in files:
        stem = Path(file).stem
        candidates = itertools.chain([stem], (f"{stem}-{number}" for number in itertools.count(2)))
        taken = {name.casefold() for name in names}
        names.append(next(name for name in candidates if name.casefold() not in taken))
    return names


def write_table(timeline: Timeline, base: Path, top: int | None) -> Path:
    """Write `<base>.csv`: start, end and one column a class, in the order of the network or, of `top`, best first."""
    columns = range(len(timeline.class_names)) if top is None else timeline.best(top)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["start_seconds", "end_seconds", *(timeline.class_names[column] for column in columns)])
    for start, end, scores in zip(timeline.start_seconds, timeline.end_seconds, timeline.scores, strict=True):
        writer.writerow([f"{start:.6f}", f"{end:.6f}", *(f"{scores[column]:.6f}" for column in columns)])
    return _write(base, ".csv", text.getvalue())


def write_values(timeline: Timeline, base: Path, top: int | None) -> Path:
    """Write `<base>.json`: the same as the table, with what it rests on."""
    columns = range(len(timeline.class_names)) if top is None else timeline.best(top)
    content = {
        "path": timeline.path,
        "duration_seconds": timeline.duration_seconds,
        "num_frames": timeline.num_frames,
        "step_seconds": timeline.step_seconds,
        "clip": {key: value for key, value in timeline.spec.to_config().items() if key != "class_names"},
        "class_names": [timeline.class_names[column] for column in columns],
        "start_seconds": timeline.start_seconds.round(6).tolist(),
        "end_seconds": timeline.end_seconds.round(6).tolist(),
        "scores": timeline.scores[:, list(columns)].astype(float).round(6).tolist(),
    }
    return _write(base, ".json", json.dumps(content) + "\n")


def write_picture(timeline: Timeline, base: Path, top: int | None) -> Path:
    """Write `<base>.png`: the curves."""
    file = base.with_name(base.name + ".png")
    columns = timeline.best(top or NUM_CURVES)
    names = [timeline.class_names[column] for column in columns]
    figure = plot_timeline(timeline.start_seconds, timeline.end_seconds, timeline.scores[:, columns], names)
    save_figure(figure, file)
    return file


def _write(base: Path, suffix: str, text: str) -> Path:
    file = base.with_name(base.name + suffix)
    write_text(file, text)
    return file
