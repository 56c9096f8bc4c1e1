"""The digits of scikit-learn."""

import numpy as np

from vae_keras.config import DataSettings
from vae_keras.data.images import ImageData
from vae_keras.data.resize import crop_and_resize
from vae_keras.data.source import Files, Shape, Source
from vae_keras.data.storage import check_memory_budget

IMAGES, TEST_IMAGES = 1797, 360


class Digits(Source):
    """The digits of scikit-learn: 1,797 gray images, enlarged to 28×28."""

    names = ("digits",)
    options = frozenset({"image_size", "channels"})

    @classmethod
    def matches(cls, name: str) -> bool:
        return name == "digits"

    def image_shape(self, settings: DataSettings) -> Shape:
        return (*(settings.image_size or (28, 28)), settings.channels or 1)

    def inspect(self, settings: DataSettings) -> tuple[Shape, int]:
        shape = self.image_shape(settings)
        check_memory_budget((IMAGES, *shape), "choose a smaller ⟨image_size⟩")
        return shape, IMAGES - TEST_IMAGES

    def load(self, settings: DataSettings, expected_files: Files | None = None) -> ImageData:
        from PIL import Image
        from sklearn.datasets import load_digits
        from sklearn.model_selection import train_test_split

        height, width, channels = self.inspect(settings)[0]
        digits = load_digits()
        gray = np.round(digits.images * (255 / 16)).astype(np.uint8)  # 17 levels, 0 to 16
        size = (height, width)
        resized = [np.asarray(crop_and_resize(Image.fromarray(image), size)) for image in gray]
        images = np.stack(resized)[..., None].repeat(channels, axis=-1)
        train_images, test_images, train_labels, test_labels = train_test_split(
            images, digits.target, test_size=TEST_IMAGES, random_state=0, stratify=digits.target
        )
        names = tuple(str(name) for name in digits.target_names)
        return ImageData("digits", train_images, test_images, train_labels, test_labels, names)
