"""Convolutions whose biases learn correctly in bfloat16."""

from typing import Any

import keras
from keras import layers, ops

# Of every convolution. Keras's global image_data_format does not change the layout of images here.
CONVOLUTION: dict[str, Any] = {"padding": "same", "data_format": "channels_last"}


@keras.saving.register_keras_serializable(package="vae_keras")
class PreciseConv2D(layers.Conv2D):
    """Keras's convolution, whose bias has the right gradient in bfloat16.

    Keras adds a bias through TensorFlow's BiasAdd. On a CPU, the gradient of BiasAdd is a sum of
    bfloat16 numbers in bfloat16, which can be wrong by 40% for the tens of thousands of positions
    of a feature map. The gradient of an ordinary addition is summed in float32.
    """

    def call(self, inputs: Any) -> Any:
        return self.convolution_op(inputs, self.kernel) + ops.convert_to_tensor(self.bias)


@keras.saving.register_keras_serializable(package="vae_keras")
class PreciseConv2DTranspose(layers.Conv2DTranspose):
    """Keras's transposed convolution, see `PreciseConv2D`."""

    def call(self, inputs: Any) -> Any:
        x = ops.conv_transpose(
            inputs, self.kernel, self.strides, self.padding, data_format=self.data_format
        )
        return x + ops.convert_to_tensor(self.bias)


def convolution(name: str) -> type[layers.Layer]:
    """The class for a layer that computes in the dtype policy: `Conv2D` or `Conv2DTranspose`."""
    if keras.config.dtype_policy().compute_dtype == "bfloat16":
        return {"Conv2D": PreciseConv2D, "Conv2DTranspose": PreciseConv2DTranspose}[name]
    return getattr(layers, name)
