"""What a frame looks like: size, crop, rotation, pixel aspect, colours, transparency; against arithmetic by hand."""

from fractions import Fraction

import av
import numpy as np
import pytest
from videos import LEVELS, counting_frames, read_counts, write_counting_video, write_video

from videocnn.video import UnsupportedVideoError, probe, read_frames


def quadrants(height=40, width=64):
    """Frames with red, green, blue and white corners, so that a turn or a mirror shows."""
    frame = np.zeros((height, width, 3), np.uint8)
    frame[: height // 2, : width // 2] = 255, 0, 0
    frame[: height // 2, width // 2 :] = 0, 255, 0
    frame[height // 2 :, : width // 2] = 0, 0, 255
    frame[height // 2 :, width // 2 :] = 255
    return np.stack([frame] * 3)


def differs(frames, expected):
    """Largest distance in grey levels, away from edges that codecs and scalers blur."""
    gap = np.abs(frames.astype(int) - expected.astype(int)).max(axis=-1)
    return np.percentile(gap, 80)


def test_frame_size_is_height_and_width(tmp_path):
    path = write_counting_video(tmp_path / "v.mp4", 3)
    frames = read_frames(path, [1, 2], frame_size=(30, 50))
    assert frames.shape == (2, 30, 50, 3)
    assert frames.dtype == np.uint8
    assert read_counts(frames).tolist() == [1, 2]


def test_crop_keeps_the_centre_and_the_aspect_ratio(tmp_path):
    frames = np.zeros((2, 40, 80, 3), np.uint8)
    frames[:, :, 20:60] = 255  # exactly the centre square
    path = write_video(tmp_path / "bars.mkv", frames, codec="ffv1")
    cropped = read_frames(path, [0], (20, 20), crop_to_aspect_ratio=True)
    assert cropped[:, :, 1:-1].min() > 250
    squeezed = read_frames(path, [0], (20, 20))
    assert squeezed[:, :, :4].max() < 5


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_rotation_is_honoured(tmp_path, rotation):
    frames = quadrants()
    path = write_video(tmp_path / "turned.mp4", frames, rotation=rotation, pixel_format="yuv444p")
    expected = np.rot90(frames, rotation // 90, axes=(1, 2))
    info = probe(path)
    assert (info.height, info.width) == expected.shape[1:3]
    assert info.rotation == -rotation % 360
    shown = read_frames(path, range(3))
    assert shown.shape == expected.shape
    assert differs(shown, expected) < 8
    small = read_frames(path, [0], (20, 10), crop_to_aspect_ratio=True)
    assert small.shape == (1, 20, 10, 3)


@pytest.mark.parametrize("turned", [False, True])
def test_mirrored_pictures(tmp_path, turned):
    frames = quadrants()
    path = write_video(tmp_path / "mirrored.mp4", frames, rotation=180, pixel_format="yuv444p")
    one = (0x10000).to_bytes(4, "big")
    minus_one, zero = (-0x10000).to_bytes(4, "big", signed=True), bytes(4)
    data = path.read_bytes()
    half_turn = minus_one + zero * 3 + minus_one
    assert half_turn in data
    a, b, c, d = (zero, one, one, zero) if turned else (minus_one, zero, zero, one)
    path.write_bytes(data.replace(half_turn, a + b + zero + c + d))
    expected = frames.transpose(0, 2, 1, 3) if turned else frames[:, :, ::-1]
    assert differs(read_frames(path, range(3)), expected) < 8


@pytest.mark.parametrize(("aspect", "width"), [(Fraction(16, 11), 93), (Fraction(1, 2), 32)])
def test_pixel_aspect_is_honoured(tmp_path, aspect, width):
    path = write_video(tmp_path / "wide.mp4", quadrants(), pixel_aspect=aspect, rotation=90)
    assert (probe(path).height, probe(path).width) == (width, 40)
    assert read_frames(path, [0]).shape == (1, width, 40, 3)


COLOURS = np.array([[200, 30, 40], [30, 180, 60], [40, 60, 220], [128, 128, 128], [250, 240, 10]], np.uint8)


@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv422p", "yuv444p", "yuv420p10le", "yuv444p10le"])
@pytest.mark.parametrize(("matrix", "luma"), [("bt709", (0.2126, 0.0722)), ("smpte170m", (0.299, 0.114))])
@pytest.mark.parametrize("full_range", [False, True])
def test_matrix_range_and_depth(tmp_path, pixel_format, matrix, luma, full_range):
    """Planes made by the standards' own formulas, independently of any converter, give the colours back."""
    red, blue = luma
    deep = pixel_format.endswith("10le")
    r, g, b = (COLOURS.T / 255.0).astype(float)
    y = red * r + (1 - red - blue) * g + blue * b
    cb, cr = (b - y) / (2 * (1 - blue)), (r - y) / (2 * (1 - red))
    scale = 4 if deep else 1
    if full_range:
        top = 1023 if deep else 255
        codes = [y * top, cb * top + 128 * scale, cr * top + 128 * scale]
    else:
        codes = [(16 + 219 * y) * scale, (128 + 224 * cb) * scale, (128 + 224 * cr) * scale]
    path = tmp_path / "colours.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"qp": "0", "preset": "ultrafast"})
        stream.codec_context.colorspace = {"bt709": 1, "smpte170m": 6}[matrix]
        stream.codec_context.color_range = 2 if full_range else 1
        stream.width, stream.height, stream.pix_fmt = 32, 16, pixel_format
        for colour in range(len(COLOURS)):
            frame = av.VideoFrame(32, 16, pixel_format)
            for plane, code in zip(frame.planes, codes, strict=True):
                values = np.full(
                    plane.buffer_size // (2 if deep else 1), round(code[colour]), "<u2" if deep else np.uint8
                )
                plane.update(values.tobytes())
            frame.pts = colour
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    shown = read_frames(path, range(len(COLOURS)))[:, 8, 16]
    np.testing.assert_allclose(shown.astype(int), COLOURS, atol=4)


def test_transparent_pixels_are_shown_on_black(tmp_path):
    pixels = np.zeros((16, 32, 4), np.uint8)
    pixels[..., 0] = 200
    pixels[:, :16, 3], pixels[:, 16:, 3] = 255, 128
    path = tmp_path / "alpha.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 32, 16, "bgra"
        container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgba")))
        container.mux(stream.encode(None))
    shown = read_frames(path, [0])[0]
    np.testing.assert_allclose(shown[8, 8], [200, 0, 0], atol=1)
    np.testing.assert_allclose(shown[8, 24], [100, 0, 0], atol=1)


def test_palettes_and_greys(tmp_path):
    levels = LEVELS[[0, 3, 7]]
    frames = np.broadcast_to(levels[:, None, None, None], (3, 16, 32, 3))
    gif = write_video(tmp_path / "grey.gif", frames, codec="gif", pixel_format="gray", fps=10)
    deep = write_video(tmp_path / "grey.mkv", frames, codec="ffv1", pixel_format="gray16le")
    for path in (gif, deep):
        np.testing.assert_allclose(read_frames(path, range(3))[:, 8, 8, 0].astype(int), levels, atol=1)


def test_pictures_that_change_size(tmp_path):
    path = tmp_path / "changing.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mjpeg", rate=25, options={"qmin": "1", "qmax": "3"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuvj420p"
        for number, pixels in enumerate(counting_frames(10, 48, 64)):
            encoder = av.CodecContext.create("mjpeg", "w")
            encoder.height, encoder.width = (48, 64) if number < 5 else (32, 80)
            encoder.pix_fmt, encoder.time_base, encoder.qmin, encoder.qmax = "yuvj420p", Fraction(1, 25), 1, 3
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels))
            frame = frame.reformat(encoder.width, encoder.height, "yuvj420p")
            if number == 0:
                container.mux(stream.encode(frame))
            for packet in encoder.encode(frame) if number else []:
                packet.stream, packet.time_base, packet.pts, packet.dts = stream, Fraction(1, 25), number, number
                container.mux(packet)
    assert read_counts(read_frames(path, range(10), (20, 20))).tolist() == list(range(10))
    assert (probe(path).num_frames, probe(path).height, probe(path).width) == (10, 48, 64)
    for indices in ([2, 7], [7]):
        with pytest.raises(UnsupportedVideoError, match="change size or position, from 64x48 to 80x32"):
            read_frames(path, indices)
