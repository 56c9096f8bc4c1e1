"""The latent space as distributions: posteriors of images, their mixture, and the prior."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Ellipse
from scipy.stats import chi2, norm

from vae_keras.plots.arrays import takes_arrays
from vae_keras.plots.colors import TRAIN_COLOR, variant_colors
from vae_keras.plots.images import show_image
from vae_keras.plots.latent import AXIS_NAMES, label_axes, scatter_pale
from vae_keras.plots.style import new_figure, styled

PRIOR_SHARES = (0.5, 0.9, 0.99)


@styled
@takes_arrays
def plot_posteriors(
    points: np.ndarray,
    means: np.ndarray,
    covariances: np.ndarray,
    images: np.ndarray,
    axis_names: Sequence[str] = AXIS_NAMES,
) -> Figure:
    """The posteriors of a few images as ellipses among the means of all.

    Args:
        points: Posterior means of many images, array `(count, 2)`.
        means: Posterior means of the few, array `(few, 2)`.
        covariances: Posterior covariances of the few, array `(few, 2, 2)`.
        images: The few images, array `(few, height, width, channels)`, uint8 or in [0, 1].
        axis_names: Labels of the axes, such as `LatentPlane.names`.

    Returns:
        Figure: the images in colored frames, and their posteriors in the same colors, as ellipses
        at one and two standard deviations.
    """
    figure = new_figure(8.4, 5.4)
    left, right = figure.subfigures(1, 2, width_ratios=(1, 6), squeeze=False)[0]
    frames = left.subplots(len(images), 1, squeeze=False)[:, 0]
    axes = right.subplots()
    scatter_pale(axes, points, "means of all images")
    colors = variant_colors(range(len(images))).values()
    for frame, image, mean, covariance, color in zip(frames, images, means, covariances, colors):
        show_image(frame, image)
        frame.spines[:].set(visible=True, color=color, linewidth=3)
        variances, vectors = np.linalg.eigh(covariance)
        angle = np.degrees(np.arctan2(vectors[1, 1], vectors[0, 1]))
        for deviations, alpha in ((2, 0.25), (1, 0.45)):
            minor, major = 2 * deviations * np.sqrt(variances)
            axes.add_patch(Ellipse(mean, major, minor, angle=angle, color=color, alpha=alpha))
        axes.scatter(*mean, s=12, color="black", zorder=3)
    axes.scatter([], [], s=12, color="black", label="mean: the point")
    axes.scatter([], [], s=90, color="0.5", label="1 and 2 standard deviations: the distribution")
    label_axes(axes, axis_names)
    figure.legend(loc="outside lower center", ncols=3)
    return figure


@styled
@takes_arrays
def plot_density(
    places: np.ndarray, density: np.ndarray, axis_names: Sequence[str] = AXIS_NAMES
) -> Figure:
    """Density of the aggregate posterior against contours of the prior N(0, I).

    Args:
        places: Array `(side * side, 2)`, as `latent.space.even_grid` returns it.
        density: Density of the mixture of all posteriors at these places, `(side * side,)`.
        axis_names: Labels of the axes, such as `LatentPlane.names`.

    Returns:
        Figure. Circles contain 50, 90 and 99% of the prior.
    """
    side = round(len(density) ** 0.5)
    x, y = places.reshape(side, side, 2).transpose(2, 0, 1)
    figure = new_figure(6.6, 5.4)
    axes = figure.subplots()
    shades = axes.contourf(x, y, density.reshape(side, side), levels=20, cmap="viridis")
    figure.colorbar(shades, ax=axes, label="density of the aggregate posterior $q(z)$")
    prior = norm.pdf(x) * norm.pdf(y)
    radii = np.sqrt(chi2.ppf(PRIOR_SHARES, df=2))
    levels = norm.pdf(0) * norm.pdf(radii)
    lines = axes.contour(x, y, prior, levels=levels[::-1], colors="white", linestyles="--")
    names = {level: f"{share:.0%}" for level, share in zip(levels, PRIOR_SHARES)}
    above = [(0, radius) for radius in radii[::-1]]
    axes.clabel(lines, fmt=names, manual=above, fontsize=8)
    label_axes(axes, axis_names)
    axes.set(aspect="equal", adjustable="box")
    axes.set_title("Dashed: circles with these shares of the prior", fontsize=10)
    return figure


@styled
@takes_arrays
def plot_histograms(z: np.ndarray, kl: np.ndarray | None = None) -> Figure:
    """Histograms of latent coordinates, one panel for each, with the density of N(0, 1).

    Args:
        z: Draws from the posteriors of many images, or latent points, `(count, latent_dim)`.
        kl: KL divergence from the prior along each axis, in nats, array `(latent_dim,)`,
            written above the panels; None to write nothing.

    Returns:
        Figure.
    """
    count = z.shape[1]
    many = count > 20
    most, width, height = (10, 1.2, 1.3) if many else (5, 2.2, 1.9)
    rows = -(-count // most)
    columns = -(-count // rows)
    figure = new_figure(width * columns + 0.4, height * rows + 0.5)
    panels = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True).ravel()
    limit = max(3.5, float(np.quantile(np.abs(z), 0.999)))
    x = np.linspace(-limit, limit, 200)
    for number, axes in enumerate(panels[:count]):
        axes.hist(
            z[:, number],
            bins=40,
            range=(-limit, limit),
            density=True,
            color=TRAIN_COLOR,
            alpha=0.6,
            label="images",
        )
        axes.plot(x, norm.pdf(x), color="black", linewidth=1.2, label="prior $N(0, 1)$")
        title = f"$z_{{{number + 1}}}$"
        if kl is not None:
            title += ("\n" if many else ", ") + f"KL {kl[number]:.2f} nats"
        axes.set_title(title, fontsize=9 if many else 10)
    for axes in panels[count:]:
        axes.set_axis_off()
    for axes in panels[max(count - columns, 0) : count]:
        axes.tick_params(labelbottom=True)  # also above an empty place
    for axes in panels[:count:columns]:
        axes.set_ylabel("density")
    handles = panels[0].get_legend_handles_labels()
    figure.legend(*handles, loc="outside lower center", ncols=2)
    return figure
