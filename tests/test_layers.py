import keras
import numpy as np
import pytest
import tensorflow as tf

from vae_keras.backend.normalization import FusedBatchNormalization
from vae_keras.layers import Sampling


def test_sampling_has_the_moments_of_the_posterior():
    mean = np.tile(np.float32([[1.5, -2.0]]), (100_000, 1))
    log_var = np.tile(np.float32([[0.5, -3.0]]), (100_000, 1))
    z = np.asarray(Sampling(seed=0)(mean, log_var))
    np.testing.assert_allclose(z.mean(axis=0), [1.5, -2.0], atol=0.02)
    np.testing.assert_allclose(np.log(z.var(axis=0)), [0.5, -3.0], atol=0.02)
    assert abs(np.corrcoef(z.T)[0, 1]) < 0.01


def test_sampling_draws_anew_at_every_call_and_repeats_from_its_seed():
    zeros = np.zeros((4, 2), np.float32)
    first, second = Sampling(seed=3), Sampling(seed=3)
    draws = [np.asarray(first(zeros, zeros)) for _ in range(2)]
    assert not np.array_equal(*draws)
    np.testing.assert_array_equal(draws, [second(zeros, zeros) for _ in range(2)])


def test_gradients_through_sampling_agree_with_finite_differences():
    sampling = Sampling(seed=0)
    mean = tf.Variable([[0.3, -0.8]])
    log_var = tf.Variable([[-0.5, 0.4]])

    def value():
        sampling.seed_generator.state.assign([5, 0])  # the same noise each time
        return tf.reduce_sum(tf.square(sampling(mean, log_var)))

    with tf.GradientTape() as tape:
        result = value()
    gradients = tape.gradient(result, [mean, log_var])
    step = 1e-2
    for variable, gradient in zip((mean, log_var), gradients):
        start = variable.numpy()
        for i in range(2):
            shift = np.zeros_like(start)
            shift[0, i] = step
            variable.assign(start + shift)
            above = float(value())
            variable.assign(start - shift)
            below = float(value())
            variable.assign(start)
            assert float(gradient[0, i]) == pytest.approx((above - below) / (2 * step), rel=1e-3)


def test_sampling_keeps_its_seed_in_its_config():
    layer = Sampling(seed=7, name="noise")
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert (copy.seed, copy.name) == (7, "noise")


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="a kernel of TensorFlow")
@pytest.mark.parametrize("dtype, tolerance", [("float32", 1e-5), ("mixed_bfloat16", 2e-2)])
def test_fused_batch_normalization_is_that_of_keras(dtype, tolerance):
    random = np.random.default_rng(0)
    upstream = random.normal(size=(6, 5, 4, 3)).astype(np.float32)
    found = []
    for kind in (FusedBatchNormalization, keras.layers.BatchNormalization):
        layer = kind(dtype=dtype)
        layer.build((None, 5, 4, 3))
        layer.gamma.assign([0.5, 1.0, 2.0])
        layer.beta.assign([-1.0, 0.0, 1.0])
        x = tf.constant(2 + 3 * np.random.default_rng(1).normal(size=(6, 5, 4, 3)), tf.float32)
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = layer(x, training=True)
            assert y.dtype == layer.compute_dtype
            loss = tf.reduce_sum(tf.cast(y, tf.float32) * upstream)
        gradients = tape.gradient(loss, [x, *layer.trainable_weights])
        found.append([y, *gradients, *layer.non_trainable_weights, layer(x, training=False)])
    assert len(found[0]) == 7
    for ours, theirs in zip(*found, strict=True):
        ours, theirs = (np.asarray(tf.cast(each, tf.float32)) for each in (ours, theirs))
        np.testing.assert_allclose(ours, theirs, atol=tolerance * np.abs(theirs).max())


def test_fused_batch_normalization_has_one_kernel_for_images_alone():
    layer = FusedBatchNormalization()
    x = np.random.default_rng(0).normal(size=(6, 3)).astype(np.float32)
    y = layer(x, training=True)  # a dense layer's outputs
    np.testing.assert_allclose(np.std(y, axis=0), 1, atol=1e-2)
    assert 0 < np.abs(layer.moving_mean.numpy()).max() < 0.1
