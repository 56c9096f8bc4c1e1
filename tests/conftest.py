import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import pytest
from quick import build_eager_model

from vae_keras.config import make_config
from vae_keras.data.images import ImageData

IMAGE_SHAPE = (8, 8, 1)
BROWSER_FIXTURES = {"browser", "open_page", "scripts"}


def pytest_collection_modifyitems(items):
    """Tests that use a browser are slow, too."""
    for item in items:
        if BROWSER_FIXTURES & set(item.fixturenames):
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def tiny_config():
    """Settings of a network that trains in milliseconds."""
    return make_config(
        encoder_filters=(4, 4),
        encoder_strides=(2, 2),
        decoder_filters=(4,),
        decoder_strides=(2, 2),
        batch_size=8,
        epochs=2,
        learning_rate=0.01,
    )


@pytest.fixture(scope="session")
def tiny_data():
    """70 training and 21 test images, noise: no whole number of batches."""
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (91, *IMAGE_SHAPE), dtype=np.uint8)
    images.flags.writeable = False  # all tests share them
    labels = random.integers(0, 3, 91)
    return ImageData("tiny", images[:70], images[70:], labels[:70], labels[70:], ("a", "b", "c"))


@pytest.fixture
def images():
    """Float images in [0, 1]."""
    return np.random.default_rng(1).random((70, *IMAGE_SHAPE), dtype=np.float32)


@pytest.fixture
def quick_training(monkeypatch):
    """Makes `train` leave out what takes longer than the steps of a tiny network.

    That is tracing graphs, drawing figures and exporting a SavedModel.
    """
    monkeypatch.setattr("vae_keras.training.loop.build_model", build_eager_model)
    monkeypatch.setattr("vae_keras.training.loop.save_figures", lambda path, *_: path.mkdir())
    monkeypatch.setattr(
        "vae_keras.export.saved_model.export_saved_model", lambda model, path: path.mkdir()
    )


@pytest.fixture(scope="session")
def pets(tmp_path_factory):
    """A folder of tensorflow-datasets with one set: 20 photographs that differ in size."""
    import tensorflow as tf
    import tensorflow_datasets as tfds

    def examples():
        random = np.random.default_rng(0)
        for number in range(20):
            height, width = random.integers(40, 120, 2)
            image = np.full((height, width, 3), number, np.uint8)
            yield {"image": image, "label": number % 2, "name": f"pet {number}"}

    features = tfds.features.FeaturesDict(
        {
            "image": tfds.features.Image(shape=(None, None, 3)),
            "label": tfds.features.ClassLabel(names=["cat", "dog"]),
            "name": tfds.features.Text(),
        }
    )
    folder = tmp_path_factory.mktemp("tensorflow_datasets")
    signature = features.get_tensor_spec()
    tfds.dataset_builders.store_as_tfds_dataset(
        name="pets",
        version="1.0.0",
        features=features,
        split_datasets={
            "train": tf.data.Dataset.from_generator(examples, output_signature=signature)
        },
        data_dir=str(folder),
        disable_shuffling=True,
    )
    return str(folder)
