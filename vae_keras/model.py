"""The models: a plain autoencoder, and the variational autoencoder on top of it."""

from typing import Any, ClassVar, NamedTuple

import keras
from keras import ops

from vae_keras.layers import Sampling
from vae_keras.losses import RECONSTRUCTION_LOSSES, kl_divergence
from vae_keras.support.errors import check_name
from vae_keras.support.seeds import derive_seed

if keras.backend.backend() == "tensorflow":
    import tensorflow as tf

Tensor = Any


class LossTerm(NamedTuple):
    """One term of the loss: its value for each image, `(batch,)`, and its weight in the sum."""

    value: Tensor
    weight: float = 1.0


@keras.saving.register_keras_serializable(package="vae_keras")
class Autoencoder(keras.Model):
    """Compresses images to a point z and reconstructs them: the plain autoencoder.

    Args:
        encoder: `keras.Model` from images to `{"z": (batch, latent_dim)}`.
        decoder: `keras.Model` from z to images.
        reconstruction: `"mse"` or `"bce"`, the error between images and reconstructions.
        reconstruction_weight: Weight of that error, which is a mean over pixels.

    Call arguments:
        images: Float tensor of shape `(batch, height, width, channels)` in [0, 1].

    Returns:
        Dictionary with `reconstruction`, of the shape of the images, `z` and the outputs of the
        encoder.

    Reference:
        Foster, Generative Deep Learning, chapter 3.
    """

    term_names: ClassVar[tuple[str, ...]] = ("reconstruction_loss",)
    point_name: ClassVar[str] = "z"  # the output of the encoder that is an image's latent point
    has_prior: ClassVar[bool] = False

    def __init__(
        self,
        encoder: keras.Model,
        decoder: keras.Model,
        reconstruction: str = "mse",
        reconstruction_weight: float = 1000.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.encoder = encoder
        self.decoder = decoder
        check_name("reconstruction", reconstruction, RECONSTRUCTION_LOSSES)
        self.reconstruction = reconstruction
        self.reconstruction_weight = reconstruction_weight
        self.latent_dim = decoder.input_shape[-1]
        self.image_shape = decoder.output_shape[1:]
        for name in ("loss", *self.term_names):
            setattr(self, f"{name}_tracker", keras.metrics.Mean(name=name))
        self.built = True  # encoder and decoder already have their weights

    def encode(self, images: Tensor) -> dict[str, Tensor]:
        """The outputs of the encoder: `{"z"}`, or `{"mean", "log_var"}` for a VAE.

        Each has shape `(batch, latent_dim)`.
        """
        return self.encoder(images, training=False)

    def points(self, images: Tensor) -> Tensor:
        """The latent point of each image, `(batch, latent_dim)`: z, or the mean for a VAE."""
        return self.encode(images)[self.point_name]

    def decode(self, z: Tensor) -> Tensor:
        """The image at each latent point, `(batch, height, width, channels)` in [0, 1]."""
        return self.decoder(z, training=False)

    def reconstruct(self, images: Tensor) -> Tensor:
        """Images encoded to their latent point and decoded again, without noise."""
        return self.decode(self.points(images))

    def latent(self, encoded: dict[str, Tensor]) -> Tensor:
        """The z that training decodes, from the outputs of the encoder."""
        return encoded["z"]

    def call(self, images: Tensor, training: bool = False) -> dict[str, Tensor]:
        encoded = self.encoder(images, training=training)
        z = self.latent(encoded)
        return {"reconstruction": self.decoder(z, training=training), "z": z, **encoded}

    def reconstruction_loss(self, images: Tensor, reconstructions: Tensor) -> Tensor:
        """The weighted reconstruction error of each image, `(batch,)`."""
        images = ops.convert_to_tensor(images)
        error = RECONSTRUCTION_LOSSES[self.reconstruction](images, reconstructions)
        return self.reconstruction_weight * error

    def loss_terms(self, images: Tensor, outputs: dict[str, Tensor]) -> dict[str, LossTerm]:
        """The terms of the loss by name, those in `term_names`.

        Args:
            images: What the reconstructions should be, `(batch, height, width, channels)`.
            outputs: What `call` returned.
        """
        error = self.reconstruction_loss(images, outputs["reconstruction"])
        return {"reconstruction_loss": LossTerm(error)}

    def compute_loss(
        self,
        x: Tensor = None,
        y: Tensor = None,
        y_pred: Any = None,
        sample_weight: Tensor = None,
        training: bool = True,
    ) -> Tensor:
        """The weighted sum of all terms, averaged over images. Updates the metrics."""
        terms = self.loss_terms(x, y_pred)
        loss = sum(term.weight * term.value for term in terms.values())
        self.loss_tracker.update_state(loss)
        for name, term in terms.items():
            getattr(self, f"{name}_tracker").update_state(term.value)
        return ops.mean(loss)

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        return [getattr(self, f"{name}_tracker") for name in ("loss", *self.term_names)]

    if keras.backend.backend() == "tensorflow":
        # Under JAX and torch, Keras's own steps call the same `compute_loss`.

        def train_step(self, data: Any) -> dict[str, Tensor]:
            """One step of gradient descent; returns the metrics since the epoch began."""
            images, _, _ = keras.utils.unpack_x_y_sample_weight(data)
            with tf.GradientTape() as tape:
                outputs = self(images, training=True)
                loss = self.compute_loss(x=images, y_pred=outputs)
            gradients = tape.gradient(loss, self.trainable_weights)
            self.optimizer.apply_gradients(zip(gradients, self.trainable_weights))
            return self.get_metrics_result()

        def test_step(self, data: Any) -> dict[str, Tensor]:
            """The loss as in training, with a random z, but without dropout."""
            images, _, _ = keras.utils.unpack_x_y_sample_weight(data)
            outputs = self(images, training=False)
            self.compute_loss(x=images, y_pred=outputs, training=False)
            return self.get_metrics_result()

    def reset_noise(self, *labels: str | int) -> None:
        """Restart every source of noise (sampling, dropout) from the given labels.

        The noise of an epoch then depends on the labels, such as a seed and the number of the
        epoch, and not on earlier draws.
        """
        for layer in [*self.layers, *self.encoder.layers, *self.decoder.layers]:
            if hasattr(layer, "seed_generator"):
                layer.seed_generator.state.assign([derive_seed(*labels, layer.name), 0])

    def summary(self, **kwargs: Any) -> None:
        """Print the layers of both networks and the total number of parameters."""
        self.encoder.summary(**kwargs)
        self.decoder.summary(**kwargs)
        print_fn = kwargs.get("print_fn") or print
        print_fn(f"Total parameters of {self.name}: {self.count_params():,}")

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "encoder": keras.saving.serialize_keras_object(self.encoder),
            "decoder": keras.saving.serialize_keras_object(self.decoder),
            "reconstruction": self.reconstruction,
            "reconstruction_weight": self.reconstruction_weight,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> "Autoencoder":
        networks = {
            name: keras.saving.deserialize_keras_object(config[name], custom_objects)
            for name in ("encoder", "decoder")
        }
        return cls(**{**config, **networks})


@keras.saving.register_keras_serializable(package="vae_keras")
class VAE(Autoencoder):
    """Variational autoencoder: encodes an image to a Gaussian in latent space.

    Args:
        encoder: `keras.Model` from images to `{"mean", "log_var"}`, each `(batch, latent_dim)`.
        decoder: `keras.Model` from z to images.
        reconstruction: `"mse"` or `"bce"`, the error between images and reconstructions.
        reconstruction_weight: Weight of that error, which is a mean over pixels.
        kl_weight: Weight of the KL divergence, which is in nats.
        seed: Integer that starts the noise, or None for a random start.

    Call arguments:
        images: Float tensor of shape `(batch, height, width, channels)` in [0, 1].

    Returns:
        Dictionary with `reconstruction` (from a random z), `z`, `mean` and `log_var`.

    Reference:
        Kingma & Welling 2014, https://arxiv.org/abs/1312.6114; Foster, Generative Deep Learning,
        chapter 3.
    """

    term_names = (*Autoencoder.term_names, "kl_loss")
    point_name = "mean"
    has_prior = True

    def __init__(
        self,
        encoder: keras.Model,
        decoder: keras.Model,
        reconstruction: str = "mse",
        reconstruction_weight: float = 1000.0,
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

    def generate(self, count: int, seed: int | None = None) -> Tensor:
        """New images from the prior N(0, I).

        Args:
            count: Number of images.
            seed: Integer; the same seed gives the same images. None for new ones.

        Returns:
            Float tensor of shape `(count, height, width, channels)` in [0, 1].
        """
        return self.decode(keras.random.normal((count, self.latent_dim), seed=seed))

    def loss_terms(self, images: Tensor, outputs: dict[str, Tensor]) -> dict[str, LossTerm]:
        kl_loss = kl_divergence(outputs["mean"], outputs["log_var"])
        terms = super().loss_terms(images, outputs)
        return {**terms, "kl_loss": LossTerm(kl_loss, self.kl_weight)}

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "kl_weight": self.kl_weight, "seed": self.seed}
