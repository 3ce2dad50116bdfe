"""Batch jobs: what a worker is doing when its job is ended, it gives up."""

import threading
import time

import pytest
from videos import write_counting_video

from videocnn import jobs
from videocnn.errors import VideoCNNError
from videocnn.jobs import map_parallel
from videocnn.video import probe
from videocnn.video.source import open_video, packets


def test_results_and_errors_come_with_their_items():
    def halve(number):
        if number % 2:
            raise VideoCNNError(f"{number} is odd")
        return number // 2

    found = dict(map_parallel(halve, range(5), workers=2, quiet=True))
    assert {number: str(result) for number, result in found.items()} == {
        0: "0", 1: "1 is odd", 2: "1", 3: "3 is odd", 4: "2"
    }  # fmt: skip


@pytest.mark.parametrize("how", ["closed", "another's fault"])
def test_ending_a_job_ends_what_is_being_decoded(tmp_path, how):
    path = tmp_path / "a.mp4"
    write_counting_video(path, 30)
    decoding, ended = threading.Event(), []

    def decode_for_ever(number):
        if number == 0:
            decoding.wait(20)
            if how == "closed":
                return None
            raise ZeroDivisionError
        try:
            while True:
                probe(path)
                decoding.set()
        finally:
            ended.append(time.monotonic())

    results = map_parallel(decode_for_ever, [0, 1], workers=2, quiet=True)
    if how == "closed":
        next(results)
        begun = time.monotonic()
        results.close()
    else:
        begun = time.monotonic()
        with pytest.raises(ZeroDivisionError):
            next(results)
    assert len(ended) == 1
    assert ended[0] - begun < 20


def test_decoding_looks_at_every_packet(tmp_path):
    path = tmp_path / "a.mp4"
    write_counting_video(path, 30)
    begun, seen = threading.Event(), []

    def step(number):
        if number == 0:
            assert begun.wait(60)
            return None
        with open_video(path) as source:
            for _ in packets(source):
                seen.append(1)
                begun.set()
                assert jobs._worker.ended.wait(60)

    results = map_parallel(step, [0, 1], workers=2, quiet=True)
    next(results)
    results.close()
    assert len(seen) == 1
