"""What a latent space is like: how much it says, how it is filled, what it knows of the classes."""

import numpy as np
from scipy.special import logsumexp
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.neighbors import KNeighborsClassifier, NearestNeighbors
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from vae_keras.likelihood import kl_per_dimension

NEIGHBORS = 10
ACTIVE_VARIANCE = 0.01


def active_units(means):
    """Number of latent dimensions whose posterior mean varies over images by more than 0.01.

    Args:
        means: Array `(count, latent_dim)`.

    Reference:
        Burda, Grosse & Salakhutdinov 2016, https://arxiv.org/abs/1509.00519, section 5.2.
    """
    return int(np.sum(means.var(axis=0) > ACTIVE_VARIANCE))


def split_kl(means, log_vars, draws=1, seed=0, rows_at_once=500):
    """The KL term split in two: what z says about the image, and how far all z are from the prior.

    KL = MI + KL(q(z) ‖ p(z)), with the aggregate posterior q(z) the exact mixture of the
    posteriors of the given images, and MI = E[log q(z | x) − log q(z)], at most log(count),
    estimated from draws of z.

    Args:
        means: Array `(count, latent_dim)` of posterior means.
        log_vars: Array `(count, latent_dim)` of posterior log-variances.
        draws: Draws of z for each image.
        seed: Integer that decides the draws.
        rows_at_once: Draws that are compared with all posteriors at a time.

    Returns:
        Dictionary with `kl`, `mutual_information` and `marginal_kl` in nats, and
        `standard_error` of the mutual information over draws and images.

    Reference:
        Hoffman & Johnson 2016, "ELBO surgery", Advances in Approximate Bayesian
        Inference workshop, NIPS.
    """
    means, log_vars = means.astype(np.float64), log_vars.astype(np.float64)
    random = np.random.default_rng(seed)
    precisions = np.exp(-log_vars)
    # log q(z | x) up to a constant that cancels, as products of matrices
    offsets = -0.5 * (log_vars + means**2 * precisions).sum(axis=1)
    information = []
    for _ in range(draws):
        noise = random.standard_normal(means.shape)
        z = means + np.exp(0.5 * log_vars) * noise
        own = -0.5 * (log_vars + noise**2).sum(axis=1)
        for start in range(0, len(z), rows_at_once):
            rows = z[start : start + rows_at_once]
            log_densities = offsets + rows @ (means * precisions).T - 0.5 * rows**2 @ precisions.T
            log_mixture = logsumexp(log_densities, axis=1) - np.log(len(means))
            information.append(own[start : start + rows_at_once] - log_mixture)
    information = np.concatenate(information)
    kl = kl_per_dimension(means, log_vars).sum(axis=1).mean()
    return {
        "kl": float(kl),
        "mutual_information": float(information.mean()),
        "marginal_kl": float(kl - information.mean()),
        "standard_error": float(information.std(ddof=1) / np.sqrt(len(information))),
    }


def geometry(points, labels=None, prior_draws=None, seed=0):
    """What the book finds wrong with the latent space of a plain autoencoder, in numbers.

    Args:
        points: Array `(count, latent_dim)` of encoded images.
        labels: Integer array `(count,)`, or None.
        prior_draws: Array `(draws, latent_dim)` of points that would be decoded to make
            new images; None for as many uniform ones from the box that holds all points,
            which is how the book samples a plain autoencoder, having no prior.
        seed: Integer that decides the uniform draws.

    Returns:
        Dictionary with, for each axis, `offset` (mean in standard deviations: asymmetry),
        `share_positive`, `minimum` and `maximum` (range); `gaps`, the share of draws that
        lie further from every point than 99% of points lie from their nearest
        neighbour; and, with labels, `overlap_accuracy`, the accuracy of ten nearest
        neighbours in five-fold cross-validation: the lower, the more classes overlap.

    Reference:
        Foster, Generative Deep Learning, chapter 3.
    """
    if prior_draws is None:
        random = np.random.default_rng(seed)
        prior_draws = random.uniform(points.min(axis=0), points.max(axis=0), points.shape)
    neighbors = NearestNeighbors(n_neighbors=1).fit(points)
    among_points = neighbors.kneighbors()[0][:, 0]  # a point is not its own neighbour
    from_draws = neighbors.kneighbors(prior_draws)[0][:, 0]
    result = {
        "offset": (points.mean(axis=0) / points.std(axis=0)).tolist(),
        "share_positive": (points > 0).mean(axis=0).tolist(),
        "minimum": points.min(axis=0).tolist(),
        "maximum": points.max(axis=0).tolist(),
        "gaps": float(np.mean(from_draws > np.quantile(among_points, 0.99))),
    }
    if labels is not None:
        classifier = KNeighborsClassifier(min(NEIGHBORS, len(points) // 2))
        result["overlap_accuracy"] = float(cross_val_score(classifier, points, labels, cv=5).mean())
    return result


def label_accuracy(train_points, train_labels, test_points, test_labels, counts=(100, 1000, None)):
    """How well classes can be told from latent points, with few labels and with many.

    Args:
        train_points, train_labels: Points `(count, latent_dim)` and their classes.
        test_points, test_labels: Those on which the accuracy is measured.
        counts: Numbers of training labels; None for all.

    Returns:
        List of dictionaries with `labels`, `nearest_neighbors` (ten of them) and
        `logistic_regression` (on standardised points), accuracies in [0, 1].
    """
    rows = []
    for count in counts:
        if count is not None and count >= len(train_points):
            continue
        points, labels = train_points[:count], train_labels[:count]
        classifiers = {
            "nearest_neighbors": KNeighborsClassifier(min(NEIGHBORS, len(points))),
            "logistic_regression": make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)),
        }
        accuracies = {
            name: float(classifier.fit(points, labels).score(test_points, test_labels))
            for name, classifier in classifiers.items()
        }
        rows.append({"labels": len(points), **accuracies})
    return rows
