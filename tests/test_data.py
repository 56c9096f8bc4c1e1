import os
import subprocess
import sys
import time
import urllib.request

import numpy as np
import pytest
from PIL import Image

from vae_keras.data import tfds as tfds_sets
from vae_keras.data.batches import ordered_batches, training_batches
from vae_keras.data.images import ImageData
from vae_keras.data.resize import crop_and_resize
from vae_keras.data.sources import load_data, resolve_dataset
from vae_keras.support.errors import InputError


def prepared(name):
    folder = os.environ.get("TFDS_DATA_DIR", os.path.expanduser("~/tensorflow_datasets"))
    return os.path.isdir(os.path.join(folder, name))


@pytest.fixture
def no_network(monkeypatch):
    """A network on which nothing can be reached."""

    def refuse(*args, **kwargs):
        raise urllib.error.URLError("no route to host")

    monkeypatch.setattr(urllib.request, "urlopen", refuse)


@pytest.fixture
def hanging_network(monkeypatch):
    """A network on which nothing answers."""

    def hang(*args, **kwargs):
        time.sleep(1)
        raise urllib.error.URLError("after the caller has lost patience")

    monkeypatch.setattr(tfds_sets, "DOWNLOAD_TIMEOUT", 0.2)
    monkeypatch.setattr(urllib.request, "urlopen", hang)


def test_digits_are_scikit_learns_enlarged_with_a_fixed_split():
    digits = load_data("digits")
    assert digits.train_images.shape == (1437, 28, 28, 1)
    assert digits.test_images.shape == (360, 28, 28, 1)
    assert digits.train_images.dtype == np.uint8
    assert digits.class_names == tuple("0123456789")
    assert np.bincount(digits.test_labels).min() >= 34
    assert digits.sha256() == load_data("digits").sha256()
    # Smooth: neighboring pixels differ little, although the whole range is used.
    assert digits.train_images.max() == 255
    assert np.abs(np.diff(digits.train_images.astype(int), axis=2)).mean() < 30


def test_every_digit_is_in_one_split_only():
    digits = load_data("digits")
    train = {image.tobytes() for image in digits.train_images}
    assert sum(image.tobytes() in train for image in digits.test_images) == 0


@pytest.mark.slow
@pytest.mark.skipif(not prepared("mnist"), reason="MNIST is not in TFDS_DATA_DIR")
def test_mnist_is_read_from_where_it_is_prepared():
    mnist = load_data("mnist").head(100)
    assert mnist.train_images.shape == (100, 28, 28, 1)
    assert len(mnist.train_labels) == 100
    assert mnist.test_images.shape == (10_000, 28, 28, 1)
    for name, expected in (("auto", "mnist"), ("tfds:mnist", "tfds:mnist")):
        source, remark = resolve_dataset(name)
        assert (source.name, remark) == (expected, None)


@pytest.mark.slow
@pytest.mark.skipif(not prepared("fashion_mnist"), reason="Fashion-MNIST is not in TFDS_DATA_DIR")
def test_fashion_mnist_is_padded_as_in_the_second_edition():
    fashion = load_data("fashion_mnist")
    assert fashion.train_images.shape == (60_000, 32, 32, 1)
    border = fashion.train_images.copy()
    border[:, 2:-2, 2:-2] = 0
    assert border.max() == 0
    assert "Sneaker" in fashion.class_names


@pytest.mark.parametrize("size", [None, (32, 48)])
def test_images_that_differ_in_size_are_cut_and_scaled(pets, size):
    data = load_data("tfds:pets", data_dir=pets, image_size=size)
    assert data.train_images.shape == (18, *(size or (64, 64)), 3)
    assert data.class_names == ("cat", "dog")
    # The last tenth is for testing; scaling an even picture changes no value.
    for images, labels, numbers in (
        (data.train_images, data.train_labels, np.arange(18)),
        (data.test_images, data.test_labels, np.arange(18, 20)),
    ):
        np.testing.assert_array_equal(images, numbers[:, None, None, None] * np.ones_like(images))
        np.testing.assert_array_equal(labels, numbers % 2)


