"""Likelihoods and losses of a linear VAE, against their closed forms."""

import math

import keras
import numpy as np
import pytest
from scipy.stats import multivariate_normal

from vae_keras import VAE, build_model, evaluation, make_config
from vae_keras.data.images import ImageData
from vae_keras.evaluate import describe
from vae_keras.evaluation import likelihood, quadrature
from vae_keras.latent import inference
from vae_keras.latent.inference import encode_images
from vae_keras.likelihood import log_likelihood
from vae_keras.model import LossTerm
from vae_keras.training.run import Run

IMAGE_SHAPE = (2, 3, 1)


PIXELS = 6


WEIGHT = 60.0  # a standard deviation of 0.22


@pytest.fixture(scope="module")
def linear():
    """A VAE without hidden layers, whose marginal likelihood has a closed form; 40 images.

    Its posterior is a little off the true one, or every bound would be tight.
    """
    random = np.random.default_rng(0)
    factors = random.normal(0, 0.15, (2, PIXELS))
    offset = random.uniform(0.4, 0.6, PIXELS)
    variance = PIXELS / (2 * WEIGHT)
    covariance = np.linalg.inv(np.eye(2) + factors @ factors.T / variance)
    to_mean = factors.T @ covariance / variance

    def linear_layer(inputs, kernel, bias, name):
        layer = keras.layers.Dense(len(bias), name=name)
        outputs = layer(inputs)
        layer.set_weights([kernel, bias])
        return outputs

    images = keras.Input(IMAGE_SHAPE)
    flat = keras.layers.Flatten()(images)
    log_var = np.log(np.diag(covariance)) + 0.3
    encoder = keras.Model(
        images,
        {
            "mean": linear_layer(flat, to_mean, 0.1 - offset @ to_mean, "mean"),
            "log_var": linear_layer(flat, np.zeros((PIXELS, 2)), log_var, "log_var"),
        },
    )
    z = keras.Input((2,))
    decoder = keras.Model(
        z, keras.layers.Reshape(IMAGE_SHAPE)(linear_layer(z, factors, offset, "pixels"))
    )
    model = VAE(encoder, decoder, reconstruction_weight=WEIGHT)
    true = multivariate_normal(offset, factors.T @ factors + variance * np.eye(PIXELS))
    values = true.rvs(40, random_state=1).reshape(-1, *IMAGE_SHAPE)
    images = np.round(255 * np.clip(values, 0, 1)).astype(np.uint8)
    return model, images, true.logpdf(images.reshape(-1, PIXELS) / 255)


def test_the_bound_rises_with_the_samples_and_meets_the_likelihood(linear):
    model, images, truth = linear
    encoded = encode_images(model, images)
    few, more, many = (
        np.mean(
            [
                evaluation.importance_weighted_bounds(
                    model, images, encoded, samples=samples, seed=seed
                )["bound"]
                for seed in range(repeats)
            ]
        )
        for samples, repeats in ((1, 100), (5, 50), (5000, 1))
    )
    assert few < more - 0.01 < truth.mean() - 0.02
    assert many == pytest.approx(truth.mean(), abs=0.01)


def test_with_one_sample_the_bound_is_the_elbo(linear):
    model, images, _ = linear
    encoded = encode_images(model, images)
    bounds = [
        evaluation.importance_weighted_bounds(model, images, encoded, samples=1, seed=seed)["bound"]
        for seed in range(200)
    ]
    bounds = np.mean(bounds, axis=1)
    draws = evaluation.losses_over_draws(model, images, encoded, draws=200)
    constant = 0.5 * PIXELS * math.log(2 * math.pi * PIXELS / (2 * WEIGHT))
    elbo = -draws["loss"]["mean"] - constant
    error = np.std(bounds) / math.sqrt(len(bounds))  # and as much of the 200 draws of the loss
    assert np.mean(bounds) == pytest.approx(elbo, abs=4 * math.sqrt(2) * error)
    assert error < 0.03


def test_bounds_at_several_variances_are_those_of_as_many_models(linear):
    model, images, _ = linear
    encoded = encode_images(model, images)
    variances = (model.variance, 0.08, 0.2)
    bounds = evaluation.importance_weighted_bounds(
        model, images, encoded, samples=2000, variances=variances
    )["bound"]
    for variance, found in zip(variances, bounds, strict=True):
        assert found.mean() == pytest.approx(truths(model, images, variance).mean(), abs=0.02)


