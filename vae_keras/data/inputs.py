"""Images to apply a model to, in batches: files, folders, arrays and data sets."""

import os
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from vae_keras.data.arrays import ENDINGS as ARRAY_ENDINGS
from vae_keras.data.arrays import as_images, read_arrays
from vae_keras.data.listing import NAMED_FILES, is_junk, list_files
from vae_keras.data.pictures import ENDINGS, decode_picture, why_unreadable
from vae_keras.data.sources import find_source, load_data
from vae_keras.support.errors import InputError
from vae_keras.support.reporting import warn


class Inputs:
    """Images of one shape from several places, read on demand.

    Args:
        places: Picture files, image folders, .npy or .npz files, or names of data sets, whose test
            images are used; or an array of images.
        image_shape: Tuple `(height, width, channels)`. Pictures are cropped and resized to it, as
            for training; arrays must have this shape.
        data_dir: Data folder of tensorflow-datasets.

    Attributes:
        count: Number of images, damaged pictures included.
        skipped: Names of the damaged pictures that have been read.
        mended: Dictionary from each remark to the names of the pictures that have been read.

    Raises:
        InputError: If a place is missing, or has no images of this shape.
    """

    def __init__(
        self,
        places: Sequence[str | os.PathLike] | np.ndarray,
        image_shape: tuple[int, ...],
        data_dir: str | None = None,
    ) -> None:
        self.image_shape = image_shape
        self.skipped: list[str] = []
        self.mended: dict[str, list[str]] = {}
        self._prefix = not isinstance(places, np.ndarray) and len(places) > 1
        self._files: list[tuple[str, str]] = []  # a name to show, and a path
        self._arrays: list[tuple[str, np.ndarray]] = []
        if isinstance(places, np.ndarray):
            self._add_array("images", as_images(places))
        else:
            for place in places:
                self._add(os.fspath(place), data_dir)
        if not self.count:
            raise InputError("no images: pass picture files, folders, arrays or a data set")

    @property
    def count(self) -> int:
        return len(self._files) + sum(len(images) for _, images in self._arrays)

    def batches(self, size: int) -> Iterator[tuple[list[str], np.ndarray]]:
        """Names and uint8 images `(at most size, height, width, channels)`, in order."""
        for start in range(0, len(self._files), size):
            names, images = [], []
            for name, path in self._files[start : start + size]:
                try:
                    with warnings.catch_warnings():
                        warnings.simplefilter("ignore")  # Pillow's, about unusual headers
                        picture = decode_picture(path, self.image_shape[:2], self.image_shape[2])
                except Exception as error:  # Pillow raises errors of many kinds
                    self._skip(path, error)
                    continue
                images.append(picture.pixels)
                names.append(name)
                if picture.remark:
                    self.mended.setdefault(picture.remark, []).append(path)
            if names:
                yield names, np.stack(images)
        for name, values in self._arrays:
            for start in range(0, len(values), size):
                part = values[start : start + size]
                yield [f"{name}[{start + i}]" for i in range(len(part))], part

    def warn(self) -> None:
        """Print the number of skipped pictures and the remarks on others."""
        for remark, names in self.mended.items():
            warn(f"{len(names):,} of {self.count:,} pictures, such as {names[0]}: {remark}")
        if self.skipped:
            warn(f"skipped {len(self.skipped):,} of {self.count:,} pictures")

    def _add(self, place: str, data_dir: str | None) -> None:
        if place.lower().endswith(ARRAY_ENDINGS):
            self._add_arrays(place)
        elif os.path.isdir(place):
            found = [
                file.name
                for file in list_files(place)
                if file.looks_like_picture and os.path.isfile(os.path.join(place, file.name))
            ]
            if not found:
                raise InputError(f"{place} has no pictures ({', '.join(ENDINGS)})")
            paths = [os.path.join(place, name) for name in found]
            self._files += zip(paths if self._prefix else found, paths)
        elif os.path.isfile(place):
            if not is_junk(os.path.basename(place)):  # a shell includes junk in new/*
                self._files.append((place, place))
        elif not place.startswith("tfds:") and (os.sep in place or Path(place).suffix):
            raise InputError(f"{place} does not exist")
        else:
            height, width, channels = self.image_shape
            source = find_source(place)
            options: dict[str, Any] = {
                "image_size": (height, width),
                "channels": channels,
                "data_dir": data_dir,
            }
            usable = {name: options[name] for name in options if name in source.options}
            self._add_array(place, load_data(place, **usable).test_images)

    def _add_arrays(self, file: str) -> None:
        if not os.path.isfile(file):
            raise InputError(f"{file} does not exist")
        for name, values in read_arrays(file).items():
            if name.endswith("images"):
                label = file if self._prefix else os.path.basename(file)
                self._add_array(label if name == "images" else f"{label}:{name}", as_images(values))

    def _add_array(self, name: str, images: np.ndarray) -> None:
        if images.shape[1:] != self.image_shape:
            raise InputError(
                f"{name} must have images of {self.image_shape}, received {images.shape[1:]}"
            )
        self._arrays.append((name, images))

    def _skip(self, path: str, error: Exception) -> None:
        self.skipped.append(path)
        if len(self.skipped) <= NAMED_FILES:
            warn(f"{path} {why_unreadable(error, path)}")
