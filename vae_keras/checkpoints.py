"""Checkpoints: all that training needs to go on exactly as if it had not stopped."""

import zipfile
import zlib

import numpy as np

from vae_keras.errors import InputError
from vae_keras.files import replacing

KEPT = 2  # the latest, and the one before it should the latest be damaged


def save_checkpoint(model, directory, epoch):
    """Save weights and the optimiser's state after an epoch, and drop checkpoints grown old.

    Noise and the order of images need no saving: they follow from the seed and the
    epoch's number. The file is a NumPy archive, whose parts carry checksums.

    Args:
        model: A compiled `keras.Model`.
        directory: Folder of the checkpoints.
        epoch: Number of finished epochs, from 1.
    """
    directory.mkdir(exist_ok=True)
    arrays = {name: np.asarray(variable) for name, variable in _state(model).items()}
    with replacing(directory / f"epoch-{epoch:05d}.npz") as path:
        np.savez(path, epoch=np.int64(epoch), **arrays)
    for old in _checkpoints(directory)[KEPT:]:
        old.unlink()


def restore_checkpoint(model, directory, warn=print):
    """Load the latest checkpoint that is whole.

    Args:
        model: A compiled `keras.Model` of the shape that was saved.
        directory: Folder of the checkpoints.
        warn: Called with one line for each checkpoint that is damaged.

    Returns:
        Number of finished epochs; 0 if there is no whole checkpoint.

    Raises:
        InputError: If a checkpoint is whole but belongs to another model.
    """
    variables = _state(model)
    for path in _checkpoints(directory):
        try:
            arrays = _read(path)
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
            warn(f"{path} is damaged ({error}); the one before it is used")
            continue
        epoch = int(arrays.pop("epoch", 0))
        shapes = {name: tuple(variable.shape) for name, variable in variables.items()}
        if {name: array.shape for name, array in arrays.items()} != shapes or not epoch:
            raise InputError(f"{path} belongs to another model than config.json describes")
        for name, variable in variables.items():
            variable.assign(arrays[name])
        return epoch
    return 0


def _checkpoints(directory):
    """Files of all checkpoints, the latest first."""
    return sorted(directory.glob("epoch-*.npz"), reverse=True)


def _read(path):
    """Arrays by name; raises unless every part agrees with its checksum."""
    with zipfile.ZipFile(path) as archive:
        damaged = archive.testzip()
        if damaged:
            raise ValueError(f"checksum of {damaged} does not match")
    with np.load(path, allow_pickle=False) as archive:
        return dict(archive)


def _state(model):
    """Every variable that training changes, by a name that does not depend on the process."""
    model.optimizer.build(model.trainable_variables)
    return {
        **{f"weight_{i:04d}": variable for i, variable in enumerate(model.weights)},
        **{f"optimizer_{i:04d}": variable for i, variable in enumerate(model.optimizer.variables)},
    }
