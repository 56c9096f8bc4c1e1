"""Attributes of pictures in a CSV file, such as CelebA's list: smiling, eyeglasses."""

import csv
import dataclasses
import io
import itertools
import math
import os
from collections.abc import Iterable, Sequence

import numpy as np

from vae_keras.data.matching import match, normal
from vae_keras.support.errors import InputError
from vae_keras.support.files import MOST_ARRAY_BYTES, read_file
from vae_keras.support.reporting import warn

DELIMITERS = ",;\t"
WORDS = {"true": 1.0, "false": 0.0, "yes": 1.0, "no": 0.0, "y": 1.0, "n": 0.0}
UNKNOWN = ("", "?", "-", "n/a", "na", "nan", "none", "null")


@dataclasses.dataclass(frozen=True)
class AttributeTable:
    """The attributes of pictures in a file.

    Attributes:
        path: The file.
        names: Names of the attributes.
        rows: Dictionary from the name of a picture's file, as `normal` returns it, to a list of
            numbers.
    """

    path: str | os.PathLike
    names: tuple[str, ...]
    rows: dict[str, list[float]]


def read_attributes(path: str | os.PathLike) -> AttributeTable:
    """Read a table: a header, then a row for each picture with its file name and numbers.

    Args:
        path: A CSV file, with commas, semicolons or tabs; or CelebA's own `list_attr_celeba.txt`,
            separated by spaces, with or without the number of pictures in its first line. Numbers
            may be 0 and 1, −1 and 1, or any others; `true`, `yes` and `y` are 1, `false`, `no` and
            `n` are 0; cells that are empty, `NA`, `NaN`, `null`, `?` or `-` are unknown.

    Returns:
        `AttributeTable`.

    Raises:
        InputError: If the file cannot be read or is not such a table.
    """
    try:
        text = read_file(path, MOST_ARRAY_BYTES, "pass a file").decode("utf-8-sig")
        lines = [cells for cells in _split(text) if any(map(str.strip, cells))]
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} is not a CSV file in UTF-8: {error}") from None
    if len(lines) < 2 or len(lines[0]) < 2:
        raise InputError(
            f"{path} must have a header and rows: the name of a picture file, then its attributes"
        )
    header, *body = lines
    names = tuple(name.strip() for name in header[1:])
    if len(set(names)) < len(names) or "" in names:
        raise InputError(
            f"{path}: every attribute needs a unique name, received {', '.join(names)}"
        )
    rows = {}
    for number, (name, *cells) in enumerate(body, start=2):
        if len(cells) != len(names):
            raise InputError(
                f"{path}, row {number}: expected {len(names)} attributes, received {len(cells)}"
            )
        if normal(name) in rows:
            raise InputError(f"{path}, row {number}: {name!r} already has a row")
        rows[normal(name)] = [
            _number(cell, f"{path}, row {number}, {column}") for column, cell in zip(names, cells)
        ]
    return AttributeTable(path, names, rows)


def rows_of(table: AttributeTable, names: Sequence[str]) -> np.ndarray:
    """The attributes of pictures, found by their paths, see `vae_keras.data.matching.match`.

    A warning counts the pictures without a row.

    Args:
        table: `AttributeTable`.
        names: Paths of the files in their folder.

    Returns:
        float32 array `(pictures, attributes)`; NaN for unknown values.

    Raises:
        InputError: If no picture has a row, or a row is ambiguous.
    """
    paths = list(map(normal, names))
    matches = match(table.path, table.rows, paths)
    rows = [table.rows.get(matches.get(path, "")) for path in paths]
    missing = [name for name, row in zip(names, rows) if row is None]
    if len(missing) == len(names):
        raise InputError(
            f"{table.path} has no row for any of the {len(names):,} pictures: its first column has "
            f"{' and '.join(itertools.islice(table.rows, 2))}, but the pictures are "
            f"{' and '.join(names[:2])}"
        )
    if missing:
        warn(
            f"{table.path} has no row for {len(missing):,} of {len(names):,} pictures, such as "
            f"{missing[0]}"
        )
    unknown = [math.nan] * len(table.names)
    return np.array([row or unknown for row in rows], np.float32)


def split_by(values: np.ndarray, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Find the images with an attribute.

    Args:
        values: Float array `(images,)`; NaN for unknown values.
        name: Name of the attribute.

    Returns:
        Tuple of two boolean arrays `(images,)`. The first marks the images with a known value, the
        second the images with the attribute. An image has the attribute if its value is the larger
        of two distinct values, or above the median of more than two.

    Raises:
        InputError: If all images have the same value.
    """
    known = ~np.isnan(values)
    distinct = np.unique(values[known])
    if len(distinct) < 2:
        raise InputError(
            f"attribute {name!r} has the same value in all images: it has no direction"
        )
    # If the median is the largest value, as with many ones and few zeros, use the next lower one.
    threshold = min(np.median(values[known]), distinct[-2]) if len(distinct) > 2 else distinct[0]
    return known, values > threshold


def _split(text: str) -> Iterable[list[str]]:
    """The cells of each line."""
    first, _, rest = text.partition("\n")
    if first.strip().isdecimal():  # CelebA's list: the number of pictures
        text, first = rest, rest.partition("\n")[0]
    if any(delimiter in first for delimiter in DELIMITERS):
        return csv.reader(io.StringIO(text, newline=""), delimiter=max(DELIMITERS, key=first.count))
    header, *rows = map(str.split, text.splitlines() or [""])
    is_nameless = bool(rows) and len(rows[0]) == len(header) + 1  # CelebA's has only attributes
    return [["file", *header] if is_nameless else header, *rows]


def _number(text: str, place: str) -> float:
    word = text.strip().lower()
    if word in UNKNOWN:
        return math.nan
    if word in WORDS:
        return WORDS[word]
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise InputError(f"{place}: {text!r} is not a number, yes, no, true or false")
    return value
