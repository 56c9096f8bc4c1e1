"""Data sets of tensorflow-datasets: their availability, and their images as arrays."""

import difflib
import functools
import os
import re
import threading
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image

from vae_keras.config import DataSettings
from vae_keras.data.images import ImageData
from vae_keras.data.resize import crop_and_resize
from vae_keras.data.source import Files, Shape, Source, Unavailable
from vae_keras.data.storage import DEFAULT_IMAGE_SIZE, check_cache, stored_images
from vae_keras.support.errors import InputError
from vae_keras.support.reporting import progress_bar, working

DOWNLOAD_TIMEOUT = 5.0  # seconds within which a download must start
FASHION_BORDER = 2  # pixels that the book's second edition adds on each side


class TensorflowDatasets(Source):
    """Sets of tensorflow-datasets: images with or without labels and attributes."""

    names = ("mnist", "fashion_mnist", "tfds:NAME")
    options = frozenset({"data_dir", "image_size", "channels", "cache"})

    def __init__(self, name: str) -> None:
        if name.startswith("tfds:") and (name == "tfds:NAME" or not re.match(r"tfds:\w", name)):
            raise InputError(
                "tfds: must be followed by a data set of tensorflow-datasets, such as tfds:kmnist"
            )
        super().__init__(name)

    @classmethod
    def matches(cls, name: str) -> bool:
        return name in ("mnist", "fashion_mnist") or name.startswith("tfds:")

    def prepare(self, data_dir: str | None = None) -> str | None:
        builder = find_builder(self.name, data_dir)
        check_features(self.name, builder.info.features)
        if builder.is_prepared():
            return None
        problem = download_problem(builder)
        if problem is None:
            return f"downloading to {builder.data_dir}, once"
        raise Unavailable(
            f"data set {self.name!r} is not in {builder.data_dir} and cannot be downloaded "
            f"({problem}): pass the folder that contains {builder.name}/ as ⟨data_dir⟩, or choose "
            "the data set digits",
            str(builder.data_dir),
        )

    def image_shape(self, settings: DataSettings) -> Shape:
        features = find_builder(self.name, settings.data_dir).info.features
        height, width, channels = _shape(features, settings.image_size, settings.channels)
        border = 2 * FASHION_BORDER if self._is_padded(settings) else 0
        return (height + border, width + border, channels)

    def inspect(self, settings: DataSettings) -> tuple[Shape, int | None]:
        check_cache(settings.cache)
        splits = find_builder(self.name, settings.data_dir).info.splits
        # A data set that is not downloaded may have no splits.
        train = splits[_splits(splits)["train"]].num_examples if splits else None
        return self.image_shape(settings), train

    def load(self, settings: DataSettings, expected_files: Files | None = None) -> ImageData:
        fields = read_tfds(
            self.name, settings.data_dir, settings.image_size, settings.channels, settings.cache
        )
        if self._is_padded(settings):
            border = ((0, 0), *(((FASHION_BORDER, FASHION_BORDER),) * 2), (0, 0))
            for split in ("train_images", "test_images"):
                fields[split] = np.pad(fields[split], border)
        return ImageData(self.name, **fields)

    def _is_padded(self, settings: DataSettings) -> bool:
        return tfds_name(self.name) == "fashion_mnist" and settings.image_size is None


def tfds_name(name: str) -> str:
    """The name without its prefix."""
    return name.removeprefix("tfds:")


def find_builder(name: str, data_dir: str | None) -> Any:
    """The builder of a data set; `InputError` if there is none. Does not import TensorFlow."""
    import absl.logging
    import tensorflow_datasets as tfds

    absl.logging.set_verbosity(absl.logging.ERROR)  # hides a warning for every missing folder
    own_name = tfds_name(name)
    base = own_name.split("/")[0].split(":")[0]
    folder = os.path.join(data_dir or os.environ.get("TFDS_DATA_DIR", ""), base)
    known = tfds.list_builders(with_community_datasets=False)
    # tensorflow-datasets would look for an unknown name on the network.
    if base not in known and not os.path.isdir(folder):
        nearest = difflib.get_close_matches(base, known, n=1)
        hint = f"did you mean 'tfds:{nearest[0]}'?" if nearest else "see tfds.list_builders()"
        raise InputError(f"tensorflow-datasets has no data set {base!r}: {hint}")
    try:
        return tfds.builder(own_name, data_dir=data_dir)
    except Exception as error:  # of many kinds, for unknown versions and configurations
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise InputError(f"data set {name!r} cannot be used: {reason[0]}") from error


