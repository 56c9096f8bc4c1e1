"""Statistics over seeds: pure functions of small arrays. Where too little is known, None.

All tests are two-sided.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike
from scipy import optimize, stats

CONFIDENCE = 0.95
ALPHA = 0.05
POWER = 0.8
WILCOXON_SEEDS = 6  # with five, its smallest two-sided p is 2/2⁵ = 0.0625


def mean_interval(
    values: ArrayLike, confidence: float = CONFIDENCE
) -> tuple[float | None, float | None]:
    """Mean, and half the width of its t-interval: t(n−1) · s / √n.

    Args:
        values: Array-like of shape `(n,)`.
        confidence: Probability that the interval covers the true mean.

    Returns:
        Tuple `(mean, half_width)`; half_width is None for one value, both for none.

    Reference:
        Student 1908, The probable error of a mean, Biometrika 6.
    """
    values = np.asarray(values, float)
    if not len(values):
        return None, None
    if len(values) == 1:
        return float(values[0]), None
    quantile = stats.t.ppf((1 + confidence) / 2, len(values) - 1)
    return float(values.mean()), float(quantile * stats.sem(values))


def paired_t_test(differences: ArrayLike) -> float | None:
    """p of the paired t-test: the mean of the differences against zero.

    t = mean / (s / √n) with n − 1 degrees of freedom.

    Args:
        differences: Array-like of shape `(n,)`, one difference for each seed.

    Returns:
        p, or None for fewer than two seeds.
    """
    differences = np.asarray(differences, float)
    if len(differences) < 2:
        return None
    if np.ptp(differences) == 0:  # t is infinite, or 0/0
        return 0.0 if differences[0] else 1.0
    return float(stats.ttest_1samp(differences, 0).pvalue)


def wilcoxon_test(differences: ArrayLike) -> float | None:
    """p of Wilcoxon's signed-rank test, which assumes symmetry but no normal distribution.

    Args:
        differences: Array-like of shape `(n,)`, one difference for each seed.

    Returns:
        p, or None for fewer than `WILCOXON_SEEDS`, which could not reach 0.05.

    Reference:
        Wilcoxon 1945, Individual comparisons by ranking methods, Biometrics Bulletin 1.
    """
    differences = np.asarray(differences, float)
    if len(differences) < WILCOXON_SEEDS:
        return None
    if not differences.any():
        return 1.0
    return float(stats.wilcoxon(differences).pvalue)


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """p-values corrected for their number by Holm's step-down method.

    In ascending order, p₍ᵢ₎ becomes max over j ≤ i of (m − j + 1) · p₍ⱼ₎, at most 1. All
    those below α may be called significant: the probability of one or more false calls
    among them is then at most α, whatever their dependence.

    Args:
        p_values: Sequence of p-values; None where there was no test, which does not count.

    Returns:
        List in the same order, None where there was no test.

    Reference:
        Holm 1979, A simple sequentially rejective multiple test procedure, Scandinavian
        Journal of Statistics 6.
    """
    corrected: list[float | None] = [None] * len(p_values)
    tested = sorted((p, i) for i, p in enumerate(p_values) if p is not None)
    largest = 0.0
    for rank, (p, i) in enumerate(tested):
        largest = max(largest, min(1.0, (len(tested) - rank) * p))
        corrected[i] = largest
    return corrected


def detectable_difference(
    differences: ArrayLike, power: float = POWER, alpha: float = ALPHA
) -> float | None:
    """The smallest true difference that so many seeds find with the given probability.

    Solves P(|T| > t(1 − α/2, n − 1)) = power for δ, where T follows the noncentral t
    distribution with n − 1 degrees of freedom and noncentrality δ / (s / √n), and s is
    the standard deviation of the differences that were seen. For a single test, not
    corrected for others beside it.

    Args:
        differences: Array-like of shape `(n,)`, one difference for each seed.
        power: Probability that the test is significant.
        alpha: Its level.

    Returns:
        δ > 0 in the unit of the differences, or None for fewer than two seeds.

    Reference:
        Cohen 1988, Statistical power analysis for the behavioral sciences, chapter 2.
    """
    differences = np.asarray(differences, float)
    if len(differences) < 2:
        return None
    return float(_noncentrality(len(differences) - 1, power, alpha) * stats.sem(differences))


def _noncentrality(freedom: int, power: float, alpha: float) -> float:
    """The noncentrality at which a two-sided t-test has the given power."""
    critical = stats.t.ppf(1 - alpha / 2, freedom)

    def missing(noncentrality: float) -> float:
        above = stats.nct.sf(critical, freedom, noncentrality)
        below = stats.nct.cdf(-critical, freedom, noncentrality)
        return above + np.nan_to_num(below) - power  # far below, SciPy's series gives NaN

    high = 1.0
    while missing(high) < 0:
        high *= 2
    return optimize.brentq(missing, 0, high)


@dataclasses.dataclass(frozen=True)
class Comparison:
    """Paired differences between two conditions, summed up.

    Attributes:
        seeds: How many pairs there are.
        epoch: The last epoch that all of them have; None without pairs.
        mean: Mean difference; None without pairs.
        half_width: Half the width of its 95% interval; None below two seeds.
        p: Of the paired t-test; None below two seeds.
        wilcoxon: p of Wilcoxon's test; None below six seeds.
        detectable: Smallest difference found with 80% power; None below two seeds.
    """

    seeds: int
    epoch: int | None
    mean: float | None
    half_width: float | None
    p: float | None
    wilcoxon: float | None
    detectable: float | None


def compare(differences: Sequence[float] | np.ndarray, epoch: int | None = None) -> Comparison:
    """The `Comparison` of paired differences, an array-like of shape `(n,)`."""
    mean, half_width = mean_interval(differences)
    return Comparison(
        seeds=len(differences),
        epoch=epoch,
        mean=mean,
        half_width=half_width,
        p=paired_t_test(differences),
        wilcoxon=wilcoxon_test(differences),
        detectable=detectable_difference(differences),
    )
