"""The model card: what a stranger must know of a network, with nothing that a user wrote taken for Markdown."""

import json
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from videocnn.manifest import Manifest, Video, read_manifest, write_manifest
from videocnn.runs import RunError, card_text, write_card
from videocnn.runs.card import OURS, escape, read_spec
from videocnn.runs.description import figure_warnings

HOSTILE = "<script>alert(1)</script>"
NAMES = ("judo", HOSTILE, "a|b *c*", "[polo](http://x)")
MARKDOWN = MarkdownIt("commonmark").enable("table")


@pytest.fixture
def run(tmp_path):
    """A run that was trained on three videos, evaluated on one, and whose data are still there."""
    videos = [
        Video(f"{name}.mp4", (label,), split, group, 20, 25.0)
        for name, label, split, group in (
            ("a", "judo", "train", "g1"), ("b", HOSTILE, "train", "g1"), ("c", "judo", "train", "g2"),
            ("d", "judo", "test", "g3"),
        )
    ]  # fmt: skip
    for video in videos:
        (tmp_path / video.path).write_bytes(b"never decoded")
    write_manifest(Manifest(tuple(videos), NAMES, tmp_path), tmp_path / "manifest.csv")
    folder = tmp_path / "my_run"
    folder.mkdir()
    settings = {
        "arguments": {
            "model": "slow_fusion",
            "learning_rate": 0.00123,
            "seed": 7,
            "weights": "/home/me/secret/old/model.keras",
            "cache": False,
        },
        "data": str(tmp_path / "manifest.csv"),
        "manifest_hash": read_manifest(tmp_path / "manifest.csv").hash,
        "class_names": list(NAMES),
        "num_train_videos": 3,
        "skipped": [{"path": "e.mp4", "reason": "too short"}],
        "versions": {"videocnn": "0.1.0", "tensorflow": "2.21.0"},
        "hardware": {"processor": "Abacus 9", "gpus": []},
        "devices": [{"from_epoch": 1, "names": ["CPU:0"]}],
    }
    (folder / "run.json").write_text(json.dumps(settings))
    (folder / "history.csv").write_text("epoch,seconds,loss\n1,3,2.5\n2,6,2.0\n")
    return folder


def add_figures(folder):
    figure = {"value": 0.625, "low": 0.5, "high": 0.75}
    figures = ("clip_hit_at_1", "clip_hit_at_5", "video_hit_at_1", "video_hit_at_5", "mean_average_precision")
    result = {
        **dict.fromkeys(figures, figure), "split": "test", "num_videos": 8, "num_groups": 4, "num_clips": 20,
        "num_views": 4, "num_skipped": 2, "seed": 11, "chance_hit_at_1": 0.375, "chance_hit_at_5": 1.0,
        "absent_classes": [], "manifest_hash": json.loads((folder / "run.json").read_text())["manifest_hash"],
    }  # fmt: skip
    (folder / "metrics.json").write_text(json.dumps({"test": result}))


def shown(markdown):
    """Return what a reader sees: text without tags, and the kinds of tags."""
    html = MARKDOWN.render(markdown)
    text = re.sub(r"<!--.*?-->|<[^>]*>", "", html, flags=re.S)
    for name, character in (("lt", "<"), ("gt", ">"), ("quot", '"'), ("amp", "&")):
        text = text.replace(f"&{name};", character)
    return text, set(re.findall(r"<(\w+)", html))


@given(st.text(min_size=1))
@example(HOSTILE)
@example("| a | b |")
@example("1. *one* _two_ `three` ~~four~~ # five")
@example("[x](javascript:alert(1)) ![y](z) &lt; &amp; https://example.org www.example.org")
@example("- - x\n\n# y\r\n    code")
@example(" a  b ")
def test_escaped_text_is_shown_as_it_is(text):
    tree = MARKDOWN.parse(f"- {escape(text)}")
    (inline,) = (token for token in tree if token.type == "inline")
    assert {token.type for token in tree} <= {f"{k}_{e}" for k in ("bullet_list", "list_item", "paragraph")
                                              for e in ("open", "close")} | {"inline"}  # fmt: skip
    assert {child.type for child in inline.children} <= {"text", "text_special"}
    visible = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    assert "".join(child.content for child in inline.children) == visible


