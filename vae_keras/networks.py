"""The two halves of the model: convolutions down to the latent space, and back."""

import numbers
from collections.abc import Callable, Sequence
from typing import Any

import keras
from keras import layers

from vae_keras.activations import Activation, activation_layer
from vae_keras.backend.precision import precise_dtype
from vae_keras.config import (
    NORMALIZATION_POSITIONS,
    NORMALIZATIONS,
    OUTPUT_LAYERS,
    FitConfig,
    check_strides,
)
from vae_keras.support.errors import InputError, check_name
from vae_keras.support.seeds import derive_seed

# Of every convolution. Keras's global image_data_format does not change what images are here.
CONVOLUTION: dict[str, Any] = {"padding": "same", "data_format": "channels_last"}


def build_encoder(
    image_shape: Sequence[int],
    filters: Sequence[int] = FitConfig.encoder_filters,
    strides: Sequence[int] = FitConfig.encoder_strides,
    outputs: Sequence[str] = ("mean", "log_var"),
    latent_dim: int = 2,
    kernel_size: int = 3,
    activation: Activation = "leaky_relu",
    normalization: str = "none",
    normalization_position: str = "after",
    dropout: float = 0.0,
    seed: int | None = None,
) -> keras.Model:
    """Convolutions, then one dense layer for each output.

    Args:
        image_shape: Tuple `(height, width, channels)`.
        filters: Filters of each convolution.
        strides: Stride of each convolution.
        outputs: Names of the outputs: `("mean", "log_var")` for a VAE, `("z",)` for a plain
            autoencoder.
        latent_dim: Size of each output.
        kernel_size: Side of the square kernels.
        activation: A name, a function, a layer or its class, see `activations.activation_layer`.
        normalization: `"none"`, `"batch"` or `"layer"`.
        normalization_position: `"before"` or `"after"` the activation.
        dropout: Rate of the dropout after each convolution, in [0, 1).
        seed: Integer that decides the initial weights and the noise of dropout; None for random.

    Returns:
        `keras.Model` from images `(batch, height, width, channels)` to a dictionary of tensors
        `(batch, latent_dim)`.

    Raises:
        InputError: If an argument cannot be used, or the strides do not fit the images.
    """
    _check_sizes(image_shape, latent_dim, filters=filters, strides=strides)
    if len(filters) != len(strides):
        raise InputError(
            "⟨filters⟩ and ⟨strides⟩ must have the same length, received "
            f"{tuple(filters)} and {tuple(strides)}"
        )
    check_strides(image_shape, strides)
    activate = _activation_block(activation, normalization, normalization_position, seed)
    images = keras.Input(image_shape, name="images", dtype=_input_dtype())
    x = images
    for i, (width, stride) in enumerate(zip(filters, strides, strict=True)):
        name = f"encoder_conv_{i}"
        x = layers.Conv2D(width, kernel_size, stride, **_named(name, seed), **CONVOLUTION)(x)
        x = activate(x, name, dropout)
    x = layers.Flatten("channels_last", name="flatten")(x)
    heads = {
        name: layers.Dense(int(latent_dim), dtype=precise_dtype(), **_named(name, seed))(x)
        for name in outputs
    }
    return keras.Model(images, heads, name="encoder")


