"""Image folders: decoded, split into training and test, with classes and attributes."""

import errno
import functools
import os
import time
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image

from vae_keras.config import DataSettings
from vae_keras.data.attribute_table import read_attributes, rows_of
from vae_keras.data.images import ImageData
from vae_keras.data.listing import (
    NAMED_FILES,
    TEST,
    TRAIN,
    VALIDATION,
    PictureFile,
    arrange,
    check_same_files,
    list_files,
    some,
)
from vae_keras.data.pictures import (
    UNREADABLE,
    Picture,
    decode_picture,
    known_formats,
    why_unreadable,
)
from vae_keras.data.source import Files, NoSuchPlace, Shape, Source
from vae_keras.data.split import check_own_test, hold_out
from vae_keras.data.storage import DEFAULT_IMAGE_SIZE, check_cache, stored_images
from vae_keras.support.errors import InputError, check_text
from vae_keras.support.files import absolute
from vae_keras.support.reporting import progress_bar, report, warn

MOST_SKIPPED = 0.05  # as a share of the files
DECODING = 2  # version of decode_picture; raise it whenever the result changes
# Files per call of the pipeline, because a call takes as long as decoding a small picture.
FILES_AT_ONCE = 32
# Permanent errors. Any other error of the system may be temporary and hide a good picture.
LASTING = (errno.EACCES, errno.ELOOP, errno.ENAMETOOLONG, errno.ENOENT, errno.EPERM)


class Folder(Source):
    """Image folders: pictures in one folder, or one sub-folder for each class."""

    options = frozenset({"image_size", "channels", "test_fraction", "cache", "attributes"})

    def __init__(self, name: str) -> None:
        check_text(name)
        super().__init__(absolute(name))

    @classmethod
    def matches(cls, name: str) -> bool:
        return os.path.isdir(name) or os.sep in name

    def prepare(self, data_dir: str | None = None) -> str | None:
        if not os.path.isdir(self.name):
            raise NoSuchPlace(f"{self.name!r} is not an image folder")
        return None

    @property
    def title(self) -> str:
        return os.path.basename(self.name) or "images"

    def image_shape(self, settings: DataSettings) -> Shape:
        return (*(settings.image_size or DEFAULT_IMAGE_SIZE), settings.channels or 3)

    def inspect(self, settings: DataSettings) -> tuple[Shape, int]:
        check_cache(settings.cache)
        count = len(list_files(self.name))
        if settings.attributes is not None:
            read_attributes(settings.attributes)
        return self.image_shape(settings), count - 1  # at least one is for the test

    def load(self, settings: DataSettings, expected_files: Files | None = None) -> ImageData:
        height, width, channels = self.image_shape(settings)
        fields = read_folder(
            self.name,
            (height, width),
            channels,
            settings.test_fraction,
            settings.cache,
            settings.attributes,
            expected_files,
        )
        return ImageData(self.name, **fields)


