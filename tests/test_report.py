"""Reports: figures beside chance, what is missing said in words, text as text, and all of it in Chromium."""

import base64
import dataclasses
import io
import itertools
import json
import re
import shutil
from html.parser import HTMLParser

import numpy as np
import pytest
from browser import violations, visit
from paper_runs import made_scores, write_run
from PIL import Image
from typer.testing import CliRunner
from videos import read_counts, write_counting_video

from videocnn.clips import Dataset
from videocnn.evaluate import Scores, summarize, write_scores
from videocnn.manifest import Manifest, Video, write_manifest
from videocnn.models import SingleFrame, set_clip_spec
from videocnn.report import ReportError, write_report
from videocnn.report.html.examples import NUM_FRAMES, choose, film
from videocnn.runs import RunError
from videocnn.runs.description import find_warnings, short_names
from videocnn.runs.folder import write_history
from videocnn.runs.state import open_run
from videocnn.spec import ClipSpec

NASTY = "</script><script>alert(1)</script>"
NAMES = ("a'\"b", NASTY, "<img src=x onerror=alert(2)>")
LABELS = np.eye(3, dtype=np.float32)[[0, 0, 1, 1, 2, 2]]
GOOD = (
    np.array([[8, 1, 1], [6, 3, 1], [1, 8, 1], [2, 6, 2], [1, 2, 7], [5, 3, 2]], np.float32) / 10
)  # the last is wrong
BAD = np.array([[8, 1, 1], [6, 3, 1], [7, 2, 1], [5, 3, 2], [6, 2, 2], [5, 3, 2]], np.float32) / 10  # always class 0
HISTORY = [
    {"epoch": 1, "loss": 2.0, "hit@1": 0.2, "val_loss": 1.9, "val_hit@1": 0.25, "seconds": 30},
    {"epoch": 2, "loss": 1.5, "hit@1": 0.4, "val_loss": 1.8, "val_hit@1": 0.375, "seconds": 60},
]


def make_scores(manifest, values, **changes):
    test = manifest.select("test").videos
    scores = Scores(
        split="test",
        class_names=NAMES,
        paths=tuple(video.path for video in test),
        groups=tuple(video.group for video in test),
        labels=LABELS,
        clip_scores=np.repeat(values[:, None], 2, axis=1),
        manifest_hash=manifest.hash,
        num_views=4,
    )
    return dataclasses.replace(scores, **changes)


