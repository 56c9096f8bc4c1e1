"""How well a model explains images: its loss, the ELBO and the log-likelihood."""

import math

import numpy as np
from tqdm import tqdm

from vae_keras.data import scale
from vae_keras.inference import batch_size, predict
from vae_keras.losses import elbo, kl_divergence


def losses_over_draws(model, images, mean, log_var, draws=10, seed=0):
    """The loss with one random z for each image, as training sees it, several times over.

    Args:
        model: `VAE`.
        images: uint8 array `(count, height, width, channels)`.
        mean, log_var: The posterior of each image, arrays `(count, latent_dim)`.
        draws: How often every image gets a new z, at least 2.
        seed: Integer that decides the noise.

    Returns:
        Dictionary of `loss`, `reconstruction_loss` (weighted) and `kl_loss` (nats), each a
        dictionary of `mean` and `standard_error`. The error is that over draws: how much
        the figure would move with other noise on the same images. The KL divergence has a
        closed form and no error.

    Reference:
        Kingma & Welling 2014, https://arxiv.org/abs/1312.6114, section 2.3.
    """
    random = np.random.default_rng(seed)
    deviation = np.exp(0.5 * log_var)
    reconstruction = np.array(
        [
            _reconstruction_losses(
                model, images, mean + deviation * random.standard_normal(mean.shape, np.float32)
            ).mean()
            for _ in range(draws)
        ]
    )
    kl_loss = _mean_kl(mean, log_var)
    error = float(reconstruction.std(ddof=1) / math.sqrt(draws))
    average = float(reconstruction.mean())
    return {
        "loss": {"mean": average + model.kl_weight * kl_loss, "standard_error": error},
        "reconstruction_loss": {"mean": average, "standard_error": error},
        "kl_loss": {"mean": kl_loss, "standard_error": 0.0},
    }


def losses_through_the_mean(model, images, encoded):
    """The loss without noise: every image is rebuilt from the middle of its posterior.

    Args:
        model: `VAE` or `Autoencoder`.
        images: uint8 array `(count, height, width, channels)`.
        encoded: What `encode_images` returned for them.

    Returns:
        Dictionary of `loss`, `reconstruction_loss` (weighted) and, for a `VAE`, `kl_loss`
        in nats, averaged over images.

    Reference:
        The terms are those of `vae_keras.losses`.
    """
    if "z" in encoded:
        loss = float(_reconstruction_losses(model, images, encoded["z"]).mean())
        return {"loss": loss, "reconstruction_loss": loss}
    reconstruction = float(_reconstruction_losses(model, images, encoded["mean"]).mean())
    kl_loss = _mean_kl(**encoded)
    return {
        "loss": reconstruction + model.kl_weight * kl_loss,
        "reconstruction_loss": reconstruction,
        "kl_loss": kl_loss,
    }


def importance_weighted_bounds(model, images, mean, log_var, samples=500, seed=0):
    """Lower bound on the log-likelihood of each image, in nats.

    log 1/K Σₖ p(x|zₖ)·p(zₖ) / q(zₖ|x) with zₖ drawn from q(z|x). Its expectation is the
    ELBO for K = 1, rises with K, and tends to log p(x). Weights are summed as logarithms,
    a batch at a time, so that memory does not grow with K.

    Args:
        model: `VAE`. Its decoder is read as `vae_keras.losses.elbo` says: for `"mse"` a
            Gaussian of the variance that the weight implies, over pixels in [0, 1]; for
            `"bce"` Bernoulli variables, a pseudo-likelihood where pixels are grey.
        images: uint8 array `(count, height, width, channels)`.
        mean, log_var: The posterior of each image, arrays `(count, latent_dim)`.
        samples: The number K.
        seed: Integer that decides the draws.

    Returns:
        float64 array `(count,)`.

    Reference:
        Burda, Grosse & Salakhutdinov 2016, https://arxiv.org/abs/1509.00519.
    """
    random = np.random.default_rng(seed)
    at_once = min(samples, batch_size(model))
    images_at_once = batch_size(model) // at_once
    size = at_once * images_at_once
    bounds = np.empty(len(images))
    with tqdm(total=len(images) * samples, desc="importance samples", unit="decode", unit_scale=True,
              leave=False, disable=None) as bar:  # fmt: skip
        for start in range(0, len(images), images_at_once):
            part = slice(start, start + images_at_once)
            total = np.full(len(images[part]), -np.inf)
            for done in range(0, samples, at_once):
                count = min(at_once, samples - done)
                weights = _log_weights(
                    model, images[part], mean[part], log_var[part], count, random, size
                )
                total = np.logaddexp(total, np.logaddexp.reduce(weights))
                bar.update(weights.size)
            bounds[part] = total - math.log(samples)
    return bounds


def bits_per_dimension(log_likelihood, pixels, steps=255):
    """A density over pixels in [0, 1] as bits for each pixel value.

    −log₂ p / D + log₂ 255: an 8-bit value is a step of 1/255 wide, so that p / 255 is about
    its probability. A density that is even over [0, 1] costs 7.99 bits.

    Args:
        log_likelihood: In nats per image.
        pixels: The number D of values in an image.
        steps: 255, or 1 for probabilities (a Bernoulli decoder), which have no scale.

    Reference:
        Theis, van den Oord & Bethge 2016, https://arxiv.org/abs/1511.01844, section 3.1.
    """
    return -log_likelihood / (pixels * math.log(2)) + math.log2(steps)


def _log_weights(model, images, mean, log_var, count, random, size):
    """log p(x|z) + log p(z) − log q(z|x) for `count` draws of each image, `(count, images)`.

    They are decoded at once, in a batch filled up to `size`.
    """
    noise = random.standard_normal((count, *mean.shape), np.float32)
    z = mean + np.exp(0.5 * log_var) * noise
    # Of p(z) / q(z|x), what both have in common, (2π)^(−d/2), is left out.
    log_prior = -0.5 * np.sum(np.square(z), axis=-1, dtype=np.float64)
    log_posterior = -0.5 * np.sum(np.square(noise) + log_var, axis=-1, dtype=np.float64)
    repeated = np.broadcast_to(images, (count, *images.shape)).reshape(-1, *images.shape[1:])
    losses = _reconstruction_losses(model, repeated, z.reshape(-1, z.shape[-1]), size)
    log_likelihood = elbo(
        model.reconstruction, losses, 0.0, model.reconstruction_weight, math.prod(model.image_shape)
    )
    return log_likelihood.reshape(count, -1) + log_prior - log_posterior


def _reconstruction_losses(model, images, z, size=None):
    """The weighted reconstruction term of each image decoded from its z, float64 `(count,)`."""
    size = size or batch_size(model)
    losses = []
    for start in range(0, len(z), size):
        reconstructions = predict(model.decoder, z[start : start + size], size)
        batch = scale(images[start : start + size])
        losses.append(np.asarray(model.reconstruction_loss(batch, reconstructions)))
    return np.concatenate(losses).astype(np.float64)


def _mean_kl(mean, log_var):
    return float(np.mean(np.asarray(kl_divergence(mean, log_var)), dtype=np.float64))
