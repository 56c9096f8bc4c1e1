"""Geometry of the latent space in NumPy: planes, grids, paths and directions."""

import dataclasses
from typing import Any

import numpy as np
from scipy.stats import norm
from sklearn.decomposition import PCA

from vae_keras.support.errors import InputError


@dataclasses.dataclass(frozen=True)
class LatentPlane:
    """Two orthogonal directions through the origin of the latent space.

    The directions are orthonormal and the plane contains the origin, so the prior N(0, I) of the
    whole space is also N(0, I) on the plane.

    Attributes:
        directions: float64 array `(2, latent_dim)` with orthonormal rows.
        names: Labels of the axes of a figure.
    """

    directions: np.ndarray
    names: tuple[str, str]

    def project(self, points: np.ndarray) -> np.ndarray:
        """The projection of points `(count, latent_dim)` onto the plane, `(count, 2)`."""
        return np.float64(points) @ self.directions.T

    def lift(self, places: np.ndarray) -> np.ndarray:
        """The latent points, float32 `(count, latent_dim)`, at places `(count, 2)` of the plane."""
        return (np.float64(places) @ self.directions).astype(np.float32)

    def covariances(self, log_var: np.ndarray) -> np.ndarray:
        """Covariances `(count, 2, 2)`, in the plane, of Gaussians of diagonal exp(log_var)."""
        return np.einsum(
            "ad,nd,bd->nab", self.directions, np.exp(np.float64(log_var)), self.directions
        )


def latent_plane(points: np.ndarray) -> LatentPlane:
    """The plane in which to show latent points.

    With two latent dimensions, it is the latent space itself. With more, the first two principal
    components span it, because they have the largest share of the points' variance; for fewer than
    two different points, the first two axes.

    Args:
        points: Array `(count, latent_dim)`.

    Returns:
        `LatentPlane`.

    Raises:
        InputError: If there is only one latent dimension.
    """
    latent_dim = points.shape[1]
    if latent_dim < 2:
        raise InputError(f"a plane needs at least two latent dimensions, received {latent_dim}")
    if latent_dim == 2 or (points == points[:1]).all():
        return LatentPlane(np.eye(2, latent_dim), ("$z_1$", "$z_2$"))
    pca = PCA(n_components=2).fit(np.float64(points))
    first, second = (
        f"principal component {number} of {latent_dim} ({share:.0%} of the variance)"
        for number, share in enumerate(pca.explained_variance_ratio_, start=1)
    )
    return LatentPlane(pca.components_, (first, second))


def manifold_points(side: int) -> np.ndarray:
    """A grid of points at evenly spaced quantiles of the prior N(0, I), for `plots.plot_manifold`.

    The quantiles are at the middle of each cell, (i + ½) / side, so that none is infinite.

    Args:
        side: Points along each axis.

    Returns:
        float32 array `(side * side, 2)`, row by row from the top: z₂ decreases from row to row and
        z₁ increases within a row, as in a scatter plot.
    """
    quantiles = norm.ppf((np.arange(side) + 0.5) / side)
    return _grid(quantiles, quantiles).astype(np.float32)


def even_grid(side: int, limit: float) -> np.ndarray:
    """A grid of evenly spaced points from −limit to limit, in the order of `manifold_points`.

    Returns:
        float64 array `(side * side, 2)`.
    """
    values = np.linspace(-limit, limit, side)
    return _grid(values, values)


def linear_path(start: np.ndarray, end: np.ndarray, steps: int) -> np.ndarray:
    """Points on the straight line between two points, both included.

    Args:
        start, end: Arrays `(latent_dim,)`.
        steps: Number of points, at least 2.

    Returns:
        float32 array `(steps, latent_dim)`.
    """
    t = np.linspace(0, 1, steps)[:, None]
    return ((1 - t) * start + t * end).astype(np.float32)


