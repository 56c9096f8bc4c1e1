"""The latent plane: images as points."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.patheffects import withStroke
from scipy.stats import norm

from vae_keras.plots.arrays import takes_arrays
from vae_keras.plots.colors import NAMED_CLASSES, PALE, TRAIN_COLOR, class_colors
from vae_keras.plots.fonts import drawable
from vae_keras.plots.images import show_grid
from vae_keras.plots.layout import spread_boxes
from vae_keras.plots.style import LEADER, new_figure, styled
from vae_keras.support.text import count, minus

AXIS_NAMES = ("$z_1$", "$z_2$")
OUTLINE = [withStroke(linewidth=3, foreground="white")]
TURN = np.linspace(0, 2 * np.pi, 200)
CIRCLE: dict[str, Any] = {"color": "0.4", "linestyle": "--", "linewidth": 0.8, "zorder": 2}


@styled
@takes_arrays
def plot_latent(
    points: np.ndarray,
    labels: np.ndarray | None = None,
    class_names: Sequence[str] = (),
    axis_names: Sequence[str] = AXIS_NAMES,
    prior: bool = False,
) -> Figure:
    """Scatter of two-dimensional latent points, colored by class.

    Args:
        points: Array `(count, 2)`.
        labels: Integer array `(count,)`, or None for one color.
        class_names: One name for each label; by default the labels.
        axis_names: Labels of the axes, such as `LatentPlane.names`.
        prior: Whether to draw the prior N(0, I) of a VAE, as circles.

    Returns:
        Figure, with the number of points in its title.
    """
    figure = new_figure(6.4, 5.4)
    axes = figure.subplots()
    title = count(len(points), "image")
    if prior:
        title += "; dashed: 1, 2 and 3 standard deviations of the prior"
        for radius in (1, 2, 3):
            axes.plot(radius * np.cos(TURN), radius * np.sin(TURN), **CIRCLE)
    scatter_classes(axes, points, labels, class_names)
    _add_legend(figure, labels, class_names)
    label_axes(axes, axis_names)
    axes.set_title(title, fontsize=10)
    return figure


@styled
@takes_arrays
def plot_latent_and_quantiles(
    points: np.ndarray,
    labels: np.ndarray | None = None,
    class_names: Sequence[str] = (),
    axis_names: Sequence[str] = AXIS_NAMES,
) -> Figure:
    """The scatter of latent points, and beside it the same in p-value space.

    In p-value space, every coordinate is Φ(z), the share of N(0, 1) below it, so points with the
    distribution of the prior fill the unit square evenly.

    Args:
        points, labels, class_names, axis_names: As for `plot_latent`.

    Returns:
        Figure.
    """
    figure = new_figure(10.4, 4.8)
    left, right = figure.subplots(1, 2)
    scatter_classes(left, points, labels, class_names)
    scatter_classes(right, norm.cdf(points), labels, class_names)
    _add_legend(figure, labels, class_names)
    label_planes(left, right, axis_names, len(points))
    return figure


@styled
@takes_arrays
def plot_places(
    points: np.ndarray,
    places: np.ndarray,
    images: np.ndarray,
    labels: np.ndarray | None = None,
    class_names: Sequence[str] = (),
    axis_names: Sequence[str] = AXIS_NAMES,
) -> Figure:
    """Some places in the scatter, and the images decoded there.

    Args:
        points: Array `(count, 2)`.
        places: Array `(few, 2)`.
        images: Images decoded at the places, array `(few, height, width, channels)`.
        labels, class_names, axis_names: As for `plot_latent`.

    Returns:
        Figure: the scatter with numbered marks, and a grid of the images, captioned with the
        same numbers and the coordinates.
    """
    columns = 6 if len(places) > 12 else 4
    figure = new_figure(11.4, 5)
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
    """Draw points colored by class into `axes`, with short class names at their classes."""
    size = float(np.clip(20_000 / len(points), 3, 20))
    if labels is None:
        axes.scatter(
            points[:, 0], points[:, 1], s=size, linewidths=0, alpha=alpha, color=TRAIN_COLOR
        )
        return
    class_names = _names(labels, class_names)
    # One call, in the order of the images, so that no class covers the others.
    colors = np.array(class_colors(len(class_names)))
    axes.scatter(points[:, 0], points[:, 1], s=size, linewidths=0, alpha=alpha, c=colors[labels])
    if named:
        # A short name fits at its class and is readable without color.
        texts, options = drawable(class_names)
        short = [n for n, text in enumerate(texts) if len(text) <= 2 and np.any(labels == n)]
        middles = [np.median(points[labels == label], axis=0) for label in short]
        _name_classes(axes, [texts[label] for label in short], np.array(middles), options)


def scatter_pale(axes: Axes, points: np.ndarray, label: str | None) -> None:
    """Draw points in pale gray, as the background of a comparison."""
    size = float(np.clip(20_000 / len(points), 3, 20))
    axes.scatter(points[:, 0], points[:, 1], s=size, linewidths=0, color=PALE, label=label)


def label_planes(left: Axes, right: Axes, axis_names: Sequence[str], images: int) -> None:
    """Titles and limits of the latent plane beside the same plane in p-values under the prior."""
    label_axes(left, axis_names)
    label_axes(right, [f"Φ({name})" if len(name) <= 6 else f"Φ of {name}" for name in axis_names])
    right.set(xlim=(0, 1), ylim=(0, 1), aspect="equal", adjustable="box")
    left.set_title(f"Latent space, {count(images, 'image')}")
    right.set_title("p-values under the prior")


def label_axes(axes: Axes, axis_names: Sequence[str]) -> None:
    """Name both axes of a latent plane and give them one scale."""
    axes.set(xlabel=axis_names[0], ylabel=axis_names[1])
    axes.set_aspect("equal", adjustable="datalim")


def _name_classes(
    axes: Axes, names: Sequence[str], middles: np.ndarray, options: Mapping[str, Any]
) -> None:
    """Write each name at the middle of its class `(count, 2)`, or nearby to avoid overlap."""
    if not len(names):
        return
    # The longer side of the data takes about four inches.
    unit = max(axes.dataLim.width, axes.dataLim.height, 1e-9) / (4 * 72)  # of the data in a point
    sizes = [(unit * (7 * len(name) + 6), unit * 14) for name in names]
    for name, middle, place in zip(names, middles, spread_boxes(middles, np.array(sizes))):
        far = np.abs(place - middle).max() > 8 * unit
        axes.annotate(
            name,
            middle,
            xytext=place,
            ha="center",
            va="center",
            weight="bold",
            color="black",
            path_effects=OUTLINE,
            **options,
            arrowprops={**LEADER, "color": "black", "shrinkB": 0} if far else None,
        )


def _add_legend(
    figure: Figure | SubFigure, labels: np.ndarray | None, class_names: Sequence[str]
) -> None:
    class_names = () if labels is None else _names(labels, class_names)
    if not 0 < len(class_names) <= NAMED_CLASSES:
        return
    axes = figure.axes[0]
    handles = [axes.scatter([], [], s=30, color=color) for color in class_colors(len(class_names))]
    columns = -(-len(class_names) // 20)
    # Not as labels of the points, because matplotlib ignores labels that begin with "_".
    texts, options = drawable(class_names)
    legend = figure.legend(handles, texts, loc="outside right center", ncols=columns)
    for text in legend.get_texts():
        text.set(**options)


def _names(labels: np.ndarray, class_names: Sequence[str]) -> Sequence[str]:
    """The names of the classes, or their numbers."""
    return class_names if len(class_names) else [str(n) for n in range(int(labels.max()) + 1)]
