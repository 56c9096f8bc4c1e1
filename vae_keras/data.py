"""Data sets by name: uint8 images in memory, and the pipelines that feed them to a model."""

import dataclasses
import hashlib
import os
import re

import numpy as np

from vae_keras.errors import InputError, check_name, check_text
from vae_keras.seeds import derive_seed
from vae_keras.tfds_sets import (
    DEFAULT_IMAGE_SIZE,
    check_features,
    download_problem,
    find_builder,
    read_tfds,
    tfds_name,
)

KNOWN_DATASETS = ("auto", "digits", "mnist", "fashion_mnist", "tfds:NAME")


@dataclasses.dataclass(frozen=True)
class ImageData:
    """Images and labels, split into training and test.

    Attributes:
        name: Name of the data set.
        train_images, test_images: uint8 arrays `(images, height, width, channels)`.
        train_labels, test_labels: Integer arrays `(images,)`, or None without classes.
        class_names: One text for each label; by default its number.
        train_attributes, test_attributes: float32 arrays `(images, attributes)`, not a number
            where nothing is known; or None.
        attribute_names: One text for each attribute.
        files: Of a folder of pictures a tuple `(name, bytes, split)` for each file; split is
            `"train"`, `"test"` or `"skipped"`.
    """

    name: str
    train_images: np.ndarray
    test_images: np.ndarray
    train_labels: np.ndarray | None = None
    test_labels: np.ndarray | None = None
    class_names: tuple[str, ...] = ()
    train_attributes: np.ndarray | None = None
    test_attributes: np.ndarray | None = None
    attribute_names: tuple[str, ...] = ()
    files: tuple[tuple[str, int, str], ...] = ()

    def __post_init__(self):
        for name in ("train_images", "test_images"):
            check_images(getattr(self, name), name)
        if self.train_images.shape[1:] != self.test_images.shape[1:]:
            raise InputError(
                f"training images of {self.train_images.shape[1:]} and test images of "
                f"{self.test_images.shape[1:]} must have the same shape"
            )
        all_labels = [labels for labels in (self.train_labels, self.test_labels) if labels is not None]
        if all_labels and not all(
            np.issubdtype(labels.dtype, np.integer) and labels.min() >= 0 for labels in all_labels
        ):
            raise InputError("labels must be whole numbers from 0")
        classes = max((int(labels.max()) + 1 for labels in all_labels), default=0)
        if not self.class_names:
            object.__setattr__(self, "class_names", tuple(map(str, range(classes))))
        elif len(self.class_names) < classes:
            raise InputError(f"{classes} classes need as many class_names: {self.class_names}")
        for split in ("train", "test"):
            images, labels = getattr(self, f"{split}_images"), getattr(self, f"{split}_labels")
            attributes = getattr(self, f"{split}_attributes")
            if attributes is not None and attributes.shape != (len(images), len(self.attribute_names)):
                raise InputError(
                    f"{split}_attributes must have a row for each image and a column for each of "
                    f"{len(self.attribute_names)} attribute_names, received {attributes.shape}"
                )
            if labels is not None and len(labels) != len(images):
                raise InputError(
                    f"{split}_labels must have one label for each image, received "
                    f"{len(labels)} labels for {len(images)} images"
                )

    @property
    def image_shape(self):
        """Tuple `(height, width, channels)`."""
        return self.train_images.shape[1:]

    @property
    def has_labels(self):
        """Whether training and test images both have labels."""
        return self.train_labels is not None and self.test_labels is not None

    def sha256(self):
        """Digest of all images, training before test, as hexadecimal text."""
        digest = hashlib.sha256()
        for images in (self.train_images, self.test_images):
            digest.update(repr(images.shape).encode())
            digest.update(np.ascontiguousarray(images))
        return digest.hexdigest()

    def head(self, max_train_images):
        """The same data with the first so many training images; None for all."""
        if max_train_images is None:
            return self
        fields = {name: getattr(self, f"train_{name}") for name in ("images", "labels", "attributes")}
        return dataclasses.replace(
            self,
            **{
                f"train_{name}": None if values is None else values[:max_train_images]
                for name, values in fields.items()
            },
        )


