"""Pages: what is text stays text, nothing is loaded, numbers and times read well; and the timeline's in Chromium."""

import base64
import hashlib
import html
import json
import re
from importlib import resources

import numpy as np
import pytest
from browser import violations, visit, wait_until
from colour_network import SPEC
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure
from videos import write_video

from videocnn.predict import Timeline
from videocnn.report.html.page import clock, environment, percent, picture, prose, render, size
from videocnn.report.html.timeline import MOST_ROWS, clip_rows, curve, ticks, timeline_page
from videocnn.report.html.video import PageVideo, page_video

NASTY = "</script><script>alert(1)</script>"
LABELS = ("a'\"b", NASTY, "<img src=x onerror=alert(2)>", "&amp;")


def make_timeline(num_clips=8, names=LABELS, seconds=8.0):
    scores = np.random.default_rng(0).dirichlet(np.ones(len(names)), num_clips).astype(np.float32)
    starts = np.linspace(0, seconds, num_clips, endpoint=False)
    ends = starts + seconds / num_clips
    return Timeline("a/<b>.mp4", names, starts, ends, scores, seconds, 200, seconds / num_clips, SPEC)


def page_data(page):
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)[1])


# Text, numbers


def test_names_are_text_in_html_and_in_json():
    page = timeline_page(make_timeline(), PageVideo("data:,", "note <i>"), range(4))
    assert "<script>alert" not in page
    assert "<img" not in page
    assert page.count("<script") == page.count("</script>") == 2
    for name in LABELS:
        assert html.escape(name, quote=True).replace("&#x27;", "&#39;").replace("&quot;", "&#34;") in page
    assert page_data(page)["classes"] == list(LABELS)
    assert "<title>&lt;b&gt;.mp4</title>" in page


def test_names_that_are_no_utf8_are_shown():
    timeline = make_timeline()
    object.__setattr__(timeline, "path", b"caf\xe9.mp4".decode("utf-8", "surrogateescape"))
    timeline_page(timeline, PageVideo("data:,", ""), [0]).encode("utf-8")


def test_the_policy_allows_the_pages_own_script_only():
    page = timeline_page(make_timeline(), PageVideo("data:,", ""), [0])
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)[1].replace("&#39;", "'")
    script = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script[0].encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}';" in policy
    assert "default-src 'none'" in policy


def test_nothing_in_the_templates_is_loaded_from_elsewhere():
    for file in (resources.files("videocnn.report.html") / "templates").iterdir():
        text = file.read_text(encoding="utf-8")
        assert not re.search(r"https?://|@import|url\(|//cdn", text), file.name
        if file.name.endswith(".html"):
            assert not re.search(r"\son[a-z]+=|javascript:", text), file.name


def test_unknown_values_and_nan_are_errors_of_the_program():
    with pytest.raises(ValueError, match="JSON"):
        environment().from_string("{{ x | tojson }}").render(x=float("nan"))
    with pytest.raises(Exception, match="undefined"):
        render("timeline.html", title="x")


@pytest.mark.parametrize(
    ("seconds", "digits", "text"),
    [(0, 1, "0:00.0"), (59.96, 1, "1:00.0"), (3599.99, 1, "1:00:00.0"), (61.25, 2, "1:01.25"), (7322, 0, "2:02:02")],
)
def test_times(seconds, digits, text):
    assert clock(seconds, digits) == text


def test_shares_and_sizes():
    assert [percent(value) for value in (0.1234, 1, None, float("nan"))] == ["12.3 %", "100.0 %", "–", "–"]
    assert [size(count) for count in (1, 1025, 2**20, 3 * 2**19)] == ["1 KiB", "2 KiB", "1.0 MiB", "1.5 MiB"]


def test_commands_in_sentences():
    assert (
        prose("run `videocnn <x>` & `y`, <b>") == "run <code>videocnn &lt;x&gt;</code> &amp; <code>y</code>, &lt;b&gt;"
    )
    assert environment().from_string("{{ x | prose }}").render(x="`<i>`") == "<code>&lt;i&gt;</code>"


def test_pictures_are_data_with_a_text():
    shown = picture(Figure(figsize=(2, 1)), "two", "two by one")
    assert shown.source.startswith("data:image/png;base64,iVBOR")
    assert (shown.text, shown.width, shown.height) == ("two by one", 192, 96)


# Curves


def test_points_of_a_curve():
    timeline = make_timeline(2, ("a", "b"), 4.0)
    timeline.scores[:] = [[0.25, 0.75], [1.0, 0.0]]
    shown = curve(timeline, 0, 9)
    assert shown["points"] == "25000,750 75000,0"
    assert (shown["highest"], shown["at"], shown["first"]) == (1.0, 3.0, 0.25)
    assert (shown["colour"], shown["dash"]) == (2, 1)
    assert curve(make_timeline(1, ("a",), 4.0), 0, 0)["points"] == "0,0 100000,0"


@given(st.floats(0.02, 200_000))
def test_ticks_are_few_and_in_order(duration):
    places = [tick["place"] for tick in ticks(duration)]
    assert 1 <= len(places) <= 9
    assert places == sorted(set(places))
    assert places[0] == 0
    assert places[-1] <= 100


def test_many_clips_have_no_table_but_say_where_one_is():
    few = timeline_page(make_timeline(3), PageVideo("data:,", ""), [0])
    assert "too many for a table" not in few
    assert len(clip_rows(make_timeline(3))) == 3
    many = timeline_page(make_timeline(MOST_ROWS + 1), PageVideo("data:,", ""), [0])
    assert "2001 clips are too many for a table" in many


