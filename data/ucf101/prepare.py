"""Write the manifests of UCF-101's three folds: `python prepare.py UCF-101 ucfTrainTestlist [OUT]`."""

import sys
from pathlib import Path

from videocnn.datasets.prepare import prepare
from videocnn.datasets.ucf101 import ucf101
from videocnn.errors import VideoCNNError


def main(root: str, lists: str, out: str = str(Path(__file__).parent)) -> None:
    """Write `OUT/fold1/manifest.csv` and so on."""
    for fold in (1, 2, 3):
        found = ucf101(root, lists, fold=fold)
        print(*found.notes, sep="\n")
        manifest, skips = prepare(found, Path(out) / f"fold{fold}")
        print(
            f"{out}/fold{fold}/manifest.csv: {len(manifest)} videos; absent or unreadable: {len(skips)}, in skipped.csv"
        )


if __name__ == "__main__":
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    try:
        main(*sys.argv[1:])
    except VideoCNNError as error:
        sys.exit(f"error: {error}")
