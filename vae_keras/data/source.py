"""The base class of all kinds of data sets."""

import abc
from typing import ClassVar

from vae_keras.config import DataSettings
from vae_keras.data.images import ImageData
from vae_keras.support.errors import InputError

Files = tuple[tuple[str, int, str], ...]
Shape = tuple[int, ...]


class Source(abc.ABC):
    """A source of images, made from the name that a user gives.

    Attributes:
        name: The name as stored in settings, independent of the current folder.
        names: Names to list in help and errors.
        options: Names of the `DataSettings` that this kind uses, besides `dataset`.
    """

    names: ClassVar[tuple[str, ...]] = ()
    options: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, name: str) -> None:
        self.name = name

    @classmethod
    @abc.abstractmethod
    def matches(cls, name: str) -> bool:
        """Whether a name belongs to this kind. Reads nothing."""

    @abc.abstractmethod
    def load(self, settings: DataSettings, expected_files: Files | None = None) -> ImageData:
        """Load the images.

        Args:
            settings: Settings of the data; `settings.dataset` is ignored.
            expected_files: Files that must exist, as `ImageData.files`; None for any.
        """

    def prepare(self, data_dir: str | None = None) -> str | None:
        """Check that the images can be loaded, without importing TensorFlow.

        Returns:
            A message to show, or None.

        Raises:
            Unavailable: If they are not on disk and cannot be downloaded.
        """
        return None

    def image_shape(self, settings: DataSettings) -> Shape | None:
        """The shape of the images that `load` returns, `(height, width, channels)`.

        None if it is known only after reading images. Reads no image.
        """
        return None

    def inspect(self, settings: DataSettings) -> tuple[Shape | None, int | None]:
        """Properties of the result of `load`, found without decoding images one by one.

        Returns:
            Tuple of the shape of the images and the maximum number of training images; None for
            unknown values.

        Raises:
            InputError: For most of the errors that `load` would raise.
        """
        return self.image_shape(settings), None

    @property
    def title(self) -> str:
        """A short name for file names."""
        return self.name.replace(":", "_").replace("/", "_")


class NoSuchPlace(InputError):
    """A folder or file of images that does not exist."""


class Unavailable(InputError):
    """A data set that is not on disk and cannot be downloaded.

    Attributes:
        place: The folder in which it was not found.
    """

    def __init__(self, message: str, place: str) -> None:
        super().__init__(message)
        self.place = place
