"""KL warm-up, validation images, early stopping, the best epoch, and collapsed posteriors."""

import keras
import numpy as np
import pytest
from test_training import assert_equal_runs

from vae_keras import FitConfig, InputError, train
from vae_keras.data.batches import ordered_batches, split_validation
from vae_keras.latent.dimensions import active_dimensions, is_collapsed
from vae_keras.training import callbacks
from vae_keras.training.stopping import best_epoch, is_to_stop, kept_epoch


def history(losses):
    return [{"epoch": i, "validation_loss": loss} for i, loss in enumerate(losses, 1)]


def test_validation_images_are_a_fixed_share_and_nobody_trains_on_them():
    fitted, held_out = split_validation(50, 0.1)
    assert (len(fitted), len(held_out)) == (45, 5)
    np.testing.assert_array_equal(np.sort(np.concatenate([fitted, held_out])), np.arange(50))
    np.testing.assert_array_equal(split_validation(50, 0.1)[1], held_out)
    assert len(split_validation(50, 0.0)[1]) == 0
    assert len(split_validation(50, 0.001)[1]) == 1


@pytest.mark.parametrize(
    ("losses", "patience", "warmup", "best", "stops"),
    [
        ([3, 2, 1], 2, 0, 3, False),
        ([3, 1, 2, 2], 2, 0, 2, True),
        ([3, 1, 2], 2, 0, 2, False),
        ([1, 3, 2, 3, 4], 2, 1, 3, True),
        ([1, 2], 1, 2, None, False),
        ([2, 2, 2], 2, 0, 1, True),
    ],
)
def test_when_to_stop_follows_from_the_history(losses, patience, warmup, best, stops):
    config = FitConfig(early_stopping=patience, keep="best", kl_warmup=warmup)
    rows = history(losses)
    assert best_epoch(rows, config) == best
    assert is_to_stop(rows, config) == stops
    assert kept_epoch(rows, config) == (best or len(losses))
    assert kept_epoch(rows, config.replace(keep="last")) == len(losses)


def test_settings_of_validation_imply_each_other():
    assert FitConfig().held_out == 0.0
    assert FitConfig(early_stopping=3).held_out == 0.1
    assert FitConfig(keep="best").held_out == 0.1
    assert FitConfig(keep="best", validation_fraction=0.2).held_out == 0.2
    assert FitConfig(validation_fraction=0.2).held_out == 0.2
    longer = FitConfig(early_stopping=3).differences(FitConfig(early_stopping=9))
    assert longer == {}, "a run may go on with more patience"
    assert FitConfig().differences(FitConfig(early_stopping=9)) == {
        "validation_fraction": (0.0, 0.1)
    }
    with pytest.raises(InputError, match="need validation images"):
        FitConfig(early_stopping=3, validation_fraction=0.0)
    with pytest.raises(InputError, match="kl_warmup is for model 'vae'"):
        FitConfig(model="autoencoder", kl_warmup=1)
    with pytest.raises(InputError, match="kl_warmup 100 must be less than epochs 100"):
        FitConfig(kl_warmup=100)


@pytest.mark.usefixtures("quick_training")
def test_the_kl_weight_grows_and_the_test_has_its_final_value(tiny_config, tiny_data, tmp_path):
    config = tiny_config.replace(kl_warmup=2, kl_weight=3.0, epochs=4)
    run = train(config, tmp_path / "run", tiny_data, verbose=0)
    rows = run.read_history()
    assert [row["kl_weight"] for row in rows] == [0, 1.5, 3, 3]
    for row in rows:
        sums = row["reconstruction_loss"] + row["kl_weight"] * row["kl_loss"]
        assert row["loss"] == pytest.approx(sums, rel=1e-4)
        sums = row["val_reconstruction_loss"] + 3 * row["val_kl_loss"]
        assert row["val_loss"] == pytest.approx(sums, rel=1e-4)
    assert keras.saving.load_model(run.model_file).kl_weight == 3


@pytest.mark.slow
@pytest.mark.usefixtures("quick_training")
@pytest.mark.parametrize("more", [{}, {"reconstruction_weight": "auto"}])
def test_a_run_with_everything_resumes_exactly(tiny_config, tiny_data, tmp_path, more):
    config = tiny_config.replace(
        kl_warmup=2, keep="best", early_stopping=5, clipnorm=1.0, epochs=5, **more
    )
    whole = train(config, tmp_path / "whole", tiny_data, verbose=0)
    train(config.replace(epochs=3), tmp_path / "part", tiny_data, verbose=0)
    part = train(config, tmp_path / "part", tiny_data, resume=True, verbose=0)
    assert_equal_runs(whole, part)
    assert ("sigma" in whole.read_history()[0]) == bool(more)


