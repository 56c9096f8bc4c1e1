"""Activations by name: the one place where a string becomes a layer."""

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
    "mish": ("SmoothActivation", "mish"),
    "relu": ("Activation", "relu"),
    "selu": ("Activation", "selu"),
    "sigmoid": ("Activation", "sigmoid"),
    "silu": ("SmoothActivation", "silu"),
    "softplus": ("Activation", "softplus"),
    "tanh": ("Activation", "tanh"),
}


def activation_layer(activation: str, name: str | None = None) -> "keras.Layer":
    """A new layer that applies an activation.

    Args:
        activation: One of the names in `ACTIVATIONS`: `"gelu"` is the exact form x·Φ(x)
            (Hendrycks & Gimpel 2016, https://arxiv.org/abs/1606.08415), `"gelu_tanh"` its
            approximation, `"leaky_relu"` has slope 0.3.
        name: Name of the layer.

    Raises:
        InputError: If the name is unknown; the message lists the known ones.
    """
    check_name("activation", activation, ACTIVATIONS)
    # Here, so that a command line can list the names without waiting for TensorFlow.
    import keras

    from vae_keras.backend.smooth import SmoothActivation

    kind, argument = ACTIVATIONS[activation]
    layer = SmoothActivation if kind == "SmoothActivation" else getattr(keras.layers, kind)
    return layer(argument, name=name)
