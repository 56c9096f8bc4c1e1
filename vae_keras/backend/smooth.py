"""Smooth activations, with fused kernels for training."""

import math
from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from vae_keras.backend.precision import HALF
from vae_keras.support.errors import check_name

Tensor = Any
Function = Callable[..., Any]

# Each function maps x to its value and its derivative, which share subexpressions.


def gelu(x: Tensor) -> tuple[Tensor, Tensor]:
    """x·Φ(x), where Φ is the distribution function of N(0, 1): the exact form.

    Reference:
        Hendrycks & Gimpel 2016, https://arxiv.org/abs/1606.08415.
    """
    twice_cdf = 1.0 + ops.erf(x * math.sqrt(0.5))
    density = ops.exp(-0.5 * x * x) * (1.0 / math.sqrt(2.0 * math.pi))
    # LiteRT has GELU but no erf. Its converter finds GELU in products of this order only.
    return 0.5 * x * twice_cdf, 0.5 * twice_cdf + x * density


def gelu_tanh(x: Tensor) -> tuple[Tensor, Tensor]:
    """½x·(1 + tanh(√(2/π)·(x + 0.044715x³))), the approximation of GELU in the same paper."""
    scale, cubic = math.sqrt(2.0 / math.pi), 0.044715
    t = ops.tanh(scale * (x + cubic * x * x * x))
    slope = scale * (1.0 + 3.0 * cubic * x * x)
    return 0.5 * x * (1.0 + t), 0.5 * (1.0 + t) + 0.5 * x * (1.0 - t * t) * slope


def silu(x: Tensor) -> tuple[Tensor, Tensor]:
    """x·σ(x), where σ is the logistic function: SiLU, or swish.

    Reference:
        Elfwing, Uchibe & Doya 2017, https://arxiv.org/abs/1702.03118.
    """
    s = ops.sigmoid(x)
    return x * s, s * (1.0 + x * (1.0 - s))


def mish(x: Tensor) -> tuple[Tensor, Tensor]:
    """x·tanh(log(1 + eˣ)), in terms of s = σ(x) and q = 1 − s, which cannot overflow.

    Reference:
        Misra 2019, https://arxiv.org/abs/1908.08681.
    """
    s = ops.sigmoid(x)
    q = 1.0 - s
    r = 1.0 / (1.0 + q * q)
    t = s * (1.0 + q) * r  # tanh(log(1 + eˣ))
    return x * t, t + x * s * (1.0 + t) * (2.0 * q * q * r)


SMOOTH_FUNCTIONS = {"gelu": gelu, "gelu_tanh": gelu_tanh, "mish": mish, "silu": silu}


def _fused(function: Function) -> Function:
    """The function for training with TensorFlow: one kernel forward, one backward.

    A smooth activation consists of many operations, each of which reads and writes the whole
    tensor, forward and backward. XLA compiles those of each direction into one pass. The backward
    pass recomputes the shared subexpressions, because this takes less time than keeping the
    derivative: with two outputs, XLA makes several passes.
    """
    import tensorflow as tf

    forward = _compile(_value(function))
    backward = _compile(lambda x, up: _like(_wide(up) * function(_wide(x))[1], x))

    @tf.custom_gradient
    def fused(x: Tensor) -> tuple[Tensor, Function]:
        return forward(x), lambda upstream: backward(x, upstream)

    return fused


def _wide(x: Tensor) -> Tensor:
    """A 16-bit tensor as float32, in which a processor computes without emulation."""
    return ops.cast(x, "float32") if keras.backend.standardize_dtype(x.dtype) in HALF else x


def _like(value: Tensor, x: Tensor) -> Tensor:
    return ops.cast(value, x.dtype)


def _value(function: Function) -> Function:
    """The function for inference, in ordinary operations."""
    return lambda x: _like(function(_wide(x))[0], x)


def _fused_where_shapes_are_fixed(value: Function) -> Function:
    """The function for inference with TensorFlow.

    XLA compiles for one shape. That is faster in a graph with fixed shapes, such as the thousands
    of equal batches of an evaluation. Single calls and exported models, whose batches vary, use
    ordinary operations.
    """
    import tensorflow as tf

    kernel = _compile(value)

    def choose(x: Tensor) -> Tensor:
        fixed = not tf.executing_eagerly() and x.shape.is_fully_defined()
        return kernel(x) if fixed else value(x)

    return choose


def _compile(function: Function) -> Function:
    """The function compiled by XLA, once for every shape of its arguments."""
    import tensorflow as tf

    return tf.function(function, jit_compile=True)


VALUES = {name: _value(function) for name, function in SMOOTH_FUNCTIONS.items()}
if keras.backend.backend() == "tensorflow":
    FOR_TRAINING = {name: _fused(function) for name, function in SMOOTH_FUNCTIONS.items()}
    FOR_INFERENCE = {name: _fused_where_shapes_are_fixed(value) for name, value in VALUES.items()}
else:
    FOR_TRAINING = FOR_INFERENCE = VALUES  # JAX compiles its whole step; torch cannot use XLA


@keras.saving.register_keras_serializable(package="vae_keras")
class SmoothActivation(keras.layers.Layer):
    """A smooth activation, applied element by element.

    Training runs a fused kernel, exported models run ordinary operations. Both agree up to
    rounding.

    Args:
        function: `"gelu"`, `"gelu_tanh"`, `"mish"` or `"silu"`.
    """

    def __init__(self, function: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.function = check_name("smooth activation", function, FOR_INFERENCE)
        self.supports_masking = True

    def call(self, x: Any, training: bool = False) -> Any:
        return (FOR_TRAINING if training else FOR_INFERENCE)[self.function](x)

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "function": self.function}
