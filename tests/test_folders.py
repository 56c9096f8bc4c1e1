"""Folders of pictures: odd files, the split, the cache, and runs on them."""

import errno
import os
import shutil
import subprocess
import sys
import tempfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from test_fit import run_fit
from test_resume import finished_epochs, small_disk, start, wait_until  # noqa: F401
from test_training import assert_equal_runs

from vae_keras.config import make_config
from vae_keras.data import folder as folders
from vae_keras.data import storage
from vae_keras.data.listing import list_files
from vae_keras.data.pictures import decode_picture
from vae_keras.data.sources import load_configured, load_data, resolve_dataset
from vae_keras.evaluation import evaluate_run
from vae_keras.support.errors import InputError
from vae_keras.training.loop import train
from vae_keras.training.run import Run

ORANGE, GRAY = (230, 120, 20), 90
NAMES = ["a picture.png", "ünïcödé-日本.png", os.fsdecode(b"no-utf8-\xff.png"), "#1 (copy).jpg"]


def save_pictures(folder, count, side=16, **options):
    """Pictures whose red value is their number, and whose name tells it."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        Image.new("RGB", (side + number % 5, side), (number, 0, 200)).save(
            folder / f"{number:03d}.png", **options
        )
    return folder


@pytest.fixture
def pictures(tmp_path):
    """A folder of 40 pictures."""
    return save_pictures(tmp_path / "pictures", 40)


@pytest.fixture
def folder_config(tiny_config):
    """Makes settings of a tiny network for a folder."""
    return lambda folder, **changes: tiny_config.replace(
        dataset=str(folder), image_size=(8, 8), **changes
    )


def red_values(images):
    return images[:, 4, 4, 0].tolist()


def test_a_folder_is_split_by_file_and_nothing_is_lost(pictures):
    data = load_data(str(pictures), image_size=(8, 12), test_fraction=0.25)
    assert data.train_images.shape == (30, 8, 12, 3) and data.test_images.shape == (10, 8, 12, 3)
    assert sorted(red_values(data.train_images) + red_values(data.test_images)) == list(range(40))
    splits = {name: split for name, _, split in data.files}
    assert all(splits[f"{value:03d}.png"] == "test" for value in red_values(data.test_images))
    assert not data.has_labels and data.class_names == ()


def test_the_split_depends_on_names_and_fraction_alone(pictures, tmp_path):
    first = load_data(str(pictures), image_size=(8, 8))
    moved = load_data(str(pictures.rename(tmp_path / "elsewhere")), image_size=(8, 8))
    assert first.sha256() == moved.sha256() and len(first.test_images) == 4
    assert first.image_shape == (8, 8, 3)
    # In random order, so that the first few test images are no neighbors.
    assert red_values(first.train_images) != sorted(red_values(first.train_images))


def test_subfolders_are_classes(tmp_path):
    for name, count in (("cats and dogs", 12), ("bïrds", 8)):
        save_pictures(tmp_path / name, count, side=20 if name == "bïrds" else 10)
    (tmp_path / "bïrds" / "deeper").mkdir()
    (tmp_path / "bïrds" / "007.png").rename(tmp_path / "bïrds" / "deeper" / "7.png")
    (tmp_path / ".hidden").mkdir()
    (tmp_path / ".hidden" / "thumbnail.png").write_text("not looked at")
    data = load_data(str(tmp_path))
    assert data.class_names == ("bïrds", "cats and dogs")
    assert np.bincount(np.concatenate([data.train_labels, data.test_labels])).tolist() == [8, 12]
    names = [name for name, _, split in data.files if split == "train"]
    assert [data.class_names[label] for label in data.train_labels] == [
        name.split("/")[0] for name in names
    ]
    assert data.image_shape == (64, 64, 3)


def test_gray_on_demand(pictures):
    gray = load_data(str(pictures), image_size=(8, 8), channels=1)
    assert gray.image_shape == (8, 8, 1)
    luminance = np.round(0.299 * 0 + 0.114 * 200)
    assert abs(int(gray.train_images.min()) - luminance) <= 1


def test_the_middle_is_kept_and_scaling_down_averages(tmp_path):
    picture = np.zeros((64, 128, 3), np.uint8)
    picture[:, 32:96:2] = 255
    Image.fromarray(picture).save(tmp_path / "stripes.png")
    small = decode_picture(tmp_path / "stripes.png", (8, 8), 3).pixels.astype(int)
    assert np.abs(small - 127.5).max() < 16 and np.abs(small[:, 1:-1] - 127.5).max() < 6


def palette():
    picture = Image.new("P", (40, 30), 1)
    picture.putpalette([0, 0, 0, *ORANGE])
    return picture


def half_transparent():
    picture = Image.new("RGBA", (40, 40), (*ORANGE, 0))
    picture.paste((*ORANGE, 255), (0, 0, 20, 40))
    return picture


def upright():
    """Orange on the left once the camera's note is followed; stored lying on its side."""
    picture = Image.new("RGB", (40, 40), "white")
    picture.paste(ORANGE, (0, 20, 40, 40))
    return picture


