import numpy as np
import pytest
from scipy.stats import norm

from vae_keras.evaluation import log_aggregate_posterior
from vae_keras.latent.space import (
    aggregate_density,
    class_means,
    even_grid,
    latent_plane,
    linear_path,
    manifold_points,
    spherical_path,
)
from vae_keras.support.errors import InputError


@pytest.fixture
def random():
    return np.random.default_rng(0)


def test_manifold_points_are_finite_quantiles_with_the_top_row_first():
    points = manifold_points(4)
    assert np.isfinite(points).all()
    quantiles = norm.cdf(np.unique(points[:, 0]))
    np.testing.assert_allclose(quantiles, [0.125, 0.375, 0.625, 0.875], atol=1e-6)
    assert points[0, 0] < 0 < points[0, 1]  # top left: z1 low, z2 high
    assert points[-1, 0] > 0 > points[-1, 1]  # bottom right
    assert points[1, 0] > points[0, 0]
    assert points[1, 1] == points[0, 1]


def test_an_even_grid_is_in_the_same_order():
    np.testing.assert_allclose(
        even_grid(3, 2),
        [[-2, 2], [0, 2], [2, 2], [-2, 0], [0, 0], [2, 0], [-2, -2], [0, -2], [2, -2]],
    )


def test_the_plane_of_two_dimensions_is_the_latent_space_itself(random):
    points = random.normal(size=(9, 2))
    plane = latent_plane(points)
    np.testing.assert_array_equal(plane.project(points), points)
    np.testing.assert_array_equal(plane.lift(points), points.astype(np.float32))
    assert plane.names == ("$z_1$", "$z_2$")


def test_more_dimensions_are_seen_along_their_principal_components_and_the_axes_say_so(random):
    spread = np.array([0.1, 3, 0.2, 2, 0.3])
    points = random.normal(size=(4000, 5)) * spread + 1
    plane = latent_plane(points)
    np.testing.assert_allclose(plane.directions @ plane.directions.T, np.eye(2), atol=1e-12)
    np.testing.assert_allclose(np.abs(plane.directions[:, [1, 3]]), np.eye(2), atol=0.05)
    shares = spread[[1, 3]] ** 2 / np.sum(spread**2)
    for number, (name, share) in enumerate(zip(plane.names, shares), start=1):
        assert name.startswith(f"principal component {number} of 5 (")
        assert float(name.split("(")[1].split("%")[0]) / 100 == pytest.approx(share, abs=0.03)


def test_the_prior_is_the_prior_on_every_plane_and_lifting_undoes_projecting(random):
    plane = latent_plane(random.normal(size=(50, 6)) + 5)
    draws = plane.project(random.normal(size=(50_000, 6)))
    np.testing.assert_allclose(np.cov(draws.T), np.eye(2), atol=0.03)
    np.testing.assert_allclose(plane.project(np.zeros((1, 6))), 0)  # nothing is shifted
    places = random.normal(size=(7, 2))
    np.testing.assert_allclose(plane.project(plane.lift(places)), places, atol=1e-6)


def test_covariances_on_the_plane_are_those_of_projected_draws(random):
    plane = latent_plane(random.normal(size=(50, 4)))
    log_var = np.array([[0.0, -1.0, 1.0, 0.5]])
    draws = random.normal(size=(200_000, 4)) * np.exp(0.5 * log_var)
    np.testing.assert_allclose(
        plane.covariances(log_var)[0], np.cov(plane.project(draws).T), atol=0.03
    )


@pytest.mark.parametrize("count", [1, 3])
def test_points_that_do_not_differ_are_seen_along_the_first_two_axes(count):
    plane = latent_plane(np.ones((count, 4)))
    np.testing.assert_array_equal(plane.project(np.array([[1.0, 2, 3, 4]])), [[1, 2]])
    assert plane.names == ("$z_1$", "$z_2$")


def test_a_plane_needs_two_dimensions():
    with pytest.raises(InputError, match="at least two latent dimensions, received 1"):
        latent_plane(np.zeros((3, 1)))


def test_the_density_of_the_aggregate_posterior_is_that_of_the_evaluation(random):
    mean, log_var = random.normal(size=(30, 2)), random.normal(size=(30, 2)) - 1
    plane = latent_plane(mean)
    places = random.normal(size=(40, 2))
    density = aggregate_density(places, plane.project(mean), plane.covariances(log_var))
    np.testing.assert_allclose(np.log(density), log_aggregate_posterior(places, mean, log_var))


def test_the_density_of_correlated_gaussians_integrates_to_one():
    covariance = np.array([[[1.0, 0.6], [0.6, 0.5]]])
    grid = even_grid(201, 6)
    density = aggregate_density(grid, np.array([[0.5, -0.5]]), covariance)
    cell = (12 / 200) ** 2
    assert density.sum() * cell == pytest.approx(1, abs=1e-6)
    offset = grid - [0.5, -0.5]
    np.testing.assert_allclose((offset.T * density) @ offset * cell, covariance[0], atol=1e-5)


def test_a_straight_path_has_equal_steps():
    path = linear_path(np.array([0, 2]), np.array([4, 0]), 3)
    np.testing.assert_allclose(path, [[0, 2], [2, 1], [4, 0]])


def test_an_arc_keeps_its_distance_and_turns_evenly():
    path = spherical_path(np.array([2.0, 0, 0]), np.array([0, 2.0, 0]), 7)
    np.testing.assert_allclose(np.linalg.norm(path, axis=1), 2, rtol=1e-6)
    angles = np.degrees(np.arctan2(path[:, 1], path[:, 0]))
    np.testing.assert_allclose(angles, np.linspace(0, 90, 7), rtol=1e-5)


def test_an_arc_goes_evenly_from_one_distance_to_the_other(random):
    start, end = random.normal(size=(2, 5))
    path = spherical_path(start, end, 5)
    np.testing.assert_allclose(path[[0, -1]], [start, end], rtol=1e-5)
    radii = np.linalg.norm(path, axis=1)
    np.testing.assert_allclose(np.diff(radii, n=2), 0, atol=1e-5)


def test_an_arc_between_points_in_one_direction_is_a_line():
    path = spherical_path(np.array([1, 1]), np.array([3, 3]), 3)
    np.testing.assert_allclose(path, [[1, 1], [2, 2], [3, 3]], rtol=1e-6)


@pytest.mark.parametrize(
    ("end", "message"),
    [([0, 0], "cannot start or end at the origin"), ([-2, 0], "opposite directions")],
)
def test_an_arc_that_is_not_defined_is_refused(end, message):
    with pytest.raises(InputError, match=message):
        spherical_path(np.array([1, 0]), np.array(end), 3)


def test_class_means_are_those_of_the_points_of_each_class():
    points = np.array([[0.0, 0], [2, 4], [5, 5]])
    means = class_means(points, np.array([0, 0, 2]))
    np.testing.assert_allclose(means, [[1, 2], [np.nan, np.nan], [5, 5]])
