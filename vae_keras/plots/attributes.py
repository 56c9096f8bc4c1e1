"""Vectors of attributes."""

import matplotlib
from matplotlib.figure import Figure

from vae_keras.plots.colors import TRAIN_COLOR


def plot_convergence(rows):
    """How an attribute vector settles while more and more images are looked at.

    Args:
        rows: What `latent_space.vector_convergence` returned.

    Returns:
        Figure with the length of the vector, and how much of it each batch changed.
    """
    figure = Figure(figsize=(7.6, 3), layout="constrained")
    panels = figure.subplots(1, 2)
    marker = "o" if len(rows) <= 30 else None
    later = rows[1:]  # the first has nothing to be compared with
    for axes, shown, values, title in (
        (panels[0], rows, [row["norm"] for row in rows], "Length of the vector"),
        (
            panels[1],
            later,
            [row["change"] / row["norm"] for row in later],
            "Changed by the last batch",
        ),
    ):
        images = [row["images"] for row in shown]
        axes.plot(images, values, color=TRAIN_COLOR, marker=marker, markersize=4)
        axes.set(title=title, xlabel="images looked at", ylim=(0, 1.1 * max(values, default=1)))
        axes.xaxis.set_major_locator(matplotlib.ticker.MaxNLocator(5, integer=True))
        axes.spines[["top", "right"]].set_visible(False)
    panels[1].yaxis.set_major_formatter(matplotlib.ticker.PercentFormatter(1))
    return figure
