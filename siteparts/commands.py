"""The page of commands, made from the commands themselves: a new command or option is on the site by itself."""

import re
from html import escape

import typer

from videocnn.cli import make_app

MARK = "<!-- commands -->"
# Along the way of the data; what is not named here follows in its own order.
ORDER = (
    "demo", "data", "check", "shard", "train", "finetune", "evaluate", "compare", "tables", "predict", "filters",
    "picture", "report", "export",
)  # fmt: skip
# `[default: one a processor]` at the end of an option's help: what holds where the option is not given.
STATED = re.compile(r"\s*\[(?:default: )?([^\[\]]*)\]\s*$")

# Versions of typer differ in what they call the kinds of values.
KINDS = {"str": "TEXT", "int": "N", "integer": "N", "float": "X"}


def on_page_markdown(markdown, page, config, files):
    """Put the commands in place of the mark."""
    return markdown.replace(MARK, commands_text()) if MARK in markdown else markdown


def commands_text():
    """Return the sections of all commands, as Markdown."""
    root = typer.main.get_command(make_app())
    context = root.context_class(root, info_name="videocnn")
    sections = []
    for name in in_order(root.commands):
        sections += command_sections(root.commands[name], name, context, 2)
    return "\n\n".join(sections)


def in_order(names):
    """Return names of commands along the way of the data."""
    return sorted(names, key=lambda name: ORDER.index(name) if name in ORDER else len(ORDER))


def command_sections(command, name, parent, level):
    """Return the section of a command; of a group, also those of its commands."""
    context = command.context_class(command, info_name=name, parent=parent)
    path = context.command_path
    sections = [f"{'#' * level} `{path}` {{ #{path.replace(' ', '-')} }}"]
    sections += [f"<p>{with_code(' '.join(part.split()))}</p>" for part in (command.help or "").split("\n\n")]
    if hasattr(command, "commands"):
        for child in command.commands:
            sections += command_sections(command.commands[child], child, context, level + 1)
        return sections
    parameters = [p for p in command.get_params(context) if not getattr(p, "hidden", False) and p.name != "help"]
    arguments = [p for p in parameters if p.param_type_name == "argument"]
    options = [p for p in parameters if p.param_type_name == "option"]
    needed = [p for p in options if p.required]
    usage = [argument_name(p, context) for p in arguments] + [names_of(p, context) for p in needed]
    sections.append(f"```text\n{' '.join([path, *usage, '[OPTIONS]'])}\n```")
    if arguments:
        rows = [(argument_name(p, context), p.help or "") for p in arguments]
        sections.append(table(f"Arguments of {path}", ("argument", "meaning"), rows))
    if options:
        rows = [(names_of(p, context), *meaning_and_default(p)) for p in options]
        sections.append(table(f"Options of {path}", ("option", "meaning", "if not given"), rows))
    return sections


def with_code(text):
    """Return a text as HTML, with what stands between backticks as code; nothing else in it is read as Markdown."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))


def argument_name(parameter, context):
    """Return an argument as usage lines show it: `MANIFEST`, `VIDEOS...` where there may be several."""
    several = "..." if "..." in "".join(parameter.get_usage_pieces(context)) else ""
    return (parameter.metavar or parameter.name.upper()) + several


def names_of(parameter, context):
    """Return an option with the kind of its value, such as `--seed INT`."""
    kind = parameter.metavar
    if kind is None and not parameter.is_flag:
        kind = re.search(r"(\w+)( range)?\W*$", parameter.get_help_record(context)[0].lower())[1]
        kind = KINDS.get(kind, kind.upper())
    flags = " / ".join(part for part in (", ".join(parameter.opts), ", ".join(parameter.secondary_opts)) if part)
    return f"{flags} {kind}" if kind else flags


def meaning_and_default(parameter):
    """Return what an option does and what holds without it."""
    text, default = parameter.help or "", parameter.default
    if parameter.required:
        default = "required"
    elif default is None:
        found = STATED.search(text)
        text, default = (text[: found.start()], found[1]) if found else (text, "")
    elif isinstance(default, bool):
        default = "yes" if default else "no"
    limits = [
        f"{word} {value:g}"
        for word, value in (("at least", getattr(parameter, "min", None)), ("at most", getattr(parameter, "max", None)))
        if value is not None
    ]
    return text.removesuffix(".") + (f" ({', '.join(limits)})" if limits else ""), str(default)


def table(caption, head, rows):
    """Return an HTML table whose first column is code, word by word; elsewhere, what stands between backticks."""
    cells = ["".join(f"<th scope='col'>{escape(title)}</th>" for title in head)]
    for first, *others in rows:
        words = " ".join(word if word == "/" else f"<code>{escape(word)}</code>" for word in first.split())
        cells.append(f"<td>{words}</td>" + "".join(f"<td>{with_code(cell)}</td>" for cell in others))
    top, *body = (f"<tr>{row}</tr>" for row in cells)
    return (
        f"<table><caption class='unseen'>{escape(caption)}</caption><thead>{top}</thead>"
        f"<tbody>{''.join(body)}</tbody></table>"
    )
