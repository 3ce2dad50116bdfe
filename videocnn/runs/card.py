"""The model card: a run folder goes in, its `README.md` comes out, for whoever is given the network.

What it was trained on, how well it does beside chance, where it was not tested, how it is used and under which
licence. Labels, file names and everything else that a user wrote stand there as text, never as Markdown or HTML.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import zipfile
from pathlib import Path
from typing import Any

from videocnn.clips import Dataset
from videocnn.files import WriteError, visible, write_text
from videocnn.manifest.row import SPLITS
from videocnn.runs.description import find_warnings
from videocnn.runs.figures import CHANCE, FIGURES, counted, interval, percent
from videocnn.runs.folder import RunError, read_run, update_run
from videocnn.runs.provenance import origins
from videocnn.runs.state import Run, open_run
from videocnn.spec import ClipSpec

CARD = "README.md"
# A file that does not begin with this line is somebody's own.
OURS = "<!-- Written anew after every training and evaluation; delete this line to keep changes of your own. -->"
NUM_CLASSES = 10  # named of a network that this one started from
SPECIAL = re.compile(r"[\\`*_{}\[\]()#+\-.!|~:@^$=\"']")


def write_card(folder: str | os.PathLike, licence: str | None = None, *, opened: Dataset | None = None) -> Path:
    """Write the model card of a run folder, or write it anew.

    Args:
        folder: the run folder.
        licence: what others may do with the weights; kept in `run.json`, so that the next card states it too.
        opened: the run's data set, if it is open already.

    Returns:
        The path of `README.md`; one that somebody has made their own is left as it is.

    Raises:
        RunError: the folder is no run, or cannot be written.
    """
    folder = Path(folder)
    read_run(folder)
    if licence is not None:
        update_run(folder, licence=licence)
    file = folder / CARD
    if not file.is_file() or file.read_text(encoding="utf-8", errors="replace").startswith(OURS):
        text = card_text(folder, opened=opened)
        write_text(file, text)
    return file


def complete_run(folder: str | os.PathLike, *, opened: Dataset | None = None) -> None:
    """Finish what belongs to the end of a training: `finished` in `run.json`, and the model card.

    Training calls it when it ends. So do a resume and a report, for a run that was killed before it came so far; a
    complete run is left untouched, and so is one in a folder that cannot be written.

    Args:
        folder: the run folder.
        opened: the run's data set, if it is open already.
    """
    run = open_run(folder, opened=opened)
    if not run.finished:
        return
    with contextlib.suppress(RunError, WriteError, OSError):
        stated = run.settings.get("finished")
        if stated is False:
            update_run(run.folder, finished=True)
        if stated is False or not (run.folder / CARD).is_file():
            write_card(run.folder, opened=opened)


def card_text(folder: str | os.PathLike, use: str | None = None, *, opened: Dataset | None = None) -> str:
    """Return the model card of a run folder, Markdown as GitHub and others show it.

    Args:
        folder: the run folder.
        use: of a card that goes elsewhere, Markdown that says how the network is used there.
        opened: the run's data set, if it is open already.
    """
    record = open_run(folder, opened=opened)
    spec = read_spec(record.folder / "model.keras")
    parts = [
        ("" if use else f"{OURS}\n\n") + f"# {escape(record.name)}",
        _purpose(record, spec),
        "## How good it is\n\n" + _figures(record),
        "## Limits\n\n" + _bullets(_limits(record, spec)),
        "## Use\n\n" + (use or _use(record)),
        "## Data\n\n" + _data(record),
        "## Training\n\n" + _training(record),
        "## Licence\n\n" + _licence(record),
    ]
    return "\n\n".join(parts) + "\n"


def escape(text: Any) -> str:
    """Return Markdown that shows a text as it is: on one line, without emphasis, links, tables or HTML."""
    text = SPECIAL.sub(r"\\\g<0>", visible(str(text)))
    # spaces at an end would be lost, several would become one
    text = re.sub("^ | $|(?<= ) ", "&#32;", text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;"))
    return re.sub(r"(?i)\bwww(?=\\\.)", lambda found: f"&#{ord(found[0][0])};{found[0][1:]}", text)


def read_spec(file: Path) -> ClipSpec | None:
    """Return the clip specification of a saved network without loading it; None where there is none."""
    try:
        with zipfile.ZipFile(file) as archive:
            config = json.loads(archive.read("config.json"))
    except (OSError, KeyError, ValueError, zipfile.BadZipFile):
        return None
    waiting = [config]
    while waiting:
        node = waiting.pop(0)  # an average's own specification stands before those of its members
        if isinstance(node, dict):
            if node.get("registered_name") == "videocnn>ClipInput":
                return ClipSpec(**node["config"]["spec"])
            waiting += node.values()
        elif isinstance(node, list):
            waiting += node
    return None


def _purpose(record: Run, spec: ClipSpec | None) -> str:
    names = record.settings.get("class_names") or (spec.class_names if spec else ())
    model = str(record.settings.get("arguments", {}).get("model", "network")).replace("_", " ")
    lines = [f"A video classifier ({escape(model)}) that gives each of {len(names)} classes a probability."]
    if spec is not None:
        frames = "one frame" if spec.num_frames == 1 else f"{spec.num_frames} frames, {spec.frame_step} apart"
        rate = "at the file's own rate" if spec.fps is None else f"at {spec.fps:g} frames a second"
        height, width = spec.frame_size
        lines.append(f"It looks at clips of {frames}, {rate}, of {height} x {width} pixels (height x width).")
    return "\n".join(lines) + "\n\nClasses: " + ", ".join(map(escape, names)) + "."


def _figures(record: Run) -> str:
    if not record.metrics:
        return "Not evaluated: nothing is known of how good it is. `videocnn evaluate` measures it."
    parts = []
    for split, result in record.metrics.items():
        rows = [
            (title, percent(result[name]["value"]), interval(result[name]),
             percent(result.get(f"chance_{name.partition('_')[2]}")))
            for name, title in FIGURES.items()
        ]  # fmt: skip
        basis = (
            f"Split {escape(split)}: {counted(result['num_videos'], 'video')} in "
            f"{counted(result['num_groups'], 'group')}, {counted(result['num_clips'], 'clip')} a video, "
            f"{counted(result['num_views'], 'view')} a clip; {result.get('num_skipped', 0)} left out; bootstrap over "
            f"groups, seed {result['seed']}; {CHANCE}."
        )
        parts.append(f"{basis}\n\n{_table(('%', 'value', '95 % interval', 'chance'), rows)}")
    return "\n\n".join(parts)


def _limits(record: Run, spec: ClipSpec | None) -> list[str]:
    splits = ", ".join(record.metrics) or "none"
    found = [
        f"It was measured on these splits of its data set: {escape(splits)}; on other cameras, places or kinds of "
        "video it was not, nor was it looked into whether it errs more often on some people than on others.",
        "It knows its classes only: of a video of anything else it names one of them, at times with a high "
        "probability. Probabilities were not calibrated.",
    ]
    if spec is not None:
        found.append(
            f"A clip spans {counted(spec.span, 'frame')}: what takes longer is seen in pieces whose scores are "
            "averaged, and a shorter video is refused unless its last frame may be repeated. No sound is used."
        )
    # what was left out is counted with the figures, and where the data lay is nobody's business
    return found + [escape(warning) for warning in find_warnings(record, for_strangers=True)]


def _use(record: Run) -> str:
    if not record.has_model:
        return "There is no network in this folder yet."
    return (
        "In this folder, with videocnn installed:\n\n```sh\nvideocnn predict model.keras VIDEO\n```\n\n"
        "```python\nfrom videocnn.predict import predict\n\n"
        'for prediction in predict("model.keras", ["VIDEO"]):\n    print(prediction.path, prediction.labels)\n```\n\n'
        "An export lies in a folder of its own; `clip.json` there says how it is fed."
    )


def _data(record: Run) -> str:
    settings = record.settings
    lines = [
        f"Data set: {_shown(settings.get('data'))}",
        f"Manifest hash: {escape(settings.get('manifest_hash', '-'))}",
        f"Videos trained on: {settings.get('num_train_videos', '-')}; left out: {len(settings.get('skipped') or ())}",
    ]
    lines += _origins(settings)
    if record.data is None:
        return _bullets(lines)
    whole = record.data.whole
    parts = {split: part for split in SPLITS if len(part := whole.select(split))}
    rows = [(split or "none", len(part), part.num_groups()) for split, part in parts.items()]
    found = [dict(zip(whole.class_names, part.class_counts(), strict=True)) for part in parts.values()]
    names = record.settings.get("class_names") or sorted(whole.class_names)
    counts = [(escape(name), *(count.get(name, 0) for count in found)) for name in names]
    by_class = _table(("videos of class", *(split or "none" for split in parts)), counts)
    return f"{_bullets(lines)}\n\n{_table(('split', 'videos', 'groups'), rows)}\n\n{by_class}"


def _origins(settings: dict[str, Any]) -> list[str]:
    """Return what is known of the networks that this one started from, the last one first."""
    found = []
    begun = "Fine-tuned from" if (settings.get("arguments") or {}).get("regime") else "Started from the weights of"
    for origin in origins(settings):
        names = origin.get("class_names") or ()
        classes = ", ".join(map(escape, names[:NUM_CLASSES])) + ", ..." * (len(names) > NUM_CLASSES)
        data = "a data set that is not on record"
        if origin.get("data"):
            manifest = escape(str(origin.get("manifest_hash"))[:12])
            data = f"the data set {_shown(origin['data'])} (manifest hash {manifest})"
        place = _shown(origin["path"]) if origin.get("path") else "a network in memory"
        weights = escape(str(origin.get("weights_hash"))[:12])
        learnt = (
            f"{len(names)} {'class' if len(names) == 1 else 'classes'}: {classes}"
            if names
            else "classes that are not on record"
        )
        found.append(
            f"{'and that from' if found else begun} {place} (weights {weights}), which learnt {learnt}; from {data}"
        )
    return found


def _training(record: Run) -> str:
    settings = record.settings
    state = {True: "finished", False: "not finished", None: "not known whether it is finished"}[record.finished]
    lines = [f"{counted(record.num_epochs, 'epoch')}, {state}"]
    for title, key in (("Versions", "versions"), ("Hardware", "hardware")):
        lines.append(
            f"{title}: {', '.join(f'{escape(name)} {_shown(v)}' for name, v in settings.get(key, {}).items()) or '-'}"
        )
    for entry in settings.get("devices") or ():
        names = ", ".join(map(escape, entry["names"]))
        lines.append(f"Computed on {names} from epoch {entry['from_epoch']} on")
    rows = [(escape(name), _shown(value)) for name, value in settings.get("arguments", {}).items()]
    return f"{_bullets(lines)}\n\n{_table(('argument', 'value'), rows)}"


def _licence(record: Run) -> str:
    licence = record.settings.get("licence")
    stated = escape(licence) if licence else (
        "None is stated for these weights, so nobody but their owner may be taken to permit their use. The licence of "
        "videocnn is not theirs, nor is that of the videos."
    )  # fmt: skip
    if next(origins(record.settings), None) is None:
        return stated
    return (
        f"{stated}\n\nThese weights were trained from others: the licence of those, and the videos that they learnt "
        "from, bear on these as well."
    )


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(_shown, value)) or "none"
    if value is None or isinstance(value, bool):
        return {None: "-", True: "yes", False: "no"}[value]
    if isinstance(value, str) and os.path.isabs(value):  # the end names it, the rest is about somebody's machine
        return escape("/".join(Path(value).parts[-2:]))
    return f"{value:.4g}" if isinstance(value, float) else escape(value)


def _bullets(lines: list[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)


def _table(head: tuple[str, ...], rows: list[tuple]) -> str:
    lines = [head, ("---", *["---:"] * (len(head) - 1)), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)