@pytest.mark.parametrize("height, width", [(60, 100), (100, 60), (8, 20), (64, 64), (1, 7)])
def test_cutting_keeps_the_middle_and_its_proportions(height, width):
    side = min(height, width)
    image = np.zeros((height, width), np.uint8)
    top, left = (height - side) // 2, (width - side) // 2
    image[top : top + side, left : left + side] = 200
    resized = np.asarray(crop_and_resize(Image.fromarray(image), (16, 16))).astype(int)
    # The filter looks a little beyond the edges, to both sides alike.
    np.testing.assert_allclose(resized, resized[::-1], atol=1)
    np.testing.assert_allclose(resized, resized[:, ::-1], atol=1)
    assert np.abs(resized[7:9, 7:9] - 200).max() <= 4
    assert resized.min() >= 90


def test_scaling_down_averages():
    stripes = np.zeros((64, 64), np.uint8)
    stripes[:, ::2] = 255
    small = np.asarray(crop_and_resize(Image.fromarray(stripes), (8, 8))).astype(int)
    assert np.abs(small - 127.5).max() < 8


def test_digits_and_prepared_sets_take_a_size_too():
    assert load_data("digits", image_size=(16, 20)).image_shape == (16, 20, 1)
    assert load_data("digits", image_size=(16, 20), channels=3).image_shape == (16, 20, 3)


@pytest.mark.parametrize("network", ["no_network", "hanging_network"])
def test_auto_falls_back_to_digits_and_says_why(request, network, tmp_path):
    request.getfixturevalue(network)
    source, remark = resolve_dataset("auto", str(tmp_path))
    assert source.name == "digits"
    assert "--dataset mnist" in remark and "\n" not in remark
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("network", ["no_network", "hanging_network"])
def test_an_explicit_data_set_fails_soon_with_what_to_do(request, network, tmp_path):
    request.getfixturevalue(network)
    begin = time.monotonic()
    with pytest.raises(InputError, match="'mnist' is not in .* cannot be downloaded .*data_dir"):
        load_data("mnist", data_dir=str(tmp_path))
    assert time.monotonic() - begin < 10
    assert not list(tmp_path.iterdir())


def test_auto_downloads_where_a_download_can_start(monkeypatch, tmp_path):
    import contextlib

    monkeypatch.setattr(urllib.request, "urlopen", lambda *args, **kwargs: contextlib.nullcontext())
    source, remark = resolve_dataset("auto", str(tmp_path))
    assert source.name == "mnist" and str(tmp_path) in remark


@pytest.mark.parametrize(
    "name, message",
    [
        ("minst", "unknown data set 'minst': did you mean 'mnist'"),
        ("tfds:mnst", "no data set 'mnst': did you mean 'tfds:mnist'"),
        ("tfds:", "must be followed by a data set"),
        ("tfds:imdb_reviews", "has no images"),
        ("tfds:segment_anything", "must be uint8 of shape"),
    ],
)
def test_a_bad_name_is_refused(name, message, tmp_path):
    with pytest.raises(InputError, match=message):
        resolve_dataset(name, str(tmp_path))


def test_resolving_does_not_import_tensorflow(tmp_path):
    script = "import sys; sys.argv[0], sys.orig_argv = '-m', ['vae_keras.fit']\n"
    script += "from vae_keras.data.sources import resolve_dataset\n"
    script += f"resolve_dataset('auto', {str(tmp_path)!r}); print('tensorflow' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert result.stdout == "False\n", result.stderr


UINT8 = np.zeros((4, 8, 8, 1), np.uint8)


@pytest.mark.parametrize(
    "images, message",
    [
        (np.zeros((4, 8, 8), np.uint8), "must be an array of shape"),
        (np.zeros((4, 8, 8, 2), np.uint8), "must be an array of shape"),
        ([[1, 2]], "must be an array of shape"),
        (np.full((4, 8, 8, 1), np.nan, np.float32), "not finite"),
        (np.zeros((4, 8, 8, 1), np.float32), "must be uint8"),
        (np.full((4, 8, 8, 1), 300), "from 300 to 300"),
        (UINT8[:0], "at least one image"),
        (np.zeros((0, 8, 8, 1), np.float32), "at least one image"),
        (np.full((4, 8, 8, 1), "a"), "must be uint8"),
        (np.zeros((4, 8, 9, 1), np.uint8), "must have the same shape"),
    ],
)
def test_arrays_that_are_no_images_are_refused(images, message):
    with pytest.raises(InputError, match=message):
        ImageData("mine", UINT8, images)


