"""Activations by name: the one place where a string becomes a layer."""

from vae_keras.errors import check_name


def _keras(identifier):
    """A maker of Keras's own activation layer."""

    def make(name=None):
        import keras

        return keras.layers.Activation(identifier, name=name)

    return make


def _leaky_relu(name=None):
    import keras

    # 0.3 is the default of Keras's layer, and so of the book; the string "leaky_relu" means 0.2.
    return keras.layers.LeakyReLU(negative_slope=0.3, name=name)


def _smooth(function):
    """A maker of this package's layer for smooth activations."""

    def make(name=None):
        from vae_keras.layers import SmoothActivation

        return SmoothActivation(function, name=name)

    return make


# Keras is imported by the makers, not here, so that a command line can list
# the names without waiting for TensorFlow.
ACTIVATIONS = {
    "elu": _keras("elu"),
    "gelu": _smooth("gelu"),
    "gelu_tanh": _smooth("gelu_tanh"),
    "leaky_relu": _leaky_relu,
    "mish": _smooth("mish"),
    "relu": _keras("relu"),
    "selu": _keras("selu"),
    "sigmoid": _keras("sigmoid"),
    "silu": _smooth("silu"),
    "softplus": _keras("softplus"),
    "tanh": _keras("tanh"),
}


def activation_layer(activation, name=None):
    """A new layer that applies an activation.

    Args:
        activation: One of the names in `ACTIVATIONS`: `"gelu"` is the exact form
            x·Φ(x) (Hendrycks & Gimpel 2016, https://arxiv.org/abs/1606.08415),
            `"gelu_tanh"` its approximation, `"leaky_relu"` has slope 0.3.
        name: Name of the layer.

    Raises:
        InputError: If the name is unknown; the message lists the known ones.
    """
    return ACTIVATIONS[check_name("activation", activation, ACTIVATIONS)](name=name)
