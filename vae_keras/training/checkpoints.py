"""Checkpoints, from which training resumes exactly."""

import hashlib
import io
import math
import re
from pathlib import Path

import keras
import numpy as np

from vae_keras.support.errors import InputError
from vae_keras.support.files import read_file, replacing, unpack
from vae_keras.support.reporting import warn

KEPT = 2  # the latest of a kind, and the previous one in case the latest is damaged
EPOCH, BEST = "epoch", "best"  # after every epoch, and after a new best validation loss


def save_checkpoint(
    model: keras.Model, directory: Path, epoch: int, kind: str = EPOCH, identity: str = ""
) -> None:
    """Save weights and the optimizer's state after an epoch, and delete old checkpoints.

    Noise and the order of images are not saved, because they depend only on the seed and the number
    of the epoch. The file is a NumPy archive with its digest in its name.

    Args:
        model: A compiled `keras.Model`.
        directory: Folder of the checkpoints.
        epoch: Number of finished epochs, from 1.
        kind: `EPOCH` or `BEST`. Only old checkpoints of this kind are deleted.
        identity: Digest of the settings and images of the run, see `Run.identity`.
    """
    directory.mkdir(exist_ok=True)
    arrays = {
        name: keras.ops.convert_to_numpy(variable) for name, variable in _state(model).items()
    }
    buffer = io.BytesIO()
    run = np.frombuffer(bytes.fromhex(identity), np.uint8)
    np.savez(buffer, epoch=np.int64(epoch), run=run, **arrays)
    content = buffer.getvalue()
    file = directory / f"{kind}-{epoch:05d}-{_digest(content)}.npz"
    if file.is_dir():  # moved aside, not removed, because it may be the user's
        file.rename(file.with_name(f"{file.name}.moved"))
    with replacing(file) as path:
        path.write_bytes(content)
    for old in _checkpoints(directory, kind)[KEPT:]:
        if old.is_file():
            old.unlink()


def restore_checkpoint(
    model: keras.Model,
    directory: Path,
    kind: str = EPOCH,
    epoch: int | None = None,
    identity: str = "",
) -> int:
    """Load the latest valid checkpoint into a model, see `find_checkpoint`."""
    epoch, arrays = find_checkpoint(model, directory, kind, epoch, identity)
    for name, variable in _state(model).items() if epoch else ():
        variable.assign(arrays[name])
    return epoch


def find_checkpoint(
    model: keras.Model,
    directory: Path,
    kind: str = EPOCH,
    epoch: int | None = None,
    identity: str = "",
) -> tuple[int, dict[str, np.ndarray]]:
    """Read the latest valid checkpoint, and warn about damaged or foreign ones.

    Args:
        model: A compiled `keras.Model` of the shape that was saved.
        directory: Folder of the checkpoints.
        kind: `EPOCH` or `BEST`.
        epoch: The epoch whose checkpoint to load; None for the latest.
        identity: As for `save_checkpoint`. Older checkpoints have none.

    Returns:
        Tuple of the number of finished epochs, 0 if there is no valid checkpoint, and the arrays.

    Raises:
        InputError: If all valid checkpoints belong to another model or run.
    """
    variables = _state(model)
    # Each array takes slightly more space than its numbers.
    most = sum(8 * math.prod(each.shape) + 1024 for each in variables.values()) + 2**20
    kinds = {name: (each.dtype, tuple(each.shape)) for name, each in variables.items()}
    foreign = []
    for path in _checkpoints(directory, kind, epoch):
        try:
            arrays = _read(path, most)
        except InputError as error:
            warn(f"{error.text}; it is not used")
            continue
        found = int(arrays.pop("epoch"))
        run = arrays.pop("run", np.array([])).tobytes().hex()
        if {name: (array.dtype.name, array.shape) for name, array in arrays.items()} != kinds:
            foreign.append(f"{path} does not belong to the model in config.json")
            continue
        if identity and run and run != identity:
            foreign.append(f"{path} belongs to a run with other settings or images")
            continue
        for message in foreign:
            warn(f"{message}; it is not used")
        return found, arrays
    if foreign:
        raise InputError(
            f"{foreign[0]}: restore the checkpoints of this run, or restart it with ⟨overwrite⟩"
        )
    return 0, {}


def _read(path: Path, most: int) -> dict[str, np.ndarray]:
    """The arrays of a checkpoint, including its epoch; `InputError` if it is damaged."""
    content = read_file(path, most)
    _, number, digest = path.stem.split("-")
    if digest != _digest(content):
        raise InputError(f"{path} is damaged: its digest differs from the one in its name")
    try:
        arrays = unpack(content)
        epoch = arrays["epoch"]
        numeric = all(array.dtype.kind in "fiu" for array in arrays.values())
        if not numeric or epoch.dtype.kind not in "iu" or epoch.shape != ():
            raise ValueError
        finite = all(np.isfinite(array).all() for array in arrays.values())
        if not finite or int(epoch) != int(number):
            raise ValueError
    except (ValueError, KeyError):
        raise InputError(f"{path} is damaged: it is not a checkpoint of epoch {number}") from None
    return arrays


def _checkpoints(directory: Path, kind: str, epoch: int | None = None) -> list[Path]:
    """Checkpoint files of a kind, the latest first; of one epoch or all."""
    number = r"\d{5,}" if epoch is None else f"{epoch:05d}"
    pattern = re.compile(rf"{kind}-({number})-[0-9a-f]{{16}}\.npz")
    # Other files, such as copies, are ignored.
    found = {path: pattern.fullmatch(path.name) for path in directory.glob(f"{kind}-*.npz")}
    return sorted(
        (path for path, match in found.items() if match),
        key=lambda path: (int(path.name.split("-")[1]), path.name),
        reverse=True,
    )


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]


def _state(model: keras.Model) -> dict[str, keras.Variable]:
    """Every variable that training changes, by a name that is the same in every process."""
    model.optimizer.build(model.trainable_variables)
    return {
        **{f"weight_{i:04d}": variable for i, variable in enumerate(model.weights)},
        **{f"optimizer_{i:04d}": variable for i, variable in enumerate(model.optimizer.variables)},
    }
