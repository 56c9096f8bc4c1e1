"""The figure of an evaluation."""

from collections.abc import Sequence

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from vae_keras.plots.arrays import takes_arrays
from vae_keras.plots.colors import NAMED_CLASSES, PALE, TEST_COLOR, TRAIN_COLOR
from vae_keras.plots.fonts import drawable
from vae_keras.plots.style import new_figure, styled

DRAW_COLOR = "#8fc1e3"  # a light TRAIN_COLOR, as a background for the images


@styled
@takes_arrays
def plot_evaluation(
    points: np.ndarray,
    places: np.ndarray,
    in_gap: np.ndarray,
    drawn_from: str,
    class_names: Sequence[str] = (),
    sample_shares: np.ndarray | None = None,
    test_shares: np.ndarray | None = None,
) -> Figure:
    """The latent places of samples, and their classes.

    Args:
        points: Latent points of images (for a VAE, one random z of each), array
            `(images, latent_dim)`. If there are more than two axes, the two with the largest
            variance are shown.
        places: Latent places of the samples, array `(count, latent_dim)`.
        in_gap: Boolean array `(count,)`: far from every image.
        drawn_from: `"prior"` or `"box"`.
        class_names: One text for each class.
        sample_shares, test_shares: Share of each class among samples and test images, arrays
            `(classes,)`; None to omit the second panel.

    Returns:
        Figure.
    """
    panels = 1 if sample_shares is None else 2
    figure = new_figure(6.4 if panels == 1 else 9.6, 4.4)
    axes = figure.subplots(1, panels, squeeze=False)[0]
    shown = np.sort(np.argsort(np.var(points, axis=0))[::-1][:2])
    name = {"prior": "draws from $N(0, I)$", "box": "draws over the points' range"}[drawn_from]
    few, few_in_gap = places[:2000], in_gap[:2000]
    for values, color, label in (
        (few[~few_in_gap], DRAW_COLOR, name),
        (few[few_in_gap], TEST_COLOR, f"in gaps ({np.mean(in_gap):.1%})"),
        (points[:2000], "black", "test images"),
    ):
        x = values[:, shown[0]]
        y = values[:, shown[1]] if len(shown) == 2 else np.zeros_like(x)
        axes[0].scatter(x, y, s=5, linewidths=0, color=color, label=label)
    axes[0].set_aspect("equal", adjustable="datalim")
    axes[0].set_xlabel(f"$z_{{{shown[0] + 1}}}$")
    if len(shown) == 2:
        axes[0].set_ylabel(f"$z_{{{shown[1] + 1}}}$")
    else:
        axes[0].set_yticks([])
    axes[0].set_title("Where samples are drawn")
    if sample_shares is not None and test_shares is not None:
        rows = np.arange(len(sample_shares))
        axes[1].barh(rows - 0.2, sample_shares, 0.4, color=TRAIN_COLOR, label="samples")
        axes[1].barh(rows + 0.2, test_shares, 0.4, color=PALE, label="test images")
        if len(rows) <= NAMED_CLASSES:
            texts, options = drawable(class_names)
            axes[1].set_yticks(rows, texts, **options)
        else:
            axes[1].set_ylabel("number of the class")
        axes[1].invert_yaxis()
        axes[1].xaxis.set_major_locator(matplotlib.ticker.MaxNLocator(5, steps=[1, 2, 5, 10]))
        axes[1].xaxis.set_major_formatter(matplotlib.ticker.PercentFormatter(1, decimals=0))
        axes[1].set(xlabel="share of the images", title="Classes assigned by a classifier")
    for panel in axes:
        panel.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=3, markerscale=3)
    return figure
