"""Placement of texts without overlap."""

from collections.abc import Sequence

import numpy as np
from scipy.optimize import isotonic_regression

ROUNDS = 500  # limit, in case there is no room for all boxes


def spread(places: Sequence[float] | np.ndarray, gap: float) -> np.ndarray:
    """Places between 0 and 1, moved as little as possible until they are `gap` apart.

    Args:
        places: Array `(count,)`, in any order. The order is kept.
        gap: The smallest distance, at most 1 / count.

    Returns:
        float64 array `(count,)`, with the smallest possible sum of squared moves.
    """
    places = np.asarray(places, np.float64)
    order = np.argsort(places, kind="stable")
    steps = gap * np.arange(len(places))
    fitted = isotonic_regression(places[order] - steps).x
    moved = np.empty_like(places)
    moved[order] = np.clip(fitted, 0, 1 - steps[-1]) + steps
    return moved


def spread_boxes(centers: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Centers of boxes, moved apart until none overlap.

    Args:
        centers: Array `(count, 2)`.
        sizes: Widths and heights, array `(count, 2)`.

    Returns:
        float64 array `(count, 2)`. A box without overlap is not moved.
    """
    moved = np.array(centers, np.float64)
    first, second = np.triu_indices(len(moved), 1)
    reach = (np.asarray(sizes)[first] + np.asarray(sizes)[second]) / 2
    for _ in range(ROUNDS):
        overlap = reach - np.abs(moved[first] - moved[second])
        covered = np.flatnonzero((overlap > 1e-6 * reach).all(axis=1))
        if not len(covered):
            break
        for pair in covered:
            one, other = first[pair], second[pair]
            axis = overlap[pair].argmin()
            push = overlap[pair, axis] / 2
            push = push if moved[one, axis] >= moved[other, axis] else -push
            moved[one, axis] += push
            moved[other, axis] -= push
    return moved
