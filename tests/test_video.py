"""Reading videos that the tests write: which frame, what size, what colour, and what is said about bad input."""

import os
import socket
import subprocess
import sys
import threading

import av
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from videos import counting_frames, read_counts, write_counting_video, write_video

from videocnn.manifest import Manifest, Video, check
from videocnn.video import (
    DamagedVideoError,
    FrameIndexError,
    NoVideoError,
    VideoError,
    VideoFileError,
    VideoTimeoutError,
    VideoTooLargeError,
    check_video,
    first_frames,
    probe,
    read_frames,
    reading,
    seeking,
)
from videocnn.video import source as source_module

NUM_FRAMES = 150
KINDS = {
    "h264.mp4": {},
    "h264.avi": {"options": {"bf": "0"}},
    "h264.mkv": {"options": {"x264-params": "open-gop=1:bframes=3:b-pyramid=normal:keyint=12"}},
    "mpeg4.avi": {},
    "mpeg4.mp4": {},
    "mjpeg.avi": {},
    "hevc.mp4": {},
    "vp9.webm": {},
    "ffv1.mkv": {"height": 33, "width": 47},
    "h264.mov": {"height": 33, "width": 47, "pixel_format": "yuv444p"},
}


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("videos")
    return {
        kind: write_counting_video(folder / kind, NUM_FRAMES, codec=kind.split(".")[0], **arguments)
        for kind, arguments in KINDS.items()
    }


# Counts, sizes, rates


@pytest.mark.parametrize("kind", KINDS)
def test_probe_counts_and_measures(videos, kind):
    info = probe(videos[kind])
    height, width = KINDS[kind].get("height", 48), KINDS[kind].get("width", 64)
    assert (info.num_frames, info.height, info.width) == (NUM_FRAMES, height, width)
    assert info.fps == pytest.approx(25)
    assert info.duration_seconds == pytest.approx(NUM_FRAMES / 25)
    assert info.codec == kind.split(".")[0]
    assert info == check_video(videos[kind])


def test_average_rate_of_irregular_times(tmp_path):
    times = [0, 1, 2, 3, 50, 51, 52, 53, 54, 99]
    path = write_counting_video(tmp_path / "vfr.mp4", 10, times=times, options={"bf": "0"})
    info = probe(path)
    assert info.num_frames == 10
    assert info.fps == pytest.approx(10 / (100 / 25), rel=0.02)
    assert read_counts(read_frames(path, range(10))).tolist() == list(range(10))
    path = write_counting_video(tmp_path / "vfr.mkv", 6, times=[0, 5, 10, 60, 65, 70], options={"bf": "0"})
    assert probe(path).fps == pytest.approx(6 / (71 / 25))  # this header says 25


def test_a_header_that_lies_is_not_believed(tmp_path):
    path = write_counting_video(tmp_path / "lie.avi", 20, codec="mjpeg")
    data = bytearray(path.read_bytes())
    for chunk, offset in ((b"avih", 8 + 16), (b"vids", 32)):  # total frames of the file, length of the stream
        place = data.index(chunk) + offset
        assert int.from_bytes(data[place : place + 4], "little") == 20
        data[place : place + 4] = (5000).to_bytes(4, "little")
    path.write_bytes(data)
    with av.open(str(path)) as container:
        assert container.streams.video[0].frames == 5000
    assert probe(path).num_frames == 20
    with pytest.raises(FrameIndexError, match="no frame 20; the video has 20 frames, 0 to 19"):
        read_frames(path, [20])


@pytest.mark.parametrize("num_frames", [1, 2])
def test_shortest_videos(tmp_path, num_frames):
    path = write_counting_video(tmp_path / "short.mp4", num_frames)
    assert probe(path).num_frames == num_frames
    assert probe(path).fps == pytest.approx(25)
    assert read_counts(read_frames(path, range(num_frames))).tolist() == list(range(num_frames))


# Which frames


@pytest.mark.parametrize("kind", KINDS)
def test_every_frame_is_the_one_asked_for(videos, kind):
    assert read_counts(read_frames(videos[kind], range(NUM_FRAMES))).tolist() == list(range(NUM_FRAMES))
    assert read_counts(read_frames(videos[kind], [149, 0, 75, 75, 3])).tolist() == [149, 0, 75, 75, 3]


