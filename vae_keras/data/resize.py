"""Resizing of images, used for all data sets."""

from collections.abc import Sequence

from PIL import Image, ImageOps


def crop_and_resize(image: Image.Image, size: Sequence[int]) -> Image.Image:
    """Center-crop an image to the aspect ratio of `size` and resize it, with antialiasing.

    Args:
        image: Of mode L, RGB or RGBA.
        size: Tuple `(height, width)`.
    """
    height, width = size
    return ImageOps.fit(image, (width, height), Image.Resampling.BICUBIC)
