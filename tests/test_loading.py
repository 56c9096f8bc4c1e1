import zipfile

import keras
import numpy as np
import pytest
from conftest import IMAGE_SHAPE

from vae_keras.export.loading import load_model
from vae_keras.support.errors import InputError
from vae_keras.training.build import build_model


@pytest.fixture
def saved(tiny_config, tmp_path):
    model = build_model(tiny_config, IMAGE_SHAPE)
    path = tmp_path / "model.keras"
    model.save(path)
    return model, path


def test_a_model_is_loaded_from_its_file_or_its_folder(saved, images):
    model, path = saved
    for place in (path, path.parent):
        np.testing.assert_array_equal(
            load_model(place).reconstruct(images), model.reconstruct(images)
        )


def test_a_loaded_model_trains_on_with_its_optimizer(saved, images, tmp_path):
    model, _ = saved
    model.fit(images, batch_size=10, epochs=1, verbose=0)
    model.save(tmp_path / "trained.keras")
    loaded = load_model(tmp_path / "trained.keras")
    assert loaded.optimizer.iterations == 7
    for ours, theirs in zip(loaded.optimizer.variables, model.optimizer.variables, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    loaded.fit(images, batch_size=10, epochs=1, verbose=0)
    assert loaded.optimizer.iterations == 14


def foreign_model(path):
    keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)]).save(path)


def foreign_class(path):
    class Mine(keras.layers.Layer):
        def call(self, x):
            return x

    keras.Sequential([keras.Input((2,)), Mine()]).save(path)


def code(path):
    keras.Sequential([keras.Input((2,)), keras.layers.Lambda(lambda x: x + 1)]).save(path)


@pytest.mark.parametrize(
    "spoil, message",
    [
        (lambda path: path.write_bytes(path.read_bytes()[:-1000]), "cannot be loaded"),
        (lambda path: path.write_bytes(b""), "cannot be loaded"),
        (lambda path: path.unlink(), "does not exist"),
        (foreign_model, "must contain a VAE or Autoencoder of vae_keras, received a Sequential"),
        (foreign_class, "cannot be loaded"),
        (code, "cannot be loaded"),
    ],
)
def test_a_file_that_holds_no_model_of_ours_is_one_line(saved, spoil, message):
    _, path = saved
    spoil(path)
    with pytest.raises(InputError, match=message) as caught:
        load_model(path)
    assert "\n" not in str(caught.value)


def test_a_misspelled_model_of_the_package_is_refused_with_its_name():
    with pytest.raises(InputError, match="mnist_gelu does not exist: pass a model.keras"):
        load_model("mnist_gelu")


def test_a_small_file_that_unpacks_to_more_than_the_memory_is_refused(saved, monkeypatch):
    _, path = saved
    monkeypatch.setattr("vae_keras.export.loading.machine_memory", lambda: 2**20)
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("assets/zeros", bytes(2**20))
    assert path.stat().st_size < 2**20
    with pytest.raises(InputError, match=r"model.keras cannot be loaded \(0.0 GiB of content\)"):
        load_model(path)


def test_layers_that_are_larger_than_the_file_are_refused_before_they_take_memory(saved):
    _, path = saved
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    config = members["config.json"].decode()
    assert '"kernel_size": [3, 3]' in config
    large = config.replace('"kernel_size": [3, 3]', '"kernel_size": [30001, 30001]')
    members["config.json"] = large.encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    with pytest.raises(InputError, match=r"config.json describes \d+,\d{3},\d{3},\d{3} weights"):
        load_model(path)
    keras.Variable(1.0)  # nothing of the large model waits for its memory
    with keras.StatelessScope():
        pass