# In a browser


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """A page of a real video of eight seconds, the first of its clips at 0.5 s."""
    folder = tmp_path_factory.mktemp("page")
    frames = np.zeros((80, 90, 160, 3), np.uint8)
    for number in range(80):
        frames[number, :, : 2 * number] = 200
    video = write_video(folder / "video.mp4", frames, fps=10)
    path = folder / "page.html"
    content = timeline_page(make_timeline(), page_video(str(video), path, folder / "copy"), range(4))
    path.write_text(content, encoding="utf-8")
    return path


POSITION = "document.getElementById('video').currentTime"
READY = "document.getElementById('video').readyState >= 2"
PLAYHEAD = "parseFloat(document.getElementById('playhead').style.left)"


@pytest.mark.slow
@pytest.mark.parametrize("window", [{}, {"width": 390, "height": 844}, {"dark": True}])
def test_a_click_in_the_curves_goes_there(page, window):
    with visit(page, **window) as seen:
        wait_until(seen.page, READY)
        box = seen.page.locator("#plot").bounding_box()
        seen.page.mouse.click(box["x"] + 0.25 * box["width"], box["y"] + box["height"] / 2)
        assert seen.page.evaluate(POSITION) == pytest.approx(2, abs=0.05)
        assert seen.page.evaluate(PLAYHEAD) == pytest.approx(25, abs=0.5)
        seen.page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 5)
        seen.page.mouse.down()
        seen.page.mouse.move(box["x"] + 0.75 * box["width"], box["y"] + 5)
        seen.page.mouse.up()
        assert seen.page.evaluate(POSITION) == pytest.approx(6, abs=0.05)
        assert seen.overflow() == 0
        assert not seen.page.get_by_text("Without JavaScript").count()
    assert (seen.complaints, seen.requests, seen.dialogs) == ([], [], [])


@pytest.mark.slow
def test_the_playhead_follows_the_video_and_keys_move_it(page):
    with visit(page) as seen:
        wait_until(seen.page, READY)
        plot = seen.page.get_by_role("slider", name="Position in the video")
        plot.focus()
        for key, expected in (
            ("ArrowRight", 1),
            ("ArrowRight", 2),
            ("ArrowLeft", 1),
            ("PageUp", 8),
            ("Home", 0),
            ("End", 8),
            ("PageDown", 0),
        ):
            plot.press(key)
            assert seen.page.evaluate(POSITION) == pytest.approx(expected, abs=0.05)
            assert seen.page.evaluate(PLAYHEAD) == pytest.approx(100 * expected / 8, abs=0.5)
            assert float(plot.get_attribute("aria-valuenow")) == pytest.approx(expected, abs=0.05)
        plot.press("Space")
        wait_until(seen.page, f"{POSITION} > 0.5 && {PLAYHEAD} > 5")
        plot.press("Space")
        wait_until(seen.page, "document.getElementById('video').paused")
        wait_until(seen.page, f"Math.abs({PLAYHEAD} - 100 * {POSITION} / 8) < 0.5")
    assert (seen.complaints, seen.requests) == ([], [])


@pytest.mark.slow
def test_scores_of_the_moment_and_the_way_to_the_highest(page):
    timeline = make_timeline()
    with visit(page) as seen:
        wait_until(seen.page, READY)
        button = seen.page.get_by_role("button", name=NASTY)
        button.click()
        best = int(timeline.scores[:, 1].argmax())
        assert seen.page.evaluate(POSITION) == pytest.approx(best + 0.5, abs=0.05)
        shown = [float(text.removesuffix(" %")) for text in seen.page.locator("[data-now]").all_text_contents()]
        np.testing.assert_allclose(shown, 100 * timeline.scores[best], atol=0.06)
        name = timeline.class_names[int(timeline.scores[best].argmax())]
        assert name in seen.page.locator("#plot").get_attribute("aria-valuetext")
    assert (seen.complaints, seen.dialogs) == ([], [])


@pytest.mark.slow
def test_a_video_that_does_not_play_leaves_the_curves_usable(tmp_path):
    path = tmp_path / "page.html"
    path.write_text(timeline_page(make_timeline(), PageVideo("data:video/mp4;base64,AAAA", ""), [0]), encoding="utf-8")
    with visit(path) as seen:
        seen.page.wait_for_selector("#trouble", state="visible")
        seen.page.locator("#plot").press("End")
        assert seen.page.evaluate(PLAYHEAD) == 100


@pytest.mark.slow
def test_a_linked_video_plays_from_beside_the_page(page, tmp_path):
    (tmp_path / "pages").mkdir()
    video = tmp_path / "späß 100%#?.mp4"
    video.write_bytes((page.parent / "video.mp4").read_bytes())
    path = tmp_path / "pages" / "page.html"
    content = timeline_page(make_timeline(), page_video(str(video), path, path, link=True), [0])
    path.write_text(content, encoding="utf-8")
    with visit(path) as seen:
        wait_until(seen.page, READY)
    assert set(seen.requests) == {video.as_uri()}
    assert seen.complaints == []


@pytest.mark.slow
def test_without_scripts_the_curves_are_there_and_it_is_said(page):
    with visit(page, scripts=False) as seen:
        assert seen.page.get_by_text("Without JavaScript the curves do not follow the video").is_visible()
        assert seen.page.locator("polyline").count() == 4


@pytest.mark.slow
@pytest.mark.parametrize("dark", [False, True])
def test_no_reader_of_a_timeline_is_shut_out(page, dark):
    with visit(page, dark=dark) as seen:
        seen.page.evaluate("document.querySelectorAll('details').forEach(part => { part.open = true })")
        assert violations(seen) == []
