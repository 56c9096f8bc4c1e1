"""Images to apply a model to, in batches: files, folders, arrays and data sets."""

import os
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from vae_keras.data.arrays import ENDINGS as ARRAY_ENDINGS
from vae_keras.data.arrays import as_images, read_arrays
from vae_keras.data.folder import check_lasting, decode_file
from vae_keras.data.listing import NAMED_FILES, PictureFile, is_junk, list_files, look_at, some
from vae_keras.data.pictures import Picture
from vae_keras.data.sources import find_source, load_data
from vae_keras.support.errors import InputError
from vae_keras.support.reporting import warn


class Batch(NamedTuple):
    """Images to apply a model to.

    Attributes:
        names: A name for each image.
        images: uint8 array `(count, height, width, channels)`.
        row: Number of the first one among the images of all arrays; None for pictures.
    """

    names: list[str]
    images: np.ndarray
    row: int | None


class Inputs:
    """Images of one shape from several places, read on demand.

    As in training, every file in a folder is read, whatever the ending of its name, and files that
    are not pictures are skipped.

    Args:
        places: Picture files, image folders, .npy or .npz files, or names of data sets, whose test
            images are used; or an array of images.
        image_shape: Tuple `(height, width, channels)`. Pictures are cropped and resized to it, as
            for training; arrays must have this shape.
        data_dir: Data folder of tensorflow-datasets.

    Attributes:
        count: Number of images, skipped files included.
        array_count: Number of images in arrays.
        skipped: Paths of the files that have been skipped.
        mended: Dictionary from each remark to the names of the pictures that have been read.

    Raises:
        InputError: If a place is missing, has images of another shape, or no image can be read.
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
        self._files: list[tuple[str, str, PictureFile]] = []  # a name to show, folder, file
        self._arrays: list[tuple[str, np.ndarray]] = []
        if isinstance(places, np.ndarray):
            self._add_array("images", as_images(places))
        else:
            for place in places:
                self._add(os.fspath(place), data_dir)
        if not self.count:
            raise InputError("no images: pass picture files, folders, arrays or a data set")
        if not self.array_count:
            self._check_readable()

    @property
    def count(self) -> int:
        return len(self._files) + self.array_count

    @property
    def array_count(self) -> int:
        return sum(len(images) for _, images in self._arrays)

    def batches(self, size: int) -> Iterator[Batch]:
        """Batches of at most `size` images: the pictures in order, then the arrays in order."""
        for start in range(0, len(self._files), size):
            names, images = [], []
            for name, folder, file in self._files[start : start + size]:
                path = os.path.join(folder, file.name)
                picture, problem = self._decode(folder, file)
                if picture is None:
                    self._skip(path, problem)
                    continue
                images.append(picture.pixels)
                names.append(name)
                if picture.remark:
                    self.mended.setdefault(picture.remark, []).append(path)
            if names:
                yield Batch(names, np.stack(images), None)
        row = 0
        for name, values in self._arrays:
            for start in range(0, len(values), size):
                part = values[start : start + size]
                yield Batch([f"{name}[{start + i}]" for i in range(len(part))], part, row + start)
            row += len(values)

    def warn(self) -> None:
        """Print the number of skipped files and the remarks on pictures."""
        for remark, names in self.mended.items():
            warn(f"{len(names):,} of {len(self._files):,} pictures, such as {names[0]}: {remark}")
        if self.skipped:
            warn(f"skipped {len(self.skipped):,} of {len(self._files):,} files")

    def _add(self, place: str, data_dir: str | None) -> None:
        if place.lower().endswith(ARRAY_ENDINGS):
            self._add_arrays(place)
        elif os.path.isdir(place):
            for file in list_files(place):
                name = os.path.join(place, file.name) if self._prefix else file.name
                self._files.append((name, place, file))
        elif os.path.isfile(place):
            if not is_junk(os.path.basename(place)):  # a shell includes junk in new/*
                self._files.append((place, "", look_at(place, place)))
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

    def _check_readable(self) -> None:
        """Raise `InputError` if no file can be read. Reads up to the first picture."""
        problems = []
        for _, folder, file in self._files:
            picture, problem = self._decode(folder, file)
            if picture is not None:
                return
            problems.append(f"{os.path.join(folder, file.name)} {problem}")
        if len(problems) == 1:
            raise InputError(problems[0])
        raise InputError(f"none of the {len(problems):,} files can be used: {some(problems)}")

    def _decode(self, folder: str, file: PictureFile) -> tuple[Picture | None, str]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's, about unusual headers
            picture, problem = decode_file(folder, file, self.image_shape)
        check_lasting(os.path.join(folder, file.name), problem)
        return picture, problem

    def _skip(self, path: str, problem: str) -> None:
        self.skipped.append(path)
        if len(self.skipped) <= NAMED_FILES:
            warn(f"{path} {problem}")
