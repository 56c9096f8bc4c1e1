"""Paths and directions in the latent space: interpolation, arithmetic, attributes."""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from vae_keras.plots.arrays import takes_arrays
from vae_keras.plots.colors import TEST_COLOR, TRAIN_COLOR
from vae_keras.plots.curves import end_limits, label_ends
from vae_keras.plots.fonts import drawable
from vae_keras.plots.images import show_image
from vae_keras.plots.latent import AXIS_NAMES, label_axes, scatter_pale
from vae_keras.plots.style import new_figure, styled
from vae_keras.support.text import minus


@styled
@takes_arrays
def plot_interpolations(
    points: np.ndarray,
    paths: Mapping[str, np.ndarray],
    images: Mapping[str, np.ndarray],
    axis_names: Sequence[str] = AXIS_NAMES,
) -> Figure:
    """Paths between two points of the latent space, and the images decoded along them.

    Args:
        points: Array `(count, 2)`, latent points of images for the background.
        paths: Dictionary from the name of each path, at most two, to an array `(steps, 2)`.
        images: Dictionary from the same names to arrays `(steps, height, width, channels)`.
        axis_names: Labels of the axes, such as `LatentPlane.names`.

    Returns:
        Figure: the paths in the plane, and a row of images for each.
    """
    steps = len(next(iter(images.values())))
    figure = new_figure(11, 3.4)
    left, right = figure.subfigures(1, 2, width_ratios=(4, 7), squeeze=False)[0]
    axes = left.subplots()
    scatter_pale(axes, points, None)
    for (name, path), color, marker in zip(paths.items(), (TRAIN_COLOR, TEST_COLOR), "os"):
        axes.plot(*np.transpose(path), color=color, marker=marker, markersize=4, label=name)
    label_axes(axes, axis_names)
    left.legend(loc="outside upper center", ncols=2)
    rows = right.subplots(len(images), steps, squeeze=False)
    for row, (name, decoded) in zip(rows, images.items()):
        for cell, image in zip(row, decoded):
            show_image(cell, image)
        row[0].set_ylabel(name)
    return figure


@styled
@takes_arrays
def plot_arithmetic(
    images: np.ndarray,
    factors: Sequence[float] | np.ndarray,
    direction: str,
    originals: np.ndarray | None = None,
) -> Figure:
    """Images decoded after adding multiples of a direction to latent points.

    Args:
        images: Array `(rows, steps, height, width, channels)`: one row for each image.
        factors: The multiple of the direction at each step, a sequence of numbers.
        direction: Name of the direction, such as `"“4” − “9”"`.
        originals: The images themselves, array `(rows, height, width, channels)`, for a first
            column; or None.

    Returns:
        Figure.
    """
    titles = [minus(f"{factor:+.2g}") if factor else "0" for factor in factors]
    columns = list(images.swapaxes(0, 1))
    if originals is not None:
        titles, columns = ["image", *titles], [originals, *columns]
    rows = len(images)
    figure = new_figure(0.95 * len(columns) + 0.3, 0.95 * rows + 0.7)
    panels = figure.subplots(rows, len(columns), squeeze=False)
    for cells, column, title in zip(panels.T, columns, titles):
        for axes, image in zip(cells, column):
            show_image(axes, image)
        cells[0].set_title(title, fontsize=9)
    (text,), options = drawable([direction])
    figure.suptitle(f"how much of {text} is added", fontsize=10, **options)
    return figure


@styled
def plot_convergence(rows: Sequence[Mapping[str, Any]]) -> Figure:
    """Convergence of an attribute vector with the number of images.

    Args:
        rows: The return value of `latent.space.vector_convergence`.

    Returns:
        Figure with the length of the vector, and its relative change by each batch. The first tenth
        of the batches may be outside of the panels.
    """
    figure = new_figure(7.6, 3)
    panels = figure.subplots(1, 2)
    later = rows[1:]  # the first row has no change
    norms = [row["norm"] for row in rows]
    changes = [row["change"] / row["norm"] for row in later]
    marker = "o" if len(rows) <= 30 else None
    for axes, shown, values, title in (
        (panels[0], rows, norms, "Length of the vector"),
        (panels[1], later, changes, "Changed by the last batch"),
    ):
        images = [row["images"] for row in shown]
        (line,) = axes.plot(images, values, color=TRAIN_COLOR, marker=marker, markersize=3)
        axes.set(title=title, xlabel="training images used", xlim=(0, 1.02 * rows[-1]["images"]))
        axes.xaxis.set_major_locator(matplotlib.ticker.MaxNLocator(5, integer=True))
        axes.xaxis.set_major_formatter(matplotlib.ticker.StrMethodFormatter("{x:,.0f}"))
        axes.grid(True, axis="y")
        if values:
            low, high = end_limits([np.array(values)])
            # At least a tenth of the length, so that small changes look small.
            low, high = min(low, 0.95 * values[-1]), max(high, 1.05 * values[-1])
            axes.set_ylim(low if axes is panels[0] else 0, high)
        if axes is panels[0]:
            label_ends(axes, [line], 2)
    panels[1].yaxis.set_major_formatter(matplotlib.ticker.PercentFormatter(1))
    return figure
