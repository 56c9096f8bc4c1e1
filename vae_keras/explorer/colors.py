"""Colors of classes on a light and on a dark page."""

from typing import Any

from matplotlib.colors import to_hex, to_rgb

from vae_keras.plots.colors import class_colors

# The hues of the figures, in tones for a dark page, equally far apart.
DARK = (
    *("#5195ff", "#f9a500", "#a9501f", "#7fcd8e", "#973fd3"),
    *("#ad939f", "#fd5a43", "#ffe6ab", "#2d7986", "#68ffff"),
)


def page_colors(count: int) -> list[dict[str, str]]:
    """Colors for this many classes; color-blind readers can distinguish up to ten.

    Args:
        count: Number of classes. More than ten use the continuous scale of the figures.

    Returns:
        List of dictionaries with `light` and `dark`, HTML colors.
    """
    if count <= len(DARK):
        pairs = zip(class_colors(count), DARK)
        return [{"light": light, "dark": dark} for light, dark in pairs]
    return [{"light": to_hex(color), "dark": _paler(color)} for color in class_colors(count)]


def _paler(color: Any) -> str:
    """A color nearer to white, for a dark page."""
    red, green, blue = (0.72 * part + 0.28 for part in to_rgb(color))
    return to_hex((red, green, blue))
