"""Folders of pictures: which files count, how each becomes an image, which are for the test."""

import contextlib
import dataclasses
import errno
import functools
import os
import stat
import threading
import time
import warnings
from collections.abc import Sequence
from typing import Any, NoReturn

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from vae_keras.config import DataSettings
from vae_keras.data.attribute_table import read_attributes, rows_of
from vae_keras.data.images import ImageData
from vae_keras.data.resize import crop_and_resize
from vae_keras.data.source import Files, Source
from vae_keras.data.split import hold_out
from vae_keras.data.storage import DEFAULT_IMAGE_SIZE, stored_images
from vae_keras.support.errors import InputError, check_text
from vae_keras.support.reporting import progress_bar, report, warn

FORMATS = ("BMP", "JPEG", "PNG", "WEBP")
ENDINGS = (".bmp", ".jpe", ".jpeg", ".jpg", ".png", ".webp")
MOST_SKIPPED = 0.05  # as a share of the files
NAMED_FILES = 10  # in a message
LARGE = 2**24  # pixels; larger pictures are decoded one at a time
DECODING = 1  # to be raised with every change of what decode_image makes of a file
FILES_AT_ONCE = 32  # in a call of the pipeline, which costs as much as a small picture

UNREADABLE = "cannot be read: "  # and what the system says
# Errors that last; any other error of the system can pass, and hides a good picture.
LASTING = (errno.EACCES, errno.ELOOP, errno.ENAMETOOLONG, errno.ENOENT, errno.EPERM)

_one_large_picture = threading.Lock()


class Folder(Source):
    """Image folders: pictures side by side, or one sub-folder for each class."""

    options = frozenset({"image_size", "channels", "test_fraction", "cache", "attributes"})

    def __init__(self, name: str) -> None:
        check_text(name)
        super().__init__(os.path.abspath(name))

    @classmethod
    def matches(cls, name: str) -> bool:
        return os.path.isdir(name) or os.sep in name

    def prepare(self, data_dir: str | None = None) -> str | None:
        if not os.path.isdir(self.name):
            raise InputError(f"{self.name!r} is not an image folder")
        return None

    @property
    def title(self) -> str:
        return os.path.basename(self.name) or "images"

    def load(self, settings: DataSettings, expected_files: Files | None = None) -> ImageData:
        fields = read_folder(
            self.name,
            settings.image_size or DEFAULT_IMAGE_SIZE,
            settings.channels or 3,
            settings.test_fraction,
            settings.cache,
            settings.attributes,
            expected_files,
        )
        return ImageData(self.name, **fields)


