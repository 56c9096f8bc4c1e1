"""The terms of the loss, one value per image."""

from typing import Any

from keras import ops

from vae_keras.backend.precision import precise
from vae_keras.config import RECONSTRUCTIONS

Tensor = Any


def mean_squared_error(images: Tensor, reconstructions: Tensor) -> Tensor:
    """Squared error averaged over pixels and channels.

    Args:
        images: Float tensor of shape `(batch, height, width, channels)` in [0, 1].
        reconstructions: Float tensor of the same shape.

    Returns:
        Float tensor of shape `(batch,)`.
    """
    reconstructions, images = precise(reconstructions, images)
    return ops.mean(ops.square(images - reconstructions), axis=(1, 2, 3))


def binary_crossentropy(images: Tensor, reconstructions: Tensor) -> Tensor:
    """Binary cross-entropy averaged over pixels and channels, in nats per pixel.

    For gray images this is not a likelihood of the pixels, because a Bernoulli variable is 0 or 1.
    The book trains its fashion network with it.

    Args:
        images: Float tensor of shape `(batch, height, width, channels)` in [0, 1].
        reconstructions: Probabilities, float tensor of the same shape.

    Returns:
        Float tensor of shape `(batch,)`.
    """
    reconstructions, images = precise(reconstructions, images)
    return ops.mean(ops.binary_crossentropy(images, reconstructions), axis=(1, 2, 3))


def kl_divergence(mean: Tensor, log_var: Tensor) -> Tensor:
    """KL divergence from N(mean, exp(log_var)) to N(0, I), summed over dimensions, in nats.

    Args:
        mean, log_var: Float tensors of shape `(batch, latent_dim)`.

    Returns:
        Float tensor of shape `(batch,)`.

    Reference:
        Kingma & Welling 2014, https://arxiv.org/abs/1312.6114, appendix B.
    """
    mean, log_var = precise(mean, log_var)
    return 0.5 * ops.sum(ops.square(mean) + ops.exp(log_var) - 1.0 - log_var, axis=-1)


RECONSTRUCTION_LOSSES = {name: globals()[function] for name, function in RECONSTRUCTIONS.items()}
