import csv
import io
import json
import logging
import shutil

import keras
import numpy as np
import pytest
from PIL import Image
from tqdm import tqdm

import vae_keras
from vae_keras.data.images import ImageData
from vae_keras.support.errors import DivergedError, InputError
from vae_keras.support.seeds import derive_seed
from vae_keras.training import loop as training
from vae_keras.training.build import build_model
from vae_keras.training.callbacks import SAMPLES, Guard
from vae_keras.training.loop import steps_at_once, train
from vae_keras.training.names import create_run, run_name
from vae_keras.training.run import Run

COLUMNS = [
    "epoch",
    "loss",
    "reconstruction_loss",
    "kl_loss",
    "val_loss",
    "val_reconstruction_loss",
    "val_kl_loss",
    "learning_rate",
    "seconds",
]


def results(run):
    """What must not depend on interruptions: weights, samples, and history without the seconds."""
    history = [{**row, "seconds": None} for row in run.read_history()]
    weights = [np.asarray(weight) for weight in keras.saving.load_model(run.model_file).weights]
    return weights, history, run.samples_file.read_bytes()


def assert_equal_runs(first, second):
    first_weights, first_history, first_samples = results(first)
    second_weights, second_history, second_samples = results(second)
    assert first_history == second_history
    assert first_samples == second_samples
    for one, other in zip(first_weights, second_weights, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.fixture(scope="module")
def trained(tiny_config, tiny_data, tmp_path_factory):
    """A finished run, which no test may change."""
    directory = tmp_path_factory.mktemp("trained") / "run"
    return train(tiny_config.replace(lr_decay=0.5), directory, tiny_data, verbose=0)


@pytest.fixture
def finished(trained, tmp_path):
    """A finished run of one's own."""
    return Run(shutil.copytree(trained.directory, tmp_path / "run"))


def test_a_run_holds_what_the_readme_says(trained, tiny_data):
    assert {path.name for path in trained.directory.iterdir()} == {
        ".lock",
        "config.json",
        "history.csv",
        "metrics.json",
        "model.keras",
        "saved_model",
        "figures",
        "samples.npz",
        "checkpoints",
    }
    assert {path.name for path in trained.figures.iterdir()} == {
        "losses.png",
        "reconstructions.png",
        "samples.png",
        "latent.png",
        "manifold.png",
        "training.png",
        "training.gif",
    }
    config = json.loads(trained.config_file.read_text())
    assert config["format"] == 1
    assert config["data"] == {
        "name": "tiny",
        "train_images": 70,
        "test_images": 21,
        "image_shape": [8, 8, 1],
        "sha256": tiny_data.sha256(),
    }
    assert config["settings"]["seed"] == 0
    assert set(config["versions"]) == {"python", "vae_keras", "tensorflow", "keras", "numpy"}
    with open(trained.history_file, newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == COLUMNS
    assert [row["epoch"] for row in rows] == ["1", "2"]
    assert [float(row["learning_rate"]) for row in rows] == pytest.approx([0.01, 0.005])


def test_the_metrics_are_those_of_the_last_epoch(trained):
    metrics, last = trained.read_metrics(), trained.read_history()[-1]
    assert metrics["epochs"] == 2
    assert metrics["test"]["loss"] == last["val_loss"]
    assert metrics["train"]["kl_loss"] == last["kl_loss"]
    assert metrics["implied_variance"] == pytest.approx(64 / 2000)
    constant = 32 * np.log(2 * np.pi * 64 / 2000)
    assert -metrics["test"]["elbo"] == pytest.approx(last["val_loss"] + constant, rel=1e-6)


def test_silence_is_kept_but_for_warnings(tiny_config, tiny_data, tmp_path, capfd, quick_training):
    run = train(tiny_config, tmp_path / "run", tiny_data, verbose=0)
    assert run.finished and capfd.readouterr() == ("", "")
    (latest,) = run.checkpoints.glob("epoch-00002-*.npz")
    latest.write_bytes(b"")
    train(tiny_config.replace(epochs=3), run.directory, tiny_data, resume=True, verbose=0)
    output, errors = capfd.readouterr()
    assert output == "" and errors.startswith(f"warning: {latest} is damaged")
    assert errors.count("\n") == 1
    assert not logging.getLogger("vae_keras").handlers  # as it was before


def test_an_autoencoder_trains_on_the_same_path(tiny_config, tiny_data, tmp_path):
    config = tiny_config.replace(model="autoencoder", kl_weight=None)
    run = train(config, tmp_path / "run", tiny_data)
    assert [name for name in COLUMNS if "kl" not in name] == list(run.read_history()[0])
    assert {path.name for path in run.figures.iterdir()} == {
        "losses.png",
        "reconstructions.png",
        "latent.png",
    }


@pytest.mark.slow
def test_samples_of_every_epoch_are_those_of_the_model_and_fewer_of_the_earlier_are_kept(
    tiny_config, tiny_data, tmp_path
):
    run = train(tiny_config.replace(epochs=47), tmp_path / "run", tiny_data)
    samples = run.read_samples()
    assert list(samples) == [*range(1, 21), *range(22, 41, 2), 44, 47]
    z = np.random.default_rng(derive_seed(0, "samples")).standard_normal((SAMPLES, 2), np.float32)
    decoded = 255 * np.asarray(vae_keras.load_model(run.model_file).decode(z))
    assert np.abs(samples[47] - decoded).max() < 0.51
    assert np.abs(np.float32(samples[1]) - samples[47]).max() > 10
    with Image.open(run.figures / "training.gif") as animation:
        assert animation.n_frames == len(samples)


@pytest.mark.usefixtures("quick_training")
def test_damaged_samples_do_not_stop_a_run(finished, tiny_data):
    finished.samples_file.write_bytes(finished.samples_file.read_bytes()[:100])
    run = train(
        finished.read_config().replace(epochs=3), finished.directory, tiny_data, resume=True
    )
    assert run.finished and list(run.read_samples()) == [3]


@pytest.mark.slow
def test_more_latent_dimensions_are_drawn_along_principal_components(
    tiny_config, tiny_data, tmp_path
):
    run = train(tiny_config.replace(latent_dim=4, epochs=1), tmp_path / "run", tiny_data)
    assert {path.name for path in run.figures.iterdir()} == {
        "losses.png",
        "reconstructions.png",
        "samples.png",
        "latent.png",
        "manifold.png",
        "histograms.png",
        "traversals.png",
        "training.png",
        "training.gif",
    }


@pytest.mark.slow
@pytest.mark.usefixtures("quick_training")
def test_the_seed_decides_the_run(tiny_config, tiny_data, tmp_path):
    config = tiny_config.replace(dropout=0.2, normalization="batch")
    runs = [train(config, tmp_path / name, tiny_data) for name in "ab"]
    assert_equal_runs(*runs)
    other = train(config.replace(seed=1), tmp_path / "c", tiny_data)
    assert other.read_history()[0]["loss"] != runs[0].read_history()[0]["loss"]


@pytest.mark.slow
@pytest.mark.usefixtures("quick_training")
def test_a_longer_run_equals_one_that_was_long_from_the_start(
    tiny_config, tiny_data, tmp_path, monkeypatch
):
    monkeypatch.setattr(training, "build_model", build_model)  # with steps in graphs
    config = tiny_config.replace(dropout=0.2, normalization="batch", lr_decay=0.9, epochs=4)
    whole = train(config, tmp_path / "whole", tiny_data)
    for epochs in (1, 2, 4):
        run = train(config.replace(epochs=epochs), tmp_path / "parts", tiny_data, resume=epochs > 1)
        assert not run.attributes.exists()  # vectors of the shorter run
        run.attributes.mkdir()
    assert_equal_runs(whole, run)
    assert run.read_config().epochs == 4


def test_resuming_a_finished_run_changes_nothing(finished, tiny_data):
    before = finished.metrics_file.stat().st_mtime_ns
    train(finished.read_config(), finished.directory, tiny_data, resume=True)
    assert finished.metrics_file.stat().st_mtime_ns == before


@pytest.mark.slow
@pytest.mark.usefixtures("quick_training")
def test_a_damaged_checkpoint_costs_one_epoch_and_nothing_else(
    tiny_config, tiny_data, tmp_path, capsys
):
    finished = train(tiny_config, tmp_path / "run", tiny_data)
    (latest,) = finished.checkpoints.glob("epoch-00002-*.npz")
    latest.write_bytes(latest.read_bytes()[:100])
    config = finished.read_config().replace(epochs=3)
    run = train(config, finished.directory, tiny_data, resume=True)
    assert f"{latest} is damaged" in capsys.readouterr().err
    assert_equal_runs(train(config, tmp_path / "whole", tiny_data), run)


def test_a_folder_that_holds_something_else_is_left_alone(tiny_config, tiny_data, tmp_path):
    (tmp_path / "figures").mkdir()
    (tmp_path / "figures" / "paper.png").write_text("mine")
    for overwrite in (False, True):
        with pytest.raises(InputError, match="contains figures and is not a run"):
            train(tiny_config, tmp_path, tiny_data, overwrite=overwrite)
    assert (tmp_path / "figures" / "paper.png").read_text() == "mine"


@pytest.mark.usefixtures("quick_training")
def test_a_finished_run_is_replaced_only_when_asked(finished, tiny_config, tiny_data):
    with pytest.raises(InputError, match="already contains a run.*resume.*overwrite"):
        train(tiny_config, finished.directory, tiny_data)
    run = train(tiny_config.replace(epochs=1), finished.directory, tiny_data, overwrite=True)
    assert len(run.read_history()) == 1


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"activation": "gelu"}, "activation is 'leaky_relu' in .*config.json, received 'gelu'"),
        ({"epochs": 1}, "epochs is 2 in .*, received 1: a run cannot be shortened"),
        ({"seed": 5}, "seed is 0 in"),
    ],
)
def test_a_run_goes_on_only_with_its_own_settings(finished, tiny_data, changes, message):
    config = finished.read_config().replace(**changes)
    with pytest.raises(InputError, match=message):
        train(config, finished.directory, tiny_data, resume=True)


