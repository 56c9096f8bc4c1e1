"""The terms of the loss, one value per image, and what they mean in nats."""

import math
from typing import Any

from keras import ops

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
    return ops.mean(ops.square(images - reconstructions), axis=(1, 2, 3))


def binary_crossentropy(images: Tensor, reconstructions: Tensor) -> Tensor:
    """Binary cross-entropy averaged over pixels and channels, in nats per pixel.

    For grey images this is no likelihood of the pixels (a Bernoulli variable is
    0 or 1), but the book trains its fashion network with it.

    Args:
        images: Float tensor of shape `(batch, height, width, channels)` in [0, 1].
        reconstructions: Probabilities, float tensor of the same shape.

    Returns:
        Float tensor of shape `(batch,)`.
    """
    return ops.mean(ops.binary_crossentropy(images, reconstructions), axis=(1, 2, 3))


def kl_divergence(mean: Tensor, log_var: Tensor) -> Tensor:
    """KL divergence from N(mean, exp(log_var)) to N(0, I), summed over dimensions, in nats.

    Args:
        mean: Float tensor of shape `(batch, latent_dim)`.
        log_var: Float tensor of shape `(batch, latent_dim)`.

    Returns:
        Float tensor of shape `(batch,)`.

    Reference:
        Kingma & Welling 2014, https://arxiv.org/abs/1312.6114, appendix B.
    """
    return 0.5 * ops.sum(ops.square(mean) + ops.exp(log_var) - 1.0 - log_var, axis=-1)


RECONSTRUCTION_LOSSES = {name: globals()[function] for name, function in RECONSTRUCTIONS.items()}


def implied_variance(reconstruction_weight: float, pixels: int) -> float:
    """Variance of the Gaussian decoder that a weighted mean squared error stands for.

    W·mean((x − x̂)²) over D values equals Σ(x − x̂)² / 2σ² when σ² = D / 2W.

    Args:
        reconstruction_weight: The weight W.
        pixels: The number D of values in an image, height × width × channels.

    Returns:
        σ², in squares of the unit of pixels, which lie in [0, 1].

    Reference:
        Rybkin, Daniilidis & Levine 2021, https://arxiv.org/abs/2006.13202.
    """
    return pixels / (2.0 * reconstruction_weight)


def elbo(
    reconstruction: str,
    reconstruction_loss: Any,
    kl_loss: Any,
    reconstruction_weight: float,
    pixels: int,
) -> Any:
    """Evidence lower bound in nats per image, from the two terms of the loss.

    With `"mse"` the decoder is a Gaussian of the implied variance σ², so that
    −ELBO = reconstruction_loss + kl_loss + (D/2)·log(2πσ²). With `"bce"` it is a
    Bernoulli distribution over each pixel, −ELBO = (D/W)·reconstruction_loss +
    kl_loss, a pseudo-likelihood where pixels are grey. The weight that training
    gave to the KL divergence plays no part.

    Args:
        reconstruction: `"mse"` or `"bce"`.
        reconstruction_loss: Weighted reconstruction term, W times the mean error,
            averaged over images.
        kl_loss: KL divergence in nats, averaged over images.
        reconstruction_weight: The weight W.
        pixels: The number D of values in an image.

    Reference:
        Kingma & Welling 2014, https://arxiv.org/abs/1312.6114, section 2.2.
    """
    if reconstruction == "bce":
        return -(pixels / reconstruction_weight * reconstruction_loss + kl_loss)
    variance = implied_variance(reconstruction_weight, pixels)
    return -(reconstruction_loss + kl_loss + 0.5 * pixels * math.log(2 * math.pi * variance))
