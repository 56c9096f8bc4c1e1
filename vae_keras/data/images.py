"""Images in memory, split into training and test."""

import dataclasses
import functools
import hashlib
from typing import Any

import numpy as np

from vae_keras.support.errors import InputError


@dataclasses.dataclass(frozen=True)
class ImageData:
    """Images and labels, split into training and test.

    Attributes:
        name: Name of the data set.
        train_images, test_images: uint8 arrays `(images, height, width, channels)`.
        train_labels, test_labels: Integer arrays `(images,)`, or None without classes.
        class_names: One text for each label; by default its number.
        train_attributes, test_attributes: float32 arrays `(images, attributes)`, NaN for unknown
            values; or None.
        attribute_names: One text for each attribute.
        files: For an image folder, a tuple `(name, bytes, split)` for each file; split is
            `"train"`, `"validation"`, `"test"` or `"skipped"`.
        validation_images: Validation images, in the form of the others; None to hold out some of
            the training images if the settings require validation.
    """

    name: str
    train_images: np.ndarray
    test_images: np.ndarray
    train_labels: np.ndarray | None = None
    test_labels: np.ndarray | None = None
    class_names: tuple[str, ...] = ()
    train_attributes: np.ndarray | None = None
    test_attributes: np.ndarray | None = None
    attribute_names: tuple[str, ...] = ()
    files: tuple[tuple[str, int, str], ...] = ()
    validation_images: np.ndarray | None = None

    def __post_init__(self) -> None:
        for name in ("train_labels", "test_labels"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, _as_labels(getattr(self, name), name))
        for name, images in self._splits.items():
            check_images(images, name)
            if images.shape[1:] != self.image_shape:
                raise InputError(
                    f"training images and {name.replace('_', ' ')} must have the same shape, "
                    f"received {self.image_shape} and {images.shape[1:]}"
                )
        all_labels = [
            labels for labels in (self.train_labels, self.test_labels) if labels is not None
        ]
        if all_labels and not all(
            np.issubdtype(labels.dtype, np.integer) and labels.min() >= 0 for labels in all_labels
        ):
            raise InputError("labels must be whole numbers from 0")
        classes = max((int(labels.max()) + 1 for labels in all_labels), default=0)
        if not self.class_names:
            object.__setattr__(self, "class_names", tuple(map(str, range(classes))))
        elif len(self.class_names) < classes:
            raise InputError(
                f"class_names must have a name for each of {classes} classes, received "
                f"{self.class_names}"
            )
        for split in ("train", "test"):
            images, labels = getattr(self, f"{split}_images"), getattr(self, f"{split}_labels")
            attributes = getattr(self, f"{split}_attributes")
            if attributes is not None and attributes.shape != (
                len(images),
                len(self.attribute_names),
            ):
                raise InputError(
                    f"{split}_attributes must have a row for each image and a column for each of "
                    f"{len(self.attribute_names)} attribute_names, received {attributes.shape}"
                )
            if labels is not None and len(labels) != len(images):
                raise InputError(
                    f"{split}_labels must have one label for each image, received "
                    f"{len(labels)} labels for {len(images)} images"
                )

    @property
    def image_shape(self) -> tuple[int, ...]:
        """Tuple `(height, width, channels)`."""
        return self.train_images.shape[1:]

    @property
    def has_labels(self) -> bool:
        """Whether training and test images both have labels."""
        return self.train_labels is not None and self.test_labels is not None

    @property
    def bytes_in_memory(self) -> int:
        """Bytes of the images, except for those in a memory-mapped file."""
        splits = self._splits.values()
        return sum(images.nbytes for images in splits if not isinstance(images, np.memmap))

    def varied_attributes(self) -> list[str]:
        """Names of the attributes with more than one value in the training images."""
        if self.train_attributes is None:
            return []
        known = (column[~np.isnan(column)] for column in self.train_attributes.T)
        return [
            name for name, values in zip(self.attribute_names, known) if len(np.unique(values)) > 1
        ]

    @property
    def has_classes(self) -> bool:
        """Whether training and test images both have labels, of more than one class."""
        return _has_classes(self.train_labels) and _has_classes(self.test_labels)

    @property
    def has_test_classes(self) -> bool:
        """Whether the test images have labels of more than one class."""
        return _has_classes(self.test_labels)

    @property
    def _splits(self) -> dict[str, np.ndarray]:
        """The existing arrays of images, by the names of their attributes."""
        splits = {"train_images": self.train_images, "test_images": self.test_images}
        if self.validation_images is not None:
            splits["validation_images"] = self.validation_images
        return splits

    def sha256(self) -> str:
        """Digest of all images, training before test, as hexadecimal text."""
        return self._sha256

    @functools.cached_property
    def _sha256(self) -> str:
        digest = hashlib.sha256()
        for images in self._splits.values():
            digest.update(repr(images.shape).encode())
            digest.update(np.ascontiguousarray(images).data)
        return digest.hexdigest()

    def head(self, max_train_images: int | None) -> "ImageData":
        """The same data with the first `max_train_images` training images; None for all."""
        if max_train_images is None:
            return self
        fields: dict[str, Any] = {}
        for name in ("train_images", "train_labels", "train_attributes"):
            values = getattr(self, name)
            fields[name] = None if values is None else values[:max_train_images]
        return dataclasses.replace(self, **fields)


def _has_classes(labels: np.ndarray | None) -> bool:
    return labels is not None and len(np.unique(labels)) > 1


def _as_labels(labels: Any, name: str) -> np.ndarray:
    """Labels as an array `(images,)` of integers: from a list, booleans, or a column."""
    labels = np.asarray(labels)
    if labels.ndim == 2 and labels.shape[1] == 1:  # as keras.datasets has them
        labels = labels[:, 0]
    if labels.ndim != 1:
        raise InputError(
            f"⟨{name}⟩ must have one whole number for each image, received shape {labels.shape}: "
            "convert one-hot rows to numbers with argmax(axis=1)"
        )
    return labels.astype(int) if labels.dtype == bool else labels


def check_images(images: np.ndarray, name: str = "images") -> None:
    """Raise `InputError` unless `images` is a uint8 array `(images, height, width, channels)`."""
    if not isinstance(images, np.ndarray) or images.ndim != 4 or images.shape[-1] not in (1, 3):
        received = getattr(images, "shape", type(images).__name__)
        raise InputError(
            f"{name} must be an array of shape (images, height, width, 1 or 3), received {received}"
        )
    if not len(images):
        raise InputError(f"{name} must contain at least one image, received none")
    if images.dtype != np.uint8:
        if images.dtype.kind not in "biuf":
            raise InputError(f"{name} must be uint8 in 0..255, received {images.dtype}")
        if not np.isfinite(images).all():
            raise InputError(f"{name} must be uint8 in 0..255, received values that are not finite")
        raise InputError(
            f"{name} must be uint8 in 0..255, received {images.dtype} from {images.min()} to "
            f"{images.max()}: scale and round them first"
        )