def make_run(folder, manifest, data, scores=None, history=HISTORY, skipped=(), network=None, finished=True):
    folder.mkdir()
    settings = {
        "arguments": {"model": "single_frame", "minutes": 1.5, "learning_rate": 0.001, "validation_clips": 3},
        "data": str(data),
        "manifest_hash": manifest.hash,
        "class_names": list(NAMES),
        "num_train_videos": 3,
        "skipped": list(skipped),
        "versions": {"videocnn": "0.1.0", "keras": "3.9"},
        "hardware": {"processor": "abacus", "processors": 2, "gpus": []},
    }
    (folder / "run.json").write_text(json.dumps(settings))
    if history:
        write_history(folder, history)
    (folder / "backup").mkdir()
    (folder / "backup" / "state.json").write_text(json.dumps({"finished": finished}))
    if network is not None:
        network.save(folder / "model.keras")
    if scores is not None:
        write_scores(scores, folder)
        result = {**summarize(scores), "num_skipped": 0, "seconds": 3.5}
        (folder / "metrics.json").write_text(json.dumps({"test": result}))
    return folder


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Videos, manifest, and two runs: one gets five of six right, the other always answers the first class."""
    root = tmp_path_factory.mktemp("report")
    (root / "data").mkdir()
    videos = []
    for number in range(9):
        split = "test" if number < 6 else "train"
        write_counting_video(root / "data" / f"{number}.mp4", 20, first=20 * number)
        group = f"g{number // 2}" if split == "test" else f"t{number}"
        videos.append(
            Video(f"{number}.mp4", (NAMES[number // 2 % 3 if number < 6 else number - 6],), split, group, 20, 25.0)
        )
    manifest = Manifest(tuple(videos), NAMES, root / "data")
    write_manifest(manifest, root / "data" / "manifest.csv")
    manifest = dataclasses.replace(manifest, class_names=None)
    network = SingleFrame(input_shape=(1, 32, 32, 3), width=0.05, classes=3)
    set_clip_spec(network, class_names=NAMES, region_size=(36, 48))
    data = root / "data" / "manifest.csv"
    skipped = [{"path": "<i>.mp4", "reason": "too short"}]
    make_run(root / "good", manifest, data, make_scores(manifest, GOOD), network=network)
    make_run(root / "bad <b>", manifest, data, make_scores(manifest, BAD), skipped=skipped)
    return root, manifest, network


@pytest.fixture(scope="module")
def page(place):
    root = place[0]
    return write_report([root / "good", root / "bad <b>"], root / "report.html")


@pytest.fixture(scope="module")
def paper_page(tmp_path_factory):
    """Three networks on videos of the same names: right in a half, in three quarters and in all of them."""
    root = tmp_path_factory.mktemp("paper <b>")
    runs = []
    for name, right, options in (
        ("single", [True, False] * 4, {}),
        ("multires", [True, True, True, False] * 2, {"stream": "multires"}),
        ("slow", [True] * 8, {"model": "slow_fusion"}),
    ):
        history = [(epoch, 64 * epoch, 4.0 if name == "single" else 2.0) for epoch in (1, 2, 3)]
        runs.append(write_run(root / name, made_scores(right, names=NAMES), history=history, **options))
    return write_report(runs, root / "report.html", num_examples=0)


class Elements(HTMLParser):
    """Lists the elements of a page with their attributes, and the texts of table cells by row."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.rows, self.tables, self.cell = [], [], [], None
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag == "table":
            self.tables.append([])
        if tag == "tr":
            self.rows.append([])
            self.tables[-1].append(self.rows[-1])
        if tag in ("td", "th"):
            self.cell = []

    def handle_endtag(self, tag):
        if tag in ("td", "th"):
            self.rows[-1].append(" ".join(self.cell))
            self.cell = None

    def handle_data(self, data):
        if self.cell is not None and data.strip():
            self.cell.append(data.strip())

    def named(self, *tags):
        return [attributes for tag, attributes in self.elements if tag in tags]


# What is said


def test_figures_stand_beside_chance_with_their_intervals(page, place):
    text = page.read_text(encoding="utf-8")
    rows = {row[0]: row[1:] for row in Elements(text).rows if len(row) == 7}
    result = json.loads((place[0] / "good" / "metrics.json").read_text())["test"]["video_hit_at_1"]
    good, bad = rows["good"], rows["bad <b>"]
    assert good[2] == f"83.3 {100 * result['low']:.1f} to {100 * result['high']:.1f}"
    assert bad[2].startswith("33.3 ")
    assert rows["chance"][2:4] == ["33.3", "100.0"]
    assert good[5] == "2 x 4"
    assert "Split test: 6 videos in 3 groups" in text
    differences = [row for row in Elements(text).rows if len(row) == 5 and row[0] == "bad <b>"]
    assert differences[0][1] == "good"
    assert differences[0][2].startswith("-50.0 ")


def test_warnings_come_first(page):
    text = page.read_text(encoding="utf-8")
    assert text.index("Read first") < text.index(">Figures</h2>")
    assert "at chance level. Video hit@1 is 33.3 %" in text
    assert "1 video left out (train)" in text
    assert "&lt;i&gt;.mp4" in text


def test_how_it_was_run(page, place):
    text = page.read_text(encoding="utf-8")
    for fact in (place[1].hash, "abacus", "learning rate", "0.001", "1.0 min", "2 clips per video, 4 views per clip"):
        assert fact in text


