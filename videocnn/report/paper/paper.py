"""What the paper printed: the figures of Tables 1 to 4 and of its speed measurement, as shares in 0..1 or clips/s.

Rows are named as the run that would fill them: a network and a stream, or a regime of fine-tuning.
"""

from __future__ import annotations

# Table 1: clip hit@1, video hit@1, video hit@5, on the test videos of Sports-1M.
TABLE_1 = {
    "histograms": (None, 0.553, None),
    "single_frame/full": (0.411, 0.593, 0.777),
    "single_frame/multires": (0.424, 0.600, 0.785),
    "single_frame/fovea": (0.300, 0.499, 0.728),
    "single_frame/context": (0.381, 0.560, 0.772),
    "early_fusion/full": (0.389, 0.577, 0.768),
    "late_fusion/full": (0.407, 0.593, 0.787),
    "slow_fusion/full": (0.419, 0.609, 0.802),
    "average": (0.414, 0.639, 0.824),
}

# Table 2, the first rows of its two ends: average precision of slow fusion minus that of single-frame.
TABLE_2 = {
    "Juggling Club": 0.12,
    "Pole Climbing": 0.10,
    "Mountain Unicycling": 0.08,
    "Road Racing": -0.07,
    "Short Track Motor Racing": -0.07,
}

# Table 3: accuracy on UCF-101, mean over its three splits.
TABLE_3 = {"soomro": 0.439, "histograms": 0.590, "scratch": 0.413, "top": 0.641, "top3": 0.654, "all": 0.622}

# Table 4: mean average precision by group of UCF-101's classes; the paper did not print the regime `all`.
TABLE_4 = {
    "Human-Object Interaction": {"scratch": 0.26, "top3": 0.55, "top": 0.52},
    "Body-Motion Only": {"scratch": 0.32, "top3": 0.57, "top": 0.52},
    "Human-Human Interaction": {"scratch": 0.40, "top3": 0.68, "top": 0.65},
    "Playing Musical Instruments": {"scratch": 0.42, "top3": 0.65, "top": 0.46},
    "Sports": {"scratch": 0.57, "top3": 0.79, "top": 0.80},
    "all groups": {"scratch": 0.44, "top3": 0.68, "top": 0.66},
}

# Section 4.1: clips a second of training on one replica, full frame and both streams.
SPEED = {"single_frame": {"full": 6.0, "multires": 21.0}, "slow_fusion": {"full": 5.0, "multires": 10.0}}
