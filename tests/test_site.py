"""The site: it builds without a warning, misses nothing, leads nowhere wrong, and reads well in a browser."""

import dataclasses
import json
import re
import shutil
from urllib.parse import unquote, urljoin, urlsplit

import pytest
import site_pages
import typer

from videocnn.cli import make_app
from videocnn.train import recipes

READ = ["", "02_single_frame/", "paper/", "reference/models/", "reference/commands/"]  # by axe, light and dark

pytestmark = pytest.mark.slow
pytest.importorskip("mkdocs", reason="mkdocs is not installed: the site is not tested")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Return the folder of the built site."""
    out = tmp_path_factory.mktemp("site")
    result = site_pages.build(out)
    assert result.returncode == 0, result.stdout[-8000:]
    return out


@pytest.fixture(scope="module")
def pages(site):
    """Return the site's pages."""
    return site_pages.read_pages(site)


@pytest.fixture(scope="module")
def reader(site):
    """Return a browser at the site."""
    with site_pages.reading(site) as opened:
        yield opened


def source_pages():
    """Return what becomes a page: every Markdown file and notebook under `tutorials/`, without what notebooks wrote."""
    files = [*site_pages.TUTORIALS.rglob("*.md"), *site_pages.TUTORIALS.rglob("*.ipynb")]
    names = (file.relative_to(site_pages.TUTORIALS) for file in files)
    return sorted(
        name.as_posix() for name in names if name.parts[0] != "course" and not any(p[0] == "." for p in name.parts)
    )


def built(name):
    """Return where a page's source ends up in the site."""
    path = re.sub(r"\.(md|ipynb)$", "", name)
    return f"{path.removesuffix('index')}index.html" if path.split("/")[-1] == "index" else f"{path}/index.html"


def test_every_source_is_a_page_that_can_be_edited(pages):
    names = source_pages()
    assert len(names) > 30
    for name in names:
        address = f"https://github.com/videocnn/videocnn/edit/main/tutorials/{name}"
        assert pages[built(name)].edits == [address], name
    assert set(pages) == {built(name) for name in names} | {"404.html"}


def test_no_link_leads_nowhere(site, pages):
    wrong = []
    for path, page in pages.items():
        if path == "404.html":  # shown at any address: its links begin at the root
            continue
        assert len(page.ids) == len(set(page.ids)), (path, [name for name in page.ids if page.ids.count(name) > 1])
        for tag, address in page.links:
            parts = urlsplit(urljoin(f"https://site/{path}", address))
            if parts.scheme in ("mailto", "data"):
                continue
            if parts.netloc != "site":
                wrong += [(path, tag, address)] if tag != "a" and (tag, page.path) != ("link", path) else []
                continue
            file = unquote(parts.path).lstrip("/")
            file += "index.html" if file.endswith("/") or not file else ""
            if not (site / file).is_file():
                wrong.append((path, tag, address))
            elif parts.fragment and file.endswith(".html") and tag == "a":
                anchor = unquote(parts.fragment)
                wrong += [] if anchor.startswith("__") or anchor in pages[file].ids else [(path, tag, address)]
    assert wrong == []


def test_no_page_shows_its_markdown(site):
    """Backticks outside code, and rows of stars, are marks that nothing has read."""
    wrong = []
    for file in site.rglob("*.html"):
        text = re.sub(r"<(script|style|code|pre)\b.*?</\1>", "", file.read_text(encoding="utf-8"), flags=re.DOTALL)
        text = re.sub(r"<[^>]*>", "", text)
        wrong += [(file.relative_to(site).as_posix(), found) for found in re.findall(r".{0,40}(?:`|\*\*).{0,40}", text)]
    assert wrong == []


def test_every_picture_has_words(pages):
    seen = [(page.path, *picture) for page in pages.values() for picture in page.pictures]
    assert len(seen) > 10
    # the logo and the badges say what they are in a word or two
    assert [found for found in seen if len(found[2] or "") < (3 if "assets/" in found[1] else 15)] == []
    drawn = [found for found in seen if "_data/" in found[1]]
    assert len(drawn) > 20
    assert [found for found in drawn if "drawn by the cell" in found[2]] == []
    assert len({found[2] for found in drawn}) == len(drawn)


