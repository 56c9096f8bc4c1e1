"""Pictures as people have them: what Pillow can read is used, and what is odd is said."""

import io
import sys
import types
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image, PngImagePlugin
from test_folders import save_pictures, write_png

from vae_keras.data import pictures
from vae_keras.data.inputs import Inputs
from vae_keras.data.pictures import decode_picture, known_formats, why_unreadable
from vae_keras.data.resize import crop_and_resize
from vae_keras.data.sources import load_data

CUT = "the end of the file is missing"


@pytest.fixture
def photo():
    """A color picture with all values from 0 to 255."""
    small = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    small[0, :2] = [[0, 0, 0], [255, 255, 255]]
    return Image.fromarray(small).resize((128, 128), Image.Resampling.NEAREST)


def pixels(path, channels=3):
    return decode_picture(path, (16, 16), channels).pixels.astype(int)


def shrunk(photo, mode="RGB"):
    return np.asarray(crop_and_resize(photo.convert(mode), (16, 16))).astype(int)


def test_texts_of_any_length_do_not_matter(photo, tmp_path):
    limits = PngImagePlugin.MAX_TEXT_CHUNK, PngImagePlugin.MAX_TEXT_MEMORY
    for name, length, zipped in (("zipped", 3_000_000, True), ("plain", 70_000_000, False)):
        texts = PngImagePlugin.PngInfo()
        texts.add_text("settings", "x" * length, zip=zipped)
        photo.save(tmp_path / name, "PNG", pnginfo=texts)
        with pytest.raises(ValueError, match="MAX_TEXT"):
            Image.open(tmp_path / name).load()
    with ThreadPoolExecutor(4) as threads:
        for found in threads.map(pixels, [tmp_path / "zipped", tmp_path / "plain"] * 4):
            assert np.abs(found - shrunk(photo)).max() <= 2
    assert limits == (PngImagePlugin.MAX_TEXT_CHUNK, PngImagePlugin.MAX_TEXT_MEMORY)


@pytest.mark.parametrize("missing", [1, 2, 3, 8, 20])
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_a_jpeg_file_without_its_last_bytes_is_used(photo, tmp_path, missing, mode):
    content = io.BytesIO()
    photo.convert(mode).save(content, "JPEG", quality=95)
    (tmp_path / "whole.jpg").write_bytes(content.getvalue())
    (tmp_path / "cut.jpg").write_bytes(content.getvalue()[:-missing])
    found = decode_picture(tmp_path / "cut.jpg", (16, 16), 3)
    assert found.remark == CUT or (missing <= 2 and not found.remark)  # no pixel is missing
    assert decode_picture(tmp_path / "whole.jpg", (16, 16), 3).remark == ""
    difference = np.abs(found.pixels - pixels(tmp_path / "whole.jpg"))
    assert difference[:-2].max() <= 2 and difference.mean() < 2


@pytest.mark.parametrize(
    ("options", "kept"), [({}, 0.9), ({}, 0.5), ({}, 0.2), ({"progressive": True}, 0.9)]
)
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_a_jpeg_file_that_lacks_more_is_damaged(photo, tmp_path, options, kept, mode):
    content = io.BytesIO()
    photo.convert(mode).save(content, "JPEG", **options)
    (tmp_path / "cut.jpg").write_bytes(content.getvalue()[: int(kept * content.tell())])
    with pytest.raises(OSError, match="(?i)truncated") as caught:
        pixels(tmp_path / "cut.jpg")
    assert why_unreadable(caught.value, "cut.jpg").startswith("is damaged: ")


@pytest.mark.parametrize("depth", [8, 10, 12, 14, 16])
@pytest.mark.parametrize("ending", ["png", "tif"])
def test_gray_values_that_use_the_lower_bits_alone_are_scaled(photo, tmp_path, depth, ending):
    gray = np.asarray(photo.convert("L")).astype(np.uint16)
    Image.fromarray(gray << (depth - 8)).save(tmp_path / f"deep.{ending}")
    found = decode_picture(tmp_path / f"deep.{ending}", (16, 16), 1)
    expected = "" if depth == 16 else f"only the lower {depth} of 16 bits are used: scaled"
    assert found.remark == expected
    assert np.abs(found.pixels[..., 0] - shrunk(photo, "L")).max() <= 2


