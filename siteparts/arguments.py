"""The tables of training arguments, made from `videocnn.train.recipes`, as the package itself is."""

import dataclasses
import re
from html import escape

from videocnn.train import recipes

MARK = re.compile(r"<!-- arguments: (\w+) -->")


def on_page_markdown(markdown, page, config, files):
    """Put each table in place of its mark."""
    return MARK.sub(lambda match: arguments_table(getattr(recipes, match[1])), markdown)


def arguments_table(kind):
    """Return all fields of a class of arguments: meaning, choices and what holds where a field is not given."""
    rows = []
    for field in dataclasses.fields(kind):
        meaning = escape(field.metadata["help"])
        if field.metadata["choices"]:
            meaning += ": " + ", ".join(f"<code>{escape(choice)}</code>" for choice in field.metadata["choices"])
        rows.append(
            f'<tr id="videocnn.train.recipes.{kind.__name__}.{field.name}"><td><code>{field.name}</code></td>'
            f"<td><code>{field.metadata['kind'].__name__}</code></td><td>{meaning}</td>"
            f"<td>{escape(defaults(kind, field))}</td></tr>"
        )
    head = "".join(f'<th scope="col">{title}</th>' for title in ("argument", "type", "meaning", "if not given"))
    caption = f'<caption class="unseen">Fields of {kind.__name__}</caption>'
    return f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"


def defaults(kind, field):
    """Return a field's defaults as text: one for all, or one for each recipe and regime."""
    values = field.metadata["recipes"]
    if kind is recipes.TransferArguments and field.name in recipes.ARCHITECTURE:
        return "settled by the trained network"
    if set(values) <= {"default"}:
        return shown(values.get("default"))
    return ", ".join(f"{name}: {shown(value)}" for name, value in values.items())


def shown(value):
    """Return one value as text."""
    if value is None or isinstance(value, bool):
        return {None: "none", True: "yes", False: "no"}[value]
    return f"{value:.4g}" if isinstance(value, float) else str(value)
