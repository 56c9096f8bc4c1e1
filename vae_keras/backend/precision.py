"""Floating-point types in 16-bit computations."""

import contextlib
from collections.abc import Iterator
from typing import Any

import keras
from keras import ops

HALF = ("float16", "bfloat16")


@contextlib.contextmanager
def dtype_policy(name: str) -> Iterator[None]:
    """Inside the block, new layers have this dtype policy instead of the global one."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def precise_dtype() -> str | None:
    """float32 if the dtype policy computes in 16 bits, otherwise None for the policy itself.

    For means, log-variances, noise and pixels, which lose accuracy in 16 bits.
    """
    return "float32" if keras.config.dtype_policy().compute_dtype in HALF else None


def has_fast_bfloat16() -> bool:
    """Whether this processor has instructions for bfloat16; True if that is unknown."""
    try:
        with open("/proc/cpuinfo") as file:
            flags = next((line for line in file if line.startswith("flags")), "amx_bf16")
    except OSError:
        return True
    return "amx_bf16" in flags or "avx512_bf16" in flags


def weight_dtype() -> str:
    """The type of the weights in the dtype policy, which may differ from Keras's `floatx`."""
    return keras.config.dtype_policy().variable_dtype


def precise(first: Any, second: Any) -> list[Any]:
    """Tensors as float64 if the first is, otherwise as float32: 16 bits are too few for sums.

    The first tensor comes from the network. With a float32 network, all terms of the loss are
    float32, even for float64 images, NumPy's default.
    """
    first, second = ops.convert_to_tensor(first), ops.convert_to_tensor(second)
    is_double = keras.backend.standardize_dtype(first.dtype) == "float64"
    return [ops.cast(tensor, "float64" if is_double else "float32") for tensor in (first, second)]