def test_a_run_goes_on_only_with_its_own_images(finished, tiny_data):
    other = ImageData("tiny", tiny_data.test_images, tiny_data.train_images)
    config = finished.read_config().replace(epochs=3)
    with pytest.raises(InputError, match="are not those that"):
        train(config, finished.directory, other, resume=True)


@pytest.mark.parametrize(
    "content, message",
    [
        ("{", "config.json is damaged"),
        ("[]", "config.json is damaged"),
        ('{"settings": {}}', "config.json is damaged"),
        ('{"format": 2, "settings": {}, "data": {}}', "has format 2, .* reads 1: use .* newer"),
        ('{"format": "x", "settings": {}, "data": {}}', "has format 'x'"),
        ('{"settings": {"epoch": 2}, "data": {}}', "unknown setting 'epoch'.*'epochs'"),
    ],
)
def test_a_damaged_config_is_refused(tmp_path, tiny_config, tiny_data, content, message):
    (tmp_path / "config.json").write_text(content)
    with pytest.raises(InputError, match=message):
        train(tiny_config, tmp_path, tiny_data, resume=True)
    assert [path.name for path in tmp_path.iterdir()] == ["config.json"]


def test_a_run_without_a_whole_checkpoint_keeps_its_results(finished, tiny_data):
    for checkpoint in finished.checkpoints.iterdir():
        checkpoint.unlink()
    before = finished.history_file.read_bytes(), finished.metrics_file.read_bytes()
    longer = finished.read_config().replace(epochs=3)
    with pytest.raises(InputError, match="has no valid checkpoint.*overwrite"):
        train(longer, finished.directory, tiny_data, resume=True)
    assert (finished.history_file.read_bytes(), finished.metrics_file.read_bytes()) == before


