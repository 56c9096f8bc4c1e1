"""Trained models as files: SavedModel out, `.keras` in."""
