"""One video as one record: its frames as JPEGs in a `SequenceExample` with the keys of DMVR (DeepMind's video readers).

Takes a video and the settings of its shards; gives the serialised record and where in it each frame lies.
"""

from __future__ import annotations

import contextlib

import numpy as np

from videocnn.manifest import Manifest, Video
from videocnn.shards.read import ShardError

RECORD_LIMIT = 2**31 - 2**20  # bytes; a protocol buffer ends at 2 GiB


def encode_video(manifest: Manifest, video: Video, index: dict) -> tuple[bytes, np.ndarray, np.ndarray]:
    """Return a video's serialised `SequenceExample`, and the offset and size of each frame's JPEG in it, int64.

    Raises:
        VideoCNNError: the video cannot be decoded, or its frames do not fit into a record.
    """
    import tensorflow as tf

    from videocnn.video import first_frames
    from videocnn.video.errors import counted_by_manifest

    height, width = index["frame_size"]
    jpegs: list[bytes] = []
    num_bytes = 0
    frames = first_frames(
        manifest.file(video),
        video.num_frames,
        frame_size=(height, width),
        crop_to_aspect_ratio=index["crop_to_aspect_ratio"],
    )
    with contextlib.closing(frames), counted_by_manifest():
        for frame in frames:
            jpegs.append(tf.io.encode_jpeg(frame, quality=index["quality"]).numpy())
            num_bytes += len(jpegs[-1]) + 32
            if num_bytes > RECORD_LIMIT:
                raise ShardError(
                    f"{video.path}: more than 2 GiB of JPEG frames in one record; cut the video into parts"
                )

    def strings(*values: str):
        encoded = [value.encode("utf-8", errors="surrogateescape") for value in values]
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=encoded))

    def numbers(*values: int):
        return tf.train.Feature(int64_list=tf.train.Int64List(value=values))

    context = {
        "clip/label/index": numbers(*(index["class_names"].index(label) for label in video.labels)),
        "clip/label/text": strings(*video.labels),
        "clip/media_id": strings(video.path),
        "clip/split": strings(video.split),
        "clip/group": strings(video.group),
        "image/format": strings("jpeg"),
        "image/height": numbers(height),
        "image/width": numbers(width),
        "image/channels": numbers(3),
    }
    if video.fps is not None:
        context["image/frame_rate"] = tf.train.Feature(float_list=tf.train.FloatList(value=[video.fps]))
    frames = tf.train.FeatureList(
        feature=[tf.train.Feature(bytes_list=tf.train.BytesList(value=[jpeg])) for jpeg in jpegs]
    )
    record = tf.train.SequenceExample(
        context=tf.train.Features(feature=context),
        feature_lists=tf.train.FeatureLists(feature_list={"image/encoded": frames}),
    ).SerializeToString(deterministic=True)
    sizes = np.array([len(jpeg) for jpeg in jpegs], np.int64)
    offsets, end = np.empty_like(sizes), 0
    for frame, jpeg in enumerate(jpegs):  # frames lie one after another, a few bytes of framing between them
        offsets[frame] = record.index(jpeg, end)
        end = offsets[frame] + sizes[frame]
    return record, offsets, sizes