def download_problem(builder: Any) -> str | None:
    """The reason why the builder's files cannot be downloaded, or None if a download starts.

    tensorflow-datasets itself retries for minutes. The request runs in its own thread, because the
    lookup of a host name can exceed every timeout of urllib.
    """
    urls = list(builder.url_infos) or ["https://storage.googleapis.com/tfds-data/"]
    problem: list[str | None] = [f"no answer within {DOWNLOAD_TIMEOUT:.0f} seconds"]

    def try_first() -> None:
        try:
            with urllib.request.urlopen(urls[0], timeout=DOWNLOAD_TIMEOUT):
                problem[0] = None
        except (OSError, ValueError) as error:
            problem[0] = str(getattr(error, "reason", error))

    thread = threading.Thread(target=try_first, daemon=True)
    with working(f"Looking for {builder.name} on the network"):
        thread.start()
        thread.join(DOWNLOAD_TIMEOUT)
    return problem[0]


def check_features(name: str, features: Any) -> None:
    """Raise `InputError` unless a data set has images that can be used."""
    if "image" not in features:
        raise InputError(f"data set {name!r} has no images: its features are {', '.join(features)}")
    shape, dtype = features["image"].shape, features["image"].np_dtype
    if len(shape) != 3 or shape[-1] not in (1, 3) or dtype != np.uint8:
        raise InputError(
            f"the images of data set {name!r} must be uint8 of shape (height, width, 1 or 3), "
            f"received {shape} of {dtype}"
        )


def read_tfds(
    name: str,
    data_dir: str | None,
    image_size: Sequence[int] | None,
    channels: int | None,
    cache: str | None,
) -> dict[str, Any]:
    """Load a data set with all images in one size.

    Args:
        name, data_dir, image_size, channels, cache: As for `vae_keras.data.sources.load_data`.

    Returns:
        Dictionary with fields of `ImageData`.
    """
    import tensorflow_datasets as tfds

    builder = find_builder(name, data_dir)
    features = builder.info.features
    if image_size is None and None in features["image"].shape:
        image_size = DEFAULT_IMAGE_SIZE
    shape = _shape(features, image_size, channels)
    builder.download_and_prepare()
    splits = _splits(builder.info.splits)
    loaded = tfds.load(tfds_name(name), split=splits, data_dir=data_dir, shuffle_files=False)
    has_labels = "label" in features and isinstance(features["label"], tfds.features.ClassLabel)
    attribute_names = _attribute_names(features)
    fields: dict[str, Any] = {"attribute_names": attribute_names}
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
        # -1 is a label that a competition keeps secret.
        if has_labels and notes["label"].min() >= 0:
            fields[f"{split}_labels"] = notes["label"]
        if attribute_names:
            fields[f"{split}_attributes"] = notes["attributes"]
    return fields


def _shape(features: Any, image_size: Sequence[int] | None, channels: int | None) -> Shape:
    """The shape of the images of a data set after resizing."""
    height, width, had_channels = features["image"].shape
    size = DEFAULT_IMAGE_SIZE if None in (height, width) else (height, width)
    return (*(image_size or size), channels or had_channels)


def _attribute_names(features: Any) -> tuple[str, ...]:
    """Names of the numbers under `attributes`, as in CelebA, in a fixed order."""
    if "attributes" not in features or not hasattr(features["attributes"], "items"):
        return ()
    scalars = (name for name, kind in features["attributes"].items() if kind.shape == ())
    return tuple(sorted(scalars))


def _prepared(
    examples: Any,
    image_size: Sequence[int] | None,
    channels: int | None,
    has_labels: bool,
    attribute_names: Sequence[str],
) -> Any:
    """Examples as dictionaries: the resized image and, if known, label and attributes."""
    import tensorflow as tf

    def prepare(example: dict[str, Any]) -> dict[str, Any]:
        image = example["image"]
        if image_size is not None and image.shape[:2].as_list() != list(image_size):
            resize = functools.partial(_resize, size=image_size)
            channel_count = image.shape[-1]
            image = tf.numpy_function(resize, [image], tf.uint8, stateful=False)
            image = tf.ensure_shape(image, (*image_size, channel_count))
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


def _resize(image: np.ndarray, size: Sequence[int]) -> np.ndarray:
    """One image, uint8 `(height, width, channels)`, cropped and resized."""
    channels = image.shape[-1]
    resized = crop_and_resize(Image.fromarray(image[..., 0] if channels == 1 else image), size)
    return np.asarray(resized).reshape(*size, channels)


def _fill(images: np.ndarray, examples: Any, title: str) -> dict[str, np.ndarray]:
    """Write the images of all examples into an array; return their other features as arrays."""
    import tensorflow as tf

    parts, start = [], 0
    with progress_bar(total=len(examples), desc=title, unit="image") as bar:
        for batch in examples.batch(256).prefetch(tf.data.AUTOTUNE).as_numpy_iterator():
            decoded = batch.pop("image")
            images[start : start + len(decoded)] = decoded
            parts.append(batch)
            start += len(decoded)
            bar.update(len(decoded))
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _splits(splits: Mapping[str, Any]) -> dict[str, str]:
    """The splits for training and test; without a test split, a tenth is held out."""
    for test in ("test", "validation"):
        if "train" in splits and test in splits:
            return {"train": "train", "test": test}
    only = "train" if "train" in splits else next(iter(splits))
    return {"train": f"{only}[:90%]", "test": f"{only}[90%:]"}