@pytest.mark.usefixtures("quick_training")
def test_the_finished_model_is_that_of_the_best_epoch(tiny_config, tiny_data, tmp_path):
    # So large a learning rate that the loss goes up and down.
    config = tiny_config.replace(
        keep="best", epochs=6, learning_rate=0.1, validation_fraction=0.3, early_stopping=2
    )
    run = train(config, tmp_path / "run", tiny_data, verbose=0)
    rows, metrics = run.read_history(), run.read_metrics()
    best = kept_epoch(rows, config)
    assert best < len(rows), "the test needs a run whose last epoch is not the best one"
    assert (metrics["kept_epoch"], metrics["epochs"]) == (best, len(rows))
    assert len(rows) == min(6, best + 2)
    assert metrics["test"]["loss"] == rows[best - 1]["val_loss"]
    model = keras.saving.load_model(run.model_file)
    _, held_out = split_validation(len(tiny_data.train_images), 0.3)
    model.reset_noise(config.seed, "validation", best - 1)
    batches = ordered_batches(tiny_data.train_images, len(tiny_data.test_images), held_out)
    loss = model.evaluate(batches, return_dict=True, verbose=0)["loss"]
    assert loss == pytest.approx(rows[best - 1]["validation_loss"], rel=1e-4)
    again = train(config, run.directory, tiny_data, resume=True, verbose=0)
    assert len(again.read_history()) == len(rows)


@pytest.mark.usefixtures("quick_training")
def test_validation_images_decide_the_final_variance(tiny_config, tiny_data, tmp_path):
    config = tiny_config.replace(reconstruction_weight="auto", keep="best", epochs=3)
    run = train(config, tmp_path / "run", tiny_data, verbose=0)
    metrics = run.read_metrics()
    row = run.read_history()[kept_epoch(run.read_history(), config) - 1]
    variance = row["validation_mse"]
    assert metrics["calibrated_variance"] == pytest.approx(variance)
    assert keras.saving.load_model(run.model_file).variance == pytest.approx(variance)
    pixels = np.prod(tiny_data.image_shape)
    nats = 0.5 * pixels * (row["val_mse"] / variance + np.log(2 * np.pi * variance))
    test = metrics["test"]
    assert test["reconstruction_loss"] == pytest.approx(nats, rel=1e-5)
    assert test["loss"] == pytest.approx(nats + row["val_kl_loss"], rel=1e-5)
    assert test["elbo"] == pytest.approx(-test["loss"], rel=1e-5)
    at_best = 0.5 * pixels * (1 + np.log(2 * np.pi * variance))
    assert row["validation_loss"] == pytest.approx(at_best + row["kl_loss"], abs=1.0)


def test_a_collapsed_posterior_is_told_from_a_few_idle_dimensions():
    assert is_collapsed(np.array([0.001, 0.0]))
    assert not is_collapsed(np.array([0.0, 0.0, 2.0]))
    assert active_dimensions(np.array([0.001, 0.5, 0.0])) == [1]


@pytest.mark.slow
@pytest.mark.usefixtures("quick_training")
def test_a_collapse_is_one_warning(tiny_config, tiny_data, tmp_path, capfd):
    collapsing = tiny_config.replace(kl_weight=1e6, epochs=6)
    train(collapsing, tmp_path / "collapsed", tiny_data, verbose=0)
    lines = capfd.readouterr().err.splitlines()
    assert [line for line in lines if "posterior collapse" in line] == lines[-1:]
    assert "all 2 dimensions" in lines[-1] and "reconstruction_weight auto" in lines[-1]


def test_the_advice_names_dimensions():
    text = callbacks.describe_collapse(np.array([0.0, 0.015]), 3)
    assert "1 of 2" in text and "0.0150 nats" in text


@pytest.mark.usefixtures("quick_training")
def test_a_weight_too_small_for_the_images_is_one_warning(tiny_config, tiny_data, tmp_path, capfd):
    train(tiny_config.replace(reconstruction_weight=20.0), tmp_path / "r", tiny_data, verbose=0)
    assert (
        "a reconstruction weight of 20 implies a standard deviation of 1.3"
        in capfd.readouterr().err
    )
    train(tiny_config.replace(reconstruction_weight=50.0), tmp_path / "s", tiny_data, verbose=0)
    assert "standard deviation" not in capfd.readouterr().err
