"""Colors that color-blind readers can tell apart."""

from collections.abc import Iterable
from typing import Any

import matplotlib
import numpy as np
from matplotlib.colors import to_rgb

TRAIN_COLOR, TEST_COLOR = "#0072b2", "#d55e00"  # from Okabe & Ito's palette
NAMED_CLASSES = 40  # more names do not fit into a figure
PALE = "0.75"  # what other things are compared with


def class_colors(count: int) -> list[Any]:
    """Colors for this many classes; color-blind readers can tell up to ten apart.

    The first ten are Petroff's (2021, https://arxiv.org/abs/2107.02270); more classes
    than that take colors from a continuous scale.
    """
    if count <= 10:
        return list(matplotlib.color_sequences["petroff10"])[:count]
    return list(matplotlib.colormaps["turbo"](np.linspace(0.05, 0.95, count))[:, :3])


def variant_colors(names: Iterable[Any]) -> dict[Any, Any]:
    """Dictionary from the variants of a study to colors, the same in all its figures."""
    names = list(names)
    colors = class_colors(len(names))
    if len(names) <= 10:
        colors = class_colors(10)
        colors.append(colors.pop(3))  # gray, which recedes, comes last
    return dict(zip(names, colors))


def shaded(color: Any) -> tuple[float, float, float]:
    """A darker color of the same hue, in which small texts can be read on white."""
    red, green, blue = (0.75 * part for part in to_rgb(color))
    return red, green, blue
