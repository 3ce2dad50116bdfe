"""Frames one by one with their times, and copies for browsers: the videos behind a timeline."""

from fractions import Fraction

import av
import numpy as np
import pytest
from videos import counting_frames, read_counts, write_counting_video, write_video

from videocnn.report.html import preview
from videocnn.report.html.preview import browser_type, preview_suffix, write_preview
from videocnn.sampling import frames_at_rate
from videocnn.video import (
    DamagedVideoError,
    NoVideoError,
    VideoError,
    VideoFileError,
    probe,
    read_frames,
    stream_frames,
    streaming,
)

UNEVEN = [0, 5, 10, 60, 65, 70]  # in 25ths of a second


def times(path, **options):
    return [(frame.start_seconds, frame.end_seconds) for frame in stream_frames(path, **options)]


def write_sound_first(path, silence_seconds):
    """Write a video whose sound begins at once and whose pictures begin later."""
    with av.open(str(path), "w") as container:
        sound, pictures = container.add_stream("pcm_s16le", rate=8000), container.add_stream("mpeg4", rate=25)
        pictures.width, pictures.height, pictures.pix_fmt = 64, 48, "yuv420p"
        block = av.AudioFrame.from_ndarray(np.zeros((1, 16000), np.int16), format="s16", layout="mono")
        block.sample_rate, block.pts = 8000, 0
        container.mux(sound.encode(block))
        for number, pixels in enumerate(counting_frames(5, 48, 64)):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")
            frame.pts, frame.time_base = number + round(25 * silence_seconds), Fraction(1, 25)
            container.mux(pictures.encode(frame))
        for stream in (pictures, sound):
            container.mux(stream.encode(None))
    return path


# Every frame, once, in order, with its times


@pytest.mark.parametrize("name", ["h264.mp4", "mpeg4.mp4", "h264.mkv", "vp9.webm", "mjpeg.avi"])
def test_all_frames_in_presentation_order(tmp_path, name):
    path = write_counting_video(tmp_path / name, 40, codec=name.split(".")[0])
    frames = [(frame.number, int(read_counts(frame.read()))) for frame in stream_frames(path)]
    assert frames == [(number, number) for number in range(40)]
    starts, ends = zip(*times(path), strict=True)
    np.testing.assert_allclose(starts, np.arange(40) / 25, atol=1e-3)
    np.testing.assert_allclose(ends, np.arange(1, 41) / 25, atol=1e-3)


def test_times_are_those_of_the_file(tmp_path):
    path = write_counting_video(tmp_path / "uneven.mp4", 6, times=UNEVEN, options={"bf": "0"})
    expected = [(0, 0.2), (0.2, 0.4), (0.4, 2.4), (2.4, 2.6), (2.6, 2.8), (2.8, 2.84)]
    np.testing.assert_allclose(times(path), expected, atol=1e-9)


def test_time_counts_from_the_beginning_of_the_file_and_not_of_its_pictures(tmp_path):
    path = write_sound_first(tmp_path / "late.mkv", 0.6)
    np.testing.assert_allclose(times(path)[0], (0.6, 0.64), atol=2e-3)
    path = write_counting_video(tmp_path / "alone.mkv", 5, times=range(100, 105), options={"bf": "0"})
    assert times(path)[0] == (0, 0.04)


def test_frames_without_times_last_as_long_as_the_rate_says(tmp_path):
    path = write_counting_video(tmp_path / "bare.h264", 5, options={"bf": "0"})
    with av.open(str(path)) as container:
        rate = float(container.streams.video[0].average_rate)
        assert next(container.decode(video=0)).pts is None
    np.testing.assert_allclose(times(path), [(n / rate, (n + 1) / rate) for n in range(5)], atol=1e-9)


def test_pixels_are_those_of_read_frames(tmp_path):
    columns = np.linspace(0, 255, 64).astype(np.uint8)[None, None, :, None]
    frames = np.broadcast_to(columns, (4, 48, 64, 3)).copy()
    frames[:, :24] //= 2
    path = write_video(tmp_path / "turned.mp4", frames, rotation=90, pixel_aspect=Fraction(3, 2))
    options = {"frame_size": (40, 30), "crop_to_aspect_ratio": True}
    for arguments in ({}, options):
        streamed = np.stack([frame.read() for frame in stream_frames(path, **arguments)])
        np.testing.assert_array_equal(streamed, read_frames(path, range(4), **arguments))


