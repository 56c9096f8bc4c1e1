"""The variational autoencoder of "Generative Deep Learning" for Keras 3."""

import os
import sys

# `python -m vae_keras.fit` imports this file before it can look at its arguments;
# Python marks that moment with sys.argv[0] == "-m", and processes that the command
# starts with the command's own path. The names below would then cost seconds of
# importing TensorFlow, only to answer --help.
_command = sys.argv[0] if sys.argv else ""
_serving_a_command = _command.startswith(os.path.dirname(__file__) + os.sep) or (
    _command == "-m"
    and any(argument.partition(".")[0] == "vae_keras" for argument in sys.orig_argv)
)

if "ipykernel" in sys.modules:
    # Its remarks while it starts would stand in red below a notebook's first cell.
    from vae_keras.cli import import_tensorflow

    import_tensorflow()

if not _serving_a_command:
    from vae_keras.config import PRESETS, FitConfig, make_config
    from vae_keras.data import ImageData, load_data
    from vae_keras.errors import DivergedError, InputError
    from vae_keras.layers import Sampling, SmoothActivation
    from vae_keras.loading import load_model
    from vae_keras.model import VAE, Autoencoder
    from vae_keras.networks import build_decoder, build_encoder
    from vae_keras.runs import Run
    from vae_keras.training import build_model, train

    __all__ = [
        "PRESETS",
        "VAE",
        "Autoencoder",
        "DivergedError",
        "FitConfig",
        "ImageData",
        "InputError",
        "Run",
        "Sampling",
        "SmoothActivation",
        "build_decoder",
        "build_encoder",
        "build_model",
        "load_data",
        "load_model",
        "make_config",
        "train",
    ]
