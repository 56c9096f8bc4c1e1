"""Batches that several devices share; a small last one leaves some of them without an image."""

import keras

if keras.backend.backend() == "tensorflow":
    import tensorflow as tf


def share_of_batch(count):
    """Where this device's images stand in a batch that several devices share.

    Args:
        count: Number of images that this device has.

    Returns:
        Tuple of the number of images on the devices before it, and on all of them.
    """
    if not _is_one_of_several():
        return 0, count
    context = tf.distribute.get_replica_context()
    counts = context.all_gather(tf.reshape(count, (1,)), axis=0)
    return tf.reduce_sum(counts[: context.replica_id_in_sync_group]), tf.reduce_sum(counts)


def apply_to_share(network, inputs, training):
    """A network applied to this device's part of a batch, even if there is nothing in it.

    A blank input stands in for none: oneDNN, TensorFlow's library for convolutions on many CPUs,
    fails without any, and batch normalisation would have no number for its statistics.

    Args:
        network: `keras.Model` with one input.
        inputs: Float tensor whose first axis is the batch.
        training: Whether dropout and batch normalisation act as in training.

    Returns:
        What the network returns, for as many inputs as there are.
    """
    if not _is_one_of_several():
        return network(inputs, training=training)
    count = tf.shape(inputs)[0]
    added = tf.cast(count == 0, tf.int32)
    padded = tf.pad(inputs, [[0, added]] + [[0, 0]] * (len(inputs.shape) - 1))
    outputs = network(padded, training=training)
    return keras.tree.map_structure(lambda output: output[:count], outputs)


def _is_one_of_several():
    if keras.backend.backend() != "tensorflow":
        return False
    context = tf.distribute.get_replica_context()
    return context is not None and context.num_replicas_in_sync > 1