@pytest.mark.parametrize("kind", ["h264.mp4", "h264.mkv", "h264.avi", "mpeg4.avi", "vp9.webm"])
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(indices=st.lists(st.integers(0, NUM_FRAMES - 1), min_size=1, max_size=6))
def test_any_indices_equal_frames_taken_one_by_one(videos, kind, indices):
    frames = read_frames(videos[kind], indices)
    assert read_counts(frames).tolist() == indices
    for index, frame in zip(indices, frames, strict=True):
        np.testing.assert_array_equal(read_frames(videos[kind], [index])[0], frame)


@pytest.mark.parametrize(
    ("kind", "jumps"), [("h264.mp4", True), ("vp9.webm", True), ("h264.mkv", False), ("hevc.mp4", False)]
)
def test_jumps_give_the_frames_of_decoding_from_the_start(videos, kind, jumps, monkeypatch):
    decoded = []
    straight = reading.straight
    monkeypatch.setattr(reading, "straight", lambda *arguments: decoded.append(1) or straight(*arguments))
    wanted = [147, 70, 71, 146]
    frames = read_frames(videos[kind], wanted)
    assert bool(decoded) is not jumps  # with an open group of pictures a jump is not provably exact
    monkeypatch.setattr(reading, "worth_listing", lambda *_: False)
    np.testing.assert_array_equal(frames, read_frames(videos[kind], wanted))
    assert read_counts(frames).tolist() == wanted


def test_a_jump_that_does_not_keep_its_promise_is_noticed(videos, monkeypatch):
    listing = seeking.list_packets

    def incomplete(source):
        timeline = listing(source)
        return seeking.Timeline(timeline.times[:98] + timeline.times[99:], timeline.keys)  # frame 98 comes unannounced

    monkeypatch.setattr(seeking, "list_packets", incomplete)
    assert read_counts(read_frames(videos["h264.mp4"], [100])).tolist() == [100]


def test_no_indices_give_no_frames(videos):
    assert read_frames(videos["h264.mp4"], []).shape == (0, 48, 64, 3)
    assert read_frames(videos["h264.mp4"], np.arange(0), (20, 30)).shape == (0, 20, 30, 3)


@pytest.mark.parametrize("index", [-1, 150, 10**6, 2**63])
def test_frames_that_do_not_exist(videos, index):
    for kind in ("h264.mp4", "mpeg4.avi"):
        with pytest.raises(FrameIndexError) as error:
            read_frames(videos[kind], [0, index])
        assert str(videos[kind]) in str(error.value)
        assert "150 frames" in str(error.value) or index == 2**63


@pytest.mark.parametrize("indices", [["3"], [1.5], [None]])
def test_indices_are_whole_numbers(videos, indices):
    with pytest.raises(FrameIndexError, match="whole numbers"):
        read_frames(videos["h264.mp4"], indices)


