"""Colors that color-blind readers can distinguish."""

from collections.abc import Iterable
from typing import Any

import matplotlib
import numpy as np
from matplotlib.colors import to_rgb

TRAIN_COLOR, TEST_COLOR = "#0072b2", "#d55e00"  # from Okabe & Ito's palette
NAMED_CLASSES = 40  # more names do not fit into a figure
PALE = "0.75"  # the reference in a comparison


# Far apart, also for color-blind readers, because the points of digits overlap.
CLASS_COLORS = (
    *("#0667d2", "#ffab00", "#8a0000", "#8498ff", "#5f00a0"),
    *("#a04d86", "#e90001", "#a19480", "#000051", "#92dadd"),
)
# For lines: Petroff's (2021, https://arxiv.org/abs/2107.02270), with the less visible gray last.
BLUE, ORANGE, RED, GRAY, *OTHERS = matplotlib.color_sequences["petroff10"]
LINE_COLORS = (BLUE, ORANGE, RED, *OTHERS, GRAY)


def class_colors(count: int) -> list[Any]:
    """Colors for this many classes; color-blind readers can distinguish up to ten.

    For more classes, the colors are from a continuous scale.
    """
    if count <= len(CLASS_COLORS):
        return list(CLASS_COLORS[:count])
    return list(matplotlib.colormaps["turbo"](np.linspace(0.05, 0.95, count))[:, :3])


def variant_colors(names: Iterable[Any]) -> dict[Any, Any]:
    """Dictionary from the variants of a study to colors, the same in all its figures.

    Every ten variants have the same hues, each time darker.
    """
    names, colors = list(names), list(LINE_COLORS)
    while len(colors) < len(names):
        colors += map(shaded, colors[-len(LINE_COLORS) :])
    return dict(zip(names, colors))


def shaded(color: Any) -> tuple[float, float, float]:
    """A darker color of the same hue, for small text on white."""
    red, green, blue = (0.75 * part for part in to_rgb(color))
    return red, green, blue
