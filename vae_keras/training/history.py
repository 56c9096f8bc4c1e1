"""`history.csv`: a row of numbers for each finished epoch."""

import csv
import io
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from vae_keras.support.errors import InputError
from vae_keras.support.files import read_text
from vae_keras.support.settings import plain_number

REQUIRED = {"epoch", "loss", "val_loss"}
OTHER_COLUMNS = ("kl_weight", "learning_rate", "sigma", "seconds")  # besides losses and errors
LARGEST = 1e30  # no loss or time is larger, and sums of its square are finite


def read_history(path: Path) -> list[dict[str, Any]]:
    """The rows of a history as dictionaries of numbers.

    Raises:
        InputError: If the file is not a table with one row of finite numbers for each epoch.
    """
    reader = csv.DictReader(io.StringIO(read_text(path), newline=""), strict=True)
    try:
        check_columns(reader.fieldnames or [])
        rows = []
        for number, row in enumerate(reader, 1):
            try:
                rows.append(parse_row(row, number))
            except ValueError:
                raise ValueError(
                    f"line {reader.line_num} is not a valid row of epoch {number}"
                ) from None
        return rows
    except (ValueError, csv.Error) as error:
        raise InputError(
            f"{path} is damaged ({error}): it must have a row of numbers for each epoch. Restore "
            "it, or restart the run with ⟨overwrite⟩"
        ) from None


def parse_row(cells: Mapping[str | Any, str | Any], epoch: int) -> dict[str, Any]:
    """The numbers in a row of a history.

    Args:
        cells: Dictionary from columns to texts. A column that did not exist at this epoch is empty.
        epoch: The expected epoch.

    Raises:
        ValueError: If a cell is not a number of at most `LARGEST`, a loss is missing, the number of
            cells is not that of the columns, or the epoch is another one.
    """
    if None in cells or None in cells.values():  # more or fewer cells
        raise ValueError
    found = {name: plain_number(text) for name, text in cells.items() if text != ""}
    if found.get("epoch") != epoch or REQUIRED - found.keys():
        raise ValueError
    if not all(abs(value) <= LARGEST for value in found.values()):  # not NaN either
        raise ValueError
    return {**found, "epoch": epoch}


def check_columns(names: Sequence[str]) -> None:
    """Raise `ValueError` unless these are valid columns of a history, each once."""
    known = re.compile(rf"epoch|{'|'.join(OTHER_COLUMNS)}|(val_|validation_)?(mse|\w*loss)")
    missing = REQUIRED - set(names)
    foreign = [name for name in names if not name or not known.fullmatch(name)]
    if missing or foreign or len(set(names)) < len(names):
        if not missing and not foreign:
            raise ValueError("duplicate columns")
        raise ValueError(f"column {(min(missing) if missing else foreign[0])!r}")
