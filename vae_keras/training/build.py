"""From settings to a compiled model."""

from collections.abc import Sequence

import keras

from vae_keras import model as models
from vae_keras.backend.precision import dtype_policy
from vae_keras.config import MODELS, PRECISIONS, FitConfig
from vae_keras.likelihood import AUTO
from vae_keras.networks import build_decoder, build_encoder


def build_model(
    config: FitConfig, image_shape: Sequence[int], several_devices: bool = False
) -> models.Autoencoder:
    """The model that the settings describe, compiled with Adam.

    Args:
        config: `FitConfig`.
        image_shape: Tuple `(height, width, channels)`.
        several_devices: Whether each batch is split among devices.

    Returns:
        `VAE` or `Autoencoder`, with initial weights from `config.seed`.

    Raises:
        InputError: If the strides do not fit images of this shape.
    """
    with dtype_policy(PRECISIONS[config.precision]):
        return _build(config, image_shape, several_devices)


def _build(
    config: FitConfig, image_shape: Sequence[int], several_devices: bool
) -> models.Autoencoder:
    model_class = getattr(models, MODELS[config.model])
    encoder = build_encoder(
        image_shape,
        outputs=model_class.encoder_outputs,
        **config.arguments_of(build_encoder, "encoder_"),
    )
    decoder = build_decoder(
        image_shape,
        first_filters=config.encoder_filters[-1],
        **config.arguments_of(build_decoder, "decoder_"),
    )
    arguments = config.arguments_of(model_class)
    if several_devices:
        from vae_keras.backend.devices import shared

        model_class = shared(model_class)
    model = model_class(encoder, decoder, name=config.model, **arguments)
    optimizer = keras.optimizers.Adam(**config.arguments_of(keras.optimizers.Adam))
    # A loss in nats changes with σ; the error itself does not.
    metrics = ["mse"] if config.reconstruction_weight == AUTO else None
    model.compile(optimizer=optimizer, metrics=metrics)
    return model