def check_images(images, name="images"):
    """Raise `InputError` unless `images` is a uint8 array `(images, height, width, channels)`."""
    if not isinstance(images, np.ndarray) or images.ndim != 4 or images.shape[-1] not in (1, 3):
        received = getattr(images, "shape", type(images).__name__)
        raise InputError(
            f"{name} must be an array of shape (images, height, width, 1 or 3), received {received}"
        )
    if not len(images):
        raise InputError(f"{name} must hold at least one image, received none")
    if images.dtype != np.uint8:
        if images.dtype.kind not in "biuf":
            raise InputError(f"{name} must be uint8 in 0..255, received {images.dtype}")
        if not np.isfinite(images).all():
            raise InputError(f"{name} must be uint8 in 0..255, received values that are not finite")
        raise InputError(
            f"{name} must be uint8 in 0..255, received {images.dtype} from {images.min()} to "
            f"{images.max()}: scale and round them first"
        )


def is_folder(name):
    """Whether a data set is a folder of pictures: a path, where no data set has that name."""
    if name in KNOWN_DATASETS or name.startswith("tfds:"):
        return False
    return os.path.isdir(name) or os.sep in name


def check_dataset_name(name):
    """Raise `InputError` unless the name is one that `load_data` could know."""
    if is_folder(name):
        if not os.path.isdir(name):
            raise InputError(f"{name!r} is no folder of pictures")
        check_text(name)
    elif not name.startswith("tfds:"):
        try:
            check_name("data set", name, KNOWN_DATASETS)
        except InputError as error:
            raise InputError(f"{error}, or the path of a folder of pictures") from None
    elif name == "tfds:NAME" or not re.match(r"tfds:\w", name):
        raise InputError(
            "tfds: must be followed by a data set of tensorflow-datasets, such as tfds:kmnist"
        )


def resolve_dataset(name, data_dir=None):
    """Turn `"auto"` into the data set to use; make sure that another one can be had.

    This takes a second, or a few where a download is tried, and does not import TensorFlow.

    Args:
        name: `"auto"`, or a name that `load_data` knows.
        data_dir: Where tensorflow-datasets keeps its data; None for its default place.

    Returns:
        Tuple of a name that is not `"auto"`, and a line to print or None. The name of a folder
        is its whole path.

    Raises:
        InputError: If the name is unknown, or the data is not on disk and cannot be downloaded.
    """
    check_dataset_name(name)
    if is_folder(name):
        return os.path.abspath(name), None
    if name == "digits":
        return name, None
    builder = find_builder("mnist" if name == "auto" else name, data_dir)
    check_features(name, builder.info.features)
    if builder.is_prepared():
        return "mnist" if name == "auto" else name, None
    problem = download_problem(builder)
    if problem is None:
        return "mnist" if name == "auto" else name, f"downloading once, into {builder.data_dir}"
    if name == "auto":
        return "digits", (
            f"MNIST is neither in {builder.data_dir} nor can it be downloaded, so the 1,797 "
            "digits of scikit-learn are used (to insist: --dataset mnist)"
        )
    raise InputError(
        f"data set {name!r} is not in {builder.data_dir} and cannot be downloaded ({problem}): "
        "name its folder with --data-dir, or choose --dataset digits"
    )


def load_data(
    name,
    data_dir=None,
    image_size=None,
    channels=None,
    test_fraction=0.1,
    cache=None,
    attributes=None,
    expected_files=None,
):
    """Load a data set.

    Args:
        name: `"digits"` (scikit-learn's, enlarged to 28×28, needs no network), `"mnist"`,
            `"fashion_mnist"` (padded to 32×32 as in the book's second edition),
            `"tfds:NAME"` for any other image classification set of tensorflow-datasets,
            `"auto"` for MNIST where it can be had and `"digits"` elsewhere, or the path of a
            folder of pictures, see `vae_keras.folders.read_folder`.
        data_dir: Where tensorflow-datasets keeps its data; None for `TFDS_DATA_DIR` or
            its default place.
        image_size: Tuple `(height, width)` to cut and scale all images to, see
            `vae_keras.tfds_sets.cut_and_scale`; None for the size they have, and 64×64 where
            they differ.
        channels: 1 for grey, 3 for colour; None for what the images have, in a folder 3.
        test_fraction: Share of a folder's pictures that is kept for the test.
        cache: Folder that decoded images are kept in; None for memory.
        attributes: CSV file with properties of a folder's pictures; or None.
        expected_files: `ImageData.files` that a folder must still hold; None for any.

    Returns:
        `ImageData`.

    Raises:
        InputError: If the name is unknown, the data is not on disk and cannot be downloaded, or
            a folder is not as `read_folder` wants it.
    """
    name, _ = resolve_dataset(name, data_dir)
    if is_folder(name):
        from vae_keras.folders import read_folder

        size = image_size or DEFAULT_IMAGE_SIZE
        fields = read_folder(
            name, size, channels or 3, test_fraction, cache, attributes, expected_files
        )
        return ImageData(name, **fields)
    if name == "digits":
        return _load_digits(image_size or (28, 28), channels or 1)
    data = ImageData(name, **read_tfds(name, data_dir, image_size, channels, cache))
    if tfds_name(name) == "fashion_mnist" and image_size is None:
        border = ((0, 0), (2, 2), (2, 2), (0, 0))
        data = dataclasses.replace(
            data,
            train_images=np.pad(data.train_images, border),
            test_images=np.pad(data.test_images, border),
        )
    return data


