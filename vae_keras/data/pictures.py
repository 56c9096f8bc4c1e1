"""Decoding of picture files: the formats, and the treatment of unusual files."""

import contextlib
import errno
import functools
import io
import os
import threading
from collections.abc import Iterator, Sequence
from typing import BinaryIO, NamedTuple

import numpy as np
from PIL import Image, ImageOps, PngImagePlugin, UnidentifiedImageError, features

from vae_keras.data.resize import crop_and_resize

# Pillow's names of the formats, and their names in messages.
FORMATS = {
    "AVIF": "AVIF",
    "BMP": "BMP",
    "GIF": "GIF",
    "HEIF": "HEIC",
    "JPEG": "JPEG",
    "MPO": None,  # a JPEG file with several pictures
    "PNG": "PNG",
    "TIFF": "TIFF",
    "WEBP": "WebP",
}
HEIC_ENDINGS = (".heic", ".heif", ".hif")
ENDINGS = (
    *(".avif", ".bmp", ".gif", ".jfif", ".jpe", ".jpeg", ".jpg", ".mpo"),
    *(".png", ".tif", ".tiff", ".webp", *HEIC_ENDINGS),
)
LARGE = 2**24  # pixels; larger pictures are decoded one at a time
MOST_TEXT = 2**30  # bytes of texts in a PNG file; Pillow's own limits are lower
DEPTHS = (8, 10, 12, 14)  # common depths in bits of values stored in 16
END_OF_JPEG = b"\xff\xd9"
UNDECODED = (127, 128)  # the gray of the blocks that a JPEG file lacks
MOST_UNDECODED = 0.03  # of the pixels
UNREADABLE = "cannot be read: "  # followed by the message of the system

_one_large_picture = threading.Lock()
_limits = threading.Lock()


class Picture(NamedTuple):
    """A decoded picture.

    Attributes:
        pixels: uint8 array `(height, width, channels)`.
        remark: A correction that was applied to the file, or "".
    """

    pixels: np.ndarray
    remark: str


class UnusablePicture(Exception):
    """A complete file without a usable picture.

    The message continues a sentence that begins with the name of the file.
    """


def decode_picture(path: str | os.PathLike, size: Sequence[int], channels: int) -> Picture:
    """Decode one picture: upright, center-cropped and scaled with antialiasing.

    Transparent pictures are composited over white; palettes and CMYK become RGB. The first picture
    of an animation is used. 16-bit values are reduced to their upper 8 bits, or, if only the lower
    8, 10, 12 or 14 bits are used, to the upper 8 of these. Truncated JPEG files are used.

    Args:
        path: A file in one of `known_formats`.
        size: Tuple `(height, width)`.
        channels: 1 or 3.

    Raises:
        Exception: Of many kinds, if the file is damaged or not a picture. `why_unreadable`
            describes the problem.
    """
    try:
        return _decode(path, size, channels)
    except ValueError as error:
        if "MAX_TEXT" not in str(error):
            raise
    except OSError as error:
        if "truncated" not in str(error):
            raise
        with open(path, "rb") as file:
            content = file.read()
        if not content.startswith(b"\xff\xd8"):
            raise
        with contextlib.suppress(OSError):
            return _decode(io.BytesIO(content + END_OF_JPEG), size, channels, is_cut=True)
        raise
    with _long_texts():
        return _decode(path, size, channels)


def why_unreadable(error: Exception, name: str) -> str:
    """Description of the problem of a picture, from the exception of its decoding and its name."""
    if isinstance(error, UnusablePicture):
        return str(error)
    if isinstance(error, MemoryError):
        error = OSError(errno.ENOMEM, os.strerror(errno.ENOMEM))
    if isinstance(error, UnidentifiedImageError):
        if name.lower().endswith(HEIC_ENDINGS) and "HEIF" not in known_formats():
            return "is a HEIC picture, which needs the package pillow-heif: pip install pillow-heif"
        if name.lower().endswith(".avif") and "AVIF" not in known_formats():
            return "is an AVIF picture, which this version of Pillow cannot read"
        titles = [title for form in known_formats() if (title := FORMATS[form])]
        return f"is not a picture in a supported format ({', '.join(titles)})"
    if isinstance(error, Image.DecompressionBombError):
        return f"has more than {2 * (Image.MAX_IMAGE_PIXELS or 0) / 1e6:.0f} million pixels"
    if isinstance(error, OSError) and error.strerror:
        return f"{UNREADABLE}{error.strerror}"
    return f"is damaged: {error or type(error).__name__}"


@functools.cache
def known_formats() -> tuple[str, ...]:
    """The keys of `FORMATS` that this installation can read. HEIC needs the package pillow-heif."""
    try:
        import pillow_heif
    except ImportError:
        pass
    else:
        pillow_heif.register_heif_opener()
    Image.init()
    missing = {name for name in ("avif", "webp") if not features.check(name)}
    return tuple(form for form in FORMATS if form in Image.OPEN and form.lower() not in missing)


