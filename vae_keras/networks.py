"""The two halves of the model: convolutions down to the latent space, and back."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
from keras import layers

from vae_keras.activations import Activation, activation_layer
from vae_keras.backend.convolution import CONVOLUTION, convolution
from vae_keras.backend.inputs import check_sizes
from vae_keras.backend.normalization import normalization_layer
from vae_keras.backend.precision import precise_dtype, weight_dtype
from vae_keras.config import NORMALIZATION_POSITIONS, NORMALIZATIONS, OUTPUT_LAYERS, FitConfig
from vae_keras.support.errors import check_name
from vae_keras.support.seeds import derive_seed


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
    """Build an encoder: convolutions, then one dense layer for each output.

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
        seed: Integer seed of the initial weights and of dropout; None for random ones.

    Returns:
        `keras.Model` from images `(batch, height, width, channels)` to a dictionary of tensors
        `(batch, latent_dim)`.

    Raises:
        InputError: If an argument cannot be used, or the strides do not fit the images.
    """
    check_sizes(image_shape, latent_dim, filters, strides)
    activate = _activation_block(activation, normalization, normalization_position, seed)
    images = keras.Input(image_shape, name="images", dtype=weight_dtype())
    x = images
    for i, (count, stride) in enumerate(zip(filters, strides, strict=True)):
        name = f"encoder_conv_{i}"
        named = _named(name, seed)
        x = convolution("Conv2D")(int(count), kernel_size, int(stride), **named, **CONVOLUTION)(x)
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
    """Build a decoder: a dense layer, then transposed convolutions up to the image.

    Normalization, activation and dropout follow every layer but the last. The last layer ends in a
    sigmoid, so that pixels lie in [0, 1].

    Args:
        image_shape: Tuple `(height, width, channels)` of the output.
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
    scale = check_sizes(image_shape, latent_dim, filters, strides, output_layer)
    activate = _activation_block(activation, normalization, normalization_position, seed)
    height, width, channels = image_shape
    first_shape = (height // scale, width // scale, first_filters)
    z = keras.Input((latent_dim,), name="z", dtype=weight_dtype())
    name = "decoder_dense"
    units = first_shape[0] * first_shape[1] * first_shape[2]
    x = layers.Dense(units, dtype=precise_dtype(), **_named(name, seed))(z)
    if dense_activation:
        x = activate(x, name)
    x = layers.Reshape(first_shape, name="reshape")(x)
    for i, (count, stride) in enumerate(zip(filters, strides[:-1], strict=True)):
        name = f"decoder_conv_{i}"
        layer = convolution("Conv2DTranspose")
        named = _named(name, seed)
        x = layer(int(count), kernel_size, int(stride), **named, **CONVOLUTION)(x)
        x = activate(x, name, dropout)
    images = getattr(layers, OUTPUT_LAYERS[output_layer])(
        channels,
        kernel_size,
        int(strides[-1]),
        activation="sigmoid",
        dtype=precise_dtype(),
        **_named("decoder_output", seed),
        **CONVOLUTION,
    )(x)
    return keras.Model(z, images, name="decoder")


def _activation_block(
    activation: Activation, normalization: str, position: str, seed: int | None
) -> Callable:
    """A function that adds normalization, activation and dropout after a layer."""
    check_name("normalization", normalization, NORMALIZATIONS)
    check_name("normalization position", position, NORMALIZATION_POSITIONS)
    kind = NORMALIZATIONS[normalization]

    def add(x: Any, name: str, dropout: float = 0.0) -> Any:
        steps = [activation_layer(activation, name=f"{name}_activation")]
        if kind is not None:
            normalize = normalization_layer(kind, f"{name}_normalization")
            steps.insert(0 if position == "before" else 1, normalize)
        if dropout:
            noise = None if seed is None else derive_seed(seed, name, "dropout")
            steps.append(layers.Dropout(dropout, seed=noise, name=f"{name}_dropout"))
        for step in steps:
            x = step(x)
        return x

    return add


def _named(name: str, seed: int | None) -> dict[str, Any]:
    """The name of a layer, and Keras's default initializer, seeded by that name.

    Networks that differ in one layer therefore start with the same weights in all others.
    """
    kernel_seed = None if seed is None else derive_seed(seed, name, "kernel")
    initializer = keras.initializers.GlorotUniform(seed=kernel_seed)
    return {"name": name, "kernel_initializer": initializer}
