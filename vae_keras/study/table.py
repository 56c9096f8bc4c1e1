"""`runs.csv`, the data of a report: one row for each variant, seed and epoch."""

import csv
import dataclasses
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from vae_keras.study.definition import SEED
from vae_keras.study.statistics import Comparison, mean_interval
from vae_keras.support.errors import InputError
from vae_keras.support.files import MOST_ARRAY_BYTES, read_text, write_csv
from vae_keras.support.terms import loss_columns
from vae_keras.training.history import check_columns, parse_row

KEYS = ("study", "dataset", "reference", "variant", "seed", "epoch")
LAST_EPOCHS = 5  # averaged at the end of the noisy curves


@dataclasses.dataclass(frozen=True)
class RunTable:
    """The histories of a study's runs, finished or not.

    Attributes:
        study: Name of the study.
        dataset: Name of the data set; with `[:N]` if only N images are trained on.
        reference: The variant that the others are compared with.
        runs: Dictionary from variant to dictionary from seed to the rows of the run's
            history, dictionaries with `epoch` (from 1, without gaps) and its columns.
        looks: Increasing numbers of seeds at which the runs are analyzed; empty for any. Seeds
            beyond one of these numbers are omitted until the next is reached.
    """

    study: str
    dataset: str
    reference: str
    runs: dict[str, dict[int, list[dict[str, float]]]]
    looks: tuple[int, ...] = ()

    @property
    def columns(self) -> list[str]:
        """Names of the history's columns except `epoch`, in order."""
        names: dict[str, None] = {}
        for seeds in self.runs.values():
            for rows in seeds.values():
                names |= dict.fromkeys(rows[0])
        names.pop("epoch", None)
        return list(names)

    @property
    def losses(self) -> list[str]:
        """The losses among the columns: those of the training images, then of the test images."""
        return [f"{prefix}{name}" for prefix in ("", "val_") for name in loss_columns(self.columns)]

    @property
    def last_epoch(self) -> int:
        """The last epoch of any run."""
        return max(len(rows) for seeds in self.runs.values() for rows in seeds.values())

    def has(self, variant: str, column: str) -> bool:
        """Whether the variant has runs that all have the column."""
        seeds = self.runs.get(variant, {})
        return bool(seeds) and all(
            row.get(column) is not None for rows in seeds.values() for row in rows
        )

    def whole(self, *variants: str, epoch: int | None = None) -> list[int]:
        """The seeds whose runs of all variants have reached an epoch, by default the last."""
        runs = [self.runs[name] for name in variants]
        wanted = epoch or self.last_epoch
        return sorted(
            seed
            for seed in runs[0]
            if all(seed in each and len(each[seed]) >= wanted for each in runs)
        )

    def counted(self, *variants: str, epoch: int | None = None) -> tuple[list[int], int | None]:
        """The runs that count: those that have reached an epoch, or all runs if none has.

        Args:
            *variants: Names of variants.
            epoch: The epoch; None for the last epoch of any run.

        Returns:
            Tuple of the common seeds of all variants, as many as `looks` allows, and the epoch, or
            the last common epoch of their runs.
        """
        runs = [self.runs[name] for name in variants]
        seeds, end = self.whole(*variants, epoch=epoch), epoch or self.last_epoch
        if not seeds:
            seeds = sorted(seed for seed in runs[0] if all(seed in others for others in runs))
            lengths = [len(each[seed]) for each in runs for seed in seeds]
            return seeds, min(lengths, default=None)
        planned = max((look for look in self.looks if look <= len(seeds)), default=len(seeds))
        return seeds[:planned], end

    def curves(self, variant: str, column: str) -> np.ndarray:
        """A column over the common epochs of the runs of a variant that count.

        Returns:
            Array of shape `(seeds, epochs)`.
        """
        seeds, epochs = self.counted(variant)
        runs = self.runs[variant]
        return np.array([[row[column] for row in runs[seed][:epochs]] for seed in seeds])

    def ends(
        self, variant: str, column: str, seeds: Sequence[int], epoch: int | None, window: int = 1
    ) -> np.ndarray:
        """The mean of a column over the `window` epochs up to `epoch`, an array `(seeds,)`."""
        return np.array(
            [
                np.mean([row[column] for row in self.runs[variant][seed][:epoch][-window:]])
                for seed in seeds
            ]
        )

    def summarize(
        self, variant: str, column: str, window: int = 1
    ) -> tuple[int | None, float | None, float | None]:
        """Mean over the seeds of a variant that count, at their last epoch.

        Returns:
            Tuple of the epoch, the mean and half the width of its 95% interval; None for unknown
            values.
        """
        if not self.has(variant, column):
            return None, None, None
        seeds, epoch = self.counted(variant)
        return epoch, *mean_interval(self.ends(variant, column, seeds, epoch, window))

    def compare(
        self,
        first: tuple[str, str],
        second: tuple[str, str],
        window: int = 1,
        epoch: int | None = None,
    ) -> Comparison:
        """Paired differences, the first minus the second, over the seeds that count for both.

        Args:
            first, second: Tuples of a variant and a column.
            window: Number of final epochs to average.
            epoch: The epoch to compare at; None for the last epoch of any run.

        Returns:
            `Comparison` at that epoch, or, if no runs of both have reached it, at their last common
            epoch.
        """
        if not (self.has(*first) and self.has(*second)):
            return Comparison()
        seeds, end = self.counted(first[0], second[0], epoch=epoch)
        ends = [self.ends(*side, seeds, end, window) for side in (first, second)]
        return Comparison(tuple((ends[0] - ends[1]).tolist()), end if seeds else None)


