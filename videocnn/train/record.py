"""What `run.json` says of a run: written when it begins, compared with what is given when it is resumed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from videocnn.clips import Dataset, usable
from videocnn.files import write_json
from videocnn.runs import RunError, hardware, read_run, versions
from videocnn.runs.state import FINE_TUNED, NETWORK
from videocnn.spec import ClipSpec
from videocnn.train.recipes import TrainArguments, TransferArguments, check_names, plain_value


def resumed_arguments(out: str | os.PathLike, given: dict[str, Any], table: type[TrainArguments]) -> TrainArguments:
    """Return the arguments that the run in `out` was started with.

    Args:
        out: the run folder.
        given: arguments of the call that resumes it; they must agree.
        table: `TransferArguments` for a run of `finetune`.

    Raises:
        ArgumentError: a name does not exist, or a value is of another kind.
        RunError: there is no run, it is one of the other kind, or a value differs.
    """
    tuning = table is TransferArguments
    check_names("finetune" if tuning else "train", given, table)
    stored = read_run(out)["arguments"]
    if "regime" in stored and not tuning:
        raise RunError(f"{out}: was made by `videocnn finetune`; resume it with that")
    if tuning and "regime" not in stored:
        raise RunError(f"{out}: was not made by `videocnn finetune`; resume it with `videocnn train`")
    for name, value in given.items():
        value = plain_value(name, value, table.__dataclass_fields__[name].metadata["kind"])
        if value is not None and stored.get(name, value) != value:
            option = f"--{name.replace('_', '-')}"
            raise RunError(
                f"{out}: was started with {option} {stored[name]}, not {value}; leave {option} out to resume"
            )
    return table(**stored)


def put_on_record(
    folder: Path, dataset: Dataset, spec: ClipSpec, arguments: TrainArguments, *, resume: bool, **more: Any
) -> int:
    """Write `run.json` of a new run, or compare that of a resumed one; return the number of usable training videos.

    Raises:
        RunError: the run was begun on other data.
    """
    videos, skipped = usable(dataset.select("train"), spec, short=arguments.short)
    if resume:
        known = read_run(folder)
        if (known["manifest_hash"], known["num_train_videos"]) != (dataset.hash, len(videos)):
            raise RunError(f"{folder}: was trained on other data than {dataset.path}; resume with the same videos")
        return len(videos)
    content = {
        "kind": FINE_TUNED if isinstance(arguments, TransferArguments) else NETWORK,
        "finished": False,
        "arguments": arguments.to_config(),
        "data": dataset.path,
        "manifest_hash": dataset.hash,
        "class_names": list(dataset.class_names),
        "num_train_videos": len(videos),
        "skipped": [{"path": skip.path, "reason": skip.reason} for skip in skipped],
        "versions": versions(),
        "hardware": hardware(),
    }
    write_json(folder / "run.json", {**content, **more})
    return len(videos)