@pytest.mark.parametrize("kind", [recipes.TrainArguments, recipes.TransferArguments])
def test_every_training_argument_is_in_its_table(pages, kind):
    page = pages["reference/recipes/index.html"]
    for field in dataclasses.fields(kind):
        assert f"videocnn.train.recipes.{kind.__name__}.{field.name}" in page.ids
        assert field.metadata["help"] in page.text


def commands(command, path):
    """Yield every command and group of commands with its full name."""
    yield path, command
    for name, child in getattr(command, "commands", {}).items():
        yield from commands(child, f"{path} {name}")


def test_every_command_and_option_is_on_the_page(pages):
    page = pages["reference/commands/index.html"]
    found = list(commands(typer.main.get_command(make_app()), "videocnn"))[1:]
    assert len(found) > 20
    for path, command in found:
        assert path.replace(" ", "-") in page.ids
        assert " ".join(command.help.split("\n\n")[0].split()).replace("`", "") in page.text
        # its section: from its heading to the next command's
        section = re.split(r"\bvideocnn [a-z0-9 ]+¶", page.text.split(f"{path}¶", 1)[1], maxsplit=1)[0]
        for parameter in command.params:
            for flag in parameter.opts if parameter.param_type_name == "option" else []:
                assert flag == "--help" or flag in section, (path, flag)


def test_a_page_is_found_by_a_word_of_it(reader):
    with reader.open("") as seen:
        page = seen.page
        page.keyboard.press("/")
        for word, address in (("several gpus", "08_several_gpus"), ("hit_at_k", "reference/metrics")):
            page.locator(".md-search__input").fill("")
            page.locator(".md-search__input").press_sequentially(word)
            page.wait_for_function(
                "want => [...document.querySelectorAll('.md-search-result__link')].some(a => a.href.includes(want))",
                arg=address,
            )
        page.locator(f".md-search-result__link[href*='{address}']").first.click()
        page.wait_for_url(f"**/{address}/**")
        assert seen.complaints == seen.requests == []


@pytest.mark.timeout(1500)  # some fifty pages
def test_every_page_fits_a_phone_and_asks_nobody_else(reader, pages):
    wrong = []
    with reader.open("", width=390, height=800) as seen:
        for path in pages:
            seen.page.goto(reader.address + path.removesuffix("index.html"), wait_until="load")
            # pictures load when they come into sight
            seen.page.evaluate("document.querySelectorAll('img').forEach(img => img.loading = 'eager')")
            seen.page.wait_for_function("[...document.images].every(img => img.complete)")
            broken = "[...document.images].filter(i => !i.naturalWidth && i.checkVisibility()).map(i => i.src)"
            found = {
                "pictures that do not show": seen.page.evaluate(broken),
                "pixels too wide": max(seen.overflow(), 0),
                "asked elsewhere": list(seen.requests),
                "complaints": list(seen.complaints),
            }
            seen.requests.clear(), seen.complaints.clear()
            wrong += [(path, what, value) for what, value in found.items() if value]
    assert wrong == []


@pytest.mark.parametrize(
    ("path", "dark", "width"),
    [(path, dark, 1400) for path in READ for dark in (False, True)]
    + [("reference/recipes/", False, 390), ("paper/", True, 390)],
)
def test_no_reader_is_shut_out(reader, path, dark, width):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    with reader.open(path, dark=dark, width=width) as seen:
        found = axe.Axe().run(seen.page, options={"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa"]}})
        bad = [v for v in found.response["violations"] if v["impact"] in ("serious", "critical")]
        told = [(v["id"], node["html"][:200], node["failureSummary"]) for v in bad for node in v["nodes"][:5]]
        assert told == [], json.dumps(told, indent=1)
        assert len(found.response["passes"]) > 10