def test_curves_say_what_they_rest_on(page):
    text = page.read_text(encoding="utf-8")
    assert "validation: centre views of 3 clips per video; uniform guessing among 3 classes gives 33.3 %." in text


def test_names_are_text(page):
    text = page.read_text(encoding="utf-8")
    assert "<script" not in text
    assert "onerror" not in re.sub(r"&lt;.*?&gt;", "", text)
    assert "&lt;script&gt;alert(1)" in text


def test_the_page_holds_all_it_shows(page):
    elements = Elements(page.read_text(encoding="utf-8"))
    addresses = [value for _, found in elements.elements for key, value in found.items() if key in ("src", "href")]
    assert len(addresses) > 8
    assert all(value.startswith(("data:", "#")) for value in addresses)


@pytest.mark.parametrize("name", ["page", "paper_page"])
def test_readers_who_listen_find_their_way(name, request):
    elements = Elements(request.getfixturevalue(name).read_text(encoding="utf-8"))
    assert all(found.get("alt") for found in elements.named("img"))
    assert len(elements.named("table")) == len(elements.named("caption")) > 0
    assert all(found.get("scope") in ("row", "col", "colgroup") for found in elements.named("th"))
    levels = [int(tag[1]) for tag, _ in elements.elements if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))
    ids = [found["id"] for _, found in elements.elements if "id" in found]
    assert len(ids) == len(set(ids))
    assert all(found["href"][1:] in ids for found in elements.named("a"))
    for landmark in ("main", "header", "nav", "footer"):
        assert len(elements.named(landmark)) == 1


def test_runs_are_called_by_what_tells_them_apart():
    assert short_names(["a/b/x", "a/b/y/"]) == ["x", "y"]
    assert short_names(["a/x", "b/x"]) == ["a/x", "b/x"]
    assert short_names(["a/x", "a/x/y"]) == ["x", "x/y"]
    assert short_names(["/a/b"]) == ["b"]


# What is missing


def test_a_run_that_has_only_begun(place, tmp_path):
    root, manifest, _ = place
    run = make_run(tmp_path / "begun", manifest, root / "data" / "manifest.csv", history=None, finished=False)
    text = write_report(run, tmp_path / "r.html").read_text(encoding="utf-8")
    assert "No epoch has ended yet" in text
    assert "Not evaluated" in text
    assert "No run has been evaluated" in text
    assert "There is no network in this run folder yet" in text
    shutil.rmtree(run / "backup")
    assert "No epoch has ended yet" in write_report(run, tmp_path / "r.html").read_text(encoding="utf-8")


def test_an_unfinished_run_without_validation(place, tmp_path):
    root, manifest, _ = place
    rows = [{key: value for key, value in row.items() if not key.startswith("val")} for row in HISTORY]
    run = make_run(tmp_path / "half", manifest, root / "data" / "manifest.csv", history=rows, finished=False)
    text = write_report(run, tmp_path / "r.html").read_text(encoding="utf-8")
    assert "Training has not come to its end: it stands after 2 epochs." in text
    assert "No videos were held out for validation" in text
    assert "training loss 1.50, training clip hit@1 40.0 %" in text


def test_data_that_are_gone_or_changed(place, tmp_path):
    _, manifest, network = place
    scores = make_scores(manifest, GOOD)
    run = make_run(tmp_path / "gone", manifest, tmp_path / "absent.csv", scores, network=network)
    text = write_report(run, tmp_path / "r.html").read_text(encoding="utf-8")
    assert "Group leakage was not checked" in text
    assert "No picture: " in text
    other = dataclasses.replace(manifest, videos=manifest.videos[1:])
    write_manifest(other, tmp_path / "manifest.csv")
    settings = json.loads((run / "run.json").read_text()) | {"data": str(tmp_path / "manifest.csv")}
    (run / "run.json").write_text(json.dumps(settings))
    assert any("has changed since" in warning for warning in find_warnings(open_run(run)))