def test_threads_read_the_same_frames(videos):
    results = {}

    def read(number):
        results[number] = read_counts(read_frames(videos["h264.mp4"], [number, 149 - number])).tolist()

    threads = [threading.Thread(target=read, args=[number]) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {number: [number, 149 - number] for number in range(8)}


# What is not a video


def expect(error, path, words=None):
    """Both entrances must refuse the path with the error, the path and the words."""
    for entrance in (probe, check_video, lambda path: read_frames(path, [0])):
        with pytest.raises(error, match=words) as caught:
            entrance(path)
        assert os.fsdecode(path) in str(caught.value) or repr(os.fsdecode(path)) in str(caught.value)


def test_absent_empty_and_foreign_files(tmp_path):
    expect(VideoFileError, tmp_path / "absent.mp4", "no such file")
    expect(VideoFileError, tmp_path, "folder")
    expect(VideoFileError, "nul\0byte.mp4", "cannot be opened")
    empty = tmp_path / "empty.avi"
    empty.touch()
    expect(VideoFileError, empty, "0 bytes")
    expect(VideoFileError, empty / "below.avi", "no such file")
    text = tmp_path / "text.mp4"
    text.write_text("no video\n" * 100)
    expect(VideoFileError, text, "no video that can be opened")
    pipe = tmp_path / "pipe.mp4"
    os.mkfifo(pipe)
    expect(VideoFileError, pipe, "pipe")
    with pytest.raises(VideoFileError, match="named by a path"):
        probe(3)


def test_names_are_never_options_protocols_or_patterns(tmp_path, monkeypatch):
    good = write_counting_video(tmp_path / "good.mp4", 3).read_bytes()
    monkeypatch.chdir(tmp_path)
    for name in (
        "-i.mp4",
        "concat:good.mp4|x",
        "http:x.mp4",
        "späß, 中 %20#?.mp4",
        "file:x.mp4",
        os.fsdecode(b"\xff.mp4"),
    ):
        (tmp_path / name).write_bytes(good)
        assert probe(name).num_frames == 3
        assert read_counts(read_frames(os.fsencode(name), [2])).tolist() == [2]
    with pytest.raises(VideoFileError, match="no such file"):
        probe("concat:good.mp4|good.mp4")
    write_video("one1.png", counting_frames(1, 40, 64), codec="png", options={"update": "1"})
    (tmp_path / "one%d.png").write_bytes((tmp_path / "one1.png").read_bytes())
    (tmp_path / "one1.png").write_bytes(b"")
    assert read_frames("one%d.png", [0]).shape == (1, 40, 64, 3)


def test_urls(tmp_path):
    path = write_counting_video(tmp_path / "a b#c.mp4", 3)
    assert probe(path.as_uri()).num_frames == 3
    assert probe(f"file://{path}").num_frames == 3
    with pytest.raises(VideoFileError, match="s3:// cannot be read"):
        probe("s3://bucket/a.mp4")
    with pytest.raises(VideoFileError, match=r"http://localhost:9/none\.mp4: is no video"):
        probe("http://localhost:9/none.mp4")


def test_a_playlist_opens_no_other_address(tmp_path):
    path = tmp_path / "list.m3u8"
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0)
        address = f"http://127.0.0.1:{server.getsockname()[1]}/a.ts"
        path.write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\n{address}\n#EXT-X-ENDLIST\n")
        expect(VideoError, path)
        with pytest.raises(BlockingIOError):  # nobody has called
            server.accept()


def test_sound_and_cover_pictures_are_no_video(tmp_path):
    sound = tmp_path / "sound.mp4"
    with av.open(str(sound), "w") as container:
        stream = container.add_stream("aac", rate=44100)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 4096), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 44100
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    expect(NoVideoError, sound, "only audio")


def test_limits_on_declared_sizes(tmp_path, monkeypatch):
    path = write_counting_video(tmp_path / "v.mp4", 3, height=48, width=64)
    monkeypatch.setattr(source_module, "MAX_SIDE", 63)
    expect(VideoTooLargeError, path, "64x48 pixels are over the limit of 63")
    monkeypatch.setattr(source_module, "MAX_SIDE", 100)
    with pytest.raises(VideoTooLargeError, match="smaller frame_size"):
        read_frames(path, [0], frame_size=(101, 20))
    monkeypatch.setattr(source_module, "MAX_PIXELS", 48 * 64 - 1)
    expect(VideoTooLargeError, path)


@pytest.mark.parametrize("frame_size", [(0, 10), (10, -1), 10, (1, 2, 3), ("a", 1)])
def test_frame_size_must_make_sense(videos, frame_size):
    with pytest.raises(VideoError, match=r"frame_size is \(height, width\)"):
        read_frames(videos["h264.mp4"], [0], frame_size=frame_size)


@pytest.mark.parametrize("kind", ["h264.mp4", "mpeg4.avi", "mjpeg.avi"])
def test_damage_in_the_middle_is_an_error_and_the_frames_before_it_are_right(videos, kind, tmp_path):
    data = bytearray(videos[kind].read_bytes())
    with av.open(str(videos[kind])) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
    damaged = packets[90]
    data[damaged.pos : damaged.pos + damaged.size] = b"\x55" * damaged.size
    path = tmp_path / kind
    path.write_bytes(data)
    for entrance in (probe, check_video):
        with pytest.raises(DamagedVideoError, match=r"damaged after frame \d+ .*ffmpeg"):
            entrance(path)
    assert read_counts(read_frames(path, range(80))).tolist() == list(range(80))
    with pytest.raises(DamagedVideoError):
        read_frames(path, range(150))


def test_damage_that_decoders_patch_over_is_an_error(tmp_path):
    noise = np.random.default_rng(0).integers(0, 255, (5, 48, 64, 3), dtype=np.uint8)
    path = write_video(tmp_path / "noise.avi", noise, codec="mjpeg")
    data = bytearray(path.read_bytes())
    with av.open(str(path)) as container:
        packet = [packet for packet in container.demux(video=0) if packet.size][2]
    place = packet.pos + packet.size // 2
    data[place : place + 200] = noise.tobytes()[:200]
    path.write_bytes(data)
    with av.open(str(path)) as container:
        assert sum(1 for _ in container.decode(video=0)) == 5  # by default nobody complains
    with pytest.raises(DamagedVideoError, match="after frame 1"):
        probe(path)
    with pytest.raises(DamagedVideoError, match="after frame 1"):
        read_frames(path, [2])


