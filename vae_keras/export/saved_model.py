"""SavedModel: the trained model for programs without Keras and this package."""

import os
from typing import Any

import keras
import tensorflow as tf

from vae_keras.model import Autoencoder


def export_saved_model(model: Autoencoder, path: str | os.PathLike) -> None:
    """Write a TensorFlow SavedModel with one named signature for each use.

    | signature | inputs | outputs |
    |---|---|---|
    | `encode` | `images` | `mean`, `log_var` (plain autoencoder: `z`) |
    | `decode` | `z` | `images` |
    | `reconstruct`, also `serving_default` | `images` | `images`, through the mean |
    | `generate` (VAE only) | `count`, `seed` (scalars) | `images` |

    Images are float32 `(batch, height, width, channels)` in [0, 1], z is float32
    `(batch, latent_dim)`; the batch size is free. The same seed gives the same images,
    the same as `model.generate(count, seed)`.

    Args:
        model: `VAE` or `Autoencoder`.
        path: Folder to write.
    """
    images = tf.TensorSpec((None, *model.image_shape), tf.float32, name="images")
    z = tf.TensorSpec((None, model.latent_dim), tf.float32, name="z")

    def encode(images: Any) -> dict[str, Any]:
        return model.encode(images)

    def decode(z: Any) -> dict[str, Any]:
        return {"images": model.decode(z)}

    def reconstruct(images: Any) -> dict[str, Any]:
        return {"images": model.reconstruct(images)}

    def generate(count: Any, seed: Any) -> dict[str, Any]:
        z = tf.random.stateless_normal((count, model.latent_dim), seed=tf.stack([seed, 0]))
        return {"images": model.decode(z)}

    archive = keras.export.ExportArchive()
    archive.track(model)
    archive.add_endpoint("encode", encode, [images])
    archive.add_endpoint("decode", decode, [z])
    archive.add_endpoint("reconstruct", reconstruct, [images])
    archive.add_endpoint("serving_default", reconstruct, [images])
    if model.has_prior:
        scalars = [
            tf.TensorSpec((), tf.int32, name="count"),
            tf.TensorSpec((), tf.int32, name="seed"),
        ]
        archive.add_endpoint("generate", generate, scalars)
    archive.write_out(str(path), verbose=False)
