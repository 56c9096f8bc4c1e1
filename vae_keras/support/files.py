"""Reading files safely, and writing them atomically."""

import contextlib
import csv
import hashlib
import io
import json
import os
import secrets
import shutil
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from vae_keras.support.errors import InputError, check_text, is_refusal

# Larger files are invalid.
MOST_BYTES = 2**26  # of a text file
MOST_ARRAY_BYTES = 2**30  # of an archive of arrays, and of the arrays in it
TEMPORARY_PREFIX = ".unfinished-"
LONGEST_NAME = 100  # bytes of a temporary name; longer ones contain a digest instead


def read_file(path: str | os.PathLike, most: int = MOST_BYTES, remedy: str = "restore it") -> bytes:
    """The content of a regular file. Pipes and devices, which may never end, are refused.

    Args:
        path: File to read.
        most: The largest size in bytes.
        remedy: What to do if it is not a regular file.

    Raises:
        InputError: If it is not a regular file, is too large, or cannot be read.
    """
    try:
        with open(path, "rb", opener=_open_at_once) as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise InputError(f"{path} is not a regular file: {remedy}")
            if status.st_size > most:
                raise InputError(f"{path} has {status.st_size:,} bytes, more than {most:,}")
            return file.read(most)  # the file may have grown
    except IsADirectoryError:
        raise InputError(f"{path} is a folder, not a file: {remedy}") from None
    except OSError as error:
        if is_refusal(error):
            raise
        raise InputError(f"{path} cannot be read: {error.strerror}") from None


def _open_at_once(path: str, flags: int) -> int:
    """Open a file without waiting for a writer, if it is a pipe."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def read_text(path: str | os.PathLike, most: int = MOST_BYTES, remedy: str = "restore it") -> str:
    """The content of a text file in UTF-8, with or without a byte-order mark.

    Raises:
        InputError: As `read_file`, or if it is not UTF-8.
    """
    try:
        return read_file(path, most, remedy).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InputError(f"{path} is damaged: it is not UTF-8 text") from None


def read_json(path: str | os.PathLike) -> dict[str, Any]:
    """The object in a JSON file.

    Raises:
        InputError: As `read_text`, or if it is not JSON or not an object.
    """
    try:
        content = json.loads(read_text(path))
    except (ValueError, RecursionError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path} is damaged: it is not JSON") from None
    if not isinstance(content, dict):
        raise InputError(f"{path} is damaged: it must be a JSON object")
    return content


def unpack(content: bytes) -> dict[str, np.ndarray]:
    """The arrays in the content of an .npz file, by name.

    Raises:
        ValueError: If it is not an .npz file, contains Python objects, or is too large.
    """
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            size = sum(member.file_size for member in archive.zip.infolist())
            if size > max(MOST_ARRAY_BYTES, len(content)):
                raise ValueError(f"{size:,} bytes of arrays")
            return dict(archive)
    except MemoryError:
        raise
    except Exception as error:  # NumPy and zipfile raise errors of many kinds
        raise ValueError(f"it is not an archive of arrays: {error}") from error


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write a dictionary as indented JSON."""
    with replacing(path) as aside:
        text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)
        aside.write_text(text + "\n", encoding="utf-8")


def write_csv(
    path: Path, rows: Iterable[Mapping[str, Any]], columns: Sequence[str], errors: str = "strict"
) -> None:
    """Write dictionaries as a table. Numbers are written with all digits.

    Args:
        path: File to write.
        rows: One dictionary for each row; missing columns and None are left empty.
        columns: Names of the columns, in order.
        errors: Handling of text that is not UTF-8, as for `open`.
    """
    with (
        replacing(path) as aside,
        open(aside, "w", newline="", encoding="utf-8", errors=errors) as file,
    ):
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(rows)


def check_writable(path: str | os.PathLike, name: str) -> None:
    """Raise `InputError` unless a folder can be written, or created if it is missing.

    Args:
        path: The folder.
        name: The argument that sets it, such as ⟨directory⟩.
    """
    check_text(os.fspath(path))
    existing = Path(path).absolute()
    while not existing.exists() and existing != existing.parent:
        existing = existing.parent
    if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
        raise InputError(
            f"{path} cannot be written ({existing} is not a writable folder): choose another {name}"
        )