def truths(model, images, variance):
    """log p(x) of the linear model, in closed form (probabilistic PCA)."""
    decoder = model.decoder.get_layer("pixels")
    factors, offset = (np.float64(weight) for weight in decoder.get_weights())
    true = multivariate_normal(offset, factors.T @ factors + variance * np.eye(PIXELS))
    return true.logpdf(images.reshape(-1, PIXELS) / 255)


def test_the_integral_is_the_likelihood_in_closed_form(linear):
    model, images, truth = linear
    found = evaluation.integrate_likelihood(model, images, encode_images(model, images))
    np.testing.assert_allclose(found.values[0], truth, atol=1e-5)
    assert found.values.shape == found.halving.shape == found.enlarging.shape == (1, len(images))
    assert found.points == pytest.approx(math.pi * (found.radius / found.step) ** 2, rel=0.01)
    # What is shown as the error is no smaller than the error.
    error = np.abs(found.values[0] - truth)
    assert (error <= found.halving[0] + 1e-5).all() and found.halving.max() < 0.05
    assert np.abs(found.enlarging).max() < 1e-4


def test_the_step_is_halved_until_narrow_posteriors_are_resolved(linear):
    model, images, _ = linear
    encoded = encode_images(model, images)
    variances = (0.05, 0.0004)  # posteriors are 0.05 wide at the second
    found = evaluation.integrate_likelihood(model, images, encoded, variances)
    for variance, values in zip(variances, found.values, strict=True):
        np.testing.assert_allclose(values, truths(model, images, variance), atol=0.01)
    coarse = evaluation.integrate_likelihood(model, images, encoded, variances[:1])
    assert coarse.step == 1 / 8 and found.step <= 1 / 16
    assert found.points > 3 * coarse.points


def test_an_integral_that_stays_inexact_is_a_warning(linear, monkeypatch, caplog):
    model, images, _ = linear
    monkeypatch.setattr(quadrature, "MOST_POINTS", 10_000)
    found = evaluation.integrate_likelihood(model, images, encode_images(model, images), (1e-5,))
    assert found.points <= 10_000
    assert found.halving.mean() > 0.05
    assert "the log-likelihood is inexact: halving the step to 1/" in caplog.text


def test_the_disc_holds_what_the_encoder_uses_and_a_huge_one_gets_a_coarse_grid(
    linear, monkeypatch
):
    model, images, truth = linear
    encoded = encode_images(model, images)
    wide = {**encoded, "mean": encoded["mean"].copy()}
    wide["mean"][0] = 9.5
    found = evaluation.integrate_likelihood(model, images, wide)
    assert found.radius > 10.5
    np.testing.assert_allclose(found.values[0], truth, atol=1e-5)
    wide["mean"][0] = 900
    monkeypatch.setattr(quadrature, "MOST_POINTS", 20_000)
    assert evaluation.integrate_likelihood(model, images, wide).points < 20_000


def test_the_integral_does_not_depend_on_how_the_work_is_cut(linear, monkeypatch):
    model, images, _ = linear
    encoded = encode_images(model, images)
    whole = evaluation.integrate_likelihood(model, images, encoded)
    pairs = []
    errors = quadrature.pairwise_errors

    def watched(*arguments):
        found = errors(*arguments)
        pairs.append(found.size)
        return found

    monkeypatch.setattr(quadrature, "pairwise_errors", watched)
    monkeypatch.setattr(quadrature, "PAIRS_AT_ONCE", 700)
    monkeypatch.setattr(quadrature, "POINTS_IN_TASK", 90)
    cut = evaluation.integrate_likelihood(model, images, encoded)
    np.testing.assert_allclose(cut.values, whole.values, rtol=1e-9)
    np.testing.assert_allclose(cut.enlarging, whole.enlarging, atol=1e-9)
    assert max(pairs) <= 700 and sum(pairs) == whole.points * len(images)


@pytest.mark.slow
def test_processes_integrate_the_same(linear, monkeypatch):
    model, images, _ = linear
    encoded = encode_images(model, images)
    alone = evaluation.integrate_likelihood(model, images, encoded)
    monkeypatch.setattr(quadrature, "POINTS_IN_PROCESS", 1000)
    shared = evaluation.integrate_likelihood(model, images, encoded, processes=2)
    np.testing.assert_allclose(shared.values, alone.values, atol=1e-5)


