"""The loss, the ELBO and the log-likelihood of images."""

import functools
import math
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from vae_keras.backend.workers import map_with_model
from vae_keras.data.batches import scale
from vae_keras.latent.inference import batch_size, encode_images, predict
from vae_keras.likelihood import FINEST_VARIANCE, log_likelihood
from vae_keras.model import Autoencoder
from vae_keras.support.reporting import progress_bar

Encoded = dict[str, np.ndarray]

MOST_FITTED = 10_000  # images for the best variance
DECODED_IN_TASK = 10_000
DECODED_IN_PROCESS = 100_000  # images decoded in the start-up time of a process


def losses_over_draws(
    model: Autoencoder, images: np.ndarray, encoded: Encoded, draws: int = 10, seed: int = 0
) -> dict[str, dict[str, float]]:
    """The loss with one random z for each image, as in training, averaged over several draws.

    Args:
        model: `VAE`.
        images: uint8 array `(count, height, width, channels)`, at least 2.
        encoded: The outputs of `encode_images` for these images.
        draws: Number of draws of z for every image.
        seed: Integer seed of the noise.

    Returns:
        Dictionary of `loss`, the model's terms, such as `reconstruction_loss` (weighted) and
        `kl_loss` (nats), and `reconstruction_error` (the mean over pixels without weight), each a
        dictionary of `mean` and `standard_error`, see `mean_and_error`.

    Reference:
        Kingma & Welling 2014, https://arxiv.org/abs/1312.6114, section 2.3.
    """
    losses = image_losses_over_draws(model, images, encoded, draws, seed)
    return {name: mean_and_error(values) for name, values in losses.items()}


def image_losses_over_draws(
    model: Autoencoder, images: np.ndarray, encoded: Encoded, draws: int = 10, seed: int = 0
) -> dict[str, np.ndarray]:
    """The losses of each image, averaged over draws of z: float64 arrays `(count,)`."""
    random = np.random.default_rng(seed)
    mean, deviation = encoded["mean"], np.exp(0.5 * encoded["log_var"])
    totals: dict[str, np.ndarray] = {}
    for _ in progress_bar(range(draws), desc="losses", unit="draw"):
        z = mean + deviation * random.standard_normal(mean.shape, "f4")
        for name, values in _losses(model, images, encoded, z).items():
            totals[name] = totals.get(name, 0) + values
    return {name: total / draws for name, total in totals.items()}


def mean_and_error(values: np.ndarray) -> dict[str, float]:
    """The `mean` of one value for each image, and its `standard_error`, s / √images.

    The error estimates the variation of the mean over other images of the same kind. If the values
    are averages over draws of z, it includes the scatter between draws.

    Args:
        values: Array `(images,)`, at least 2.
    """
    error = float(values.std(ddof=1) / math.sqrt(len(values)))
    return {"mean": float(values.mean()), "standard_error": error}


def losses_through_the_mean(
    model: Autoencoder, images: np.ndarray, encoded: Encoded
) -> dict[str, float]:
    """The loss without noise: every image is decoded from its latent point.

    For a `VAE` it is W·mean((x − decode(mean(x)))²) + kl_weight·KL, averaged over images. For
    `"bce"` the first term is W times the mean binary cross-entropy; a plain autoencoder has only
    the first term.

    Args:
        model: `VAE` or `Autoencoder`.
        images: uint8 array `(count, height, width, channels)`.
        encoded: The outputs of `encode_images` for these images.

    Returns:
        Dictionary of `loss`, the model's terms, such as `reconstruction_loss` (weighted) and
        `kl_loss` (nats), and `reconstruction_error` (the mean over pixels without weight),
        averaged over images.

    Reference:
        Foster, Generative Deep Learning, chapter 3.
    """
    losses = _losses(model, images, encoded, encoded[model.encoder_outputs[0]])
    return {name: float(values.mean()) for name, values in losses.items()}


