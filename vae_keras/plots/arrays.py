"""Conversion of the arguments of figures, tensors and lists included, to NumPy arrays."""

import functools
import inspect
import typing
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import numpy as np

Function = TypeVar("Function", bound=Callable[..., Any])


def takes_arrays(function: Function) -> Function:
    """Let a function take tensors of any backend, or lists, for parameters declared as arrays.

    Their type is `np.ndarray`, a union with it, or a mapping to it.
    """
    signature = inspect.signature(function)
    kinds = typing.get_type_hints(function)

    @functools.wraps(function)
    def call(*arguments: Any, **options: Any) -> Any:
        given = signature.bind(*arguments, **options)
        for name, value in given.arguments.items():
            given.arguments[name] = _convert(value, kinds[name])
        return function(*given.args, **given.kwargs)

    return typing.cast(Function, call)


def as_array(values: Any) -> np.ndarray:
    """A tensor or nested lists as an array for matplotlib: 16-bit floats become float32."""
    if hasattr(values, "detach"):  # PyTorch cannot convert tensors with a gradient or on a GPU
        values = values.detach().cpu()
        values = values.float() if values.dtype.is_floating_point else values
    array = np.asarray(values)
    is_half = array.dtype.itemsize == 2 and array.dtype.kind in "fV"  # V: bfloat16
    return array.astype(np.float32) if is_half else array


def _convert(value: Any, kind: Any) -> Any:
    if value is None:
        return None
    inner = typing.get_args(kind)
    if typing.get_origin(kind) is Mapping:
        return {key: _convert(each, inner[1]) for key, each in value.items()}
    return as_array(value) if kind is np.ndarray or np.ndarray in inner else value
