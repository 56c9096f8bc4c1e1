"""Imports every class of layers, because Keras loads a model only with registered classes."""

import vae_keras.backend.convolution
import vae_keras.backend.normalization
import vae_keras.backend.smooth
import vae_keras.layers  # noqa: F401
