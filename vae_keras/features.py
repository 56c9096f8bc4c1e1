"""A scikit-learn transformer that computes latent features of images with a VAE."""

import math
import os
import tempfile
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import Tags
from sklearn.utils.validation import (
    check_array,
    check_is_fitted,
    check_non_negative,
    validate_data,
)

from vae_keras.config import FitConfig, make_config
from vae_keras.data.batches import split_validation
from vae_keras.data.images import ImageData
from vae_keras.evaluation.application import badness, score_images
from vae_keras.export.loading import load_model, load_model_of
from vae_keras.latent.inference import decode_floats, latent_points
from vae_keras.model import Autoencoder
from vae_keras.support.errors import InputError
from vae_keras.support.reporting import warn
from vae_keras.training.loop import train
from vae_keras.training.run import Run

ROW = "row"
DARK = 64  # numbers up to this one are unusual for a scale of 255
TESTED = 100  # training images whose losses are computed after each epoch


class LatentFeatures(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Transforms images to points of the latent space, in scikit-learn pipelines.

    `X` has the shape `(images, height, width, channels)`, or `(images, height, width)` for gray
    images, or `(images, pixels)` with one image in each row, as scikit-learn's own data sets have.
    Values are 0 to 255, or 0 to 1 if `fit` saw none above 1. They are rounded to 8 bits.

    Args:
        model: Trained model to use: a finished `Run` or its folder, a `model.keras`, the name of a
            model that comes with the package, a `VAE` or an `Autoencoder`. None to train one.
        config: `FitConfig` of the training; None for the preset `pictures`.
        image_shape: Tuple `(height, width, channels)` of the image in each row of `X`; `"row"` for
            gray images one pixel high; None for the model's shape, or for square gray images.
        verbose: 1 to print messages during training, 0 to print warnings only.

    Attributes:
        model_: `VAE` or `Autoencoder`.
        image_shape_: Tuple `(height, width, channels)`.
        sample_shape_: Shape of one image in the `X` of `fit`.
        scale_: The value of white in `X`, 1 or 255.
        n_features_in_: Number of values of an image.
        feature_names_in_: Names of the columns, if `X` was a data frame.

    Example:
        ```python
        from sklearn.datasets import load_digits
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
        from vae_keras import LatentFeatures, make_config

        digits = load_digits()
        images = digits.images / 16
        config = make_config(preset="pictures", latent_dim=8, epochs=20)
        pipeline = make_pipeline(LatentFeatures(config=config), LogisticRegression())
        pipeline.fit(images, digits.target)
        ```
    """

    def __init__(
        self,
        model: Autoencoder | Run | str | os.PathLike | None = None,
        *,
        config: FitConfig | None = None,
        image_shape: tuple[int, ...] | str | None = None,
        verbose: int = 0,
    ) -> None:
        self.model = model
        self.config = config
        self.image_shape = image_shape
        self.verbose = verbose

    def fit(self, X: Any, y: Any = None) -> Self:
        """Train a model on images, or use the given model.

        Args:
            X: Images, see above.
            y: Ignored; present for pipelines.

        Raises:
            InputError: If `X` does not contain images of the model's shape.
        """
        model = None if self.model is None else _load(self.model)
        sample_shape = _shape(X)[1:]
        rows = self._rows(X, reset=True)
        shape = self._find_shape(sample_shape, rows.shape[1], model)
        self.sample_shape_, self.image_shape_ = sample_shape, shape
        self.scale_ = 255 if rows.dtype == np.uint8 or rows.max() > 1 else 1
        if rows.dtype != np.uint8 and 1 < rows.max() <= DARK:
            warn(
                f"X has values from {rows.min():.4g} to {rows.max():.4g}, read as 0 to 255: divide "
                "it by its largest possible value if these are not dark images"
            )
        images = self._images(rows)
        self.model_ = self._train(images) if model is None else model
        return self

    def transform(self, X: Any) -> np.ndarray:
        """The latent point of each image, float32 `(images, latent_dim)`; the mean for a VAE."""
        images = self._check(X)
        return latent_points(self.model_, images)

    def inverse_transform(self, X: Any) -> np.ndarray:
        """Decode the image at each latent point.

        Args:
            X: Array `(images, latent_dim)`.

        Returns:
            float32 array with the shape and range of the images passed to `fit`.
        """
        check_is_fitted(self)
        z = check_array(X, dtype=np.float32)
        if z.shape[1] != self.model_.latent_dim:
            raise InputError(
                f"the latent space has {self.model_.latent_dim} dimensions, received {z.shape[1]}"
            )
        return self.scale_ * decode_floats(self.model_, z).reshape(len(z), *self.sample_shape_)

    def score_samples(self, X: Any) -> np.ndarray:
        """How well the model explains each image: a low score marks an anomaly.

        Returns:
            Float array `(images,)`: the ELBO in nats, an average over five draws of z that are the
            same for all images. For a plain autoencoder, the negative mean squared error.
        """
        images = self._check(X)
        return -badness(score_images(self.model_, images))

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.positive_only = True
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = []  # features are float32
        return tags

    @property
    def _n_features_out(self) -> int:
        return self.model_.latent_dim

    def _check(self, X: Any) -> np.ndarray:
        """Images for a fitted model, uint8 `(images, height, width, channels)`."""
        check_is_fitted(self)
        shape = _shape(X)[1:]
        rows = self._rows(X, reset=False)
        if shape != rows.shape[1:] and (*shape, 1)[:3] != self.image_shape_:
            raise InputError(
                f"X has images of shape {shape}, but fit received shape {self.sample_shape_}: pass "
                "images of that shape"
            )
        return self._images(rows)

    def _rows(self, X: Any, reset: bool) -> np.ndarray:
        """X as numbers `(images, pixels)`, checked as scikit-learn does."""
        if len(_shape(X)) in (3, 4):
            X = np.asarray(X)
            X = X.reshape(len(X), -1)
        rows = validate_data(self, X, reset=reset, ensure_min_samples=2 if reset else 1)
        check_non_negative(rows, type(self).__name__)
        return rows

    def _images(self, rows: np.ndarray) -> np.ndarray:
        if rows.max() > self.scale_:
            raise InputError(
                f"X must have values from 0 to {self.scale_}"
                f"{' as in fit' if self.scale_ == 1 else ''}, received {rows.max():.4g}"
            )
        pixels = rows if rows.dtype == np.uint8 else np.round(rows * (255 / self.scale_))
        return pixels.astype(np.uint8).reshape(-1, *self.image_shape_)

    def _find_shape(
        self, sample_shape: tuple[int, ...], pixels: int, model: Autoencoder | None
    ) -> tuple[int, ...]:
        """The shape of the images `(height, width, channels)` in X."""
        given = (1, pixels, 1) if self.image_shape == ROW else self.image_shape
        if isinstance(given, str):
            raise InputError(f"⟨image_shape⟩ must be a tuple, {ROW!r} or None, received {given!r}")
        wanted = {} if given is None else {"⟨image_shape⟩ is": tuple(given)}
        if model is not None:
            wanted["the model takes"] = model.image_shape
        if len(sample_shape) > 1:
            shape = (*sample_shape, 1)[:3]
        elif wanted:
            shape = next(iter(wanted.values()))
        elif (side := math.isqrt(pixels)) ** 2 == pixels:
            shape = (side, side, 1)
        else:
            raise InputError(
                f"{pixels} values per image are not a square gray image: pass ⟨image_shape⟩"
            )
        for what, each in wanted.items():
            if each != shape or math.prod(each) != pixels:
                raise InputError(
                    f"{what} {each}, received images of {sample_shape}: check ⟨image_shape⟩"
                )
        return shape

    def _train(self, images: np.ndarray) -> Autoencoder:
        """A model trained on all images but those for validation."""
        config = make_config(preset="pictures") if self.config is None else self.config
        fitted, _ = split_validation(len(images), config.held_out)
        config = config.replace(batch_size=min(config.batch_size, len(fitted)), export=())
        # A run needs test images. Users who test set images aside before `fit`.
        data = ImageData("X", images, images[:TESTED])
        with tempfile.TemporaryDirectory() as folder:
            run = train(config, os.path.join(folder, "run"), data, verbose=self.verbose)
            return load_model(run.model_file)


def _shape(X: Any) -> tuple[int, ...]:
    """The shape of an array, a data frame, or nested lists."""
    return tuple(X.shape) if hasattr(X, "shape") else np.asarray(X).shape


def _load(model: Autoencoder | Run | str | os.PathLike) -> Autoencoder:
    if isinstance(model, Autoencoder):
        return model
    if not isinstance(model, Run) and not os.path.isdir(model):
        return load_model(model)
    run = model if isinstance(model, Run) else Run(model)
    run.check_finished()
    return load_model_of(run)
