"""Floating-point types: what 16 bits are enough for, and what they are not."""

import contextlib
from collections.abc import Iterator
from typing import Any

import keras
from keras import ops

HALF = ("float16", "bfloat16")


@contextlib.contextmanager
def dtype_policy(name: str) -> Iterator[None]:
    """Inside the block, new layers have this dtype policy, whatever the global one is."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def precise_dtype() -> str | None:
    """float32 where the dtype policy computes in 16 bits, otherwise None for the policy itself.

    For means, log-variances, noise and pixels: rounding them to 16 bits costs more than it saves.
    """
    return "float32" if keras.config.dtype_policy().compute_dtype in HALF else None


def has_fast_bfloat16() -> bool:
    """Whether this processor has instructions for bfloat16; True where that is unknown."""
    try:
        with open("/proc/cpuinfo") as file:
            flags = next((line for line in file if line.startswith("flags")), "amx_bf16")
    except OSError:
        return True
    return "amx_bf16" in flags or "avx512_bf16" in flags


def weight_dtype() -> str:
    """The type of the weights: `floatx`, Keras's choice, may be another than the dtype policy's."""
    return keras.config.dtype_policy().variable_dtype


def precise(first: Any, second: Any) -> list[Any]:
    """Tensors as float64 if the first is, otherwise as float32: 16 bits are too few for sums.

    The first comes from the network. Images may be float64, as NumPy makes them, beside a network
    of float32; then all terms of the loss are float32.
    """
    first, second = ops.convert_to_tensor(first), ops.convert_to_tensor(second)
    is_double = keras.backend.standardize_dtype(first.dtype) == "float64"
    return [ops.cast(tensor, "float64" if is_double else "float32") for tensor in (first, second)]
