"""What mkdocs-ipynb leaves open: words for pictures, a link to the source, and what was printed unlike code."""

import json
import re
from pathlib import Path
from urllib.parse import urljoin

PICTURE = re.compile(r"!\[img\]\((\./_data/[^)]*)\)")

MARKS = re.compile(r"[\[\]\\`*_<>!]")  # of Markdown


def on_page_markdown(markdown, page, config, files):
    """Give each picture its text, and the page its link to the notebook."""
    if not page.file.src_uri.endswith(".ipynb"):
        return markdown
    page.edit_url = urljoin(config.repo_url.rstrip("/") + "/", config.edit_uri + page.file.src_uri)
    cells = json.loads(Path(config.docs_dir, page.file.src_uri).read_text(encoding="utf-8"))["cells"]
    texts = iter(picture_texts(cells))
    return PICTURE.sub(lambda match: f"![{next(texts)}]({match[1]})", markdown)


def on_page_content(content, page, config, files):
    """Mark the page as a notebook's, for its style."""
    return f'<div class="notebook">\n{content}\n</div>' if page.file.src_uri.endswith(".ipynb") else content


def picture_texts(cells):
    """Return the alternative text of every picture, in order, as Markdown.

    The output's or the cell's own `alt` where there is one (a cell that shows several pictures has a list of them);
    otherwise the section and the line that drew the picture.
    """
    section, texts = "This notebook", []
    for cell in cells:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            headings = re.findall(r"^#+ +(.+)$", source, re.MULTILINE)
            section = headings[-1] if headings else section
            continue
        own = cell["metadata"].get("alt") or []
        own = iter([own] if isinstance(own, str) else own)
        for output in cell.get("outputs", []):
            if "image/png" not in output.get("data", {}):
                continue
            given = output.get("metadata", {}).get("image/png", {}).get("alt") or next(own, None)
            lines = [line.strip() for line in source.splitlines() if line.strip() and not line.lstrip().startswith("#")]
            text = given or f"{section}: picture drawn by the cell above, whose last line is {lines[-1]}"
            texts.append(MARKS.sub(r"\\\g<0>", " ".join(text.split())))
    return texts
