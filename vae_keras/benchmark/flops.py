"""Floating-point operations of a training step, counted from the layers."""

import math
from typing import Any

from keras import layers

from vae_keras.model import Autoencoder


def flops_per_image(model: Autoencoder) -> int:
    """Operations of a training step on one image, forward and backward.

    Only convolutions and dense layers count, with a multiplication and an addition as two
    operations. The gradient of a layer's weights costs as much as its forward pass, and so does
    the gradient of its input, which the first layer does not need.

    Args:
        model: `VAE` or `Autoencoder`.

    Returns:
        Integer.
    """
    weighted = (layers.Conv2D, layers.Conv2DTranspose, layers.Dense)
    found = [
        layer
        for network in (model.encoder, model.decoder)
        for layer in network.layers
        if isinstance(layer, weighted)
    ]
    return sum(_forward(layer) * (2 if layer is found[0] else 3) for layer in found)


def _forward(layer: Any) -> int:
    # A kernel is applied once at every position of a convolution's output, and of a
    # transposed convolution's input.
    grid = layer.input if isinstance(layer, layers.Conv2DTranspose) else layer.output
    return 2 * math.prod(grid.shape[1:-1]) * math.prod(layer.kernel.shape)
