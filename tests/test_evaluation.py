"""Evaluations of runs: the classifier that judges samples, the table, the command."""

import dataclasses
import json
import math

import keras
import numpy as np
import pytest
from commands import run_command
from quick import JUDGE_STEPS, SMALL, leave_out

from vae_keras import VAE, build_model, evaluation, make_config, plots, train
from vae_keras.data.images import ImageData
from vae_keras.data.sources import load_data
from vae_keras.evaluate import SECTIONS
from vae_keras.evaluation import judge, likelihood
from vae_keras.evaluation.seeds import means_of_seeds
from vae_keras.latent import inference
from vae_keras.latent.inference import decode_points, encode_images
from vae_keras.support.errors import InputError
from vae_keras.training.run import Run


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


@pytest.mark.slow
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
    other = min(known)
    for damaged in (b"no classifier", other.read_bytes()):
        added.write_bytes(damaged)
        assert evaluation.Judge(parity).accuracy > 0.3
        assert added.read_bytes() != damaged


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
        leave_out(patch)
        return [
            train(
                make_config(
                    "digits",
                    model=model,
                    epochs=1,
                    max_train_images=64,
                    latent_dim=dimensions,
                    **SMALL,
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


def test_a_bernoulli_decoder_is_labeled_as_a_pseudo_likelihood(tiny_config):
    data = load_data("digits", image_size=(8, 8))
    unlabeled = ImageData("mine", data.train_images, data.test_images)
    config = tiny_config.replace(
        reconstruction="bce", reconstruction_weight=64.0, normalization="batch", latent_dim=1
    )
    results, figure = evaluation.evaluate(build_model(config, (8, 8, 1)), unlabeled, 2, 2)
    found = results["likelihood"]
    assert "pseudo" in found["decoder"]
    assert found["elbo_bits_per_dimension"] == pytest.approx(-found["elbo"] / 64 / math.log(2))
    assert found["elbo_bits_per_dimension"] == pytest.approx(1, abs=0.3)  # untrained: a coin each
    assert not figure.axes[0].get_yticks().size


@pytest.mark.slow
def test_images_without_classes_are_evaluated_too(runs, cache):
    from vae_keras.export.loading import load_model

    data = load_data("digits")
    unlabeled = ImageData("mine", data.train_images, data.test_images)
    results, figure = evaluation.evaluate(load_model(runs[0].model_file), unlabeled, 2, 50)
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
    integrated = ("log-likelihood, integrated on a grid", "points of the integral")
    moved = (
        "  change by halving the step (mean / max)",
        "  change by enlarging the grid (mean / max)",
    )
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
    assert table["  drawn from"] == ["N(0,", "I)", "the", "points'", "range"]
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
