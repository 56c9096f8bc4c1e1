"""Matching of table rows and pictures whose names differ in folders or endings."""

import collections
import os
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence

from vae_keras.support.errors import InputError

_ENDING = re.compile(r"\.[A-Za-z]\w{1,4}$")


def normal(name: str) -> str:
    """A path in normal form: with `/` and Unicode NFC."""
    # Unicode has several forms of the same letters, and some systems convert between them.
    name = unicodedata.normalize("NFC", name.strip()).replace("\\", "/")
    return name.removeprefix("./")


def match(table: str | os.PathLike, rows: Iterable[str], files: Sequence[str]) -> dict[str, str]:
    """Find the row of each picture.

    A name in the table matches the path of a picture if one of them is the end of the other, folder
    by folder. The ending of the file may differ, or be missing in the table. Of several rows, the
    one with the most folders in common is chosen, then the one with the same ending.

    Args:
        table: The table's file, for messages.
        rows: Names in the table, as `normal` returns them.
        files: Paths of the pictures, as `normal` returns them.

    Returns:
        Dictionary from the path of a picture to the name of its row, without pictures that have no
        row.

    Raises:
        InputError: If a match is ambiguous.
    """
    by_stem = collections.defaultdict(list)
    for row in rows:
        for stem in _stems(row):
            by_stem[stem].append(row)
    best: dict[str, tuple[tuple[int, int], str]] = {}
    for file in files:
        found = {row: rank for row in by_stem[_stem(file)] if (rank := _rank(row, file))}
        if not found:
            continue
        most = max(found.values())
        first, *others = [row for row, rank in found.items() if rank == most]
        if others:
            raise InputError(
                f"{table} has two rows, {first} and {others[0]}, for the picture {file}: use one "
                "row for each picture"
            )
        best[file] = most, first
    return {file: row for row, file in _one_picture_each(table, best).items()}


def _one_picture_each(
    table: str | os.PathLike, best: Mapping[str, tuple[tuple[int, int], str]]
) -> dict[str, str]:
    """Dictionary from each row to the picture that it matches best."""
    chosen: dict[str, tuple[tuple[int, int], str]] = {}
    for file, (rank, row) in best.items():
        if row in chosen and chosen[row][0] == rank:
            raise InputError(
                f"{table} has one row {row} for two pictures, {chosen[row][1]} and {file}: its "
                "first column must be paths in the folder"
            )
        if row not in chosen or chosen[row][0] < rank:
            chosen[row] = rank, file
    return {row: file for row, (_, file) in chosen.items()}


def _rank(row: str, file: str) -> tuple[int, int] | None:
    """The quality of a match: the number of common folders, and the similarity of the endings."""
    *row_folders, row_name = [part for part in row.split("/") if part]
    *file_folders, file_name = file.split("/")
    common = min(len(row_folders), len(file_folders))
    if common and row_folders[-common:] != file_folders[-common:]:
        return None
    if row_name == file_name:
        return common, 2
    return common, int(row_name == _stem(file_name))


def _stem(path: str) -> str:
    """The name of a file without folder and ending."""
    return _ENDING.sub("", path.rpartition("/")[2])


def _stems(row: str) -> set[str]:
    """The possible names without folder and ending, because a name may have no ending."""
    return {row.rpartition("/")[2], _stem(row)}