TURNED = Image.Exif()
TURNED[0x0112] = 6  # turn clockwise to see it
PICTURES = {  # picture, its format, how it is saved, colors on the left and on the right
    "RGB in PNG": (Image.new("RGB", (40, 40), ORANGE), "PNG", {}, ORANGE, ORANGE),
    "RGB in JPEG": (Image.new("RGB", (40, 40), ORANGE), "JPEG", {}, ORANGE, ORANGE),
    "RGB in GIF": (Image.new("RGB", (40, 40), ORANGE), "GIF", {}, ORANGE, ORANGE),
    "RGB in TIFF": (Image.new("RGB", (40, 40), ORANGE), "TIFF", {}, ORANGE, ORANGE),
    "RGB in AVIF": (Image.new("RGB", (40, 40), ORANGE), "AVIF", {}, ORANGE, ORANGE),
    "CMYK in TIFF": (Image.new("CMYK", (40, 40), (0, 122, 233, 25)), "TIFF", {}, ORANGE, ORANGE),
    "several pictures": (
        Image.new("RGB", (40, 40), ORANGE),
        "MPO",
        {"save_all": True, "append_images": [Image.new("RGB", (40, 40))]},
        ORANGE,
        ORANGE,
    ),
    "RGB in BMP": (Image.new("RGB", (40, 40), ORANGE), "BMP", {}, ORANGE, ORANGE),
    "RGB in WebP": (Image.new("RGB", (40, 40), ORANGE), "WEBP", {"lossless": True}, ORANGE, ORANGE),
    "gray": (Image.new("L", (40, 40), GRAY), "PNG", {}, (GRAY,) * 3, (GRAY,) * 3),
    "two colors": (Image.new("1", (40, 40), 1), "PNG", {}, (255,) * 3, (255,) * 3),
    "16 bits": (Image.new("I;16", (40, 40), GRAY * 256 + 7), "PNG", {}, (GRAY,) * 3, (GRAY,) * 3),
    "palette": (palette(), "PNG", {}, ORANGE, ORANGE),
    "CMYK": (Image.new("CMYK", (40, 40), (0, 122, 233, 25)), "JPEG", {}, ORANGE, ORANGE),
    "transparent": (half_transparent(), "PNG", {}, ORANGE, (255,) * 3),
    "transparent WebP": (half_transparent(), "WEBP", {"lossless": True}, ORANGE, (255,) * 3),
    "gray and transparent": (
        Image.new("LA", (40, 40), (0, 128)),
        "PNG",
        {},
        (127,) * 3,
        (127,) * 3,
    ),
    "transparent palette": (palette(), "PNG", {"transparency": 1}, (255,) * 3, (255,) * 3),
    "turned": (upright(), "JPEG", {"exif": TURNED, "quality": 95}, ORANGE, (255,) * 3),
    "one pixel high": (Image.new("RGB", (500, 1), ORANGE), "PNG", {}, ORANGE, ORANGE),
}


