"""The log-likelihood of images, integrated over a latent space of one or two dimensions."""

import dataclasses
import math
from collections.abc import Sequence

import keras
import numpy as np

from vae_keras.backend.workers import map_with_model
from vae_keras.data.batches import scale
from vae_keras.latent.inference import batch_size, predict
from vae_keras.likelihood import log_likelihood
from vae_keras.model import Autoencoder
from vae_keras.support.reporting import progress_bar, warn

MOST_DIMENSIONS = 2  # a grid in three dimensions has too many points
TOLERANCE = 0.05  # nats, change of the mean at the last halving; the error is far smaller
FIRST_STEP = 1 / 4
MOST_POINTS = 1_000_000
SMALLEST_RADIUS = 6  # in standard deviations of the prior
POINTS_IN_TASK = 2_000
POINTS_IN_PROCESS = 10_000  # points decoded in the start-up time of a process
PAIRS_AT_ONCE = 2_000_000  # pairs of a point and an image


@dataclasses.dataclass(frozen=True)
class Quadrature:
    """Log-likelihoods from a grid in latent space, with estimates of their error.

    Attributes:
        values: log p(x) in nats, float64 array `(variances, images)`.
        halving: Change of `values` at the last halving of the step; an array of the same shape.
        enlarging: Change of `values` when the radius of the grid grew by 1; likewise.
        step: Distance between the points.
        radius: Radius of the grid around the origin.
        points: Number of decoded points.
    """

    values: np.ndarray
    halving: np.ndarray
    enlarging: np.ndarray
    step: float
    radius: int
    points: int


