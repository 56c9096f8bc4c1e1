"""Data sets: where images come from, how they are stored, and how they reach a model."""
