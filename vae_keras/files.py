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
            shutil.rmtree(path)
        os.replace(aside, path)
    except BaseException:
        _remove(aside)
        raise


def remove_unfinished(directory):
    """Remove what a killed process left half-written in a folder."""
    for path in Path(directory).rglob(f"{TEMPORARY_PREFIX}*"):
        _remove(path)


def _remove(path):
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
