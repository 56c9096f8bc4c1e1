import keras
import numpy as np
import pytest
import tensorflow as tf

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
