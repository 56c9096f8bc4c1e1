import numpy as np
import pytest
from scipy import stats

from vae_keras.study.statistics import (
    Comparison,
    detectable_difference,
    equivalence_test,
    holm,
    mean_interval,
    paired_t_test,
)

RANDOM = np.random.default_rng(0)
DIFFERENCES = RANDOM.normal(-0.4, 0.3, 7)


def test_interval_of_three_values_by_hand():
    mean, half_width = mean_interval([1.0, 2.0, 3.0])
    assert mean == 2
    assert half_width == pytest.approx(4.302653 / np.sqrt(3), rel=1e-6)  # t(0.975, 2) · 1 / √3


def test_interval_is_scipys():
    low, high = stats.ttest_1samp(DIFFERENCES, 0).confidence_interval(0.95)
    mean, half_width = mean_interval(DIFFERENCES)
    assert (mean - half_width, mean + half_width) == pytest.approx((low, high))


def test_intervals_cover_the_mean_as_often_as_they_say():
    covered = []
    for sample in RANDOM.normal(5, 2, (2000, 4)):
        mean, half_width = mean_interval(sample)
        covered.append(abs(mean - 5) < half_width)
    assert np.mean(covered) == pytest.approx(0.95, abs=0.015)


def test_paired_t_test_is_scipys_of_two_samples():
    first, second = RANDOM.normal(0, 1, (2, 5))
    assert paired_t_test(first - second) == pytest.approx(stats.ttest_rel(first, second).pvalue)


def test_differences_without_scatter_are_certain_or_none():
    assert paired_t_test([0.0, 0.0, 0.0]) == 1
    assert paired_t_test([0.5, 0.5, 0.5]) == 0
    assert equivalence_test([0.5, 0.5, 0.5], 0.6) == 0
    assert equivalence_test([0.5, 0.5, 0.5], 0.4) == 1


def test_equivalence_by_hand():
    # Mean 0.2, standard error 0.1/√3, so t = 0.3·√3/0.1 at the nearer margin, with two degrees of
    # freedom, where P(T > t) = 1/2 − t / (2·√(2 + t²)).
    t = 3 * np.sqrt(3)
    p = 0.5 - t / (2 * np.sqrt(2 + t**2))
    assert equivalence_test([0.1, 0.2, 0.3], 0.5) == pytest.approx(p)
    assert equivalence_test([-0.1, -0.2, -0.3], 0.5) == pytest.approx(p)


@pytest.mark.parametrize("margin", [0.2, 0.5, 0.7, 2.0])
def test_equivalence_means_that_the_90_percent_interval_lies_inside_the_margin(margin):
    low, high = stats.ttest_1samp(DIFFERENCES, 0).confidence_interval(0.9)
    assert (equivalence_test(DIFFERENCES, margin) < 0.05) == (-margin < low and high < margin)


def test_at_the_margin_equivalence_is_claimed_in_one_of_twenty_cases():
    samples = RANDOM.normal(0.3, 0.1, (2000, 5))
    found = [equivalence_test(sample, 0.3) < 0.05 for sample in samples]
    assert np.mean(found) == pytest.approx(0.05, abs=0.017)


def test_holm_by_hand():
    # Sorted 0.01, 0.02, 0.03, 0.5 times 4, 3, 2, 1, never falling.
    assert holm([0.03, 0.01, 0.5, 0.02]) == pytest.approx([0.06, 0.04, 0.5, 0.06])
    assert holm([0.4, None, 0.6]) == [0.8, None, 0.8]
    assert holm([0.9, 0.9]) == [1, 1]
    assert holm([]) == []


@pytest.mark.parametrize("alpha", [0.05, 0.05 / 24])
@pytest.mark.parametrize("seeds", [2, 3, 5, 10])
def test_the_detectable_difference_is_found_with_the_power_asked_for(seeds, alpha):
    detectable = detectable_difference(np.arange(float(seeds)), alpha=alpha)
    sd = np.std(np.arange(seeds), ddof=1)
    samples = RANDOM.normal(detectable, sd, (20_000, seeds))
    found = stats.ttest_1samp(samples, 0, axis=1).pvalue < alpha
    assert found.mean() == pytest.approx(0.8, abs=0.015)


def test_of_one_seed_or_none_little_is_said():
    assert mean_interval([3.0]) == (3, None)
    assert mean_interval([]) == (None, None)
    for differences in ([], [1.0]):
        comparison = Comparison(tuple(differences))
        assert comparison.seeds == len(differences)
        assert comparison.half_width is comparison.p is None
        assert comparison.detectable() is comparison.equivalence(1.0) is None
