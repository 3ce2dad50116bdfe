"""Write the manifests of HMDB-51's three folds: `python prepare.py [hmdb51 testTrainMulti_7030_splits [OUT]]`.

Without folders, both are downloaded to OUT, by default the folder of this script.
"""

import sys
from pathlib import Path

from videocnn.cli.official import hmdb51
from videocnn.errors import VideoCNNError


def main(root: str | None = None, lists: str | None = None, out: str = str(Path(__file__).parent)) -> None:
    """Write `OUT/fold1/manifest.csv` and so on, as `videocnn data hmdb51 --fold all` does."""
    hmdb51(Path(out), root=root and Path(root), lists=lists and Path(lists), fold="all")


if __name__ == "__main__":
    if len(sys.argv) not in (1, 3, 4):
        sys.exit(__doc__)
    try:
        main(*sys.argv[1:])
    except VideoCNNError as error:
        sys.exit(f"error: {error}")
