"""The models: the plain autoencoder, and the variational autoencoder derived from it."""

import math
from typing import Any, ClassVar, NamedTuple

import keras
from keras import ops

from vae_keras.backend.contract import KerasContract
from vae_keras.backend.inputs import (
    as_unit_range,
    check_networks,
    in_batches,
    name_outputs,
    target_images,
)
from vae_keras.backend.loss_weight import LossWeight
from vae_keras.backend.noise import SeededNoise
from vae_keras.layers import Sampling
from vae_keras.likelihood import AUTO, calibrated_likelihood, implied_variance
from vae_keras.losses import RECONSTRUCTION_LOSSES, kl_divergence
from vae_keras.support.errors import check_name

Tensor = Any


class LossTerm(NamedTuple):
    """A term of the loss: its value for each image, `(batch,)`, and its weight in the sum."""

    value: Tensor
    weight: Tensor = 1.0


@keras.saving.register_keras_serializable(package="vae_keras")
class Autoencoder(SeededNoise, KerasContract, keras.Model):
    """Compresses images to a point z and reconstructs them: the plain autoencoder.

    Args:
        encoder: `keras.Model` from images to `{"z": (batch, latent_dim)}`.
        decoder: `keras.Model` from z to images.
        reconstruction: `"mse"` or `"bce"`, the error between images and reconstructions.
        reconstruction_weight: Weight of that error, which is a mean over pixels; or `"auto"` for
            a Gaussian decoder, whose variance is estimated in training. The loss is then in nats.

    Call arguments:
        images: Tensor of shape `(batch, height, width, channels)`: uint8, or floats in [0, 1].

    Returns:
        Dictionary with `reconstruction`, of the shape of the images, `z` and the outputs of the
        encoder.

    Reference:
        Foster, Generative Deep Learning, chapter 3.
    """

    encoder_outputs: ClassVar[tuple[str, ...]] = ("z",)  # the first is the latent point
    term_names: ClassVar[tuple[str, ...]] = ("reconstruction_loss",)
    has_prior: ClassVar[bool] = False
    reconstruction_weight = LossWeight(positive=True, words=(AUTO,))

    def __init__(
        self,
        encoder: keras.Model,
        decoder: keras.Model,
        reconstruction: str = "mse",
        reconstruction_weight: float | str = 1000.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.latent_dim, self.image_shape = check_networks(encoder, decoder, self.encoder_outputs)
        self.encoder = encoder
        self.decoder = decoder
        check_name("reconstruction", reconstruction, RECONSTRUCTION_LOSSES)
        self.reconstruction = reconstruction
        self.reconstruction_weight = reconstruction_weight
        self.pixels = math.prod(self.image_shape)
        self.likelihood = None
        if self.reconstruction_weight == AUTO:
            self.likelihood = calibrated_likelihood(reconstruction, self.pixels)
        self.make_trackers()
        self.built = True  # encoder and decoder already have their weights

    def encode(self, images: Tensor, batch_size: int = 500) -> dict[str, Tensor]:
        """The outputs of the encoder: `{"z"}`, or `{"mean", "log_var"}` for a VAE.

        Args:
            images: uint8, or floats in [0, 1], `(count, height, width, channels)`.
            batch_size: Images per call of the encoder.

        Returns:
            Dictionary of float tensors `(count, latent_dim)`. Nothing in them is random.
        """
        return in_batches(self._encode, images, batch_size)

    def points(self, images: Tensor, batch_size: int = 500) -> Tensor:
        """The latent point of each image, `(count, latent_dim)`: z, or the mean for a VAE."""
        return self.encode(images, batch_size)[self.encoder_outputs[0]]

    def decode(self, z: Tensor, batch_size: int = 500) -> Tensor:
        """The image at each latent point, `(count, height, width, channels)` in [0, 1]."""
        return in_batches(self.decoder, ops.convert_to_tensor(z), batch_size)

    def reconstruct(self, images: Tensor, batch_size: int = 500) -> Tensor:
        """Images encoded to their latent point and decoded again, without noise."""
        return self.decode(self.points(images, batch_size), batch_size)

    def latent(self, encoded: dict[str, Tensor]) -> Tensor:
        """The z to decode in training, from the outputs of the encoder."""
        return encoded["z"]

    def call(self, images: Tensor, training: bool = False) -> dict[str, Tensor]:
        encoded = self._encode(images, training=training)
        z = self.latent(encoded)
        return {**encoded, "z": z, "reconstruction": self.decoder(z, training=training)}

    def _encode(self, images: Tensor, training: bool = False) -> dict[str, Tensor]:
        outputs = self.encoder(as_unit_range(images), training=training)
        return name_outputs(outputs, self.encoder_outputs)

    @property
    def variance(self) -> float | None:
        """σ² of the Gaussian decoder that the loss implies; None with `"bce"`."""
        if self.likelihood is not None:
            return float(ops.convert_to_numpy(self.likelihood.variance))
        if self.reconstruction != "mse":
            return None
        return implied_variance(self.reconstruction_weight, self.pixels)

    def reconstruction_error(self, images: Tensor, reconstructions: Tensor) -> Tensor:
        """The error of each image, a mean over pixels and channels without weight, `(batch,)`."""
        return RECONSTRUCTION_LOSSES[self.reconstruction](images, reconstructions)

    def loss_terms(self, images: Tensor, outputs: dict[str, Tensor]) -> dict[str, LossTerm]:
        """The terms of the loss by name, from target images and the outputs of `call`."""
        error = self.reconstruction_error(images, outputs["reconstruction"])
        if self.likelihood is not None:
            return {"reconstruction_loss": LossTerm(self.likelihood(error))}
        weight = Autoencoder.reconstruction_weight.tensor(self, error.dtype)
        return {"reconstruction_loss": LossTerm(weight * error)}

    def compute_loss(
        self,
        x: Tensor = None,
        y: Tensor = None,
        y_pred: Any = None,
        sample_weight: Tensor = None,
        training: bool = True,
    ) -> Tensor:
        """The weighted sum of all terms, averaged over images. Updates the metrics.

        The target is `y`, or the images `x` themselves; `sample_weight` is `(batch,)`.
        """
        target = target_images(x, y, self.image_shape)
        if training and self.likelihood is not None:
            error = self.reconstruction_error(target, y_pred["reconstruction"])
            self.likelihood.update(error, sample_weight)
        terms = self.loss_terms(target, y_pred)
        penalty = sum(self.losses)  # regularizers and losses added by layers
        loss = sum(term.weight * term.value for term in terms.values())
        if sample_weight is not None:
            loss = loss * ops.cast(ops.reshape(sample_weight, (-1,)), loss.dtype)
        self.loss_tracker.update_state(loss + penalty)
        for name, term in terms.items():
            getattr(self, f"{name}_tracker").update_state(term.value, sample_weight)
        return ops.mean(loss) + penalty

    if keras.backend.backend() == "tensorflow":
        # Under JAX and torch, Keras's own steps call the same `compute_loss`.

        def train_step(self, data: Any) -> dict[str, Tensor]:
            """One step of gradient descent; returns the metrics since the epoch began."""
            import tensorflow as tf

            x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
            with tf.GradientTape() as tape:
                outputs = self(x, training=True)
                loss = self.compute_loss(x, y, outputs, sample_weight)
                loss = self.optimizer.scale_loss(loss)
            gradients = tape.gradient(loss, self.trainable_weights)
            self.optimizer.apply_gradients(zip(gradients, self.trainable_weights))
            return self.compute_metrics(x, y, outputs, sample_weight)

        def test_step(self, data: Any) -> dict[str, Tensor]:
            """The loss as in training, with a random z, but without dropout."""
            x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
            outputs = self(x, training=False)
            self.compute_loss(x, y, outputs, sample_weight, training=False)
            return self.compute_metrics(x, y, outputs, sample_weight)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "encoder": keras.saving.serialize_keras_object(self.encoder),
            "decoder": keras.saving.serialize_keras_object(self.decoder),
            "reconstruction": self.reconstruction,
            "reconstruction_weight": self.reconstruction_weight,
        }


