"""Files that are either whole or not there."""

import contextlib
import os
import shutil
from pathlib import Path

TEMPORARY_PREFIX = ".unfinished-"


@contextlib.contextmanager
def replacing(path):
    """Write a file or folder aside and rename it into place when all went well.

    Yields the path to write to, in the same folder and with the same ending. If
    the block raises, what was written is removed and `path` is as it was before.
    """
    path = Path(path)
    aside = path.with_name(f"{TEMPORARY_PREFIX}{path.name}")
    _remove(aside)
    try:
        yield aside
        if aside.is_file():
            with open(aside, "rb") as file:
                os.fsync(file.fileno())  # the disk has it before it gets its name
        if path.is_dir():
            remove(path)  # a folder cannot be renamed over another
        os.replace(aside, path)
    except BaseException:
        _remove(aside)
        raise


def remove(path):
    """Remove a file or folder, which nobody sees half-removed under its own name."""
    path = Path(path)
    if path.is_dir():
        aside = path.with_name(f"{TEMPORARY_PREFIX}removed-{path.name}")
        _remove(aside)
        path = path.rename(aside)
    _remove(path)


def remove_unfinished(directory):
    """Remove what a killed process left half-written or half-removed in a folder."""
    for path in Path(directory).glob(f"{TEMPORARY_PREFIX}*"):
        _remove(path)


def _remove(path):
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
