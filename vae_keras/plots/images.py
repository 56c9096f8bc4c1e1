"""Images side by side."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure

from vae_keras.plots.arrays import takes_arrays
from vae_keras.plots.style import SMALL, new_figure, styled
from vae_keras.support.text import minus


@styled
@takes_arrays
def plot_reconstructions(
    images: np.ndarray, reconstructions: np.ndarray, points: np.ndarray | None = None
) -> Figure:
    """Images above their reconstructions, with the mean squared error of each below it.

    Args:
        images: Array `(count, height, width, channels)`, uint8 or in [0, 1].
        reconstructions: Array of the same shape, uint8 or in [0, 1].
        points: Latent point of each image, array `(count, latent_dim)`, written between the two
            rows; nothing is written for None or more than three dimensions.

    Returns:
        Figure.
    """
    if points is not None and points.shape[1] > 3:
        points = None
    size = (0.9 * len(images) + 0.2, 2.05 if points is None else 2.5)
    figure = new_figure(*size)
    rows = figure.subplots(2, len(images), squeeze=False)
    for axes_row, row, label in zip(rows, (images, reconstructions), ("original", "rebuilt")):
        for axes, image in zip(axes_row, row):
            show_image(axes, image)
        axes_row[0].set_ylabel(label)
    errors = np.square(_unit(images) - _unit(reconstructions)).mean(axis=(1, 2, 3))
    for axes, error in zip(rows[1], errors):
        axes.set_xlabel(f"{error:.3f}", fontsize=SMALL)
    rows[1][0].set_ylabel("rebuilt,\nMSE below")
    if points is not None:
        for axes, point in zip(rows[0], points):
            text = "\n".join(f"{value:.2f}" for value in point)
            axes.set_xlabel(minus(text), fontsize=SMALL)
        rows[0][0].set_ylabel("original,\nits z below")
    return figure


@styled
@takes_arrays
def plot_images(
    images: np.ndarray, columns: int = 10, captions: Sequence[str] | None = None
) -> Figure:
    """Images in a grid, row by row.

    Args:
        images: Array `(count, height, width, channels)`, uint8 or in [0, 1].
        columns: Images in a row.
        captions: One text for each image, written below it.

    Returns:
        Figure.
    """
    rows = -(-len(images) // columns)
    height = 0.9 if captions is None else 1.1
    figure = new_figure(0.9 * columns, height * rows)
    show_grid(figure, images, columns, captions)
    return figure


def show_grid(
    figure: Figure | SubFigure,
    images: np.ndarray,
    columns: int,
    captions: Sequence[str] | None = None,
) -> None:
    """Draw images, with or without captions, into a figure or subfigure."""
    rows = -(-len(images) // columns)
    all_axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in all_axes[len(images) :]:
        axes.set_axis_off()
    for axes, image in zip(all_axes, images):
        show_image(axes, image)
    if captions is not None:
        for axes, caption in zip(all_axes, captions):
            axes.set_xlabel(caption, fontsize=SMALL, labelpad=2)


def tile(images: np.ndarray, columns: int, gap: int = 1) -> np.ndarray:
    """Join images into one, row by row, with white lines between them.

    Args:
        images: Array `(count, height, width, channels)`, uint8 or in [0, 1]; count must be a
            multiple of `columns`.
        columns: Images in a row.
        gap: Pixels between two images.

    Returns:
        Array of the same type, `(height, width, channels)`.
    """
    _, height, width, channels = images.shape
    white = 255 if images.dtype == np.uint8 else 1
    border = ((0, 0), (0, gap), (0, gap), (0, 0))
    padded = np.pad(images, border, constant_values=white)
    grid = padded.reshape(-1, columns, height + gap, width + gap, channels).transpose(0, 2, 1, 3, 4)
    grid = grid.reshape(-1, columns * (width + gap), channels)
    return grid[: len(grid) - gap, : grid.shape[1] - gap]


def show_tiles(axes: Axes, images: np.ndarray, columns: int) -> None:
    """Draw images as one, row by row, with white lines of equal width between them.

    Args:
        axes: Axes to draw on.
        images, columns: As for `tile`.
    """
    height, width = images.shape[1:3]
    show_image(axes, tile(images, columns, gap=0))
    # Lines have whole pixels of the figure; pixels of the image would be one or two pixels wide.
    for column in range(1, columns):
        axes.axvline(column * width - 0.5, color="white", linewidth=0.8)
    for row in range(1, len(images) // columns):
        axes.axhline(row * height - 0.5, color="white", linewidth=0.8)


def show_image(axes: Axes, image: np.ndarray) -> None:
    """Draw one image, uint8 or in [0, 1], without axes."""
    limit = 255 if image.dtype == np.uint8 else 1
    axes.imshow(image, cmap="gray", vmin=0, vmax=limit)
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(False)


def _unit(images: np.ndarray) -> np.ndarray:
    """Images in [0, 1], float64."""
    return images / 255 if images.dtype == np.uint8 else images.astype(np.float64)
