"""Checks that settings fit the images and the machine, without building a network."""

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from vae_keras.config import FitConfig, check_strides
from vae_keras.support.errors import InputError
from vae_keras.support.memory import check_address_space, gibibytes, machine_memory

FLOAT = 4  # bytes
STATES = 4  # of each weight in a training step: the weight, its gradient, two moments of Adam
COPIES = 6  # of each weight while a checkpoint is written
NORMALIZATION_WEIGHTS = {"none": 0, "batch": 4, "layer": 2}  # of each channel
TEST_IMAGES = 500  # maximum per batch
TEST_VALUES = 2**28  # maximum of the largest layer per batch


class Layer(NamedTuple):
    """The size of a layer.

    Attributes:
        weights: Number of weights, normalization included.
        values: Size of its output for one image.
        arrays: Number of arrays of this size that a training step keeps.
    """

    weights: int
    values: int
    arrays: int = 1


def check_requirements(
    config: FitConfig,
    image_shape: Sequence[int],
    train_images: int | None = None,
    image_bytes: int = 0,
) -> None:
    """Raise `InputError` if settings do not fit the images or the memory of the machine.

    Args:
        config: `FitConfig`.
        image_shape: Tuple `(height, width, channels)`.
        train_images: Maximum number of training images; None if it is unknown.
        image_bytes: Bytes of all images in memory.
    """
    check_strides(image_shape, config.encoder_strides)
    limits = [count for count in (train_images, config.max_train_images) if count is not None]
    if limits and min(limits) < config.batch_size:
        raise InputError(
            f"{min(limits)} training images are fewer than one batch of {config.batch_size}: "
            "choose a smaller ⟨batch_size⟩"
        )
    parts = needed_memory(config, image_shape)
    needed, available = sum(parts.values()) + image_bytes, machine_memory()
    check_address_space(sum(parts.values()))  # the images are already in memory
    if needed > available:
        what, size = max((*parts.items(), ("images", image_bytes)), key=lambda part: part[1])
        remedies = {
            "weights": "a smaller ⟨latent_dim⟩, ⟨encoder_filters⟩ or ⟨decoder_filters⟩",
            "activations": "a smaller ⟨batch_size⟩, ⟨image_size⟩ or ⟨encoder_filters⟩",
            "images": "fewer or smaller images",
        }
        raise InputError(
            f"this run needs about {gibibytes(needed)} of memory, {gibibytes(size)} for its "
            f"{what}, but the machine has {gibibytes(available)}: choose {remedies[what]}"
        )


def needed_memory(config: FitConfig, image_shape: Sequence[int]) -> dict[str, int]:
    """A lower limit of the memory for training, without images and TensorFlow itself.

    Args:
        config: `FitConfig`.
        image_shape: Tuple `(height, width, channels)`.

    Returns:
        Dictionary with bytes of `weights`, including their gradients, moments and checkpoint, and
        of `activations`, the arrays of a step of training or of the test.
    """
    layers = list(_layers(config, image_shape))
    kept = config.batch_size * sum(layer.values * layer.arrays for layer in layers)
    # The test keeps only the input and the output of a layer.
    tested = 2 * test_batch_size(config, image_shape) * _largest(config, image_shape)
    weights = sum(layer.weights for layer in layers)
    return {
        "weights": FLOAT * (STATES + COPIES) * weights,
        "activations": FLOAT * max(kept, tested),
    }


def test_batch_size(config: FitConfig, image_shape: Sequence[int]) -> int:
    """Number of images in a test batch: 500, or fewer for large images."""
    return max(1, min(TEST_IMAGES, TEST_VALUES // _largest(config, image_shape)))


def _largest(config: FitConfig, image_shape: Sequence[int]) -> int:
    """The size of the largest output of a layer for one image."""
    return max(layer.values for layer in _layers(config, image_shape))


def _layers(config: FitConfig, image_shape: Sequence[int]) -> Iterator[Layer]:
    """The layers with weights of encoder and decoder, as `build_encoder` and `build_decoder`."""
    kernel = config.kernel_size**2
    normalization = NORMALIZATION_WEIGHTS[config.normalization]
    # The output of the layer, of its activation, of its normalization and of its dropout.
    arrays = 2 + (normalization > 0) + (config.dropout > 0)
    height, width, channels = image_shape
    for filters, stride in zip(config.encoder_filters, config.encoder_strides):
        height, width = height // stride, width // stride
        weights = (kernel * channels + 1 + normalization) * filters
        yield Layer(weights, height * width * filters, arrays)
        channels = filters
    heads = 2 if config.model == "vae" else 1  # mean and log_var, or z
    values = heads * config.latent_dim
    yield Layer((height * width * channels + 1) * values, values)
    units = height * width * channels
    dense_normalization = normalization if config.decoder_dense_activation else 0
    yield Layer((config.latent_dim + 1 + dense_normalization) * units, units, arrays)
    for filters, stride in zip(config.decoder_filters, config.decoder_strides):
        height, width = height * stride, width * stride
        weights = (kernel * channels + 1 + normalization) * filters
        yield Layer(weights, height * width * filters, arrays)
        channels = filters
    values = math.prod(image_shape)
    yield Layer((kernel * channels + 1) * image_shape[-1], values, 2)
