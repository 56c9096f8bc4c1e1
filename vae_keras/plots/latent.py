"""The latent plane: images as points."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.patheffects import withStroke
from scipy.stats import norm

from vae_keras.plots.arrays import takes_arrays
from vae_keras.plots.colors import NAMED_CLASSES, PALE, TRAIN_COLOR, class_colors
from vae_keras.plots.images import show_grid
from vae_keras.support.text import minus

AXIS_NAMES = ("$z_1$", "$z_2$")
OUTLINE = [withStroke(linewidth=3, foreground="white")]


@takes_arrays
def plot_latent(
    points: np.ndarray,
    labels: np.ndarray | None = None,
    class_names: Sequence[str] = (),
    axis_names: Sequence[str] = AXIS_NAMES,
) -> Figure:
    """Scatter of two-dimensional latent points, colored by class.

    Args:
        points: Array `(count, 2)`.
        labels: Integer array `(count,)`, or None for one color.
        class_names: One text for each label; without them the labels themselves.
        axis_names: What the axes are, such as `LatentPlane.names`.

    Returns:
        Figure.
    """
    figure = Figure(figsize=(6.4, 5.4), layout="constrained")
    axes = figure.subplots()
    scatter_classes(axes, points, labels, class_names)
    _add_legend(figure, labels, class_names)
    label_axes(axes, axis_names)
    return figure


@takes_arrays
def plot_latent_and_quantiles(
    points: np.ndarray,
    labels: np.ndarray | None = None,
    class_names: Sequence[str] = (),
    axis_names: Sequence[str] = AXIS_NAMES,
) -> Figure:
    """The scatter of latent points, beside it the same in p-value space.

    There every coordinate is Φ(z), the share of N(0, 1) that lies below it: points that are
    distributed as the prior fill the unit square evenly.

    Args:
        points, labels, class_names, axis_names: As for `plot_latent`.

    Returns:
        Figure.
    """
    figure = Figure(figsize=(10.4, 4.8), layout="constrained")
    left, right = figure.subplots(1, 2)
    scatter_classes(left, points, labels, class_names)
    scatter_classes(right, norm.cdf(points), labels, class_names)
    _add_legend(figure, labels, class_names)
    label_planes(left, right, axis_names)
    return figure


@takes_arrays
def plot_places(
    points: np.ndarray,
    places: np.ndarray,
    images: np.ndarray,
    labels: np.ndarray | None = None,
    class_names: Sequence[str] = (),
    axis_names: Sequence[str] = AXIS_NAMES,
) -> Figure:
    """Where in the scatter some places lie, and the images that are decoded there.

    Args:
        points: Array `(count, 2)`.
        places: Array `(few, 2)`.
        images: What the decoder makes of the places, array `(few, height, width, channels)`.
        labels, class_names, axis_names: As for `plot_latent`.

    Returns:
        Figure: the scatter with numbered marks, and a grid of the images, captioned with the
        same numbers and the coordinates.
    """
    columns = 6 if len(places) > 12 else 4
    figure = Figure(figsize=(11.4, 5), layout="constrained")
    left, right = figure.subfigures(1, 2, width_ratios=(1, 1), squeeze=False)[0]
    axes = left.subplots()
    scatter_classes(axes, points, labels, class_names, alpha=0.35, named=False)
    _add_legend(left, labels, class_names)
    axes.scatter(*places.T, s=170, facecolors="white", edgecolors="black", zorder=3)
    for number, place in enumerate(places, start=1):
        axes.annotate(str(number), place, ha="center", va="center_baseline", fontsize=8, zorder=4)
    label_axes(axes, axis_names)
    captions = [f"{number}\n({x:.1f}, {y:.1f})" for number, (x, y) in enumerate(places, start=1)]
    show_grid(right, images, columns, [minus(caption) for caption in captions])
    return figure


def scatter_classes(
    axes: Axes,
    points: np.ndarray,
    labels: np.ndarray | None = None,
    class_names: Sequence[str] = (),
    alpha: float = 0.7,
    named: bool = True,
) -> None:
    """Draw points, colored by class, into `axes`; short names are written where their class is."""
    size = float(np.clip(20_000 / len(points), 3, 20))
    if labels is None:
        axes.scatter(
            points[:, 0], points[:, 1], s=size, linewidths=0, alpha=alpha, color=TRAIN_COLOR
        )
        return
    class_names = _names(labels, class_names)
    # One call, in the order of the images, so that no class covers all others.
    colors = np.array(class_colors(len(class_names)))
    axes.scatter(points[:, 0], points[:, 1], s=size, linewidths=0, alpha=alpha, c=colors[labels])
    for label, name in enumerate(class_names):
        if named and len(name) <= 2 and np.any(labels == label):
            # A short name fits where its class is, and needs no color to be read.
            middle = np.median(points[labels == label], axis=0)
            axes.annotate(
                name, middle, ha="center", va="center", weight="bold", path_effects=OUTLINE
            )


def scatter_pale(axes: Axes, points: np.ndarray, label: str | None) -> None:
    """Draw points in pale gray, as the background of a comparison."""
    size = float(np.clip(20_000 / len(points), 3, 20))
    axes.scatter(points[:, 0], points[:, 1], s=size, linewidths=0, color=PALE, label=label)


def label_planes(left: Axes, right: Axes, axis_names: Sequence[str]) -> None:
    """Titles and limits of the latent plane beside the same plane in p-values under the prior."""
    label_axes(left, axis_names)
    label_axes(right, [f"Φ({name})" if len(name) <= 6 else f"Φ of {name}" for name in axis_names])
    right.set(xlim=(0, 1), ylim=(0, 1), aspect="equal", adjustable="box")
    left.set_title("Latent space")
    right.set_title("p-values under the prior")


def label_axes(axes: Axes, axis_names: Sequence[str]) -> None:
    """Name both axes of a latent plane and give them one scale."""
    axes.set(xlabel=axis_names[0], ylabel=axis_names[1])
    axes.set_aspect("equal", adjustable="datalim")
    axes.spines[["top", "right"]].set_visible(False)


def _add_legend(
    figure: Figure | SubFigure, labels: np.ndarray | None, class_names: Sequence[str]
) -> None:
    class_names = () if labels is None else _names(labels, class_names)
    if not 0 < len(class_names) <= NAMED_CLASSES:
        return
    axes = figure.axes[0]
    for name, color in zip(class_names, class_colors(len(class_names))):
        axes.scatter([], [], s=30, color=color, label=name)
    handles = axes.get_legend_handles_labels()
    columns = -(-len(class_names) // 20)
    figure.legend(*handles, loc="outside right center", frameon=False, ncols=columns)


def _names(labels: np.ndarray, class_names: Sequence[str]) -> Sequence[str]:
    """The names of classes, or the numbers of those that there are."""
    return class_names if len(class_names) else [str(n) for n in range(int(labels.max()) + 1)]