@pytest.mark.parametrize(
    ("rate", "fps"), [(25, 10.0), (25, 25.0), (25, 60.0), (Fraction(30000, 1001), 12.5), (25, 0.7)]
)
def test_a_clock_sees_the_frames_of_frames_at_rate(tmp_path, rate, fps):
    path = write_counting_video(tmp_path / "x.mp4", 50, fps=rate, options={"bf": "0"})
    frames = list(stream_frames(path, fps=fps))
    assert [frame.number for frame in frames] == frames_at_rate(50, float(rate), fps).tolist()
    np.testing.assert_allclose([frame.start_seconds for frame in frames], np.arange(len(frames)) / fps)


def test_a_clock_follows_uneven_times(tmp_path):
    """At 4 Hz: frames 0, 1, then frame 2 from 0.4 to 2.4 s, and what is on the screen at 2.5 and 2.75 s."""
    path = write_counting_video(tmp_path / "uneven.mp4", 6, times=UNEVEN, options={"bf": "0"})
    frames = list(stream_frames(path, fps=4))
    assert [int(read_counts(frame.read())) for frame in frames] == [0, 1, 2, 2, 2, 2, 2, 2, 2, 2, 3, 4]


def test_the_file_is_opened_once_and_only_read_frames_are_converted(tmp_path, monkeypatch):
    path = write_counting_video(tmp_path / "x.mp4", 20)
    opened, painted = [], []
    open_video, painter = streaming.open_video, streaming.Painter
    monkeypatch.setattr(streaming, "open_video", lambda *a: opened.append(1) or open_video(*a))

    class Counting(painter):
        def __call__(self, frame):
            painted.append(1)
            return super().__call__(frame)

    monkeypatch.setattr(streaming, "Painter", Counting)
    for frame in stream_frames(path):
        if frame.number % 5 == 0:
            assert frame.read() is frame.read()
    assert (len(opened), len(painted)) == (1, 4)


def test_damage_is_an_error_after_the_frames_before_it(tmp_path):
    path = write_counting_video(tmp_path / "x.avi", 40, codec="mjpeg")
    with av.open(str(path)) as container:
        packet = [packet for packet in container.demux(video=0) if packet.size][25]
    data = bytearray(path.read_bytes())
    data[packet.pos : packet.pos + packet.size] = b"\x55" * packet.size
    path.write_bytes(data)
    seen = []

    def look():
        for frame in stream_frames(path):
            seen.append(int(read_counts(frame.read())))

    with pytest.raises(DamagedVideoError, match="after frame 24"):
        look()
    assert seen == list(range(24))  # a frame comes when its end is known: that of frame 24 never is


def test_what_cannot_be_streamed_is_an_error(tmp_path):
    with pytest.raises(VideoFileError, match="no such file"):
        next(stream_frames(tmp_path / "absent.mp4"))
    path = write_counting_video(tmp_path / "x.mp4", 3)
    for fps in (0, -1, float("nan"), float("inf")):
        with pytest.raises(VideoError, match="fps is a positive number"):
            next(stream_frames(path, fps=fps))
    with pytest.raises(VideoError, match=r"frame_size is \(height, width\)"):
        next(stream_frames(path, frame_size=(0, 3)))


# What browsers play


PLAYED = {
    "h264.mp4": "video/mp4",
    "vp9.webm": "video/webm",
    "vp9.mp4": "video/mp4",
    "h264.mov": None,
    "h264.mkv": None,
    "hevc.mp4": None,
    "mpeg4.mp4": None,
    "mpeg4.avi": None,
}


@pytest.mark.parametrize("name", PLAYED)
def test_what_browsers_play(tmp_path, name):
    path = write_counting_video(tmp_path / name, 3, codec=name.split(".")[0])
    assert browser_type(path) == PLAYED[name]


