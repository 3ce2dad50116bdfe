"""Class probabilities of video files; one `.keras` file is all that is needed.

Files are scored as in evaluation (section 4 of the paper: views -> clip -> video), so that a file of the test split
gets the scores that `evaluate` gave it. An unreadable file does not stop the others from being predicted.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence

import keras

from videocnn import clips
from videocnn.datasets.folder import EXTENSIONS, files_below
from videocnn.errors import VideoCNNError
from videocnn.evaluate import score_clips
from videocnn.evaluate.evaluation import check_probabilities
from videocnn.jobs import map_parallel
from videocnn.manifest import Manifest, Skip, Video, is_url
from videocnn.manifest.row import check_video_row
from videocnn.models import clip_spec, decode_predictions, load_network, predict_function
from videocnn.sampling import ClipError, even_clips
from videocnn.spec import ClipSpec
from videocnn.video import probe


class PredictError(VideoCNNError):
    """There is nothing to predict, or an argument is invalid."""


@dataclasses.dataclass(frozen=True)
class Prediction:
    """The predicted classes of one file.

    Attributes:
        path: the file, as given or found.
        labels: `(class name, probability)`, best first; empty where the file could not be read.
        error: why not, or None.
    """

    path: str
    labels: tuple[tuple[str, float], ...] = ()
    error: str | None = None


def predict(
    model: keras.Model | str | os.PathLike,
    paths: str | os.PathLike | Sequence[str | os.PathLike],
    *,
    top: int = 5,
    num_clips: int = 20,
    num_views: int = 4,
    batch_size: int = 32,
    hold_last: bool = False,
    quiet: bool = True,
) -> list[Prediction]:
    """Predict the classes of videos.

    Args:
        model: a network, a `.keras` file or a run folder.
        paths: files and folders; of a folder every video file in it and below it, by name.
        top: number of classes per file.
        num_clips: evenly spaced clips per video.
        num_views: crops and flips per clip, 1 to 10.
        batch_size: views per batch.
        hold_last: pad a video too short for a clip by repeating its last frame, instead of rejecting it.
        quiet: show no progress on standard error.

    Returns:
        One prediction per file, in the order of `paths`; for an unusable file `error` gives the reason.

    Raises:
        SavedNetworkError: `model` is no network of this package.
        PredictError: no path, or a folder without a video.
        EvaluationError: the outputs of the network are not probabilities.
        VideoCNNError: an argument is impossible.

    Example:
        >>> for prediction in predict("runs/slow/model.keras", "holiday.mp4"):
        ...     print(prediction.path, prediction.labels[0])
    """
    network = model if isinstance(model, keras.Model) else load_network(model)
    spec = clip_spec(network)
    files = find_files([paths] if isinstance(paths, (str, os.PathLike)) else paths)
    decode_predictions([[0.0] * len(spec.class_names)], spec.class_names, top)  # refuse a bad top before the work
    videos, errors = probe_files(files, spec, hold_last=hold_last, quiet=quiet)
    found: dict[str, tuple[tuple[str, float], ...]] = {}
    if videos:
        skips: list[Skip] = []
        manifest = Manifest(tuple(videos.values()), spec.class_names)
        options = {"num_clips": num_clips, "num_views": num_views, "batch_size": batch_size}
        batches = clips.eval_clips(
            manifest, spec, split=None, short="hold" if hold_last else "error", skips=skips, **options
        )
        clip_scores, scored = score_clips(
            predict_function(network), batches, len(manifest), num_clips, num_views, quiet=quiet
        )
        paths_scored = [manifest.videos[row].path for row in scored]
        if len(scored):
            for path, scores in zip(paths_scored, clip_scores, strict=True):
                check_probabilities(path, scores)
            labels = decode_predictions(clip_scores.mean(axis=1), spec.class_names, top)
            found = {path: tuple(row) for path, row in zip(paths_scored, labels, strict=True)}
        errors |= {skip.path: skip.reason for skip in skips}
    return [Prediction(file, found.get(_key(file), ()), errors.get(_key(file))) for file in files]


def find_files(paths: Sequence[str | os.PathLike]) -> list[str]:
    """Return the files that paths name: files as they are, of folders all videos in them and below, sorted.

    Raises:
        PredictError: no path, or a folder without a video. A file that is not there is its own prediction's error.
    """
    files: list[str] = []
    for path in map(os.fspath, paths):
        if not os.path.isdir(path):
            files.append(path)
            continue
        inside = list(map(str, files_below(path)))
        if not inside:
            kinds = ", ".join(EXTENSIONS[:4])
            raise PredictError(f"{path}: no video files in this folder or below (recognised by suffix: {kinds}, ...)")
        files += inside
    if not files:
        raise PredictError("nothing to predict: give at least one video file or folder")
    return files


def _key(file: str) -> str:
    return file if is_url(file) else os.path.abspath(file)


def probe_files(
    files: Sequence[str], spec: ClipSpec, *, hold_last: bool, quiet: bool
) -> tuple[dict[str, Video], dict[str, str]]:
    """Probe files for clips of a network: usable ones as rows of a manifest, others with the reason.

    Both results are keyed by absolute path, so that a file named twice is read once.
    """

    def measured(file: str) -> Video:
        info = probe(file)
        # A manifest's rows have labels; a file to predict has none, and this one is not looked at.
        row = Video(file, (spec.class_names[0],), num_frames=info.num_frames, fps=info.fps)
        check_video_row(row)
        if spec.fps is not None and row.fps is None:
            raise PredictError(
                f"{file}: states no frame rate, and the network needs {spec.fps:g} frames a second; re-encode it"
            )
        ticks = clips.timeline(row.num_frames, row.fps, spec)
        try:
            even_clips(len(ticks), 1, spec.num_frames, spec.frame_step, hold_last=hold_last)
        except ClipError as error:
            raise PredictError(f"{file}: {error} (hold_last=True, --hold-last)") from error
        return row

    videos, errors = {}, {}
    unique = list(dict.fromkeys(map(_key, files)))
    for file, result in map_parallel(measured, unique, description="probe", quiet=quiet):
        if isinstance(result, VideoCNNError):
            errors[file] = str(result)
        else:
            videos[file] = result
    return {file: videos[file] for file in unique if file in videos}, errors
