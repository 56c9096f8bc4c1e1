"""The split of images into training and test."""

import numpy as np

from vae_keras.config import DataSettings
from vae_keras.support.errors import InputError


def hold_out(place: str, count: int, test_fraction: float) -> tuple[np.ndarray, np.ndarray]:
    """Indices of the images for training and for the test, two integer arrays in random order.

    The split depends only on `count` and `test_fraction`. Each part has at least one image.

    Raises:
        InputError: If there are fewer than two images.
    """
    if count < 2:
        raise InputError(f"{place} has one image: training and test need at least one each")
    from sklearn.model_selection import train_test_split

    test = min(max(1, round(test_fraction * count)), count - 1)
    return train_test_split(np.arange(count), test_size=test, random_state=0)


def check_own_test(place: str, test_fraction: float) -> None:
    """Raise `InputError` if `test_fraction` is given for data with its own test images."""
    if test_fraction != DataSettings.test_fraction:
        raise InputError(
            f"{place} has its own test images: omit ⟨test_fraction⟩, received {test_fraction}"
        )
