"""The models: a plain autoencoder, and the variational one on top of it."""

import keras
from keras import ops

from vae_keras.devices import apply_to_share, share_of_batch
from vae_keras.errors import check_name
from vae_keras.layers import Sampling
from vae_keras.losses import RECONSTRUCTION_LOSSES, kl_divergence
from vae_keras.seeds import derive_seed

if keras.backend.backend() == "tensorflow":
    import tensorflow as tf


@keras.saving.register_keras_serializable(package="vae_keras")
class Autoencoder(keras.Model):
    """Compresses images to a point z and rebuilds them: the plain autoencoder.

    Args:
        encoder: `keras.Model` from images to `{"z": (batch, latent_dim)}`.
        decoder: `keras.Model` from z to images.
        reconstruction: `"mse"` or `"bce"`, the error between images and reconstructions.
        reconstruction_weight: What the error, averaged over pixels, is multiplied by.

    Call arguments:
        images: Float tensor of shape `(batch, height, width, channels)` in [0, 1].

    Returns:
        Dictionary with `reconstruction`, of the images' shape, and the encoder's outputs.

    Reference:
        Foster, Generative Deep Learning, chapter 3.
    """

    def __init__(
        self, encoder, decoder, reconstruction="mse", reconstruction_weight=1000.0, **kwargs
    ):
        super().__init__(**kwargs)
        self.encoder = encoder
        self.decoder = decoder
        self.reconstruction = check_name(
            "reconstruction loss", reconstruction, RECONSTRUCTION_LOSSES
        )
        self.reconstruction_weight = reconstruction_weight
        self.latent_dim = decoder.input_shape[-1]
        self.image_shape = decoder.output_shape[1:]
        self.loss_tracker = keras.metrics.Mean(name="loss")
        self.reconstruction_loss_tracker = keras.metrics.Mean(name="reconstruction_loss")
        self.built = True  # encoder and decoder already have their weights

    def encode(self, images):
        """The latent point of each image, `(batch, latent_dim)`."""
        return self.encoder(images, training=False)["z"]

    def decode(self, z):
        """The image at each latent point, `(batch, height, width, channels)` in [0, 1]."""
        return self.decoder(z, training=False)

    def reconstruct(self, images):
        """Images encoded and decoded again, without noise."""
        return self.decode(self.encode(images))

    def call(self, images, training=False):
        z = apply_to_share(self.encoder, images, training)["z"]
        return {"reconstruction": apply_to_share(self.decoder, z, training), "z": z}

    def compute_loss(
        self, x=None, y=None, y_pred=None, sample_weight=None, training=True
    ):
        """The loss averaged over images; both terms are added to the trackers.

        Args:
            x: Images, `(batch, height, width, channels)`.
            y_pred: What `call` returned for them.
            y, sample_weight, training: Not used; Keras passes them.

        Returns:
            Scalar tensor.
        """
        reconstruction_loss = self.reconstruction_loss(x, y_pred["reconstruction"])
        self.reconstruction_loss_tracker.update_state(reconstruction_loss)
        self.loss_tracker.update_state(reconstruction_loss)
        return ops.mean(reconstruction_loss)

    def reconstruction_loss(self, images, reconstructions):
        """The weighted reconstruction term of each image, `(batch,)`."""
        images = ops.convert_to_tensor(images)
        error = RECONSTRUCTION_LOSSES[self.reconstruction](images, reconstructions)
        return self.reconstruction_weight * error

    @property
    def metrics(self):
        return [self.loss_tracker, self.reconstruction_loss_tracker]

    if keras.backend.backend() == "tensorflow":
        # Under JAX and torch, Keras's own steps call the same `compute_loss`.

        def train_step(self, data):
            """One step of gradient descent; returns the metrics since the epoch began."""
            images, _, _ = keras.utils.unpack_x_y_sample_weight(data)
            with tf.GradientTape() as tape:
                outputs = self(images, training=True)
                loss = self.compute_loss(x=images, y_pred=outputs)
                # Gradients are summed over devices: each counts by its part of the batch,
                # which may be empty and the mean over it no number.
                count = tf.shape(images)[0]
                share = tf.cast(count / share_of_batch(count)[1], loss.dtype)
                loss = tf.math.multiply_no_nan(loss, share)
            gradients = tape.gradient(loss, self.trainable_weights)
            self.optimizer.apply_gradients(zip(gradients, self.trainable_weights))
            return self.get_metrics_result()

        def test_step(self, data):
            """The loss as training sees it, z drawn at random, without dropout."""
            images, _, _ = keras.utils.unpack_x_y_sample_weight(data)
            outputs = self(images, training=False)
            self.compute_loss(x=images, y_pred=outputs, training=False)
            return self.get_metrics_result()

    def reset_noise(self, *labels):
        """Restart every source of noise (sampling, dropout) from the given labels.

        The noise of an epoch then depends on the labels, such as a seed and the
        number of the epoch, and not on what was drawn before.
        """
        for layer in self._noisy_layers():
            start = [derive_seed(*labels, layer.name), 0]
            layer.seed_generator.state.assign(start)

    def _noisy_layers(self):
        layers = [*self.layers, *self.encoder.layers, *self.decoder.layers]
        return [layer for layer in layers if hasattr(layer, "seed_generator")]

    def summary(self, **kwargs):
        """Print both networks layer by layer, and the total."""
        self.encoder.summary(**kwargs)
        self.decoder.summary(**kwargs)
        print_fn = kwargs.get("print_fn") or print
        print_fn(f"Total parameters of {self.name}: {self.count_params():,}")

    def get_config(self):
        return {
            **super().get_config(),
            "encoder": keras.saving.serialize_keras_object(self.encoder),
            "decoder": keras.saving.serialize_keras_object(self.decoder),
            "reconstruction": self.reconstruction,
            "reconstruction_weight": self.reconstruction_weight,
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        networks = {
            name: keras.saving.deserialize_keras_object(config[name], custom_objects)
            for name in ("encoder", "decoder")
        }
        return cls(**{**config, **networks})


@keras.saving.register_keras_serializable(package="vae_keras")
class VAE(Autoencoder):
    """Variational autoencoder: an image becomes a Gaussian in latent space, not a point.

    Args:
        encoder: `keras.Model` from images to `{"mean", "log_var"}`, each `(batch, latent_dim)`.
        decoder: `keras.Model` from z to images.
        reconstruction: `"mse"` or `"bce"`, the error between images and reconstructions.
        reconstruction_weight: What the error, averaged over pixels, is multiplied by.
        kl_weight: What the KL divergence, in nats, is multiplied by.
        seed: Integer that starts the noise, or None for a random start.

    Call arguments:
        images: Float tensor of shape `(batch, height, width, channels)` in [0, 1].

    Returns:
        Dictionary with `reconstruction` (from a random z), `mean`, `log_var` and `z`.

    Reference:
        Kingma & Welling 2014, https://arxiv.org/abs/1312.6114; Foster, Generative
        Deep Learning, chapter 3.
    """

    def __init__(
        self,
        encoder,
        decoder,
        reconstruction="mse",
        reconstruction_weight=1000.0,
        kl_weight=1.0,
        seed=None,
        **kwargs,
    ):
        super().__init__(encoder, decoder, reconstruction, reconstruction_weight, **kwargs)
        self.kl_weight = kl_weight
        self.seed = seed
        self.sampling = Sampling(seed, name="sampling")
        self.kl_loss_tracker = keras.metrics.Mean(name="kl_loss")

    def encode(self, images):
        """The posterior of each image: `{"mean", "log_var"}`, each `(batch, latent_dim)`."""
        return self.encoder(images, training=False)

    def reconstruct(self, images):
        """Images rebuilt from the mean of their posterior, without noise."""
        return self.decode(self.encode(images)["mean"])

    def generate(self, count, seed=None):
        """New images from the prior N(0, I).

        Args:
            count: How many.
            seed: Integer; the same seed gives the same images. None for new ones.

        Returns:
            Float tensor of shape `(count, height, width, channels)` in [0, 1].
        """
        return self.decode(keras.random.normal((count, self.latent_dim), seed=seed))

    def call(self, images, training=False):
        posterior = apply_to_share(self.encoder, images, training)
        z = self.sampling(posterior["mean"], posterior["log_var"])
        return {"reconstruction": apply_to_share(self.decoder, z, training), "z": z, **posterior}

    def compute_loss(
        self, x=None, y=None, y_pred=None, sample_weight=None, training=True
    ):
        """The loss averaged over images; it and its terms are added to the trackers.

        Args:
            x: Images, `(batch, height, width, channels)`.
            y_pred: What `call` returned for them.
            y, sample_weight, training: Not used; Keras passes them.

        Returns:
            Scalar tensor.
        """
        reconstruction_loss = self.reconstruction_loss(x, y_pred["reconstruction"])
        kl_loss = kl_divergence(y_pred["mean"], y_pred["log_var"])
        loss = reconstruction_loss + self.kl_weight * kl_loss
        self.reconstruction_loss_tracker.update_state(reconstruction_loss)
        self.kl_loss_tracker.update_state(kl_loss)
        self.loss_tracker.update_state(loss)
        return ops.mean(loss)

    @property
    def metrics(self):
        return [*super().metrics, self.kl_loss_tracker]

    def get_config(self):
        return {**super().get_config(), "kl_weight": self.kl_weight, "seed": self.seed}