def test_a_card_of_an_evaluated_run(run):
    (run / "model.keras").touch()
    add_figures(run)
    text, tags = shown(card_text(run))
    lines = text.splitlines()
    assert "my_run" in lines
    for part in (
        "(slow fusion) that gives each of 4 classes a probability",
        f"Classes: {', '.join(NAMES)}.",
        "8 videos in 4 groups, 20 clips a video, 4 views a clip; 2 left out; bootstrap over groups, seed 11",
        "2 epochs", "Abacus 9", "tensorflow 2.21.0", "Videos trained on: 3; left out: 1",
        "None is stated for these weights", "other cameras, places", "Computed on CPU:0 from epoch 1 on",
    ):  # fmt: skip
        assert part in text
    assert "below" not in text  # there is no list of what was left out
    assert str(run.parent.parent) not in text  # the card goes to strangers, the machine's folders do not
    row = lines.index("video hit@1")
    assert lines[row + 1 : row + 4] == ["62.5", "[50.0, 75.0]", "37.5"]
    assert lines[lines.index("mean AP") + 3] == "-"  # it has no chance level
    row = lines.index(HOSTILE)
    assert lines[row + 1 : row + 3] == ["1", "0"]  # train, test
    row = lines.index("train", lines.index("split"))
    assert lines[row + 1 : row + 3] == ["3", "2"]  # videos, groups
    assert lines[lines.index("learning_rate") + 1] == "0.00123"
    assert lines[lines.index("weights") + 1] == "old/model.keras"
    assert tags == {"h1", "h2", "p", "ul", "li", "table", "thead", "tbody", "tr", "th", "td", "pre", "code"}


def test_a_card_says_what_is_not_known(run, tmp_path):
    (tmp_path / "manifest.csv").unlink()
    text, _ = shown(card_text(run))
    assert "Not evaluated: nothing is known of how good it is." in text
    assert "There is no network in this folder yet." in text
    assert "the data were not there when this was written" in text
    assert str(tmp_path.parent) not in text
    assert "videos of class" not in text


def change(run, **values):
    (run / "run.json").write_text(json.dumps({**json.loads((run / "run.json").read_text()), **values}))


def test_a_card_names_what_the_network_was_fine_tuned_from(run):
    first = {"path": "/home/me/runs/first", "weights_hash": "abc" * 20, "class_names": ["x"], "data": None}
    pretrained = {
        "path": "/home/me/secret/runs/sports", "weights_hash": "0123456789ab" * 5,
        "data": "/home/me/secret/set/manifest.csv",
        "manifest_hash": "fedcba987654" * 5, "class_names": [HOSTILE, *map(str, range(30))], "pretrained": first,
    }  # fmt: skip
    change(run, pretrained=pretrained, arguments={"model": "slow_fusion", "regime": "top"})
    text, tags = shown(card_text(run))
    for part in (
        "Fine-tuned from runs/sports (weights 0123456789ab), which learnt 31 classes: "
        f"{HOSTILE}, 0, 1, 2, 3, 4, 5, 6, 7, 8, ...; from the data set set/manifest.csv (manifest hash fedcba987654)",
        "and that from runs/first (weights abcabcabcabc), which learnt 1 class: x; from a data set that is not on",
        "trained from others: the licence of those, and the videos that they learnt from, bear on these as well",
    ):
        assert part in text
    assert "/home/me" not in text
    assert "script" not in tags
    change(run, licence="CC0")
    assert "bear on these as well" in shown(card_text(run))[0]
    change(run, arguments={"model": "slow_fusion", "regime": "scratch"})  # of its weights there is nothing here
    assert "ine-tuned from" not in shown(card_text(run))[0]


def test_a_stated_licence_stays(run):
    write_card(run, "CC BY 4.0 *and* <b>more</b>")
    add_figures(run)
    file = write_card(run)
    assert file == run / "README.md"
    text, tags = shown(file.read_text())
    assert "CC BY 4.0 *and* <b>more</b>" in text
    assert not tags & {"em", "b", "script"}
    assert "62.5" in text


def test_a_card_that_somebody_made_their_own_is_left(run):
    file = write_card(run)
    assert file.read_text().startswith(OURS)
    own = file.read_text().removeprefix(OURS) + "\nmine\n"
    file.write_text(own)
    write_card(run)
    assert file.read_text() == own


def test_no_run_no_card(tmp_path):
    with pytest.raises(RunError, match="not a run folder"):
        write_card(tmp_path)


def test_the_clip_is_read_without_loading_the_network(tmp_path):
    """Of an average: its own clip, not that of its first member."""
    from videocnn.models import LateFusion, SingleFrame, average, clip_spec

    network = average([build(classes=2, width=0.02, input_shape=(frames, 16, 20, 3))
                       for build, frames in ((SingleFrame, 1), (LateFusion, 2))])  # fmt: skip
    network.save(tmp_path / "model.keras")
    assert read_spec(tmp_path / "model.keras") == clip_spec(network)
    assert read_spec(tmp_path / "model.keras").span == 16
    (tmp_path / "text.keras").write_text("none")
    assert read_spec(tmp_path / "text.keras") is None
    assert read_spec(tmp_path / "absent.keras") is None


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [(0.0, 0.2, "below chance"), (0.1, 0.6, "includes chance, 50.0 %"), (0.5, 0.9, "includes chance"), (0.6, 0.9, "")],
)
def test_what_is_said_of_chance(low, high, said):
    hit = {"value": (low + high) / 2, "low": low, "high": high}
    result = {"video_hit_at_1": hit, "chance_hit_at_1": 0.5, "num_groups": 3, "num_videos": 9}
    warnings = " ".join(figure_warnings("test", result))
    assert said in warnings
    assert ("chance" in warnings) == bool(said)
    assert ("includes" in warnings) == ("includes" in said)