@dataclasses.dataclass(frozen=True)
class PictureFile:
    """A file in a folder of pictures.

    Attributes:
        name: Its path in the folder, with `/`.
        bytes: Its size.
        changed: When its content or its permissions were changed last, in nanoseconds.
        problem: Why it cannot be used, as far as that is known without reading it; or "".
    """

    name: str
    bytes: int = 0
    changed: int = 0
    problem: str = ""

    @property
    def class_name(self) -> str:
        """The sub-folder that it lies in, or "" for none."""
        return self.name.split("/")[0] if "/" in self.name else ""

    @property
    def looks_like_picture(self) -> bool:
        """Whether its name ends as those of pictures do."""
        return self.name.lower().endswith(ENDINGS)


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

    The split follows from the names of the files and `test_fraction` alone, so that runs of
    several seeds are tested on the same images. Files that are no pictures are skipped,
    counted, and named on stderr.

    Args:
        folder: The folder: pictures, or one sub-folder of pictures for each class.
        size: Tuple `(height, width)` to cut and scale the pictures to.
        channels: 1 or 3.
        test_fraction: Share of the files that is kept for the test.
        cache: Folder for the decoded images, see `stored_images`; None for memory.
        attributes: CSV file with properties of the pictures, see `read_attributes`; or None.
        expected: The files that must be there, as `files` of an earlier call; None for any.

    Returns:
        Dictionary with fields of `ImageData`.

    Raises:
        InputError: If the folder is not what was expected, more than 5% of its files are no
            pictures, too few are left, or the system fails to read one for a reason that may pass.
    """
    listed = list_files(folder)
    if expected is not None:
        check_same_files(folder, listed, expected)
    table = None if attributes is None else read_attributes(attributes)
    for name in sorted({file.class_name for file in listed}):
        check_text(name)
    train, test = hold_out(folder, len(listed), test_fraction)
    files = [listed[number] for number in (*train, *test)]
    # Not when files were modified, which archives bring along and permissions do not change.
    states = [(file.name, file.bytes, file.changed) for file in files]
    key = (DECODING, Image.__version__, os.path.realpath(folder), states)
    images, notes = stored_images(
        (len(files), *size, channels), lambda images: _decode_all(folder, files, images), key, cache
    )
    problems = dict(zip(notes["numbers"].tolist(), notes["reasons"].tolist()))
    _warn_of_skipped(folder, files, problems)
    good = [file for number, file in enumerate(files) if number not in problems]
    boundary = sum(number not in problems for number in range(len(train)))
    if not 0 < boundary < len(good):
        raise InputError(
            f"{folder} has {boundary} pictures for training and {len(good) - boundary} for the "
            "test: there must be one of each, so add pictures or change ⟨test_fraction⟩"
        )
    columns, names = {"images": images[: len(good)]}, {}
    classes = sorted({file.class_name for file in good} - {""})
    if classes and all(file.class_name for file in good):
        columns["labels"] = np.array([classes.index(file.class_name) for file in good])
        names["class_names"] = tuple(classes)
    if table is not None:
        columns["attributes"] = rows_of(table, [file.name for file in good])
        names["attribute_names"] = table.names
    splits = {number: "train" if number < len(train) else "test" for number in range(len(files))}
    splits |= dict.fromkeys(problems, "skipped")
    return {
        **{f"train_{name}": values[:boundary] for name, values in columns.items()},
        **{f"test_{name}": values[boundary:] for name, values in columns.items()},
        **names,
        "files": tuple(
            (file.name, file.bytes, splits[number]) for number, file in enumerate(files)
        ),
    }


def list_files(folder: str) -> list[PictureFile]:
    """All files below a folder, sorted by name; hidden ones do not count.

    Links are followed, but no folder is read twice, so that links in a circle end; such a link is
    named on stderr.

    Returns:
        List of `PictureFile`. Some have a problem and cannot be used: they are not regular files,
        cannot be reached, are empty, or lie beside the folders of classes.

    Raises:
        InputError: If a folder cannot be read, or there are no files.
    """
    found, seen = [], set()
    for directory, folders, names in os.walk(folder, onerror=_refuse, followlinks=True):
        status = os.stat(directory)
        if (status.st_dev, status.st_ino) in seen:
            warn(f"{directory} leads to a folder that is read already")
            folders.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        folders[:] = sorted(name for name in folders if name[0] != ".")
        inner = os.path.relpath(directory, folder).replace(os.sep, "/")
        prefix = "" if inner == "." else f"{inner}/"
        found += [
            _look_at(os.path.join(directory, name), prefix + name)
            for name in names
            if name[0] != "."
        ]
    if not found:
        raise InputError(f"{folder} holds no files: name a folder of pictures")
    found.sort(key=lambda file: file.name)
    if any(file.class_name and file.looks_like_picture for file in found if not file.problem):
        found = [
            file
            if file.class_name or file.problem
            else dataclasses.replace(file, problem="lies beside the folders of the classes")
            for file in found
        ]
    return found


def check_same_files(folder: str, listed: list[PictureFile], expected: Files) -> None:
    """Raise `InputError` unless a folder holds the same files, of the same sizes, as before."""
    now = {file.name: file.bytes for file in listed}
    before = {name: size for name, size, _ in expected}
    changes = {
        "added": now.keys() - before.keys(),
        "removed": before.keys() - now.keys(),
        "changed": {name for name in now.keys() & before.keys() if now[name] != before[name]},
    }
    found = "; ".join(
        f"{len(names):,} {change} ({_some(sorted(names))})"
        for change, names in changes.items()
        if names
    )
    if found:
        raise InputError(
            f"the files in {folder} have changed since this run, so that the split into training "
            f"and test would be another: {found}. Restore them, or start a new run"
        )


def decode_image(path: str, size: Sequence[int], channels: int) -> np.ndarray:
    """One picture, upright, its middle cut out and scaled with antialiasing.

    Transparent pictures are laid over white; of 16 bits the upper eight are kept; palettes
    and CMYK become RGB. Of an animation the first picture is taken.

    Args:
        path: PNG, JPEG, BMP or WebP file.
        size: Tuple `(height, width)`.
        channels: 1 or 3.

    Returns:
        uint8 array `(*size, channels)`.

    Raises:
        Exception: Of many kinds, if the file is damaged or no picture.
    """
    height, width = size
    with Image.open(path, formats=FORMATS) as file:
        image: Image.Image = file
        # JPEG alone can be decoded at half, a quarter or an eighth of its size.
        image.draft(None, (2 * max(size), 2 * max(size)))
        large = image.width * image.height > LARGE
        with _one_large_picture if large else contextlib.nullcontext():
            ImageOps.exif_transpose(image, in_place=True)
            image = crop_and_resize(_interpolable(image), size)
    if image.mode == "RGBA":
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    pixels = np.asarray(image.convert("L" if channels == 1 else "RGB"))
    return pixels.reshape(height, width, channels)


def _interpolable(image: Image.Image) -> Image.Image:
    """The picture in a mode whose values can be averaged: L, RGB or RGBA."""
    if image.mode.startswith("I"):  # 16 bits; the modes with 8 are not called so
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    if image.has_transparency_data:
        return image.convert("RGBA")
    return image if image.mode in ("L", "RGB") else image.convert("RGB")


def _refuse(error: OSError) -> NoReturn:
    """Stop `os.walk` at a folder that cannot be read: nobody knows what is missing then."""
    raise InputError(f"{error.filename} cannot be read: {error.strerror}") from None


def _look_at(path: str, name: str) -> PictureFile:
    """What the system says of a file without reading it."""
    try:
        status = os.stat(path)
    except OSError as error:  # a link to nothing, or to itself
        return PictureFile(name, problem=f"{UNREADABLE}{error.strerror}")
    if not stat.S_ISREG(status.st_mode):  # to open a pipe could take forever
        return PictureFile(name, problem="is not a regular file")
    problem = "" if status.st_size else "is empty"
    return PictureFile(name, status.st_size, status.st_ctime_ns, problem)


def _decode_all(folder: str, files: list[PictureFile], images: np.ndarray) -> dict[str, np.ndarray]:
    """Decode the files into the first rows of `images`; return which are skipped, and why."""
    import tensorflow as tf

    decode = functools.partial(_decode_some, folder, files, images.shape[1:])
    pipeline = (
        tf.data.Dataset.range(len(files))
        .batch(FILES_AT_ONCE)
        .map(
            lambda numbers: tf.numpy_function(decode, [numbers], [tf.uint8, tf.string]),
            num_parallel_calls=tf.data.AUTOTUNE,
        )
    )
    name, problems, filled, looked_at = os.path.basename(folder), {}, 0, 0
    begin = time.perf_counter()
    with (
        warnings.catch_warnings(),
        progress_bar(total=len(files), desc=name, unit="image") as bar,
    ):
        warnings.simplefilter("ignore")  # Pillow's, on large pictures and odd headers
        for decoded, reasons in pipeline.prefetch(tf.data.AUTOTUNE).as_numpy_iterator():
            images[filled : filled + len(decoded)] = decoded
            filled += len(decoded)
            for number in reasons.nonzero()[0]:
                problems[looked_at + int(number)] = reasons[number].decode()
                _check_lasting(folder, files[looked_at + int(number)], reasons[number].decode())
            _check_skipped(folder, files, problems)
            looked_at += len(reasons)
            bar.update(len(reasons))
    seconds = time.perf_counter() - begin
    report(
        f"{name}: {len(files):,} files read in {seconds:.1f} s, "
        f"{len(files) / seconds:,.0f} a second"
    )
    return {
        "numbers": np.array(list(problems), np.int64),
        "reasons": np.array(list(problems.values()), np.str_),
    }


def _decode_some(
    folder: str, files: list[PictureFile], shape: Sequence[int], numbers: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Decode the files of these numbers.

    Returns:
        Tuple of the images of those that can be used, and for each file the reason why it cannot
        be used, as bytes; empty if it can.
    """
    images, reasons = np.empty((len(numbers), *shape), np.uint8), []
    filled = 0
    for number in numbers:
        file = files[number]
        reason = file.problem
        if not reason:
            try:
                path = os.path.join(folder, file.name)
                images[filled] = decode_image(path, shape[:2], shape[2])
                filled += 1
            except Exception as error:  # Pillow raises errors of many kinds for damaged files
                reason = why_unreadable(error)
        reasons.append(reason.encode(errors="replace"))
    return images[:filled], np.array(reasons, np.object_)