def test_a_history_that_does_not_fit_is_refused(finished, tiny_data):
    config = finished.read_config().replace(epochs=3)
    lines = finished.history_file.read_text().splitlines(keepends=True)
    finished.history_file.write_text("".join(lines[:2]))
    with pytest.raises(InputError, match="has 1 rows, but the checkpoint is of epoch 2"):
        train(config, finished.directory, tiny_data, resume=True)
    finished.history_file.write_text(lines[0] + "1,a\n")
    with pytest.raises(InputError, match="history.csv is damaged"):
        train(config, finished.directory, tiny_data, resume=True)


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"batch_size": 71}, "70 training images are fewer than one batch of 71"),
        ({"encoder_strides": (4, 4), "decoder_strides": (4, 4)}, "multiples of 16"),
    ],
)
def test_settings_that_do_not_fit_the_data_leave_the_disk_alone(
    tiny_config, tiny_data, tmp_path, changes, message
):
    with pytest.raises(InputError, match=message):
        train(tiny_config.replace(**changes), tmp_path / "run", tiny_data)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "steps_per_epoch, batch_size, image_shape, expected",
    [
        (1875, 500, (28, 28, 1), 25),  # MNIST
        (45, 360, (28, 28, 1), 15),  # the 1,437 digits
        (59, 360, (28, 28, 1), 1),  # a prime number
        (600, 500, (32, 32, 1), 15),  # Fashion-MNIST: 19 would fit
        (5000, 500, (64, 64, 3), 1),
        (5000, 500, (128, 128, 3), 1),  # one batch is more than the limit
    ],
)
def test_steps_at_once_share_an_epoch_evenly(steps_per_epoch, batch_size, image_shape, expected):
    assert steps_at_once(steps_per_epoch, batch_size, image_shape) == expected


