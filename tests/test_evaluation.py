"""Figures of merit against oracles: closed forms, numerical integration, made-up spaces."""

import dataclasses
import json
import math

import keras
import numpy as np
import pytest
from commands import run_command
from quick import JUDGE_STEPS, QUICK
from scipy.linalg import sqrtm
from scipy.stats import entropy, multivariate_normal, norm

from vae_keras import VAE, build_model, evaluation, make_config, plots, train
from vae_keras.data.images import ImageData
from vae_keras.data.sources import load_data
from vae_keras.evaluate import SECTIONS, describe
from vae_keras.evaluation import judge, likelihood, quadrature
from vae_keras.evaluation.seeds import means_of_seeds
from vae_keras.latent import inference
from vae_keras.latent.inference import decode_points, encode_images
from vae_keras.likelihood import log_likelihood
from vae_keras.model import LossTerm
from vae_keras.support.errors import InputError
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


@pytest.mark.slow
def test_bounds_do_not_depend_on_how_the_work_is_cut(runs, monkeypatch):
    from vae_keras.export.loading import load_model

    model = load_model(runs[0].model_file)
    images = load_data("digits").test_images[:21]
    encoded = encode_images(model, images)
    monkeypatch.setattr(likelihood, "DECODED_IN_TASK", 160)
    started = []
    share = likelihood.map_with_model
    monkeypatch.setattr(
        likelihood, "map_with_model", lambda *given: started.append(given[-1]) or share(*given)
    )

    def bounds(processes):
        return evaluation.importance_weighted_bounds(
            model, images, encoded, samples=40, processes=processes
        )["bound"]

    alone = bounds(processes=2)  # not worth a second process
    monkeypatch.setattr(likelihood, "DECODED_IN_PROCESS", 100)
    shared = bounds(processes=2)
    np.testing.assert_allclose(shared, alone, rtol=1e-5)
    np.testing.assert_array_equal(bounds(processes=2), shared)
    assert started == [1, 2, 2]
    monkeypatch.setattr(likelihood, "DECODED_IN_TASK", 10**6)
    monkeypatch.setattr(inference, "VALUES_AT_ONCE", 72 * 28 * 28)
    np.testing.assert_allclose(bounds(processes=1), alone, rtol=1e-5)


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


def test_bits_per_dimension_are_those_of_8_bit_values():
    # Of a value k/255 under N(0.5, 0.05²), whose probability is an integral over a step.
    values, steps = np.arange(256) / 255, norm(0.5, 0.05)
    probabilities = steps.cdf(values + 1 / 510) - steps.cdf(values - 1 / 510)
    expected = entropy(probabilities, base=2)
    density = np.sum(probabilities * steps.logpdf(values))
    assert evaluation.bits_per_dimension(density, 1) == pytest.approx(expected, abs=1e-3)
    assert evaluation.bits_per_dimension(-PIXELS * math.log(2), PIXELS, steps=1) == 1


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
            assert low < row["nearest_neighbours"] < high
            assert low < row["logistic_regression"] < high
        assert low < evaluation.neighbour_agreement(points, given) < high


