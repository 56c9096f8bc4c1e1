import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import pytest

from vae_keras.config import make_config
from vae_keras.data import ImageData

IMAGE_SHAPE = (8, 8, 1)


@pytest.fixture
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


@pytest.fixture
def tiny_data():
    """70 training and 21 test images, noise: no whole number of batches."""
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (91, *IMAGE_SHAPE), dtype=np.uint8)
    labels = random.integers(0, 3, 91)
    return ImageData("tiny", images[:70], images[70:], labels[:70], labels[70:], ("a", "b", "c"))


@pytest.fixture
def images():
    """Float images in [0, 1]."""
    return np.random.default_rng(1).random((70, *IMAGE_SHAPE), dtype=np.float32)
