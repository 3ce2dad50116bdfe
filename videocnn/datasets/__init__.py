"""Data sets: toy videos, one's own folders and CSV files, UCF-101, HMDB-51; each ends as a `manifest.csv`."""

from videocnn.datasets.opening import open_videos

__all__ = ["open_videos"]
