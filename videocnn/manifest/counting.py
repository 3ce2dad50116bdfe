"""How long the videos of a manifest are: every file counted once, in parallel, so that nothing later has to ask.

Headers promise frames that do not decode (HMDB-51: one too many), so the counts are of decoded frames. What cannot
be read is taken out and listed with its reason.
"""

from __future__ import annotations

import dataclasses
import math

from videocnn.errors import VideoCNNError
from videocnn.jobs import map_parallel
from videocnn.manifest.reading import Manifest
from videocnn.manifest.row import Skip


def measure(manifest: Manifest, *, workers: int | None = None, quiet: bool = False) -> tuple[Manifest, list[Skip]]:
    """Return the manifest with `num_frames` and `fps` of every video, and the videos that cannot be read.

    Videos that have both already are not opened.

    Args:
        manifest: any; the order of its videos is kept.
        workers: files at a time; `None` takes one a processor.
        quiet: no progress line on standard error.
    """
    from videocnn.video import probe

    def length(index: int) -> tuple[int, float | None]:
        info = probe(manifest.file(manifest.videos[index]))
        return int(info.num_frames), None if info.fps is None else float(info.fps)

    waiting = [i for i, video in enumerate(manifest.videos) if video.num_frames is None or video.fps is None]
    found = dict(map_parallel(length, waiting, workers=workers, description="measuring", quiet=quiet))
    videos, skips = [], []
    for index, video in enumerate(manifest.videos):
        result = found.get(index, (video.num_frames, video.fps))
        if isinstance(result, VideoCNNError):
            skips.append(Skip(video.path, str(result)))
        elif result[0] == 0:
            skips.append(Skip(video.path, "no frame decodes; take it out, or encode it anew"))
        else:
            # a rate that the file does not tell stays unknown
            fps = result[1] if result[1] and 0 < result[1] < math.inf else None
            videos.append(dataclasses.replace(video, num_frames=result[0], fps=fps))
    return dataclasses.replace(manifest, videos=tuple(videos)), skips
