"""The HTML report of one or more runs: metrics, learning curves, confusion matrices, filters, examples.

It is made from the run folders; nothing is trained or evaluated. Unfinished and unevaluated runs are marked as such.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from matplotlib.figure import Figure

from videocnn.errors import VideoCNNError
from videocnn.evaluate import CompareError, ScoresError, compare
from videocnn.files import write_text
from videocnn.models import clip_spec, load_network
from videocnn.report.html.examples import find_examples
from videocnn.report.html.page import Picture, picture
from videocnn.report.html.report import Comparison, Section, report_page
from videocnn.report.paper import PaperTableError
from videocnn.report.paper.allowed import allowed_tables
from videocnn.report.paper.regimes import fold_folders
from videocnn.runs import complete_run
from videocnn.runs.description import common_split, find_warnings, short_names
from videocnn.runs.state import Run, open_run
from videocnn.visualize import plot_confusion, plot_curves, plot_filters, plot_gains
from videocnn.visualize.canvas import PictureError

NUM_EXAMPLES = 6


class ReportError(VideoCNNError):
    """A report cannot be made from the given runs."""


def write_report(
    runs: str | os.PathLike | Sequence[str | os.PathLike],
    out: str | os.PathLike = "report.html",
    *,
    split: str | None = None,
    num_examples: int = NUM_EXAMPLES,
    seed: int = 0,
    ungrouped: bool = False,
) -> Path:
    """Write a self-contained HTML report of runs.

    Args:
        runs: run folders, or folders of `fold1`, `fold2`, ..., in display order.
        out: the HTML file.
        split: the split to report; by default test, if evaluated, else any other.
        num_examples: example videos per run, half of them classified correctly and half incorrectly.
        seed: of the bootstrap that compares runs.
        ungrouped: in the paper's tables, take every video for a source of its own where the manifest names no groups.

    Returns:
        The file.

    Raises:
        ReportError: no run, or one twice; a negative number of examples; no folder to write into.
        RunError: a folder is no run.
        ScoresError: figures of a run are damaged.

    Example:
        >>> write_report(["runs/single", "runs/slow"], "report.html")
    """
    given = [runs] if isinstance(runs, (str, os.PathLike)) else list(runs)
    folders = [folder for name in given for folder in run_folders(name)]
    out = Path(out)
    if not folders:
        raise ReportError("nothing to report: give at least one run folder")
    if len({os.path.realpath(folder) for folder in folders}) < len(folders):
        raise ReportError(f"a run is named twice among {', '.join(map(str, folders))}; name each once")
    if num_examples < 0:
        raise ReportError(f"num_examples={num_examples}: give 0 or more")
    if not out.parent.is_dir():
        raise ReportError(f"{out}: the folder {out.parent} does not exist; create it or choose another --out")
    for folder in folders:
        complete_run(folder)
    records = [open_run(folder, name) for folder, name in zip(folders, short_names(folders), strict=True)]
    chosen = common_split(records, split)
    groups = on_same_data(records, chosen)
    content = report_page(
        records,
        split=chosen,
        warnings={record.name: find_warnings(record) for record in records},
        comparisons=[(group, compared(group, chosen, seed=seed)) for group in groups],
        paper=allowed_tables(given, chosen, seed=seed, ungrouped=ungrouped) if groups else None,
        curves=curves(records),
        gains=[shown for group in groups for shown in gains(group, chosen, seed=seed)],
        sections=[section(record, chosen, num_examples) for record in records],
    )
    write_text(out, content)
    return out


def run_folders(name: str | os.PathLike) -> list[str]:
    """Return the runs of a folder: itself, or its folds."""
    try:
        return list(fold_folders(os.fspath(name)).values())
    except PaperTableError:
        return [os.fspath(name)]  # reading it says what it is not


def on_same_data(records: Sequence[Run], split: str | None) -> list[list[Run]]:
    """Return the runs that were measured on a split, those on the same data and classes together."""
    groups: dict[tuple, list[Run]] = {}
    for record in records:
        if split in record.metrics:
            result = record.metrics[split]
            groups.setdefault((result.get("manifest_hash"), tuple(result["class_names"])), []).append(record)
    return list(groups.values())


def compared(records: Sequence[Run], split: str, *, seed: int) -> Comparison:
    """Return what `compare` says of measured runs, why they are not compared, or "" of a single one."""
    if len(records) < 2:
        return ""
    try:
        return compare([record.folder for record in records], split, seed=seed)
    except (CompareError, ScoresError) as error:
        return str(error)


def drawn(draw: Callable[[], Figure], name: str, text: str) -> Picture | str:
    """Return a picture called so, with a text that goes on from its name, or the reason why there is none."""
    try:
        return picture(draw(), name, name + text)
    except VideoCNNError as error:
        return str(error)


def curves(records: Sequence[Run]) -> Picture | str:
    """Return the learning curves of all runs that have some."""
    known = [record for record in records if record.num_epochs]
    if not known:
        return "No epoch has ended yet."
    ends = "; ".join(f"{record.name}: {last_epoch(record)}" for record in known)
    return drawn(
        lambda: plot_curves([record.folder for record in known]),
        "Curves of loss and clip hit@1",
        f" over epochs. After the last epoch, {ends}.",
    )


def last_epoch(record: Run) -> str:
    """Return where a run's curves end, in words."""
    parts = []
    for key, name in (("loss", "training loss"), ("hit@1", "training clip hit@1"), ("val_hit@1", "validation hit@1")):
        values = [value for value in record.history.get(key, ()) if value == value]
        if values:
            shown = f"{values[-1]:.2f}" if key == "loss" else f"{100 * values[-1]:.1f} %"
            parts.append(f"{name} {shown}")
    return ", ".join(parts) or "no values"


def gains(records: Sequence[Run], split: str, *, seed: int) -> list[Picture | str]:
    """Return what each later one of measured runs gains on the first, class by class."""
    return [
        drawn(
            lambda record=record: plot_gains(record.folder, records[0].folder, split, seed=seed),
            f"Change in average precision by class, {record.name} minus {records[0].name}",
            "; the table of average precisions has the values.",
        )
        for record in records[1:]
    ]


def section(record: Run, split: str | None, num_examples: int) -> Section:
    """Return the pictures and examples of one run."""
    network, filters = None, "There is no network in this run folder yet."
    if record.has_model:
        try:
            network = load_network(record.folder)
        except VideoCNNError as error:
            filters = str(error)
        else:
            filters = drawn(
                lambda: plot_filters(network),
                f"Filters of the first layer of {record.name}",
                ", each with its own contrast.",
            )
    confusion, examples, no_examples = "", [], ""
    if split in record.metrics:
        confusion = drawn(
            lambda: plot_confusion(record.folder, split),
            f"Confusion matrix of {record.name}",
            ": rows are true classes, columns answers. The most frequent confusions are listed below.",
        )
        try:
            spec = None if network is None else clip_spec(network)
            examples = find_examples(record, split, spec, num_examples)
        except (ScoresError, PictureError) as error:
            no_examples = str(error)
    parameters = None if network is None else network.count_params()
    return Section(record, confusion, filters, examples, no_examples, parameters)
