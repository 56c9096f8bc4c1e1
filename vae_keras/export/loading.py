"""Loading of saved models."""

import json
import math
import os
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np

import vae_keras.backend.registered  # noqa: F401
from vae_keras.model import Autoencoder
from vae_keras.support.errors import InputError, is_refusal
from vae_keras.support.files import check_file
from vae_keras.support.memory import gibibytes, machine_memory
from vae_keras.training.build import build_model
from vae_keras.training.names import find_run
from vae_keras.training.run import Run

MOST_CONFIG_BYTES = 2**22
LARGEST_WEIGHT = 1e30  # larger ones overflow in float32
LAYER_SETTINGS = ("activation", "function", "negative_slope", "strides", "rate", "axis")


class _TooLarge(InputError):
    """A model that does not fit into memory."""


def load_model(path: str | os.PathLike) -> Autoencoder:
    """Load a model that `train` saved.

    Like `keras.saving.load_model`, but an unusable file raises a one-line error. No code in the
    file is run.

    Args:
        path: A `model.keras` file, the folder of a run, or the name of a model that comes with the
            package: `"mnist-gelu"` or `"mnist-leaky_relu"`, trained for 20 epochs on MNIST.

    Returns:
        `VAE` or `Autoencoder`.

    Raises:
        InputError: If the file is missing, not regular, damaged, too large for the memory, or
            contains another kind of model.
    """
    path = find_run(path, "a model.keras, the folder of a finished run").directory
    if path.is_dir():
        path = path / "model.keras"
    check_file(path)
    if not path.is_file():
        raise InputError(f"{path} does not exist: pass the folder of a finished run")
    try:
        _check_size(path)
        model = keras.saving.load_model(path)
    except _TooLarge:
        raise
    except Exception as error:  # Keras, zipfile, h5py and json raise errors of many kinds
        if is_refusal(error):
            raise
        reason = str(error).strip().splitlines()
        raise InputError(
            f"{path} cannot be loaded ({reason[0][:120] if reason else type(error).__name__}): it "
            "is damaged, or not a model of vae_keras"
        ) from error
    if not isinstance(model, Autoencoder):
        raise InputError(
            f"{path} must contain a VAE or Autoencoder of vae_keras, received a "
            f"{type(model).__name__}"
        )
    for weight in model.weights:
        if not (np.abs(keras.ops.convert_to_numpy(weight)) <= LARGEST_WEIGHT).all():
            raise InputError(f"{path}: weight {weight.path} is not finite: restore the file")
    return model


def _check_size(path: Path) -> None:
    """Raise `InputError` or `ValueError` if loading the file would need more memory than it may.

    A small archive can unpack to any size, and its configuration can describe layers of any size.
    """
    with zipfile.ZipFile(path) as archive:
        size = sum(member.file_size for member in archive.infolist())
        if size > machine_memory():
            raise _TooLarge(
                f"{path} cannot be loaded: it contains {gibibytes(size)}, but this machine or "
                f"container has {gibibytes(machine_memory())} of memory"
            )
        if archive.getinfo("config.json").file_size > MOST_CONFIG_BYTES:
            raise ValueError("config.json is too large")
        config = archive.read("config.json")
        with archive.open("model.weights.h5") as file, h5py.File(file) as weights:
            arrays: list[int] = []
            weights.visititems(lambda _, item: arrays.append(getattr(item, "nbytes", 0)))
    if sum(arrays) > size:  # compressed, or not stored at all
        raise ValueError(
            f"model.weights.h5 describes {gibibytes(sum(arrays))} of weights, more than the file "
            "contains"
        )
    try:
        # Keras keeps a list of variables without values for each thread. In a thread of its own,
        # the list is discarded when the thread ends.
        with ThreadPoolExecutor(max_workers=1) as thread:
            count = thread.submit(_count_weights, config).result()
    except Exception:  # the classes of a `custom_object_scope` are known in their own thread only
        count = _count_weights(config)
    if count > size:  # each takes a byte at least
        raise ValueError(f"config.json describes {count:,} weights, more than the file contains")


def _count_weights(content: bytes) -> int:
    """The number of weights of a model, which is built without memory for them."""
    config = json.loads(content)
    config.pop("compile_config", None)
    with keras.StatelessScope(initialize_variables=False):
        model = keras.saving.deserialize_keras_object(config)
    return sum(math.prod(variable.shape) for variable in model.variables)


def load_model_of(run: Run) -> Autoencoder:
    """The model of a finished run; `InputError` if the file is not a model of this run."""
    model = load_model(run.model_file)
    config, shape = run.read_config(), run.read_data_summary().get("image_shape")
    found = _facts(model)
    for name, value in _facts(build_model(config, shape or model.image_shape)).items():
        if found.get(name) != value:
            raise InputError(
                f"{run.model_file} has {name} {found.get(name)}, but {value} according to "
                f"{run.config_file}: restore the model of this run"
            )
    return model


def _facts(model: Autoencoder) -> dict[str, Any]:
    """The properties of a model that the settings of its run, except for the seed, determine."""
    networks = {"encoder": model.encoder, "decoder": model.decoder}
    return {
        "class": type(model).__name__,
        "latent_dim": model.latent_dim,
        "image_shape": list(model.image_shape),
        "reconstruction": model.reconstruction,
        "reconstruction_weight": model.reconstruction_weight,
        "kl_weight": getattr(model, "kl_weight", None),
        **{name: [layer.name for layer in each.layers] for name, each in networks.items()},
        **{layer.name: _description(layer) for each in networks.values() for layer in each.layers},
    }


def _description(layer: keras.Layer) -> dict[str, Any]:
    """The settings of a layer that determine what it computes, and the shapes of its weights."""
    config = layer.get_config()
    return {
        **{name: config[name] for name in LAYER_SETTINGS if name in config},
        "weights": [list(weight.shape) for weight in layer.trainable_weights],
    }
