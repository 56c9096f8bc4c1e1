"""The decoded manifold: images decoded on a grid over the latent plane."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from scipy.stats import norm

from vae_keras.plots.arrays import takes_arrays
from vae_keras.plots.images import show_tiles
from vae_keras.plots.latent import AXIS_NAMES, label_planes, scatter_classes
from vae_keras.plots.style import new_figure, styled
from vae_keras.support.text import minus


@styled
@takes_arrays
def plot_manifold(images: np.ndarray, side: int, axis_names: Sequence[str] = AXIS_NAMES) -> Figure:
    """The images decoded at `manifold_points(side)`, as one image with the latent axes.

    Args:
        images: Array `(side * side, height, width, channels)`, uint8 or in [0, 1], from the top
            row of the grid.
        side: Images along each axis.
        axis_names: Labels of the axes, such as `LatentPlane.names`.

    Returns:
        Figure.
    """
    height, width = images.shape[1:3]
    figure = new_figure(6.6, 6.6 * height / width)
    axes = figure.subplots()
    show_tiles(axes, images, side)
    quantiles = (np.arange(side) + 0.5) / side
    shown = np.linspace(0, side - 1, min(side, 7)).round().astype(int)
    names = [minus(f"{value:.1f}") for value in norm.ppf(quantiles[shown]).round(1) + 0.0]
    axes.set_xticks(shown * width + (width - 1) / 2, names)
    axes.set_yticks((side - 1 - shown) * height + (height - 1) / 2, names)
    axes.set(
        xlabel=f"{axis_names[0]} (evenly spaced in probability)",
        ylabel=f"{axis_names[1]} (evenly spaced in probability)",
    )
    return figure


@styled
@takes_arrays
def plot_lattice(
    points: np.ndarray,
    places: np.ndarray,
    labels: np.ndarray | None = None,
    class_names: Sequence[str] = (),
    axis_names: Sequence[str] = AXIS_NAMES,
) -> Figure:
    """The grid of `plot_manifold` over the scatter of images, in latent space and as p-values.

    Args:
        points: Array `(count, 2)`.
        places: The grid, array `(side * side, 2)`, as `latent.space.manifold_points` returns it.
        labels: Integer array `(count,)`, or None for one color.
        class_names: One name for each label; by default the labels.
        axis_names: Labels of the axes, such as `LatentPlane.names`.

    Returns:
        Figure.
    """
    side = round(len(places) ** 0.5)
    figure = new_figure(10.4, 5)
    left, right = figure.subplots(1, 2)
    for axes, cloud, lattice in (
        (left, points, places),
        (right, norm.cdf(points), norm.cdf(places)),
    ):
        scatter_classes(axes, cloud, labels, class_names)
        for lines in (
            lattice.reshape(side, side, 2),
            lattice.reshape(side, side, 2).swapaxes(0, 1),
        ):
            axes.plot(*lines.transpose(2, 1, 0), color="black", linewidth=0.6, zorder=3)
    label_planes(left, right, axis_names, len(points))
    return figure
