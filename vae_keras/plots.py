"""Figures: arrays in, `matplotlib.figure.Figure` out."""

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from scipy.stats import norm

TRAIN_COLOR, TEST_COLOR = "#0072b2", "#d55e00"  # from Okabe & Ito's colour-blind-safe palette
TERM_TITLES = {
    "loss": "Loss",
    "reconstruction_loss": "Reconstruction term",
    "kl_loss": "KL divergence (nats)",
}


def plot_losses(rows):
    """Training and test curves of the loss and its terms, on a logarithmic scale.

    Args:
        rows: Dictionaries with `epoch` and the columns of a run's history.

    Returns:
        Figure with one panel for each term.
    """
    terms = [term for term in TERM_TITLES if term in rows[0]]
    figure = Figure(figsize=(3.6 * len(terms), 3.2), layout="constrained")
    epochs = [row["epoch"] for row in rows]
    for axes, term in zip(figure.subplots(1, len(terms), squeeze=False)[0], terms):
        marker = "o" if len(rows) == 1 else None
        for column, label, color, style in (
            (term, "training", TRAIN_COLOR, "-"),
            (f"val_{term}", "test", TEST_COLOR, "--"),
        ):
            values = [row[column] for row in rows]
            axes.plot(epochs, values, style, color=color, label=label, marker=marker)
        axes.set(title=TERM_TITLES[term], xlabel="epoch", yscale="log")
        axes.xaxis.set_major_locator(matplotlib.ticker.MaxNLocator(integer=True))
        for axis in (axes.yaxis.set_major_formatter, axes.yaxis.set_minor_formatter):
            axis(matplotlib.ticker.FormatStrFormatter("%g"))
        axes.yaxis.set_minor_locator(matplotlib.ticker.MaxNLocator(4))
        axes.yaxis.set_major_locator(matplotlib.ticker.NullLocator())
        axes.grid(True, which="both", color="0.9")
        axes.spines[["top", "right"]].set_visible(False)
    figure.axes[0].legend(frameon=False)
    return figure


def plot_reconstructions(images, reconstructions):
    """Images above their reconstructions.

    Args:
        images: Array `(count, height, width, channels)`, uint8 or in [0, 1].
        reconstructions: Array of the same shape, in [0, 1].

    Returns:
        Figure.
    """
    figure = Figure(figsize=(0.9 * len(images), 2.1), layout="constrained")
    rows = figure.subplots(2, len(images), squeeze=False)
    for axes_row, row, label in zip(rows, (images, reconstructions), ("original", "rebuilt")):
        for axes, image in zip(axes_row, row):
            _show_image(axes, image)
        axes_row[0].set_ylabel(label)
    return figure


def plot_images(images, columns=10):
    """Images in a grid, row by row.

    Args:
        images: Array `(count, height, width, channels)`, uint8 or in [0, 1].
        columns: Images in a row.

    Returns:
        Figure.
    """
    rows = -(-len(images) // columns)
    figure = Figure(figsize=(0.9 * columns, 0.9 * rows), layout="constrained")
    all_axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in all_axes[len(images) :]:
        axes.set_axis_off()
    for axes, image in zip(all_axes, images):
        _show_image(axes, image)
    return figure


def plot_latent(points, labels=None, class_names=()):
    """Scatter of two-dimensional latent points, coloured by class.

    Args:
        points: Array `(count, 2)`.
        labels: Integer array `(count,)`, or None for one colour.
        class_names: One text for each label.

    Returns:
        Figure.
    """
    figure = Figure(figsize=(6.4, 5.4), layout="constrained")
    axes = figure.subplots()
    size = float(np.clip(20_000 / len(points), 3, 20))
    if labels is None:
        axes.scatter(*points.T, s=size, linewidths=0, alpha=0.7, color=TRAIN_COLOR)
    else:
        # One call, in the order of the images, so that no class covers all others.
        colors = np.array(class_colors(len(class_names)))
        axes.scatter(*points.T, s=size, linewidths=0, alpha=0.7, c=colors[labels])
        for label, (name, color) in enumerate(zip(class_names, colors)):
            axes.scatter([], [], s=30, color=color, label=name)
            if len(name) <= 2 and np.any(labels == label):
                # A short name fits where its class is, and needs no colour to be read.
                axes.annotate(
                    name,
                    np.median(points[labels == label], axis=0),
                    ha="center",
                    va="center",
                    weight="bold",
                    path_effects=[withStroke(linewidth=3, foreground="white")],
                )
        figure.legend(
            loc="outside right center", frameon=False, ncols=-(-len(class_names) // 20)
        )
    axes.set(xlabel="$z_1$", ylabel="$z_2$")
    axes.set_aspect("equal", adjustable="datalim")
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def manifold_points(side):
    """Latent points at evenly spaced quantiles of the prior N(0, I), for `plot_manifold`.

    Quantiles are taken at the middle of each cell, (i + ½) / side, so that none is infinite.

    Args:
        side: Points along each axis.

    Returns:
        float32 array `(side * side, 2)`, row by row from the top: z₂ falls down the
        rows, z₁ grows along them, as in a scatter plot.
    """
    quantiles = norm.ppf((np.arange(side) + 0.5) / side)
    z1, z2 = np.meshgrid(quantiles, quantiles[::-1])
    return np.stack([z1.ravel(), z2.ravel()], axis=1).astype(np.float32)


def plot_manifold(images, side):
    """The images decoded at `manifold_points(side)`, as one picture with the latent axes.

    Args:
        images: Array `(side * side, height, width, channels)` in [0, 1].
        side: Images along each axis.

    Returns:
        Figure.
    """
    height, width, channels = images.shape[1:]
    grid = images.reshape(side, side, height, width, channels).transpose(0, 2, 1, 3, 4)
    grid = grid.reshape(side * height, side * width, channels)
    figure = Figure(figsize=(7.2, 7.2 * height / width), layout="constrained")
    axes = figure.subplots()
    axes.imshow(grid, cmap="gray", vmin=0, vmax=1, interpolation="none")
    quantiles = (np.arange(side) + 0.5) / side
    shown = np.linspace(0, side - 1, min(side, 7)).round().astype(int)
    names = [f"{value:.1f}" for value in norm.ppf(quantiles[shown]).round(1) + 0.0]
    axes.set_xticks((shown + 0.5) * width - 0.5, names)
    axes.set_yticks((side - shown - 0.5) * height - 0.5, names)
    axes.set(
        xlabel="$z_1$ (evenly spaced in probability)",
        ylabel="$z_2$ (evenly spaced in probability)",
    )
    return figure


def class_colors(count):
    """Colours for so many classes, ten of them told apart by colour-blind readers too.

    The first ten are Petroff's (2021, https://arxiv.org/abs/2107.02270); more classes
    than that take colours from a continuous scale.
    """
    if count <= 10:
        return matplotlib.color_sequences["petroff10"][:count]
    return list(matplotlib.colormaps["turbo"](np.linspace(0.05, 0.95, count))[:, :3])


def _show_image(axes, image):
    limit = 255 if image.dtype == np.uint8 else 1
    axes.imshow(image, cmap="gray", vmin=0, vmax=limit)
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(False)
