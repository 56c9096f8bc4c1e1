"""All kinds of data sets, and data sets by name."""

import os
from typing import Any

from vae_keras.config import DataSettings
from vae_keras.data.arrays import Arrays
from vae_keras.data.digits import Digits
from vae_keras.data.folder import Folder
from vae_keras.data.images import ImageData
from vae_keras.data.source import Files, Source, Unavailable
from vae_keras.data.tfds import TensorflowDatasets
from vae_keras.support.errors import InputError, check_name

# The first class that matches a name is used.
SOURCES: tuple[type[Source], ...] = (Digits, TensorflowDatasets, Arrays, Folder)


def find_source(name: str | os.PathLike) -> Source:
    """The source of a data set.

    Args:
        name: `"digits"`, `"mnist"`, `"fashion_mnist"`, `"tfds:NAME"` or the path of an image
            folder or an array file.

    Raises:
        InputError: If the name is unknown; the message has the nearest match.
    """
    name = os.fspath(name)
    for kind in SOURCES:
        if kind.matches(name):
            return kind(name)
    try:
        check_name("data set", name, ("auto", *(each for kind in SOURCES for each in kind.names)))
    except InputError as error:
        raise InputError(
            f"{error}, or the path of an image folder or of an .npy or .npz file"
        ) from None
    raise InputError(f"{name!r} cannot be used here: choose mnist or digits")


def check_dataset(name: str) -> None:
    """Raise `InputError` if a name cannot be that of a data set. Reads nothing."""
    if name != "auto":
        find_source(name)


def resolve_dataset(
    name: str | os.PathLike, data_dir: str | None = None
) -> tuple[Source, str | None]:
    """The source of a name or `"auto"`, after checking that its images can be loaded.

    This takes a second, or a few seconds if a download is tried, and does not import TensorFlow.

    Args:
        name: `"auto"` for MNIST if it is available and otherwise digits, or a name for
            `find_source`.
        data_dir: Data folder of tensorflow-datasets; None for its default.

    Returns:
        Tuple of the source, and a message to show or None.

    Raises:
        InputError: If the name is unknown, or the data is not on disk and cannot be downloaded.
    """
    if name != "auto":
        source = find_source(name)
        return source, source.prepare(data_dir)
    mnist = find_source("mnist")
    try:
        return mnist, mnist.prepare(data_dir)
    except Unavailable as error:
        return find_source("digits"), (
            f"MNIST is not in {error.place} and cannot be downloaded: using scikit-learn's 1,797 "
            "digits instead (--dataset mnist selects MNIST only)"
        )


def load_data(dataset: str | os.PathLike = "digits", **options: Any) -> ImageData:
    """Load a data set.

    Args:
        dataset: `"digits"` (scikit-learn's, enlarged to 28×28, needs no network), `"mnist"`,
            `"fashion_mnist"` (padded to 32×32 as in the book's second edition), `"tfds:NAME"` for
            any other image classification set of tensorflow-datasets, `"auto"` for MNIST if it is
            available and otherwise `"digits"`, or the path of an image folder, see
            `vae_keras.data.folder.read_folder`, or of an .npy or .npz file, see
            `vae_keras.data.arrays`.
        **options: Other fields of `vae_keras.config.DataSettings`: `data_dir`, `image_size`,
            `channels`, `test_fraction`, `cache`, `attributes`. Without `image_size`, folders
            become 64×64, and so do sets of images of different sizes; other images keep their size.

    Returns:
        `ImageData`.

    Raises:
        InputError: If the name is unknown, an option is unknown or does not apply to this kind of
            data set, the data is not on disk and cannot be downloaded, or a folder is invalid.
    """
    settings = DataSettings.from_dict({"dataset": os.fspath(dataset), **options})
    source, _ = resolve_dataset(settings.dataset, settings.data_dir)
    if dataset != "auto":
        check_options(source, options)
    return source.load(settings)


def load_configured(settings: DataSettings, expected_files: Files | None = None) -> ImageData:
    """Load the complete data set of the settings of a run.

    Args:
        settings: `FitConfig`, or `DataSettings`.
        expected_files: The return value of `Run.read_files` for an existing run, otherwise None.

    Raises:
        InputError: As `load_data`.
    """
    source, _ = resolve_dataset(settings.dataset, settings.data_dir)
    return source.load(settings, expected_files)


def check_options(source: Source, names: Any) -> None:
    """Raise `InputError` if a setting does not apply to this kind of data set."""
    for name in names:
        users = [kind for kind in SOURCES if name in kind.options]
        if users and name not in source.options:
            kinds = " and ".join(str(kind.__doc__).partition(":")[0].lower() for kind in users)
            raise InputError(f"⟨{name}⟩ applies to {kinds} only, received ⟨dataset⟩ {source.name}")