def test_full_colour_resolution_is_not_for_all_browsers(tmp_path):
    assert browser_type(write_counting_video(tmp_path / "x.mp4", 3, pixel_format="yuv444p")) is None


def test_a_copy_shows_every_frame_at_its_time(tmp_path):
    path = write_counting_video(tmp_path / "uneven.avi", 30, codec="mjpeg")
    copy = tmp_path / f"copy{preview_suffix()}"
    write_preview(path, copy)
    assert browser_type(copy) is not None
    assert read_counts(read_frames(copy, range(30)), tolerance=17).tolist() == list(range(30))
    np.testing.assert_allclose(times(copy), times(path), atol=1e-3)
    path = write_counting_video(tmp_path / "uneven.mkv", 6, times=UNEVEN, options={"bf": "0"})
    write_preview(path, copy)
    np.testing.assert_allclose(times(copy), times(path), atol=1e-3)


def test_a_copy_begins_where_the_file_begins(tmp_path):
    """A player would count from the copy's first picture, so that picture is shown from the beginning."""
    path = write_sound_first(tmp_path / "late.mkv", 0.6)
    copy = tmp_path / f"copy{preview_suffix()}"
    write_preview(path, copy)
    np.testing.assert_allclose(times(copy)[:2], [(0, 0.64), (0.64, 0.68)], atol=2e-3)


def test_copies_without_h264(tmp_path, monkeypatch):
    monkeypatch.setattr(preview, "ENCODERS", preview.ENCODERS[1:])
    path = write_counting_video(tmp_path / "uneven.mkv", 6, times=UNEVEN, options={"bf": "0"})
    assert preview_suffix() == ".webm"
    write_preview(path, tmp_path / "copy.webm", max_bytes=2**20)
    assert browser_type(tmp_path / "copy.webm") == "video/webm"
    np.testing.assert_allclose(times(tmp_path / "copy.webm"), times(path), atol=2e-3)
    monkeypatch.setattr(preview, "ENCODERS", (("no_such_encoder", ".mp4", {}),))
    with pytest.raises(VideoError, match="PyAV has none of no_such_encoder"):
        preview_suffix()


def test_a_copy_is_upright_with_square_pixels_and_small(tmp_path):
    frames = np.zeros((3, 40, 101, 3), np.uint8)
    frames[:, :, :20] = 255  # left; shown turned by 90 degrees anticlockwise: at the bottom
    path = write_video(
        tmp_path / "x.mov", frames[:, :, :100], rotation=90, pixel_aspect=Fraction(2), pixel_format="yuv444p"
    )
    copy = tmp_path / f"copy{preview_suffix()}"
    write_preview(path, copy, max_side=90)
    info = probe(copy)
    assert (info.height, info.width, info.rotation, info.pixel_aspect) == (90, 18, 0, 1)
    picture = read_frames(copy, [0])[0]
    assert picture[80].mean() > 200
    assert picture[20].mean() < 50
    write_preview(path, copy)  # not enlarged
    assert (probe(copy).height, probe(copy).width) == (200, 40)


def test_a_copy_stays_within_a_size(tmp_path):
    noise = np.random.default_rng(0).integers(0, 255, (100, 96, 128, 3), dtype=np.uint8)
    path = write_video(tmp_path / "noise.avi", noise, codec="mjpeg")
    copy = tmp_path / f"copy{preview_suffix()}"
    write_preview(path, copy)
    free = copy.stat().st_size
    write_preview(path, copy, max_bytes=100_000)
    assert copy.stat().st_size < 100_000 < free
    with pytest.raises(VideoError, match=r"noise\.avi: 4 seconds do not fit into 0\.00954 MiB"):
        write_preview(path, copy, max_bytes=10_000)


def test_damaged_files_have_no_copy(tmp_path):
    path = tmp_path / "x.avi"
    path.write_bytes(write_counting_video(tmp_path / "whole.avi", 40, codec="mjpeg").read_bytes()[:6000])
    with pytest.raises((DamagedVideoError, NoVideoError)):
        write_preview(path, tmp_path / "copy.mp4")
