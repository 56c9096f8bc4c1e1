"""Drawings of networks, where the programs that draw them are installed."""

import contextlib
import io
from pathlib import Path

import keras


def save_diagram(network: keras.Model, path: Path) -> Path | None:
    """Draw the layers of a network and their shapes with `keras.utils.plot_model`.

    Args:
        network: `keras.Model`, such as `model.encoder`.
        path: PNG file to write.

    Returns:
        `path`, or None where Graphviz or pydot is missing; `network.summary()` says the same
        in words and needs neither.
    """
    try:
        with contextlib.redirect_stdout(io.StringIO()):  # Keras prints what is missing
            keras.utils.plot_model(
                network, str(path), show_shapes=True, show_layer_names=True, dpi=60
            )
    except Exception:  # what is missing or broken shows in errors of many kinds
        return None
    return path if path.exists() else None