def test_labels_of_one_class_or_of_few_images_are_no_error():
    points = np.random.default_rng(0).normal(size=(4, 2))
    one_class = evaluation.label_accuracy(points[:3], np.zeros(3, int), points, np.zeros(4, int))
    assert one_class == [
        {"train_images": 3, "nearest_neighbours": 1.0, "logistic_regression": None}
    ]
    lonely = np.array([0, 0, 0, 1])
    assert (
        evaluation.label_accuracy(points, lonely, points, lonely)[0]["nearest_neighbours"] == 0.75
    )


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


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """A cache of classifiers that are trained for seconds only."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("cache")
        patch.setenv("XDG_CACHE_HOME", str(folder))
        patch.setattr(judge, "STEPS", JUDGE_STEPS)
        yield folder


@pytest.fixture(scope="module")
def digits_judge(cache):
    return evaluation.Judge(load_data("digits"))


@pytest.mark.slow
def test_the_judge_knows_digits_and_is_trained_once(digits_judge, monkeypatch):
    data = load_data("digits")
    assert digits_judge.accuracy > 0.9
    monkeypatch.setattr(judge, "_train", None)
    again = evaluation.Judge(data)
    np.testing.assert_array_equal(
        again.classes(data.test_images), digits_judge.classes(data.test_images)
    )
    assert np.mean(again.classes(data.test_images) == data.test_labels) == again.accuracy


def test_a_judge_that_is_trained_again_is_the_same(monkeypatch, tmp_path):
    monkeypatch.setattr(judge, "STEPS", 30)
    data, weights = load_data("digits"), []
    for name in ("first", "second"):
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / name))
        weights.append(judge.Judge(data).classifier.get_weights())
    assert all(map(np.array_equal, *weights))


@pytest.mark.slow
def test_other_labels_and_a_damaged_file_get_a_judge_of_their_own(cache, monkeypatch):
    monkeypatch.setattr(judge, "STEPS", 20)
    data = load_data("digits")
    evaluation.Judge(data)
    parity = dataclasses.replace(
        data,
        train_labels=data.train_labels % 2,
        test_labels=data.test_labels % 2,
        class_names=("even", "odd"),
    )
    known = set(cache.rglob("*.keras"))
    assert evaluation.Judge(parity).look_at(data.test_images[:2])["probabilities"].shape == (2, 2)
    (added,) = set(cache.rglob("*.keras")) - known
    added.write_bytes(b"no classifier")
    assert evaluation.Judge(parity).accuracy > 0.3
    assert added.stat().st_size > 10_000


def test_a_cache_that_cannot_be_written_is_one_line(monkeypatch, tmp_path):
    (tmp_path / "vae_keras").write_text("a file where the folder should be")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(InputError, match=r"cannot be written .*XDG_CACHE_HOME"):
        evaluation.Judge(load_data("digits").head(10))


@pytest.mark.slow
def test_a_decoder_that_makes_one_class_has_no_entropy(digits_judge):
    data = load_data("digits")
    image = data.test_images[np.flatnonzero(data.test_labels == 0)[0]]
    z = keras.Input((2,))
    layer = keras.layers.Dense(784)
    decoder = keras.Model(z, keras.layers.Reshape((28, 28, 1))(layer(z)))
    layer.set_weights([np.zeros((2, 784)), image.ravel() / 255])
    images = keras.Input((28, 28, 1))
    flat = keras.layers.Flatten()(images)
    encoder = keras.Model(
        images, {"mean": keras.layers.Dense(2)(flat), "log_var": keras.layers.Dense(2)(flat)}
    )
    samples = decode_points(VAE(encoder, decoder), np.random.normal(size=(100, 2)))
    np.testing.assert_array_equal(samples, np.broadcast_to(image, samples.shape))
    found = evaluation.judge_samples(digits_judge, samples)
    assert found["class_entropy"] == 0
    assert found["class_shares"][0] == 1
    real = evaluation.judge_samples(digits_judge, data.test_images)
    assert real["class_entropy"] == pytest.approx(math.log2(10), abs=0.05)
    assert real["class_shares"].sum() == pytest.approx(1)


def test_a_data_set_without_classes_has_no_judge(cache):
    images = np.zeros((4, 8, 8, 1), np.uint8)
    with pytest.raises(InputError, match="faces has no labels"):
        evaluation.Judge(ImageData("faces", images, images))


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A VAE and an autoencoder, trained for an epoch on a few digits."""
    folder = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        for name, replacement in QUICK.items():
            patch.setattr(f"vae_keras.training.loop.{name}", replacement)
        return [
            train(
                make_config(
                    "digits", model=model, epochs=1, max_train_images=64, latent_dim=dimensions
                ),
                folder / model,
            )
            for model, dimensions in (("vae", 3), ("autoencoder", 2))
        ]


@pytest.mark.slow
def test_an_evaluation_can_be_repeated(runs, digits_judge):
    first, second = (evaluation.evaluate_run(runs[0], 3, 100) for _ in range(2))
    assert first == second == json.loads(runs[0].evaluation_file.read_text())
    other = evaluation.evaluate_run(runs[0], 3, 100, seed=1)
    assert other["likelihood"]["bound"] != first["likelihood"]["bound"]
    assert 0 < first["samples"]["frechet_distance_floor"] < first["samples"]["frechet_distance"]
    assert first["samples"]["frechet_images"] == 100


def evaluation_of(loss, error, **others):
    draws = {"loss": {"mean": loss, "standard_error": error}}
    return {"settings": {"images": 100}, "loss": {"draws": draws}, **others}


