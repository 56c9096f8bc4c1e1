"""Measures of latent spaces and samples, against closed forms and made-up spaces."""

import math

import numpy as np
import pytest
from scipy.linalg import sqrtm
from scipy.stats import entropy, norm

from vae_keras import evaluation


def test_bits_per_dimension_are_those_of_8_bit_values():
    # Of a value k/255 under N(0.5, 0.05²), whose probability is an integral over a step.
    values, steps = np.arange(256) / 255, norm(0.5, 0.05)
    probabilities = steps.cdf(values + 1 / 510) - steps.cdf(values - 1 / 510)
    expected = entropy(probabilities, base=2)
    density = np.sum(probabilities * steps.logpdf(values))
    assert evaluation.bits_per_dimension(density, 1) == pytest.approx(expected, abs=1e-3)
    assert evaluation.bits_per_dimension(-6 * math.log(2), 6, steps=1) == 1


def test_the_parts_of_the_kl_agree_with_numerical_integration():
    mean, log_var = np.array([[-1.5], [0.2], [1.0]]), np.array([[-2.0], [-0.5], [-3.0]])
    z = np.linspace(-15, 15, 100_001)
    posteriors = norm(mean, np.exp(0.5 * log_var)).pdf(z)
    mixture = posteriors.mean(axis=0)
    marginal_kl = np.trapezoid(mixture * (np.log(mixture) - norm.logpdf(z)), z)
    with np.errstate(divide="ignore", invalid="ignore"):
        integrand = np.nan_to_num(posteriors * (np.log(posteriors) - np.log(mixture)))
    information = np.trapezoid(integrand, z).mean()
    measured = evaluation.split_kl(mean, log_var, draws=20_000)
    assert measured["standard_error"] < 0.005
    assert measured["mutual_information"] == pytest.approx(information, abs=0.015)
    assert measured["marginal_kl"] == pytest.approx(marginal_kl, abs=0.015)
    assert measured["kl"] == pytest.approx(evaluation.kl_per_dimension(mean, log_var).sum())
    assert measured["kl"] == pytest.approx(information + marginal_kl, abs=1e-6)


def test_equal_posteriors_tell_nothing_and_separate_ones_everything():
    equal = evaluation.split_kl(np.zeros((50, 3)), np.zeros((50, 3)))
    assert equal["mutual_information"] == pytest.approx(0, abs=1e-6)
    assert equal["marginal_kl"] == pytest.approx(0, abs=1e-6)
    apart = evaluation.split_kl(np.arange(50.0)[:, None] * 10, np.full((50, 1), -4.0))
    assert apart["mutual_information"] == pytest.approx(math.log(50), abs=1e-6)


def test_the_aggregate_posterior_is_a_mixture_in_many_dimensions():
    random = np.random.default_rng(0)
    mean, log_var = random.normal(size=(4, 30)), random.normal(-6, 1, (4, 30))
    z = random.normal(size=(5, 30))
    densities = [norm(mean, np.exp(0.5 * log_var)).logpdf(point).sum(axis=1) for point in z]
    expected = [np.logaddexp.reduce(density) - math.log(4) for density in densities]
    np.testing.assert_allclose(
        evaluation.log_aggregate_posterior(z, mean, log_var), expected, rtol=1e-9
    )


def test_an_axis_is_active_if_the_mean_depends_on_the_image():
    mean = np.random.default_rng(0).normal(0, [1.0, 0.2, 0.05, 0.0], (10_000, 4))
    assert evaluation.active_units(mean) == 2


def test_geometry_of_known_points():
    points = np.random.default_rng(0).normal([3.0, 0.0], [2.0, 1.0], (100_000, 2))
    found = evaluation.geometry(points)
    np.testing.assert_allclose(found["offset"], [1.5, 0], atol=0.02)
    np.testing.assert_allclose(found["share_positive"], norm.cdf([1.5, 0]), atol=0.01)
    np.testing.assert_array_equal(found["minimum"], points.min(axis=0))
    np.testing.assert_array_equal(found["maximum"], points.max(axis=0))


def test_points_that_are_all_the_same_have_no_offset():
    found = evaluation.geometry(np.full((3, 2), 5.0))
    assert np.isfinite(found["offset"]).all()


def test_the_hole_of_a_ring_is_a_gap():
    random = np.random.default_rng(0)
    angle = random.uniform(0, 2 * np.pi, 5000)
    ring = np.stack([np.cos(angle), np.sin(angle)], axis=1) * random.uniform(0.8, 1.2, (5000, 1))
    np.testing.assert_array_equal(
        evaluation.find_gaps(ring, np.array([[0, 0], [1, 0], [0, -1], [0.3, 0.3], [5, 5]])),
        [True, False, False, True, True],
    )
    box = evaluation.box_draws(ring, 10_000)
    assert evaluation.find_gaps(ring, box).mean() == pytest.approx(
        1 - 0.8 * np.pi / 2.4**2, abs=0.05
    )


def test_labels_are_read_where_classes_lie_apart_and_not_where_they_are_permuted():
    random = np.random.default_rng(0)
    labels = np.arange(4000) % 4
    points = 4 * np.stack([labels % 2, labels // 2], axis=1) + random.normal(size=(4000, 2))
    permuted = random.permutation(labels)
    for given, low, high in ((labels, 0.93, 1), (permuted, 0.18, 0.32)):
        rows = evaluation.label_accuracy(points[:2000], given[:2000], points[2000:], given[2000:])
        assert [row["train_images"] for row in rows] == [100, 1000, 2000]
        for row in rows:
            assert low < row["nearest_neighbors"] < high
            assert low < row["logistic_regression"] < high
        assert low < evaluation.neighbor_agreement(points, given) < high


def test_labels_of_one_class_or_of_few_images_are_no_error():
    points = np.random.default_rng(0).normal(size=(4, 2))
    one_class = evaluation.label_accuracy(points[:3], np.zeros(3, int), points, np.zeros(4, int))
    assert one_class == [{"train_images": 3, "nearest_neighbors": 1.0, "logistic_regression": None}]
    lonely = np.array([0, 0, 0, 1])
    assert evaluation.label_accuracy(points, lonely, points, lonely)[0]["nearest_neighbors"] == 0.75


def exact_gaussian(mean, covariance, count=1000):
    """Points with exactly this mean and covariance."""
    noise = np.random.default_rng(0).normal(size=(count, len(mean)))
    noise -= noise.mean(axis=0)
    noise = noise @ np.linalg.inv(np.linalg.cholesky(np.atleast_2d(np.cov(noise, rowvar=False)))).T
    return mean + noise @ np.linalg.cholesky(covariance).T


def test_the_frechet_distance_of_two_gaussians():
    random = np.random.default_rng(1)
    means = random.normal(size=(2, 4))
    roots = random.normal(size=(2, 4, 4))
    first, second = roots @ roots.transpose(0, 2, 1)
    expected = np.sum((means[0] - means[1]) ** 2)
    expected += np.trace(first + second - 2 * sqrtm(first @ second).real)
    measured = evaluation.frechet_distance(
        exact_gaussian(means[0], first), exact_gaussian(means[1], second)
    )
    assert measured == pytest.approx(expected, rel=1e-6)
    assert evaluation.frechet_distance(roots[0], roots[0]) == pytest.approx(0, abs=1e-6)
    # One axis: (μ₁ − μ₂)² + (σ₁ − σ₂)².
    one = evaluation.frechet_distance(
        exact_gaussian([1.0], [[4.0]]), exact_gaussian([0.0], [[9.0]])
    )
    assert one == pytest.approx(1 + 1)
