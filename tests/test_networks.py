import keras
import numpy as np
import pytest

from vae_keras.backend.convolution import convolution
from vae_keras.backend.precision import dtype_policy
from vae_keras.config import PRESETS, make_config
from vae_keras.networks import build_decoder, build_encoder
from vae_keras.support.errors import InputError
from vae_keras.training.build import build_model

BOOK_SHAPES = {
    "digits": (28, 28, 1),
    "fashion": (32, 32, 1),
    "faces": (128, 128, 3),
    "faces_small": (32, 32, 3),
    "pictures": (64, 64, 3),
}


def kinds(network):
    return [type(layer).__name__ for layer in network.layers]


@pytest.mark.parametrize("preset", PRESETS)
def test_presets_rebuild_images_of_the_books_size(preset):
    shape = BOOK_SHAPES[preset]
    config = make_config(preset=preset)
    model = build_model(config, shape)
    outputs = model(np.zeros((2, *shape), np.float32))
    assert outputs["reconstruction"].shape == (2, *shape)
    assert outputs["mean"].shape == outputs["log_var"].shape == (2, config.latent_dim)


def test_the_digits_network_has_the_books_layers_and_parameters():
    model = build_model(make_config(), (28, 28, 1))
    assert kinds(model.encoder) == [
        "InputLayer",
        *["Conv2D", "LeakyReLU"] * 4,
        "Flatten",
        "Dense",
        "Dense",
    ]
    assert kinds(model.decoder) == [
        "InputLayer",
        "Dense",
        "Reshape",
        *["Conv2DTranspose", "LeakyReLU"] * 3,
        "Conv2DTranspose",
    ]
    assert [layer.strides[0] for layer in model.decoder.layers if hasattr(layer, "strides")] == [
        1,
        2,
        2,
        1,
    ]
    # 3·3·1·32 + 32, and so on, counted by hand
    encoder = 320 + 18_496 + 36_928 + 36_928 + 2 * (7 * 7 * 64 * 2 + 2)
    decoder = 2 * 3136 + 3136 + 36_928 + 36_928 + 18_464 + 289
    assert model.count_params() == encoder + decoder


def test_the_fashion_network_ends_in_a_convolution():
    decoder = build_model(make_config("fashion_mnist"), (32, 32, 1)).decoder
    assert kinds(decoder)[-1] == "Conv2D"
    assert decoder.layers[-1].strides == (1, 1)


@pytest.mark.parametrize(
    "position, order",
    [
        ("before", ["LayerNormalization", "SmoothActivation", "Dropout"]),
        ("after", ["SmoothActivation", "LayerNormalization", "Dropout"]),
    ],
)
def test_normalization_stands_where_it_is_asked_for_and_dropout_last(position, order):
    options = {
        "activation": "gelu",
        "normalization": "layer",
        "normalization_position": position,
        "dropout": 0.2,
    }
    encoder = build_encoder((8, 8, 1), (4, 4), (2, 1), **options)
    assert kinds(encoder)[1:9] == ["Conv2D", *order] * 2
    decoder = build_decoder((8, 8, 1), (4,), (1, 2), **options)
    assert kinds(decoder)[3:] == ["Conv2DTranspose", *order, "Conv2DTranspose"]


def test_encoder_and_decoder_may_differ_in_activation():
    config = make_config(encoder_activation="gelu", decoder_activation="relu")
    model = build_model(config, (28, 28, 1))
    assert "SmoothActivation" in kinds(model.encoder)
    assert "SmoothActivation" not in kinds(model.decoder)


def test_weights_of_a_layer_depend_on_the_seed_and_its_name_alone():
    plain = build_model(make_config(), (28, 28, 1))
    other = build_model(
        make_config(activation="gelu", dropout=0.2, normalization="batch"), (28, 28, 1)
    )
    again = build_model(make_config(seed=1), (28, 28, 1))
    for name in ("encoder_conv_2", "mean"):
        kernels = [
            np.asarray(model.encoder.get_layer(name).kernel) for model in (plain, other, again)
        ]
        np.testing.assert_array_equal(kernels[0], kernels[1])
        assert not np.array_equal(kernels[0], kernels[2])


@pytest.mark.parametrize("shape, nearest", [((30, 30, 1), "28x28 or 32x32"), ((28, 3, 1), "28x4")])
def test_a_size_that_the_strides_cannot_rebuild_gets_the_nearest_that_they_can(shape, nearest):
    with pytest.raises(InputError, match=f"multiples of 4; the nearest sizes are {nearest} "):
        build_model(make_config(), shape)


