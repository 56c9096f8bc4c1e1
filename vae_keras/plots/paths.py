"""Walks through the latent space: interpolation and arithmetic."""

import numpy as np
from matplotlib.figure import Figure

from vae_keras.plots.colors import TEST_COLOR, TRAIN_COLOR
from vae_keras.plots.images import show_image
from vae_keras.plots.latent import AXIS_NAMES, label_axes, scatter_pale


def plot_interpolations(points, paths, images, axis_names=AXIS_NAMES):
    """Paths between two points of the latent space, and what is decoded along them.

    Args:
        points: Array `(count, 2)`, the images among which the paths run.
        paths: Dictionary from the name of each path, at most two, to an array `(steps, 2)`.
        images: Dictionary from the same names to arrays `(steps, height, width, channels)`.
        axis_names: What the axes are, such as `LatentPlane.names`.

    Returns:
        Figure: the paths in the plane, and a row of images for each.
    """
    steps = len(next(iter(images.values())))
    figure = Figure(figsize=(11, 3.4), layout="constrained")
    left, right = figure.subfigures(1, 2, width_ratios=(4, 7))
    axes = left.subplots()
    scatter_pale(axes, points, None)
    for (name, path), color, marker in zip(paths.items(), (TRAIN_COLOR, TEST_COLOR), "os"):
        axes.plot(*np.transpose(path), color=color, marker=marker, markersize=4, label=name)
    label_axes(axes, axis_names)
    left.legend(loc="outside upper center", frameon=False, ncols=2)
    rows = right.subplots(len(images), steps, squeeze=False)
    for row, (name, decoded) in zip(rows, images.items()):
        for cell, image in zip(row, decoded):
            show_image(cell, image)
        row[0].set_ylabel(name)
    return figure


def plot_arithmetic(images, factors, direction, originals=None):
    """What is decoded when a direction is added to images' latent points, more and more of it.

    Args:
        images: Array `(rows, steps, height, width, channels)`: one row for each image.
        factors: How much of the direction was added at each step, a sequence of numbers.
        direction: What the direction is, such as `"“4” − “9”"`.
        originals: The images themselves, array `(rows, height, width, channels)`, for a first
            column; or None.

    Returns:
        Figure.
    """
    titles = [f"{factor:+.2g}".replace("-", "−") if factor else "0" for factor in factors]
    columns = list(images.swapaxes(0, 1))
    if originals is not None:
        titles, columns = ["image", *titles], [originals, *columns]
    rows = len(images)
    figure = Figure(figsize=(0.95 * len(columns) + 0.3, 0.95 * rows + 0.7), layout="constrained")
    panels = figure.subplots(rows, len(columns), squeeze=False)
    for cells, column, title in zip(panels.T, columns, titles):
        for axes, image in zip(cells, column):
            show_image(axes, image)
        cells[0].set_title(title, fontsize=9)
    figure.suptitle(f"how much of {direction} is added", fontsize=10)
    return figure
