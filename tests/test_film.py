"""Films: what a reader of a notebook sees move, read back from the files."""

import io

import numpy as np
import pytest
from PIL import Image

from videocnn.visualize import film
from videocnn.visualize.canvas import PictureError


def clip(num_frames, height=20, width=30, level=0):
    """Frame `i` is a grey of `level + 20 i`."""
    levels = (level + 20 * np.arange(num_frames)).astype(np.uint8)
    return np.broadcast_to(levels[:, None, None, None], (num_frames, height, width, 3)).copy()


def played(content):
    """Return what a viewer shows: every picture and how long it stays, in milliseconds."""
    image = Image.open(io.BytesIO(content))
    shown = []
    for number in range(image.n_frames):
        image.seek(number)
        shown.append((np.asarray(image.convert("RGB")), image.info["duration"]))
    return shown, image.info.get("loop")


def test_every_frame_is_played_in_order():
    shown, loop = played(film(clip(7), fps=8)._repr_png_())
    assert [int(picture[5, 5, 0]) for picture, _ in shown] == [0, 20, 40, 60, 80, 100, 120]
    assert {duration for _, duration in shown} == {125}
    assert loop == 0


@pytest.mark.parametrize("suffix", ["png", "gif"])
def test_a_film_is_saved(tmp_path, suffix):
    path = tmp_path / f"film.{suffix}"
    film(clip(3), fps=10).save(path)
    shown, _ = played(path.read_bytes())
    assert [int(picture[5, 5, 0]) for picture, _ in shown] == [0, 20, 40]


def test_frames_that_stay_the_same_keep_their_time():
    """Equal pictures may be stored as one that stays longer."""
    frames = clip(5, level=10)
    frames[1:4] = frames[1]
    shown, _ = played(film(frames, fps=10)._repr_png_())
    assert sum(duration for _, duration in shown) == 500
    (still,) = Image.open(io.BytesIO(film(frames[1:4])._repr_png_())).convert("RGB").getcolors()
    assert still == (20 * 30, (30, 30, 30))


def test_clips_stand_side_by_side_with_captions():
    whole = film([clip(2), clip(4, 10, 16, 100)], captions=["a", "b"], scale=2).frames
    assert whole.shape[:2] == (4, 40 + 21)
    assert whole[1, 39, 5, 0] == 20
    assert whole[2, 39, 5, 0] == 0  # a bar where a clip rests on its last frame
    assert whole[1, 30, 5, 0] == 20
    assert (whole[:, 30, 75, 0] == [100, 120, 140, 160]).all()
    assert (whole[:, 10, 75] == 255).all()  # nothing above the smaller one
    assert whole[0, 41:, :60].min() < 100  # its caption is there


def test_a_shorter_clip_rests_on_its_last_frame_and_says_so():
    whole = film([clip(2, level=50), clip(4)]).frames
    assert whole[3, 5, 5, 0] == 70
    assert whole[1, 19, 5, 0] == 70
    assert (whole[2:, 19, :30] == 0).all()


def test_a_long_caption_is_not_cut():
    narrow = film(clip(1, 8, 8), captions="a caption that is wider than the clip").frames
    assert narrow.shape[2] > 150
    assert (narrow[0, :, -1] == 255).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([],), "no clip"),
        ((np.zeros((4, 4, 3), np.uint8),), "uint8 frames"),
        ((np.zeros((2, 4, 4, 3), np.float32),), "float32"),
        ((np.zeros((0, 4, 4, 3), np.uint8),), "no frame"),
        ((np.zeros((2, 4, 4, 3), np.uint8), 10, ["a", "b"]), "2 captions for 1 clips"),
        ((np.zeros((2, 4, 4, 3), np.uint8), 0), "fps=0"),
        ((np.zeros((2, 4, 4, 3), np.uint8), 10, None, 0), "scale=0"),
    ],
)
def test_what_cannot_be_shown(arguments, message):
    with pytest.raises(PictureError, match=message):
        film(*arguments)


def test_other_suffixes_are_refused(tmp_path):
    with pytest.raises(PictureError, match=r"\.png or \.gif"):
        film(clip(2)).save(tmp_path / "film.mp4")
