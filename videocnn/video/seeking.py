"""Wanted frame numbers in, the shortest exact way to them out: jumps to key frames instead of decoding from the start.

A jump is taken only where the file states each picture's presentation time (MP4, MOV, MKV, WebM). All packets are
listed first, without decoding, so that a time stamp gives the frame's number; after a jump the decoder must return
key frame, time stamps and order exactly as listed, otherwise `JumpMissedError` sends the caller back to the start.
"""

from __future__ import annotations

import bisect
import dataclasses
from collections.abc import Iterator, Sequence

import av

from videocnn.video.errors import DamagedVideoError
from videocnn.video.source import Source, packets

CONTAINERS = {"mov", "mp4", "matroska", "webm"}
"""FFmpeg formats that store presentation times; AVI, MPEG and FLV store none, or ones that decoders must guess."""

CODECS = {"h264", "hevc", "vp9", "av1", "libdav1d", "mjpeg", "prores", "ffv1"}
"""Decoders for which one packet is one picture shown; MPEG-4 (not coded) and VP8 (hidden) have packets without."""

WORTHWHILE_GAP = 64
"""Frames between two wanted ones below which listing the packets costs more than it can save."""

JUMP_COST = 8
"""What a jump costs, counted in decoded frames: the decoder starts empty and refills its queue."""


class JumpMissedError(Exception):
    """The decoder did not return after a jump what the list of packets promised."""


@dataclasses.dataclass(frozen=True)
class Timeline:
    """What the packets state.

    Attributes:
        times: presentation times of all pictures, ascending, in the stream's unit; the place is the frame's number.
        keys: numbers of the key frames, ascending.
    """

    times: list[int]
    keys: list[int]

    def key_before(self, number: int) -> int:
        """Return the number of the last key frame that is not after frame `number`."""
        return self.keys[bisect.bisect_right(self.keys, number) - 1]


def worth_listing(source: Source, wanted: Sequence[int]) -> bool:
    """Return whether jumps could save much, for ascending frame numbers, in a file whose times can be trusted."""
    gaps = (after - before for before, after in zip([-1, *wanted], wanted))  # noqa: B905 (pairs of neighbours)
    formats = set(source.container.format.name.split(","))
    return (
        max(gaps, default=0) > WORTHWHILE_GAP
        and bool(formats & CONTAINERS)
        and source.stream.codec_context.name in CODECS
    )


def list_packets(source: Source) -> Timeline | None:
    """Return the timeline of a video just opened, or `None` where packets do not number pictures beyond doubt."""
    times, keys = [], []
    for packet in packets(source):
        if packet.size == 0 or packet.is_discard:  # The end; or cut away by an edit list: never shown.
            continue
        if packet.pts is None or packet.is_corrupt:
            return None
        times.append(packet.pts)
        if packet.is_keyframe:
            keys.append(packet.pts)
        # Shown before a key frame but stored after it: without what came before, decoders drop such pictures or fail.
        if not keys or packet.pts < keys[-1]:
            return None
    ordered = sorted(set(times))
    if not keys or len(ordered) != len(times):
        return None
    return Timeline(ordered, [bisect.bisect_left(ordered, key) for key in keys])


def plan(timeline: Timeline, wanted: Sequence[int]) -> list[tuple[int, list[int]]] | None:
    """Return legs `(key frame to jump to, wanted frames decoded from there)`; `None` if the straight way is cheaper."""
    if wanted[-1] >= len(timeline.times):
        return None
    legs, cost, position = [], 0, None
    for number in wanted:
        key = timeline.key_before(number)
        if position is None or key > position + JUMP_COST:
            legs.append((key, []))
            cost += JUMP_COST
            position = key
        legs[-1][1].append(number)
        cost += number + 1 - position
        position = number + 1
    return legs if cost < wanted[-1] + 1 else None


def jump(source: Source, timeline: Timeline, key: int, wanted: Sequence[int]) -> Iterator[av.VideoFrame]:
    """Yield the wanted frames, ascending, from key frame `key` on; `JumpMissedError` at the first inconsistency."""
    numbers = {time: number for number, time in enumerate(timeline.times)}
    landed = expected = None
    waiting = list(reversed(wanted))
    try:
        source.container.seek(timeline.times[key], stream=source.stream)
        for packet in packets(source):
            if landed is None and packet.size and not packet.is_discard:
                landed = expected = numbers.get(packet.pts) if packet.is_keyframe else None
                if landed is None or landed > key:
                    raise JumpMissedError
            for frame in packet.decode():
                number = numbers.get(frame.pts)
                if landed is None or number != expected or frame.is_corrupt or packet.is_corrupt:
                    raise JumpMissedError
                if (frame.height, frame.width) != source.size:
                    raise JumpMissedError
                if number == landed and frame.pict_type != av.video.frame.PictureType.I:
                    raise JumpMissedError  # A gradual refresh: later pictures are whole, this one is not.
                expected += 1
                if number == waiting[-1]:
                    yield frame
                    waiting.pop()
                    if not waiting:
                        return
    except (av.error.FFmpegError, DamagedVideoError):
        raise JumpMissedError from None
    raise JumpMissedError


def frames_by_jumps(source: Source, wanted: Sequence[int]) -> Iterator[tuple[int, av.VideoFrame]]:
    """Yield `(number, frame)` for ascending frame numbers; `JumpMissedError` where the straight way is better."""
    try:
        timeline = list_packets(source)
    except DamagedVideoError:
        timeline = None
    legs = plan(timeline, wanted) if timeline else None
    if legs is None:
        raise JumpMissedError
    for key, numbers in legs:
        yield from zip(numbers, jump(source, timeline, key, numbers), strict=True)
