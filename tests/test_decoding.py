import keras
import numpy as np
import pytest
import tensorflow as tf

from vae_keras.config import make_config
from vae_keras.decoding import decode_batch
from vae_keras.training import build_model

DECODERS = {
    "digits": {},
    "normalised": {"normalization": "batch", "normalization_position": "before"},
    "even kernel": {"kernel_size": 2, "activation": "gelu"},
    "large kernel": {"kernel_size": 5, "normalization": "layer"},
    "one axis": {"latent_dim": 1},
    "many axes": {"latent_dim": 30},
    "activated": {"decoder_dense_activation": True},
    "convolution": {"decoder_output_layer": "conv"},
}
BATCH = 20


@pytest.fixture(params=[(28, 28, 1), (8, 12, 3)], ids=["grey", "coloured"])
def shape(request):
    return request.param


def make_decoder(name, shape):
    decoder = build_model(make_config(**DECODERS[name]), shape).decoder
    random = np.random.default_rng(0)
    decoder.set_weights([random.normal(0, 0.1, w.shape) ** 2 for w in decoder.get_weights()])
    return decoder, random.normal(0, 2, (BATCH, decoder.input_shape[-1])).astype(np.float32)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("name", DECODERS)
def test_the_images_are_those_of_the_decoder(name, shape, training):
    decoder, z = make_decoder(name, shape)
    images = decoder(z, training=training)
    assert np.std(images) > 1e-3
    measured = decode_batch(decoder, z, training)
    np.testing.assert_allclose(measured, images, rtol=1e-4, atol=1e-6)
    in_graph = tf.function(lambda z: decode_batch(decoder, z, training))
    unknown_batch = in_graph.get_concrete_function(tf.TensorSpec((None, z.shape[1])))
    np.testing.assert_allclose(unknown_batch(tf.constant(z)), images, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", DECODERS)
def test_the_gradients_are_those_of_the_decoder(name, shape):
    decoder, z = make_decoder(name, shape)
    z = tf.constant(z)
    direction = np.random.default_rng(1).normal(size=(BATCH, *shape)).astype(np.float32)
    gradients = []
    for images_of in (decode_batch, lambda decoder, z, training: decoder(z, training=training)):
        with tf.GradientTape() as tape:
            tape.watch(z)
            total = tf.reduce_sum(direction * images_of(decoder, z, training=True))
        gradients.append(tape.gradient(total, [z, *decoder.trainable_variables]))
    # Before batch normalisation a bias has no gradient but rounding.
    rounding = 1e-6 * max(np.abs(expected).max() for expected in gradients[1])
    for measured, expected in zip(*gradients):
        np.testing.assert_allclose(measured, expected, rtol=1e-3, atol=rounding)


@pytest.mark.parametrize(
    "name, affine",
    [("digits", 2), ("one axis", 2), ("activated", 1), ("many axes", 0)],
)
def test_layers_before_the_first_activation_see_the_corners_alone(name, affine, monkeypatch):
    decoder, z = make_decoder(name, (28, 28, 1))
    seen = []

    def spy(kind):
        call = kind.call

        def noting(self, x, **arguments):
            seen.append(len(x))
            return call(self, x, **arguments)

        monkeypatch.setattr(kind, "call", noting)

    spy(keras.layers.Dense)
    spy(keras.layers.Conv2DTranspose)
    decode_batch(decoder, z, training=True)
    corners = z.shape[1] + 1
    assert seen == [corners] * affine + [BATCH] * (len(seen) - affine)
    seen.clear()
    decode_batch(decoder, z[:1], training=True)  # no fewer than the corners
    assert set(seen) == {1}


def test_noise_and_statistics_are_those_of_training():
    decoder = build_model(make_config(normalization="batch", dropout=0.5), (28, 28, 1)).decoder
    z = np.random.default_rng(0).normal(size=(BATCH, 2)).astype(np.float32)
    first, second = (np.asarray(decode_batch(decoder, z, training=True)) for _ in range(2))
    assert np.abs(first - second).max() > 1e-3
    moving_mean = decoder.get_layer("decoder_conv_1_normalization").moving_mean
    assert np.abs(moving_mean).max() > 0
    np.testing.assert_array_equal(decode_batch(decoder, z), decode_batch(decoder, z))


def test_a_decoder_whose_layers_branch_is_called_as_it_is():
    z = keras.Input((2,))
    x = keras.layers.Dense(4)(z)
    branched = keras.Model(z, keras.layers.Add()([x, keras.layers.Dense(4)(x)]))
    points = np.ones((9, 2), np.float32)
    np.testing.assert_array_equal(decode_batch(branched, points), branched(points))
