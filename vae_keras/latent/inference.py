"""Models applied to whole NumPy arrays, in batches."""

import math
from typing import Any

import keras
import numpy as np

from vae_keras.backend.inputs import name_outputs
from vae_keras.data.batches import scale
from vae_keras.model import Autoencoder

VALUES_AT_ONCE = 1000 * 28 * 28  # pixel values in a batch


def encode_images(model: Autoencoder, images: np.ndarray) -> dict[str, np.ndarray]:
    """The outputs of the encoder for every image.

    Args:
        model: `VAE` or `Autoencoder`.
        images: uint8 array `(count, height, width, channels)`.

    Returns:
        Dictionary of float32 arrays `(count, latent_dim)`: `mean` and `log_var`, or `z` for
        a plain autoencoder.
    """
    size = batch_size(model)
    parts = [
        name_outputs(
            predict(model.encoder, scale(images[start : start + size]), size),
            model.encoder_outputs,
        )
        for start in range(0, len(images), size)
    ]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def latent_points(model: Autoencoder, images: np.ndarray) -> np.ndarray:
    """The latent points of images: the means, or the z of a plain autoencoder.

    Args:
        model: `VAE` or `Autoencoder`.
        images: uint8 array `(count, height, width, channels)`.

    Returns:
        float32 array `(count, latent_dim)`.
    """
    return encode_images(model, images)[model.encoder_outputs[0]]


def decode_points(model: Autoencoder, z: np.ndarray) -> np.ndarray:
    """The image at every latent point.

    Args:
        model: `VAE` or `Autoencoder`.
        z: Float array `(count, latent_dim)`.

    Returns:
        uint8 array `(count, height, width, channels)`, rounded.
    """
    images = np.empty((len(z), *model.image_shape), np.uint8)
    size = batch_size(model)
    for start in range(0, len(z), size):
        decoded = decode_floats(model, z[start : start + size])
        images[start : start + size] = np.round(255 * decoded)
    return images


def decode_floats(model: Autoencoder, z: np.ndarray) -> np.ndarray:
    """The image at every latent point, float32 in [0, 1], without rounding."""
    images = np.empty((len(z), *model.image_shape), np.float32)
    size = batch_size(model)
    for start in range(0, len(z), size):
        decoded = predict(model.decoder, np.float32(z[start : start + size]), size)
        images[start : start + size] = np.clip(decoded, 0, 1)
    return images


def batch_size(model: Autoencoder) -> int:
    """Number of images of the model in a batch."""
    return max(1, VALUES_AT_ONCE // math.prod(model.image_shape))


def predict(network: Any, inputs: Any, size: int) -> Any:
    """The outputs of a network for at most `size` inputs, as NumPy arrays.

    Every batch is padded to `size`, because TensorFlow recompiles for every shape.
    """
    count = len(keras.tree.flatten(inputs)[0])

    def fill_up(values: np.ndarray) -> np.ndarray:
        return np.concatenate([values, np.repeat(values[-1:], size - count, axis=0)])

    outputs = network.predict_on_batch(keras.tree.map_structure(fill_up, inputs))
    return keras.tree.map_structure(lambda values: values[:count], outputs)
