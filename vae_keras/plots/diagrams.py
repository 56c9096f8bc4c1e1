"""Drawings of networks, if the required programs are installed."""

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
        `path`, or None if Graphviz or pydot is missing; `network.summary()` needs neither and has
        the same information as text.
    """
    try:
        with contextlib.redirect_stdout(io.StringIO()):  # Keras prints missing programs
            keras.utils.plot_model(
                network, str(path), show_shapes=True, show_layer_names=True, dpi=60
            )
    except Exception:  # missing or broken programs raise errors of many kinds
        return None
    return path if path.exists() else None
