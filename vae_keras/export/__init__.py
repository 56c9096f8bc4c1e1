"""Trained models as files: writes SavedModel, ONNX and LiteRT, reads `.keras`."""