def load_configured(config, expected_files=None):
    """The data that a run's settings name, all of it.

    Args:
        config: `FitConfig`.
        expected_files: What `Run.read_files` says of a run that has begun, else None.

    Returns:
        `ImageData`.

    Raises:
        InputError: As `load_data`.
    """
    return load_data(
        config.dataset,
        config.data_dir,
        config.image_size,
        config.channels,
        config.test_fraction,
        config.cache,
        config.attributes,
        expected_files,
    )


def training_batches(images, batch_size, seed, first_epoch=0):
    """Batches for training, epoch after epoch without end.

    The order of an epoch is a permutation that depends on `seed` and the epoch's
    number alone, so that training can go on from any epoch.

    Args:
        images: uint8 array `(images, height, width, channels)`.
        batch_size: Images in a batch; the last one of an epoch may be smaller.
        seed: Integer.
        first_epoch: The epoch to start with.

    Returns:
        `tf.data.Dataset` of float32 tensors `(batch, height, width, channels)` in [0, 1].
    """
    import tensorflow as tf

    start = derive_seed(seed, "order")

    def order_of_epoch(epoch):
        # As int32: half the memory of int64, for up to two thousand million images.
        order = tf.random.experimental.stateless_shuffle(
            tf.range(len(images), dtype=tf.int32), seed=tf.stack([tf.constant(start, tf.int64), epoch])
        )
        return tf.data.Dataset.from_tensor_slices(order).batch(batch_size)

    return _gather(images, tf.data.Dataset.counter(first_epoch).flat_map(order_of_epoch))


def ordered_batches(images, batch_size):
    """Batches in the order of the array, once: for evaluation.

    Args:
        images: uint8 array `(images, height, width, channels)`.
        batch_size: Images in a batch; the last one may be smaller.

    Returns:
        `tf.data.Dataset` of float32 tensors `(batch, height, width, channels)` in [0, 1].
    """
    import tensorflow as tf

    return _gather(images, tf.data.Dataset.range(len(images)).batch(batch_size))


def scale(images):
    """uint8 images as float32 in [0, 1]."""
    return images.astype(np.float32) / np.float32(255)


def _gather(images, indices):
    """A dataset of batches of indices as one of float32 images in [0, 1].

    NumPy picks the images, because a TensorFlow tensor of them would be a second copy of
    the largest thing in the process.
    """
    import tensorflow as tf

    def pick(chosen):
        batch = tf.numpy_function(lambda chosen: images[chosen], [chosen], tf.uint8, stateful=False)
        batch = tf.ensure_shape(batch, (None, *images.shape[1:]))
        return tf.cast(batch, tf.float32) / 255.0

    # There is nothing to tune, and a process would wait for the tuner's next look, after up to a
    # minute, before it can end.
    options = tf.data.Options()
    options.autotune.enabled = False
    return indices.map(pick).prefetch(2).with_options(options)


def _load_digits(size, channels):
    from PIL import Image, ImageOps
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    digits = load_digits()
    grey = np.round(digits.images * (255 / 16)).astype(np.uint8)  # 17 levels, 0 to 16
    height, width = size
    images = np.stack(
        [
            np.asarray(ImageOps.fit(Image.fromarray(image), (width, height), Image.Resampling.BICUBIC))
            for image in grey
        ]
    )[..., None]
    images = images.repeat(channels, axis=-1)
    train_images, test_images, train_labels, test_labels = train_test_split(
        images, digits.target, test_size=360, random_state=0, stratify=digits.target
    )
    names = tuple(str(name) for name in digits.target_names)
    return ImageData("digits", train_images, test_images, train_labels, test_labels, names)