def build_decoder(
    image_shape: Sequence[int],
    filters: Sequence[int] = FitConfig.decoder_filters,
    strides: Sequence[int] = FitConfig.decoder_strides,
    latent_dim: int = 2,
    kernel_size: int = 3,
    activation: Activation = "leaky_relu",
    normalization: str = "none",
    normalization_position: str = "after",
    dropout: float = 0.0,
    first_filters: int = 64,
    dense_activation: bool = False,
    output_layer: str = "conv_transpose",
    seed: int | None = None,
) -> keras.Model:
    """A dense layer, then transposed convolutions up to the image.

    Every layer but the last carries normalization, activation and dropout. The last one ends in a
    sigmoid, so that pixels lie in [0, 1].

    Args:
        image_shape: Tuple `(height, width, channels)` of the images to make.
        filters: Filters of each transposed convolution except the output layer.
        strides: Stride of each transposed convolution and of the output layer: one more than
            `filters`.
        latent_dim: Size of z.
        kernel_size, activation, normalization, normalization_position, dropout, seed: As for
            `build_encoder`.
        first_filters: Channels that the output of the dense layer is reshaped to.
        dense_activation: Whether normalization and activation follow the dense layer too, as in
            the faces network of the book's second edition.
        output_layer: `"conv_transpose"` or `"conv"`.

    Returns:
        `keras.Model` from z `(batch, latent_dim)` to images `(batch, height, width, channels)`.

    Raises:
        InputError: If an argument cannot be used, or the strides do not fit the images.
    """
    _check_sizes(image_shape, latent_dim, filters=filters, strides=strides)
    if len(filters) + 1 != len(strides):
        raise InputError(
            "⟨strides⟩ must have one number more than ⟨filters⟩, for the output layer, received "
            f"{tuple(strides)} and {tuple(filters)}"
        )
    scale = check_strides(image_shape, strides)
    activate = _activation_block(activation, normalization, normalization_position, seed)
    height, width, channels = image_shape
    first_shape = (height // scale, width // scale, first_filters)
    z = keras.Input((latent_dim,), name="z", dtype=_input_dtype())
    name = "decoder_dense"
    units = first_shape[0] * first_shape[1] * first_shape[2]
    x = layers.Dense(units, **_named(name, seed))(z)
    if dense_activation:
        x = activate(x, name)
    x = layers.Reshape(first_shape, name="reshape")(x)
    for i, (count, stride) in enumerate(zip(filters, strides[:-1], strict=True)):
        name = f"decoder_conv_{i}"
        x = layers.Conv2DTranspose(count, kernel_size, stride, **_named(name, seed), **CONVOLUTION)(
            x
        )
        x = activate(x, name, dropout)
    check_name("output layer", output_layer, OUTPUT_LAYERS)
    images = getattr(layers, OUTPUT_LAYERS[output_layer])(
        channels,
        kernel_size,
        strides[-1],
        activation="sigmoid",
        dtype=precise_dtype(),
        **_named("decoder_output", seed),
        **CONVOLUTION,
    )(x)
    return keras.Model(z, images, name="decoder")


def _check_sizes(image_shape: Sequence[int], latent_dim: int, **sizes: Sequence[int]) -> None:
    """Raise `InputError` unless shape and sizes are whole numbers, as many as there must be."""
    if not _are_whole(image_shape) or len(image_shape) != 3:
        raise InputError(
            "⟨image_shape⟩ must be (height, width, channels), whole numbers of at least 1, "
            f"received {image_shape!r}"
        )
    if not _are_whole([latent_dim]):
        raise InputError(
            f"⟨latent_dim⟩ must be a whole number of at least 1, received {latent_dim!r}"
        )
    for name, values in sizes.items():
        if not _are_whole(values):
            raise InputError(
                f"⟨{name}⟩ must be one or more whole numbers of at least 1, received {values!r}"
            )


def _are_whole(values: Any) -> bool:
    """Whether it is a sequence, not empty, of whole numbers of at least 1."""
    return (
        hasattr(values, "__len__")
        and len(values) > 0
        and all(
            isinstance(each, numbers.Integral) and not isinstance(each, bool) and int(each) >= 1
            for each in values
        )
    )


def _activation_block(
    activation: Activation, normalization: str, position: str, seed: int | None
) -> Callable:
    """A function that adds normalization, activation and dropout after a layer."""
    check_name("normalization", normalization, NORMALIZATIONS)
    check_name("normalization position", position, NORMALIZATION_POSITIONS)
    normalization_layer = NORMALIZATIONS[normalization]

    def add(x: Any, name: str, dropout: float = 0.0) -> Any:
        steps = [activation_layer(activation, name=f"{name}_activation")]
        if normalization_layer is not None:
            normalize = getattr(layers, normalization_layer)(name=f"{name}_normalization")
            steps.insert(0 if position == "before" else 1, normalize)
        if dropout:
            noise = None if seed is None else derive_seed(seed, name, "dropout")
            steps.append(layers.Dropout(dropout, seed=noise, name=f"{name}_dropout"))
        for step in steps:
            x = step(x)
        return x

    return add


def _input_dtype() -> str:
    """The type of the weights: `floatx`, Keras's choice, may be another than the dtype policy's."""
    return keras.config.dtype_policy().variable_dtype


def _named(name: str, seed: int | None) -> dict[str, Any]:
    """The name of a layer, and Keras's default initializer, seeded by that name.

    Networks that differ in one layer thus start from the same weights in all others.
    """
    kernel_seed = None if seed is None else derive_seed(seed, name, "kernel")
    initializer = keras.initializers.GlorotUniform(seed=kernel_seed)
    return {"name": name, "kernel_initializer": initializer}