def check_file(path: str | os.PathLike) -> None:
    """Raise `InputError` unless a file is absent, regular, or a link to a regular file."""
    if os.path.lexists(path) and not os.path.isfile(path):
        raise InputError(f"{path} is not a regular file: move it away")


def check_places(files: Iterable[Path], folders: Iterable[Path]) -> None:
    """Raise `InputError` unless files and folders can be written or replaced without any loss.

    Args:
        files: They must be absent, regular, or links to regular files.
        folders: They must be absent or folders. A link to a folder may belong to someone else.
    """
    for path in files:
        check_file(path)
    for path in folders:
        if os.path.lexists(path) and not _is_folder(path):
            kind = "a link, not a folder" if path.is_symlink() else "not a folder"
            raise InputError(f"{path} is {kind}: move it away")


def check_new_folder(path: str | os.PathLike) -> None:
    """Raise `InputError` unless ⟨output⟩ can be created as a new folder."""
    absolute(path)  # raises for an unexpanded ~
    check_text(os.fspath(path))
    path = Path(path)
    if os.path.lexists(path):
        raise InputError(f"{path} exists: choose another ⟨output⟩")
    parent = path.absolute().parent
    if not parent.is_dir() or not os.access(parent, os.W_OK | os.X_OK):
        raise InputError(f"{parent} is not a writable folder: choose another ⟨output⟩")


def absolute(path: str | os.PathLike) -> str:
    """The absolute form of a path.

    Raises:
        InputError: If it begins with an unexpanded ~.
    """
    text = os.fspath(path)
    if text == "~" or text.startswith("~/"):
        raise InputError(
            f"{text} begins with ~, which a shell expands only outside of quotes and not after =: "
            f"use the full path, or ./{text}"
        )
    return os.path.abspath(text)


@contextlib.contextmanager
def replacing(path: str | os.PathLike) -> Iterator[Path]:
    """Write a file or folder to a temporary path and rename it into place on success.

    Yields the temporary path, in the same folder and with the same ending. If the block raises, the
    temporary path is removed and `path` is unchanged.
    """
    path = Path(path)
    aside = _temporary(path)
    try:
        yield aside
        if aside.is_file():
            with open(aside, "rb") as file:
                os.fsync(file.fileno())  # on disk before it is renamed
        if aside.is_dir() and _is_folder(path):
            remove(path)  # a folder cannot be renamed over another
        os.replace(aside, path)
    except BaseException:
        _remove(aside)
        raise


def remove(path: str | os.PathLike) -> None:
    """Remove a file or folder. A link is removed, and its target kept.

    A folder is renamed first, so that it is never half-removed.
    """
    path = Path(path)
    if _is_folder(path):
        path = path.rename(_temporary(path))
    _remove(path)


def remove_unfinished(directory: str | os.PathLike) -> None:
    """Remove the temporary paths that a killed process left in a folder."""
    for path in Path(directory).glob(f"{TEMPORARY_PREFIX}*"):
        _remove(path)


def _temporary(path: Path) -> Path:
    """A new temporary path beside another, with the same ending.

    If the given name is valid, so is the temporary one.
    """
    prefix = f"{TEMPORARY_PREFIX}{secrets.token_hex(4)}-"
    name = f"{prefix}{path.name}"
    if len(os.fsencode(name)) > LONGEST_NAME:
        digest = hashlib.sha256(os.fsencode(path.name)).hexdigest()[:16]
        # The ending matters only if it is short enough for a library to know it.
        ending = path.suffix if len(os.fsencode(path.suffix)) < LONGEST_NAME // 2 else ""
        name = f"{prefix}{digest}{ending}"
    return path.with_name(name)


def _is_folder(path: Path) -> bool:
    """Whether this is a folder itself, not a link to one."""
    return path.is_dir() and not path.is_symlink()


def _remove(path: Path) -> None:
    if _is_folder(path):
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
