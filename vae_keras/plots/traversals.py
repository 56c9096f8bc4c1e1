"""Traversals: the effect of each latent dimension on an image."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from vae_keras.plots.arrays import takes_arrays
from vae_keras.plots.images import show_image
from vae_keras.plots.style import new_figure, styled
from vae_keras.support.text import minus


@styled
@takes_arrays
def plot_traversals(
    images: np.ndarray,
    values: np.ndarray,
    dimensions: Sequence[int] | np.ndarray,
    kl: np.ndarray | None = None,
    center: str | None = None,
) -> Figure:
    """Images decoded while one latent coordinate changes: a row for each coordinate.

    Args:
        images: Array `(rows, steps, height, width, channels)`, uint8 or in [0, 1].
        values: The coordinate at each step, in standard deviations of the prior, array `(steps,)`.
        dimensions: The coordinate that changes in each row, counted from 0.
        kl: KL divergence from the prior along these dimensions, in nats, array `(rows,)`, written
            at the left; None to write nothing.
        center: Name of the point that gives the other coordinates; None for the origin.

    Returns:
        Figure.
    """
    rows, steps, height, width, _ = images.shape
    figure = new_figure(0.8 * steps + 1.1, 0.8 * height / width * rows + 0.9)
    panels = figure.subplots(rows, steps, squeeze=False)
    for row, (cells, strip, dimension) in enumerate(zip(panels, images, dimensions)):
        for axes, image in zip(cells, strip):
            show_image(axes, image)
        text = f"$z_{{{int(dimension) + 1}}}$"
        if kl is not None:
            text += f"\nKL {kl[row]:.2f} nats"
        cells[0].set_ylabel(text, rotation=0, ha="right", va="center", fontsize=9)
    for axes, value in zip(panels[0], values):
        axes.set_title(minus(f"{value:+.2g}") if value else "0", fontsize=9)
    others = f"are those of {center}" if center else "stay 0"
    figure.suptitle(f"One coordinate changes, the others {others}", fontsize=10)
    figure.supxlabel("standard deviations of the prior", fontsize=9)
    return figure
