"""Every class of layers: Keras finds those of a saved model only once they are registered."""

import vae_keras.backend.normalization
import vae_keras.backend.smooth
import vae_keras.layers  # noqa: F401
