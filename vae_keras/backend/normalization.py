"""Normalization layers, with a fused kernel for the training of batch normalization."""

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="vae_keras")
class FusedBatchNormalization(keras.layers.BatchNormalization):
    """Keras's batch normalization, trained through one kernel with TensorFlow.

    Outputs and moving averages equal those of Keras's layer up to rounding. Inference runs Keras's
    operations. So does training if the kernel does not apply: for inputs that are not images
    `(batch, height, width, channels)`, or in float64.
    """

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        if not (training and self.trainable and mask is None and self._is_fused(inputs)):
            return super().call(inputs, training=training, mask=mask)
        import tensorflow as tf

        outputs, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=inputs,
            scale=ops.cast(self.gamma, "float32"),
            offset=ops.cast(self.beta, "float32"),
            mean=[],
            variance=[],
            epsilon=self.epsilon,
        )
        # The kernel returns the sample variance; Keras averages the population variance.
        count = ops.cast(tf.size(inputs) // inputs.shape[-1], "float32")
        batch = (mean, variance * (count - 1.0) / count)
        for moving, value in zip((self.moving_mean, self.moving_variance), batch):
            moving.assign(moving * self.momentum + value * (1.0 - self.momentum))
        return outputs

    def _is_fused(self, inputs: Any) -> bool:
        return (
            keras.backend.backend() == "tensorflow"
            and keras.backend.standardize_dtype(inputs.dtype) != "float64"
            and len(inputs.shape) == 4
            and self.axis in (-1, 3)
            and not self.synchronized
            and self.center
            and self.scale
        )


def normalization_layer(kind: str, name: str) -> keras.layers.Layer:
    """A new layer of a class in `config.NORMALIZATIONS`."""
    if kind == "FusedBatchNormalization":
        return FusedBatchNormalization(name=name)
    return getattr(keras.layers, kind)(name=name)
