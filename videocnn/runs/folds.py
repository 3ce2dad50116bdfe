"""Folders of folds: `fold1`, `fold2`, ... of one data set, each a manifest, shards or a run.

A folder in, the names of its folds out.
"""

from __future__ import annotations

import os
import re
from pathlib import Path


def fold_names(folder: str | os.PathLike) -> list[str]:
    """Return the names of the folds in a folder, in numerical order; an empty list where it has none."""
    names = [path.name for path in Path(folder).glob("fold*") if re.fullmatch(r"fold[1-9]\d*", path.name)]
    return sorted(names, key=lambda name: int(name[4:]))