def spherical_path(start: np.ndarray, end: np.ndarray, steps: int) -> np.ndarray:
    """Points on the arc around the origin between two points, both included.

    The direction turns at a constant rate, and the distance from the origin changes linearly. In
    many dimensions, draws from N(0, I) are near a sphere of radius √latent_dim, and a straight line
    would cross its empty interior.

    Args:
        start, end: Arrays `(latent_dim,)`, not zero and not opposite to each other.
        steps: Number of points, at least 2.

    Returns:
        float32 array `(steps, latent_dim)`.

    Reference:
        Shoemake 1985, Animating rotation with quaternion curves, SIGGRAPH; White 2016,
        https://arxiv.org/abs/1609.04468.
    """
    start, end = np.asarray(start, np.float64), np.asarray(end, np.float64)
    radii = np.linalg.norm(start), np.linalg.norm(end)
    if not all(radii):
        raise InputError("an arc around the origin cannot start or end at the origin")
    first, last = start / radii[0], end / radii[1]
    angle = np.arccos(np.clip(first @ last, -1, 1))
    if np.pi - angle < 1e-6:
        raise InputError("the shortest arc between opposite directions is not unique")
    t = np.linspace(0, 1, steps)[:, None]
    if angle < 1e-6:  # the same direction: sin(angle) would be a divisor near 0
        direction = (1 - t) * first + t * last
    else:
        direction = (np.sin((1 - t) * angle) * first + np.sin(t * angle) * last) / np.sin(angle)
    return (direction * ((1 - t) * radii[0] + t * radii[1])).astype(np.float32)


def class_means(points: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The mean of each class.

    Args:
        points: Array `(count, latent_dim)`.
        labels: Integer array `(count,)`.

    Returns:
        float64 array `(classes, latent_dim)`; NaN for a class without points.
    """
    means = np.full((labels.max() + 1, points.shape[1]), np.nan)
    for label in np.unique(labels):
        means[label] = points[labels == label].mean(axis=0, dtype=np.float64)
    return means


def attribute_vector(points: np.ndarray, present: np.ndarray) -> np.ndarray:
    """The vector from the mean of the points without an attribute to the mean of those with it.

    Args:
        points: Array `(count, latent_dim)`.
        present: Boolean array `(count,)`, neither all true nor all false.

    Returns:
        float64 array `(latent_dim,)`.
    """
    without, with_it = class_means(points, present.astype(int))
    return with_it - without


def vector_convergence(
    points: np.ndarray, present: np.ndarray, batch_size: int
) -> list[dict[str, Any]]:
    """Convergence of the attribute vector with the number of images.

    Args:
        points, present: As for `attribute_vector`.
        batch_size: Images between two rows.

    Returns:
        List of dictionaries: `images` so far; `norm` of their vector; `change`, the length of its
        difference from the previous row (None for the first row); `cosine` of its angle to the
        final vector (0 if one of them is zero). It begins as soon as there are images of both
        kinds.
    """
    sums, counts = np.zeros((2, points.shape[1])), np.zeros((2, 1))
    vectors = {}
    for start in range(0, len(points), batch_size):
        batch = points[start : start + batch_size]
        for kind, chosen in enumerate((~present, present)):
            of_kind = batch[chosen[start : start + batch_size]]
            sums[kind] += of_kind.sum(axis=0, dtype=np.float64)
            counts[kind] += len(of_kind)
        if counts.all():
            without, with_it = sums / counts
            vectors[start + len(batch)] = with_it - without
    last = vectors[len(points)]
    rows: list[dict[str, Any]] = []
    before: np.ndarray | None = None
    for end, vector in vectors.items():
        length, both = np.linalg.norm(vector), np.linalg.norm(vector) * np.linalg.norm(last)
        rows.append(
            {
                "images": end,
                "norm": float(length),
                "change": None if before is None else float(np.linalg.norm(vector - before)),
                "cosine": float(vector @ last / both) if both else 0.0,
            }
        )
        before = vector
    return rows


def aggregate_density(places: np.ndarray, means: np.ndarray, covariances: np.ndarray) -> np.ndarray:
    """Density of the mixture of Gaussians with equal weights: the aggregate posterior q(z).

    Args:
        places: Array `(count, 2)`.
        means: Array `(images, 2)`.
        covariances: Array `(images, 2, 2)`.

    Returns:
        float64 array `(count,)`.
    """
    precisions = np.linalg.inv(covariances)
    heights = 1 / (2 * np.pi * np.sqrt(np.linalg.det(covariances)) * len(means))
    density = np.zeros(len(places))
    for mean, precision, height in zip(means, precisions, heights):
        offset = places - mean
        density += height * np.exp(-0.5 * np.einsum("na,ab,nb->n", offset, precision, offset))
    return density


def _grid(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """All pairs of values as `(count, 2)`, row by row, starting with the largest y."""
    columns, rows = np.meshgrid(x, y[::-1])
    return np.stack([columns.ravel(), rows.ravel()], axis=1)
