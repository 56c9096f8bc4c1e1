"""Inputs of models: uint8 and float images, large arrays, and users' encoders."""

import contextlib
import numbers
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from vae_keras.backend.precision import HALF
from vae_keras.config import check_output_layer, check_strides
from vae_keras.support.errors import InputError

Tensor = Any
ROUNDING = 1e-4
# How TensorFlow shows the values of a failed check of a `tf.data.Dataset`.
_OUT_OF_RANGE = re.compile(r"\[out of range\] \[(\S+)\] \[(\S+)\]")


def as_unit_range(images: Tensor) -> Tensor:
    """Images as floats in [0, 1]: uint8 is divided by 255, floats must be in this range.

    Raises:
        InputError: If float images outside of a compiled function are not in [0, 1].
    """
    if not hasattr(images, "dtype"):
        images = np.asarray(images)
    if keras.backend.standardize_dtype(images.dtype) == "uint8":
        return ops.cast(images, "float32") / 255.0
    if isinstance(images, np.ndarray) or hasattr(images, "numpy"):
        check_range(images)
    return ops.convert_to_tensor(images)


def check_range(images: Any) -> None:
    """Raise `InputError` unless float images lie in [0, 1]."""
    values = ops.convert_to_numpy(images)
    if not values.size or values.dtype == np.uint8:
        return
    if not (values.min() >= -ROUNDING and values.max() <= 1 + ROUNDING):  # true for NaN
        raise _range_error(values.min(), values.max())


def _range_error(lowest: float, highest: float) -> InputError:
    return InputError(
        f"float images must lie in [0, 1], received values from {lowest:.4g} to {highest:.4g}: "
        "scale them, or pass uint8 images, which are divided by 255"
    )


def check_batches(data: Any) -> Any:
    """Check the range of images; return the data to use instead.

    The first images of an array, the first batch of an iterator or a `keras.utils.PyDataset`, and
    every batch of a `tf.data.Dataset` are checked. A dataset is not iterated here: the check is
    mapped over its batches. If it fails inside `range_errors`, an `InputError` is raised.
    """
    if hasattr(data, "shape"):
        check_range(data[:32])
    elif hasattr(data, "element_spec") and hasattr(data, "map"):
        return _with_check(data)
    elif isinstance(data, keras.utils.PyDataset):
        check_range(_images_of(data[0]))
    elif isinstance(data, Iterator):
        first = next(data, None)
        if first is None:
            raise InputError("there are no batches: the iterator is at its end")
        check_range(_images_of(first))
        return _chain(first, data)
    return data


def _chain(first: Any, rest: Iterator) -> Iterator:
    """A generator, the only kind of iterator that Keras accepts."""
    yield first
    yield from rest


def _with_check(data: Any) -> Any:
    """A `tf.data.Dataset` that fails at images out of range."""
    import tensorflow as tf

    spec = _images_of(data.element_spec)
    if getattr(spec, "dtype", tf.uint8) == tf.uint8:
        return data

    def check(images: Any, *others: Any) -> Any:
        values = tf.cast(images, tf.float32)
        inside = tf.reduce_all((values >= -ROUNDING) & (values <= 1 + ROUNDING))
        shown = ["out of range", tf.reduce_min(values), tf.reduce_max(values)]
        with tf.control_dependencies([tf.debugging.Assert(inside, shown)]):
            images = tf.identity(images)
        return (images, *others) if isinstance(data.element_spec, tuple) else images

    return data.map(check)


@contextlib.contextmanager
def range_errors() -> Iterator[None]:
    """Inside the block, a dataset whose images are out of range raises `InputError`."""
    try:
        yield
    except Exception as error:
        if found := _OUT_OF_RANGE.search(str(error)):
            raise _range_error(*map(float, found.groups())) from None
        raise


def target_images(x: Tensor, y: Tensor | None, image_shape: tuple[int, ...]) -> Tensor:
    """The target of the reconstructions of `x`: `y`, or `x` without it."""
    target = x if y is None else y
    if tuple(target.shape[1:]) != image_shape:
        raise InputError(
            f"the target must be images of {image_shape}, received {tuple(target.shape)}: omit y "
            "to reconstruct the images themselves"
        )
    return as_unit_range(target)


def in_batches(function: Callable, inputs: Tensor, batch_size: int) -> Any:
    """`function(inputs)`, computed in batches and concatenated.

    If their number is unknown, as it can be inside a compiled function, all inputs are computed at
    once. Under PyTorch, the results have no graph for gradients, because it would keep the
    activations of all batches in memory.
    """
    inputs = inputs if hasattr(inputs, "shape") else np.asarray(inputs)
    count = inputs.shape[0]
    if count is None or count <= batch_size:
        return _without_graph(function(inputs))
    starts = range(0, count, batch_size)
    parts = [_without_graph(function(inputs[start : start + batch_size])) for start in starts]
    return keras.tree.map_structure(lambda *each: ops.concatenate(each), *parts)


