"""The networks of a model for export, in float32."""

from typing import Any

import keras

from vae_keras.backend.inputs import name_outputs
from vae_keras.model import Autoencoder


def in_float32(model: Autoencoder) -> Autoencoder:
    """A copy of a model that computes in float32, or the model itself if it does already.

    Other runtimes lack convolutions of bfloat16.
    """
    networks = (model.encoder, model.decoder)
    layers = [layer for network in networks for layer in network._flatten_layers()]
    if all(layer.compute_dtype == layer.variable_dtype == "float32" for layer in layers):
        return model
    copy = type(model).from_config(_with_float32(model.get_config()))
    copy.set_weights(model.get_weights())
    return copy


def _with_float32(config: Any) -> Any:
    """A configuration of Keras in which every dtype is float32."""
    if isinstance(config, dict):
        return {
            name: "float32" if name == "dtype" else _with_float32(value)
            for name, value in config.items()
        }
    if isinstance(config, (list, tuple)):
        return type(config)(map(_with_float32, config))
    return config


def functional_networks(model: Autoencoder) -> dict[str, keras.Model]:
    """The uses of a model as Keras models with one named input and named outputs.

    Returns:
        Dictionary of `encode`, from `images` to the outputs of the encoder; `decode`, from `z` to
        `images`; `reconstruct`, from `images` to `reconstruction`, through the latent point.
    """
    model = in_float32(model)
    images = keras.Input(model.image_shape, name="images", dtype="float32")
    z = keras.Input((model.latent_dim,), name="z", dtype="float32")
    encoded = name_outputs(model.encoder(images), model.encoder_outputs)
    encoded = {name: encoded[name] for name in model.encoder_outputs}
    point = encoded[model.encoder_outputs[0]]
    return {
        "encode": keras.Model(images, encoded),
        "decode": keras.Model(z, {"images": model.decoder(z)}),
        "reconstruct": keras.Model(images, {"reconstruction": model.decoder(point)}),
    }
