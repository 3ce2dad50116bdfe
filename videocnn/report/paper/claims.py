"""The claims that the paper makes about its tables, and whether our figures support each of them.

A claim is supported if the interval of the paired difference lies on its side of zero, and contradicted if it lies on
the other. It cannot be tested here if the interval contains zero, a run is missing, or no interval could decide.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping

import numpy as np

from videocnn.evaluate import Estimate, Resampled
from videocnn.evaluate.printing import FIGURES
from videocnn.report.paper.table import UNITS, Verdict

SUPPORTED, CONTRADICTED, OPEN = "supported", "contradicted", "cannot be tested here"

Figure = tuple[str, str]  # row and column of a table
Figures = Mapping[Figure, Resampled]


@dataclasses.dataclass(frozen=True)
class Claim:
    """One claim.

    Attributes:
        table: the table that it belongs to.
        text: the claim.
        source: where the paper makes it, with its figures.
        pairs: figures of which the first is more than the second (or `equal` to it); all must be.
        equal: the claim is that they are equal, which figures can only contradict.
        reason: why no figure of ours can decide, where none can.
    """

    table: str
    text: str
    source: str
    pairs: tuple[tuple[Figure, Figure], ...] = ()
    equal: bool = False
    reason: str = ""


def _more(column: str, first: str, *others: str) -> tuple[tuple[Figure, Figure], ...]:
    return tuple(((first, column), (other, column)) for other in others)


EARLY, LATE, SLOW = (f"{name}_fusion/full" for name in ("early", "late", "slow"))
SINGLE = "single_frame/full"
VIDEO, CLIP = "video_hit_at_1", "clip_hit_at_1"
GROUPS = (
    "Human-Object Interaction",
    "Body-Motion Only",
    "Human-Human Interaction",
    "Playing Musical Instruments",
    "Sports",
)

CLAIMS = (
    Claim("1", "Slow Fusion is better than Single-Frame", "section 4.1, table 1: video hit@1 60.9 against 59.3",
          _more(VIDEO, SLOW, SINGLE)),
    Claim("1", "... but by little", "section 4.1: by 1.6 points",
          reason="an interval cannot say how little is little; see the row above"),
    Claim("1", "Slow Fusion is better than Early and Late Fusion", "section 4.1, table 1: 60.9 against 57.7 and 59.3",
          _more(VIDEO, SLOW, EARLY, LATE)),
    Claim("1", "Early Fusion is worse than Single-Frame", "table 1: 57.7 against 59.3", _more(VIDEO, SINGLE, EARLY)),
    Claim("1", "Late Fusion is as good as Single-Frame", "table 1: both 59.3", _more(VIDEO, LATE, SINGLE), equal=True),
    Claim("1", "Two streams are better than the full frame", "section 4.1, table 1: Single-Frame 60.0 against 59.3",
          _more(VIDEO, "single_frame/multires", SINGLE)),
    Claim("1", "The context stream alone is better than the fovea alone", "table 1: 56.0 against 49.9",
          _more(VIDEO, "single_frame/context", "single_frame/fovea")),
    Claim("1", "Both streams are better than either alone", "table 1: 60.0 against 56.0 and 49.9",
          _more(VIDEO, "single_frame/multires", "single_frame/context", "single_frame/fovea")),
    Claim("1", "The average of the four networks is better than each", "table 1: 63.9 against 60.9 at best",
          _more(VIDEO, "average", SINGLE, EARLY, LATE, SLOW)),
    Claim("1", "The average over a video's clips is better than one clip",
          "section 4.1, table 1: Single-Frame 59.3 against 41.1", (((SINGLE, VIDEO), (SINGLE, CLIP)),)),
    Claim("1", "Every full-frame network is better than feature histograms",
          "section 4.1, table 1: 57.7 and more against 55.3",
          reason="the histogram row holds the paper's figure only"),
    Claim("1", "The fovea learns grey, fine filters, the context stream colours and coarse ones", "section 4.1",
          reason="no interval stands on one network's filters; `videocnn filters RUN` prints the share of colour and "
                 "the mean frequency of each stream: less colour and a higher one in the fovea would speak for it"),
    Claim("2", "Slow Fusion gains on classes of small, fast motion", "section 4.1, table 2: Juggling Club +.12",
          reason="a run does not record which classes these are; see the rows"),
    Claim("2", "Slow Fusion loses where the camera moves", "section 4.1, table 2: Road Racing -.07",
          reason="a run does not record in which classes the camera moves; see the rows"),
    Claim("3", "Fine-tuning the top three layers is better than the top layer alone",
          "section 4.2, table 3: 65.4 against 64.1", _more("accuracy", "top3", "top")),
    Claim("3", "Fine-tuning the top layer is better than fine-tuning all", "section 4.2, table 3: 64.1 against 62.2",
          _more("accuracy", "top", "all")),
    Claim("3", "Fine-tuning the top three layers is better than fine-tuning all",
          "section 4.2, table 3: 65.4 against 62.2",
          _more("accuracy", "top3", "all")),
    Claim("3", "Every way of fine-tuning is better than training from scratch",
          "section 4.2, table 3: 62.2 and more against 41.3",
          tuple(((regime, "accuracy"), ("scratch", "accuracy")) for regime in ("top", "top3", "all"))),
    Claim("3", "Training from scratch is worse than the data set's own baseline", "table 3: 41.3 against 43.9",
          reason="the baseline's row holds a printed figure only"),
    Claim("4", "The top three layers are better than training from scratch in every group", "section 4.2, table 4",
          tuple(((group, "top3"), (group, "scratch")) for group in GROUPS)),
    Claim("4", "The top three layers gain over the top layer in every group but Sports", "section 4.2, table 4",
          tuple(((group, "top3"), (group, "top")) for group in GROUPS[:-1])),
    Claim("4", "In Sports the top layer alone is as good", "section 4.2, table 4: .80 against .79",
          ((("Sports", "top"), ("Sports", "top3")),), equal=True),
    Claim("speed", "Two streams train Single-Frame faster than the full frame",
          "section 4.1: 6 to 21 clips/s, 3.5 times",
          ((("single_frame training", "multires"), ("single_frame training", "full")),)),
    Claim("speed", "Two streams train Slow Fusion faster than the full frame", "section 4.1: 5 to 10 clips/s, 2 times",
          ((("slow_fusion training", "multires"), ("slow_fusion training", "full")),)),
)  # fmt: skip


def verdicts(table: str, figures: Figures, unit: str, labels: Mapping[str, str] | None = None) -> tuple[Verdict, ...]:
    """Return what figures say of every claim of a table.

    Args:
        table: its name.
        figures: by row and column, all over the same draws; of rates, their logarithms.
        unit: of the figures, a name in `UNITS`; `"times"` for logarithms of rates.
        labels: what people call a row; by default its key.
    """
    return tuple(judge(claim, figures, unit, labels or {}) for claim in CLAIMS if claim.table == table)


def judge(claim: Claim, figures: Figures, unit: str, labels: Mapping[str, str]) -> Verdict:
    """Return what figures say of one claim."""
    needed = dict.fromkeys(figure for pair in claim.pairs for figure in pair)
    missing = [
        f"{labels.get(row, row)} ({FIGURES.get(column, column)})"
        for row, column in needed
        if (row, column) not in figures
    ]
    if claim.reason or missing:
        return Verdict(claim.text, claim.source, OPEN, claim.reason or f"not measured: {', '.join(missing)}")
    estimates = [(figures[first] - figures[second]).estimate() for first, second in claim.pairs]
    varying = 1 if len({second for _, second in claim.pairs}) > 1 else 0
    names = [labels.get(pair[varying][0], pair[varying][0]) for pair in claim.pairs]
    basis = "; ".join(
        difference(estimate, unit) + (f" ({name})" if len(names) > 1 else "")
        for estimate, name in zip(estimates, names, strict=True)
    )
    if any(np.isnan(estimate.low) for estimate in estimates):
        few = "there is one epoch" if unit == "times" else "all videos are of one group"
        return Verdict(claim.text, claim.source, OPEN, f"{basis}: no interval, {few}")
    sides = [side(estimate) for estimate in estimates]
    if claim.equal:
        outcome = CONTRADICTED if any(sides) else OPEN
        basis += "" if any(sides) else ": no interval can show equality"
    else:
        outcome = SUPPORTED if min(sides) > 0 else CONTRADICTED if min(sides) < 0 else OPEN
    return Verdict(claim.text, claim.source, outcome, basis)


def side(estimate: Estimate) -> int:
    """Return 1 where an interval lies above zero, -1 where it lies below, else 0."""
    tiny = 1e-12  # sums of equal shares differ in their last digits
    return int(estimate.low > tiny) - int(estimate.high < -tiny)


def difference(estimate: Estimate, unit: str) -> str:
    """Return a paired difference as people read it; that of logarithms as a ratio."""
    values = dataclasses.astuple(estimate)
    if unit == "times":
        shown, name = [f"{math.exp(value):.2f}" for value in values], "times"
    else:
        factor, form, name = UNITS[unit]
        signed = form.replace("{:.", "{:+.")
        shown = [signed.format(factor * value) for value in values]
    text = f"{shown[0]} {name}"
    return text if np.isnan(estimate.low) else f"{text} [{shown[1]}, {shown[2]}]"