def write_table(table: RunTable, path: Path) -> None:
    """Write a `RunTable`. Numbers are written with all digits."""
    lines = (
        {**dict(zip(KEYS, (table.study, table.dataset, table.reference, variant, seed))), **row}
        for variant, seeds in table.runs.items()
        for seed, rows in seeds.items()
        for row in rows
    )
    write_csv(path, lines, [*KEYS, *table.columns])


def run_of(variant: str, seed: str) -> tuple[str, int]:
    """The variant and the seed in the cells of a row; `ValueError` or `TypeError` for others."""
    if not variant or not variant.isprintable() or not SEED.fullmatch(seed):
        raise ValueError
    return variant, int(seed)


def read_table(path: Path) -> RunTable:
    """Read the file of `write_table`.

    Raises:
        InputError: If there is no such file, or it is damaged.
    """
    text = read_text(path, MOST_ARRAY_BYTES)
    runs: dict[str, dict[int, list[dict[str, float]]]] = {}
    study: tuple[str, str, str] | None = None
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    try:
        names = list(reader.fieldnames or [])
        missing = [name for name in KEYS if name not in names]
        if missing:
            raise InputError(f"{path} is not a table of runs: column {missing[0]!r} is missing")
        if len(set(names)) < len(names):
            raise ValueError
        check_columns([name for name in names if name not in KEYS or name == "epoch"])
        for row in reader:
            if study not in (None, (row["study"], row["dataset"], row["reference"])):
                raise ValueError
            study = row.pop("study"), row.pop("dataset"), row.pop("reference")
            variant, seed = run_of(row.pop("variant"), row.pop("seed"))
            rows = runs.setdefault(variant, {}).setdefault(seed, [])
            rows.append(parse_row(row, len(rows) + 1))  # refuses duplicate and missing epochs
    except (TypeError, ValueError, csv.Error) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(
            f"{path} is damaged in line {reader.line_num}: restore it, or rewrite it from the runs "
            "with --report-only"
        ) from None
    if study is None or not runs:
        raise InputError(f"{path} has no finished epoch yet: train the study first")
    return RunTable(*study, runs)
