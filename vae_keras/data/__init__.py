"""Data sets: sources of images, their storage, and the pipelines that feed a model."""