def _without_graph(outputs: Any) -> Any:
    if keras.backend.backend() != "torch":
        return outputs
    return keras.tree.map_structure(ops.stop_gradient, outputs)


def check_networks(
    encoder: keras.Model, decoder: keras.Model, names: Sequence[str]
) -> tuple[int, tuple[int, ...]]:
    """Check that two networks fit together.

    Args:
        encoder: Network from images to the outputs `names`: a dictionary, a list or a tuple of
            them, or a single tensor.
        decoder: Network from z to images.
        names: Names of the required outputs.

    Returns:
        Tuple of the size of the latent space and the shape of an image.

    Raises:
        InputError: If they do not fit each other.
    """
    try:
        outputs, latent_dim = encoder.output, decoder.input_shape[-1]
        image_shape = tuple(decoder.output_shape[1:])
        encoded_shape = tuple(encoder.input_shape[1:])
    except (AttributeError, ValueError):
        raise InputError(
            "encoder and decoder must be functional or sequential models with known shapes"
        ) from None
    for name, output in name_outputs(outputs, names).items():
        if name in names and tuple(output.shape[1:]) != (latent_dim,):
            raise InputError(
                f"output {name!r} of the encoder has shape {tuple(output.shape)}, but the decoder "
                f"takes (batch, {latent_dim})"
            )
    if encoded_shape != image_shape:
        raise InputError(
            f"the encoder takes images of {encoded_shape}, but the decoder returns {image_shape}"
        )
    if any(weight.dtype in HALF for weight in (*encoder.weights, *decoder.weights)):
        raise InputError(
            "16-bit weights are too coarse for training: use the dtype policy mixed_bfloat16 "
            "or mixed_float16, which keep float32 weights"
        )
    return latent_dim, image_shape


def name_outputs(outputs: Any, names: Sequence[str]) -> dict[str, Tensor]:
    """The outputs of an encoder by name, without further elements of a list, such as z.

    Raises:
        InputError: If there are too few, or a dictionary lacks a name.
    """
    if isinstance(outputs, dict):
        missing = [name for name in names if name not in outputs]
        named = outputs
    else:
        listed = list(outputs) if isinstance(outputs, (list, tuple)) else [outputs]
        missing = list(names[len(listed) :])
        named = dict(zip(names, listed))
    if missing:
        raise InputError(
            f"the encoder must return {', '.join(names)}, as a dictionary or in this order; "
            f"{missing[0]} is missing"
        )
    return named


def _images_of(batch: Any) -> Any:
    images = keras.utils.unpack_x_y_sample_weight(batch)[0]
    if not hasattr(images, "shape"):
        raise InputError(
            "batches must be images, or tuples of images, targets and weights, received "
            f"{type(images).__name__}"
        )
    return images


def check_sizes(
    image_shape: Sequence[int],
    latent_dim: int,
    filters: Sequence[int],
    strides: Sequence[int],
    output_layer: str | None = None,
) -> int:
    """Check the sizes of a network and return the product of its strides.

    Args:
        image_shape, latent_dim, filters, strides: As for `build_encoder`.
        output_layer: Kind of an output layer, to which the last stride belongs; None without one.

    Raises:
        InputError: Unless all sizes are whole numbers and fit together.
    """
    if not _are_whole(image_shape) or len(image_shape) != 3:
        raise InputError(
            "⟨image_shape⟩ must be (height, width, channels), whole numbers of at least 1, "
            f"received {image_shape!r}"
        )
    if not _are_whole([latent_dim]):
        raise InputError(
            f"⟨latent_dim⟩ must be a whole number of at least 1, received {latent_dim!r}"
        )
    for name, values in (("filters", filters), ("strides", strides)):
        if not _are_whole(values):
            raise InputError(
                f"⟨{name}⟩ must be one or more whole numbers of at least 1, received {values!r}"
            )
    if output_layer is None and len(filters) != len(strides):
        raise InputError(
            "⟨filters⟩ and ⟨strides⟩ must have the same length, received "
            f"{tuple(filters)} and {tuple(strides)}"
        )
    if output_layer is not None and len(filters) + 1 != len(strides):
        raise InputError(
            "⟨strides⟩ must have one number more than ⟨filters⟩, for the output layer, received "
            f"{tuple(strides)} and {tuple(filters)}"
        )
    if output_layer is not None:
        check_output_layer(output_layer, strides)
    return check_strides(image_shape, strides)


def _are_whole(values: Any) -> bool:
    """Whether `values` is a sequence of one or more whole numbers of at least 1."""
    return (
        hasattr(values, "__len__")
        and len(values) > 0
        and all(
            isinstance(each, numbers.Integral) and not isinstance(each, bool) and int(each) >= 1
            for each in values
        )
    )