def test_other_warnings(place, tmp_path):
    root, manifest, _ = place
    data = root / "data" / "manifest.csv"
    for name, changes, words in (
        ("one", {"groups": ("g",) * 6}, "all videos are of one group"),
        ("alone", {"groups": tuple("abcdef")}, "every video is a group of its own"),
        ("other", {"manifest_hash": "0" * 64}, "evaluated on other data than it was trained on"),
    ):
        run = make_run(tmp_path / name, manifest, data, make_scores(manifest, GOOD, **changes))
        assert any(words in warning for warning in find_warnings(open_run(run))), name
    assert find_warnings(open_run(root / "good")) == []


def test_groups_on_both_sides_are_named(place, tmp_path):
    root, manifest, _ = place
    rows = (root / "data" / "manifest.csv").read_text().replace("t6", "g0")
    (root / "data" / "mixed.csv").write_text(rows)
    run = make_run(tmp_path / "mixed", manifest, root / "data" / "mixed.csv")
    assert any("'g0' in test and train" in warning for warning in find_warnings(open_run(run)))


def test_runs_that_cannot_be_compared_have_tables_of_their_own(place, tmp_path):
    root, manifest, _ = place
    data = root / "data" / "manifest.csv"
    run = make_run(tmp_path / "other", manifest, data, make_scores(manifest, GOOD, manifest_hash="0" * 64))
    text = write_report([root / "good", run], tmp_path / "r.html").read_text(encoding="utf-8")
    assert "Runs on different data or classes are not compared" in text
    assert text.count("chance</th>") == 2


def test_impossible_requests(place, tmp_path):
    root = place[0]
    with pytest.raises(ReportError, match="nothing to report"):
        write_report([], tmp_path / "r.html")
    with pytest.raises(ReportError, match="named twice"):
        write_report([root / "good", root / "data" / ".." / "good"], tmp_path / "r.html")
    with pytest.raises(RunError, match=r"not a run folder \(no run.json\)"):
        write_report(root / "data", tmp_path / "r.html")
    with pytest.raises(ReportError, match="absent"):
        write_report(root / "good", tmp_path / "absent" / "r.html")
    with pytest.raises(ReportError, match="num_examples=-1"):
        write_report(root / "good", tmp_path / "r.html", num_examples=-1)


def test_the_command(place, tmp_path):
    import typer

    from videocnn.cli import report

    app = typer.Typer()
    report.register(app)
    out = tmp_path / "r.html"
    result = CliRunner().invoke(app, [str(place[0] / "good"), "--out", str(out), "--examples", "0"])
    assert result.exit_code == 0, result.output
    assert str(out) in result.stdout
    assert 'class="film' not in out.read_text(encoding="utf-8")


# The paper's tables


def test_ours_stand_beside_the_papers_figures(paper_page):
    elements = Elements(paper_page.read_text(encoding="utf-8"))
    (table,) = [table for table in elements.tables if table[0][0] == "network" and table[0][1] == "clip hit@1"]
    assert table[0] == ["network", "clip hit@1", "video hit@1", "video hit@5"]
    assert table[1] == ["ours", "paper"] * 3
    rows = {row[0]: row[1:] for row in table[2:]}
    assert rows["Slow Fusion"][::2] == ["100.0 [100.0, 100.0]"] * 3
    assert rows["Slow Fusion"][1::2] == ["41.9", "60.9", "80.2"]
    assert rows["Single-Frame"][2].startswith("50.0 [")
    assert rows["Early Fusion"] == ["–", "38.9", "–", "57.7", "–", "76.8"]
    assert rows["chance"] == ["37.5", "", "37.5", "", "100.0", ""]