def test_files_cut_short(videos, tmp_path):
    for kind in ("h264.mp4", "mpeg4.avi", "h264.mkv"):
        data = videos[kind].read_bytes()
        for length in (10, 300, len(data) // 2):
            path = tmp_path / f"{length}{kind}"
            path.write_bytes(data[:length])
            try:
                info = probe(path)
            except VideoError as error:
                assert str(path) in str(error)  # noqa: PT017 (either outcome is right, a wrong frame never is)
            else:
                counts = read_counts(read_frames(path, range(info.num_frames)))
                # Pictures that come late in the file are missing before the cut, but none is repeated or made up.
                assert counts.tolist()[:-4] == list(range(info.num_frames))[:-4]
                assert (np.diff(counts) > 0).all()


def test_a_slow_video_is_given_up(videos):
    with pytest.raises(VideoTimeoutError, match="not decoded in the time allowed"):
        probe(videos["h264.mp4"], timeout_seconds=0)
    assert probe(videos["h264.mp4"], timeout_seconds=60).num_frames == NUM_FRAMES


def test_nothing_is_printed_and_logging_is_left_alone(videos, tmp_path):
    bad = tmp_path / "bad.mp4"
    data = bytearray(videos["h264.mp4"].read_bytes())
    data[2000:9000] = b"\x55" * 7000
    bad.write_bytes(data)
    code = (
        "import sys, av\nlevel = av.logging.get_level()\nimport videocnn.video as v\n"
        "try: v.probe(sys.argv[1])\nexcept v.VideoError: pass\nassert av.logging.get_level() == level"
    )
    done = subprocess.run([sys.executable, "-c", code, str(bad)], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_check_lists_bad_videos_in_order(videos, tmp_path):
    good = Video(str(videos["h264.mp4"]), ("a",), "train", "", NUM_FRAMES, 25.0)
    miscounted = Video(str(videos["vp9.webm"]), ("a",), "train", "", 7, 25.0)
    empty, text = tmp_path / "empty.mp4", tmp_path / "text.mp4"
    empty.touch()
    text.write_text("text" * 99)
    rows = [Video(str(path), ("a",), "train", "", None, None) for path in (text, empty)]
    skips = check(Manifest((rows[0], good, rows[1], miscounted), ("a",), tmp_path), workers=2, quiet=True)
    assert [skip.path for skip in skips] == [str(text), str(empty), str(videos["vp9.webm"])]
    assert "no video that can be opened" in skips[0].reason
    assert "0 bytes" in skips[1].reason
    assert "150 frames, the manifest says 7" in skips[2].reason
    slow = check(Manifest((good,), ("a",), tmp_path), quiet=True, timeout_seconds=0)
    assert "time allowed" in slow[0].reason


def test_counting_frames_survive_the_helper():
    assert read_counts(counting_frames(512, 2, 3)).tolist() == list(range(512))
    with pytest.raises(AssertionError, match="not a counting frame"):
        read_counts(np.full((2, 2, 3), 18))


def test_first_frames_are_those_that_are_read_by_number(tmp_path):
    path = tmp_path / "a.mp4"
    write_counting_video(path, 30)
    frames = list(first_frames(path, 20, (40, 50), crop_to_aspect_ratio=True))
    np.testing.assert_array_equal(frames, read_frames(path, range(20), (40, 50), crop_to_aspect_ratio=True))
    assert list(first_frames(path, 0)) == []
    with pytest.raises(FrameIndexError, match="there is no frame 30; the video has 30 frames"):
        list(first_frames(path, 31))


def test_first_frames_decode_once_and_no_further(tmp_path, monkeypatch):
    path = tmp_path / "a.avi"
    write_counting_video(path, 60)
    seen = []
    packets = source_module.packets
    monkeypatch.setattr(
        source_module, "packets", lambda opened: (seen.append(1) or packet for packet in packets(opened))
    )
    frames = first_frames(path, 60)
    for _ in range(5):
        next(frames)
    assert len(seen) < 20
    for _ in frames:
        pass
    assert len(seen) <= 61