@pytest.mark.slow
def test_steps_taken_at_once_are_those_taken_one_by_one(
    tiny_config, tiny_data, tmp_path, monkeypatch
):
    looks = []
    monkeypatch.setattr(Guard, "on_train_batch_end", lambda self, batch, logs: looks.append(batch))
    config = tiny_config.replace(epochs=2, dropout=0.2)
    at_once = train(config, tmp_path / "at_once", tiny_data)
    assert looks == [3, 3]
    monkeypatch.setattr(training, "steps_at_once", lambda *sizes: 1)
    one_by_one = train(config, tmp_path / "one_by_one", tiny_data)
    assert looks == [3, 3, *range(4), *range(4)]
    assert_equal_runs(at_once, one_by_one)


@pytest.mark.usefixtures("quick_training")
def test_the_bar_counts_every_step(tiny_config, tiny_data, tmp_path, monkeypatch):
    bars = []

    class ShownBar(tqdm):
        def __init__(self, iterable=None, **options):
            super().__init__(iterable, **{**options, "disable": False, "file": io.StringIO()})
            bars.append(self)

    monkeypatch.setattr("vae_keras.support.reporting.tqdm", ShownBar)
    train(tiny_config.replace(epochs=1), tmp_path / "run", tiny_data)
    train(tiny_config.replace(epochs=3), tmp_path / "run", tiny_data, resume=True)
    counts = [(bar.initial, bar.n, bar.total) for bar in bars if bar.total is not None]
    assert counts == [(0, 4, 4), (4, 12, 12)]


@pytest.mark.usefixtures("quick_training")
def test_a_loss_that_is_not_finite_stops_the_run(tiny_config, tiny_data, tmp_path):
    class Leap(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            self.model.optimizer.learning_rate = 1e-3 * 1e6**epoch  # the second epoch diverges

    with pytest.raises(
        DivergedError, match=r"kl_loss is (nan|inf).* in epoch 2, steps 1 to 4: .*learning_rate"
    ):
        train(tiny_config.replace(epochs=4), tmp_path / "run", tiny_data, callbacks=[Leap()])
    run = Run(tmp_path / "run")
    assert not run.finished
    assert len(run.read_history()) == 1
    assert [path.name[:11] for path in run.checkpoints.iterdir()] == ["epoch-00001"]


def test_default_names_take_the_next_free_suffix(tiny_config, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    name = run_name(tiny_config.replace(activation="gelu", normalization="batch", dropout=0.1))
    assert name == "digits-gelu-batchnorm_after-dropout0.1"
    assert [create_run(None, name).directory.name for _ in range(3)] == [
        name,
        f"{name}-2",
        f"{name}-3",
    ]


def test_a_folder_that_cannot_be_made_is_refused(tiny_config, tiny_data, tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(InputError, match="cannot be written"):
        train(tiny_config, tmp_path / "file" / "run", tiny_data)
    assert (tmp_path / "file").read_text() == "mine"


def test_a_history_may_gain_columns(finished):
    rows = finished.read_history()
    later = {**rows[-1], "epoch": 3, "extra_loss": 1.5, "val_extra_loss": 2.5}
    finished.write_history([*rows, later])
    assert finished.read_history() == [*rows, later]