def test_the_integral_lies_above_the_bound(linear):
    model, images, _ = linear
    encoded = encode_images(model, images)
    exact = evaluation.integrate_likelihood(model, images, encoded).values[0]
    bound = evaluation.importance_weighted_bounds(model, images, encoded, samples=20)["bound"]
    assert 0 < np.mean(exact - bound) < 0.2


def test_there_is_no_grid_over_three_dimensions(tiny_config):
    model = build_model(tiny_config.replace(latent_dim=3), (8, 8, 1))
    images = np.zeros((2, 8, 8, 1), np.uint8)
    with pytest.raises(ValueError, match="one or two latent dimensions, received 3"):
        evaluation.integrate_likelihood(model, images, encode_images(model, images))


@pytest.mark.parametrize("reconstruction", ["mse", "bce"])
def test_errors_of_all_pairs_are_those_of_each(tiny_config, reconstruction):
    model = build_model(tiny_config.replace(reconstruction=reconstruction), (8, 8, 1))
    random = np.random.default_rng(0)
    made, images = random.random((2, 5, 8, 8, 1), np.float32)
    made[0, 0, 0], images[0, 0, 0] = (0, 1)
    found = quadrature.pairwise_errors(model, made.reshape(5, -1), images.reshape(5, -1))
    for row, reconstructed in zip(found, made):
        each = model.reconstruction_error(images, np.stack([reconstructed] * 5))
        np.testing.assert_allclose(row, each, rtol=1e-5)


@pytest.fixture
def exact_posterior():
    """A linear VAE with one latent dimension whose encoder is the true posterior; its images."""
    random = np.random.default_rng(3)
    factor, variance = random.normal(0, 0.2, PIXELS), PIXELS / (2 * WEIGHT)
    precision = 1 + factor @ factor / variance
    inputs = keras.Input(IMAGE_SHAPE)
    flat = keras.layers.Flatten()(inputs)
    mean, log_var = keras.layers.Dense(1), keras.layers.Dense(1)
    encoder = keras.Model(inputs, {"mean": mean(flat), "log_var": log_var(flat)})
    to_mean = factor[:, None] / variance / precision
    mean.set_weights([to_mean, -0.5 * to_mean.sum(axis=0)])
    log_var.set_weights([np.zeros((PIXELS, 1)), np.array([-np.log(precision)])])
    z, pixels = keras.Input((1,)), keras.layers.Dense(PIXELS)
    decoder = keras.Model(z, keras.layers.Reshape(IMAGE_SHAPE)(pixels(z)))
    pixels.set_weights([factor[None], np.full(PIXELS, 0.5)])
    images = random.integers(50, 200, (12, *IMAGE_SHAPE)).astype(np.uint8)
    true = multivariate_normal(
        np.full(PIXELS, 0.5), np.outer(factor, factor) + variance * np.eye(PIXELS)
    )
    truth = true.logpdf(images.reshape(-1, PIXELS) / 255)
    return VAE(encoder, decoder, reconstruction_weight=WEIGHT), images, truth


def test_with_the_true_posterior_all_samples_count_and_the_bound_is_tight(exact_posterior):
    model, images, truth = exact_posterior
    encoded = encode_images(model, images)
    found = evaluation.importance_weighted_bounds(model, images, encoded, samples=7)
    np.testing.assert_allclose(found["effective_samples"], 7, rtol=1e-5)
    np.testing.assert_allclose(found["bound"], truth, atol=1e-5)
    integral = evaluation.integrate_likelihood(model, images, encoded)
    np.testing.assert_allclose(integral.values[0], truth, atol=1e-5)
    # A wrong encoder wastes samples.
    wrong = {**encoded, "log_var": encoded["log_var"] + 4}
    found = evaluation.importance_weighted_bounds(model, images, wrong, samples=200)
    assert (found["effective_samples"] < 100).all() and (found["effective_samples"] >= 1).all()
    assert (found["bound"] < truth + 1).all()


