"""Convolutions whose biases learn correctly in bfloat16."""

from typing import Any

import keras
from keras import layers, ops

# Arguments of every convolution. Keras's global image_data_format does not change the layout of
# images here.
CONVOLUTION: dict[str, Any] = {"padding": "same", "data_format": "channels_last"}


def _finish(layer: Any, x: Any) -> Any:
    """Add the bias of a convolution, whose gradient is then right in bfloat16, and activate.

    Keras adds a bias through TensorFlow's BiasAdd. On a CPU, the gradient of BiasAdd is a sum of
    bfloat16 numbers in bfloat16, which can be wrong by 40% for the tens of thousands of positions
    of a feature map. The gradient of an ordinary addition is summed in float32. (In float16, it is
    the other way around.)
    """
    if layer.use_bias:
        x = x + ops.convert_to_tensor(layer.bias)
    return x if layer.activation is None else layer.activation(x)


@keras.saving.register_keras_serializable(package="vae_keras")
class PreciseConv2D(layers.Conv2D):
    """Keras's convolution for bfloat16."""

    def call(self, inputs: Any) -> Any:
        return _finish(self, self.convolution_op(inputs, self.kernel))


@keras.saving.register_keras_serializable(package="vae_keras")
class PreciseConv2DTranspose(layers.Conv2DTranspose):
    """Keras's transposed convolution for bfloat16."""

    def call(self, inputs: Any) -> Any:
        x = ops.conv_transpose(
            inputs,
            self.kernel,
            strides=self.strides,
            padding=self.padding,
            output_padding=self.output_padding,
            data_format=self.data_format,
            dilation_rate=self.dilation_rate,
        )
        return _finish(self, x)


def convolution(name: str) -> type[layers.Layer]:
    """The class for a layer that computes in the dtype policy: `Conv2D` or `Conv2DTranspose`."""
    if keras.config.dtype_policy().compute_dtype == "bfloat16":
        return {"Conv2D": PreciseConv2D, "Conv2DTranspose": PreciseConv2DTranspose}[name]
    return getattr(layers, name)
