"""Batches split among several devices, some of which may get no images of a small batch."""

import functools
import numbers
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import keras
import tensorflow as tf

from vae_keras.layers import Sampling
from vae_keras.model import Autoencoder
from vae_keras.support.errors import InputError


def distribution(devices: int | str) -> tf.distribute.Strategy:
    """The `tf.distribute.Strategy` for a number of devices of this host.

    Args:
        devices: A number, or `"all"`.

    Raises:
        InputError: If there are fewer.
    """
    if devices == 1:
        return tf.distribute.get_strategy()
    kind = "GPU" if tf.config.list_logical_devices("GPU") else "CPU"
    present = [device.name for device in tf.config.list_logical_devices(kind)]
    if devices != "all" and not isinstance(devices, numbers.Integral):
        raise InputError(f"⟨devices⟩ must be a whole number or 'all', received {devices!r}")
    wanted = len(present) if devices == "all" else int(devices)
    if not 1 <= wanted <= len(present):
        raise InputError(
            f"⟨devices⟩ is {wanted}, but TensorFlow finds only these devices: {', '.join(present)}"
        )
    return _mirrored(tuple(present[:wanted]))


@functools.cache
def _mirrored(devices: tuple[str, ...]) -> tf.distribute.Strategy:
    """One strategy for the whole process, because TensorFlow mixes up several strategies."""
    return tf.distribute.MirroredStrategy(devices)


if TYPE_CHECKING:
    _Base = Autoencoder
else:
    _Base = object  # a mixin of a model class, whose methods it calls


def shared(model_class: type[Autoencoder]) -> type[Autoencoder]:
    """The class of a model that trains with batches split among devices.

    `unshared` converts such a model to a plain one, which can be saved.
    """
    return type(model_class.__name__, (SharedBatches, model_class), {"plain_class": model_class})


def unshared(model: Autoencoder) -> Autoencoder:
    """A plain model with the weights of a model of a `shared` class; other models are unchanged."""
    if not isinstance(model, SharedBatches):
        return model
    plain = model.plain_class.from_config(model.get_config())
    plain.set_weights(model.get_weights())
    return plain


class SharedBatches(_Base):
    """The methods of a model whose batches are split among several devices."""

    plain_class: type[Autoencoder]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        sampling = getattr(self, "sampling", None)
        if sampling is not None:
            self.sampling = SharedSampling(sampling.seed, name=sampling.name)

    def call(self, images: tf.Tensor, training: bool = False) -> dict[str, tf.Tensor]:
        encoded = apply_to_share(self._encode, images, training)
        z = self.latent(encoded)
        reconstructions = apply_to_share(self.decoder, z, training)
        return {**encoded, "z": z, "reconstruction": reconstructions}

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> tf.Tensor:
        """The part of the loss that this device adds: gradients are summed over devices."""
        loss = super().compute_loss(x, y, y_pred, sample_weight, training)
        share = share_of_batch(tf.shape(x)[0])
        # The loss of a device without images is NaN.
        return tf.math.multiply_no_nan(loss, tf.cast(share.count / share.total, loss.dtype))


class SharedSampling(Sampling):
    """`Sampling` whose noise does not depend on the number of devices."""

    def call(self, mean: tf.Tensor, log_var: tf.Tensor) -> tf.Tensor:
        count, latent_dim = tf.unstack(tf.shape(mean))
        share = share_of_batch(count)
        shape = (share.total, latent_dim)
        noise = keras.random.normal(shape, dtype=mean.dtype, seed=self.seed_generator)
        return mean + tf.exp(0.5 * log_var) * noise[share.start : share.start + count]


class Share(NamedTuple):
    """Numbers of images in a batch: before those of this device, of this device, and in total."""

    start: tf.Tensor
    count: tf.Tensor
    total: tf.Tensor


def share_of_batch(count: tf.Tensor) -> Share:
    """The part of a batch on this device.

    Args:
        count: Number of images that this device has.
    """
    context = tf.distribute.get_replica_context()
    if context is None:  # Keras infers shapes outside of any device
        return Share(tf.constant(0), count, count)
    counts = context.all_gather(tf.reshape(count, (1,)), axis=0)
    start = tf.reduce_sum(counts[: context.replica_id_in_sync_group])
    return Share(start, count, tf.reduce_sum(counts))


def apply_to_share(network: Callable, inputs: tf.Tensor, training: bool) -> Any:
    """Apply a network to the images of this device, even if there are none.

    A blank input replaces an empty batch, because oneDNN, TensorFlow's library for convolutions on
    many CPUs, fails for it, and the statistics of batch normalization would be NaN.

    Args:
        network: Function of inputs and `training`.
        inputs: Float tensor whose first axis is the batch.
        training: Whether dropout and batch normalization are in training mode.

    Returns:
        The outputs of the network for the inputs without the blank one.
    """
    count = tf.shape(inputs)[0]
    added = tf.cast(count == 0, tf.int32)
    padded = tf.pad(inputs, [[0, added]] + [[0, 0]] * (len(inputs.shape) - 1))
    outputs = network(padded, training=training)
    return keras.tree.map_structure(lambda output: output[:count], outputs)
