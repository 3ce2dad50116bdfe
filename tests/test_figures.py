"""The drawn figures of the site: written by their script, readable by everyone, and true to the networks."""

import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections import Counter
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import ops

from videocnn.layers import Context, Fovea, TakeFrames
from videocnn.models import EarlyFusion, LateFusion, SingleFrame, SlowFusion, average, clip_spec
from videocnn.sampling import clip_indices

FIGURES = Path(__file__).parent.parent / "tutorials" / "figures"
BUILDERS = {
    "single_frame": SingleFrame,
    "early_fusion": EarlyFusion,
    "late_fusion": LateFusion,
    "slow_fusion": SlowFusion,
}
NAMES = (*BUILDERS, "fusion", "fovea_context")
CONVS = ("conv1", "conv2", "conv3", "conv4", "conv5")
SVG = "{http://www.w3.org/2000/svg}"


def read(name: str) -> ET.Element:
    return ET.parse(FIGURES / f"{name}.svg").getroot()


def texts(element: ET.Element) -> list[str]:
    return [text.text for text in element.iter(f"{SVG}text")]


def shown(shape: tuple) -> str:
    return " × ".join(str(size) for size in shape[1:])


def full_size(builder, **arguments) -> keras.Model:
    with keras.StatelessScope(initialize_variables=False):  # shapes without the memory of 75 million weights
        return builder(**arguments)


def test_files_are_what_the_script_writes_with_the_standard_library_alone(tmp_path):
    shutil.copy(FIGURES / "draw.py", tmp_path)
    subprocess.run([sys.executable, "-I", "-S", tmp_path / "draw.py"], check=True)
    written = {path.name: path.read_bytes() for path in tmp_path.glob("*.svg")}
    kept = {path.name: path.read_bytes() for path in FIGURES.glob("*.svg")}
    assert sorted(kept) == sorted(f"{name}.svg" for name in NAMES)
    changed = [name for name in kept if kept[name] != written.get(name)]
    assert not changed, "run `python tutorials/figures/draw.py`"
    assert max(map(len, kept.values())) < 30_000


@pytest.mark.parametrize("name", NAMES)
def test_figures_are_told_in_words_and_ask_for_nothing(name):
    root = read(name)
    title, description = root.find(f"{SVG}title"), root.find(f"{SVG}desc")
    assert root.get("role") == "img"
    assert root.get("aria-labelledby").split() == [title.get("id"), description.get("id")]
    assert len(title.text) > 10
    assert len(description.text) > 80
    assert not [element.tag for element in root.iter() if element.tag in (f"{SVG}script", f"{SVG}image")]
    links = [value for element in root.iter() for key, value in element.attrib.items() if key.endswith("href")]
    assert all(link.startswith("#") for link in links)
    style = root.find(f"{SVG}style").text
    assert "@import" not in style
    assert "url(" not in style
    families = {font.strip() for part in re.findall(r"font:\S+ ([^;}]+)", style) for font in part.split(",")}
    assert families == {"system-ui", "sans-serif", "ui-monospace", "monospace"}


# True to the networks


@pytest.fixture(scope="module")
def own_frames() -> dict[str, list[int]]:
    """Which of sixteen frames each network takes, as `average` and `videocnn.sampling` say."""
    members = [builder(width=0.02, classes=3) for builder in BUILDERS.values()]
    model = average(members)
    assert clip_spec(model).num_frames == 16
    takes = [layer for layer in model.layers if isinstance(layer, TakeFrames)]
    return {
        key: next(
            clip_indices(layer.start, layer.num_frames, layer.frame_step).tolist()
            for layer in takes
            if layer.name.endswith(f"{key}_frames")
        )
        for key in BUILDERS
    }


@pytest.mark.parametrize("key", BUILDERS)
@pytest.mark.parametrize("alone", [True, False])
def test_frames_steps_and_connections_are_the_networks(key, alone, own_frames):
    root = read(key if alone else "fusion")
    panel = next(group for group in root.iter(f"{SVG}g") if group.get("data-network") == key)
    frames = {
        int(rect.get("data-frame")): rect.get("class")
        for rect in panel.iter(f"{SVG}rect")
        if "data-frame" in rect.attrib
    }
    assert sorted(frames) == list(range(16))
    assert [frame for frame, kind in frames.items() if kind == "frame used"] == own_frames[key]

    model = full_size(BUILDERS[key])
    sees, steps, links = [{frame} for frame in own_frames[key]], {}, {}
    for name in CONVS:
        layer = model.get_layer(name)
        taps, stride, windows = layer.kernel_size[0], layer.strides[0], layer.output.shape[1]
        sees = [set().union(*sees[stride * i : stride * i + taps]) for i in range(windows)]
        steps[name], links[name] = [len(frames) for frames in sees], taps * windows
    assert len(sees) == model.get_layer("pool5").output.shape[1]
    for name, inputs in (("fc6", len(sees)), ("fc7", 1), ("classes", 1)):
        steps[name], links[name] = [len(set().union(*sees))], inputs
    drawn = {name: [] for name in steps}
    for group in panel.iter(f"{SVG}g"):
        if group.get("class") == "step":
            assert texts(group) == [group.get("data-sees")]
            drawn[group.get("data-layer")].append(int(group.get("data-sees")))
    assert drawn == steps
    assert Counter(path.get("data-layer") for path in panel.iter(f"{SVG}path") if path.get("class") == "link") == links
    if alone:
        words = texts(root)
        shapes = [
            model.input_shape,
            *(model.get_layer(name).output.shape for name in (*CONVS, "fc6", "fc7", "predictions")),
        ]
        assert [words.count(shown(shape)) for shape in shapes] == [shapes.count(shape) for shape in shapes]
        assert set(steps) <= set(words)


def test_streams_are_the_networks():
    root = read("fovea_context")
    model = full_size(SingleFrame, stream="multires")
    words = texts(root)
    size, half = model.input_shape[2], model.get_layer("fovea").output.shape[2]
    assert model.get_layer("context").output.shape[2] == half
    assert f"{size} × {size} px a frame" in words
    assert words.count(f"{half} × {half} px") == 2
    for name in ("fovea_conv5", "context_conv5"):
        assert words.count(shown(model.get_layer(name).output.shape[1:])) == 2
    assert shown(model.get_layer("streams").output.shape[1:]) in words
    assert "fovea_pool5" not in [layer.name for layer in model.layers]
    # What is cut out and what is halved, by the layers themselves: a picture whose pixels are their own row.
    rows = np.arange(size, dtype="float32")[None, None, :, None, None].repeat(size, axis=3)
    seen = ops.convert_to_numpy(Fovea()(rows))[0, 0, :, 0, 0]
    (centre,) = root.iter(f"{SVG}clipPath")
    cut = centre.find(f"{SVG}rect").attrib
    assert (int(cut["y"]), int(cut["height"])) == (seen[0], len(seen)) == (int(cut["x"]), int(cut["width"]))
    (scale,) = {part for g in root.iter(f"{SVG}g") for part in re.findall(r"scale\((.*?)\)", g.get("transform", ""))}
    assert float(scale) == ops.convert_to_numpy(Context()(rows)).shape[2] / size