@pytest.fixture
def small(tmp_path):
    """Return a copy of the site's machinery with a single page, `index.md`, to be written."""
    shutil.copytree(site_pages.ROOT / "siteparts", tmp_path / "siteparts", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(site_pages.TUTORIALS / "assets", tmp_path / "tutorials" / "assets")
    text = (site_pages.ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    (tmp_path / "mkdocs.yml").write_text(text.split("\nnav:\n")[0] + "\nnav:\n  - index.md\n", encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("[away](nowhere.md)", "nowhere.md"),
        ("[away](#nowhere)", "#nowhere"),
        ("[`Nowhere`][videocnn.models.Nowhere]", "videocnn.models.Nowhere"),
        ("::: videocnn.models.Nowhere", "videocnn.models.Nowhere"),
        (r"What is $\nowhere{x}$?", r"\nowhere"),
    ],
)
def test_a_mistake_ends_the_build(small, line, complaint):
    (small / "tutorials" / "index.md").write_text(f"# Title\n\n{line}\n", encoding="utf-8")
    result = site_pages.build(small / "site", small)
    assert result.returncode != 0
    assert complaint in result.stdout


def test_formulas_are_mathml_and_prices_are_not(small):
    text = "# Title\n\nA share $\\frac{1}{2} < \\beta$ for $5 or `$x$`.\n\n$$\n\\sum_i x_i^2\n$$\n"
    (small / "tutorials" / "index.md").write_text(text, encoding="utf-8")
    (small / "tutorials" / "course").mkdir()
    (small / "tutorials" / "course" / "scratch.md").write_text("# Scratch\n", encoding="utf-8")
    result = site_pages.build(small / "site", small)
    assert result.returncode == 0, result.stdout
    page = (small / "site" / "index.html").read_text(encoding="utf-8")
    assert page.count("<math") == 2
    assert page.count('display="block"') == 1
    assert "<mfrac>" in page
    assert "for $5 or <code>$x$</code>" in page
    assert not (small / "site" / "course").exists()  # what notebooks wrote stays at home


def test_pictures_of_a_notebook_have_words(small):
    picture = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
    shown = {"output_type": "display_data", "data": {"image/png": picture, "text/plain": ["<Figure>"]}, "metadata": {}}
    told = {**shown, "metadata": {"image/png": {"alt": "A runner, from the left"}}}
    code = {"cell_type": "code", "metadata": {}, "execution_count": 1}
    badge = "[![Open in Colab](assets/open-in-colab.svg)](https://colab.research.google.com/x)"
    cells = [
        {"cell_type": "markdown", "metadata": {}, "source": [f"# One\n\n{badge}\n\n", "## Look\n"]},
        {**code, "source": ["draw(x)\n", "show_it(x[0])  # `here`"], "outputs": [shown]},
        {**code, "source": ["show(y)"], "outputs": [told]},
        {**code, "source": ["show(z)"], "outputs": [shown], "metadata": {"alt": "The start, *seen* from above."}},
        {**code, "source": ["a()"], "outputs": [shown, shown], "metadata": {"alt": ["Group a_g01.", "Group a_g02."]}},
    ]
    notebook = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    (small / "tutorials" / "one.ipynb").write_text(json.dumps(notebook), encoding="utf-8")
    (small / "tutorials" / "index.md").write_text("# Title\n\n[One](one.ipynb)\n", encoding="utf-8")
    settings = small / "mkdocs.yml"
    settings.write_text(settings.read_text(encoding="utf-8") + "  - one.ipynb\n", encoding="utf-8")
    result = site_pages.build(small / "site", small)
    assert result.returncode == 0, result.stdout
    page = site_pages.read_pages(small / "site")["one/index.html"]
    words = [text for address, text in page.pictures if "_data" in address]
    assert words == [
        "Look: picture drawn by the cell above, whose last line is show_it(x[0]) # `here`",
        "A runner, from the left",
        "The start, *seen* from above.",
        "Group a_g01.",
        "Group a_g02.",
    ]
    assert ("../assets/open-in-colab.svg", "Open in Colab") in page.pictures
    assert page.edits == ["https://github.com/videocnn/videocnn/edit/main/tutorials/one.ipynb"]
