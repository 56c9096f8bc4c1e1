"""Activations by name, and their layers."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from vae_keras.support.errors import check_name

if TYPE_CHECKING:
    import keras

# Name: the class of the layer, and its first argument. The book means Keras's LeakyReLU layer,
# whose slope is 0.3; Keras's string "leaky_relu" means 0.2.
ACTIVATIONS: dict[str, tuple[str, Any]] = {
    "elu": ("Activation", "elu"),
    "gelu": ("SmoothActivation", "gelu"),
    "gelu_tanh": ("SmoothActivation", "gelu_tanh"),
    "leaky_relu": ("LeakyReLU", 0.3),
    "leaky_relu_0.01": ("LeakyReLU", 0.01),
    "mish": ("SmoothActivation", "mish"),
    "relu": ("Activation", "relu"),
    "selu": ("Activation", "selu"),
    "sigmoid": ("Activation", "sigmoid"),
    "silu": ("SmoothActivation", "silu"),
    "softplus": ("Activation", "softplus"),
    "tanh": ("Activation", "tanh"),
}

Activation = str | Callable[..., Any]  # Keras's layers and their classes are callable too


def activation_layer(activation: Activation, name: str | None = None) -> "keras.Layer":
    """A new layer that applies an activation.

    Args:
        activation: One of the names in `ACTIVATIONS`: `"gelu"` is the exact form x·Φ(x)
            (Hendrycks & Gimpel 2016, https://arxiv.org/abs/1606.08415), `"gelu_tanh"` its
            approximation, `"leaky_relu"` has slope 0.3. Or another activation of Keras, such as
            `"hard_swish"`; a function of a tensor; a class of Keras layers; or a layer, which is
            copied with new weights.
        name: Name of the layer.

    Raises:
        InputError: If the name is unknown; the message lists the known ones.
    """
    # Imported here, so that a command line can list the names without TensorFlow.
    import keras

    from vae_keras.backend.smooth import SmoothActivation

    if isinstance(activation, str) and activation in ACTIVATIONS:
        kind, argument = ACTIVATIONS[activation]
        layer = SmoothActivation if kind == "SmoothActivation" else getattr(keras.layers, kind)
        return layer(argument, name=name)
    if isinstance(activation, type) and issubclass(activation, keras.Layer):
        return activation(name=name)
    if isinstance(activation, keras.Layer):
        return type(activation).from_config({**activation.get_config(), "name": name})
    if isinstance(activation, str) or not callable(activation):
        keras_names = set(dir(keras.activations)) - {"deserialize", "get", "serialize"}
        keras_names = {each for each in keras_names if not each.startswith("_")}
        check_name("activation", activation, {*ACTIVATIONS, *keras_names})
    return keras.layers.Activation(activation, name=name)