def test_few_dimensions_are_integrated_and_many_get_a_bound(linear, tiny_config, tmp_path):
    model, images, truth = linear
    data = ImageData("mine", images, images)
    run = Run(tmp_path)
    run.write_config(make_config(), data)
    results, _ = evaluation.evaluate(model, data)
    assert results["likelihood"]["log_likelihood"] == pytest.approx(truth.mean(), abs=1e-5)
    assert results["likelihood"]["log_likelihood_standard_error"] == pytest.approx(
        truth.std(ddof=1) / math.sqrt(len(truth)), abs=1e-5
    )
    best = results["calibrated"]
    calibrated = truths(model, images, best["variance"]).mean()
    assert best["log_likelihood"] == pytest.approx(calibrated, abs=1e-4)
    assert best["elbo"] < best["log_likelihood"] + 0.1
    assert 0 <= best["halving_mean"] <= best["halving_max"] < 0.05
    assert "bound" not in best and "importance_samples" not in results["settings"]
    table = describe([run], [results], 80)
    assert "log-likelihood, integrated" in table and "importance-weighted" not in table
    both, _ = evaluation.evaluate(model, data, importance_samples=500)
    assert both["likelihood"]["bound"] == pytest.approx(truth.mean(), abs=0.05)
    assert 1 <= both["likelihood"]["effective_samples_5th_percentile"] <= 500
    many = build_model(tiny_config.replace(latent_dim=3), (8, 8, 1))
    noise = np.random.default_rng(0).integers(0, 256, (12, 8, 8, 1), dtype=np.uint8)
    results, _ = evaluation.evaluate(many, ImageData("mine", noise, noise))
    assert results["settings"]["importance_samples"] == 500
    assert "log_likelihood" not in results["likelihood"]
    median = results["likelihood"]["effective_samples_median"]
    assert f"{median:.0f} / " in describe([run], [results], 80)


def test_the_best_variance_has_the_highest_elbo(linear):
    model, images, _ = linear
    best = likelihood.best_variance(model, images, seed=3)
    encoded = encode_images(model, images)
    draws = evaluation.losses_over_draws(model, images, encoded, draws=2, seed=3)
    error = draws["reconstruction_error"]["mean"]
    assert best == pytest.approx(error)
    at = [log_likelihood(error, PIXELS, best * factor) for factor in (0.9, 1.0, 1.1)]
    assert max(at) == at[1]
    data = ImageData("mine", images, images)
    results, _ = evaluation.evaluate(model, data, importance_samples=20)
    assert results["likelihood"]["variance"] == pytest.approx(PIXELS / (2 * WEIGHT))
    assert results["calibrated"]["variance"] == pytest.approx(best, rel=0.1)
    assert results["calibrated"]["elbo"] > results["likelihood"]["elbo"]


def test_no_more_draws_are_held_at_once_however_many_samples(linear, monkeypatch):
    model, images, truth = linear
    monkeypatch.setattr(inference, "VALUES_AT_ONCE", 300 * PIXELS)
    sizes = []
    score = likelihood._score

    def watched(*arguments):
        errors, log_ratio = score(*arguments)
        sizes.append(errors.size)
        return errors, log_ratio

    monkeypatch.setattr(likelihood, "_score", watched)
    encoded = encode_images(model, images)
    for samples in (7, 1000):
        found = evaluation.importance_weighted_bounds(model, images, encoded, samples=samples)
        bounds = found["bound"]
        np.testing.assert_allclose(bounds, truth, atol=2.0 if samples == 7 else 0.15)
    assert max(sizes) <= 300 // 8
    assert sum(sizes) == 40 * 1007


def test_losses_through_the_mean_have_no_noise(linear):
    model, images, _ = linear
    encoded = encode_images(model, images)
    measured = evaluation.losses_through_the_mean(model, images, encoded)
    rebuilt = np.asarray(model.reconstruct(images / np.float32(255)))
    expected = WEIGHT * np.mean((images / 255 - rebuilt) ** 2)
    assert measured["reconstruction_loss"] == pytest.approx(expected, rel=1e-5)
    assert measured["loss"] == pytest.approx(expected + measured["kl_loss"], rel=1e-5)
    drawn = evaluation.losses_over_draws(model, images, encoded)
    assert drawn["reconstruction_loss"]["mean"] > expected
    assert drawn["kl_loss"]["mean"] == pytest.approx(measured["kl_loss"], rel=1e-12)


