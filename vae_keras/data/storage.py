"""Where decoded images lie while a model trains: in memory, or in a file that is mapped into it."""

import errno
import hashlib
import math
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import filelock
import numpy as np

from vae_keras.support.errors import InputError
from vae_keras.support.files import replacing

Notes = dict[str, Any]
Fill = Callable[[np.ndarray], Notes]

DEFAULT_IMAGE_SIZE = (64, 64)  # where images differ in size
MEMORY_BUDGET = 4 * 2**30  # bytes of images that are held in memory


def stored_images(
    shape: tuple[int, ...], fill: Fill, key: Sequence[Any], cache: str | None = None
) -> tuple[np.ndarray, Notes]:
    """Images that `fill` makes, in memory or, with a cache, in a file.

    A file that is there is used again, so that the images are made once. The system keeps as
    much of it in memory as there is room for.

    Args:
        shape: Tuple `(images, height, width, channels)`.
        fill: Called with an empty uint8 array of this shape; returns a dictionary of small
            arrays to be kept beside the images.
        key: What decides the images, a sequence of values: the name of the file follows from it.
        cache: Folder of the file; None for memory.

    Returns:
        Tuple of the uint8 array and what `fill` returned.

    Raises:
        InputError: If there are too many images for memory, or the folder cannot be written.
    """
    if cache is None:
        if math.prod(shape) > MEMORY_BUDGET:
            size = "×".join(map(str, shape[1:]))
            raise InputError(
                f"{shape[0]:,} images of {size} take {math.prod(shape) / 2**30:.1f} GiB, more than "
                f"the {MEMORY_BUDGET / 2**30:.0f} GiB allowed in memory: name a folder for them "
                "with ⟨cache⟩, or choose a smaller ⟨image_size⟩"
            )
        images = np.empty(shape, np.uint8)
        return images, fill(images)
    name = hashlib.sha256(repr((shape, *key)).encode()).hexdigest()[:16]
    images_file, notes_file = Path(cache) / f"{name}.images", Path(cache) / f"{name}.npz"
    try:
        images_file.parent.mkdir(parents=True, exist_ok=True)
        # Another process may want the same images: it waits until they are there.
        with filelock.FileLock(Path(cache) / f"{name}.lock"):
            if not _is_whole(images_file, notes_file, shape):
                with replacing(images_file) as path:
                    notes = _fill_file(path, shape, fill)
                with replacing(notes_file) as path:
                    np.savez(path, **notes)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise InputError(
            f"{cache} cannot be written ({error.strerror}): choose another ⟨cache⟩"
        ) from None
    with np.load(notes_file, allow_pickle=False) as archive:
        return np.memmap(images_file, np.uint8, "r", shape=shape), dict(archive)


def _is_whole(images_file: Path, notes_file: Path, shape: tuple[int, ...]) -> bool:
    # The notes are written last.
    return (
        notes_file.exists()
        and images_file.exists()
        and images_file.stat().st_size == math.prod(shape)
    )


def _fill_file(path: Path, shape: tuple[int, ...], fill: Fill) -> Notes:
    with open(path, "wb") as file:
        file.truncate(math.prod(shape))
        if hasattr(os, "posix_fallocate"):
            # A disk that is too small fails here, and not as a bus error while the map is written.
            os.posix_fallocate(file.fileno(), 0, math.prod(shape))
    images = np.memmap(path, np.uint8, "r+", shape=shape)
    notes = fill(images)
    images.flush()
    return notes
