"""Losses as likelihoods in nats, and the decoder that finds its own variance."""

import math

import keras
import numpy as np
import pytest
from scipy.optimize import approx_fprime
from scipy.stats import multivariate_normal, norm

from vae_keras import VAE, InputError, build_model, likelihood
from vae_keras.likelihood import FINEST_VARIANCE, CalibratedGaussian
from vae_keras.losses import kl_divergence

PIXELS = 64


@pytest.fixture
def auto_config(tiny_config):
    return tiny_config.replace(reconstruction_weight="auto")


@pytest.fixture(params=["vae", "autoencoder"])
def auto_model(request, auto_config):
    kl_weight = None if request.param == "autoencoder" else 1.0
    return build_model(auto_config.replace(model=request.param, kl_weight=kl_weight), (8, 8, 1))


def test_the_likelihood_of_a_mean_squared_error_is_that_of_a_gaussian_in_every_pixel():
    random = np.random.default_rng(0)
    image, reconstruction = random.random((2, 784))
    error = np.mean((image - reconstruction) ** 2)
    variance = likelihood.implied_variance(1000.0, 784)
    assert variance == pytest.approx(0.392)
    expected = norm(reconstruction, math.sqrt(variance)).logpdf(image).sum()
    assert likelihood.log_likelihood(error, 784, variance) == pytest.approx(expected)


def test_the_books_weight_means_353_nats_above_the_loss():
    nats = -likelihood.log_likelihood(40.0 / 1000, 784, likelihood.implied_variance(1000, 784))
    assert nats == pytest.approx(40 + 353.3, abs=0.05)


def test_the_likelihood_of_a_cross_entropy_is_a_sum_over_pixels():
    assert likelihood.log_likelihood(0.2, 1024) == pytest.approx(-1024 * 0.2)


def test_the_auto_loss_is_the_negative_elbo_in_float64(auto_config, images):
    model = build_model(auto_config, (8, 8, 1))
    model.likelihood.variance.assign(0.05)
    outputs = {name: np.asarray(value) for name, value in model(images).items()}
    mean, log_var = (np.float64(outputs[name]) for name in ("mean", "log_var"))
    expected = [
        -norm(np.float64(reconstruction), math.sqrt(np.float64(np.float32(0.05))))
        .logpdf(image)
        .sum()
        + 0.5 * np.sum(m**2 + np.exp(lv) - 1 - lv)
        for image, reconstruction, m, lv in zip(
            np.float64(images), outputs["reconstruction"], mean, log_var
        )
    ]
    terms = model.loss_terms(images, outputs)
    total = sum(np.asarray(term.weight * term.value) for term in terms.values())
    np.testing.assert_allclose(total, expected, rtol=1e-5)
    loss = model.compute_loss(images, None, outputs, training=False)
    assert float(loss) == pytest.approx(np.mean(expected), rel=1e-5)


def test_the_error_itself_is_the_best_variance():
    error = 0.037
    slope = approx_fprime(
        np.array([error]), lambda v: likelihood.log_likelihood(error, PIXELS, v[0]), 1e-7
    )
    assert (
        abs(slope[0])
        < 0.1
        < abs(
            approx_fprime(
                np.array([1.1 * error]),
                lambda v: likelihood.log_likelihood(error, PIXELS, v[0]),
                1e-7,
            )[0]
        )
    )


def test_the_variance_moves_to_the_error_and_weights_count():
    layer = CalibratedGaussian(PIXELS, momentum=0.5)
    layer.build(())
    for _ in range(40):
        layer.update(np.array([0.02, 0.04], "float32"))
    assert float(layer.variance) == pytest.approx(0.03, rel=1e-4)
    for _ in range(40):
        layer.update(np.array([0.02, 0.04], "float32"), np.array([[1.0], [0.0]], "float32"))
    assert float(layer.variance) == pytest.approx(0.02, rel=1e-4)
    for _ in range(60):
        layer.update(np.zeros(2, "float32"))
    assert float(layer.variance) == pytest.approx(FINEST_VARIANCE, rel=1e-3)


def test_training_moves_the_variance_and_nothing_else_does(auto_model, images):
    start = auto_model.variance
    auto_model.evaluate(images, verbose=0)
    auto_model.predict(images, verbose=0)
    assert auto_model.variance == start
    history = auto_model.fit(images, epochs=3, batch_size=10, verbose=0).history
    assert history["loss"][-1] < history["loss"][0]
    assert auto_model.variance != start
    # A moving average lies among what it averages.
    seen = [start, *history["mse"]]
    assert min(seen) <= auto_model.variance <= max(seen)


