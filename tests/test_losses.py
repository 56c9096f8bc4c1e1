import math

import numpy as np
import pytest
from scipy.stats import norm

from vae_keras import losses


def test_kl_divergence_is_zero_at_the_prior():
    zeros = np.zeros((3, 5), np.float32)
    np.testing.assert_array_equal(losses.kl_divergence(zeros, zeros), np.zeros(3))


def test_kl_divergence_agrees_with_numerical_integration():
    mean, log_var = 0.7, -1.3
    z = np.linspace(-12, 12, 200_001)
    posterior = norm(mean, math.exp(log_var / 2))
    integrand = posterior.pdf(z) * (posterior.logpdf(z) - norm.logpdf(z))
    expected = np.trapezoid(integrand, z)
    measured = losses.kl_divergence(np.array([[mean]]), np.array([[log_var]]))
    assert float(measured[0]) == pytest.approx(expected, abs=1e-5)


def test_kl_divergence_sums_over_dimensions():
    mean = np.array([[0.5, -1.0]], np.float32)
    log_var = np.array([[0.2, -0.4]], np.float32)
    parts = [losses.kl_divergence(mean[:, [i]], log_var[:, [i]])[0] for i in range(2)]
    assert float(losses.kl_divergence(mean, log_var)[0]) == pytest.approx(float(sum(parts)))


def test_errors_are_averaged_over_pixels_and_kept_apart_by_image():
    images = np.zeros((2, 4, 3, 1), np.float32)
    reconstructions = np.stack([np.full((4, 3, 1), 0.5), np.full((4, 3, 1), 0.1)]).astype("float32")
    np.testing.assert_allclose(
        losses.mean_squared_error(images, reconstructions), [0.25, 0.01], rtol=1e-6
    )
    np.testing.assert_allclose(
        losses.binary_crossentropy(images, reconstructions),
        [-math.log(0.5), -math.log(0.9)],
        rtol=1e-5,
    )
