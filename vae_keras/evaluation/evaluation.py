"""All metrics of one model, in one dictionary."""

from collections.abc import Mapping
from os import PathLike
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from scipy.stats import entropy

from vae_keras import plots
from vae_keras.data.images import ImageData
from vae_keras.evaluation import latent, likelihood
from vae_keras.evaluation.judge import Judge, frechet_distance, judge_samples
from vae_keras.evaluation.quadrature import MOST_DIMENSIONS, integrate_likelihood
from vae_keras.export.loading import load_model_of
from vae_keras.latent.inference import decode_points, encode_images, latent_points
from vae_keras.likelihood import log_likelihood
from vae_keras.model import Autoencoder
from vae_keras.support.errors import InputError
from vae_keras.support.files import replacing, write_json
from vae_keras.support.reporting import working
from vae_keras.support.seeds import derive_seed
from vae_keras.training.run import Run

IMPORTANCE_SAMPLES = 500
SAMPLES = 10_000  # drawn for the gaps of the latent space and for the judge


def evaluate_run(
    run: Run,
    importance_samples: int | None = None,
    images: int | None = None,
    seed: int = 0,
    data_dir: str | PathLike | None = None,
    processes: int = 1,
    dataset: str | PathLike | None = None,
    data: Any = None,
) -> dict[str, Any]:
    """Evaluate a finished run; write `evaluation.json` and `figures/evaluation.png` into it.

    Args:
        run: `Run`.
        importance_samples: As for `evaluate`.
        images: Number of test images to evaluate on, chosen at random; None for all.
        seed: Seed of all random draws.
        data_dir: Data folder of tensorflow-datasets; None for the one in training.
        processes: Maximum number of processes for the likelihood.
        dataset: New location of the images; None for the location in training.
        data: The data passed to `train`; None to load it.

    Returns:
        The results of `evaluate`.

    Raises:
        InputError: If the run is not finished, its folder cannot be written or is in use, or its
            data set has changed.
    """
    run.check_finished()
    run.check_places()
    config = run.read_config()
    with run.locked():
        model = load_model_of(run)
        whole = run.find_data(data, dataset, data_dir=data_dir)
        trained_on = whole.head(config.max_train_images)
        judge = Judge(whole) if whole.has_classes else None
        results, figure = evaluate(
            model, trained_on, importance_samples, images, seed, judge, processes
        )
        run.figures.mkdir(exist_ok=True)
        with replacing(run.evaluation_figure) as path:
            figure.savefig(path, dpi=150)
        write_json(run.evaluation_file, results)
    return results