def read_folder(
    folder: str,
    size: Sequence[int],
    channels: int,
    test_fraction: float,
    cache: str | None = None,
    attributes: str | None = None,
    expected: Files | None = None,
) -> dict[str, Any]:
    """Decode a folder of pictures and split it into training and test.

    Folders `train/`, `test/` and `val/` above the classes define the split. Otherwise it depends
    only on the names of the files and `test_fraction`, so that runs of several seeds are tested on
    the same images. Files that are not pictures are skipped, with warnings.

    Args:
        folder: The folder: pictures, or one sub-folder of pictures for each class.
        size: Tuple `(height, width)` to crop and scale the pictures to.
        channels: 1 or 3.
        test_fraction: Share of the files that is held out for the test.
        cache: Folder for the decoded images, see `stored_images`; None for memory.
        attributes: CSV file with attributes of the pictures, see `read_attributes`; or None.
        expected: Files that the folder must contain, as `files` of an earlier call; None for any.

    Returns:
        Dictionary with fields of `ImageData`.

    Raises:
        InputError: If the folder does not contain the expected files, more than 5% of its files are
            not pictures, too few are left, or a file cannot be read because of a temporary failure.
    """
    listed = arrange(folder, list_files(folder))
    if expected is not None:
        check_same_files(folder, listed, expected)
    table = None if attributes is None else read_attributes(attributes)
    for name in sorted({file.class_name for file in listed}):
        check_text(name)
    parts = _split(folder, listed, test_fraction)
    files = [file for part in parts.values() for file in part]
    splits = [split for split, part in parts.items() for _ in part]
    # The change time (ctime): unpacking an archive restores the modification time, and changing
    # permissions does not update it.
    states = [(file.name, file.bytes, file.changed) for file in files]
    key = (DECODING, Image.__version__, known_formats(), os.path.realpath(folder), states)
    images, notes = stored_images(
        (len(files), *size, channels), lambda images: _decode_all(folder, files, images), key, cache
    )
    problems = dict(zip(notes["numbers"].tolist(), notes["reasons"].tolist()))
    _warn_of_odd(folder, files, dict(zip(notes["mended"].tolist(), notes["remarks"].tolist())))
    _warn_of_skipped(folder, files, problems)
    good = [number for number in range(len(files)) if number not in problems]
    counts = {split: sum(splits[number] == split for number in good) for split in parts}
    if not (counts[TRAIN] and counts[TEST]):
        raise InputError(
            f"{folder} has {counts[TRAIN]} pictures for training and {counts[TEST]} for the "
            "test, but needs at least one of each: add pictures or change ⟨test_fraction⟩"
        )
    columns, names = {"images": images[: len(good)]}, {}
    class_names = [files[number].class_name for number in good]
    classes = sorted(set(class_names) - {""})
    _warn_of_classes(folder, [files[number] for number in good])
    if classes and all(class_names):
        columns["labels"] = np.array([classes.index(name) for name in class_names])
        names["class_names"] = tuple(classes)
    if table is not None:
        columns["attributes"] = rows_of(table, [files[number].name for number in good])
        names["attribute_names"] = table.names
    first, last = counts[TRAIN], len(good) - counts[TEST]
    validation = {"validation_images": images[first:last]} if first < last else {}
    return {
        **{f"train_{name}": values[:first] for name, values in columns.items()},
        **{f"test_{name}": values[last:] for name, values in columns.items()},
        **validation,
        **names,
        "files": tuple(
            (file.name, file.bytes, "skipped" if number in problems else splits[number])
            for number, file in enumerate(files)
        ),
    }


def _split(
    folder: str, files: Sequence[PictureFile], test_fraction: float
) -> dict[str, list[PictureFile]]:
    """The files for training, validation and test, in this order, each in random order."""
    if any(file.split == TEST for file in files):
        check_own_test(folder, test_fraction)
        # Shuffled, so that the first images are not all of one class.
        order = np.random.default_rng(0).permutation(len(files))
        shuffled = [files[number] for number in order]
        return {
            split: [file for file in shuffled if (file.split or TRAIN) == split]
            for split in (TRAIN, VALIDATION, TEST)
        }
    train, test = hold_out(folder, len(files), test_fraction)
    return {TRAIN: [files[n] for n in train], VALIDATION: [], TEST: [files[n] for n in test]}


def _decode_all(folder: str, files: list[PictureFile], images: np.ndarray) -> dict[str, np.ndarray]:
    """Decode the files into the first rows of `images`; return the remarks and skipped files."""
    import tensorflow as tf

    decode = functools.partial(_decode_some, folder, files, images.shape[1:])
    pipeline = (
        tf.data.Dataset.range(len(files))
        .batch(FILES_AT_ONCE)
        .map(
            lambda numbers: tf.numpy_function(decode, [numbers], [tf.uint8, tf.string, tf.string]),
            num_parallel_calls=tf.data.AUTOTUNE,
        )
    )
    name, problems, remarks, filled, looked_at = os.path.basename(folder), {}, {}, 0, 0
    begin = time.perf_counter()
    with (
        warnings.catch_warnings(),
        progress_bar(total=len(files), desc=name, unit="image") as bar,
    ):
        warnings.simplefilter("ignore")  # Pillow's, about large pictures and unusual headers
        for decoded, reasons, mended in pipeline.prefetch(tf.data.AUTOTUNE).as_numpy_iterator():
            images[filled : filled + len(decoded)] = decoded
            filled += len(decoded)
            for number in mended.nonzero()[0]:
                remarks[looked_at + int(number)] = mended[number].decode()
            for number in reasons.nonzero()[0]:
                problems[looked_at + int(number)] = reasons[number].decode()
                path = os.path.join(folder, files[looked_at + int(number)].name)
                check_lasting(path, reasons[number].decode())
            _check_skipped(folder, files, problems)
            looked_at += len(reasons)
            bar.update(len(reasons))
    seconds = time.perf_counter() - begin
    report(
        f"{name}: read {len(files):,} files in {seconds:.1f} s, "
        f"{len(files) / seconds:,.0f} per second"
    )
    return {
        "numbers": np.array(list(problems), np.int64),
        "reasons": np.array(list(problems.values()), np.str_),
        "mended": np.array(list(remarks), np.int64),
        "remarks": np.array(list(remarks.values()), np.str_),
    }