@pytest.mark.parametrize(
    "build, filters, strides, message",
    [
        (build_encoder, (4, 4), (2,), r"filters and strides must have the same length, received"),
        (build_decoder, (4, 4), (2, 2), r"strides must have one number more than filters"),
        (build_encoder, (), (), r"filters must be one or more whole numbers .* received \(\)"),
        (build_encoder, (4.5,), (2,), r"filters must be one or more whole numbers"),
        (build_encoder, 4, (2,), r"filters must be one or more whole numbers .* received 4"),
        (build_decoder, (4,), (2, 0), r"strides must be one or more whole numbers of at least 1"),
        (build_decoder, ("4",), (2, 2), r"filters must be one or more whole numbers"),
    ],
)
def test_filters_and_strides_that_cannot_be_used_are_one_line(build, filters, strides, message):
    with pytest.raises(InputError, match=message) as error:
        build((8, 8, 1), filters, strides)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("build", [build_encoder, build_decoder])
@pytest.mark.parametrize("shape", [(28, 28), (28, 28, 1, 1), (None, None, 1), (28, 28, 0), 28])
def test_an_image_shape_that_cannot_be_used_is_one_line(build, shape):
    with pytest.raises(InputError, match=r"image_shape must be \(height, width, channels\)"):
        build(shape)


@pytest.mark.parametrize("build", [build_encoder, build_decoder])
@pytest.mark.parametrize("latent_dim", [0, -1, 2.0, None, True])
def test_a_latent_space_without_dimensions_is_one_line(build, latent_dim):
    with pytest.raises(InputError, match="latent_dim must be a whole number of at least 1"):
        build((28, 28, 1), latent_dim=latent_dim)


def test_sizes_may_be_lists_and_numbers_of_numpy():
    encoder = build_encoder([8, 8, np.int64(1)], np.array([4, 4]), [2, 2], latent_dim=np.int32(3))
    assert encoder.output["mean"].shape == (None, 3)
    decoder = build_decoder([8, 8, np.int64(1)], np.array([4]), [2, 2], latent_dim=np.int32(3))
    assert decoder.output.shape == (None, 8, 8, 1)


def test_a_convolution_as_output_layer_cannot_enlarge_its_input():
    for build in (
        lambda: build_decoder((8, 8, 1), (4,), (2, 2), output_layer="conv"),
        lambda: make_config(preset="faces", decoder_output_layer="conv"),
    ):
        with pytest.raises(InputError, match="the last of the decoder_strides must be 1"):
            build()
    decoder = build_decoder((8, 8, 1), (4,), (2, 1), output_layer="conv")
    assert decoder.output_shape == (None, 8, 8, 1)


@pytest.mark.parametrize("build, name", [(build_encoder, "encoder"), (build_decoder, "decoder")])
def test_in_bfloat16_the_biases_have_the_gradients_of_float32(build, name):
    tf = pytest.importorskip("tensorflow")
    shape = (28, 28, 1)
    random = np.random.default_rng(0)
    inputs = random.random((32, *shape)) if name == "encoder" else random.standard_normal((32, 2))
    gradients = []
    for policy in ("float32", "mixed_bfloat16"):
        with dtype_policy(policy):
            network = build(shape, seed=0)
        biases = [weight.value for weight in network.weights if weight.name == "bias"]
        with tf.GradientTape() as tape:
            outputs = network(tf.constant(inputs, tf.float32))
            total = sum(map(tf.reduce_sum, tf.nest.flatten(outputs)))
        gradients.append(tape.gradient(total, biases))
    assert len(biases) == {"encoder": 6, "decoder": 5}[name]
    for expected, found in zip(*gradients):
        error = np.abs(found - expected).mean() / np.abs(expected).mean()
        assert error < 0.03  # a sum in bfloat16 is wrong by more than 0.1


@pytest.mark.parametrize("name", ["Conv2D", "Conv2DTranspose"])
@pytest.mark.parametrize(
    "options",
    [
        {"activation": "relu"},
        {"use_bias": False},
        {"strides": 2, "padding": "same"},
        {"strides": 2, "padding": "same", "output_padding": 0},
        {"dilation_rate": 2},
    ],
)
def test_convolutions_for_bfloat16_take_the_arguments_of_keras(name, options):
    if name == "Conv2D" and "output_padding" in options:
        pytest.skip("only transposed convolutions have output_padding")
    with dtype_policy("mixed_bfloat16"):
        ours = convolution(name)(3, 3, **options)
        theirs = getattr(keras.layers, name)(3, 3, **options)
    x = np.random.default_rng(0).random((2, 8, 8, 1)).astype("float32")
    ours.build(x.shape)
    theirs.build(x.shape)
    theirs.set_weights([weight + 0.5 for weight in ours.get_weights()])
    ours.set_weights(theirs.get_weights())
    assert type(ours) is not type(theirs)
    first, second = (np.asarray(layer(x), np.float32) for layer in (ours, theirs))
    np.testing.assert_allclose(first, second, rtol=0.02, atol=0.02)
