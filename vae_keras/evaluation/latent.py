"""Metrics of the latent space, from the posteriors or points of many images."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.special import logsumexp
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score
from sklearn.neighbors import KNeighborsClassifier, NearestNeighbors
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from vae_keras.latent.dimensions import kl_per_dimension

NEIGHBORS = 10
LOG_2PI = math.log(2 * math.pi)


def active_units(mean: np.ndarray, threshold: float = 0.01) -> int:
    """Number of latent axes along which the variance of the posterior mean exceeds a threshold.

    Args:
        mean: Array `(images, latent_dim)`.
        threshold: Variance over images above which an axis is active.

    Reference:
        Burda, Grosse & Salakhutdinov 2016, https://arxiv.org/abs/1509.00519, section 5.2.
    """
    return int(np.sum(np.var(np.float64(mean), axis=0) > threshold))


def split_kl(
    mean: np.ndarray, log_var: np.ndarray, draws: int = 5, seed: int = 0
) -> dict[str, float]:
    """Split the KL term into mutual information and the KL divergence of q(z) from the prior.

    KL = I(x; z) + KL(q(z) ‖ p(z)), where q(z) is the mixture of the given posteriors with
    equal weights (the aggregate posterior) and I = E[log q(z|x) − log q(z)] is the mutual
    information of z and the index of the image, at most log(images). The density of the
    mixture is summed over all images. The expectation is an average over draws, with the known
    mean of log q(z|x) as a control variate that reduces its error.

    Args:
        mean, log_var: Arrays `(images, latent_dim)`.
        draws: Draws of z from each posterior, at least 2.
        seed: Integer seed of the draws.

    Returns:
        Dictionary in nats: `kl`, `mutual_information`, `marginal_kl`, and
        `standard_error`, over draws, of both parts.

    Reference:
        Hoffman & Johnson 2016, "ELBO surgery", Workshop on Advances in Approximate
        Bayesian Inference, NIPS.
    """
    mean, log_var = np.asarray(mean, np.float64), np.asarray(log_var, np.float64)
    random = np.random.default_rng(seed)
    entropy = 0.5 * np.sum(LOG_2PI + 1.0 + log_var, axis=1)
    all_ratios, all_surprises = [], []
    for _ in range(draws):
        noise = random.standard_normal(mean.shape)
        own = -0.5 * np.sum(LOG_2PI + np.square(noise) + log_var, axis=1)
        z = mean + np.exp(0.5 * log_var) * noise
        all_ratios.append(own - log_aggregate_posterior(z, mean, log_var))
        all_surprises.append(own + entropy)  # of mean 0
    ratios, surprises = np.array(all_ratios), np.array(all_surprises)
    slope = np.mean(surprises * (ratios - ratios.mean())) / np.mean(np.square(surprises))
    information = np.mean(ratios - slope * surprises, axis=1)
    kl = float(kl_per_dimension(mean, log_var).sum())
    return {
        "kl": kl,
        "mutual_information": float(information.mean()),
        "marginal_kl": float(kl - information.mean()),
        "standard_error": float(information.std(ddof=1) / math.sqrt(draws)),
    }


def log_aggregate_posterior(z: np.ndarray, mean: np.ndarray, log_var: np.ndarray) -> np.ndarray:
    """Logarithm of the density of the mixture of posteriors, 1/N Σₙ q(z|xₙ), in nats.

    Args:
        z: Array `(points, latent_dim)`.
        mean, log_var: The posteriors, float64 arrays `(images, latent_dim)`.

    Returns:
        float64 array `(points,)`.

    Reference:
        Hoffman & Johnson 2016, as in `split_kl`.
    """
    # (z − μ)² / σ² is expanded, so that all pairs are one matrix product.
    precision = np.exp(-log_var)
    factors = np.concatenate([precision, -2.0 * mean * precision], axis=1).T
    constants = np.sum(np.square(mean) * precision + log_var + LOG_2PI, axis=1)
    densities = []
    for part in np.array_split(np.float64(z), -(-len(z) * len(mean) // 5_000_000)):
        squares = np.concatenate([np.square(part), part], axis=1) @ factors
        densities.append(logsumexp(-0.5 * (squares + constants), axis=1))
    return np.concatenate(densities) - math.log(len(mean))


def geometry(points: np.ndarray) -> dict[str, np.ndarray]:
    """Asymmetry and range of the points of many images, axis by axis.

    The book describes both visually (Foster, Generative Deep Learning, chapter 3).

    Args:
        points: Array `(images, latent_dim)`.

    Returns:
        Dictionary of float64 arrays `(latent_dim,)`: `offset`, mean / standard deviation, or 0 if
        all points are the same; `share_positive`, the share of the points above zero; `minimum`
        and `maximum` in the unit of z.
    """
    points = np.asarray(points, np.float64)
    deviation = points.std(axis=0)
    offset = np.divide(
        points.mean(axis=0), deviation, out=np.zeros_like(deviation), where=deviation > 0
    )
    return {
        "offset": offset,
        "share_positive": np.mean(points > 0, axis=0),
        "minimum": points.min(axis=0),
        "maximum": points.max(axis=0),
    }


def find_gaps(points: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Find the places of the latent space that are far from every image.

    A place is far if d₁(place) > Q₀.₉₉ of d₁(point), where d₁ is the Euclidean distance to the
    nearest other point and Q₀.₉₉ its 99th percentile over all points.

    Args:
        points: Array `(images, latent_dim)`. For a VAE, one random z of each image instead of the
            mean: along an inactive axis, all means are alike, and every draw from the prior would
            be far from them.
        places: Array `(count, latent_dim)`, such as draws from the prior.

    Returns:
        Boolean array `(count,)`.

    Reference:
        Foster, Generative Deep Learning, chapter 3, which shows the gaps of an autoencoder.
    """
    neighbors = NearestNeighbors(n_neighbors=1).fit(points)
    between_images, _ = neighbors.kneighbors()
    distances, _ = neighbors.kneighbors(places)
    return distances[:, 0] > np.quantile(between_images, 0.99)


