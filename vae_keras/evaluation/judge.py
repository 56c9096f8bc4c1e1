"""A small classifier that judges samples: their classes, and their similarity to images."""

import hashlib
import os
from pathlib import Path
from typing import Any

import filelock
import keras
import numpy as np
from keras import layers
from scipy.stats import entropy

from vae_keras.data.images import ImageData
from vae_keras.support.errors import InputError, is_refusal
from vae_keras.support.files import replacing
from vae_keras.support.reporting import progress_bar, report

FEATURES = 64
BATCH_SIZE, STEPS = 128, 3000
VERSION = 1  # raise it when the training of the classifier changes


class Judge:
    """A classifier trained on the training images of a data set.

    The classifier is trained once for a data set and cached in `$XDG_CACHE_HOME/vae_keras` (by
    default `~/.cache/vae_keras`) under a digest of the images, the labels and its training.

    Args:
        data: Complete `ImageData` with labels, so that models trained on parts of it have the same
            judge.

    Attributes:
        data: The data.
        classifier: `keras.Model` from uint8 images to `{"features", "probabilities"}`.
        accuracy: Share of the test images that it classifies correctly.

    Raises:
        InputError: If the data has no labels, or the cache cannot be written.
    """

    def __init__(self, data: ImageData) -> None:
        if data.train_labels is None or data.test_labels is None:
            raise InputError(f"{data.name} has no labels, which the judge of samples needs")
        self.data = data
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "vae_keras"
        recipe = data.sha256(), data.train_labels.tolist(), len(data.class_names), VERSION, STEPS
        name = hashlib.sha256(repr(recipe).encode()).hexdigest()[:16]
        try:
            self.classifier = _load_or_train(cache / f"judge-{name}.keras", data)
        except OSError as error:
            if is_refusal(error):
                raise
            raise InputError(
                f"{cache} cannot be written ({error.strerror}): "
                "choose another folder with XDG_CACHE_HOME"
            ) from None
        self.accuracy = float(np.mean(self.classes(data.test_images) == data.test_labels))

    def classes(self, images: np.ndarray) -> np.ndarray:
        """The class of each image, an integer array `(images,)`."""
        return self.look_at(images)["probabilities"].argmax(axis=1)

    def look_at(self, images: np.ndarray) -> dict[str, np.ndarray]:
        """Features `(images, 64)` and class probabilities `(images, classes)` of uint8 images."""
        return self.classifier.predict(images, batch_size=500, verbose=0)


def judge_samples(judge: Judge, samples: np.ndarray) -> dict[str, Any]:
    """The classes of samples, and the confidence of the classifier.

    The entropy is −Σ pᵢ log₂ pᵢ of the shares pᵢ (Shannon 1948). It is high if a decoder generates
    every class, like the marginal entropy in the Inception score (Salimans et al. 2016,
    https://arxiv.org/abs/1606.03498).

    Args:
        judge: `Judge`.
        samples: uint8 array `(count, height, width, channels)`.

    Returns:
        Dictionary with `class_shares`, a float64 array `(classes,)`; `class_entropy` of
        these shares in bits, 0 if all samples are of one class and log₂(classes) if all
        classes are equally frequent; `confidence`, the mean of the largest probability.
    """
    probabilities = judge.look_at(samples)["probabilities"]
    counts = np.bincount(probabilities.argmax(axis=1), minlength=probabilities.shape[1])
    shares = counts / len(samples)
    return {
        "class_shares": shares,
        "class_entropy": float(entropy(shares, base=2)),
        "confidence": float(probabilities.max(axis=1).mean()),
    }


