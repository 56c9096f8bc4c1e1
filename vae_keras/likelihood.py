"""What the loss means as a likelihood, in nats."""

import math
from typing import Any


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
