"""The one way in which images change their size."""

from collections.abc import Sequence

from PIL import Image, ImageOps


def crop_and_resize(image: Image.Image, size: Sequence[int]) -> Image.Image:
    """Cut the middle of the wanted shape out of an image and resize it, with antialiasing.

    Args:
        image: Of mode L, RGB or RGBA.
        size: Tuple `(height, width)`.
    """
    height, width = size
    return ImageOps.fit(image, (width, height), Image.Resampling.BICUBIC)
