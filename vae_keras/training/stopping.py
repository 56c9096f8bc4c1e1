"""Which epoch is the best one, and when to stop: from the history alone, so that a run that is
resumed decides as it would have done."""

from collections.abc import Mapping, Sequence
from typing import Any

from vae_keras.config import FitConfig

Rows = Sequence[Mapping[str, Any]]


def best_epoch(rows: Rows, config: FitConfig) -> int | None:
    """The epoch, from 1, with the least validation loss; None before one can be judged.

    Epochs of the KL warm-up are not judged: they train for another loss.
    """
    judged = [row for row in rows if row["epoch"] > config.kl_warmup and "validation_loss" in row]
    return min(judged, key=lambda row: row["validation_loss"])["epoch"] if judged else None


def is_to_stop(rows: Rows, config: FitConfig) -> bool:
    """Whether the validation loss has not fallen for as many epochs as the settings allow."""
    best = best_epoch(rows, config)
    if config.early_stopping is None or best is None:
        return False
    return rows[-1]["epoch"] - best >= config.early_stopping


def kept_epoch(rows: Rows, config: FitConfig) -> int:
    """The epoch whose weights the finished model has."""
    best = best_epoch(rows, config) if config.keep == "best" else None
    return rows[-1]["epoch"] if best is None else best
