"""Storage of decoded images during training: in memory, or in a memory-mapped file."""

import hashlib
import math
import os
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import filelock
import numpy as np

from vae_keras.support.errors import InputError, is_refusal
from vae_keras.support.files import (
    MOST_ARRAY_BYTES,
    check_writable,
    read_file,
    remove,
    replacing,
    unpack,
)
from vae_keras.support.memory import gibibytes
from vae_keras.support.reporting import warn

Notes = dict[str, Any]
Fill = Callable[[np.ndarray], Notes]

DEFAULT_IMAGE_SIZE = (64, 64)  # where images differ in size
MEMORY_BUDGET = 4 * 2**30  # bytes of images that are held in memory
DIGEST = "sha256"  # key in the file of notes for the digest of images and notes


def stored_images(
    shape: tuple[int, ...], fill: Fill, key: Sequence[Any], cache: str | None = None
) -> tuple[np.ndarray, Notes]:
    """Images created by `fill`, in memory or, with a cache, in a file.

    An existing file is reused; a damaged one is rebuilt. The system keeps as much of the file in
    memory as possible.

    Args:
        shape: Tuple `(images, height, width, channels)`.
        fill: Called with an empty uint8 array of this shape; returns a dictionary of small
            arrays to store with the images.
        key: Sequence of values that determine the images and the name of the file.
        cache: Folder of the file; None for memory.

    Returns:
        Tuple of the uint8 array and the return value of `fill`.

    Raises:
        InputError: If there are too many images for memory, or the folder cannot be written.
    """
    if cache is None:
        check_memory_budget(shape, "choose a folder for them as ⟨cache⟩, or a smaller ⟨image_size⟩")
        images = np.empty(shape, np.uint8)
        return images, fill(images)
    check_cache(cache)
    name = hashlib.sha256(repr((shape, *key)).encode()).hexdigest()[:16]
    images_file, notes_file = Path(cache) / f"{name}.images", Path(cache) / f"{name}.npz"
    try:
        images_file.parent.mkdir(parents=True, exist_ok=True)
        # FileLock retries forever if no file can be created, as in /proc.
        tempfile.TemporaryFile(dir=cache).close()
        # Another process that needs the same images waits until they are complete.
        with filelock.FileLock(Path(cache) / f"{name}.lock"):
            notes = _stored_notes(images_file, notes_file, shape)
            if notes is None:
                # `os.replace` cannot put a file in the place of a folder.
                for place in (notes_file, images_file):
                    remove(place)
                with replacing(images_file) as path:
                    notes = _fill_file(path, shape, fill)
                    digest = _digest(path, notes)
                with replacing(notes_file) as path:  # last: it marks the images as complete
                    arrays: Any = {**notes, DIGEST: np.array(digest)}
                    np.savez(path, **arrays)
    except OSError as error:
        if is_refusal(error):
            raise
        raise InputError(
            f"{cache} cannot be written ({error.strerror}): choose another ⟨cache⟩"
        ) from None
    return np.memmap(images_file, np.uint8, "r", shape=shape), notes


def check_memory_budget(shape: Sequence[int], remedy: str) -> None:
    """Raise `InputError` if images need too much memory.

    Args:
        shape: Tuple `(images, height, width, channels)`.
        remedy: Advice at the end of the message.
    """
    if math.prod(shape) > MEMORY_BUDGET:
        size = "×".join(map(str, shape[1:]))
        raise InputError(
            f"{shape[0]:,} images of {size} take {gibibytes(math.prod(shape))}, more than "
            f"the {gibibytes(MEMORY_BUDGET)} allowed in memory: {remedy}"
        )


def check_cache(cache: str | None) -> None:
    """Raise `InputError` unless the folder ⟨cache⟩ can be written or created."""
    if cache is not None:
        check_writable(cache, "⟨cache⟩")


def _stored_notes(images_file: Path, notes_file: Path, shape: Sequence[int]) -> Notes | None:
    """The notes of stored images; None if they are missing or damaged."""
    if not os.path.lexists(notes_file):
        return None
    try:
        notes = unpack(read_file(notes_file, MOST_ARRAY_BYTES))
        same_size = images_file.stat().st_size == math.prod(shape)
        digest = notes.pop(DIGEST)
        if same_size and digest == _digest(images_file, notes):
            return notes
    except (OSError, ValueError, KeyError):
        pass
    warn(f"{images_file} or {notes_file.name} is damaged: the images are decoded again")
    return None


def _digest(images_file: Path, notes: Notes) -> str:
    with open(images_file, "rb") as content:
        digest = hashlib.file_digest(content, "sha256")
    for name, array in sorted(notes.items()):
        digest.update(repr((name, array.dtype.str, array.shape)).encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def _fill_file(path: Path, shape: tuple[int, ...], fill: Fill) -> Notes:
    with open(path, "wb") as file:
        file.truncate(math.prod(shape))
        if hasattr(os, "posix_fallocate"):
            # A full disk fails here, instead of with a bus error while the map is written.
            os.posix_fallocate(file.fileno(), 0, math.prod(shape))
    images = np.memmap(path, np.uint8, "r+", shape=shape)
    notes = fill(images)
    images.flush()
    return notes