@pytest.mark.parametrize("depth", [8, 12, 14, 16])
@pytest.mark.parametrize("turned", [False, True])
def test_colors_that_use_the_lower_bits_alone_are_scaled(photo, tmp_path, depth, turned):
    values = np.asarray(photo).astype(">u2") << (depth - 8)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    write_png(tmp_path / "deep.png", 128, 128, bytes([16, 2, 0, 0, 0]), rows)
    expected = photo
    if turned:
        content = (tmp_path / "deep.png").read_bytes()
        exif = Image.Exif()
        exif[0x0112] = 6
        chunk = b"eXIf" + exif.tobytes()[6:]
        length, checksum = (len(chunk) - 4).to_bytes(4), zlib.crc32(chunk).to_bytes(4)
        (tmp_path / "deep.png").write_bytes(content[:33] + length + chunk + checksum + content[33:])
        expected = photo.transpose(Image.Transpose.ROTATE_270)
    found = decode_picture(tmp_path / "deep.png", (16, 16), 3)
    assert (found.remark == "") == (depth == 16)
    assert np.abs(found.pixels - shrunk(expected)).max() <= 2


def test_a_black_picture_of_16_bits_is_black(tmp_path):
    Image.fromarray(np.zeros((8, 8), np.uint16)).save(tmp_path / "black.png")
    found = decode_picture(tmp_path / "black.png", (4, 4), 1)
    assert found.remark == "" and not found.pixels.any()


@pytest.mark.parametrize(
    ("most", "remark"),
    [(1.0, ""), (255.0, ""), (9000.0, "values exceed the usual range")],
)
def test_floats_are_scaled_by_their_range(photo, tmp_path, most, remark):
    gray = np.asarray(photo.convert("L")) / np.float32(255)
    Image.fromarray(gray / gray.max() * np.float32(most)).save(tmp_path / "floats.tif")
    found = decode_picture(tmp_path / "floats.tif", (16, 16), 1)
    assert found.remark.startswith(remark) and bool(found.remark) == bool(remark)
    expected = shrunk(photo, "L") / gray.max()
    assert np.abs(found.pixels[..., 0] - expected).max() <= 3


@pytest.mark.parametrize("odd", [-1.0, np.nan, np.inf])
def test_floats_that_are_no_colors_are_named(tmp_path, odd):
    Image.fromarray(np.array([[0.5, odd]] * 2, np.float32)).save(tmp_path / "odd.tif")
    with pytest.raises(pictures.UnusablePicture) as caught:
        pixels(tmp_path / "odd.tif")
    assert why_unreadable(caught.value, "odd.tif").startswith("has values from")


def test_damaged_notes_of_a_camera_leave_a_picture_as_it_is(photo, tmp_path):
    photo.save(tmp_path / "a.jpg", exif=b"Exif\0\0II*\0\xff\xff\xff\x7f", quality=95)
    assert np.abs(pixels(tmp_path / "a.jpg") - shrunk(photo)).mean() < 4


def test_an_apple_picture_says_what_it_needs(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    (tmp_path / "a.heic").write_bytes(b"\0\0\0\x18ftypheic" + bytes(99))
    known_formats.cache_clear()
    if "HEIF" in known_formats():
        pytest.skip("pillow-heif is installed and was used already")
    with pytest.raises(Image.UnidentifiedImageError) as caught:
        pixels(tmp_path / "a.heic")
    assert "pip install pillow-heif" in why_unreadable(caught.value, "A.HEIC")


def test_an_apple_picture_is_read_with_the_extra(photo, tmp_path):
    heif = pytest.importorskip("pillow_heif")
    known_formats.cache_clear()
    heif.from_pillow(photo).save(tmp_path / "a.heic", quality=95)
    assert np.abs(pixels(tmp_path / "a.heic") - shrunk(photo)).mean() < 8


def test_of_odd_pictures_a_folder_says_one_line(tmp_path, caplog):
    folder = save_pictures(tmp_path / "pictures", 40)
    for name in "ab":
        Image.fromarray(np.full((8, 8), 1000, np.uint16)).save(folder / f"{name}.png")
    cache = str(tmp_path / "cache")
    for _ in range(2):  # decoded, and from the cache
        caplog.clear()
        data = load_data(str(folder), image_size=(8, 8), cache=cache)
        assert len(data.train_images) + len(data.test_images) == 42
        (line,) = caplog.messages
        assert line.startswith("2 of 42 pictures, such as ")
        assert line.endswith("only the lower 10 of 16 bits are used: scaled")
    caplog.clear()
    inputs = Inputs([folder], (8, 8, 3))
    assert sum(len(batch.images) for batch in inputs.batches(20)) == 42
    inputs.warn()
    (again,) = caplog.messages
    assert again.endswith(line.partition(": ")[2])


def test_modules_that_pillow_knows_need_not_be_there(monkeypatch):
    known_formats.cache_clear()
    monkeypatch.setattr(pictures, "features", types.SimpleNamespace(check=lambda name: False))
    assert not {"AVIF", "WEBP"} & set(known_formats())
    error = Image.UnidentifiedImageError()
    assert "this version of Pillow" in why_unreadable(error, "a.avif")
    known_formats.cache_clear()
