"""`history.csv`: a row of numbers for each finished epoch."""

import csv
import io
import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vae_keras.support.errors import InputError
from vae_keras.support.files import read_text


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
            # A column that did not exist at this epoch is empty.
            found = {name: float(value) for name, value in row.items() if value != ""}
            if found["epoch"] != number or not all(map(math.isfinite, found.values())):
                raise ValueError(f"line {reader.line_num} is not a valid row of epoch {number}")
            rows.append({**found, "epoch": number})
        return rows
    except (KeyError, TypeError, ValueError, csv.Error) as error:
        raise InputError(
            f"{path} is damaged ({error}): it must have a row of numbers for each epoch. Restore "
            "it, or restart the run with ⟨overwrite⟩"
        ) from None


def check_columns(names: Sequence[str]) -> None:
    """Raise `ValueError` unless these are valid columns of a history, each once."""
    settings = "epoch|seconds|learning_rate|kl_weight|sigma"
    known = re.compile(rf"{settings}|(val_|validation_)?(mse|\w*loss)")
    missing = {"epoch", "loss", "val_loss"} - set(names)
    foreign = [name for name in names if not name or not known.fullmatch(name)]
    if missing or foreign or len(set(names)) < len(names):
        if not missing and not foreign:
            raise ValueError("duplicate columns")
        raise ValueError(f"column {(min(missing) if missing else foreign[0])!r}")
