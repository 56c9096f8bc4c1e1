"""Values far from all others, which would squeeze the others if an axis showed them."""

from collections.abc import Mapping, Sequence

import numpy as np

FEWEST = 4  # other values, for quartiles
FAR = 5  # interquartile ranges


def outliers(columns: Sequence[Mapping[str, float]]) -> set[str]:
    """The names of values that are far from the others in all columns.

    A value is far if it is more than five interquartile ranges of the others beyond their
    quartiles. At least four others are necessary.

    Args:
        columns: Dictionaries from name to value.

    Returns:
        Set of names, mostly empty.
    """
    return set.intersection(*map(_far, columns))


def _far(values: Mapping[str, float]) -> set[str]:
    """The names of values that are far from the others."""
    found = set()
    for name, value in values.items():
        others = [other for key, other in values.items() if key != name]
        if len(others) < FEWEST:
            continue
        low, high = np.quantile(others, [0.25, 0.75])
        if max(low - value, value - high) > FAR * (high - low) > 0:
            found.add(name)
    return found
