"""Statistics over seeds: pure functions of small arrays, which return None for too few values.

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


def mean_interval(
    values: ArrayLike, confidence: float = CONFIDENCE
) -> tuple[float | None, float | None]:
    """Mean and half the width of its t-interval: t(n−1) · s / √n.

    Args:
        values: Array-like of shape `(n,)`.
        confidence: Probability that the interval covers the true mean.

    Returns:
        Tuple `(mean, half_width)`; half_width is None for one value, both are None for no values.

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
    """p of the paired t-test of a mean difference of zero.

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


def equivalence_test(differences: ArrayLike, margin: float) -> float | None:
    """p of two one-sided t-tests (TOST) of a mean within ±margin.

    The larger p of the tests of mean ≤ −margin and of mean ≥ +margin. It is below α exactly if the
    1 − 2α interval of the mean lies inside the margin.

    Args:
        differences: Array-like of shape `(n,)`, one difference for each seed.
        margin: The largest difference that is practically equal, above 0.

    Returns:
        p, or None for fewer than two seeds.

    Reference:
        Schuirmann 1987, A comparison of the two one-sided tests procedure and the power approach,
        Journal of Pharmacokinetics and Biopharmaceutics 15.
    """
    differences = np.asarray(differences, float)
    if len(differences) < 2:
        return None
    if np.ptp(differences) == 0:
        return 0.0 if abs(differences[0]) < margin else 1.0
    above = stats.ttest_1samp(differences, -margin, alternative="greater").pvalue
    below = stats.ttest_1samp(differences, margin, alternative="less").pvalue
    return float(max(above, below))


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """p-values corrected for their number by Holm's step-down method.

    In ascending order, p₍ᵢ₎ becomes max over j ≤ i of (m − j + 1) · p₍ⱼ₎, at most 1. If all
    p-values below α are called significant, the probability of one or more false positives is at
    most α under any dependence.

    Args:
        p_values: Sequence of p-values; None for no test, which does not count.

    Returns:
        List in the same order, with None for no test.

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
    """The smallest true difference that this number of seeds detects with the given probability.

    Solves P(|T| > t(1 − α/2, n − 1)) = power for δ, where T follows the noncentral t
    distribution with n − 1 degrees of freedom and noncentrality δ / (s / √n), and s is
    the standard deviation of the observed differences.

    Args:
        differences: Array-like of shape `(n,)`, one difference for each seed.
        power: Probability that the test is significant.
        alpha: Level of the test. For m tests with Holm's correction, α/m is the strictest: a test
            that is significant at that level is significant regardless of the others.

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
        return above + np.nan_to_num(below) - power  # SciPy returns NaN far below

    high = 1.0
    while missing(high) < 0:
        high *= 2
    return optimize.brentq(missing, 0, high)


@dataclasses.dataclass(frozen=True)
class Comparison:
    """Paired differences between two conditions, one for each seed.

    Attributes:
        differences: The differences, as many as there are pairs.
        epoch: The epoch of the differences; None without pairs.
    """

    differences: tuple[float, ...] = ()
    epoch: int | None = None

    @property
    def seeds(self) -> int:
        """Number of pairs."""
        return len(self.differences)

    @property
    def mean(self) -> float | None:
        """Mean difference; None without pairs."""
        return mean_interval(self.differences)[0]

    @property
    def half_width(self) -> float | None:
        """Half the width of the mean's 95% interval; None for fewer than two seeds."""
        return mean_interval(self.differences)[1]

    @property
    def p(self) -> float | None:
        """p of the paired t-test; None for fewer than two seeds."""
        return paired_t_test(self.differences)

    def equivalence(self, margin: float) -> float | None:
        """p of `equivalence_test`; None for fewer than two seeds."""
        return equivalence_test(self.differences, margin)

    def detectable(self, alpha: float = ALPHA) -> float | None:
        """The `detectable_difference` at a level; None for fewer than two seeds."""
        return detectable_difference(self.differences, alpha=alpha)
