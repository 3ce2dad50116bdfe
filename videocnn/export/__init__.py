"""Trained networks for places without this package: SavedModel, ONNX and TFLite, each checked against Keras."""

from videocnn.export.exporting import FORMATS, Exported, ExportError, export

__all__ = ["FORMATS", "ExportError", "Exported", "export"]
