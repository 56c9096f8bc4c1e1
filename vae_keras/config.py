"""Everything that decides a run, and the networks of the book as presets."""

import dataclasses
import math
import types
import typing

from vae_keras.activations import ACTIVATIONS
from vae_keras.errors import InputError, check_name

MODELS = ("vae", "autoencoder")
NORMALIZATIONS = ("none", "batch", "layer")
NORMALIZATION_POSITIONS = ("before", "after")
RECONSTRUCTIONS = ("mse", "bce")
OUTPUT_LAYERS = ("conv_transpose", "conv")


@dataclasses.dataclass(frozen=True, kw_only=True)
class FitConfig:
    """The settings of a training run; the defaults are the book's digits network.

    Attributes:
        dataset: Name of the data set or path of a folder of pictures, see
            `vae_keras.data.load_data`.
        data_dir: Where tensorflow-datasets keeps its data; None for its default place.
        image_size: Tuple `(height, width)` that images are cut and scaled to; None for
            the size they have.
        channels: 1 for grey images, 3 for colour; None for what they have.
        test_fraction: Share of a folder's pictures that is kept for the test.
        cache: Folder that decoded images are kept in; None for memory.
        attributes: CSV file with properties of a folder's pictures; or None.
        max_train_images: Train on the first so many images only; None for all.
        preset: Name of the preset that the settings started from.
        model: `"vae"` or `"autoencoder"`.
        activation: Activation of both networks, a name in `ACTIVATIONS`.
        encoder_activation: Activation of the encoder where it differs.
        decoder_activation: Activation of the decoder where it differs.
        normalization: `"none"`, `"batch"` or `"layer"`.
        normalization_position: `"before"` or `"after"` the activation.
        dropout: Rate in [0, 1).
        latent_dim: Size of the latent space.
        encoder_filters, encoder_strides: One number for each convolution.
        decoder_filters: One number for each transposed convolution but the last,
            whose filters are the image's channels.
        decoder_strides: One number for each transposed convolution, the last included.
        decoder_dense_activation: Whether the decoder's dense layer is normalised and activated.
        decoder_output_layer: `"conv_transpose"` or `"conv"`.
        kernel_size: Side of every kernel.
        reconstruction: `"mse"` or `"bce"`.
        reconstruction_weight: Factor of the reconstruction error averaged over pixels.
        kl_weight: Factor of the KL divergence; None (for a VAE: 1).
        learning_rate: Adam's step in the first epoch.
        lr_decay: What the learning rate is multiplied by after every epoch.
        batch_size: Images in a training step.
        epochs: Passes over the training images.
        seed: Integer that decides initial weights, order of images and noise.

    Raises:
        InputError: If a value is of the wrong type, out of range, unknown, or
            contradicts another.
    """

    dataset: str = "digits"
    data_dir: str | None = None
    image_size: tuple[int, ...] | None = None
    channels: int | None = None
    test_fraction: float = 0.1
    cache: str | None = None
    attributes: str | None = None
    max_train_images: int | None = None
    preset: str = "digits"
    model: str = "vae"
    activation: str = "leaky_relu"
    encoder_activation: str | None = None
    decoder_activation: str | None = None
    normalization: str = "none"
    normalization_position: str = "after"
    dropout: float = 0.0
    latent_dim: int = 2
    encoder_filters: tuple[int, ...] = (32, 64, 64, 64)
    encoder_strides: tuple[int, ...] = (1, 2, 2, 1)
    decoder_filters: tuple[int, ...] = (64, 64, 32)
    decoder_strides: tuple[int, ...] = (1, 2, 2, 1)
    decoder_dense_activation: bool = False
    decoder_output_layer: str = "conv_transpose"
    kernel_size: int = 3
    reconstruction: str = "mse"
    reconstruction_weight: float = 1000.0
    kl_weight: float | None = None
    learning_rate: float = 5e-4
    lr_decay: float = 1.0
    batch_size: int = 32
    epochs: int = 100
    seed: int = 0

    def __post_init__(self):
        for field in dataclasses.fields(self):
            value = _check_type(field, getattr(self, field.name))
            object.__setattr__(self, field.name, value)
        if self.model == "vae" and self.kl_weight is None:
            object.__setattr__(self, "kl_weight", 1.0)
        self._check_names()
        self._check_numbers()
        self._check_layers()
        if self.model == "autoencoder" and self.kl_weight is not None:
            raise InputError(
                f"kl_weight {self.kl_weight} given with model 'autoencoder', which has no KL "
                "divergence: leave it out, or choose model 'vae'"
            )

    def _check_names(self):
        check_name("preset", self.preset, PRESETS)
        check_name("model", self.model, MODELS)
        for name in ("activation", "encoder_activation", "decoder_activation"):
            if getattr(self, name) is not None:
                check_name(name.replace("_", " "), getattr(self, name), ACTIVATIONS)
        check_name("normalization", self.normalization, NORMALIZATIONS)
        check_name(
            "normalization position", self.normalization_position, NORMALIZATION_POSITIONS
        )
        check_name("reconstruction loss", self.reconstruction, RECONSTRUCTIONS)
        check_name("output layer", self.decoder_output_layer, OUTPUT_LAYERS)
        if self.dataset in ("", "auto"):
            raise InputError(
                f"dataset must name one data set, received {self.dataset!r}: "
                "vae_keras.data.resolve_dataset chooses one for 'auto'"
            )

    def _check_numbers(self):
        for name in ("latent_dim", "kernel_size", "batch_size", "epochs", "max_train_images"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise InputError(f"{name} must be at least 1, received {value}")
        for name in ("learning_rate", "lr_decay", "reconstruction_weight"):
            if getattr(self, name) <= 0:
                raise InputError(f"{name} must be positive, received {getattr(self, name)}")
        if self.kl_weight is not None and self.kl_weight < 0:
            raise InputError(f"kl_weight must not be negative, received {self.kl_weight}")
        if self.image_size is not None and (len(self.image_size) != 2 or min(self.image_size) < 1):
            raise InputError(f"image_size must be a height and a width, received {self.image_size}")
        if self.channels not in (None, 1, 3):
            raise InputError(f"channels must be 1 or 3, received {self.channels}")
        if not 0 < self.test_fraction < 1:
            raise InputError(f"test_fraction must be between 0 and 1, received {self.test_fraction}")
        if not 0 <= self.dropout < 1:
            raise InputError(f"dropout must be at least 0 and below 1, received {self.dropout}")
        if not 0 <= self.seed < 2**31:
            raise InputError(f"seed must be at least 0 and below 2**31, received {self.seed}")

    def _check_layers(self):
        for name in ("encoder_filters", "encoder_strides", "decoder_filters", "decoder_strides"):
            if not getattr(self, name) or min(getattr(self, name)) < 1:
                raise InputError(f"{name} must be numbers of at least 1: {getattr(self, name)}")
        if len(self.encoder_filters) != len(self.encoder_strides):
            raise InputError(
                "encoder_filters and encoder_strides must have the same length, received "
                f"{self.encoder_filters} and {self.encoder_strides}"
            )
        if len(self.decoder_filters) + 1 != len(self.decoder_strides):
            raise InputError(
                "decoder_strides must have one number more than decoder_filters, received "
                f"{self.decoder_strides} and {self.decoder_filters}"
            )
        if math.prod(self.encoder_strides) != math.prod(self.decoder_strides):
            raise InputError(
                f"decoder_strides {self.decoder_strides} must undo encoder_strides "
                f"{self.encoder_strides}: their products differ"
            )
        if self.image_size is not None:
            check_strides(self.image_size, self.encoder_strides)

    def replace(self, **changes):
        """A copy with some settings changed, checked again."""
        return dataclasses.replace(self, **changes)

    def to_dict(self):
        """The settings as plain values for JSON."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values):
        """The settings that `to_dict` wrote; an unknown field is an `InputError`."""
        if not isinstance(values, dict):
            raise InputError(f"settings must be a dictionary, received {type(values).__name__}")
        names = [field.name for field in dataclasses.fields(cls)]
        for name in values:
            check_name("setting", name, names)
        return cls(**values)


# What each preset changes in the defaults of FitConfig.
PRESETS = {
    # First edition's digits, and the vae-gelu study.
    "digits": {},
    # Second edition's Fashion-MNIST.
    "fashion": {
        "activation": "relu",
        "encoder_filters": (32, 64, 128),
        "encoder_strides": (2, 2, 2),
        "decoder_filters": (128, 64, 32),
        "decoder_strides": (2, 2, 2, 1),
        "decoder_output_layer": "conv",
        "reconstruction": "bce",
        "reconstruction_weight": 500.0,
        "batch_size": 100,
        "epochs": 5,
    },
    # First edition's CelebA, 128×128×3.
    "faces": {
        "image_size": (128, 128),
        "encoder_strides": (2, 2, 2, 2),
        "decoder_strides": (2, 2, 2, 2),
        "normalization": "batch",
        "normalization_position": "before",
        "dropout": 0.25,
        "latent_dim": 200,
        "reconstruction_weight": 10000.0,
        "epochs": 200,
    },
    # Second edition's CelebA, 32×32×3.
    "faces_small": {
        "image_size": (32, 32),
        "encoder_filters": (128, 128, 128, 128),
        "encoder_strides": (2, 2, 2, 2),
        "decoder_filters": (128, 128, 128, 128),
        "decoder_strides": (2, 2, 2, 2, 1),
        "decoder_dense_activation": True,
        "normalization": "batch",
        "normalization_position": "before",
        "latent_dim": 200,
        "reconstruction_weight": 2000.0,
        "batch_size": 128,
        "epochs": 10,
    },
}

# Data sets whose preset is not "digits".
DATASET_PRESETS = {
    "tfds:celeb_a": "faces",
    "fashion_mnist": "fashion",
    "tfds:fashion_mnist": "fashion",
}
LARGE_DATASET_EPOCHS = 20  # for all but the 1,437 training images of "digits"


def make_config(dataset="digits", preset=None, **settings):
    """Settings for a data set: the preset's, with some changed.

    Args:
        dataset: Name of the data set. It chooses the preset where none is named.
        preset: A name in `PRESETS`.
        **settings: Fields of `FitConfig` that differ from the preset.

    Returns:
        `FitConfig`.

    Raises:
        InputError: If a name is unknown or a value cannot be used.
    """
    if preset is None:
        preset = DATASET_PRESETS.get(dataset, "digits")
    check_name("preset", preset, PRESETS)
    values = {**PRESETS[preset], **settings}
    if dataset != "digits":
        values.setdefault("epochs", LARGE_DATASET_EPOCHS)
    return FitConfig.from_dict({"dataset": dataset, "preset": preset, **values})


def check_strides(image_shape, strides):
    """Return the product of `strides`; raise `InputError` if the image cannot be mirrored.

    The decoder multiplies what the encoder divided, so both sides of an image
    must be multiples of the product.
    """
    scale = 1
    for stride in strides:
        scale *= stride
    height, width = image_shape[:2]
    if height % scale or width % scale:
        smaller, nearest, larger = (
            "x".join(str(max(scale, scale * turn(side / scale))) for side in (height, width))
            for turn in (math.floor, round, math.ceil)
        )
        sizes = " or ".join(dict.fromkeys((smaller, nearest, larger)))
        raise InputError(
            f"images of {height}x{width} cannot be rebuilt by strides {tuple(strides)}: both "
            f"sides must be multiples of {scale}; the nearest sizes are {sizes} (--image-size)"
        )
    return scale


def _check_type(field, value):
    """Return `value` as the field's type; JSON knows no tuples and no difference of 1 and 1.0."""
    expected = field.type
    if isinstance(expected, types.UnionType):
        if value is None:
            return None
        expected = expected.__args__[0]
    if typing.get_origin(expected) is tuple:
        if isinstance(value, (list, tuple)) and all(type(item) is int for item in value):
            return tuple(value)
        raise InputError(
            f"{field.name} must be a list of whole numbers, received {value!r}"
        )
    if expected is float and type(value) is int:
        return float(value)
    if type(value) is not expected:
        words = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}
        raise InputError(f"{field.name} must be {words[expected]}, received {value!r}")
    if expected is float and not math.isfinite(value):
        raise InputError(f"{field.name} must be finite, received {value}")
    return value
