"""The best epoch and early stopping, from the history only, so that resumed runs decide alike."""

from collections.abc import Mapping, Sequence
from typing import Any

from vae_keras.config import FitConfig

Rows = Sequence[Mapping[str, Any]]


def best_epoch(rows: Rows, config: FitConfig) -> int | None:
    """The epoch, from 1, with the lowest validation loss; None if there is no such epoch yet.

    Epochs of the KL warm-up do not count, because they minimize another loss.
    """
    judged = [row for row in rows if row["epoch"] > config.kl_warmup and "validation_loss" in row]
    return min(judged, key=lambda row: row["validation_loss"])["epoch"] if judged else None


def is_to_stop(rows: Rows, config: FitConfig) -> bool:
    """Whether the validation loss has not fallen for `early_stopping` epochs."""
    best = best_epoch(rows, config)
    if config.early_stopping is None or best is None:
        return False
    return rows[-1]["epoch"] - best >= config.early_stopping


def kept_epoch(rows: Rows, config: FitConfig) -> int:
    """The epoch whose weights the finished model has."""
    best = best_epoch(rows, config) if config.keep == "best" else None
    return rows[-1]["epoch"] if best is None else best
