import zipfile

import h5py
import keras
import numpy as np
import pytest
from conftest import IMAGE_SHAPE

from vae_keras.export.loading import load_model, load_model_of
from vae_keras.model import VAE
from vae_keras.networks import build_decoder, build_encoder
from vae_keras.support.errors import InputError
from vae_keras.training.build import build_model
from vae_keras.training.run import Run


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


def edit(path, name, change, compression=zipfile.ZIP_STORED):
    """Change the content of a member of an archive."""
    with zipfile.ZipFile(path) as archive:
        members = {each: archive.read(each) for each in archive.namelist()}
    members[name] = change(members[name])
    with zipfile.ZipFile(path, "w", compression) as archive:
        for each, content in members.items():
            archive.writestr(each, content)


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
    with pytest.raises(InputError, match="model.keras cannot be loaded: it contains 0.0 GiB"):
        load_model(path)


def test_arrays_that_are_larger_than_their_file_are_refused(saved, tmp_path):
    _, path = saved
    with h5py.File(tmp_path / "weights.h5", "w") as file:  # chunks that are not stored
        file.create_dataset("kernel", (2**30,), "float32", chunks=True, compression="gzip")
    edit(path, "model.weights.h5", lambda _: (tmp_path / "weights.h5").read_bytes())
    with pytest.raises(InputError, match="model.weights.h5 describes 4.0 GiB of weights"):
        load_model(path)


def test_a_long_configuration_is_refused(saved):
    _, path = saved
    edit(path, "config.json", lambda content: content + b" " * 2**22, zipfile.ZIP_DEFLATED)
    with pytest.raises(InputError, match="config.json is too large"):
        load_model(path)


@pytest.mark.parametrize(
    "change, message",
    [
        ({"kl_weight": 3.0}, "kl_weight 3.0, but 1.0 according to"),
        ({"encoder_filters": (8, 4)}, "encoder_conv_0 .*8.*, but .*4"),
        ({"encoder_strides": (4, 1)}, "encoder_conv_0 .*'strides': .4, 4.*, but .*2, 2"),
        ({"normalization": "layer"}, "encoder .*normalization.*, but "),
        ({"dropout": 0.3}, "encoder .*dropout.*, but "),
        ({"latent_dim": 3}, "latent_dim 3, but 2 according to"),
        ({"model": "autoencoder", "kl_weight": None}, "class Autoencoder, but VAE according to"),
        ({"reconstruction": "bce"}, "reconstruction bce, but mse according to"),
        ({"reconstruction_weight": 9.0}, "reconstruction_weight 9.0, but 1000.0 according to"),
        (
            {"activation": "gelu"},
            "_activation .*gelu.*, but .*0.3",
        ),
    ],
)
def test_the_model_of_another_run_is_refused(tiny_config, tiny_data, tmp_path, change, message):
    run = Run(tmp_path)
    run.write_config(tiny_config, tiny_data)
    build_model(tiny_config, IMAGE_SHAPE).save(run.model_file)
    load_model_of(run)
    build_model(tiny_config.replace(**change), IMAGE_SHAPE).save(run.model_file)
    with pytest.raises(InputError, match=message):
        load_model_of(run)


def test_a_model_with_classes_of_ones_own_is_loaded_in_their_scope(tmp_path):
    class Mine(keras.layers.Layer):
        def call(self, x):
            return x

    encoder = build_encoder(IMAGE_SHAPE, (4,), (1,))
    outputs = {name: Mine(name=f"my_{name}")(output) for name, output in encoder.output.items()}
    encoder = keras.Model(encoder.input, outputs)
    VAE(encoder, build_decoder(IMAGE_SHAPE, (4,), (1, 1))).save(tmp_path / "mine.keras")
    with keras.saving.custom_object_scope({"Mine": Mine}):
        assert load_model(tmp_path / "mine.keras").latent_dim == 2
    with pytest.raises(InputError, match="cannot be loaded"):
        load_model(tmp_path / "mine.keras")


def test_layers_that_are_larger_than_the_file_are_refused_before_they_take_memory(saved):
    _, path = saved
    small, large = b'"kernel_size": [3, 3]', b'"kernel_size": [30001, 30001]'
    edit(path, "config.json", lambda content: content.replace(small, large))
    with pytest.raises(InputError, match=r"config.json describes \d+,\d{3},\d{3},\d{3} weights"):
        load_model(path)
    keras.Variable(1.0)  # nothing of the large model waits for its memory
    with keras.StatelessScope():
        pass
