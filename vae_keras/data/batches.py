"""The pipelines that feed images to a model."""

from typing import TYPE_CHECKING

import numpy as np

from vae_keras.support.seeds import derive_seed

if TYPE_CHECKING:
    import tensorflow as tf


def training_batches(
    images: np.ndarray,
    batch_size: int,
    seed: int,
    first_epoch: int = 0,
    chosen: np.ndarray | None = None,
) -> "tf.data.Dataset":
    """An infinite sequence of training batches, epoch by epoch.

    The order of an epoch is a permutation that depends only on `seed` and the number of the epoch,
    so that training can resume at any epoch.

    Args:
        images: uint8 array `(images, height, width, channels)`.
        batch_size: Images in a batch; the last one of an epoch may be smaller.
        seed: Integer.
        first_epoch: The epoch to start with.
        chosen: Indices of the images to use; None for all.

    Returns:
        `tf.data.Dataset` of float32 tensors `(batch, height, width, channels)` in [0, 1].
    """
    import tensorflow as tf

    start = derive_seed(seed, "order")

    def order_of_epoch(epoch: "tf.Tensor") -> "tf.data.Dataset":
        # int32 takes half the memory of int64 and is enough for two billion images.
        order = tf.random.experimental.stateless_shuffle(
            tf.range(len(images), dtype=tf.int32) if chosen is None else tf.constant(chosen),
            seed=tf.stack([tf.constant(start, tf.int64), epoch]),
        )
        return tf.data.Dataset.from_tensor_slices(order).batch(batch_size)

    return _gather(images, tf.data.Dataset.counter(first_epoch).flat_map(order_of_epoch))


def ordered_batches(
    images: np.ndarray, batch_size: int, chosen: np.ndarray | None = None
) -> "tf.data.Dataset":
    """Batches in the order of the array, once, for evaluation.

    Args:
        images: uint8 array `(images, height, width, channels)`.
        batch_size: Images in a batch; the last one may be smaller.
        chosen: Indices of the images to use; None for all.

    Returns:
        `tf.data.Dataset` of float32 tensors `(batch, height, width, channels)` in [0, 1].
    """
    import tensorflow as tf

    if chosen is None:
        return _gather(images, tf.data.Dataset.range(len(images)).batch(batch_size))
    return _gather(images, tf.data.Dataset.from_tensor_slices(chosen).batch(batch_size))


def split_validation(count: int, fraction: float) -> tuple[np.ndarray, np.ndarray]:
    """Split the indices of the training images into training and validation.

    The split depends only on the two arguments, so that runs of several seeds share it.

    Args:
        count: Number of training images.
        fraction: Share to hold out; at least one image unless it is 0.

    Returns:
        Tuple of two int32 arrays of indices, in ascending order.
    """
    held_out = min(count - 1, max(1, round(fraction * count))) if fraction else 0
    order = np.random.default_rng(derive_seed(0, "validation")).permutation(count)
    fitted, kept = np.split(order.astype(np.int32), [count - held_out])
    return np.sort(fitted), np.sort(kept)


def scale(images: np.ndarray) -> np.ndarray:
    """uint8 images as float32 in [0, 1]."""
    return images.astype(np.float32) / np.float32(255)


def _gather(images: np.ndarray, indices: "tf.data.Dataset") -> "tf.data.Dataset":
    """A dataset of float32 images in [0, 1], from a dataset of batches of indices.

    NumPy selects the images, because a TensorFlow tensor of all images would be a second copy of
    the largest object in the process.
    """
    import tensorflow as tf

    def pick(chosen: "tf.Tensor") -> "tf.Tensor":
        batch = tf.numpy_function(lambda chosen: images[chosen], [chosen], tf.uint8, stateful=False)
        batch = tf.ensure_shape(batch, (None, *images.shape[1:]))
        return tf.cast(batch, tf.float32) / 255.0

    # There is nothing to tune, and the tuner can delay the end of a process by a minute.
    options = tf.data.Options()
    options.autotune.enabled = False
    return indices.map(pick).prefetch(2).with_options(options)