@pytest.mark.parametrize("name", PICTURES)
def test_every_kind_of_picture_keeps_its_colors(name, tmp_path):
    picture, form, options, left, right = PICTURES[name]
    picture.save(tmp_path / "picture", form, **options)
    decoded = decode_picture(tmp_path / "picture", (16, 24), 3).pixels.astype(int)
    assert decoded.shape == (16, 24, 3)
    assert np.abs(decoded[:, 3] - left).max() < 14
    assert np.abs(decoded[:, -4] - right).max() < 14
    gray = decode_picture(tmp_path / "picture", (16, 24), 1).pixels.astype(int)
    assert np.abs(gray[:, 3, 0] - np.dot((0.299, 0.587, 0.114), left)).max() < 8


def test_a_16_bit_color_picture(tmp_path):
    row = b"\0" + np.full((8, 3), [value * 256 + 7 for value in ORANGE], ">u2").tobytes()
    write_png(tmp_path / "deep.png", 8, 8, bytes([16, 2, 0, 0, 0]), row * 8)
    assert (
        np.abs(decode_picture(tmp_path / "deep.png", (4, 4), 3).pixels - np.array(ORANGE)).max()
        <= 1
    )


def write_png(path, width, height, kind, pixels):
    header = width.to_bytes(4) + height.to_bytes(4) + kind
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(pixels)), (b"IEND", b""))
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + b"".join(
            len(body).to_bytes(4) + name + body + zlib.crc32(name + body).to_bytes(4)
            for name, body in chunks
        )
    )


def noise(path):
    """A picture whose file is long enough to be cut."""
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return path.read_bytes()


