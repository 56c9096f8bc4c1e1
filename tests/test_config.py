import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vae_keras.config import PRESETS, FitConfig, make_config
from vae_keras.support.errors import InputError


def test_the_defaults_are_the_books_digits_network():
    config = make_config()
    assert config == FitConfig()
    assert (config.learning_rate, config.batch_size, config.latent_dim) == (5e-4, 32, 2)
    assert (config.reconstruction, config.reconstruction_weight, config.kl_weight) == (
        "mse",
        1000,
        1,
    )


@pytest.mark.parametrize(
    "dataset, preset, epochs",
    [
        ("digits", "digits", 100),
        ("mnist", "digits", 20),
        ("fashion_mnist", "fashion", 5),
        ("tfds:kmnist", "digits", 20),
    ],
)
def test_the_data_set_chooses_preset_and_epochs(dataset, preset, epochs):
    config = make_config(dataset)
    assert (config.preset, config.epochs) == (preset, epochs)


def test_settings_override_the_preset():
    config = make_config("fashion_mnist", activation="gelu", epochs=7)
    assert (config.activation, config.epochs, config.reconstruction) == ("gelu", 7, "bce")


@pytest.mark.parametrize("preset", PRESETS)
def test_settings_survive_json(preset):
    config = make_config(preset=preset, seed=3)
    assert FitConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config


def test_absent_settings_have_their_default():
    config = FitConfig.from_dict({"epochs": 3, "model": "autoencoder"})
    assert config == FitConfig(epochs=3, model="autoencoder")
    assert (config.seed, config.kl_weight) == (0, None)
    assert FitConfig.from_dict({}) == FitConfig()


BAD_SETTINGS = [
    ({"activation": "geluu"}, "unknown activation 'geluu': did you mean 'gelu'"),
    ({"encoder_activation": "reluu"}, "unknown encoder activation 'reluu': did you mean 'relu'"),
    ({"preset": "fashio"}, "unknown preset 'fashio': did you mean 'fashion'"),
    ({"normalization": "bach"}, "unknown normalization 'bach': did you mean 'batch'"),
    ({"normalization_position": "behind"}, "unknown normalization position 'behind'"),
    ({"model": "vea"}, "unknown model 'vea': did you mean 'vae'"),
    ({"reconstruction": "l1"}, "unknown reconstruction 'l1'"),
    ({"export": ["onx"]}, "unknown export 'onx': did you mean 'onnx'"),
    ({"export": "onnx"}, "export must be a list of names, received 'onnx'"),
    ({"epochs": 0}, "epochs must be at least 1, received 0"),
    ({"epochs": 1.5}, "epochs must be a whole number, received 1.5"),
    ({"epochs": True}, "epochs must be a whole number, received True"),
    ({"batch_size": -1}, "batch_size must be at least 1"),
    ({"latent_dim": 0}, "latent_dim must be at least 1"),
    ({"max_train_images": 0}, "max_train_images must be at least 1"),
    ({"learning_rate": 0}, "learning_rate must be above 0, received 0"),
    ({"learning_rate": float("nan")}, "learning_rate must be finite"),
    ({"lr_decay": 0.0}, "lr_decay must be above 0"),
    ({"lr_decay": 1.5}, "lr_decay must be at most 1, received 1.5"),
    ({"reconstruction_weight": 5e-324}, "reconstruction_weight must be at least 1e-12"),
    ({"encoder_filters": (1,) * 101}, "at most 100 convolutions"),
    ({"reconstruction_weight": float("inf")}, "reconstruction_weight must be finite"),
    ({"kl_weight": -0.5}, "kl_weight must be at least 0"),
    ({"dropout": 1}, "dropout must be at least 0 and below 1, received 1.0"),
    ({"dropout": -0.1}, "dropout must be at least 0 and below 1"),
    ({"seed": -1}, "seed must be at least 0"),
    ({"seed": 2**31}, "seed must be at least 0 and below"),
    ({"model": "autoencoder", "kl_weight": 1.0}, "which has no KL divergence"),
    ({"encoder_filters": (32, 64)}, "must have the same length"),
    ({"decoder_filters": (64,)}, "one number more than decoder_filters"),
    ({"decoder_strides": (1, 1, 2, 1)}, "their products differ"),
    ({"encoder_filters": ()}, "encoder_filters must be numbers of at least 1"),
    ({"encoder_filters": [1.5]}, "encoder_filters must be a list of whole numbers"),
    ({"dataset": "auto"}, "dataset must name one data set, received 'auto'"),
    ({"epoch": 3}, "unknown setting 'epoch': did you mean 'epochs'"),
]


@pytest.mark.parametrize("settings, message", BAD_SETTINGS, ids=lambda value: str(value)[:40])
def test_a_bad_setting_is_refused_with_what_to_do(settings, message):
    with pytest.raises(InputError) as caught:
        make_config(**settings)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda children: (
        st.lists(children, max_size=5) | st.dictionaries(st.text(), children, max_size=3)
    ),
    max_leaves=6,
)
NAMES = st.sampled_from(sorted(FitConfig().to_dict())) | st.text(max_size=10)


@given(st.dictionaries(NAMES, JSON_VALUES, max_size=4))
def test_any_json_is_a_config_or_a_one_line_error(values):
    try:
        config = FitConfig.from_dict(values)
    except InputError as error:
        assert str(error) and "\n" not in str(error)
    else:
        assert FitConfig.from_dict(config.to_dict()) == config