def test_the_variance_is_saved(auto_model, images, tmp_path):
    auto_model.fit(images, verbose=0)
    auto_model.save(tmp_path / "auto.keras")
    loaded = keras.saving.load_model(tmp_path / "auto.keras")
    assert loaded.variance == auto_model.variance
    assert loaded.get_config()["reconstruction_weight"] == "auto"
    for model in (auto_model, loaded):
        model.reset_noise(0)
    first, second = (model.evaluate(images, verbose=0) for model in (auto_model, loaded))
    assert first == pytest.approx(second)


def test_a_fixed_weight_implies_a_variance_and_a_cross_entropy_none(tiny_config):
    config = tiny_config.replace(reconstruction_weight=320.0)
    assert build_model(config, (8, 8, 1)).variance == pytest.approx(0.1)
    assert build_model(config.replace(reconstruction="bce"), (8, 8, 1)).variance is None


def test_what_cannot_be_calibrated_is_refused(auto_config, auto_model):
    with pytest.raises(InputError, match="reconstruction bce does not have"):
        auto_config.replace(reconstruction="bce")
    networks = auto_model.encoder, auto_model.decoder
    with pytest.raises(InputError, match="'bce' has no variance"):
        type(auto_model)(*networks, reconstruction="bce", reconstruction_weight="auto")
    with pytest.raises(InputError, match="cannot change from 'auto' to 1000"):
        auto_model.reconstruction_weight = 1000
    with pytest.raises(InputError, match="must be a number, positive, or 'auto', received 'best'"):
        type(auto_model)(*networks, reconstruction_weight="best")
    with pytest.raises(InputError, match="reconstruction_weight must be a number or 'auto'"):
        auto_config.replace(reconstruction_weight="best")


@pytest.mark.slow
def test_probabilistic_pca_finds_the_noise_and_the_likelihood():
    """A linear VAE on Gaussian data is probabilistic PCA, which has a closed form.

    Reference:
        Tipping & Bishop 1999; Lucas, Tucker, Grosse & Norouzi 2019,
        https://arxiv.org/abs/1911.02469.
    """
    keras.utils.set_random_seed(0)
    random = np.random.default_rng(0)
    deviation, side, latent = 0.03, 4, 1
    factors = random.normal(0, 0.05, (latent, side * side))
    covariance = factors.T @ factors + deviation**2 * np.eye(side * side)
    true = multivariate_normal(np.full(side * side, 0.5), covariance)
    values = true.rvs(4000, random_state=1)
    assert values.min() > 0 and values.max() < 1
    images = np.float32(values).reshape(-1, side, side, 1)

    inputs = keras.Input((side, side, 1))
    flat = keras.layers.Flatten()(inputs)
    mean = keras.layers.Dense(latent)(flat)
    log_var = keras.layers.Dense(latent, kernel_initializer="zeros", bias_initializer="zeros")(flat)
    encoder = keras.Model(inputs, {"mean": mean, "log_var": log_var})
    z = keras.Input((latent,))
    pixels = keras.layers.Dense(side * side, bias_initializer=keras.initializers.Constant(0.5))(z)
    decoder = keras.Model(z, keras.layers.Reshape((side, side, 1))(pixels))
    model = VAE(encoder, decoder, reconstruction_weight="auto", seed=0)
    model.compile("adam")
    for learning_rate, epochs in ((0.01, 20), (0.003, 20), (0.001, 20)):
        model.optimizer.learning_rate = learning_rate
        model.fit(images, batch_size=100, epochs=epochs, verbose=0)
    assert model.variance == pytest.approx(deviation**2, rel=0.05)
    exact = true.logpdf(values).mean()
    elbo = -np.mean([model.evaluate(images, verbose=0, return_dict=True)["loss"] for _ in range(5)])
    assert elbo == pytest.approx(exact, rel=0.01)
    assert elbo < exact + 0.1


def test_kl_is_in_the_auto_loss_once(auto_config, images):
    model = build_model(auto_config, (8, 8, 1))
    outputs = model(images)
    terms = model.loss_terms(images, outputs)
    kl = np.asarray(kl_divergence(outputs["mean"], outputs["log_var"]))
    np.testing.assert_allclose(terms["kl_loss"].value, kl, rtol=1e-6)


def test_the_auto_loss_is_float32_in_bfloat16(auto_config, images):
    model = build_model(auto_config.replace(precision="bfloat16"), (8, 8, 1))
    assert np.isfinite(model.fit(images, verbose=0).history["loss"][0])
    outputs = model(images)
    for term in model.loss_terms(images, outputs).values():
        assert keras.backend.standardize_dtype(term.value.dtype) == "float32"
