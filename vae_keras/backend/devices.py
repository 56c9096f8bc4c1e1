"""Batches that several devices share; a small last one leaves some of them without an image."""

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import keras
import tensorflow as tf

from vae_keras.layers import Sampling
from vae_keras.model import Autoencoder
from vae_keras.support.errors import InputError


def distribution(devices: int | str) -> tf.distribute.Strategy:
    """The `tf.distribute.Strategy` that trains on so many devices of this host.

    Args:
        devices: A number, or `"all"`.

    Raises:
        InputError: If there are fewer.
    """
    if devices == 1:
        return tf.distribute.get_strategy()
    kind = "GPU" if tf.config.list_logical_devices("GPU") else "CPU"
    present = [device.name for device in tf.config.list_logical_devices(kind)]
    wanted = len(present) if devices == "all" else int(devices)
    if not 1 <= wanted <= len(present):
        raise InputError(
            f"{wanted} devices asked for, but there are {len(present)}: {', '.join(present)}"
        )
    return _mirrored(tuple(present[:wanted]))


@functools.cache
def _mirrored(devices: tuple[str, ...]) -> tf.distribute.Strategy:
    """One strategy for a whole process: TensorFlow mixes up the exchanges of several."""
    return tf.distribute.MirroredStrategy(devices)


if TYPE_CHECKING:
    _Base = Autoencoder
else:
    _Base = object  # it is mixed into a model class, whose methods it calls


def shared(model_class: type[Autoencoder]) -> type[Autoencoder]:
    """The class of a model that trains with batches shared among devices.

    `unshared` turns such a model into a plain one, which can be saved.
    """
    return type(model_class.__name__, (SharedBatches, model_class), {"plain_class": model_class})


def unshared(model: Autoencoder) -> Autoencoder:
    """A plain model with the weights of one whose class `shared` made; another one as it is."""
    if not isinstance(model, SharedBatches):
        return model
    plain = model.plain_class.from_config(model.get_config())
    plain.set_weights(model.get_weights())
    return plain


class SharedBatches(_Base):
    """What a model needs besides `Autoencoder` when several devices share its batches."""

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
        # A device without images has no mean: its loss is not a number.
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
    """The images of one device in a batch: those before it, its own, and all of them."""

    start: tf.Tensor
    count: tf.Tensor
    total: tf.Tensor


def share_of_batch(count: tf.Tensor) -> Share:
    """Which part of a batch this device has.

    Args:
        count: Number of images that this device has.
    """
    context = tf.distribute.get_replica_context()
    if context is None:  # Keras asks for shapes alone, outside of any device
        return Share(tf.constant(0), count, count)
    counts = context.all_gather(tf.reshape(count, (1,)), axis=0)
    start = tf.reduce_sum(counts[: context.replica_id_in_sync_group])
    return Share(start, count, tf.reduce_sum(counts))


def apply_to_share(network: Callable, inputs: tf.Tensor, training: bool) -> Any:
    """A network applied to the images of this device, even if there are none.

    A blank input stands in for none: oneDNN, TensorFlow's library for convolutions on many CPUs,
    fails without any, and batch normalization would have no number for its statistics.

    Args:
        network: Function of inputs and `training`.
        inputs: Float tensor whose first axis is the batch.
        training: Whether dropout and batch normalization act as in training.

    Returns:
        What the network returns, for as many inputs as there are.
    """
    count = tf.shape(inputs)[0]
    added = tf.cast(count == 0, tf.int32)
    padded = tf.pad(inputs, [[0, added]] + [[0, 0]] * (len(inputs.shape) - 1))
    outputs = network(padded, training=training)
    return keras.tree.map_structure(lambda output: output[:count], outputs)
