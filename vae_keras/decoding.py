"""A decoder applied to a batch: the same images from fewer operations."""

import itertools

import keras
from keras import layers, ops

USUAL_BATCH = 32  # the book's; what a graph is made for that does not know its batch


def decode_batch(decoder, z, training=False):
    """What `decoder(z)` returns, to rounding, in less time for all but the smallest batches.

    Two things are computed in another order, where the decoder allows it:

    * All layers before the first activation together are an affine map. z is a weighted sum of
      the origin and the unit vectors whose weights sum to 1, and such sums pass through affine
      maps unchanged: instead of the whole batch, these layers see `latent_dim + 1` points.
    * Outside training, a last transposed convolution with a single filter, which TensorFlow
      computes at a tenth of its usual speed, becomes one matrix product and a sum of shifted
      images. (Its gradient would be slower so.)

    Args:
        decoder: `keras.Model` from z to images. One whose layers do not follow each other one by
            one is called as it is.
        z: Float tensor of shape `(batch, latent_dim)`.
        training: Whether dropout and batch normalisation act as in training.

    Returns:
        Float tensor of shape `(batch, height, width, channels)`.
    """
    if not all(_follows(layer, previous) for previous, layer in itertools.pairwise(decoder.layers)):
        return decoder(z, training=training)
    *chain, last = decoder.layers[1:]
    affine = []
    if z.shape[-1] + 1 < (z.shape[0] or USUAL_BATCH):
        affine = list(itertools.takewhile(_is_affine, chain))
    x = _apply_affine(affine, z) if affine else z
    for layer in chain[len(affine) :]:
        x = layer(x, training=training)
    if not training and _has_single_filter(last):
        return _apply_single_filter(last, x)
    return last(x, training=training)


def _apply_affine(affine, z):
    axes = ops.eye(z.shape[-1], dtype=z.dtype)
    corners = ops.concatenate([ops.zeros_like(axes[:1]), axes])
    for layer in affine:
        corners = layer(corners)
    weights = ops.concatenate([1.0 - ops.sum(z, axis=-1, keepdims=True), z], axis=-1)
    return ops.tensordot(weights, corners, axes=1)


def _apply_single_filter(convolution, x):
    _, height, width, channels = x.shape
    rows, columns = convolution.kernel_size
    kernel = ops.reshape(convolution.kernel, (rows * columns, channels))
    # What each element of the kernel adds to the images, as planes (batch, height, width).
    planes = ops.matmul(kernel, ops.transpose(ops.reshape(x, (-1, channels))))
    planes = ops.reshape(planes, (rows * columns, -1, height, width))
    margins = [(size // 2, (size - 1) // 2) for size in (rows, columns)]
    planes = ops.pad(planes, [(0, 0), (0, 0), *margins])
    images = convolution.bias if convolution.use_bias else 0.0
    for i, (row, column) in enumerate(itertools.product(range(rows), range(columns))):
        top, left = rows - 1 - row, columns - 1 - column
        images = images + planes[i, :, top : top + height, left : left + width]
    return convolution.activation(images[..., None])


def _follows(layer, previous):
    try:
        return layer.input is previous.output
    except AttributeError:  # a layer that is used several times, or not in a graph
        return False


def _is_affine(layer):
    if isinstance(layer, layers.Reshape):
        return True
    weighted = isinstance(layer, (layers.Dense, layers.Conv2D, layers.Conv2DTranspose))
    return weighted and layer.activation is keras.activations.linear


def _has_single_filter(layer):
    usual = {
        "filters": 1,
        "strides": (1, 1),
        "padding": "same",
        "dilation_rate": (1, 1),
        "output_padding": None,
        "data_format": "channels_last",
    }
    return isinstance(layer, layers.Conv2DTranspose) and all(
        getattr(layer, name) == value for name, value in usual.items()
    )
