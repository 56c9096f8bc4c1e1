"""Colors that color-blind readers can tell apart."""

from collections.abc import Iterable
from typing import Any

import matplotlib
import numpy as np
from matplotlib.colors import to_rgb

TRAIN_COLOR, TEST_COLOR = "#0072b2", "#d55e00"  # from Okabe & Ito's palette
NAMED_CLASSES = 40  # more names do not fit into a figure
PALE = "0.75"  # what other things are compared with


# Far apart, also for readers without one of the three kinds of cones: digits lie on one another.
CLASS_COLORS = (
    *("#0667d2", "#ffab00", "#8a0000", "#8498ff", "#5f00a0"),
    *("#a04d86", "#e90001", "#a19480", "#000051", "#92dadd"),
)
# For lines: Petroff's (2021, https://arxiv.org/abs/2107.02270); gray, which recedes, comes last.
BLUE, ORANGE, RED, GRAY, *OTHERS = matplotlib.color_sequences["petroff10"]
LINE_COLORS = (BLUE, ORANGE, RED, *OTHERS, GRAY)


def class_colors(count: int) -> list[Any]:
    """Colors for this many classes; color-blind readers can tell up to ten apart.

    More classes than that take colors from a continuous scale.
    """
    if count <= len(CLASS_COLORS):
        return list(CLASS_COLORS[:count])
    return list(matplotlib.colormaps["turbo"](np.linspace(0.05, 0.95, count))[:, :3])


def variant_colors(names: Iterable[Any]) -> dict[Any, Any]:
    """Dictionary from the variants of a study to colors, the same in all its figures.

    Each ten take the same hues, darker from ten to ten.
    """
    names, colors = list(names), list(LINE_COLORS)
    while len(colors) < len(names):
        colors += map(shaded, colors[-len(LINE_COLORS) :])
    return dict(zip(names, colors))


def shaded(color: Any) -> tuple[float, float, float]:
    """A darker color of the same hue, in which small texts can be read on white."""
    red, green, blue = (0.75 * part for part in to_rgb(color))
    return red, green, blue
