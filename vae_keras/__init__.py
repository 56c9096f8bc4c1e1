"""The variational autoencoder of "Generative Deep Learning" for Keras 3."""

import sys

# `python -m vae_keras.fit` imports this file before it can look at its arguments;
# Python marks that moment with sys.argv[0] == "-m". The names below would then cost
# seconds of importing TensorFlow, only to answer --help.
if sys.argv[:1] != ["-m"]:
    from vae_keras.config import PRESETS, FitConfig, make_config
    from vae_keras.data import ImageData, load_data
    from vae_keras.errors import DivergedError, InputError
    from vae_keras.layers import Sampling, SmoothActivation
    from vae_keras.model import VAE, Autoencoder
    from vae_keras.networks import build_decoder, build_encoder
    from vae_keras.runs import Run
    from vae_keras.training import build_model, train
