"""The loss as a likelihood, in nats."""

import math
from typing import Any

import keras
import numpy as np
from keras import ops

from vae_keras.backend.precision import precise_dtype
from vae_keras.support.errors import InputError

AUTO = "auto"  # a reconstruction weight that is derived from the error
FINEST_VARIANCE = 1 / (12 * 255**2)  # of rounding a pixel to 8 bits


def implied_variance(reconstruction_weight: float, pixels: int) -> float:
    """Variance of the Gaussian decoder that a weighted mean squared error implies.

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


def log_likelihood(error: Any, pixels: int, variance: float | None = None) -> Any:
    """log p(x|z) in nats of an image of D values, from its mean error.

    Args:
        error: Mean over pixels and channels of the squared error, or of the binary cross-entropy:
            a number, or a float array of any shape.
        pixels: The number D of values in an image.
        variance: σ² of a Gaussian decoder, log N(x; x̂, σ²I) = −D/2·(error/σ² + log 2πσ²). None
            for a Bernoulli distribution over each pixel, −D·error: a pseudo-likelihood for gray
            pixels.

    Returns:
        A number or a float64 array, like `error`.
    """
    error = np.float64(error)
    if variance is None:
        return -pixels * error
    return -0.5 * pixels * (error / variance + math.log(2 * math.pi * variance))


@keras.saving.register_keras_serializable(package="vae_keras")
class CalibratedGaussian(keras.layers.Layer):
    """−log N(x; x̂, σ²I) in nats, with a variance σ² that follows the squared error.

    For given reconstructions, the variance with the highest likelihood is their mean squared
    error. σ² is a moving average of it over the batches of training, shared by all pixels. It is
    a weight of the layer, so it is saved with the model and stays fixed outside of training.

    Args:
        pixels: The number D of values in an image.
        momentum: Share of σ² that is kept at each batch.

    Call arguments:
        error: Mean squared error of each image, `(batch,)`.

    Returns:
        Float tensor `(batch,)`: D/2·(error/σ² + log 2πσ²).

    Reference:
        Rybkin, Daniilidis & Levine 2021, https://arxiv.org/abs/2006.13202.
    """

    def __init__(self, pixels: int, momentum: float = 0.99, **kwargs: Any) -> None:
        super().__init__(**{"dtype": precise_dtype(), **kwargs})
        self.pixels = pixels
        self.momentum = momentum

    def build(self, error_shape: tuple) -> None:
        # 1/12 is the variance of pixels spread evenly over [0, 1].
        self.variance = self.add_weight(
            name="variance",
            initializer=keras.initializers.Constant(1 / 12),
            dtype="float32",
            trainable=False,
            aggregation="mean",
        )

    def update(self, error: Any, sample_weight: Any = None) -> None:
        """Move σ² toward the mean error of a batch, `(batch,)`."""
        error = ops.cast(ops.stop_gradient(error), "float32")
        weight = ops.ones_like(error)
        if sample_weight is not None:
            weight = ops.cast(ops.reshape(sample_weight, (-1,)), "float32")
        total = ops.sum(weight)
        average = ops.maximum(ops.divide_no_nan(ops.sum(weight * error), total), FINEST_VARIANCE)
        # With several devices, one may get no images of a small batch.
        average = ops.where(total > 0, average, ops.convert_to_tensor(self.variance))
        self.variance.assign(self.momentum * self.variance + (1 - self.momentum) * average)

    def call(self, error: Any) -> Any:
        variance = ops.cast(self.variance, error.dtype)
        return 0.5 * self.pixels * (error / variance + ops.log(2 * math.pi * variance))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "pixels": self.pixels, "momentum": self.momentum}


def calibrated_likelihood(reconstruction: str, pixels: int) -> CalibratedGaussian:
    """The likelihood of a model whose reconstruction weight is `"auto"`.

    Raises:
        InputError: If the reconstruction loss does not belong to a Gaussian decoder.
    """
    if reconstruction != "mse":
        raise InputError(
            f"⟨reconstruction_weight⟩ 'auto' is for 'mse': {reconstruction!r} has no variance"
        )
    likelihood = CalibratedGaussian(pixels, name="likelihood")
    likelihood.build(())
    return likelihood
