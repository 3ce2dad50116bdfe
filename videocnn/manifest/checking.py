"""Every video of a manifest decoded from end to end, in parallel; out comes the list of bad ones with reasons.

What passes here can be sampled anywhere by training and evaluation without a surprise in the middle of a night.
"""

from __future__ import annotations

from videocnn.errors import VideoCNNError
from videocnn.jobs import map_parallel
from videocnn.manifest.reading import Manifest
from videocnn.manifest.row import Skip

TIMEOUT_SECONDS = 600.0
"""What one video may take by default: hours of ordinary video decode in ten minutes."""


def check(
    manifest: Manifest,
    *,
    workers: int | None = None,
    quiet: bool = False,
    timeout_seconds: float | None = TIMEOUT_SECONDS,
) -> list[Skip]:
    """Decode every frame of every video, turn it into RGB and list the videos that fail, in the manifest's order.

    A video is bad too if the manifest gives it another number of frames than it has.

    Args:
        manifest: any; counts and rates may be missing.
        workers: files at a time; `None` takes one a processor.
        quiet: no progress line on standard error.
        timeout_seconds: give up on a video after so long; `None` waits.
    """
    from videocnn.video import check_video

    def num_frames(row: int) -> int:
        return check_video(manifest.files[row], timeout_seconds=timeout_seconds).num_frames

    rows = range(len(manifest))
    found = dict(map_parallel(num_frames, rows, workers=workers, description="checking", quiet=quiet))
    skips = []
    for row, video in enumerate(manifest.videos):
        result = found[row]
        if isinstance(result, VideoCNNError):
            skips.append(Skip(video.path, str(result)))
        elif video.num_frames is not None and video.num_frames != result:
            skips.append(
                Skip(
                    video.path,
                    f"{video.path}: has {result} frames, the manifest says {video.num_frames}; "
                    "write the manifest anew with `videocnn data`, which counts every frame",
                )
            )
    return skips