def test_labels_must_match_images():
    with pytest.raises(InputError, match="3 labels for 4 images"):
        ImageData("mine", UINT8, UINT8, np.zeros(3, int))


def test_labels_name_their_classes_unless_names_are_given():
    labels = np.array([0, 2, 1, 0])
    assert ImageData("mine", UINT8, UINT8, labels, labels).class_names == ("0", "1", "2")
    with pytest.raises(InputError, match="a name for each of 3 classes"):
        ImageData("mine", UINT8, UINT8, labels, labels, ("a", "b"))
    with pytest.raises(InputError, match="whole numbers from 0"):
        ImageData("mine", UINT8, UINT8, labels - 1, labels)


@pytest.mark.slow
@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="reads Linux's /proc")
def test_twice_the_images_take_twice_the_memory_and_no_more():
    script = """
import sys, numpy as np, tensorflow as tf
from vae_keras.data.batches import ordered_batches, training_batches
images = np.zeros((int(sys.argv[1]), 28, 28, 1), np.uint8)
images += 1  # so that the system really hands out the memory
for batch in training_batches(images, 32, seed=0).take(50):
    pass
for batch in ordered_batches(images, 500).take(5):
    pass
print(int(open("/proc/self/statm").read().split()[1]) * 4096)
"""
    resident = [
        int(
            subprocess.run(
                [sys.executable, "-c", script, str(count)], capture_output=True, text=True
            ).stdout
        )
        for count in (100_000, 300_000)
    ]
    added = 200_000 * 28 * 28
    assert 0.9 * added < resident[1] - resident[0] < 1.15 * added


def numbered(count):
    """Images whose first pixel is their number."""
    images = np.zeros((count, 2, 2, 1), np.uint8)
    images[:, 0, 0, 0] = np.arange(count)
    return images


def take_epochs(batches, steps, epochs):
    iterator = iter(batches)
    epochs = [[next(iterator) for _ in range(steps)] for _ in range(epochs)]
    return [np.concatenate([batch[:, 0, 0, 0] for batch in epoch]) * 255 for epoch in epochs]


def test_an_epoch_holds_every_image_once_in_an_order_of_its_own():
    epochs = take_epochs(training_batches(numbered(70), 32, seed=0), steps=3, epochs=3)
    for epoch in epochs:
        np.testing.assert_array_equal(np.sort(epoch.round()), np.arange(70))
    assert not np.array_equal(epochs[0], epochs[1])


def test_the_order_of_an_epoch_does_not_depend_on_where_training_began():
    from_start = take_epochs(training_batches(numbered(70), 32, seed=0), steps=3, epochs=3)
    later = take_epochs(training_batches(numbered(70), 32, seed=0, first_epoch=2), 3, 1)
    np.testing.assert_array_equal(from_start[2], later[0])
    other_seed = take_epochs(training_batches(numbered(70), 32, seed=1), steps=3, epochs=1)
    assert not np.array_equal(from_start[0], other_seed[0])


def test_batches_are_float32_in_0_to_1():
    images = np.full((5, 2, 2, 3), 255, np.uint8)
    for batches in (training_batches(images, 2, seed=0).take(3), ordered_batches(images, 2)):
        shapes = [tuple(batch.shape) for batch in batches]
        assert shapes == [(2, 2, 2, 3), (2, 2, 2, 3), (1, 2, 2, 3)]
        assert all(batch.dtype == "float32" and float(batch[0, 0, 0, 0]) == 1 for batch in batches)


def test_ordered_batches_keep_the_order():
    measured = np.concatenate([batch[:, 0, 0, 0] for batch in ordered_batches(numbered(70), 32)])
    np.testing.assert_array_equal((measured * 255).round(), np.arange(70))
