"""The sampling layer of the VAE."""

from typing import Any

import keras
from keras import ops

from vae_keras.backend.precision import precise_dtype


@keras.saving.register_keras_serializable(package="vae_keras")
class Sampling(keras.layers.Layer):
    """Draws z = mean + exp(log_var / 2)·ε with ε from N(0, I): the reparameterization trick.

    Args:
        seed: Integer seed of the noise, or None for a random seed.

    Call arguments:
        mean: Float tensor of shape `(batch, latent_dim)`.
        log_var: Float tensor of shape `(batch, latent_dim)`.

    Returns:
        Float tensor of shape `(batch, latent_dim)`; a new draw at every call.

    Reference:
        Kingma & Welling 2014, https://arxiv.org/abs/1312.6114, section 2.4.
    """

    def __init__(self, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**{"dtype": precise_dtype(), **kwargs})
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.built = True  # it has no weights

    def call(self, mean: Any, log_var: Any) -> Any:
        noise = keras.random.normal(ops.shape(mean), dtype=mean.dtype, seed=self.seed_generator)
        return mean + ops.exp(0.5 * log_var) * noise

    def compute_output_shape(self, mean_shape: tuple, log_var_shape: tuple) -> tuple:
        return mean_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "seed": self.seed}
