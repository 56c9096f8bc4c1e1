"""Smooth activations and their derivatives, and the fast way to train through them."""

import functools
import math
import os

import keras
from keras import ops

WIDE_VECTORS = "--xla_cpu_prefer_vector_width=512"

# Each function maps x to its value and its derivative there, from shared parts.


def gelu(x):
    """x·Φ(x), Φ the distribution function of N(0, 1): the exact form.

    Reference:
        Hendrycks & Gimpel 2016, https://arxiv.org/abs/1606.08415.
    """
    cdf = 0.5 * (1.0 + ops.erf(x * math.sqrt(0.5)))
    density = ops.exp(-0.5 * x * x) * (1.0 / math.sqrt(2.0 * math.pi))
    return x * cdf, cdf + x * density


def gelu_tanh(x):
    """½x·(1 + tanh(√(2/π)·(x + 0.044715x³))), the approximation of GELU in the same paper."""
    scale, cubic = math.sqrt(2.0 / math.pi), 0.044715
    t = ops.tanh(scale * (x + cubic * x * x * x))
    slope = scale * (1.0 + 3.0 * cubic * x * x)
    return 0.5 * x * (1.0 + t), 0.5 * (1.0 + t) + 0.5 * x * (1.0 - t * t) * slope


def silu(x):
    """x·σ(x), σ the logistic function: SiLU, or swish.

    Reference:
        Elfwing, Uchibe & Doya 2017, https://arxiv.org/abs/1702.03118.
    """
    s = ops.sigmoid(x)
    return x * s, s * (1.0 + x * (1.0 - s))


def mish(x):
    """x·tanh(log(1 + eˣ)), written with s = σ(x) and q = 1 − s, which cannot overflow.

    Reference:
        Misra 2019, https://arxiv.org/abs/1908.08681.
    """
    s = ops.sigmoid(x)
    q = 1.0 - s
    r = 1.0 / (1.0 + q * q)
    t = s * (1.0 + q) * r  # tanh(log(1 + eˣ))
    return x * t, t + x * s * (1.0 + t) * (2.0 * q * q * r)


SMOOTH_FUNCTIONS = {"gelu": gelu, "gelu_tanh": gelu_tanh, "mish": mish, "silu": silu}


def _fused(function):
    """The function for training with TensorFlow: one kernel forward, one backward.

    Written out, a smooth activation is many operations, each of which reads and writes
    the whole tensor, forward and backward. XLA compiles those of either direction into one
    pass. To compute the shared parts again in the backward pass takes less time than to keep
    the derivative: with two outputs XLA makes several passes. Of all ways tried this was the
    fastest on a CPU; compiling the whole training step was slower than none of it.
    """
    import tensorflow as tf

    forward = _compile(lambda x: function(x)[0])
    backward = _compile(lambda x, upstream: upstream * function(x)[1])

    @tf.custom_gradient
    def fused(x):
        return forward(x), lambda upstream: backward(x, upstream)

    return fused


def _value(function):
    """The function for inference, in ordinary operations."""
    return lambda x: function(x)[0]


def _fused_where_shapes_are_fixed(value):
    """The function for inference with TensorFlow.

    XLA compiles for one shape. That pays in a graph whose shapes are all known, such as the
    evaluation's thousands of equal batches (a fifth less time); single calls and exported
    models, whose batches vary, keep ordinary operations.
    """
    import tensorflow as tf

    kernel = _compile(value)

    def choose(x):
        fixed = not tf.executing_eagerly() and x.shape.is_fully_defined()
        return kernel(x) if fixed else value(x)

    return choose


def _compile(function):
    """The function compiled by XLA, anew for every shape of its arguments."""
    import tensorflow as tf

    kernel = tf.function(function, jit_compile=True)

    def call(*tensors):
        _use_wide_vectors()
        return kernel(*tensors)

    return call


@functools.cache
def _use_wide_vectors():
    """Let XLA use vectors of 512 bits, where the processor has them.

    Unless told otherwise it keeps to 256, and GELU's kernels take half as long again (on Zen 5). It
    reads its flags once, when it compiles for the first time, and ends the process if it does not
    know one: hence the version, and hence the flag is not left to child processes.
    """
    import tensorflow as tf

    given = os.environ.get("XLA_FLAGS")
    if not tf.__version__.startswith("2.21.") or WIDE_VECTORS.partition("=")[0] in (given or ""):
        return
    os.environ["XLA_FLAGS"] = f"{given or ''} {WIDE_VECTORS}"
    try:
        with tf.init_scope(), tf.device("CPU"):
            tf.function(tf.identity, jit_compile=True)(0.0)
    finally:
        if given is None:
            del os.environ["XLA_FLAGS"]
        else:
            os.environ["XLA_FLAGS"] = given


VALUES = {name: _value(function) for name, function in SMOOTH_FUNCTIONS.items()}
if keras.backend.backend() == "tensorflow":
    FOR_TRAINING = {name: _fused(function) for name, function in SMOOTH_FUNCTIONS.items()}
    FOR_INFERENCE = {name: _fused_where_shapes_are_fixed(value) for name, value in VALUES.items()}
else:
    FOR_TRAINING = FOR_INFERENCE = VALUES  # JAX compiles its whole step; torch has its own way