def test_the_error_of_a_loss_is_that_of_other_images(linear):
    """Means over many samples of images scatter as the error of one sample says."""
    model, images, _ = linear
    encoded = encode_images(model, images)
    found = evaluation.losses_over_draws(model, images, encoded, draws=200)
    single = likelihood.image_losses_over_draws(model, images, encoded, draws=200)
    for name, values in single.items():
        assert values.shape == (len(images),)
        assert found[name]["mean"] == pytest.approx(values.mean())
    random = np.random.default_rng(0)
    chosen = random.integers(0, len(images), (20_000, len(images)))  # a bootstrap
    for name in ("loss", "kl_loss", "reconstruction_error"):
        expected = single[name][chosen].mean(axis=1).std()
        expected *= math.sqrt(len(images) / (len(images) - 1))
        assert found[name]["standard_error"] == pytest.approx(expected, rel=0.03)


def test_the_elbo_has_the_error_of_the_loss_it_differs_from_by_a_constant(linear):
    model, images, _ = linear
    results, _ = evaluation.evaluate(model, ImageData("mine", images, images), 1)
    error = results["loss"]["draws"]["loss"]["standard_error"]
    assert results["likelihood"]["elbo_standard_error"] == pytest.approx(error)


class SparseVAE(VAE):
    """A VAE whose loss has a term of its own."""

    term_names = (*VAE.term_names, "sparsity_loss")

    def loss_terms(self, images, outputs):
        sparsity = keras.ops.mean(keras.ops.abs(outputs["z"]), axis=-1)
        return {**super().loss_terms(images, outputs), "sparsity_loss": LossTerm(sparsity, 0.5)}


def test_a_new_term_of_the_loss_is_evaluated_and_shown(linear, tmp_path):
    plain, images, _ = linear
    model = SparseVAE(plain.encoder, plain.decoder, reconstruction_weight=WEIGHT, kl_weight=2.0)
    data = ImageData("mine", images, images)
    results, _ = evaluation.evaluate(model, data, importance_samples=1)
    means = encode_images(model, images)["mean"]
    found = results["loss"]["through_the_mean"]
    assert list(found) == ["loss", *SparseVAE.term_names, "reconstruction_error"]
    assert found["sparsity_loss"] == pytest.approx(np.abs(means).mean(), rel=1e-5)
    expected = found["reconstruction_loss"] + 2 * found["kl_loss"] + 0.5 * found["sparsity_loss"]
    assert found["loss"] == pytest.approx(expected)
    draws = results["loss"]["draws"]
    assert draws["sparsity_loss"]["mean"] > found["sparsity_loss"]
    sparse = Run(tmp_path)
    sparse.write_config(make_config(), data)
    table = describe([sparse], [results], 80)
    shown = [line.split()[1] for line in table.splitlines() if line.startswith("    sparsity ")]
    assert shown == [f"{draws['sparsity_loss']['mean']:.2f}", f"{found['sparsity_loss']:.2f}"]


def test_losses_that_are_evaluated_are_those_of_the_model(linear):
    model, images, _ = linear
    scaled = images / np.float32(255)
    model.compile()
    trained = model.evaluate(scaled, scaled, batch_size=len(images), return_dict=True, verbose=0)
    encoded = encode_images(model, images)
    drawn = evaluation.losses_over_draws(model, images, encoded, draws=100)
    assert set(drawn) == {*trained, "reconstruction_error"}
    assert drawn["kl_loss"]["mean"] == pytest.approx(trained["kl_loss"], rel=1e-5)
    # One draw of z for 40 images of 6 pixels is within a fifth of the mean over draws.
    assert drawn["loss"]["mean"] == pytest.approx(trained["loss"], rel=0.2)


def test_gaps_do_not_count_axes_that_tell_nothing(monkeypatch, linear):
    """The linear model with its prior as every posterior: all draws of z are the prior's."""
    model, _, _ = linear
    images = np.zeros((400, *IMAGE_SHAPE), np.uint8)
    nothing = {"mean": np.zeros((400, 2), np.float32), "log_var": np.zeros((400, 2), np.float32)}
    monkeypatch.setattr(evaluation.evaluation, "encode_images", lambda *_: nothing)
    results, _ = evaluation.evaluate(model, ImageData("mine", images, images), 1)
    assert results["geometry"]["gaps_prior"] < 0.1
    assert results["information"]["active_units"] == 0
