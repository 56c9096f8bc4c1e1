"""How well a model explains images: its loss, the ELBO and the log-likelihood."""

import functools
import math

import keras
import numpy as np

from vae_keras.data.batches import scale
from vae_keras.evaluation.decoding import rearrange
from vae_keras.evaluation.workers import map_with_model
from vae_keras.latent.inference import batch_size, predict
from vae_keras.likelihood import elbo
from vae_keras.losses import kl_divergence
from vae_keras.support.reporting import progress_bar

DECODED_IN_TASK = 10_000
DECODED_IN_PROCESS = 100_000  # in the time that a process takes to start


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
    """The loss without noise: W·mean((x − decode(mean(x)))²) + kl_weight·KL, averaged over images.

    For `"bce"` the first term is W times the mean binary cross-entropy; a plain autoencoder has
    the first term alone.

    Args:
        model: `VAE` or `Autoencoder`.
        images: uint8 array `(count, height, width, channels)`.
        encoded: What `encode_images` returned for them.

    Returns:
        Dictionary of `loss`, `reconstruction_loss` (weighted) and, for a `VAE`, `kl_loss`
        in nats, averaged over images.

    Reference:
        Foster, Generative Deep Learning, chapter 3.
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


def importance_weighted_bounds(model, images, mean, log_var, samples=500, seed=0, processes=1):
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
        seed: Integer that decides the draws. Every image has its own, so that the bounds
            depend on the number of processes by rounding only.
        processes: Share the work among so many, with one thread each. Fewer are started,
            or none, where that would take longer than the work.

    Returns:
        float64 array `(count,)`.

    Reference:
        Burda, Grosse & Salakhutdinov 2016, https://arxiv.org/abs/1509.00519.
    """
    at_once = max(1, DECODED_IN_TASK // samples)
    parts = [slice(start, start + at_once) for start in range(0, len(images), at_once)]
    tasks = [(images[part], mean[part], log_var[part], samples, seed, part.start) for part in parts]
    processes = max(1, min(processes, len(images) * samples // DECODED_IN_PROCESS))
    bounds = []
    with progress_bar(
        total=len(images) * samples, desc="importance samples", unit="decode", unit_scale=True
    ) as bar:
        for found in map_with_model(_bounds, model, tasks, processes):
            bounds.append(found)
            bar.update(len(found) * samples)
    return np.concatenate(bounds)


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


class Scorer(keras.Model):
    """The weighted reconstruction term of images that are decoded from given points, `(batch,)`."""

    def __init__(self, model, batch_size):
        super().__init__()
        self.model, self.batch_size = model, batch_size
        self.decoder = rearrange(model.decoder, batch_size)

    def call(self, inputs):
        return self.model.reconstruction_loss(inputs["images"], self.decoder(inputs["z"]))


_scorer = functools.lru_cache(maxsize=1)(Scorer)  # TensorFlow traces every new one


def _bounds(model, images, mean, log_var, samples, seed, first):
    """The bounds of some images, the first of which has the given number."""
    size = max(8, batch_size(model) // 8)  # larger batches leave the cache of a core
    scorer = _scorer(model, size)
    at_once = min(samples, size)
    images_at_once = size // at_once
    bounds = np.empty(len(images))
    for start in range(0, len(images), images_at_once):
        part = slice(start, start + images_at_once)
        count = len(images[part])
        random = [np.random.default_rng((seed, first + start + i)) for i in range(count)]
        total = np.full(count, -np.inf)
        for done in range(0, samples, at_once):
            shape = (min(at_once, samples - done), mean.shape[1])
            noise = np.stack([each.standard_normal(shape, np.float32) for each in random], axis=1)
            weights = _log_weights(scorer, images[part], mean[part], log_var[part], noise)
            total = np.logaddexp(total, np.logaddexp.reduce(weights))
        bounds[part] = total - math.log(samples)
    return bounds


def _log_weights(scorer, images, mean, log_var, noise):
    """log p(x|z) + log p(z) − log q(z|x) for z drawn with the given noise, `(draws, images)`.

    They are decoded at once.
    """
    z = mean + np.exp(0.5 * log_var) * noise
    # Of p(z) / q(z|x), what both have in common, (2π)^(−d/2), is left out.
    log_prior = -0.5 * np.sum(np.square(z), axis=-1, dtype=np.float64)
    log_posterior = -0.5 * np.sum(np.square(noise) + log_var, axis=-1, dtype=np.float64)
    repeated = np.broadcast_to(scale(images), (len(z), *images.shape)).reshape(
        -1, *images.shape[1:]
    )
    inputs = {"z": z.reshape(-1, z.shape[-1]), "images": repeated}
    losses = np.float64(predict(scorer, inputs, scorer.batch_size))
    model = scorer.model
    log_likelihood = elbo(
        model.reconstruction, losses, 0.0, model.reconstruction_weight, math.prod(model.image_shape)
    )
    return log_likelihood.reshape(len(z), -1) + log_prior - log_posterior


def _reconstruction_losses(model, images, z):
    """The weighted reconstruction term of each image decoded from its z, float64 `(count,)`."""
    size = batch_size(model)
    losses = []
    for start in range(0, len(z), size):
        reconstructions = predict(model.decoder, z[start : start + size], size)
        batch = scale(images[start : start + size])
        losses.append(np.asarray(model.reconstruction_loss(batch, reconstructions)))
    return np.concatenate(losses).astype(np.float64)


def _mean_kl(mean, log_var):
    return float(np.mean(np.asarray(kl_divergence(mean, log_var)), dtype=np.float64))
