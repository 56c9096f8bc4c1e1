import math
import os
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.special import erf, expit

from vae_keras.activations import ACTIVATIONS, activation_layer
from vae_keras.backend.smooth import SMOOTH_FUNCTIONS
from vae_keras.support.errors import InputError

X = np.linspace(-10, 10, 2001)

SELU_ALPHA, SELU_SCALE = 1.6732632423543772, 1.0507009873554805
SOFTPLUS = np.logaddexp(0, X)

FORMULAS = {
    "elu": np.where(X > 0, X, np.expm1(X)),
    "gelu": X * 0.5 * (1 + erf(X / math.sqrt(2))),
    "gelu_tanh": 0.5 * X * (1 + np.tanh(math.sqrt(2 / math.pi) * (X + 0.044715 * X**3))),
    "leaky_relu": np.where(X > 0, X, 0.3 * X),
    "leaky_relu_0.01": np.where(X > 0, X, 0.01 * X),
    "mish": X * np.tanh(SOFTPLUS),
    "relu": np.maximum(X, 0),
    "selu": SELU_SCALE * np.where(X > 0, X, SELU_ALPHA * np.expm1(X)),
    "sigmoid": expit(X),
    "silu": X * expit(X),
    "softplus": SOFTPLUS,
    "tanh": np.tanh(X),
}


def test_every_name_has_a_formula_here():
    assert set(FORMULAS) == set(ACTIVATIONS)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activation_is_what_its_name_says(name):
    measured = np.asarray(activation_layer(name)(X.astype(np.float32)), np.float64)
    assert np.all(np.abs(measured - FORMULAS[name]) <= 1e-6 * np.maximum(1, np.abs(X)))


def derivative(name, x, **arguments):
    x = tf.constant(x, tf.float32)
    upstream = tf.random.stateless_uniform(x.shape, seed=(0, 0), minval=1.0, maxval=2.0)
    with tf.GradientTape() as tape:
        tape.watch(x)
        value = activation_layer(name)(x, **arguments)
    gradient = tape.gradient(value, x, upstream) / upstream
    return np.asarray(value, np.float64), np.asarray(gradient, np.float64)


PHI = 0.5 * (1 + erf(X / math.sqrt(2)))
DENSITY = np.exp(-(X**2) / 2) / math.sqrt(2 * math.pi)
TANH = np.tanh(math.sqrt(2 / math.pi) * (X + 0.044715 * X**3))
DERIVATIVES = {
    "gelu": PHI + X * DENSITY,
    "gelu_tanh": 0.5 * (1 + TANH)
    + 0.5 * X * (1 - TANH**2) * math.sqrt(2 / math.pi) * (1 + 3 * 0.044715 * X**2),
    "mish": np.tanh(SOFTPLUS) + X * expit(X) / np.cosh(SOFTPLUS) ** 2,
    "silu": expit(X) * (1 + X * expit(-X)),
}


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("name", SMOOTH_FUNCTIONS)
def test_value_and_derivative_of_smooth_activations(name, training):
    value, slope = derivative(name, X, training=training)
    tolerance = 1e-6 * np.maximum(1, np.abs(X))
    assert np.all(np.abs(value - FORMULAS[name]) <= tolerance)
    assert np.all(np.abs(slope - DERIVATIVES[name]) <= tolerance)


@pytest.mark.parametrize("name", SMOOTH_FUNCTIONS)
def test_inference_is_compiled_where_shapes_are_fixed_and_only_there(name):
    layer = activation_layer(name)
    x = X.astype(np.float32)
    for shape, compiled in ((x.shape, True), ([None], False)):
        graph = tf.function(layer).get_concrete_function(tf.TensorSpec(shape))
        calls = [node.op for node in graph.graph.as_graph_def().node]
        assert ("PartitionedCall" in calls or "StatefulPartitionedCall" in calls) == compiled
        measured = np.asarray(graph(tf.constant(x)), np.float64)
        assert np.all(np.abs(measured - FORMULAS[name]) <= 1e-6 * np.maximum(1, np.abs(X)))


WIDTH = "xla_cpu_prefer_vector_width"
COMPILE = """
import os, sys, numpy as np
from vae_keras.activations import activation_layer
before = os.environ.get("XLA_FLAGS")
activation_layer("gelu")(np.ones(64, np.float32), training=True)
assert os.environ.get("XLA_FLAGS") == before
"""
AS_A_COMMAND = """
from vae_keras.support.start import load
load("vae_keras.backend.smooth")
"""


