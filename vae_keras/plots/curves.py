"""Axes for curves over epochs: limits that show the ends, and labels with the final values."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.text import Annotation

from vae_keras.plots.colors import shaded
from vae_keras.plots.fonts import drawable
from vae_keras.plots.layout import spread
from vae_keras.plots.style import LEADER, SMALL
from vae_keras.support.text import minus

FEW = 5  # epochs of a curve that is shown as a whole
WIDE = 10  # ratio of the largest to the smallest value that needs a logarithmic scale
BESIDE = 1.04  # left edge of the labels beside the curves, as a share of the panel's width
POINTS = 72  # per inch


def end_limits(curves: Iterable[np.ndarray]) -> tuple[float, float]:
    """Limits of an axis that shows all curves except for the first tenth of their epochs.

    Args:
        curves: Arrays whose last axis is epochs. If there are more than five epochs, the first
            tenth of them, at least one, is ignored; otherwise none is.
    """
    low, high = _range_of_ends(curves)
    margin = 0.05 * max(high - low, 0.01 * abs(high), 1e-9)
    return low - margin, high + margin


def scale_axes(panels: Sequence[Axes], curves: Iterable[np.ndarray]) -> None:
    """Set the limits of axes to the ends of curves, on a logarithmic scale if needed and possible.

    It is needed if all but the first tenth of the epochs span a factor of ten, and possible if all
    values are positive. A logarithmic axis is labeled and shows every epoch. On a linear axis with
    more than five epochs, the first tenth of them (at least one) may be outside of the panel.

    Args:
        panels: Axes that show the same values.
        curves: All curves of the axes, arrays whose last axis is epochs.
    """
    curves = [np.asarray(curve, np.float64) for curve in curves]
    whole = np.concatenate([curve.ravel() for curve in curves])
    least, greatest = float(whole.min()), float(whole.max())
    low, high = _range_of_ends(curves)
    log = least > 0 and high >= WIDE * low
    margin = (greatest / least) ** 0.05 if log else 1
    limits = (least / margin, greatest * margin) if log else end_limits(curves)
    for axes in panels:
        axes.set(yscale="log" if log else "linear", ylim=limits)
        if log:
            name_logarithmic(axes)
        else:
            axes.yaxis.set_major_locator(matplotlib.ticker.MaxNLocator(6, steps=[1, 2, 5, 10]))
        axes.grid(True, axis="y")


def name_logarithmic(axes: Axes) -> None:
    """Label a logarithmic vertical axis, with a few plain numbers even for a small range."""
    low, high = axes.get_ylim()
    if high > 20 * low:
        decades = np.log10(high / low)
        subs = (1, 2, 5) if decades < 2.5 else (1, 3) if decades < 5 else (1,)
        axes.yaxis.set_major_locator(matplotlib.ticker.LogLocator(subs=subs))
    else:
        axes.yaxis.set_major_locator(matplotlib.ticker.MaxNLocator(6, steps=[1, 2, 5, 10]))
    axes.yaxis.set_minor_locator(matplotlib.ticker.NullLocator())
    axes.yaxis.set_major_formatter(matplotlib.ticker.FormatStrFormatter("%g"))
    label = axes.get_ylabel()
    axes.set_ylabel(f"{label}\n(logarithmic scale)" if label else "logarithmic scale")


def label_epochs(axes: Axes, last: int, first: int = 1) -> None:
    """Set ticks at whole epochs, including the first and the last."""
    steps = matplotlib.ticker.MaxNLocator(5, integer=True, steps=[1, 2, 5, 10])
    clear = 0.09 * (last - first)
    between = [
        tick for tick in steps.tick_values(first, last) if first + clear < tick < last - clear
    ]
    axes.set_xticks(sorted({first, *map(int, between), last}))
    margin = 0.03 * max(last - first, 1)
    axes.set_xlim(first - margin, last + margin)
    axes.set_xlabel("epoch")


def mark_ends(line: Line2D) -> None:
    """Draw a point at the end of a curve; a curve of one epoch is only this point."""
    line.set(marker="o", markersize=4 if np.size(line.get_xdata()) == 1 else 3.5, markevery=[-1])


def label_ends(axes: Axes, lines: Sequence[Line2D], height: float) -> list[Annotation]:
    """Write the last value of each curve beside it, without overlap.

    Args:
        axes: Axes whose limits are final.
        lines: Curves. Nothing is written if there are too many.
        height: Approximate height of the axes in inches.

    Returns:
        The texts.
    """
    gap = 1.25 * SMALL / (height * POINTS)
    if gap * len(lines) > 1:
        return []
    low, high = axes.get_ylim()
    ends = [float(np.asarray(line.get_ydata())[-1]) for line in lines]
    scale = np.log if axes.get_yscale() == "log" else np.asarray
    places = (scale(ends) - scale(low)) / (scale(high) - scale(low))
    digits = _digits(ends)
    texts = []
    for line, end, place, moved in zip(lines, ends, places, spread(places, gap)):
        arrow = {**LEADER, "color": line.get_color(), "relpos": (0, 0.5)}
        text = axes.annotate(
            minus(f"{end:.{digits}f}"),
            (float(np.asarray(line.get_xdata())[-1]), end),
            xytext=(BESIDE, moved),
            textcoords="axes fraction",
            color=shaded(line.get_color()),
            fontsize=SMALL,
            va="center",
            arrowprops=arrow if abs(moved - place) > 0.01 else None,
            annotation_clip=False,
        )
        texts.append(text)
    return texts


def write_at_edge(axes: Axes, ends: Mapping[str, tuple[float, Any]]) -> None:
    """Write the ends of curves outside of the axes at the upper or lower edge, with an arrow.

    Args:
        axes: Axes whose limits are final.
        ends: Dictionary from the title of a curve to its last value and its color.
    """
    low, high = axes.get_ylim()
    digits = _digits([low, high])
    above = {title: end for title, end in ends.items() if end[0] > high}
    below = {title: end for title, end in ends.items() if end[0] < low}
    for found, place, step, arrow in ((above, 0.98, -1, "↑"), (below, 0.02, 1, "↓")):
        for row, (title, (value, color)) in enumerate(found.items()):
            (text,), options = drawable([f"{title} {minus(f'{value:.{digits}f}')} {arrow}"])
            axes.annotate(
                text,
                (0.99, place),
                xycoords="axes fraction",
                xytext=(0, 1.3 * SMALL * step * row),
                textcoords="offset points",
                ha="right",
                va="top" if step < 0 else "bottom",
                fontsize=SMALL,
                color=shaded(color),
                **options,
            )


def _digits(values: Sequence[float]) -> int:
    """Number of decimals that shows three digits of the largest value."""
    largest = max(map(abs, values))
    return int(np.clip(2 - np.floor(np.log10(largest)) if largest > 0 else 2, 0, 4))


def _range_of_ends(curves: Iterable[np.ndarray]) -> tuple[float, float]:
    """The smallest and the largest value after the first tenth of the epochs."""
    shown = np.concatenate([curve[..., _first_epoch(curve) :].ravel() for curve in curves])
    return float(shown.min()), float(shown.max())


def _first_epoch(curve: np.ndarray) -> int:
    epochs = curve.shape[-1]
    return max(1, epochs // 10) if epochs > FEW else 0
