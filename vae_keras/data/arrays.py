"""Images in arrays: in memory, or in an .npy or .npz file."""

import os
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from vae_keras.config import DataSettings
from vae_keras.data.images import ImageData
from vae_keras.data.source import Files, NoSuchPlace, Shape, Source
from vae_keras.data.split import check_own_test, hold_out
from vae_keras.support.errors import InputError, check_name, check_text
from vae_keras.support.files import absolute
from vae_keras.support.reporting import report

ENDINGS = (".npy", ".npz")
PASSED = "arrays:"  # prefix of the data set of a run whose images were passed to `train`
MOST_OVERSHOOT = 2  # largest value of floats that were in [0, 1] before an interpolation
NAMES = ("images", "labels", "train_images", "train_labels", "test_images", "test_labels")


class Arrays(Source):
    """Array files: .npy, or .npz with `images` or `train_images` and `test_images`."""

    options = frozenset({"test_fraction"})

    def __init__(self, name: str) -> None:
        check_text(name)
        super().__init__(name if name.startswith(PASSED) else absolute(name))

    @classmethod
    def matches(cls, name: str) -> bool:
        return name.startswith(PASSED) or name.lower().endswith(ENDINGS)

    def prepare(self, data_dir: str | None = None) -> str | None:
        if self.name.startswith(PASSED):
            raise InputError(
                f"the images of {self.name.removeprefix(PASSED)!r} were passed as arrays: pass "
                "them again, or pass an .npz file of them as ⟨dataset⟩"
            )
        if not os.path.isfile(self.name):
            raise NoSuchPlace(f"{self.name!r} is not a file")
        return None

    @property
    def title(self) -> str:
        return Path(self.name.removeprefix(PASSED)).stem or "arrays"

    def inspect(self, settings: DataSettings) -> tuple[Shape, int]:
        data = self.load(settings)
        return data.image_shape, len(data.train_images)

    def load(self, settings: DataSettings, expected_files: Files | None = None) -> ImageData:
        arrays = read_arrays(self.name)
        prefix = "train_" if "train_images" in arrays else ""
        images, labels = arrays.get(f"{prefix}images"), arrays.get(f"{prefix}labels")
        test = None
        if prefix:
            check_own_test(self.name, settings.test_fraction)
            test = arrays["test_images"], arrays.get("test_labels")
        return make_image_data((images, labels), test, self.name, settings.test_fraction)


def read_arrays(file: str) -> dict[str, np.ndarray]:
    """The arrays of a file by name; the array of an .npy file is `images`.

    Raises:
        InputError: If the file cannot be read, contains Python objects, or lacks images.
    """
    try:
        loaded = np.load(file, allow_pickle=False)
        arrays = dict(loaded) if isinstance(loaded, Mapping) else {"images": loaded}
    except OSError as error:
        raise InputError(f"{file} cannot be read: {error.strerror or error}") from None
    except (ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise InputError(f"{file} is not a valid array file: {error}") from None
    for name in arrays:
        check_name(f"array in {file}", name, NAMES)
    has_split = "train_images" in arrays and "test_images" in arrays
    if has_split == ("images" in arrays):
        raise InputError(
            f"{file} must contain images, or train_images and test_images; received "
            f"{', '.join(sorted(arrays)) or 'nothing'}"
        )
    return arrays


def as_image_data(data: Any, test: Any = None, test_fraction: float = 0.1) -> ImageData:
    """Convert the images that a user passes to `ImageData`.

    Args:
        data: `ImageData`; or an array or tensor of images; or a tuple of images and labels.
        test: Test images in the same form; None to hold out a share of `data`.
        test_fraction: Share of `data` to hold out for the test.

    Raises:
        InputError: If they are not images, or `test` is given with `ImageData`, which has its own.
    """
    if not isinstance(data, ImageData):
        test = None if test is None else _pair(test)
        return make_image_data(_pair(data), test, "arrays", test_fraction)
    if test is not None:
        raise InputError("⟨test⟩ cannot be used with ImageData, which has its own test images")
    return data


def make_image_data(
    data: tuple[Any, Any], test: tuple[Any, Any] | None, name: str, test_fraction: float
) -> ImageData:
    """`ImageData` of images with labels or None; without a test, a share is held out.

    The split depends only on the number of images and the share.
    """
    images, labels = as_images(data[0], "images"), data[1]
    if test is not None:
        return ImageData(
            name,
            images,
            as_images(test[0], "test images"),
            train_labels=labels,
            test_labels=test[1],
        )
    fitted, tested = map(np.sort, hold_out(name, len(images), test_fraction))
    if labels is not None:
        labels = np.asarray(labels)
        if len(labels) != len(images):
            raise InputError(f"labels: received {len(labels)} labels for {len(images)} images")
    return ImageData(
        name,
        images[fitted],
        images[tested],
        train_labels=None if labels is None else labels[fitted],
        test_labels=None if labels is None else labels[tested],
    )


def as_images(values: Any, name: str = "images") -> np.ndarray:
    """Convert an array of images to uint8, `(count, height, width, channels)`.

    Floats in [0, 1] are multiplied by 255, floats up to 255 are rounded; a message tells which.
    Gray images may lack the last axis. Channels may come first if that is unambiguous.

    Raises:
        InputError: If it is not an array of images, or the range of its values is unclear: floats
            with a largest value just above 1, or integers that are only 0 and 1.
    """
    images = np.asarray(values)
    if images.dtype.kind not in "buif":
        raise InputError(f"{name} must be numbers, received {images.dtype}")
    if images.ndim == 3:
        images = images[..., None]
    if images.ndim == 4 and images.shape[1] in (1, 3) and images.shape[-1] not in (1, 3):
        images = np.moveaxis(images, 1, -1)
    if images.dtype == bool:
        images = images.astype(np.float32)
    if not images.size:
        return images
    least, most = images.min(), images.max()
    _check_range(name, images.dtype.kind, least, most)
    if images.dtype == np.uint8:
        return images
    if not (least >= 0 and most <= 255):  # true for NaN
        raise InputError(
            f"{name} must be uint8, or numbers from 0 to 1 or 0 to 255, received values from "
            f"{least:.4g} to {most:.4g}"
        )
    if images.dtype.kind == "f" and most <= 1:
        report(f"{name}: floats from {least:.4g} to {most:.4g} are read as [0, 1]")
        images = images * images.dtype.type(255)
    else:
        report(f"{name}: numbers from {least:.4g} to {most:.4g} are read as [0, 255]")
    return np.round(images).astype(np.uint8)


def _check_range(name: str, kind: str, least: Any, most: Any) -> None:
    """Raise `InputError` if values may mean [0, 1] as well as [0, 255].

    Args:
        name: Name of the images.
        kind: Kind of their type, as in NumPy.
        least: Their smallest value.
        most: Their largest value.
    """
    if kind == "f" and least >= 0 and 1 < most <= MOST_OVERSHOOT:
        raise InputError(
            f"{name}: the largest value is {most:.4g}, so these floats may mean 0 to 1 or 0 to "
            "255: clip them to [0, 1], or scale them to 255"
        )
    if kind in "ui" and (least, most) == (0, 1):
        raise InputError(
            f"{name}: these integers are only 0 and 1, which may mean black and white or nearly "
            "black: pass booleans, or multiply by 255"
        )


def _pair(data: Any) -> tuple[Any, Any]:
    """Images and labels, from a tuple of both or from images only."""
    if isinstance(data, tuple):
        if len(data) != 2:
            raise InputError(
                f"images and labels must be a tuple of two, received {len(data)} elements"
            )
        return data[0], data[1]
    return data, None