def importance_weighted_bounds(
    model: Autoencoder,
    images: np.ndarray,
    encoded: Encoded,
    samples: int = 500,
    seed: int = 0,
    processes: int = 1,
    variances: Sequence[float | None] | None = None,
) -> dict[str, np.ndarray]:
    """Lower bound on the log-likelihood of each image, in nats.

    log 1/K Σₖ wₖ with wₖ = p(x|zₖ)·p(zₖ) / q(zₖ|x) and zₖ drawn from q(z|x). Its expectation is
    the ELBO for K = 1, rises with K, and tends to log p(x). If the effective number of samples
    (Σ wₖ)² / Σ wₖ² is small, few draws dominate the bound, and it is loose. Logarithms of weights
    are summed in batches, so that memory does not grow with K.

    Args:
        model: `VAE`.
        images: uint8 array `(count, height, width, channels)`.
        encoded: The outputs of `encode_images` for these images.
        samples: The number K.
        seed: Integer seed of the draws. Every image has its own draws, so that the number of
            processes changes the bounds by rounding only.
        processes: Maximum number of processes, with one thread each. Fewer or none are started if
            starting them would take longer than the work.
        variances: Variances of the decoder, see `vae_keras.likelihood.log_likelihood`; None for
            that of the model only. All use the same draws.

    Returns:
        Dictionary of `bound` and `effective_samples`, float64 arrays `(count,)`, or
        `(variances, count)` if variances are given.

    Reference:
        Burda, Grosse & Salakhutdinov 2016, https://arxiv.org/abs/1509.00519; Kish 1965, Survey
        Sampling, for the effective number.
    """
    mean, log_var = encoded["mean"], encoded["log_var"]
    at_once = max(1, DECODED_IN_TASK // samples)
    parts = [slice(start, start + at_once) for start in range(0, len(images), at_once)]
    read_as = (model.variance,) if variances is None else tuple(variances)
    tasks = [
        (images[part], mean[part], log_var[part], samples, seed, part.start, read_as)
        for part in parts
    ]
    processes = max(1, min(processes, len(images) * samples // DECODED_IN_PROCESS))
    bounds = []
    with progress_bar(
        total=len(images) * samples, desc="importance samples", unit="decode", unit_scale=True
    ) as bar:
        for found in map_with_model(_bounds, model, tasks, processes):
            bounds.append(found)
            bar.update(found.shape[2] * samples)
    joined = dict(zip(("bound", "effective_samples"), np.concatenate(bounds, axis=2)))
    return joined if variances is not None else {name: rows[0] for name, rows in joined.items()}


def best_variance(model: Autoencoder, images: np.ndarray, seed: int = 0) -> float:
    """The variance of a Gaussian decoder that maximizes the ELBO of a trained model.

    It is the mean squared error of reconstructions through a random z.

    Args:
        model: `VAE`.
        images: Training images, uint8 array `(count, height, width, channels)`: a variance fitted
            to test images would overestimate the model. At most 10,000 are used.
        seed: Integer seed of the noise.

    Reference:
        Rybkin, Daniilidis & Levine 2021, https://arxiv.org/abs/2006.13202.
    """
    if len(images) > MOST_FITTED:
        chosen = np.random.default_rng(seed).permutation(len(images))[:MOST_FITTED]
        images = images[np.sort(chosen)]
    losses = losses_over_draws(model, images, encode_images(model, images), draws=2, seed=seed)
    return max(losses["reconstruction_error"]["mean"], FINEST_VARIANCE)


def bits_per_dimension(log_likelihood: float, pixels: int, steps: int = 255) -> float:
    """A density over pixels in [0, 1] in bits per pixel value.

    −log₂ p / D + log₂ 255: an 8-bit value has a width of 1/255, so that p / 255 is about its
    probability. A uniform density over [0, 1] costs 7.99 bits.

    Args:
        log_likelihood: In nats per image.
        pixels: The number D of values in an image.
        steps: 255, or 1 for probabilities (a Bernoulli decoder), which have no scale.

    Reference:
        Theis, van den Oord & Bethge 2016, https://arxiv.org/abs/1511.01844, section 3.1.
    """
    return -log_likelihood / (pixels * math.log(2)) + math.log2(steps)


class Scorer(keras.Model):
    """The reconstruction error of images decoded from given points, `(batch,)`."""

    def __init__(self, model: Autoencoder, batch_size: int) -> None:
        super().__init__()
        self.model, self.batch_size = model, batch_size

    def call(self, inputs: Any) -> Any:
        return self.model.reconstruction_error(inputs["images"], self.model.decoder(inputs["z"]))


_scorer = functools.lru_cache(maxsize=1)(Scorer)  # TensorFlow traces every new one


def _bounds(
    model: Autoencoder,
    images: np.ndarray,
    mean: np.ndarray,
    log_var: np.ndarray,
    samples: int,
    seed: int,
    first: int,
    variances: Sequence[float | None],
) -> np.ndarray:
    """Bounds and effective samples of some images; `first` is the index of the first one.

    Returns:
        float64 array `(2, variances, images)`.
    """
    size = max(8, batch_size(model) // 8)  # larger batches exceed the cache of a core
    scorer = _scorer(model, size)
    at_once = min(samples, size)
    images_at_once = size // at_once
    results = np.empty((2, len(variances), len(images)))
    for start in range(0, len(images), images_at_once):
        part = slice(start, start + images_at_once)
        count = len(images[part])
        random = [np.random.default_rng((seed, first + start + i)) for i in range(count)]
        total = np.full((len(variances), count), -np.inf)  # log Σ w
        squares = total.copy()  # log Σ w²
        for done in range(0, samples, at_once):
            shape = (min(at_once, samples - done), mean.shape[1])
            noise = np.stack([each.standard_normal(shape, np.float32) for each in random], axis=1)
            errors, log_ratio = _score(scorer, images[part], mean[part], log_var[part], noise)
            for i, variance in enumerate(variances):
                weights = log_likelihood(errors, model.pixels, variance) + log_ratio
                total[i] = np.logaddexp(total[i], np.logaddexp.reduce(weights))
                squares[i] = np.logaddexp(squares[i], np.logaddexp.reduce(2 * weights))
        results[:, :, part] = total - math.log(samples), np.exp(2 * total - squares)
    return results


def _score(
    scorer: Scorer, images: np.ndarray, mean: np.ndarray, log_var: np.ndarray, noise: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """For z drawn with the given noise, the error of each image and log p(z) − log q(z|x).

    All z are decoded in one batch. Both arrays are `(draws, images)`.
    """
    z = mean + np.exp(0.5 * log_var) * noise
    # The common factor (2π)^(−d/2) of p(z) and q(z|x) is omitted.
    log_prior = -0.5 * np.sum(np.square(z), axis=-1, dtype=np.float64)
    log_posterior = -0.5 * np.sum(np.square(noise) + log_var, axis=-1, dtype=np.float64)
    repeated = np.broadcast_to(scale(images), (len(z), *images.shape)).reshape(
        -1, *images.shape[1:]
    )
    inputs = {"z": z.reshape(-1, z.shape[-1]), "images": repeated}
    errors = np.float64(predict(scorer, inputs, scorer.batch_size))
    return errors.reshape(len(z), -1), np.asarray(log_prior - log_posterior)


def reconstruction_errors(model: Autoencoder, images: np.ndarray, z: np.ndarray) -> np.ndarray:
    """The error of each image decoded from the given z, a mean over pixels.

    Args:
        model: `VAE` or `Autoencoder`.
        images: uint8 array `(count, height, width, channels)`.
        z: float32 array `(count, latent_dim)`.

    Returns:
        float64 array `(count,)`.
    """
    size = batch_size(model)
    errors = [
        model.reconstruction_error(
            ops.convert_to_tensor(scale(images[start : start + size])),
            ops.convert_to_tensor(predict(model.decoder, z[start : start + size], size)),
        )
        for start in range(0, len(z), size)
    ]
    return np.concatenate([np.float64(ops.convert_to_numpy(part)) for part in errors])


def _losses(
    model: Autoencoder, images: np.ndarray, encoded: Encoded, z: np.ndarray
) -> dict[str, np.ndarray]:
    """The loss and its terms of each image, decoded from the given z; float64 arrays `(count,)`."""
    size = batch_size(model)
    parts: dict[str, list[np.ndarray]] = {}
    for start in range(0, len(z), size):
        part = slice(start, start + size)
        outputs = {
            **{name: values[part] for name, values in encoded.items()},
            "z": z[part],
            "reconstruction": predict(model.decoder, z[part], size),
        }
        outputs = {name: ops.convert_to_tensor(values) for name, values in outputs.items()}
        target = ops.convert_to_tensor(scale(images[part]))
        found = model.loss_terms(target, outputs)
        terms = {name: _float64(term.value) for name, term in found.items()}
        loss = sum(float(term.weight) * terms[name] for name, term in found.items())
        error = _float64(model.reconstruction_error(target, outputs["reconstruction"]))
        for name, values in {"loss": loss, **terms, "reconstruction_error": error}.items():
            parts.setdefault(name, []).append(np.broadcast_to(values, error.shape))
    return {name: np.concatenate(values) for name, values in parts.items()}


def _float64(values: Any) -> np.ndarray:
    return np.asarray(ops.convert_to_numpy(values), np.float64)
