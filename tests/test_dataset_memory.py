"""Frames kept in memory go when their dataset goes: three folds in one process must not hold three data sets."""

import gc
import time
import weakref

import pytest
from videos import write_counting_video

from videocnn.clips import batches as clips
from videocnn.clips import dataset as opening
from videocnn.clips import directory, eval_clips, train_clips, video_dataset_from_directory
from videocnn.clips.frames import CachedFrames, FileFrames
from videocnn.manifest import Manifest, Video
from videocnn.spec import ClipSpec

SPEC = ClipSpec(num_frames=2, frame_size=(20, 24), region_size=(24, 28))


@pytest.fixture
def manifest(tmp_path):
    for label in ("a", "b"):
        (tmp_path / label).mkdir()
        write_counting_video(tmp_path / label / "one.mp4", 6)
    videos = (Video(f"{label}/one.mp4", (label,), "train", label, 6, 25.0) for label in ("a", "b"))
    return Manifest(tuple(videos), root=tmp_path)


@pytest.fixture
def sources(monkeypatch):
    """Weak references to every source of frames that is made."""
    made = []

    def recorded(kind):
        def make(*arguments, **options):
            source = kind(*arguments, **options)
            made.append(weakref.ref(source))
            return source

        return make

    monkeypatch.setattr(clips, "CachedFrames", recorded(CachedFrames))
    monkeypatch.setattr(opening, "FileFrames", recorded(FileFrames))
    monkeypatch.setattr(directory, "FileFrames", recorded(FileFrames))
    return made


def alive(sources):
    gc.collect()
    return [source() for source in sources if source() is not None]


@pytest.mark.parametrize("kind", ["train", "eval", "directory"])
def test_frames_go_with_their_dataset(manifest, sources, kind):
    if kind == "directory":
        dataset = video_dataset_from_directory(manifest.root, num_frames=2, frame_size=(20, 24), batch_size=2)
    elif kind == "train":
        dataset = train_clips(manifest, SPEC, 2, cache=True)
    else:
        dataset = eval_clips(manifest, SPEC, split="train", num_clips=1, num_views=1, cache=True)
    batches = iter(dataset.map(lambda *parts: parts[0]))
    del dataset
    assert next(batches).shape[1:] == (2, 20, 24, 3)  # derived datasets and iterators keep them
    assert len(alive(sources)) == len(sources) > 0
    del batches
    assert alive(sources) == []


def test_frames_that_a_cycle_holds_go_before_others_are_kept(manifest, sources):
    # Keras's trainers refer to their datasets and back; Python's own collection may come much later.
    gc.disable()
    try:
        cycle = {"clips": train_clips(manifest, SPEC, 2, cache=True)}
        cycle["itself"] = cycle
        del cycle
        earlier = list(sources)
        assert all(source() is not None for source in earlier)
        for _ in range(50):  # TensorFlow may let go of a dataset a moment later; without a collection it never does
            dataset = train_clips(manifest, SPEC, 2, cache=True)
            if not any(source() for source in earlier):
                break
            time.sleep(0.05)
        assert [source() for source in earlier] == [None] * len(earlier)
        assert next(iter(dataset))[0].shape[1:] == (2, 20, 24, 3)
    finally:
        gc.enable()
