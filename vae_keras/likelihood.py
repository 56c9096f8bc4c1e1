"""What a trained model gives to images: losses, the ELBO and the log-likelihood."""

import math

import keras
import numpy as np
from keras import ops
from scipy.special import logsumexp
from tqdm import tqdm

from vae_keras.data import ordered_batches, scale
from vae_keras.losses import elbo
from vae_keras.model import VAE

DECODED_AT_ONCE = 1000


def sampled_losses(model, images, draws=10, seed=0, batch_size=500):
    """The loss and its terms as `test_step` has them, over several draws of z.

    Args:
        model: A compiled `VAE` or `Autoencoder`.
        images: uint8 array `(count, height, width, channels)`.
        draws: How often z is drawn for every image; a plain autoencoder draws nothing.
        seed: Integer that decides the draws.
        batch_size: Images at a time.

    Returns:
        Dictionary from `loss`, `reconstruction_loss` and `kl_loss` to
        `{"mean", "standard_error"}` over the draws.
    """
    results = []
    for draw in range(draws if isinstance(model, VAE) else 1):
        model.reset_noise(seed, "evaluation", draw)
        batches = ordered_batches(images, batch_size)
        results.append(model.evaluate(batches, return_dict=True, verbose=0))
    return {
        name: mean_and_error(np.array([result[name] for result in results]))
        for name in ("loss", "reconstruction_loss", "kl_loss")
        if name in results[0]
    }


def losses_through_the_mean(model, images, batch_size=500):
    """The loss and its terms with every image decoded from the mean of its posterior.

    Args:
        model: `VAE`.
        images: uint8 array `(count, height, width, channels)`.
        batch_size: Images at a time.

    Returns:
        Dictionary with `loss`, `reconstruction_loss` and `kl_loss` (in nats).
    """
    reconstruction, kl = [], []
    for batch in _batches(images, batch_size):
        posterior = model.encode(batch)
        rebuilt = model.decode(posterior["mean"])
        reconstruction.append(ops.convert_to_numpy(model.reconstruction_loss(batch, rebuilt)))
        kl.append(kl_per_dimension(*_as_arrays(posterior)).sum(axis=1))
    reconstruction, kl = np.concatenate(reconstruction).mean(), np.concatenate(kl).mean()
    return {
        "loss": float(reconstruction + model.kl_weight * kl),
        "reconstruction_loss": float(reconstruction),
        "kl_loss": float(kl),
    }


def kl_per_dimension(mean, log_var):
    """KL divergence from N(mean, exp(log_var)) to N(0, 1) of each dimension, in nats.

    Args:
        mean: Array `(count, latent_dim)`.
        log_var: Array `(count, latent_dim)`.

    Returns:
        Array `(count, latent_dim)`.
    """
    mean, log_var = mean.astype(np.float64), log_var.astype(np.float64)
    return 0.5 * (mean**2 + np.exp(log_var) - 1 - log_var)


def importance_weighted_bound(model, images, samples=500, seed=0, progress=False):
    """Lower bound of log p(x) by importance sampling, log (1/K) Σ p(x, zₖ) / q(zₖ | x).

    With one sample its expectation is the ELBO; with more it rises towards log p(x),
    where p(x | z) is the Gaussian of the variance that the reconstruction weight implies,
    or, for binary cross-entropy, a Bernoulli pseudo-likelihood. Weights are added up in
    log space, a thousand decoded images at a time, so that memory does not grow with K.

    Args:
        model: `VAE`.
        images: uint8 array `(count, height, width, channels)`.
        samples: The number K of draws of z for each image.
        seed: Integer that decides the draws.
        progress: Whether to show a progress bar.

    Returns:
        float64 array `(count,)`, in nats.

    Reference:
        Burda, Grosse & Salakhutdinov 2016, https://arxiv.org/abs/1509.00519, equation 8.
    """
    random = np.random.default_rng(seed)
    images_at_once = min(len(images), 100)
    draws_at_once = max(1, DECODED_AT_ONCE // images_at_once)
    bounds = []
    with tqdm(
        total=len(images), unit="image", desc="log-likelihood", leave=False, disable=not progress
    ) as bar:
        for batch in _batches(images, images_at_once):
            mean, log_var = _as_arrays(model.encode(batch))
            total = np.full(len(batch), -np.inf)
            for start in range(0, samples, draws_at_once):
                count = min(draws_at_once, samples - start)
                noise = random.standard_normal((count, *mean.shape), dtype=np.float32)
                log_weights = _log_weights(model, batch, mean, log_var, noise)
                total = np.logaddexp(total, logsumexp(log_weights, axis=0))
            bounds.append(total - math.log(samples))
            bar.update(len(batch))
    return np.concatenate(bounds)


def _log_weights(model, images, mean, log_var, noise):
    """log p(x | z) + log p(z) − log q(z | x), float64 array `(draws, images)`."""
    draws, count, latent_dim = noise.shape
    z = mean + np.exp(0.5 * log_var) * noise
    decoded = model.decode(z.reshape(draws * count, latent_dim))
    errors = model.reconstruction_loss(np.tile(images, (draws, 1, 1, 1)), decoded)
    errors = ops.convert_to_numpy(errors).astype(np.float64).reshape(draws, count)
    log_likelihood = elbo(
        model.reconstruction, errors, 0.0, model.reconstruction_weight, images[0].size
    )
    z, noise, log_var = (array.astype(np.float64) for array in (z, noise, log_var))
    # log p(z) − log q(z | x); the constants of the two Gaussians are the same.
    return log_likelihood + 0.5 * (noise**2 + log_var - z**2).sum(axis=-1)


def bits_per_dimension(nats, pixels):
    """A log-likelihood in nats per image as bits per dimension of the [0, 1] scale, −nats / (D log 2).

    Args:
        nats: Log-likelihood of an image.
        pixels: The number D of values in an image.
    """
    return -nats / (pixels * math.log(2))


def mean_and_error(values):
    """`{"mean", "standard_error"}` of a sample; the error of a single value is 0."""
    error = values.std(ddof=1) / math.sqrt(len(values)) if len(values) > 1 else 0.0
    return {"mean": float(values.mean()), "standard_error": float(error)}


def encode_images(model, images, batch_size=500):
    """What the encoder makes of images.

    Args:
        model: `VAE` or `Autoencoder`.
        images: uint8 array `(count, height, width, channels)`.
        batch_size: Images at a time.

    Returns:
        Tuple of float32 arrays `(count, latent_dim)`: the means and log-variances of the
        posteriors; or the points of a plain autoencoder, and None.
    """
    encoded = [model.encode(batch) for batch in _batches(images, batch_size)]
    if not isinstance(model, VAE):
        return np.concatenate([ops.convert_to_numpy(points) for points in encoded]), None
    means, log_vars = zip(*map(_as_arrays, encoded))
    return np.concatenate(means), np.concatenate(log_vars)


def _as_arrays(posterior):
    return tuple(keras.ops.convert_to_numpy(posterior[name]) for name in ("mean", "log_var"))


def _batches(images, batch_size):
    for start in range(0, len(images), batch_size):
        yield scale(images[start : start + batch_size])
