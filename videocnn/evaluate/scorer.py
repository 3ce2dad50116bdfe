"""The protocol of everything that `evaluate` can measure, and the run folder of a scorer that is not a network.

A data set and a split in, `Scores` out. A network is one implementation (`NetworkScorer`).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from videocnn.clips.dataset import Dataset
from videocnn.errors import VideoCNNError
from videocnn.evaluate.scores import Scores
from videocnn.files import write_json
from videocnn.manifest import Skip
from videocnn.runs import hardware, read_run, versions


class ScorerError(VideoCNNError):
    """A run folder belongs to another scorer."""


class Scorer(Protocol):
    """Anything that scores videos.

    Attributes:
        kind: what `run.json` says of its runs, for example `"baseline"`; networks have `"network"`.
        arguments: its settings, plain values for `run.json`. `"model"` names it in tables.

    A class with these two attributes and a method `score` is a scorer; `evaluate(scorer, "manifest.csv",
    out="runs/constant")` measures it and keeps its run folder.
    """

    kind: str
    arguments: Mapping[str, Any]

    def score(
        self, dataset: Dataset, split: str, *, num_clips: int, num_views: int, batch_size: int, short: str,
        skips: list[Skip], folder: Path | None, quiet: bool,
    ) -> Scores:  # fmt: skip
        """Score the videos of a split.

        Args:
            dataset: the data set.
            split: the split.
            num_clips: evenly spread clips of a video, for scorers that take clips.
            num_views: views of a clip, for scorers that take views.
            batch_size: views that are computed at once.
            short: what becomes of videos that are too short for a clip: `"skip"`, `"error"` or `"hold"`.
            skips: the list to which videos that were not scored are appended.
            folder: where large temporary files belong (`gather_clip_scores`), or None for the system's own place.
            quiet: show no progress.

        Returns:
            The scores. Larger ones mean "rather this class"; probabilities can be averaged with those of others.
        """


def describe_scorer(scorer: Scorer, folder: Path, scores: Scores) -> None:
    """Write `run.json` of a scorer's run, unless it is there already.

    Raises:
        ScorerError: the folder is the run of another scorer.
    """
    arguments = dict(scorer.arguments)
    if (folder / "run.json").is_file():
        known = read_run(folder)
        if (known.get("kind"), known.get("arguments")) != (scorer.kind, arguments):
            raise ScorerError(
                f"{folder}: is the run of another scorer ({known.get('kind', 'network')}, {known.get('arguments')}); "
                "give `out` a new folder"
            )
        return
    content = {
        "kind": scorer.kind,
        "finished": True,
        "arguments": arguments,
        "manifest_hash": scores.manifest_hash,
        "class_names": list(scores.class_names),
        "versions": versions(),
        "hardware": hardware(),
    }
    write_json(folder / "run.json", content)
