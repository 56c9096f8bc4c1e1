"""Trained models as files: SavedModel, ONNX and LiteRT out, `.keras` in."""
