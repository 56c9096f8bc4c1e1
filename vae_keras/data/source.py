"""What every kind of data set has in common."""

import abc
from typing import ClassVar

from vae_keras.config import DataSettings
from vae_keras.data.images import ImageData
from vae_keras.support.errors import InputError

Files = tuple[tuple[str, int, str], ...]
Shape = tuple[int, ...]


class Source(abc.ABC):
    """A place that images come from, made from the name that a user gives.

    Attributes:
        name: The name as settings store it; from any folder it means the same.
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
        """Whether a name is of this kind. Reads nothing."""

    @abc.abstractmethod
    def load(self, settings: DataSettings, expected_files: Files | None = None) -> ImageData:
        """Load the images.

        Args:
            settings: How to load them; `settings.dataset` does not matter.
            expected_files: `ImageData.files` that must still be there; None for any.
        """

    def prepare(self, data_dir: str | None = None) -> str | None:
        """Make sure that the images can be loaded, without importing TensorFlow.

        Returns:
            A line to show, or None.

        Raises:
            Unavailable: If they are not on disk and cannot be downloaded.
        """
        return None

    def image_shape(self, settings: DataSettings) -> Shape | None:
        """The shape that `load` will give images, `(height, width, channels)`.

        None if only the images tell. Reads none of them.
        """
        return None

    def inspect(self, settings: DataSettings) -> tuple[Shape | None, int | None]:
        """What `load` will give, found without decoding images one by one.

        Returns:
            Tuple of the shape of the images and of how many are for training, at most; None for
            what is not known.

        Raises:
            InputError: For most of what `load` would refuse.
        """
        return self.image_shape(settings), None

    @property
    def title(self) -> str:
        """A short name that can be part of a file name."""
        return self.name.replace(":", "_").replace("/", "_")


class Unavailable(InputError):
    """A data set that is not on disk and cannot be downloaded.

    Attributes:
        place: Where it was looked for.
    """

    def __init__(self, message: str, place: str) -> None:
        super().__init__(message)
        self.place = place
