"""Trained networks as plain lists of layers, which `web/network.js` runs."""

import base64
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import keras
import numpy as np
from keras import layers

from vae_keras.activations import ACTIVATIONS
from vae_keras.backend.convolution import PreciseConv2D, PreciseConv2DTranspose
from vae_keras.backend.normalization import FusedBatchNormalization
from vae_keras.backend.smooth import SmoothActivation
from vae_keras.support.errors import InputError

Layer = dict[str, Any]  # a layer for JSON: its `kind`, its sizes and its weights

KERAS_FUNCTIONS = {
    keras.activations.get(argument): argument
    for kind, argument in ACTIVATIONS.values()
    if kind == "Activation"
}


def describe_network(network: keras.Model) -> list[Layer]:
    """A trained network as the list of layers that a page runs.

    Kernels are float16 and vectors float32, which halves the page and changes pixels by less than
    a hundredth. Layers without effect at inference, or that only change shapes, are omitted.

    Args:
        network: `keras.Model` with one output and a chain of layers.

    Returns:
        List of dictionaries for JSON, in the order of computation.

    Raises:
        InputError: If the page cannot run one of the layers.
    """
    return _describe_chain(_chain(network, network.output))


def describe_encoder(
    encoder: keras.Model, outputs: Mapping[str, str], projection: np.ndarray | None = None
) -> dict[str, Any]:
    """A trained encoder as the layers that its outputs share, and those of each output.

    Args:
        encoder: `keras.Model` with named outputs and a chain of layers up to a fork.
        outputs: Dictionary from the name of an output in the page to its name in the encoder.
        projection: Array `(new size, size)` that multiplies every output, which must be that of a
            dense layer; None for none.

    Returns:
        Dictionary for JSON: `trunk`, a list as from `describe_network`, and `heads`, such a list
        for each output.

    Raises:
        InputError: If the page cannot run one of the layers.
    """
    chains = [_chain(encoder, encoder.output[name]) for name in outputs.values()]
    shared = 0
    while all(len(chain) > shared + 1 and chain[shared] is chains[0][shared] for chain in chains):
        shared += 1
    heads = {name: _describe_chain(chain[shared:]) for name, chain in zip(outputs, chains)}
    if projection is not None:
        for head, chain in zip(heads.values(), chains):
            if head[-1]["kind"] != "dense":
                raise _refusal(chain[-1], "ends the network")
            head[-1] = _describe_dense(chain[-1], projection)
    return {"trunk": _describe_chain(chains[0][:shared]), "heads": heads}


def count_multiplications(description: Iterable[Layer]) -> int:
    """Multiplications of a described network's convolutions and dense layers, for one input."""
    return sum(layer.get("multiplications", 0) for layer in description)


def count_weights(description: Iterable[Layer]) -> int:
    """Values in the kernels of a described network."""
    return sum(layer.get("weights", 0) for layer in description)


def encode_array(values: Any, dtype: str) -> dict[str, str]:
    """An array for JSON: its type and, in base64, its bytes in little-endian order."""
    values = np.asarray(values, np.dtype(dtype).newbyteorder("<"))
    return {dtype: base64.b64encode(values.tobytes()).decode()}


def _chain(network: keras.Model, tensor: Any) -> list[Any]:
    """The layers from the input of a network to one of its tensors."""
    makers = {id(layer.output): layer for layer in network.layers}
    chain = []
    while tensor is not network.input:
        layer = makers[id(tensor)]
        chain.append(layer)
        tensor = layer.input
        if not keras.backend.is_keras_tensor(tensor):
            raise _refusal(layer, "has several inputs")
    return chain[::-1]


def _describe_chain(chain: Iterable[Any]) -> list[Layer]:
    return [part for layer in chain for part in _describe_layer(layer)]


def _describe_layer(layer: Any) -> list[Layer]:
    """The steps of a page for one layer: none, one or two."""
    known = DESCRIBERS.get(type(layer))
    if known is None:
        raise _refusal(layer, f"is a {type(layer).__name__}")
    steps = known(layer)
    function = getattr(layer, "activation", keras.activations.linear)
    if function is not keras.activations.linear:
        if function not in KERAS_FUNCTIONS:
            raise _refusal(layer, f"has activation {getattr(function, '__name__', function)}")
        steps = [*steps, {"kind": "activation", "function": KERAS_FUNCTIONS[function]}]
    return steps


def _describe_dense(layer: Any, projection: np.ndarray | None = None) -> Layer:
    kernel, bias = layer.kernel.numpy(), _bias(layer, layer.units)
    if projection is not None:
        kernel, bias = kernel @ projection.T, projection @ bias
    return {
        "kind": "dense",
        "inputs": kernel.shape[0],
        "outputs": kernel.shape[1],
        **_weights(kernel, bias),
        "multiplications": kernel.size,
    }


