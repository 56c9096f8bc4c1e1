"""The mean of evaluations of models that differ only in their seed."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from vae_keras.config import FitConfig
from vae_keras.support.text import count

MEAN, ERROR = "mean", "standard_error"


def means_of_seeds(
    configs: Sequence[FitConfig], names: Sequence[str], results: Sequence[Mapping[str, Any]]
) -> list[tuple[str, dict[str, Any]]]:
    """The mean over seeds for each group of runs that differ only in their seed.

    The standard error of a mean is √(s²/S + e²): s is the standard deviation between S seeds, and
    e² the mean of their squared standard errors over images. All seeds share the images, so e does
    not shrink with S. The result is conservative.

    Args:
        configs: The settings of each run.
        names: The name of each run.
        results: The return value of `evaluate_run` for each run.

    Returns:
        List of a title, such as "mean of 3 seeds", and a dictionary like `results`, without lists
        of one number for each axis or class, which cannot be averaged.

    Reference:
        Owen 2007, The pigeonhole bootstrap, Annals of Applied Statistics 1(2), for the variance of
        a mean over two crossed factors.
    """
    groups: list[list[int]] = []
    for number, config in enumerate(configs):
        for group in groups:
            if configs[group[0]].replace(seed=config.seed) == config:
                group.append(number)
                break
        else:
            groups.append([number])
    means = []
    for group in groups:
        seeds = len({configs[number].seed for number in group})
        if 1 < seeds == len(group):
            of = f" of {names[group[0]]}" if len(groups) > 1 else ""
            title = f"mean of {count(seeds, 'seed')}{of}"
            means.append((title, _mean([results[number] for number in group])))
    return means


def _mean(values: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The mean of dictionaries of the same form, restricted to their common keys."""
    first, *others = values
    found: dict[str, Any] = {}
    for name, value in first.items():
        if not all(name in other for other in others) or name.endswith(ERROR):
            continue
        column = [each[name] for each in values]
        if isinstance(value, Mapping):
            found[name] = _mean(column)
        elif _is_list_of_dictionaries(value):
            if len({len(each) for each in column}) == 1:
                found[name] = [_mean(each) for each in zip(*column)]
        elif all(each == value for each in column):
            if not isinstance(value, list):
                found[name] = value
        elif all(isinstance(each, (int, float)) for each in column):
            error = ERROR if name == MEAN else f"{name}_{ERROR}"
            variance = np.var(column, ddof=1) / len(column)
            variance += np.mean([each.get(error, 0.0) ** 2 for each in values])
            found[name] = float(np.mean(column))
            found[error] = math.sqrt(variance)
    return found


def _is_list_of_dictionaries(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], Mapping)
