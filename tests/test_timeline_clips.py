"""The sliding clip: which frames it takes, held against the definition; memory; videos that are too short."""

import itertools
import weakref

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from videocnn.clips import sliding_clips
from videocnn.clips.sliding import TOLERANCE
from videocnn.sampling import ClipError
from videocnn.spec import ClipSpec
from videocnn.video import TimedFrame


def make_spec(num_frames, frame_step=1):
    return ClipSpec(num_frames=num_frames, frame_size=(3, 5), region_size=(5, 8), frame_step=frame_step)


def make_frames(edges, read=None):
    """Return frames between ascending times; frame i is filled with i."""
    read = read or (lambda number: np.full((5, 8, 3), number, np.uint8))
    return [
        TimedFrame(number, start, end, lambda number=number: read(number))
        for number, (start, end) in enumerate(itertools.pairwise(edges))
    ]


def even(num_frames, fps=10):
    return [number / fps for number in range(num_frames + 1)]


def numbers(clips):
    return [clip.frames[:, 0, 0, 0].tolist() for clip in clips]


def test_clips_by_hand():
    clips = list(sliding_clips(make_frames(even(12)), make_spec(3), 0.5))
    assert numbers(clips) == [[0, 1, 2], [5, 6, 7]]  # the third would need frame 12
    assert [(clip.start_seconds, clip.end_seconds) for clip in clips] == [(0, 0.3), (0.5, 0.8)]
    assert clips[0].frames.shape == (3, 3, 5, 3)
    assert numbers(sliding_clips(make_frames(even(13)), make_spec(3), 0.5))[-1] == [10, 11, 12]


def test_clips_overlap_where_they_last_longer_than_a_step():
    clips = sliding_clips(make_frames(even(8)), make_spec(3, frame_step=2), 0.2)
    assert numbers(clips) == [[0, 2, 4], [2, 4, 6]]


def test_a_step_shorter_than_a_frame_takes_every_frame():
    assert numbers(sliding_clips(make_frames(even(4)), make_spec(1), 0.001)) == [[0], [1], [2], [3]]


def test_no_clip_comes_twice_where_a_frame_lasts_long():
    edges = [0, 0.1, 3.0, 3.1, 3.2]
    assert numbers(sliding_clips(make_frames(edges), make_spec(1), 0.5)) == [[0], [2]]


def test_centre_of_the_region():
    ramp = np.arange(5 * 8 * 3, dtype=np.uint8).reshape(5, 8, 3)
    (clip,) = sliding_clips(make_frames(even(1), lambda _: ramp), make_spec(1), 1)
    np.testing.assert_array_equal(clip.frames[0], ramp[1:4, 1:6])


@given(
    gaps=st.lists(st.integers(1, 40), min_size=1, max_size=60),
    step=st.integers(1, 90),
    num_frames=st.integers(1, 5),
    frame_step=st.integers(1, 4),
)
def test_any_times_against_the_definition(gaps, step, num_frames, frame_step):
    """Times and step in hundredths of a second, so that the definition below is worked out in whole numbers."""
    edges = [0, *np.cumsum(gaps).tolist()]
    span = (num_frames - 1) * frame_step + 1
    begins = []
    for due in range(0, edges[-1], step):
        first = next((number for number in range(len(gaps)) if edges[number] >= due), None)
        if first is not None and first not in begins:
            begins.append(first)
    expected = [[b + i * frame_step for i in range(num_frames)] for b in begins if b + span <= len(gaps)]
    clips = sliding_clips(
        make_frames([edge / 100 for edge in edges]), make_spec(num_frames, frame_step), step / 100, hold_last=True
    )
    found = numbers(clips)
    if expected:
        assert found == expected
    else:
        assert found == [[min(i * frame_step, len(gaps) - 1) for i in range(num_frames)]]


def test_memory_is_that_of_one_clip_and_not_of_the_video():
    alive, most = 0, 0

    def died():
        nonlocal alive
        alive -= 1

    def read(number):
        nonlocal alive, most
        pixels = np.zeros((5, 8, 3), np.uint8)
        alive += 1
        most = max(most, alive)
        weakref.finalize(pixels, died)
        return pixels

    clips = sliding_clips(make_frames(even(2000), read), make_spec(4, frame_step=3), 0.2)
    assert sum(1 for _ in clips) == 996
    assert most <= 10 + 1  # a span, and the frame at hand


def test_frames_that_no_clip_wants_are_not_read():
    seen = []
    frames = make_frames(even(40), lambda number: seen.append(number) or np.zeros((5, 8, 3), np.uint8))
    list(sliding_clips(frames, make_spec(2, frame_step=3), 1.0))
    assert seen == [0, 3, 10, 13, 20, 23, 30, 33]


def test_a_video_shorter_than_a_clip():
    frames = make_frames(even(4))
    with pytest.raises(ClipError, match="needs 7 frames, the video has 4"):
        list(sliding_clips(frames, make_spec(3, frame_step=3), 0.5))
    (clip,) = sliding_clips(frames, make_spec(3, frame_step=3), 0.5, hold_last=True)
    assert numbers([clip]) == [[0, 3, 3]]
    assert (clip.start_seconds, clip.end_seconds) == (0, 0.4)
    (clip,) = sliding_clips(make_frames(even(3)), make_spec(3, frame_step=3), 0.5, hold_last=True)
    assert numbers([clip]) == [[0, 2, 2]]


@pytest.mark.parametrize("step", [0, -1, float("nan"), float("inf")])
def test_impossible_steps(step):
    with pytest.raises(ClipError, match="step_seconds must be a positive number"):
        list(sliding_clips(make_frames(even(4)), make_spec(1), step))


def test_rounded_times_begin_no_clip_late():
    """Frames of WebM stand at whole milliseconds: at 30 Hz the frame of second 1 may be stored at 0.9999999."""
    edges = [number / 30 - TOLERANCE / 2 * (number > 0) for number in range(62)]
    assert numbers(sliding_clips(make_frames(edges), make_spec(1), 0.5)) == [[0], [15], [30], [45], [60]]
