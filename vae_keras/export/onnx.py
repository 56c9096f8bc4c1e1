"""ONNX: the trained model for ONNX Runtime and other runtimes that read ONNX."""

import os
from pathlib import Path

import onnx

from vae_keras.export.networks import functional_networks
from vae_keras.model import Autoencoder
from vae_keras.support.errors import InputError
from vae_keras.support.start import quiet_stderr


def export_onnx(model: Autoencoder, path: str | os.PathLike) -> None:
    """Write a folder with one ONNX file for each use.

    | file | input | outputs |
    |---|---|---|
    | `encode.onnx` | `images` | `mean`, `log_var` (plain autoencoder: `z`) |
    | `decode.onnx` | `z` | `images` |
    | `reconstruct.onnx` | `images` | `reconstruction`, through the mean |

    All are float32. The batch size is free.

    Args:
        model: `VAE` or `Autoencoder`.
        path: Folder to write.

    Raises:
        InputError: If ONNX lacks an operation of the model.
    """
    folder = Path(path)
    folder.mkdir(parents=True, exist_ok=True)
    for name, network in functional_networks(model).items():
        file = folder / f"{name}.onnx"
        with quiet_stderr():
            network.export(str(file), format="onnx", verbose=False, input_signature=[network.input])
        try:
            onnx.checker.check_model(str(file))
        except onnx.checker.ValidationError as error:  # tf2onnx copies operations it does not know
            raise InputError(
                f"ONNX lacks an operation of the model ({error}): choose another format, or "
                "replace the layer that uses it"
            ) from error