def evaluate(
    model: Autoencoder,
    data: ImageData,
    importance_samples: int | None = None,
    images: int | None = None,
    seed: int = 0,
    judge: Judge | None = None,
    processes: int = 1,
) -> tuple[dict[str, Any], Figure]:
    """Compute all metrics of a model on test images.

    Args:
        model: `VAE` or `Autoencoder`.
        data: `ImageData`, whose test images are evaluated.
        importance_samples: Importance samples per image for the lower bound on the
            log-likelihood. None for the default: 500, or, with one or two latent dimensions, no
            bound, because the likelihood is integrated numerically.
        images: Number of test images to evaluate on, chosen at random; None for all.
        seed: Seed of all random draws.
        judge: `Judge` of samples; None for a new one if the data has labels.
        processes: Maximum number of processes for the likelihood.

    Returns:
        Tuple of a dictionary for JSON and a `Figure`. The dictionary has `settings`;
        `loss` (`through_the_mean` and, for a VAE, `draws`); for a VAE `likelihood` and
        `information`; `geometry`; with labels also `labels` and `samples`.

    Raises:
        InputError: If a number is out of range.
    """
    count = len(data.test_images) if images is None else images
    if not 2 <= count <= len(data.test_images):
        raise InputError(
            f"⟨images⟩ must be between 2 and the {len(data.test_images)} test images, "
            f"received {count}"
        )
    if importance_samples is not None and importance_samples < 1:
        raise InputError(f"⟨importance_samples⟩ must be at least 1, received {importance_samples}")
    chosen = np.sort(_random(seed, "images").permutation(len(data.test_images))[:count])
    test_images = data.test_images[chosen]
    with working("Computing the losses"):
        encoded = encode_images(model, test_images)
        through_the_mean = likelihood.losses_through_the_mean(model, test_images, encoded)
    results: dict[str, Any] = {
        "settings": {"images": count, "seed": seed},
        "loss": {"through_the_mean": through_the_mean},
    }
    # As in the book, a model without a prior is sampled over the range of its points.
    drawn_from = "prior" if model.has_prior else "box"
    cloud = points = encoded[model.encoder_outputs[0]]
    if model.has_prior:
        losses = likelihood.image_losses_over_draws(
            model, test_images, encoded, seed=derive_seed(seed, "draws")
        )
        results["loss"]["draws"] = {
            name: likelihood.mean_and_error(values) for name, values in losses.items()
        }
        variances = {"likelihood": model.variance}
        if model.reconstruction == "mse":
            with working("Finding the best variance"):
                variances["calibrated"] = likelihood.best_variance(
                    model, data.train_images, seed=derive_seed(seed, "variance")
                )
        for name, variance in variances.items():
            results[name] = _summarize_elbo(model, losses, variance)
        read_as = tuple(variances.values())
        if model.latent_dim <= MOST_DIMENSIONS:
            with working("Integrating the likelihood"):
                found = integrate_likelihood(model, test_images, encoded, read_as, processes)
            results["settings"]["quadrature"] = {
                "step": found.step,
                "radius": found.radius,
                "points": found.points,
            }
            for name, values, *moved in zip(
                variances, found.values, found.halving, found.enlarging
            ):
                results[name] |= _summarize(model, "log_likelihood", values, variances[name])
                for change, by in zip(("halving", "enlarging"), moved):
                    results[name][f"{change}_mean"] = float(np.abs(by).mean())
                    results[name][f"{change}_max"] = float(np.abs(by).max())
        draws = samples_of(importance_samples, model.latent_dim)
        if draws:
            results["settings"]["importance_samples"] = draws
            with working("Bounding the likelihood"):
                bounds = likelihood.importance_weighted_bounds(
                    model,
                    test_images,
                    encoded,
                    draws,
                    seed=derive_seed(seed, "bound"),
                    processes=processes,
                    variances=read_as,
                )
            for name, values, effective in zip(variances, *bounds.values()):
                results[name] |= _summarize(model, "bound", values, variances[name])
                median, low = np.percentile(effective, (50, 5))
                results[name]["effective_samples_median"] = float(median)
                results[name]["effective_samples_5th_percentile"] = float(low)
        log_var = encoded["log_var"]
        with working("Measuring the information in z"):
            results["information"] = _summarize_information(points, log_var, seed)
        noise = _random(seed, "posterior").standard_normal(points.shape, np.float32)
        cloud = points + np.exp(0.5 * log_var) * noise
    places = {
        "prior": _random(seed, "prior").standard_normal((SAMPLES, model.latent_dim), np.float32),
        "box": latent.box_draws(points, SAMPLES, derive_seed(seed, "box")),
    }
    with working("Looking for gaps in the latent space"):
        gaps = {name: latent.find_gaps(cloud, z) for name, z in places.items()}
    results["geometry"] = {
        **{name: values.tolist() for name, values in latent.geometry(points).items()},
        **{f"gaps_{name}": float(found.mean()) for name, found in gaps.items()},
    }
    shares: tuple[np.ndarray, ...] = ()
    if data.has_classes:
        assert data.train_labels is not None and data.test_labels is not None  # as has_classes
        labels = data.test_labels[chosen]
        with working("Predicting labels from latents"):
            results["geometry"]["neighbor_agreement"] = latent.neighbor_agreement(points, labels)
            results["labels"] = latent.label_accuracy(
                latent_points(model, data.train_images),
                data.train_labels,
                points,
                labels,
                seed=derive_seed(seed, "labels"),
            )
        judge = judge or Judge(data)
        with working("Judging samples"):
            samples = decode_points(model, places[drawn_from])
            judgment = _judge(judge, samples, test_images, labels, seed)
        results["samples"] = {"drawn_from": drawn_from, **judgment}
        shares = judgment["class_shares"], judgment["test_class_shares"]
    figure = plots.plot_evaluation(
        cloud, places[drawn_from], gaps[drawn_from], drawn_from, data.class_names, *shares
    )
    return results, figure