def test_every_row_of_a_table_has_the_same_number_of_cells(paper_page):
    text = paper_page.read_text(encoding="utf-8")
    for table in re.findall(r"<table.*?</table>", text, re.DOTALL):
        head, body = table.split("</thead>")
        spans = [
            int((re.search(r'colspan="(\d)"', cell) or ["", "1"])[1])
            for cell in re.findall("<th[ >][^>]*", head.split("</tr>")[0])
        ]
        widths = {len(re.findall("<t[hd]", row)) for row in re.findall("<tr>.*?</tr>", body, re.DOTALL)}
        assert widths == {sum(spans)}


def test_claims_have_the_verdicts_of_the_tables(paper_page):
    text = paper_page.read_text(encoding="utf-8")
    item = r'<span class="outcome[^"]*">(.*?):</span> (.*?)<span class="basis">(.*?)</span>'
    found = {claim: (outcome, basis) for outcome, claim, basis in re.findall(item, text)}
    assert found["Slow Fusion is better than Single-Frame"][0] == "supported"
    assert found["Early Fusion is worse than Single-Frame"][0] == "cannot be tested here"
    assert found["Two streams train Single-Frame faster than the full frame"] == (
        "supported",
        "here: 2.00 times [2.00, 2.00]; paper: section 4.1: 6 to 21 clips/s, 3.5 times",
    )
    assert "1 supported, 1 cannot be tested here." in text


def test_every_table_says_what_it_rests_on(paper_page):
    text = paper_page.read_text(encoding="utf-8")
    assert text.count("Ours: split test, 8 videos in 8 groups, 3 classes; below a figure its 95 % interval") == 3
    assert "Trained on Abacus 1, 2 processors" in text
    assert text.count("paper: test videos of Sports-1M, 487 classes") == 1
    for name in ("table-1", "table-2", "table-speed"):
        assert text.count(f'<h3 id="{name}">') == 1
    assert "Table 3, regimes of transfer: requires runs of <code>videocnn finetune</code>" in text


def test_classes_and_folders_are_text_in_the_papers_tables(paper_page):
    elements = Elements(paper_page.read_text(encoding="utf-8"))
    (table,) = [table for table in elements.tables if table[0][:2] == ["class", "change of AP"]]
    assert {row[0] for row in table[2:]} >= set(NAMES)
    assert not elements.named("script", "b", "i")
    assert "paper &lt;b&gt;0/single; 2 clips x 4 views" in paper_page.read_text(encoding="utf-8")


def test_folds_are_shown_one_by_one_and_as_one_regime(tmp_path):
    for fold, right in ((1, [True] * 4), (2, [True, False] * 2)):
        scores = made_scores(right, hash=f"h{fold}", prefix=f"f{fold}v")
        write_run(tmp_path / "top" / f"fold{fold}", scores, regime="top", pretrained="w")
    out = write_report(tmp_path / "top", tmp_path / "r.html", num_examples=0)
    elements = Elements(out.read_text(encoding="utf-8"))
    assert [found["id"] for found in elements.named("section") if found["id"].startswith("run")] == ["run1", "run2"]
    rows = {row[0]: row for row in elements.rows}
    assert rows["fine-tuned top layer"][1].startswith("75.0 [")
    assert rows["fine-tuned top layer"][2:] == ["64.1", "35.4", "100.0, 50.0"]
    assert {"fold1", "fold2"} <= set(rows)
    assert "Table 4, groups of UCF-101</strong> is not available" in out.read_text(encoding="utf-8")
    assert "Runs on different data or classes are not compared" in out.read_text(encoding="utf-8")


def test_runs_that_allow_no_table_have_no_such_section(page):
    assert 'id="paper"' not in page.read_text(encoding="utf-8")


def test_two_runs_of_one_row_are_named(tmp_path):
    runs = [write_run(tmp_path / name, made_scores([True, False])) for name in ("a", "b")]
    text = write_report(runs, tmp_path / "r.html", num_examples=0).read_text(encoding="utf-8")
    assert "is not available: " in text
    assert "b are both Single-Frame; give one of each" in text


# Examples


