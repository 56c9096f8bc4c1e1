"""The two halves of the model: convolutions down to the latent space, and back."""

import keras
from keras import layers

from vae_keras.activations import activation_layer
from vae_keras.config import check_strides
from vae_keras.errors import check_name
from vae_keras.seeds import derive_seed

NORMALIZATION_LAYERS = {
    "none": None,
    "batch": layers.BatchNormalization,
    "layer": layers.LayerNormalization,
}


def build_encoder(
    image_shape,
    filters,
    strides,
    outputs=("mean", "log_var"),
    latent_dim=2,
    kernel_size=3,
    activation="leaky_relu",
    normalization="none",
    normalization_position="after",
    dropout=0.0,
    seed=None,
):
    """Convolutions, then one dense layer for each output.

    Args:
        image_shape: Tuple `(height, width, channels)`.
        filters: Filters of each convolution.
        strides: Stride of each convolution.
        outputs: Names of the outputs: `("mean", "log_var")` for a VAE, `("z",)`
            for a plain autoencoder.
        latent_dim: Size of each output.
        kernel_size: Side of the square kernels.
        activation: A name that `activation_layer` knows.
        normalization: `"none"`, `"batch"` or `"layer"`.
        normalization_position: `"before"` or `"after"` the activation.
        dropout: Rate of the dropout after each convolution, in [0, 1).
        seed: Integer that decides the initial weights and dropout's noise; None for random ones.

    Returns:
        `keras.Model` from images `(batch, height, width, channels)` to a dictionary
        of tensors `(batch, latent_dim)`.
    """
    check_strides(image_shape, strides)
    images = keras.Input(image_shape, name="images")
    x = images
    for i, (width, stride) in enumerate(zip(filters, strides, strict=True)):
        name = f"encoder_conv_{i}"
        x = layers.Conv2D(
            width, kernel_size, stride, "same", kernel_initializer=_glorot(seed, name), name=name
        )(x)
        x = _after_layer(
            x, name, activation, normalization, normalization_position, dropout, seed
        )
    x = layers.Flatten(name="flatten")(x)
    heads = {
        name: layers.Dense(latent_dim, kernel_initializer=_glorot(seed, name), name=name)(x)
        for name in outputs
    }
    return keras.Model(images, heads, name="encoder")


def build_decoder(
    image_shape,
    filters,
    strides,
    latent_dim=2,
    kernel_size=3,
    activation="leaky_relu",
    normalization="none",
    normalization_position="after",
    dropout=0.0,
    first_filters=64,
    dense_activation=False,
    output_layer="conv_transpose",
    seed=None,
):
    """A dense layer, then transposed convolutions up to the image.

    Every layer but the last carries normalisation, activation and dropout; the
    last one ends in a sigmoid, so that pixels lie in [0, 1].

    Args:
        image_shape: Tuple `(height, width, channels)` of the images to make.
        filters: Filters of each transposed convolution before the last layer.
        strides: Stride of each transposed convolution, the last layer's included:
            one more than `filters`.
        latent_dim: Size of z.
        kernel_size: Side of the square kernels.
        activation: A name that `activation_layer` knows.
        normalization: `"none"`, `"batch"` or `"layer"`.
        normalization_position: `"before"` or `"after"` the activation.
        dropout: Rate of the dropout after each transposed convolution, in [0, 1).
        first_filters: Channels of the dense layer's output once it is an image again.
        dense_activation: Whether normalisation and activation follow the dense layer
            too, as in the faces network of the book's second edition.
        output_layer: `"conv_transpose"` or `"conv"`, the kind of the last layer.
        seed: Integer that decides the initial weights and dropout's noise; None for random ones.

    Returns:
        `keras.Model` from z `(batch, latent_dim)` to images `(batch, height, width, channels)`.
    """
    scale = check_strides(image_shape, strides)
    height, width, channels = image_shape
    first_shape = (height // scale, width // scale, first_filters)
    z = keras.Input((latent_dim,), name="z")
    x = layers.Dense(
        first_shape[0] * first_shape[1] * first_shape[2],
        kernel_initializer=_glorot(seed, "decoder_dense"),
        name="decoder_dense",
    )(z)
    if dense_activation:
        x = _after_layer(
            x, "decoder_dense", activation, normalization, normalization_position, 0.0, seed
        )
    x = layers.Reshape(first_shape, name="reshape")(x)
    for i, (count, stride) in enumerate(zip(filters, strides[:-1], strict=True)):
        name = f"decoder_conv_{i}"
        x = layers.Conv2DTranspose(
            count, kernel_size, stride, "same", kernel_initializer=_glorot(seed, name), name=name
        )(x)
        x = _after_layer(
            x, name, activation, normalization, normalization_position, dropout, seed
        )
    last_layer = {"conv": layers.Conv2D, "conv_transpose": layers.Conv2DTranspose}[output_layer]
    images = last_layer(
        channels,
        kernel_size,
        strides[-1],
        "same",
        activation="sigmoid",
        kernel_initializer=_glorot(seed, "decoder_output"),
        name="decoder_output",
    )(x)
    return keras.Model(z, images, name="decoder")


def _after_layer(x, name, activation, normalization, position, dropout, seed):
    """Normalisation and activation in the order that `position` names, then dropout."""
    activate = activation_layer(activation, name=f"{name}_activation")
    normalize = NORMALIZATION_LAYERS[check_name("normalization", normalization, NORMALIZATION_LAYERS)]
    check_name("normalization position", position, ("before", "after"))
    if normalize is None:
        x = activate(x)
    elif position == "before":
        x = activate(normalize(name=f"{name}_normalization")(x))
    else:
        x = normalize(name=f"{name}_normalization")(activate(x))
    if dropout:
        seed = None if seed is None else derive_seed(seed, name, "dropout")
        x = layers.Dropout(dropout, seed=seed, name=f"{name}_dropout")(x)
    return x


def _glorot(seed, name):
    """Keras's default initialiser, seeded by the layer's name and not by the order of building.

    Networks that differ in one layer thus start from the same weights in all others.
    """
    return keras.initializers.GlorotUniform(
        seed=None if seed is None else derive_seed(seed, name, "kernel")
    )