def frechet_distance(features: np.ndarray, other_features: np.ndarray) -> float:
    """Squared Fréchet distance of the Gaussians fitted to two sets of features.

    |μ₁ − μ₂|² + tr(Σ₁ + Σ₂ − 2(Σ₁Σ₂)^½). With the features of Inception, it is known as FID. With
    those of these small classifiers, do not compare it with FID or between data sets. Fewer images
    increase it, so compare only distances of equal numbers of images.

    Args:
        features, other_features: Arrays `(images, features)`.

    Reference:
        Dowson & Landau 1982, Journal of Multivariate Analysis 12; Heusel et al. 2017,
        https://arxiv.org/abs/1706.08500.
    """
    both = [np.asarray(values, np.float64) for values in (features, other_features)]
    covariances = [np.atleast_2d(np.cov(values, rowvar=False)) for values in both]
    offset = both[0].mean(axis=0) - both[1].mean(axis=0)
    # The trace of (Σ₁Σ₂)^½ through the symmetric Σ₁^½ Σ₂ Σ₁^½, whose eigenvalues are the same.
    values, vectors = np.linalg.eigh(covariances[0])
    root = vectors * np.sqrt(np.maximum(values, 0)) @ vectors.T
    product = np.linalg.eigvalsh(root @ covariances[1] @ root)
    trace = np.sum(np.sqrt(np.maximum(product, 0)))
    return float(offset @ offset + sum(np.trace(matrix) for matrix in covariances) - 2 * trace)


def _load_or_train(file: Path, data: ImageData) -> keras.Model:
    """The classifier in the cache, or a new one. Only one process at a time trains."""
    if (classifier := _load(file, data)) is not None:
        return classifier
    file.parent.mkdir(parents=True, exist_ok=True)
    with filelock.FileLock(file.with_suffix(".lock")):
        if (classifier := _load(file, data)) is None:
            report(f"Training a small classifier to judge samples of {data.name}, once …")
            classifier = _train(data)
            with replacing(file) as path:
                classifier.save(path)
    return classifier


def _load(file: Path, data: ImageData) -> keras.Model | None:
    """The classifier in a file; None if the file is missing, damaged or of another model."""
    if not file.is_file():  # opening a pipe could block forever
        return None
    classifier = _build(data)
    try:
        classifier.load_weights(file)
    except Exception:  # Keras, zipfile, h5py and json raise errors of many kinds
        return None
    return classifier


def _build(data: ImageData) -> keras.Model:
    """A new classifier of two convolutions and two dense layers."""
    initializers = (keras.initializers.GlorotUniform(seed) for seed in range(4))
    images = x = keras.Input(data.image_shape, dtype="uint8")
    x = layers.Rescaling(1 / 255)(x)
    for filters in (32, 64):
        x = layers.Conv2D(
            filters,
            3,
            2,
            "same",
            "channels_last",
            activation="relu",
            kernel_initializer=next(initializers),
        )(x)
    x = layers.Flatten("channels_last")(x)
    features = layers.Dense(
        FEATURES, activation="relu", kernel_initializer=next(initializers), name="features"
    )(x)
    probabilities = layers.Dense(
        len(data.class_names),
        activation="softmax",
        kernel_initializer=next(initializers),
        name="probabilities",
    )(layers.Dropout(0.5, seed=0)(features))
    outputs = {"features": features, "probabilities": probabilities}
    return keras.Model(images, outputs, name="judge")


def _gather(data: ImageData, rows: Any) -> tuple[Any, dict[str, Any]]:
    """The images and labels of some rows, as tensors."""
    import tensorflow as tf

    images = tf.numpy_function(lambda rows: data.train_images[rows], [rows], tf.uint8)
    images = tf.ensure_shape(images, (None, *data.image_shape))
    return images, {"probabilities": tf.gather(data.train_labels, rows)}


def _train(data: ImageData) -> keras.Model:
    """Train a classifier."""
    import tensorflow as tf

    classifier = _build(data)
    classifier.compile("adam", loss={"probabilities": "sparse_categorical_crossentropy"})
    count = len(data.train_images)
    batches = (
        tf.data.Dataset.range(count)  # not of images, which may not fit into memory
        .shuffle(count, seed=0)
        .repeat()
        .batch(BATCH_SIZE)
        .map(lambda rows: _gather(data, rows))
        .prefetch(tf.data.AUTOTUNE)
    )
    with progress_bar(total=STEPS, desc="classifier", unit="step") as bar:
        progress = keras.callbacks.LambdaCallback(
            on_train_batch_end=lambda batch, logs: bar.update()
        )
        classifier.fit(
            batches, steps_per_epoch=STEPS, epochs=1, callbacks=[progress], shuffle=False, verbose=0
        )
    return classifier
