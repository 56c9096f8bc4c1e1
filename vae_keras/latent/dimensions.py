"""The information about an image in each latent dimension."""

import numpy as np

INACTIVE = 0.01  # nats; a dimension with less is inactive


def kl_per_dimension(mean: np.ndarray, log_var: np.ndarray) -> np.ndarray:
    """KL divergence from the prior N(0, 1) along each latent axis, averaged over images, in nats.

    ½(μ² + σ² − 1 − log σ²) along each axis.

    Args:
        mean, log_var: Arrays `(images, latent_dim)`.

    Returns:
        float64 array `(latent_dim,)`; its sum is the KL term of the loss.

    Reference:
        Kingma & Welling 2014, https://arxiv.org/abs/1312.6114, appendix B.
    """
    mean, log_var = np.asarray(mean, np.float64), np.asarray(log_var, np.float64)
    return np.mean(0.5 * (np.square(mean) + np.exp(log_var) - 1.0 - log_var), axis=0)


def active_dimensions(kl: np.ndarray) -> list[int]:
    """The dimensions whose KL divergence, from `kl_per_dimension`, is at least 0.01 nats."""
    return np.flatnonzero(kl >= INACTIVE).tolist()


def is_collapsed(kl: np.ndarray) -> bool:
    """Whether a VAE ignores its latent space: less than 0.01 nats per dimension on average.

    Reference:
        Lucas, Tucker, Grosse & Norouzi 2019, https://arxiv.org/abs/1911.02469.
    """
    return float(kl.sum()) < INACTIVE * len(kl)