def box_draws(points: np.ndarray, count: int, seed: int = 0) -> np.ndarray:
    """Uniform draws over the range of the points: U(minᵢ, maxᵢ) along every axis i.

    The book samples a plain autoencoder, which has no prior, in this way.

    Args:
        points: Array `(images, latent_dim)`.
        count: Number of draws.
        seed: Integer.

    Returns:
        float32 array `(count, latent_dim)`.

    Reference:
        Foster, Generative Deep Learning, chapter 3.
    """
    random = np.random.default_rng(seed)
    size = (count, points.shape[1])
    return random.uniform(points.min(axis=0), points.max(axis=0), size).astype(np.float32)


def neighbor_agreement(points: np.ndarray, labels: np.ndarray) -> float:
    """Share of images whose nearest neighbors in the latent space predict their label.

    The ten nearest other images classify each image. The share is 1 if classes are separated, and
    that of the largest class if they overlap entirely.

    Args:
        points: Array `(images, latent_dim)`.
        labels: Integer array `(images,)`.

    Reference:
        Cover & Hart 1967, Nearest neighbor pattern classification, IEEE Transactions on
        Information Theory 13.
    """
    neighbors = min(NEIGHBORS, len(points) - 1)
    _, nearest = NearestNeighbors(n_neighbors=neighbors).fit(points).kneighbors()
    votes = np.zeros((len(points), labels.max() + 1))
    np.add.at(votes, (np.arange(len(points))[:, None], labels[nearest]), 1)
    return float(np.mean(votes.argmax(axis=1) == labels))


def label_accuracy(
    train_points: np.ndarray,
    train_labels: np.ndarray,
    test_points: np.ndarray,
    test_labels: np.ndarray,
    sizes: Sequence[int] = (100, 1000),
    seed: int = 0,
) -> list[dict[str, Any]]:
    """Accuracy of labels predicted from latent points, learned from few and from all images.

    Args:
        train_points, test_points: Arrays `(images, latent_dim)`.
        train_labels, test_labels: Integer arrays `(images,)`.
        sizes: Numbers of training images, besides all; too large ones are omitted.
        seed: Integer seed of the choice of training images.

    Returns:
        List of dictionaries with `train_images` and the share of test points classified correctly
        by `nearest_neighbors` (ten; five up to 100 images) and `logistic_regression` (None if
        the training images are all of one class).

    Reference:
        Alain & Bengio 2016, https://arxiv.org/abs/1610.01644, for the linear probe.
    """
    chosen = np.random.default_rng(seed).permutation(len(train_points))
    results = []
    for size in [*(size for size in sizes if size < len(train_points)), len(train_points)]:
        points, labels = train_points[chosen[:size]], train_labels[chosen[:size]]
        neighbors = KNeighborsClassifier(min(NEIGHBORS if size > 100 else 5, size))
        regression = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
        has_classes = len(np.unique(labels)) > 1  # the regression needs two
        given = points, labels, test_points, test_labels
        results.append(
            {
                "train_images": size,
                "nearest_neighbors": _accuracy(neighbors, *given),
                "logistic_regression": _accuracy(regression, *given) if has_classes else None,
            }
        )
    return results


def _accuracy(
    classifier: Any,
    points: np.ndarray,
    labels: np.ndarray,
    test_points: np.ndarray,
    test_labels: np.ndarray,
) -> float:
    classifier.fit(points, labels)
    return float(accuracy_score(test_labels, classifier.predict(test_points)))