def test_a_mean_of_seeds_has_the_scatter_of_images_and_of_seeds():
    config = make_config()
    configs = [config.replace(seed=seed) for seed in (0, 1, 2)]
    results = [
        evaluation_of(1.0, 0.3, labels=[{"share": 0.5}], likelihood={"bound": -4.0}, axes=[1, 2]),
        evaluation_of(2.0, 0.3, labels=[{"share": 0.7}], likelihood={"bound": -4.5}, axes=[2, 1]),
        evaluation_of(3.0, 0.3, labels=[{"share": 0.9}], likelihood={"bound": -5.0}, axes=[1, 2]),
    ]
    ((title, mean),) = means_of_seeds(configs, ["a"] * 3, results)
    assert title == "mean of 3 seeds"
    assert mean["settings"] == {"images": 100} and "axes" not in mean
    loss = mean["loss"]["draws"]["loss"]
    assert loss == {"mean": 2.0, "standard_error": pytest.approx(math.sqrt(1 / 3 + 0.09))}
    assert mean["labels"][0]["share"] == pytest.approx(0.7)
    assert mean["labels"][0]["share_standard_error"] == pytest.approx(0.2 / math.sqrt(3))
    assert mean["likelihood"]["bound"] == -4.5
    other = config.replace(activation="gelu")
    assert means_of_seeds([config, other], "ab", results[:2]) == []
    assert means_of_seeds([config, config], "ab", results[:2]) == []
    configs += [other, other.replace(seed=1)]
    results = [evaluation_of(1.0, 0.3)] * 5
    titles = [title for title, _ in means_of_seeds(configs, "aaabb", results)]
    assert titles == ["mean of 3 seeds of a", "mean of 2 seeds of b"]


def test_the_scatter_of_a_mean_of_seeds_is_what_its_error_says():
    """Seeds and images drawn anew many times, as two crossed factors."""
    random = np.random.default_rng(0)
    configs = [make_config(seed=seed) for seed in range(4)]
    means, squares = [], []
    for _ in range(3000):
        values = (
            random.normal(0, 0.5, (4, 1)) + random.normal(0, 3, 50) + random.normal(0, 0.5, (4, 50))
        )
        results = [evaluation_of(*likelihood.mean_and_error(each).values()) for each in values]
        ((_, mean),) = means_of_seeds(configs, ["a"] * 4, results)
        found = mean["loss"]["draws"]["loss"]
        means.append(found["mean"])
        squares.append(found["standard_error"] ** 2)
    assert np.sqrt(np.mean(squares)) == pytest.approx(np.std(means), rel=0.05)


def test_a_bernoulli_decoder_is_labelled_as_a_pseudo_likelihood(tiny_config):
    data = load_data("digits", image_size=(8, 8))
    unlabelled = ImageData("mine", data.train_images, data.test_images)
    config = tiny_config.replace(
        reconstruction="bce", reconstruction_weight=64.0, normalization="batch", latent_dim=1
    )
    results, figure = evaluation.evaluate(build_model(config, (8, 8, 1)), unlabelled, 2, 2)
    found = results["likelihood"]
    assert "pseudo" in found["decoder"]
    assert found["elbo_bits_per_dimension"] == pytest.approx(-found["elbo"] / 64 / math.log(2))
    assert found["elbo_bits_per_dimension"] == pytest.approx(1, abs=0.3)  # untrained: a coin each
    assert not figure.axes[0].get_yticks().size


def test_gaps_do_not_count_axes_that_tell_nothing(monkeypatch, linear):
    """The linear model with its prior as every posterior: all draws of z are the prior's."""
    model, _, _ = linear
    images = np.zeros((400, *IMAGE_SHAPE), np.uint8)
    nothing = {"mean": np.zeros((400, 2), np.float32), "log_var": np.zeros((400, 2), np.float32)}
    monkeypatch.setattr(evaluation.evaluation, "encode_images", lambda *_: nothing)
    results, _ = evaluation.evaluate(model, ImageData("mine", images, images), 1)
    assert results["geometry"]["gaps_prior"] < 0.1
    assert results["information"]["active_units"] == 0