NO_PICTURE = "is not a picture in a supported format (AVIF, BMP, GIF, "
BAD_FILES = {
    "empty": (lambda path: path.touch(), "is empty"),
    "text.jpg": (
        lambda path: path.write_text("Dear diary"),
        NO_PICTURE,
    ),
    "cut.jpg": (lambda path: path.write_bytes(noise(path)[:2000]), "is damaged"),
    "cut.png": (lambda path: path.write_bytes(noise(path)[:2000]), "is damaged"),
    "flipped.png": (
        lambda path: path.write_bytes(noise(path).replace(b"IEND", b"XEND")[:9000] + bytes(9000)),
        "is damaged",
    ),
    "drawing.eps": (lambda path: half_transparent().convert("RGB").save(path), NO_PICTURE),
    "dangling.png": (lambda path: path.symlink_to("nowhere"), "cannot be read: No such file"),
    "itself.png": (lambda path: path.symlink_to(path), "cannot be read: Too many levels"),
    "pipe.png": (os.mkfifo, "is not a regular file"),
    "bomb.png": (
        lambda path: write_png(path, 60_000, 60_000, bytes([8, 2, 0, 0, 0]), b""),
        "has more than 179 million pixels",
    ),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_file_that_is_no_picture_is_named_counted_and_skipped(name, pictures, caplog):
    make, reason = BAD_FILES[name]
    make(pictures / name)
    data = load_data(str(pictures), image_size=(8, 8))
    problem, count = caplog.messages
    assert problem.startswith(f"{pictures / name} {reason}")
    assert count == f"skipped 1 of 41 files in {pictures}"
    assert {record.levelname for record in caplog.records} == {"WARNING"}
    assert sorted(red_values(data.train_images) + red_values(data.test_images)) == list(range(40))
    assert [name for name, _, split in data.files if split == "skipped"] == [name]


def test_pictures_beside_classes_are_skipped(tmp_path, caplog):
    save_pictures(tmp_path / "class", 40)
    noise(tmp_path / "loose.png")
    assert len(load_data(str(tmp_path), image_size=(8, 8)).files) == 41
    assert "loose.png is not in the folder of a class" in caplog.messages[0]


def test_a_subfolder_without_pictures_is_no_class(pictures):
    (pictures / "meta").mkdir()
    (pictures / "meta" / "list.csv").write_text("a list")
    data = load_data(str(pictures), image_size=(8, 8))
    assert len(data.train_images) + len(data.test_images) == 40
    assert data.class_names == ()


def test_classes_and_folders_need_names_that_can_be_written(tmp_path):
    odd = os.fsdecode(b"Bl\xfcte")
    save_pictures(tmp_path / "flowers" / odd, 4)
    save_pictures(tmp_path / "flowers" / "other", 4)
    for folder in (tmp_path / "flowers", tmp_path / "flowers" / odd):
        with pytest.raises(InputError, match="is not UTF-8"):
            load_data(str(folder), image_size=(8, 8))


def test_of_many_skipped_files_a_few_are_named(tmp_path, caplog):
    save_pictures(tmp_path, 240)
    for number in range(12):
        (tmp_path / f"{number}.txt").write_text("x")
    data = load_data(str(tmp_path), image_size=(8, 8))
    assert sum(split == "skipped" for _, _, split in data.files) == 12
    lines = caplog.messages
    assert len(lines) == 11 and "skipped 12 of 252 files" in lines[-1] and "files.csv" in lines[-1]


def test_up_to_5_percent_may_be_skipped_and_not_more(pictures):
    for number in range(2):
        (pictures / f"{number}.txt").write_text("x")
    assert len(load_data(str(pictures), image_size=(8, 8)).files) == 42
    for number in range(2, 10):
        (pictures / f"{number} .txt").write_text("x")
    with pytest.raises(InputError, match="more than 5% of the 50 files .* not a picture") as caught:
        load_data(str(pictures), image_size=(8, 8))
    assert "\n" not in str(caught.value)


def test_a_folder_in_which_nothing_can_be_used_is_refused(tmp_path):
    with pytest.raises(InputError, match="contains no files"):
        load_data(str(tmp_path))
    (tmp_path / "class").mkdir()
    with pytest.raises(InputError, match="contains no files"):
        load_data(str(tmp_path))
    noise(tmp_path / "class" / "one.png")
    with pytest.raises(InputError, match="has one image"):
        load_data(str(tmp_path))
    for number in range(10):
        (tmp_path / f"{number}.txt").write_text("x")
    with pytest.raises(InputError, match="more than 5%"):
        load_data(str(tmp_path))
    with pytest.raises(InputError, match="is not an image folder"):
        load_data(str(tmp_path / "nothing"))


def test_a_split_that_loses_its_only_file_is_refused(pictures):
    data = load_data(str(pictures), image_size=(8, 8), test_fraction=0.01)
    (test,) = [name for name, _, split in data.files if split == "test"]
    (pictures / test).write_text("no longer a picture")
    with pytest.raises(InputError, match="has 39 pictures for training and 0 for the test"):
        load_data(str(pictures), image_size=(8, 8), test_fraction=0.01)


def test_links_in_a_circle_end(pictures, caplog):
    (pictures / "again").symlink_to(pictures)
    for one, other in (("one", "other"), ("other", "one")):
        (pictures.parent / one).mkdir()
        (pictures.parent / one / other).symlink_to(pictures.parent / other)
    (pictures / "one").symlink_to(pictures.parent / "one")
    assert len(list_files(str(pictures))) == 40
    assert (
        f"{pictures / 'again'} is a link to a folder that was already read: skipped"
        in caplog.messages
    )
    assert len(caplog.messages) == 2


def test_links_to_pictures_and_folders_elsewhere_are_followed(pictures, tmp_path):
    links = tmp_path / "links"
    links.mkdir()
    (links / "class").symlink_to(pictures)
    assert len(load_data(str(links), image_size=(8, 8)).files) == 40


@pytest.fixture
def as_nobody():
    """A folder that everybody may enter, in which the test is not root."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    user = os.geteuid()

    def become():
        if user == 0:
            os.seteuid(65534)
        return folder

    yield folder, become
    os.seteuid(user)
    shutil.rmtree(folder)


def test_unreadable_files_are_skipped_and_unreadable_folders_refused(as_nobody, caplog):
    folder, become = as_nobody
    pictures = save_pictures(folder / "pictures", 40)
    (pictures / "003.png").chmod(0)
    become()
    assert len(load_data(str(pictures), image_size=(8, 8)).train_images) in (35, 36)
    assert "003.png cannot be read: Permission denied" in caplog.text
    os.seteuid(0) if os.getuid() == 0 else None
    save_pictures(pictures / "locked", 1)
    (pictures / "locked").chmod(0)
    become()
    with pytest.raises(InputError, match="locked cannot be read: Permission denied"):
        load_data(str(pictures), image_size=(8, 8))


@pytest.mark.parametrize(
    "error", [OSError(errno.EIO, os.strerror(errno.EIO)), MemoryError()], ids=["disk", "memory"]
)
def test_a_failure_that_may_pass_leaves_no_picture_out(error, tmp_path, monkeypatch):
    pictures, cache = save_pictures(tmp_path / "pictures", 40), str(tmp_path / "cache")
    decode = folders.decode_picture

    def fail_once(path, *arguments):
        if path.endswith("007.png"):
            raise error
        return decode(path, *arguments)

    monkeypatch.setattr(folders, "decode_picture", fail_once)
    with pytest.raises(InputError, match="007.png cannot be read: .*try again"):
        load_data(str(pictures), image_size=(8, 8), cache=cache)
    monkeypatch.undo()
    data = load_data(str(pictures), image_size=(8, 8), cache=cache)
    assert len(data.train_images) + len(data.test_images) == 40


def test_any_name_will_do(tmp_path, folder_config):
    pictures = save_pictures(tmp_path / "my pictures ♥", 20)
    for name in NAMES:
        noise(pictures / name)
    config = folder_config(pictures)
    data = load_configured(config)
    run = Run(tmp_path)
    run.write_config(config, data)
    assert run.read_files() == data.files
    assert set(NAMES) < {name for name, _, _ in run.read_files()}
    assert load_configured(run.read_config(), run.read_files()).sha256() == data.sha256()


MEMORY = """
import sys
from concurrent.futures import ThreadPoolExecutor
from vae_keras.data.pictures import decode_picture
def peak():
    (line,) = [line for line in open("/proc/self/status") if line.startswith("VmHWM")]
    return int(line.split()[1])
before = peak()
with ThreadPoolExecutor(3) as threads:
    images = list(threads.map(lambda path: decode_picture(path, (16, 16), 3).pixels, sys.argv[1:]))
print(peak() - before, *(image[8, 12, 0] for image in images))
"""


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="reads Linux's /proc")
@pytest.mark.slow
def test_pictures_of_100_megapixels_do_not_take_the_machine_down(tmp_path):
    picture = Image.new("RGB", (10_000, 10_000), ORANGE)
    picture.save(tmp_path / "0.jpg")
    picture.save(tmp_path / "0.png", compress_level=1)
    paths = [tmp_path / name for name in ("0.png", "0.png", "0.jpg")]
    result = subprocess.run(
        [sys.executable, "-c", MEMORY, *paths], capture_output=True, text=True, timeout=120
    )
    kilobytes, *reds = map(int, result.stdout.split())
    assert np.abs(np.array(reds) - ORANGE[0]).max() < 8
    # One of them takes 400 MB; two at a time, or copies, would take 800.
    assert kilobytes < 600_000


def test_large_pictures_are_read_without_remarks(pictures, capfd, recwarn):
    write_png(pictures / "large.png", 10_000, 10_000, bytes([1, 0, 0, 0, 0]), bytes(1251 * 10_000))
    assert len(load_data(str(pictures), image_size=(8, 8)).files) == 41
    assert capfd.readouterr().err == "" and not recwarn.list


def test_more_images_than_fit_into_memory_need_a_cache(pictures, tmp_path, monkeypatch):
    in_memory = load_data(str(pictures), image_size=(8, 8))
    monkeypatch.setattr(storage, "MEMORY_BUDGET", 40 * 8 * 8 * 3 - 1)
    with pytest.raises(InputError, match="40 images of 8×8×3 .* cache,") as caught:
        load_data(str(pictures), image_size=(8, 8))
    assert "\n" not in str(caught.value)
    cache = tmp_path / "cache"
    cached = load_data(str(pictures), image_size=(8, 8), cache=str(cache))
    assert isinstance(cached.train_images, np.memmap)
    assert cached.sha256() == in_memory.sha256() and cached.files == in_memory.files


def test_a_cache_is_used_until_a_file_or_a_setting_changes(pictures, tmp_path, monkeypatch, caplog):
    (pictures / "note.txt").write_text("x")
    decoded = []
    monkeypatch.setattr(
        folders,
        "decode_picture",
        lambda *given: decoded.append(given) or decode_picture(*given),
    )

    def load(**settings):
        decoded.clear()
        data = load_data(
            str(pictures), **{"image_size": (8, 8), **settings}, cache=str(tmp_path / "cache")
        )
        return data.sha256(), len(decoded)

    first, count = load()
    assert count == 41
    assert load() == (first, 0)
    # Also from the cache, it says what is skipped.
    assert caplog.text.count("note.txt is not a picture") == 2
    assert load(image_size=(8, 4))[1] == load(channels=1)[1] == load(test_fraction=0.5)[1] == 41
    os.utime(pictures / "004.png", (0, 0))
    assert load() == (first, 41)
    (tmp_path / "cache" / "x").touch()
    for path in (tmp_path / "cache").glob("*.images"):
        path.write_bytes(path.read_bytes()[:-1])
    assert load() == (first, 41)


def test_a_cache_tells_folders_apart_whose_files_look_alike(tmp_path):
    means = []
    for value in (10, 200):
        folder = tmp_path / str(value)
        folder.mkdir()
        for number in range(4):
            Image.new("L", (8, 8), value).save(folder / f"{number}.bmp")
            os.utime(folder / f"{number}.bmp", (0, 0))
        data = load_data(str(folder), image_size=(8, 8), cache=str(tmp_path / "cache"))
        means.append(data.train_images.mean())
    assert means == [10, 200]


def test_a_cache_that_cannot_be_written_is_one_line(pictures, tmp_path):
    if os.path.isdir("/proc/self"):
        with pytest.raises(InputError, match="choose another cache"):
            load_data(str(pictures), cache="/proc/nothing")
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="choose another cache"):
        load_data(str(pictures), cache=str(tmp_path / "file" / "cache"))


def test_a_disk_too_small_for_the_cache_fails_before_the_first_image(pictures, small_disk):  # noqa: F811
    with pytest.raises(OSError) as caught:
        load_data(str(pictures), image_size=(256, 256), cache=str(small_disk))
    assert caught.value.errno == errno.ENOSPC
    assert not list(small_disk.glob("*.images")) and not list(small_disk.glob(".unfinished*"))


@pytest.mark.slow
def test_a_killed_run_on_a_folder_equals_one_that_was_not(pictures, tmp_path, folder_config):
    config = folder_config(pictures, dropout=0.2, epochs=40)
    whole = train(config, tmp_path / "whole")
    run = Run(tmp_path / "killed")
    # The cache changes nothing but where the images lie.
    config = config.replace(cache=str(tmp_path / "cache"))
    process = start(config, run.directory, None, resume=False)
    assert wait_until(lambda: finished_epochs(run) >= 3, process)
    process.kill()
    process.join()
    assert 3 <= finished_epochs(run) < 40
    train(config, run.directory, resume=True)
    assert_equal_runs(whole, run)


@pytest.mark.usefixtures("quick_training")
def test_a_run_whose_files_have_changed_says_so_and_stops(pictures, tmp_path, folder_config):
    run = train(folder_config(pictures, epochs=1), tmp_path / "run")
    assert evaluate_run(run, importance_samples=1)["settings"]["images"] == 4
    before = {path: path.read_bytes() for path in run.directory.rglob("*") if path.is_file()}
    third = (pictures / "003.png").read_bytes()
    for message, change in {
        "1 added (new.png)": lambda: noise(pictures / "new.png"),
        "1 removed (003.png)": (pictures / "003.png").unlink,
        "1 changed (003.png)": lambda: noise(pictures / "003.png"),
    }.items():
        change()
        for go_on in (
            lambda: train(run.read_config().replace(epochs=2), run.directory, resume=True),
            lambda: evaluate_run(run, importance_samples=1),
        ):
            with pytest.raises(InputError, match="which changes the split") as caught:
                go_on()
            assert message in str(caught.value) and "\n" not in str(caught.value)
        (pictures / "new.png").unlink(missing_ok=True)
        (pictures / "003.png").write_bytes(third)
    Image.new("RGB", (18, 16), (255, 0, 0)).save(pictures / "003.png")
    with open(pictures / "003.png", "ab") as file:  # as long as it was, but another picture
        file.write(bytes(len(third) - file.tell()))
    with pytest.raises(InputError, match="are not those that"):
        train(run.read_config().replace(epochs=2), run.directory, resume=True)
    assert before == {
        path: path.read_bytes() for path in run.directory.rglob("*") if path.is_file()
    }


@pytest.mark.slow
def test_the_face_network_of_the_first_edition_trains_on_a_folder(tmp_path):
    save_pictures(tmp_path / "faces", 20)
    arguments = ("--preset", "faces", "--epochs", 1, "--batch-size", 6)
    result = run_fit("--dataset", "faces", *arguments, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert "18 training and 2 test images of 128×128×3" in result.stdout
    (run,) = map(Run, (tmp_path / "saved_models").iterdir())
    assert run.directory.name.startswith("faces-leaky_relu-batchnorm_before")
    assert {path.stem for path in run.figures.iterdir()} >= {
        "histograms",
        "samples",
        "reconstructions",
        "latent",
    }
    config = run.read_config()
    assert config.dataset == str(tmp_path / "faces")
    assert (config.latent_dim, config.reconstruction_weight) == (200, 10_000)


BAD_ARGUMENTS = [
    ("--dataset nowhere/at/all", "nowhere/at/all' is not an image folder"),
    ("--dataset pictures --channels 2", "--channels must be 1 or 3, received 2"),
    ("--dataset pictures --test-fraction 1", "--test-fraction must be above 0 and below 1"),
    ("--dataset pictures --image-size 30", "nearest sizes are 28x28 or 32x32"),
    ("--dataset pictures --image-size 31x66", "nearest sizes are 28x64 or 32x64 or 32x68"),
    (
        "--dataset digits --test-fraction 0.2",
        "--test-fraction applies to array files and image folders",
    ),
    ("--dataset digits --attributes faces.csv", "--attributes applies to image folders"),
    ("--dataset pictures --cache=", "--cache is empty"),
]


@pytest.mark.parametrize("arguments, message", BAD_ARGUMENTS)
def test_bad_arguments_are_one_line(arguments, message, pictures, monkeypatch, capsys):
    from vae_keras import fit

    monkeypatch.chdir(pictures.parent)
    with pytest.raises(SystemExit) as stopped:
        fit.main(arguments.split())
    output = capsys.readouterr()
    assert stopped.value.code == 2
    assert message in output.err and output.err.count("\n") == 1
    assert [path.name for path in pictures.parent.iterdir()] == ["pictures"]


def test_a_known_name_wins_over_a_folder_of_that_name(pictures, monkeypatch):
    monkeypatch.chdir(pictures.rename(pictures.parent / "digits").parent)
    assert resolve_dataset("digits")[0].name == "digits"
    assert resolve_dataset("./digits")[0].name == str(pictures.parent / "digits")
    assert make_config("./digits").preset == "pictures"