def why_unreadable(error: Exception) -> str:
    """What is wrong with a picture, from the error that its decoding raised."""
    if isinstance(error, MemoryError):
        error = OSError(errno.ENOMEM, os.strerror(errno.ENOMEM))
    if isinstance(error, UnidentifiedImageError):
        return "is not a PNG, JPEG, BMP or WebP picture"
    if isinstance(error, Image.DecompressionBombError):
        return f"has more than {2 * (Image.MAX_IMAGE_PIXELS or 0) / 1e6:.0f} million pixels"
    if isinstance(error, OSError) and error.strerror:
        return f"{UNREADABLE}{error.strerror}"
    return f"is damaged: {error or type(error).__name__}"


def _check_lasting(folder: str, file: PictureFile, reason: str) -> None:
    """Raise `InputError` if a file may be readable another time: a cache would miss it for good."""
    said = reason.removeprefix(UNREADABLE)
    if said != reason and said not in map(os.strerror, LASTING):
        raise InputError(f"{os.path.join(folder, file.name)} {reason}; if that passes, try again")


def _check_skipped(folder: str, files: list[PictureFile], problems: dict[int, str]) -> None:
    """Raise `InputError` once too many files are skipped."""
    if len(problems) > MOST_SKIPPED * len(files):
        found = [f"{files[number].name} {reason}" for number, reason in problems.items()]
        raise InputError(
            f"more than {MOST_SKIPPED:.0%} of the {len(files):,} files in {folder} cannot be used: "
            f"{_some(found)}. Remove the files that are not pictures"
        )


def _warn_of_skipped(folder: str, files: list[PictureFile], problems: dict[int, str]) -> None:
    if not problems:
        return
    for number, reason in list(problems.items())[:NAMED_FILES]:
        warn(f"{os.path.join(folder, files[number].name)} {reason}")
    rest = "; a run's files.csv names all" if len(problems) > NAMED_FILES else ""
    warn(f"skipped {len(problems):,} of {len(files):,} files in {folder}{rest}")


def _some(names: list[str]) -> str:
    rest = len(names) - NAMED_FILES
    return ", ".join(names[:NAMED_FILES]) + (f" and {rest:,} more" if rest > 0 else "")