@pytest.mark.slow
def test_images_without_classes_are_evaluated_too(runs, cache):
    from vae_keras.export.loading import load_model

    data = load_data("digits")
    unlabelled = ImageData("mine", data.train_images, data.test_images)
    results, figure = evaluation.evaluate(load_model(runs[0].model_file), unlabelled, 2, 50)
    assert "labels" not in results
    assert "samples" not in results
    assert len(figure.axes) == 1


@pytest.mark.slow
def test_the_command_prints_one_table_for_all_runs(runs, cache):
    directories = [run.directory for run in runs]
    result = run_evaluate(*directories, "--images", 100, "--importance-samples", 3)
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    for run in runs:
        assert run.evaluation_figure.exists()
        assert str(run.evaluation_file) in result.stdout
    lines = [(line[:48].rstrip(), line[48:].split()) for line in result.stdout.splitlines()]
    table = dict(lines)
    wanted = {f"  {name}" for rows in SECTIONS.values() for name, _ in rows}
    integrated = ("log-likelihood, integrated", "points of the integral")
    moved = ("  change by half the step (mean / max)", "  change by a larger disc (mean / max)")
    few = ("learned from 100 images", "learned from 1,000 images")
    # The latent space has three dimensions.
    assert wanted - set(table) == {f"  {name}" for name in (*integrated, *moved, *few)}
    shown = [cells[0] for name, cells in lines if name == "    in bits per dimension"]
    bits = [each for each in shown if each != "–"]
    found = json.loads(runs[0].evaluation_file.read_text())
    assert bits == [
        f"{found[section][f'{kind}_bits_per_dimension']:.4f}"
        for section in ("likelihood", "calibrated")
        for kind in ("elbo", "bound")
    ]
    assert "autoencoder" in result.stdout
    assert table["  ELBO"][-1] == "–"
    assert table["  active units"][1:3] == ["of", "3"]
    assert table["  drawn from"] == ["N(0,", "I)", "the", "range"]
    # Less is asked for than is there.
    refused = run_evaluate(directories[0], "--images", 50, "--importance-samples", 3)
    assert refused.returncode == 2
    assert "replace it with --overwrite" in refused.stderr


def run_evaluate(*arguments):
    return run_command("evaluate", *arguments, quick=True, COLUMNS="160")  # for two runs


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["{run}", "--images", "1"], "images must be at least 2"),
        (["{run}", "--importance-samples", "0"], "importance-samples must be at least 1"),
        (["{run}", "--jobs", "0"], "jobs must be at least 1"),
        (["{run}", "--seed", "-1"], "seed must be at least 0"),
        (["{run}", "--seed", "x"], "must be a whole number"),
        ([], "required: RUN_DIR"),
        (["{run}", "nowhere"], "nowhere is not a run"),
    ],
)
def test_bad_arguments_are_one_line(runs, arguments, message):
    result = run_evaluate(*(text.format(run=runs[0].directory) for text in arguments))
    assert result.returncode == 2
    assert message in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.slow
def test_what_cannot_be_evaluated_is_refused(runs, tmp_path):
    config = runs[0].read_config()
    unfinished = Run(tmp_path)
    unfinished.write_config(config, load_data("digits").head(64))
    with pytest.raises(InputError, match="is not finished: resume it with"):
        evaluation.evaluate_run(unfinished)
    other = Run(tmp_path / "other")
    other.directory.mkdir()
    other.write_config(config.replace(max_train_images=65), load_data("digits").head(64))
    other.metrics_file.write_bytes(runs[0].metrics_file.read_bytes())
    other.model_file.write_bytes(runs[0].model_file.read_bytes())
    with pytest.raises(InputError, match="not those that"):
        evaluation.evaluate_run(other)
    with pytest.raises(InputError, match="between 2 and the 360 test images"):
        evaluation.evaluate_run(runs[0], images=361)


def test_the_figure_marks_gaps_and_compares_classes():
    points, places = np.zeros((5, 3)), np.arange(12.0).reshape(4, 3)
    in_gap = np.array([True, False, False, True])
    figure = plots.plot_evaluation(
        points, places, in_gap, "prior", ("a", "b"), np.array([0.25, 0.75]), np.array([0.5, 0.5])
    )
    covered, gaps, _ = figure.axes[0].collections
    assert len(covered.get_offsets()) == len(gaps.get_offsets()) == 2
    assert "50.0%" in gaps.get_label()
    assert [bar.get_width() for bar in figure.axes[1].patches] == [0.25, 0.75, 0.5, 0.5]