def _decode_some(
    folder: str, files: list[PictureFile], shape: Sequence[int], numbers: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Decode the files of these numbers.

    Returns:
        Tuple of the images of the usable files, the problem of each file, and a remark on each
        file, both as bytes that may be empty.
    """
    images = np.empty((len(numbers), *shape), np.uint8)
    reasons, remarks = [], []
    filled = 0
    for number in numbers:
        picture, reason = decode_file(folder, files[number], shape)
        if picture is not None:
            images[filled] = picture.pixels
            filled += 1
        reasons.append(reason.encode(errors="replace"))
        remarks.append(picture.remark.encode() if picture else b"")
    return images[:filled], np.array(reasons, np.object_), np.array(remarks, np.object_)


def decode_file(folder: str, file: PictureFile, shape: Sequence[int]) -> tuple[Picture | None, str]:
    """Decode a file of a listing.

    Args:
        folder: The folder of the listing.
        file: The file.
        shape: Tuple `(height, width, channels)`.

    Returns:
        Tuple of the picture and "", or of None and the problem of the file.
    """
    if file.problem:
        return None, file.problem
    try:
        return decode_picture(os.path.join(folder, file.name), shape[:2], shape[2]), ""
    except Exception as error:  # Pillow raises errors of many kinds for damaged files
        return None, why_unreadable(error, file.name)


def check_lasting(path: str, reason: str) -> None:
    """Raise `InputError` if the failure may be temporary: a cache would lack the file forever."""
    said = reason.removeprefix(UNREADABLE)
    if said != reason and said not in map(os.strerror, LASTING):
        raise InputError(f"{path} {reason}; if this is temporary, try again")


def _check_skipped(folder: str, files: list[PictureFile], problems: dict[int, str]) -> None:
    """Raise `InputError` if too many files are skipped."""
    if len(problems) > MOST_SKIPPED * len(files):
        found = [f"{files[number].name} {reason}" for number, reason in problems.items()]
        raise InputError(
            f"more than {MOST_SKIPPED:.0%} of the {len(files):,} files in {folder} cannot be used: "
            f"{some(found)}. Remove the files that are not pictures"
        )


def _warn_of_odd(folder: str, files: list[PictureFile], remarks: dict[int, str]) -> None:
    """Print one warning for each kind of remark on the pictures."""
    for remark in sorted(set(remarks.values())):
        names = [files[number].name for number in remarks if remarks[number] == remark]
        place = os.path.join(folder, names[0])
        warn(f"{len(names):,} of {len(files):,} pictures, such as {place}: {remark}")


def _warn_of_classes(folder: str, files: Sequence[PictureFile]) -> None:
    """Warn if only some split folders have classes, or training and test have none in common."""
    names, classes = {}, dict[str, set[str]]()
    for file in files:
        names[file.split] = f"{file.name.partition('/')[0]}/"
        classes.setdefault(file.split, set()).add(file.class_name)
    if TRAIN not in classes or TEST not in classes:
        return
    without = [names[split] for split, found in classes.items() if found == {""}]
    if without and len(without) < len(classes):
        places = " and ".join(without)
        warn(f"{folder}: labels are omitted, because there are no classes in {places}")
    elif not without and classes[TRAIN].isdisjoint(classes[TEST]):
        warn(f"{folder}: {names[TRAIN]} and {names[TEST]} have no class in common")


def _warn_of_skipped(folder: str, files: list[PictureFile], problems: dict[int, str]) -> None:
    if not problems:
        return
    for number, reason in list(problems.items())[:NAMED_FILES]:
        warn(f"{os.path.join(folder, files[number].name)} {reason}")
    rest = "; files.csv of a run lists all" if len(problems) > NAMED_FILES else ""
    warn(f"skipped {len(problems):,} of {len(files):,} files in {folder}{rest}")