def _describe_convolution(layer: Any) -> Layer:
    transposed = isinstance(layer, layers.Conv2DTranspose)
    usual = {
        "padding": "same",
        "data_format": "channels_last",
        "dilation_rate": (1, 1),
        "groups": 1,
    }
    for name, value in usual.items():
        # A transposed convolution has no groups.
        if (received := getattr(layer, name, value)) != value:
            raise _refusal(layer, f"has {name} {received}")
    if getattr(layer, "output_padding", None) is not None:
        raise _refusal(layer, f"has output_padding {layer.output_padding}")
    kernel = layer.kernel.numpy()
    if transposed:  # Keras's kernel has the outputs before the inputs
        kernel = kernel.swapaxes(2, 3)
    # A kernel is applied once at every position of the smaller image.
    positions = math.prod((layer.input if transposed else layer.output).shape[1:3])
    return {
        "kind": "convolution",
        "transposed": transposed,
        "size": list(kernel.shape[:2]),
        "strides": list(layer.strides),
        "input": list(layer.input.shape[1:]),
        "output": list(layer.output.shape[1:]),
        **_weights(kernel, _bias(layer, layer.filters)),
        "multiplications": positions * kernel.size,
    }


def _describe_batch_normalization(layer: Any) -> Layer:
    """At inference, every channel is multiplied by a factor and shifted by an offset."""
    if layer.axis not in (-1, len(layer.input.shape) - 1):
        raise _refusal(layer, f"normalizes axis {layer.axis}")
    mean, variance = layer.moving_mean.numpy(), layer.moving_variance.numpy()
    factor = (layer.gamma.numpy() if layer.scale else 1.0) / np.sqrt(variance + layer.epsilon)
    offset = (layer.beta.numpy() if layer.center else 0.0) - mean * factor
    return {"kind": "scale", **_vectors(factor=factor, offset=offset)}


def _describe_layer_normalization(layer: Any) -> Layer:
    if list(np.atleast_1d(layer.axis)) not in ([-1], [len(layer.input.shape) - 1]):
        raise _refusal(layer, f"normalizes axes {layer.axis}")
    size = layer.input.shape[-1]
    factor = layer.gamma.numpy() if layer.scale else np.ones(size)
    offset = layer.beta.numpy() if layer.center else np.zeros(size)
    return {
        "kind": "layer_normalization",
        "epsilon": layer.epsilon,
        **_vectors(factor=factor, offset=offset),
    }


def _describe_leaky_relu(layer: Any) -> Layer:
    return {"kind": "activation", "function": "leaky_relu", "slope": float(layer.negative_slope)}


def _describe_smooth(layer: Any) -> Layer:
    return {"kind": "activation", "function": layer.function}


def _one(describe: Callable[[Any], Layer]) -> Callable[[Any], list[Layer]]:
    return lambda layer: [describe(layer)]


def _nothing(layer: Any) -> list[Layer]:
    return []


DESCRIBERS: dict[type, Callable[[Any], list[Layer]]] = {
    layers.Dense: _one(_describe_dense),
    layers.Conv2D: _one(_describe_convolution),
    layers.Conv2DTranspose: _one(_describe_convolution),
    PreciseConv2D: _one(_describe_convolution),
    PreciseConv2DTranspose: _one(_describe_convolution),
    layers.BatchNormalization: _one(_describe_batch_normalization),
    FusedBatchNormalization: _one(_describe_batch_normalization),
    layers.LayerNormalization: _one(_describe_layer_normalization),
    layers.LeakyReLU: _one(_describe_leaky_relu),
    SmoothActivation: _one(_describe_smooth),
    layers.Activation: _nothing,  # `_describe_layer` adds its function
    layers.Dropout: _nothing,
    layers.Flatten: _nothing,
    layers.Reshape: _nothing,
}


def _bias(layer: Any, size: int) -> np.ndarray:
    return layer.bias.numpy() if layer.use_bias else np.zeros(size)


def _weights(kernel: np.ndarray, bias: np.ndarray) -> Layer:
    return {
        "kernel": encode_array(kernel, "float16"),
        **_vectors(bias=bias),
        "weights": kernel.size,
    }


def _vectors(**arrays: np.ndarray) -> Layer:
    return {name: encode_array(values, "float32") for name, values in arrays.items()}


def _refusal(layer: Any, reason: str) -> InputError:
    known = ", ".join(sorted(known.__name__ for known in DESCRIBERS))
    return InputError(
        f"layer {layer.name!r} {reason}, which the explorer's page cannot run: it supports chains "
        f"of {known}, as vae_keras.networks builds them"
    )
