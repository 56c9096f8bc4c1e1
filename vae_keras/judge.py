"""A small classifier that judges samples: which classes they are, and how like real images."""

import os
from pathlib import Path

import keras
import numpy as np
from keras import layers
from scipy.linalg import sqrtm
from scipy.stats import entropy

from vae_keras.data import ordered_batches, scale, training_batches
from vae_keras.files import replacing
from vae_keras.runs import write_json
from vae_keras.seeds import derive_seed

IMAGES_SEEN = 240_000  # over all epochs of its training
FEATURES = 64


class Judge:
    """A classifier for the images of one data set, trained once and kept.

    Attributes:
        model: `keras.Model` from images to `{"features", "probabilities"}`.
        accuracy: Its accuracy on the test images.
    """

    def __init__(self, model, accuracy):
        self.model = model
        self.accuracy = accuracy

    def judge(self, images, batch_size=500):
        """Features `(count, 64)` and class probabilities `(count, classes)` of float images in [0, 1]."""
        outputs = self.model.predict(images, batch_size=batch_size, verbose=0)
        return outputs["features"], outputs["probabilities"]


def load_judge(data, cache_directory=None):
    """The classifier of a data set, from the cache or newly trained.

    Args:
        data: `ImageData` with labels.
        cache_directory: Where classifiers are kept; None for `~/.cache/vae_keras`, or
            the folder that `XDG_CACHE_HOME` names.

    Returns:
        `Judge`.
    """
    if cache_directory is None:
        cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        cache_directory = Path(cache) / "vae_keras"
    cache_directory = Path(cache_directory)
    stem = f"judge-{data.name.replace(':', '_').replace('/', '_')}-{data.sha256()[:16]}"
    path = cache_directory / f"{stem}.keras"
    if not path.exists():
        model = _train(data)
        cache_directory.mkdir(parents=True, exist_ok=True)
        with replacing(path) as aside:
            model.save(aside)
    model = keras.saving.load_model(path)
    probabilities = Judge(model, None).judge(scale(data.test_images))[1]
    accuracy = float(np.mean(probabilities.argmax(axis=1) == data.test_labels))
    return Judge(model, accuracy)


def _train(data, seed=0):
    images = keras.Input(data.image_shape)
    x = images
    for i, filters in enumerate((32, 64)):
        x = layers.Conv2D(filters, 3, padding="same", activation="relu", kernel_initializer=_start(seed, i))(x)
        x = layers.MaxPooling2D()(x)
    x = layers.Flatten()(x)
    features = layers.Dense(FEATURES, activation="relu", kernel_initializer=_start(seed, 2))(x)
    probabilities = layers.Dense(
        len(data.class_names), activation="softmax", kernel_initializer=_start(seed, 3)
    )(features)
    classifier = keras.Model(images, probabilities)
    classifier.compile("adam", "sparse_categorical_crossentropy")
    epochs = int(np.clip(IMAGES_SEEN // len(data.train_images), 2, 30))
    order = np.random.default_rng(seed)
    for _ in range(epochs):
        chosen = order.permutation(len(data.train_images))
        for start in range(0, len(chosen), 64):
            batch = chosen[start : start + 64]
            classifier.train_on_batch(scale(data.train_images[batch]), data.train_labels[batch])
    return keras.Model(images, {"features": features, "probabilities": probabilities})
