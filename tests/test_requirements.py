"""What a run requires, told before it starts: sizes that fit, enough images, enough memory."""

import itertools

import pytest

from vae_keras import InputError, train
from vae_keras.config import PRESETS, make_config
from vae_keras.data.sources import find_source
from vae_keras.fit import parse
from vae_keras.training import requirements
from vae_keras.training.build import build_model
from vae_keras.training.requirements import check_requirements, needed_memory, test_batch_size

test_batch_size.__test__ = False  # its name is that of a test


@pytest.fixture(autouse=True)
def machine(monkeypatch):
    """A machine of 16 GiB."""
    monkeypatch.setattr(requirements, "machine_memory", lambda: 16 * 2**30)


@pytest.mark.parametrize(
    "settings",
    [
        *({"preset": preset} for preset in PRESETS),
        *(
            {"normalization": normalization, "model": model, "decoder_dense_activation": dense}
            for normalization, model, dense in itertools.product(
                ("batch", "layer"), ("vae", "autoencoder"), (True, False)
            )
        ),
        {"kernel_size": 5, "latent_dim": 7, "decoder_output_layer": "conv"},
    ],
)
def test_weights_are_counted_without_building_the_network(settings):
    # The weight of one number that "auto" adds is left out.
    settings = {"reconstruction_weight": 10.0, **settings}
    config = make_config("digits", **settings)
    shape = (*(config.image_size or (32, 32)), 3)
    expected = build_model(config, shape).count_params()
    assert sum(layer.weights for layer in requirements._layers(config, shape)) == expected


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"latent_dim": 100_000}, "GiB for its weights, .* choose a smaller latent_dim"),
        ({"encoder_filters": (32, 64, 65_536, 65_536)}, "GiB for its weights"),
        ({"kernel_size": 255, "encoder_filters": (512,) * 4}, "GiB for its weights"),
        ({"batch_size": 50_000}, "GiB for its activations, .* choose a smaller batch_size"),
        ({"image_size": (8192, 8192)}, "GiB for its activations"),
    ],
)
def test_more_memory_than_the_machine_has_is_refused(settings, message):
    config = make_config("digits", **settings)
    with pytest.raises(InputError, match=message) as caught:
        check_requirements(config, (*(config.image_size or (28, 28)), 1), 60_000)
    assert "but the machine has 16.0 GiB" in str(caught.value)


def test_images_in_memory_count():
    config = make_config("digits")
    check_requirements(config, (28, 28, 1), 1437, 15 * 2**30)
    with pytest.raises(InputError, match="16.0 GiB for its images, .* choose fewer"):
        check_requirements(config, (28, 28, 1), 1437, 16 * 2**30)


@pytest.mark.parametrize("preset", PRESETS)
def test_the_networks_of_the_book_fit_a_small_machine(preset, monkeypatch):
    monkeypatch.setattr(requirements, "machine_memory", lambda: 4 * 2**30)
    config = make_config("digits", preset=preset)
    check_requirements(config, (*(config.image_size or (64, 64)), 3), 1437)


@pytest.mark.parametrize(
    "settings, count, message",
    [
        ({}, 31, "31 training images are fewer than one batch of 32"),
        ({"max_train_images": 31}, 1437, "31 training images are fewer than one batch of 32"),
        ({"encoder_strides": (3, 2, 2, 1), "decoder_strides": (3, 2, 2, 1)}, 99, "do not fit"),
    ],
)
def test_images_that_do_not_fit_are_refused(settings, count, message):
    with pytest.raises(InputError, match=message):
        check_requirements(make_config("digits", **settings), (28, 28, 1), count)
    check_requirements(make_config("digits"), (28, 28, 1), 32)


def test_fewer_large_images_are_tested_at_once():
    config = make_config("digits")
    assert test_batch_size(config, (28, 28, 1)) == test_batch_size(config, (128, 128, 1)) == 500
    assert test_batch_size(config, (512, 512, 3)) == 32
    assert needed_memory(config, (512, 512, 3))["activations"] < 10 * 2**30


@pytest.mark.parametrize(
    "arguments",
    [
        ["--latent-dim", "100000"],
        ["--image-size", "16384"],
        ["--batch-size", "1000000000"],
        ["--encoder-filters", "65536,65536,65536,65536"],
    ],
)
def test_the_command_line_refuses_them_before_tensorflow_is_needed(arguments, monkeypatch):
    def refuse(*_):
        raise AssertionError("TensorFlow is imported")

    monkeypatch.setattr("vae_keras.support.start.import_tensorflow", refuse)
    with pytest.raises(InputError, match="of memory"):
        parse(["--dataset", "digits", *arguments])


def test_training_refuses_them_and_makes_no_folder(tiny_config, tiny_data, tmp_path):
    config = tiny_config.replace(latent_dim=100_000, encoder_filters=(4, 65_536))
    with pytest.raises(InputError, match="this run needs about"):
        train(config, tmp_path / "run", tiny_data)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("side", [16_384, 20_000])
def test_images_too_large_for_memory_are_refused_before_they_are_made(side):
    with pytest.raises(InputError, match="at most 16,384" if side > 16_384 else "take .* GiB"):
        find_source("digits").load(make_config("digits", image_size=(side, side)))
