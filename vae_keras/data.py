"""Data sets by name: uint8 images in memory, and the pipelines that feed them to a model."""

import dataclasses
import difflib
import functools
import hashlib
import os
import re
import threading
import urllib.error
import urllib.request

import numpy as np

from vae_keras.errors import InputError, check_name
from vae_keras.seeds import derive_seed
from vae_keras.storage import stored_images

DOWNLOAD_TIMEOUT = 5.0  # seconds until a download must have started
DEFAULT_IMAGE_SIZE = (64, 64)  # for sets whose images differ in size
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
    builder = _tfds_builder("mnist" if name == "auto" else name, data_dir)
    _check_features(name, builder.info.features)
    if builder.is_prepared():
        return "mnist" if name == "auto" else name, None
    problem = _download_problem(builder)
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
            `cut_and_scale`; None for the size they have, and 64×64 where they differ.
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
    data = _load_tfds(name, data_dir, image_size, channels, cache)
    if _tfds_name(name) == "fashion_mnist" and image_size is None:
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


def cut_and_scale(image, size):
    """Cut the middle of the wanted shape out of an image and scale it, with antialiasing.

    Args:
        image: uint8 tensor `(height, width, channels)`.
        size: Tuple `(height, width)`.

    Returns:
        uint8 tensor `(*size, channels)`.
    """
    import tensorflow as tf

    sides = tf.shape(image)[:2]
    enlarge = tf.reduce_max(tf.constant(size, tf.float32) / tf.cast(sides, tf.float32))
    kept = tf.minimum(sides, tf.cast(tf.math.round(tf.constant(size, tf.float32) / enlarge), tf.int32))
    kept = tf.maximum(kept, 1)
    top, left = tf.unstack((sides - kept) // 2)
    middle = image[top : top + kept[0], left : left + kept[1]]
    scaled = tf.image.resize(middle, size, antialias=True)
    return tf.cast(tf.math.round(scaled), tf.uint8)


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

    return indices.map(pick).prefetch(tf.data.AUTOTUNE)


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


def _load_tfds(name, data_dir, image_size, channels, cache):
    import tensorflow_datasets as tfds

    builder = _tfds_builder(name, data_dir)
    features = builder.info.features
    if image_size is None and None in features["image"].shape:
        image_size = DEFAULT_IMAGE_SIZE
    height, width, had_channels = features["image"].shape
    shape = (*(image_size or (height, width)), channels or had_channels)
    builder.download_and_prepare()
    splits = _splits(builder.info.splits)
    loaded = tfds.load(_tfds_name(name), split=splits, data_dir=data_dir, shuffle_files=False)
    has_labels = "label" in features and isinstance(
        features["label"], tfds.features.ClassLabel
    )
    attribute_names = _attribute_names(features)
    fields = {"attribute_names": attribute_names}
    if has_labels:
        fields["class_names"] = tuple(features["label"].names)
    for split, examples in loaded.items():
        examples = _prepared(examples, image_size, channels, has_labels, attribute_names)
        images, notes = stored_images(
            (len(examples), *shape),
            functools.partial(_fill, examples=examples, title=f"{name}, {split}"),
            (builder.info.full_name, splits[split]),
            cache,
        )
        fields[f"{split}_images"] = images
        if has_labels and notes["label"].min() >= 0:  # -1 stands for what a competition keeps secret
            fields[f"{split}_labels"] = notes["label"]
        if attribute_names:
            fields[f"{split}_attributes"] = notes["attributes"]
    return ImageData(name, **fields)


def _attribute_names(features):
    """Names of the numbers under `attributes`, where CelebA has them, in an order that stays."""
    attributes = features["attributes"] if "attributes" in features else None
    if not hasattr(attributes, "items"):
        return ()
    return tuple(sorted(name for name, feature in attributes.items() if feature.shape == ()))


def _prepared(examples, image_size, channels, has_labels, attribute_names):
    """Examples as dictionaries with an image as it is wanted and, if they have them, label and attributes."""
    import tensorflow as tf

    def prepare(example):
        image = example["image"]
        if image_size is not None:
            image = cut_and_scale(image, image_size)
        if channels == 1 and image.shape[-1] == 3:
            image = tf.image.rgb_to_grayscale(image)
        if channels == 3 and image.shape[-1] == 1:
            image = tf.image.grayscale_to_rgb(image)
        chosen = {"image": image}
        if has_labels:
            chosen["label"] = example["label"]
        if attribute_names:
            values = [tf.cast(example["attributes"][name], tf.float32) for name in attribute_names]
            chosen["attributes"] = tf.stack(values)
        return chosen

    return examples.map(prepare, num_parallel_calls=tf.data.AUTOTUNE)


def _fill(images, examples, title):
    """Write the images of all examples into an array; return what else they have as arrays."""
    import tensorflow as tf
    from tqdm import tqdm

    parts, start = [], 0
    with tqdm(total=len(examples), desc=title, unit="image", leave=False, disable=None) as bar:
        for batch in examples.batch(256).prefetch(tf.data.AUTOTUNE).as_numpy_iterator():
            decoded = batch.pop("image")
            images[start : start + len(decoded)] = decoded
            parts.append(batch)
            start += len(decoded)
            bar.update(len(decoded))
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _check_features(name, features):
    """Raise `InputError` unless a data set has images that can be used."""
    if "image" not in features:
        raise InputError(f"data set {name!r} has no images: its features are {', '.join(features)}")
    shape, dtype = features["image"].shape, features["image"].np_dtype
    if len(shape) != 3 or shape[-1] not in (1, 3) or dtype != np.uint8:
        raise InputError(
            f"the images of data set {name!r} must be uint8 of shape (height, width, 1 or 3), received "
            f"{shape} of {dtype}"
        )


def _splits(splits):
    """Which examples are for training and for test; a tenth where there is no test split."""
    for test in ("test", "validation"):
        if "train" in splits and test in splits:
            return {"train": "train", "test": test}
    only = "train" if "train" in splits else next(iter(splits))
    return {"train": f"{only}[:90%]", "test": f"{only}[90%:]"}


def _tfds_name(name):
    return name.removeprefix("tfds:")


def _tfds_builder(name, data_dir):
    import absl.logging
    import tensorflow_datasets as tfds

    absl.logging.set_verbosity(absl.logging.ERROR)  # it warns of every folder that is missing
    tfds_name = _tfds_name(name)
    base = tfds_name.split("/")[0].split(":")[0]
    folder = os.path.join(data_dir or os.environ.get("TFDS_DATA_DIR", ""), base)
    known = tfds.list_builders(with_community_datasets=False)
    # Asked for a name it does not know, tensorflow-datasets would look for it on the network.
    if base not in known and not os.path.isdir(folder):
        nearest = difflib.get_close_matches(base, known, n=1)
        hint = f"did you mean 'tfds:{nearest[0]}'?" if nearest else "see tfds.list_builders()"
        raise InputError(f"tensorflow-datasets has no data set {base!r}: {hint}")
    try:
        return tfds.builder(tfds_name, data_dir=data_dir)
    except Exception as error:  # for versions and configurations that do not exist, of many kinds
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise InputError(f"data set {name!r} cannot be used: {reason[0]}") from error


def _download_problem(builder):
    """Why the builder's files cannot be downloaded, or None if a download starts in time.

    tensorflow-datasets itself tries again for minutes before it gives up. The
    request runs in a thread of its own, because looking up a host name can hang
    for longer than any timeout that urllib knows.
    """
    urls = list(builder.url_infos) or ["https://storage.googleapis.com/tfds-data/"]
    problem = [f"no answer within {DOWNLOAD_TIMEOUT:.0f} seconds"]

    def try_first():
        try:
            with urllib.request.urlopen(urls[0], timeout=DOWNLOAD_TIMEOUT):
                problem[0] = None
        except (OSError, ValueError) as error:
            problem[0] = str(getattr(error, "reason", error))

    thread = threading.Thread(target=try_first, daemon=True)
    thread.start()
    thread.join(DOWNLOAD_TIMEOUT)
    return problem[0]