def integrate_likelihood(
    model: Autoencoder,
    images: np.ndarray,
    encoded: dict[str, np.ndarray],
    variances: Sequence[float | None] | None = None,
    processes: int = 1,
) -> Quadrature:
    """The log-likelihood of each image, log ∫ p(x|z) p(z) dz, by the trapezoidal rule.

    The integral is a sum over a square grid in a disc around the origin (an interval, for one
    dimension). The step is halved until the values change by less than 0.05 nats on average, or,
    with a warning, until more than a million points would be needed. The remaining error is much
    smaller: for a smooth integrand that vanishes at the border, the rule converges faster than any
    power of the step. Each point is decoded once for all images. Memory does not grow with the
    number of points.

    Args:
        model: `VAE` with one or two latent dimensions.
        images: uint8 array `(count, height, width, channels)`.
        encoded: The outputs of `encode_images` for these images, which set the size of the disc.
        variances: Variances of the decoder, see `vae_keras.likelihood.log_likelihood`; None for
            that of the model only. All use the same points.
        processes: Maximum number of processes, with one thread each. Fewer or none are started if
            starting them would take longer than the work.

    Returns:
        `Quadrature`.

    Raises:
        ValueError: If the model has more than two latent dimensions.

    Reference:
        Trefethen & Weideman 2014, The exponentially convergent trapezoidal rule, SIAM Review 56.
    """
    dimensions = model.latent_dim
    if dimensions > MOST_DIMENSIONS:
        raise ValueError(f"the grid needs one or two latent dimensions, received {dimensions}")
    read_as = (model.variance,) if variances is None else tuple(variances)
    reach = np.abs(encoded["mean"]) + 3 * np.exp(0.5 * encoded["log_var"])
    radius = max(SMALLEST_RADIUS, math.ceil(np.linalg.norm(reach, axis=1).max()) + 1)
    step = FIRST_STEP
    while (2 * radius / step) ** dimensions > MOST_POINTS / 2**dimensions:  # a huge disc
        step *= 2
    sums = np.full((len(read_as), 2, len(images)), -np.inf)
    step, points, before = 2 * step, 0, None
    while True:
        step /= 2
        new = _grid(radius, step, dimensions, only_new=before is not None)
        tasks = [
            (images, new[start : start + POINTS_IN_TASK], read_as, radius - 1)
            for start in range(0, len(new), POINTS_IN_TASK)
        ]
        started = max(1, min(processes, len(new) // POINTS_IN_PROCESS))
        with progress_bar(
            total=len(new), desc=f"likelihood, grid of step 1/{1 / step:.0f}", unit="decode"
        ) as bar:
            for (_, part, _, _), found in zip(
                tasks, map_with_model(_log_sums, model, tasks, started)
            ):
                np.logaddexp(sums, found, out=sums)
                bar.update(len(part))
        points += len(new)
        values, inner = np.moveaxis(sums + dimensions * math.log(step), 1, 0)
        if before is not None:
            halving = np.abs(values - before)
            enough = halving.mean(axis=1).max() < TOLERANCE
            if enough or points * 2**dimensions > MOST_POINTS:
                break
        before = values
    if not enough:
        warn(
            f"the log-likelihood is inexact: halving the step to 1/{1 / step:.0f} still changed it "
            f"by {halving.mean(axis=1).max():.2g} nats on average"
        )
    return Quadrature(values, halving, values - inner, step, radius, points)


def _grid(radius: int, step: float, dimensions: int, only_new: bool) -> np.ndarray:
    """The points of a disc, `(points, dimensions)`, or only those missing at twice the step."""
    side = math.floor(radius / step)
    indices = np.arange(-side, side + 1)
    grid = np.stack(np.meshgrid(*[indices] * dimensions, indexing="ij"), axis=-1)
    grid = grid.reshape(-1, dimensions)
    if only_new:
        grid = grid[(grid % 2).any(axis=1)]
    points = grid * step
    return points[np.linalg.norm(points, axis=1) <= radius].astype(np.float32)


def _log_sums(
    model: Autoencoder,
    images: np.ndarray,
    z: np.ndarray,
    variances: Sequence[float | None],
    inside: int,
) -> np.ndarray:
    """log Σ p(x|z) p(z) over some points, and over those inside a smaller radius.

    Returns:
        float64 array `(variances, 2, images)`.
    """
    size = batch_size(model)
    sums = np.full((len(variances), 2, len(images)), -np.inf)
    for first in range(0, len(z), size):
        part = z[first : first + size]
        decoded = predict(model.decoder, part, size).reshape(len(part), -1)
        log_prior = -0.5 * np.sum(np.square(np.float64(part)) + math.log(2 * math.pi), axis=1)
        is_inside = np.linalg.norm(part, axis=1) <= inside
        at_once = max(1, PAIRS_AT_ONCE // len(part))
        for start in range(0, len(images), at_once):
            chosen = slice(start, start + at_once)
            flat = scale(images[chosen]).reshape(len(images[chosen]), -1)
            errors = pairwise_errors(model, decoded, flat)
            for sum_, variance in zip(sums, variances):
                terms = log_likelihood(errors, model.pixels, variance) + log_prior[:, None]
                highest = terms.max(axis=0)
                weights = np.exp(terms - highest, out=terms)
                totals = np.stack([weights.sum(axis=0), is_inside @ weights])
                with np.errstate(divide="ignore"):  # log 0 if no point is inside
                    totals = np.log(totals) + highest
                sum_[:, chosen] = np.logaddexp(sum_[:, chosen], totals)
    return sums


def pairwise_errors(
    model: Autoencoder, reconstructions: np.ndarray, images: np.ndarray
) -> np.ndarray:
    """The reconstruction error of every image by every reconstruction, a mean over pixels.

    Both losses of the package are linear in products of a pixel and a function of the
    reconstruction, so that all pairs are one matrix product.

    Args:
        model: `VAE` or `Autoencoder`.
        reconstructions: Float array `(count, pixels)`.
        images: Float array `(images, pixels)` in [0, 1].

    Returns:
        float64 array `(count, images)`, as `model.reconstruction_error` gives.
    """
    made, images = reconstructions.astype(np.float64), images.astype(np.float64)
    if model.reconstruction == "bce":
        tiny = keras.config.epsilon()
        made = np.clip(made, tiny, 1 - tiny)
        log_no = np.log1p(-made)
        sums = (log_no - np.log(made)) @ images.T - log_no.sum(axis=1)[:, None]
    else:
        sums = -2 * (made @ images.T)
        sums += np.square(made).sum(axis=1)[:, None] + np.square(images).sum(axis=1)
    return sums / images.shape[1]
