"""LiteRT, formerly TensorFlow Lite: the trained model for phones and small devices."""

import os
import re
import tempfile
from pathlib import Path

import tensorflow as tf

from vae_keras.export.formats import FUNCTIONS
from vae_keras.export.networks import in_float32
from vae_keras.export.saved_model import export_saved_model
from vae_keras.model import Autoencoder
from vae_keras.support.errors import InputError
from vae_keras.support.start import quiet_stderr

MISSING = re.compile(r"(?:TF Select|Custom) ops: (.+)")  # as the converter names operations


def export_litert(model: Autoencoder, path: str | os.PathLike, int8: bool = False) -> None:
    """Write one `.tflite` file with the signatures of `export_saved_model`, except `generate`.

    Only operations of LiteRT itself are used, none of TensorFlow.

    Args:
        model: `VAE` or `Autoencoder`.
        path: File to write.
        int8: Whether to store large weights in 8 bits. Inputs and outputs stay float32.

    Raises:
        InputError: If LiteRT lacks an operation of the model.
    """
    with tempfile.TemporaryDirectory() as folder:
        export_saved_model(in_float32(model), folder)
        converter = tf.lite.TFLiteConverter.from_saved_model(folder, list(FUNCTIONS))
        if int8:
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        Path(path).write_bytes(_convert(converter))


def _convert(converter: tf.lite.TFLiteConverter) -> bytes:
    with quiet_stderr():
        try:
            return converter.convert()
        except Exception as error:  # of several private classes
            missing = MISSING.search(str(error))
            if missing is None:
                raise
            reason = error
    raise InputError(
        f"LiteRT lacks operations of the model ({missing[1]}): choose another format, or replace "
        "the layers that use them"
    ) from reason