@pytest.mark.slow
@pytest.mark.skipif(
    not tf.__version__.startswith("2.21."),
    reason="other versions of TensorFlow may name XLA's flags otherwise",
)
@pytest.mark.parametrize("wanted, width", [("", 512), (f"--{WIDTH}=128", 128)])
def test_commands_let_xla_use_wide_vectors_unless_told_otherwise(tmp_path, wanted, width):
    # What the user set is kept, and XLA's own record of its settings is read.
    environment = {
        **os.environ,
        "XLA_FLAGS": f"--xla_dump_to={tmp_path} --xla_dump_hlo_as_text {wanted}",
    }
    subprocess.run([sys.executable, "-c", AS_A_COMMAND + COMPILE], env=environment, check=True)
    settings = [path.read_text() for path in tmp_path.glob("*debug_options")]
    assert settings and all(f"{WIDTH}: {width}" in text for text in settings)


@pytest.mark.slow
def test_the_package_alone_sets_no_xla_flags():
    environment = {name: value for name, value in os.environ.items() if name != "XLA_FLAGS"}
    subprocess.run([sys.executable, "-c", COMPILE], env=environment, check=True)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("name", SMOOTH_FUNCTIONS)
def test_smooth_activations_are_finite_far_out(name, training):
    value, slope = derivative(name, [-1e4, 1e4], training=training)
    np.testing.assert_allclose(value, [0, 1e4], atol=1e-2)
    np.testing.assert_allclose(slope, [0, 1], atol=1e-6)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activation_is_finite_far_out(name):
    assert np.all(np.isfinite(activation_layer(name)(np.float32([-1e4, 1e4]))))


def test_leaky_relu_has_the_slope_of_the_book():
    assert float(activation_layer("leaky_relu")(np.float32([-1.0]))[0]) == pytest.approx(-0.3)


def test_the_tanh_form_of_gelu_is_another_function():
    x = X.astype(np.float32)
    exact, approximate = (np.asarray(activation_layer(name)(x)) for name in ("gelu", "gelu_tanh"))
    assert np.abs(exact - approximate).max() > 1e-4


def test_an_unknown_activation_is_answered_with_the_nearest():
    with pytest.raises(InputError, match="unknown activation 'geluu': did you mean 'gelu'"):
        activation_layer("geluu")


OTHER_NAMES = {
    "celu": np.where(X > 0, X, np.expm1(X)),
    "hard_swish": X * np.clip(X / 6 + 0.5, 0, 1),
    "relu6": np.clip(X, 0, 6),
    "swish": FORMULAS["silu"],
}


@pytest.mark.parametrize("name", OTHER_NAMES)
def test_other_names_mean_what_they_mean_in_keras(name):
    layer = activation_layer(name, "mine")
    measured = np.asarray(layer(X.astype(np.float32)), np.float64)
    assert np.all(np.abs(measured - OTHER_NAMES[name]) <= 1e-6 * np.maximum(1, np.abs(X)))
    assert layer.name == "mine"


@pytest.mark.parametrize("name", dir(keras.activations))
def test_a_name_of_keras_is_a_function_or_refused(name):
    if name.startswith("_") or name in ("deserialize", "get", "serialize"):
        with pytest.raises(InputError, match="unknown activation"):
            activation_layer(name)
    else:
        assert activation_layer(name).name


@pytest.mark.parametrize("function", [keras.ops.sin, np.sin, lambda x: keras.ops.sin(x)])
def test_a_function_becomes_a_layer(function):
    x = X.astype(np.float32)
    np.testing.assert_allclose(activation_layer(function, "sine")(x), np.sin(x), atol=1e-6)


@pytest.mark.parametrize("activation", [keras.layers.PReLU(name="mine"), keras.layers.PReLU])
def test_each_place_has_its_own_copy_of_a_layer(activation):
    first, second = (activation_layer(activation, name) for name in ("first", "second"))
    assert (first.name, second.name) == ("first", "second")
    for layer in (first, second):
        layer.build((None, 3))
    first.alpha.assign([1.0, 2.0, 3.0])
    np.testing.assert_array_equal(second.alpha, [0, 0, 0])


def test_a_copy_of_a_layer_has_its_arguments():
    layer = activation_layer(keras.layers.LeakyReLU(0.05))
    np.testing.assert_allclose(layer(np.float32([-1.0, 2.0])), [-0.05, 2.0])


@pytest.mark.parametrize("activation", ["hard_swisch", 5, None])
def test_what_is_no_activation_is_one_line(activation):
    with pytest.raises(InputError, match=f"unknown activation {activation!r}.*hard_swish"):
        activation_layer(activation)