def _decode(
    source: str | os.PathLike | BinaryIO, size: Sequence[int], channels: int, is_cut: bool = False
) -> Picture:
    height, width = size
    with Image.open(source, formats=known_formats()) as file:
        image: Image.Image = file
        # JPEG files can be decoded at half, a quarter or an eighth of their size.
        image.draft(None, (2 * max(size), 2 * max(size)))
        large = image.width * image.height > LARGE
        with _one_large_picture if large else contextlib.nullcontext():
            has_16_bits = isinstance(file, PngImagePlugin.PngImageFile) and str(
                file.tile[0].args
            ).endswith(";16B")
            image.load()
            if is_cut:
                _check_nearly_whole(image)
            _turn(image)
            remark = "the end of the file is missing" if is_cut else ""
            if image.mode[0] in "IF":  # whole numbers of 16 or 32 bits, or floats
                pixels, remark = _eight_bits(np.asarray(image))
                image = Image.fromarray(pixels)
            elif has_16_bits and image.mode in ("RGB", "RGBA"):
                image, remark = _low_bits(source, image)
            image = crop_and_resize(_interpolable(image), size)
    if image.mode == "RGBA":
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    pixels = np.asarray(image.convert("L" if channels == 1 else "RGB"))
    return Picture(pixels.reshape(height, width, channels), remark)


def _turn(image: Image.Image) -> None:
    """Apply the EXIF orientation. A damaged one is ignored, because the pixels are valid."""
    try:
        ImageOps.exif_transpose(image, in_place=True)
    except MemoryError:
        raise
    except Exception:  # Pillow raises errors of many kinds
        return


def _interpolable(image: Image.Image) -> Image.Image:
    """The picture in a mode whose values can be averaged: L, RGB or RGBA."""
    if image.has_transparency_data:
        return image.convert("RGBA")
    try:
        return image if image.mode in ("L", "RGB") else image.convert("RGB")
    except ValueError:
        raise UnusablePicture(f"has an unknown color mode: {image.mode}") from None


def _eight_bits(values: np.ndarray) -> tuple[np.ndarray, str]:
    """Numbers as uint8, and a remark if their range is unusual for their type."""
    least, most = values.min(), values.max()
    if not least >= 0 or not np.isfinite(most):
        raise UnusablePicture(
            f"has values from {least:.4g} to {most:.4g}, which are not valid colors"
        )
    if values.dtype.kind == "f" and most <= 1:
        return np.round(values * 255).astype(np.uint8), ""
    if values.dtype.kind == "f" and most <= 255:
        return np.round(values).astype(np.uint8), ""
    if values.dtype.kind == "f" or most >= 2**16:
        scaled = np.round(values * (255 / np.float64(most))).astype(np.uint8)
        return scaled, "values exceed the usual range: the largest value is read as white"
    depth = _depth(int(most))
    remark = f"only the lower {depth} of 16 bits are used: scaled" if depth < 16 and most else ""
    return (values >> (depth - 8)).astype(np.uint8), remark


def _depth(most: int) -> int:
    """The number of bits of the values of a picture, from the largest value."""
    return next((bits for bits in DEPTHS if most < 2**bits), 16)


def _low_bits(source: str | os.PathLike | BinaryIO, image: Image.Image) -> tuple[Image.Image, str]:
    """A 16-bit color picture whose upper bits are not used, scaled, and a remark.

    Pillow decodes the upper eight bits only.
    """
    high = np.asarray(image)
    colors = high[..., :3].astype(np.uint16) << 8
    if _depth(int(colors.max())) == 16:
        return image, ""
    with Image.open(source, formats=known_formats()) as low:
        # With swapped bytes, Pillow decodes the lower eight bits.
        low.tile = [low.tile[0]._replace(args=str(low.tile[0].args).replace("16B", "16L"))]
        low.load()
        _turn(low)
        colors += np.asarray(low)[..., :3]
    pixels, remark = _eight_bits(colors)
    return Image.fromarray(np.concatenate([pixels, high[..., 3:]], axis=-1)), remark


def _check_nearly_whole(image: Image.Image) -> None:
    """Raise `OSError` if a JPEG picture lacks more than its last blocks, which are gray."""
    if image.info.get("progressive"):  # missing data affects the whole picture
        raise OSError("image file is truncated")
    values = np.asarray(image).reshape(image.height, image.width, -1)
    if values[-1, -1, 0] not in UNDECODED:
        return
    gray = (values == values[-1, -1]).all(axis=-1)[::-1, ::-1]  # from the end of the file on
    undecoded = np.minimum.accumulate(gray, axis=1).sum(axis=1)  # at the end of each row
    if undecoded[np.minimum.accumulate(undecoded > 0)].sum() > MOST_UNDECODED * gray.size:
        raise OSError("image file is truncated")


@contextlib.contextmanager
def _long_texts() -> Iterator[None]:
    """Let Pillow read PNG files with long texts, such as the settings of a program."""
    with _limits:
        before = PngImagePlugin.MAX_TEXT_CHUNK, PngImagePlugin.MAX_TEXT_MEMORY
        PngImagePlugin.MAX_TEXT_CHUNK = PngImagePlugin.MAX_TEXT_MEMORY = MOST_TEXT
        try:
            yield
        finally:
            PngImagePlugin.MAX_TEXT_CHUNK, PngImagePlugin.MAX_TEXT_MEMORY = before
