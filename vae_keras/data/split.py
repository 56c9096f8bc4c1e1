"""Which images are for training, and which for the test."""

import numpy as np

from vae_keras.config import DataSettings
from vae_keras.support.errors import InputError


def hold_out(place: str, count: int, test_fraction: float) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of the images for training and for the test, two integer arrays in random order.

    The split depends on `count` and `test_fraction` alone. Each side has at least one image.

    Raises:
        InputError: If there are fewer than two images.
    """
    if count < 2:
        raise InputError(f"{place} holds one image: training and test need at least one each")
    from sklearn.model_selection import train_test_split

    test = min(max(1, round(test_fraction * count)), count - 1)
    return train_test_split(np.arange(count), test_size=test, random_state=0)


def check_own_test(place: str, test_fraction: float) -> None:
    """Raise `InputError` if a share is to be held out where there are test images already."""
    if test_fraction != DataSettings.test_fraction:
        raise InputError(
            f"{place} has test images of its own: leave out ⟨test_fraction⟩, received "
            f"{test_fraction}"
        )
