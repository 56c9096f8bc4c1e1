"""Files that are either whole or not there."""

import contextlib
import csv
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

TEMPORARY_PREFIX = ".unfinished-"


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write a dictionary as JSON that people can read."""
    with replacing(path) as aside:
        text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)
        aside.write_text(text + "\n", encoding="utf-8")


def write_csv(
    path: Path, rows: Iterable[Mapping[str, Any]], columns: Sequence[str], errors: str = "strict"
) -> None:
    """Write dictionaries as a table. Numbers are written in full, so that they read back the same.

    Args:
        path: File to write.
        rows: One dictionary for each row; a column that it lacks, or that is None, is left empty.
        columns: Names of the columns, in order.
        errors: What to do with text that is not UTF-8, as for `open`.
    """
    with (
        replacing(path) as aside,
        open(aside, "w", newline="", encoding="utf-8", errors=errors) as file,
    ):
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(rows)


@contextlib.contextmanager
def replacing(path: str | os.PathLike) -> Iterator[Path]:
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


def remove(path: str | os.PathLike) -> None:
    """Remove a file or folder, which nobody sees half-removed under its own name."""
    path = Path(path)
    if path.is_dir():
        aside = path.with_name(f"{TEMPORARY_PREFIX}removed-{path.name}")
        _remove(aside)
        path = path.rename(aside)
    _remove(path)


def remove_unfinished(directory: str | os.PathLike) -> None:
    """Remove what a killed process left half-written or half-removed in a folder."""
    for path in Path(directory).glob(f"{TEMPORARY_PREFIX}*"):
        _remove(path)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