def _random(seed: int, label: str) -> np.random.Generator:
    return np.random.default_rng(derive_seed(seed, label))


def _summarize_information(mean: np.ndarray, log_var: np.ndarray, seed: int) -> dict[str, Any]:
    """The information about the image in z, in nats."""
    return {
        "kl_per_dimension": latent.kl_per_dimension(mean, log_var).tolist(),
        "active_units": latent.active_units(mean),
        **latent.split_kl(mean, log_var, seed=derive_seed(seed, "mixture")),
    }


def samples_of(importance_samples: int | None, latent_dim: int) -> int:
    """Number of draws of the bound: the given number, or the default of `evaluate`; 0 for none."""
    if importance_samples is None:
        return 0 if latent_dim <= MOST_DIMENSIONS else IMPORTANCE_SAMPLES
    return importance_samples


def _summarize_elbo(
    model: Autoencoder, losses: Mapping[str, np.ndarray], variance: float | None
) -> dict[str, Any]:
    """The ELBO of a Gaussian decoder with this variance, or of a Bernoulli decoder for None."""
    errors = losses["reconstruction_error"]
    elbo = log_likelihood(errors, model.pixels, variance) - losses["kl_loss"]
    return {
        "decoder": "Bernoulli (pseudo)" if variance is None else "Gaussian",
        "variance": variance,
        **_summarize(model, "elbo", elbo, variance),
    }


def _summarize(
    model: Autoencoder, name: str, values: np.ndarray, variance: float | None
) -> dict[str, float]:
    """The mean of values in nats per image, its standard error, and its bits per dimension."""
    mean, error = likelihood.mean_and_error(values).values()
    bits = likelihood.bits_per_dimension(mean, model.pixels, 1 if variance is None else 255)
    return {name: mean, f"{name}_standard_error": error, f"{name}_bits_per_dimension": bits}


def _judge(
    judge: Judge, samples: np.ndarray, images: np.ndarray, labels: np.ndarray, seed: int
) -> dict[str, Any]:
    """The metrics of a classifier for samples, and for training images as a reference."""
    # The same number of each, because the distance depends on it.
    count = min(len(samples), len(images), len(judge.data.train_images))
    train = _random(seed, "floor").permutation(len(judge.data.train_images))[:count]
    features = {
        name: judge.look_at(chosen[:count])["features"]
        for name, chosen in (
            ("samples", samples),
            ("test", images),
            ("train", judge.data.train_images[train]),
        )
    }
    result = judge_samples(judge, samples)
    test_shares = np.bincount(labels, minlength=len(judge.data.class_names)) / len(labels)
    return {
        "judge_accuracy": judge.accuracy,
        "class_names": list(judge.data.class_names),
        "class_shares": result["class_shares"].tolist(),
        "test_class_shares": test_shares.tolist(),
        "class_entropy": result["class_entropy"],
        "test_class_entropy": float(entropy(test_shares, base=2)),
        "confidence": result["confidence"],
        "frechet_images": count,
        "frechet_distance": frechet_distance(features["samples"], features["test"]),
        "frechet_distance_floor": frechet_distance(features["train"], features["test"]),
    }