def test_examples_are_the_surest_right_and_wrong_ones(place):
    manifest = place[1]
    assert choose(make_scores(manifest, GOOD), 4) == [0, 2, 5]  # one a class, 0.8 each; one wrong answer
    assert choose(make_scores(manifest, GOOD), 6) == [0, 2, 4, 5]
    assert choose(make_scores(manifest, BAD), 4) == [0, 2, 4]
    assert choose(make_scores(manifest, GOOD), 0) == []


def test_examples_show_the_middle_of_their_video(place, page):
    """Frames 2 to 17 of 20, those of video 1 encode 20 + their number."""
    manifest = place[1]
    spec = ClipSpec(num_frames=1, frame_size=(32, 32), region_size=(36, 48))
    shown = film(Dataset.open(manifest), manifest.videos[1], spec)
    assert shown["num_frames"] == NUM_FRAMES == 16
    assert shown["seconds"] == pytest.approx(16 / 25)
    content = base64.b64decode(shown["sprite"].partition(",")[2])
    with Image.open(io.BytesIO(content)) as image:
        strip = np.asarray(image.convert("RGB"))
    assert strip.shape == (96, 16 * 128, 3)
    frames = strip.reshape(96, 16, 128, 3).transpose(1, 0, 2, 3)
    assert read_counts(frames, tolerance=17).tolist() == list(range(22, 38))
    assert page.read_text(encoding="utf-8").count("data:image/webp") == 4  # only one of the runs has a network


# In a browser


@pytest.mark.slow
@pytest.mark.parametrize("window", [{}, {"width": 390, "height": 844}, {"dark": True}])
def test_in_chromium(page, window):
    with visit(page, **window) as seen:
        assert seen.overflow() == 0
        film = seen.page.locator(".film img").first
        film.scroll_into_view_if_needed()
        assert film.evaluate("image => image.naturalWidth") == 16 * 128
        state = "image => image.getAnimations()[0].playState"
        assert film.evaluate(state) == "running"
        seen.page.get_by_label("pause the animations").first.check()
        assert film.evaluate(state) == "paused"
        for summary in seen.page.locator("summary").all():
            summary.click()
        assert seen.overflow() == 0
        assert seen.page.get_by_role("rowheader", name=NASTY).count() > 0
    assert (seen.complaints, seen.requests, seen.dialogs) == ([], [], [])


@pytest.mark.slow
@pytest.mark.parametrize("window", [{}, {"width": 390, "height": 844}, {"width": 390, "height": 844, "dark": True}])
def test_wide_tables_scroll_in_their_own_box(paper_page, window):
    with visit(paper_page, **window) as seen:
        for summary in seen.page.locator("summary").all():
            summary.click()
        assert seen.overflow() == 0
        for name in ("Table 1, networks and streams", "Table 2, classes that gain and lose"):
            box = seen.page.get_by_role("region", name=name, exact=True)
            assert box.count() == 1
            assert (box.evaluate("box => box.scrollWidth - box.clientWidth") > 0) == ("width" in window), name
            caption = box.locator("caption span").bounding_box()
            assert caption["x"] + caption["width"] <= window.get("width", 1200)
            box.focus()
            assert box.evaluate("box => document.activeElement === box")
        assert seen.page.get_by_role("columnheader", name="ours").count() > 3
        assert seen.page.get_by_role("rowheader", name="Slow Fusion", exact=True).count() == 1
    assert (seen.complaints, seen.requests, seen.dialogs) == ([], [], [])


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "dark"), [("page", False), ("page", True), ("paper_page", False)])
def test_no_reader_of_a_report_is_shut_out(kind, dark, request):
    with visit(request.getfixturevalue(kind), dark=dark) as seen:
        seen.page.evaluate("document.querySelectorAll('details').forEach(part => { part.open = true })")
        assert violations(seen) == []
        regions = "[...document.querySelectorAll('[role=region]')].map(part => part.ariaLabel)"
        names = seen.page.evaluate(regions)
    assert len(names) > 3
    assert sorted(set(names)) == sorted(names)
    assert "Picture" not in names