@keras.saving.register_keras_serializable(package="vae_keras")
class VAE(Autoencoder):
    """Variational autoencoder: encodes an image to a Gaussian in latent space.

    Args:
        encoder: `keras.Model` from images to `{"mean", "log_var"}`, each `(batch, latent_dim)`.
        decoder: `keras.Model` from z to images.
        reconstruction: `"mse"` or `"bce"`, the error between images and reconstructions.
        reconstruction_weight: Weight of that error, or `"auto"`, as for `Autoencoder`.
        kl_weight: Weight of the KL divergence, which is in nats.
        seed: Integer seed of the noise, or None for a random seed.

    Call arguments and returns:
        As for `Autoencoder`; `reconstruction` comes from a random z.

    Reference:
        Kingma & Welling 2014, https://arxiv.org/abs/1312.6114; Foster, Generative Deep Learning,
        chapter 3.
    """

    encoder_outputs = ("mean", "log_var")
    term_names = (*Autoencoder.term_names, "kl_loss")
    has_prior = True
    kl_weight = LossWeight()

    def __init__(
        self,
        encoder: keras.Model,
        decoder: keras.Model,
        reconstruction: str = "mse",
        reconstruction_weight: float | str = 1000.0,
        kl_weight: float = 1.0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(encoder, decoder, reconstruction, reconstruction_weight, **kwargs)
        self.kl_weight = kl_weight
        self.seed = seed
        self.sampling = Sampling(seed, name="sampling")

    def latent(self, encoded: dict[str, Tensor]) -> Tensor:
        """A random z from the posterior of each image."""
        return self.sampling(encoded["mean"], encoded["log_var"])

    def generate(self, count: int, seed: int | None = None, batch_size: int = 500) -> Tensor:
        """New images from the prior N(0, I).

        Args:
            count: Number of images.
            seed: Integer; the same seed gives the same images. None for a random seed.
            batch_size: Images per call of the decoder.

        Returns:
            Float tensor of shape `(count, height, width, channels)` in [0, 1].
        """
        return self.decode(keras.random.normal((count, self.latent_dim), seed=seed), batch_size)

    def loss_terms(self, images: Tensor, outputs: dict[str, Tensor]) -> dict[str, LossTerm]:
        kl_loss = kl_divergence(outputs["mean"], outputs["log_var"])
        terms = super().loss_terms(images, outputs)
        weight = VAE.kl_weight.tensor(self, kl_loss.dtype)
        return {**terms, "kl_loss": LossTerm(kl_loss, weight)}

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "kl_weight": self.kl_weight, "seed": self.seed}
