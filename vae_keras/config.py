"""The settings of a run, and the networks of the book as presets."""

import argparse
import dataclasses
import inspect
import math
import os
import re
from collections.abc import Callable, Sequence
from typing import Any, Self

from vae_keras.activations import ACTIVATIONS
from vae_keras.support.errors import InputError, check_name
from vae_keras.support.settings import declarations, setting, validate

# Choices that are classes or functions of other modules, by name, so that a command line can list
# them without importing Keras.
MODELS = {"vae": "VAE", "autoencoder": "Autoencoder"}
NORMALIZATIONS = {"none": None, "batch": "FusedBatchNormalization", "layer": "LayerNormalization"}
NORMALIZATION_POSITIONS = ("before", "after")
RECONSTRUCTIONS = {"mse": "mean_squared_error", "bce": "binary_crossentropy"}
PRECISIONS = {"float32": "float32", "bfloat16": "mixed_bfloat16"}  # Keras's dtype policies
DEFAULT_VALIDATION_FRACTION = 0.1
KEPT_EPOCHS = ("best", "last")
OUTPUT_LAYERS = {"conv_transpose": "Conv2DTranspose", "conv": "Conv2D"}
# Export formats, and the name of each export in the folder of a run. Only files have an ending.
EXPORTS = {
    "saved_model": "saved_model",
    "onnx": "onnx",
    "litert": "model.tflite",
    "litert_int8": "model_int8.tflite",
}

# The settings of each preset that differ from the defaults of FitConfig.
PRESETS: dict[str, dict[str, Any]] = {
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
    # For the user's own images: the book's reconstruction weights suit neither their size nor their
    # noise.
    "pictures": {
        "latent_dim": 32,
        "reconstruction_weight": "auto",
        "early_stopping": 10,
        "keep": "best",
        "epochs": 100,
    },
}

# The preset of each data set; "digits" for others of tensorflow-datasets, and "pictures" for the
# user's own images.
DATASET_PRESETS = {
    "digits": "digits",
    "mnist": "digits",
    "tfds:celeb_a": "faces",
    "fashion_mnist": "fashion",
    "tfds:fashion_mnist": "fashion",
}
MOST_LAYERS = 100  # convolutions of a network
LARGE_DATASET_EPOCHS = 20  # for all but the 1,437 training images of "digits"

DATA, MODEL, LOSS, TRAINING = "data", "model", "loss", "training"


def _image_size(text: str) -> tuple[int, ...]:
    sides = text.split("x")
    if len(sides) > 2 or not all(re.fullmatch("[0-9]{1,9}", side) for side in sides):
        raise argparse.ArgumentTypeError(f"must be N or HEIGHTxWIDTH, received {text[:50]!r}")
    return tuple(int(side) for side in sides * (3 - len(sides)))


@dataclasses.dataclass(frozen=True, kw_only=True)
class DataSettings:
    """The images of a run and their preparation.

    Raises:
        InputError: If a value has the wrong type, is out of range or unknown.
    """

    dataset: str = setting(
        "digits",
        "digits, mnist, fashion_mnist, tfds:NAME, the path of an image folder or of an .npy or "
        ".npz file, or auto (default): MNIST if it is available, otherwise digits",
        DATA,
        is_place=True,
    )
    data_dir: str | None = setting(
        None,
        "data folder of tensorflow-datasets (default: $TFDS_DATA_DIR, or ~/tensorflow_datasets)",
        DATA,
        metavar="DIR",
        identity=False,
        is_place=True,
    )
    image_size: tuple[int, ...] | None = setting(
        None,
        "crop and resize images: N for N×N pixels, or HEIGHTxWIDTH (default: 64 for folders and "
        "sets of mixed sizes, otherwise the images' own size)",
        DATA,
        metavar="SIZE",
        parse=_image_size,
        most=16_384,
    )
    channels: int | None = setting(
        None, "1 for gray, 3 for color; an image folder defaults to 3", DATA
    )
    test_fraction: float = setting(
        0.1,
        "share of an image folder or array that is held out for the test",
        DATA,
        above=0,
        below=1,
    )
    cache: str | None = setting(
        None,
        "keep decoded images in this folder instead of memory",
        DATA,
        metavar="DIR",
        identity=False,
        is_place=True,
        is_path=True,
    )
    attributes: str | None = setting(
        None,
        "CSV file with attributes of the images in a folder",
        DATA,
        metavar="FILE",
        identity=False,
        is_place=True,
        is_path=True,
    )

    def __post_init__(self) -> None:
        validate(self)
        if self.image_size is not None and (len(self.image_size) != 2 or min(self.image_size) < 1):
            raise InputError(
                f"⟨image_size⟩ must be a height and a width, received {self.image_size}"
            )
        if self.channels not in (None, 1, 3):
            raise InputError(f"⟨channels⟩ must be 1 or 3, received {self.channels}")

    def replace(self, **changes: Any) -> Self:
        """A copy with some settings changed, validated again."""
        return dataclasses.replace(self, **changes)

    def to_dict(self) -> dict[str, Any]:
        """The settings as plain values for JSON."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """Settings from a dictionary; absent ones have their default, unknown ones are refused."""
        if not isinstance(values, dict):
            raise InputError(f"settings must be a dictionary, received {type(values).__name__}")
        names = [field.name for field in dataclasses.fields(cls)]
        for name in values:
            check_name("setting", name, names)
        return cls(**values)


@dataclasses.dataclass(frozen=True, kw_only=True)
class FitConfig(DataSettings):
    """The settings of a training run. The defaults are the book's digits network.

    Raises:
        InputError: If a value has the wrong type, is out of range or unknown, or contradicts
            another.
    """

    max_train_images: int | None = setting(
        None, "train on the first N images only (default: all)", DATA, least=1
    )
    preset: str = setting(
        "digits",
        "a network of the book, or pictures, the defaults for your own images (default: that of "
        "the data set)",
        MODEL,
        choices=PRESETS,
    )
    model: str = setting("vae", "kind of model", MODEL, choices=MODELS)
    activation: str = setting(
        "leaky_relu",
        "activation of both networks (leaky_relu has slope 0.3, as in the book)",
        MODEL,
        choices=ACTIVATIONS,
    )
    encoder_activation: str | None = setting(
        None, "activation of the encoder (default: ⟨activation⟩)", MODEL, choices=ACTIVATIONS
    )
    decoder_activation: str | None = setting(
        None, "activation of the decoder (default: ⟨activation⟩)", MODEL, choices=ACTIVATIONS
    )
    normalization: str = setting(
        "none", "normalization after each convolution", MODEL, choices=NORMALIZATIONS
    )
    normalization_position: str = setting(
        "after",
        "position of the normalization relative to the activation",
        MODEL,
        choices=NORMALIZATION_POSITIONS,
    )
    dropout: float = setting(
        0.0, "dropout rate, at least 0 and below 1", MODEL, metavar="RATE", least=0, below=1
    )
    latent_dim: int = setting(2, "size of the latent space", MODEL, least=1, most=100_000)
    encoder_filters: tuple[int, ...] = setting(
        (32, 64, 64, 64), "filters of each convolution of the encoder", MODEL, least=1, most=65_536
    )
    encoder_strides: tuple[int, ...] = setting(
        (1, 2, 2, 1), "stride of each convolution of the encoder", MODEL, least=1, most=64
    )
    decoder_filters: tuple[int, ...] = setting(
        (64, 64, 32),
        "filters of each transposed convolution of the decoder except the output layer",
        MODEL,
        least=1,
        most=65_536,
    )
    decoder_strides: tuple[int, ...] = setting(
        (1, 2, 2, 1),
        "stride of each transposed convolution of the decoder, output layer included",
        MODEL,
        least=1,
        most=64,
    )
    decoder_dense_activation: bool = setting(
        False, "normalize and activate the dense layer of the decoder", MODEL
    )
    decoder_output_layer: str = setting(
        "conv_transpose", "output layer of the decoder", MODEL, choices=OUTPUT_LAYERS
    )
    kernel_size: int = setting(3, "side of every kernel", MODEL, least=1, most=255)
    reconstruction: str = setting("mse", "reconstruction loss", LOSS, choices=RECONSTRUCTIONS)
    reconstruction_weight: float | str = setting(
        1000.0,
        "weight of the reconstruction loss, which is a mean over pixels; auto: estimate the "
        "variance of a Gaussian decoder in training instead; the loss is then in nats",
        LOSS,
        metavar="W",
        above=0,
        words=("auto",),
    )
    kl_weight: float | None = setting(
        None,
        "weight of the KL divergence in the loss of a VAE (default: 1)",
        LOSS,
        metavar="W",
        least=0,
    )
    kl_warmup: int = setting(
        0,
        "epochs in which the weight of the KL divergence grows linearly from 0 to its value",
        LOSS,
        metavar="EPOCHS",
        least=0,
    )
    learning_rate: float = setting(5e-4, "learning rate of Adam", TRAINING, metavar="RATE", above=0)
    lr_decay: float = setting(
        1.0,
        "multiply the learning rate by this after each epoch",
        TRAINING,
        metavar="FACTOR",
        above=0,
        most=1,
    )
    clipnorm: float | None = setting(
        None, "scale each gradient down to a norm of at most X (default: off)", TRAINING, above=0
    )
    batch_size: int = setting(32, "images per training step", TRAINING, least=1)
    epochs: int = setting(
        100,
        "number of epochs (default: the preset's; if it has none, 100 for digits and 20 for other "
        "data sets)",
        TRAINING,
        least=1,
        identity=False,
    )
    validation_fraction: float | None = setting(
        None,
        "share of the training images that is held out for validation (default: 0, or 0.1 with "
        "⟨early_stopping⟩ or ⟨keep⟩ best)",
        TRAINING,
        least=0,
        below=1,
    )
    early_stopping: int | None = setting(
        None,
        "stop when the validation loss has not fallen for this many epochs (default: off, or the "
        "preset's)",
        TRAINING,
        metavar="EPOCHS",
        least=1,
        identity=False,
    )
    keep: str = setting(
        "last",
        "which epoch's weights to keep (best: the lowest validation loss)",
        TRAINING,
        choices=KEPT_EPOCHS,
    )
    export: tuple[str, ...] = setting(
        ("saved_model",),
        "export formats of the finished model, separated by commas",
        TRAINING,
        choices=EXPORTS,
        identity=False,
    )
    precision: str = setting(
        "float32",
        "type for computations (weights, losses and noise stay float32)",
        TRAINING,
        choices=PRECISIONS,
    )
    seed: int = setting(
        0,
        "seed of initial weights, order of images and noise",
        TRAINING,
        least=0,
        below=2**31,
        most=2**31,
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.dataset in ("", "auto"):
            raise InputError(
                f"⟨dataset⟩ must name one data set, received {self.dataset!r}: "
                "vae_keras.data.sources.resolve_dataset chooses one for 'auto'"
            )
        if self.model == "vae" and self.kl_weight is None:
            object.__setattr__(self, "kl_weight", 1.0)
        if self.model == "autoencoder" and self.kl_weight is not None:
            raise InputError(
                f"⟨kl_weight⟩ {self.kl_weight} does not apply to model 'autoencoder', which has no "
                "KL divergence: omit it, or choose model 'vae'"
            )
        self._check_loss()
        self._check_validation()
        self._check_layers()

    def _check_loss(self) -> None:
        if self.reconstruction_weight == "auto" and self.reconstruction != "mse":
            raise InputError(
                "⟨reconstruction_weight⟩ auto estimates the variance of a Gaussian decoder, which "
                f"⟨reconstruction⟩ {self.reconstruction} does not have: choose a number, or mse"
            )
        if self.kl_warmup and self.model == "autoencoder":
            raise InputError("⟨kl_warmup⟩ is for model 'vae': an autoencoder has no KL divergence")
        if self.kl_warmup >= self.epochs:
            raise InputError(
                f"⟨kl_warmup⟩ {self.kl_warmup} must be less than ⟨epochs⟩ {self.epochs}"
            )

    def _check_validation(self) -> None:
        if self._uses_validation and self.validation_fraction == 0:
            raise InputError(
                "⟨early_stopping⟩ and ⟨keep⟩ best need validation images: choose a "
                "⟨validation_fraction⟩ above 0"
            )

    @property
    def held_out(self) -> float:
        """The share of the training images that is held out for validation."""
        if self.validation_fraction is not None:
            return self.validation_fraction
        return DEFAULT_VALIDATION_FRACTION if self._uses_validation else 0.0

    @property
    def _uses_validation(self) -> bool:
        return self.early_stopping is not None or self.keep == "best"

    def _check_layers(self) -> None:
        if max(len(self.encoder_filters), len(self.decoder_filters)) > MOST_LAYERS:
            raise InputError(f"a network can have at most {MOST_LAYERS} convolutions")
        if len(self.encoder_filters) != len(self.encoder_strides):
            raise InputError(
                "⟨encoder_filters⟩ and ⟨encoder_strides⟩ must have the same length, received "
                f"{self.encoder_filters} and {self.encoder_strides}"
            )
        if len(self.decoder_filters) + 1 != len(self.decoder_strides):
            raise InputError(
                "⟨decoder_strides⟩ must have one number more than ⟨decoder_filters⟩, received "
                f"{self.decoder_strides} and {self.decoder_filters}"
            )
        check_output_layer(self.decoder_output_layer, self.decoder_strides)
        if math.prod(self.encoder_strides) != math.prod(self.decoder_strides):
            raise InputError(
                f"⟨decoder_strides⟩ {self.decoder_strides} must undo ⟨encoder_strides⟩ "
                f"{self.encoder_strides}: their products differ"
            )
        if self.image_size is not None:
            check_strides(self.image_size, self.encoder_strides)

    def arguments_of(self, function: Callable, prefix: str = "") -> dict[str, Any]:
        """The settings that are parameters of a function or class, by parameter name.

        Args:
            function: Such as `build_encoder`.
            prefix: A parameter takes the setting with this prefix (`encoder_activation`) if there
                is one and it is not None, otherwise the one without (`activation`).
        """
        settings = vars(self)
        given = {}
        for name in inspect.signature(function).parameters:
            for key in (name, f"{prefix}{name}"):
                if settings.get(key) is not None:
                    given[name] = settings[key]
        return given

    def identity(self) -> dict[str, Any]:
        """The settings that determine the weights after each epoch.

        Epochs and locations are not among them, because a resumed run may change them.
        """
        found = {
            field.name: getattr(self, field.name)
            for field, declared in declarations(type(self))
            if declared.identity
        }
        return {**found, "validation_fraction": self.held_out}

    def differences(self, other: "FitConfig") -> dict[str, tuple[Any, Any]]:
        """The settings that distinguish two runs, each with both values."""
        others = other.identity()
        pairs = {name: (value, others[name]) for name, value in self.identity().items()}
        return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


PLACES = tuple(field.name for field, declared in declarations(FitConfig) if declared.is_place)


def make_config(
    dataset: str | os.PathLike = "digits", preset: str | None = None, **settings: Any
) -> FitConfig:
    """Settings for a data set: its preset with changes.

    Args:
        dataset: Name of the data set, or a path. Its preset is used if `preset` is None.
        preset: A name in `PRESETS`.
        **settings: Fields of `FitConfig` that differ from the preset.

    Raises:
        InputError: If a name is unknown or a value cannot be used.
    """
    dataset = os.fspath(dataset)
    if preset is None:
        others = "digits" if dataset.startswith("tfds:") else "pictures"
        preset = DATASET_PRESETS.get(dataset, others)
    check_name("preset", preset, PRESETS)
    values = {**PRESETS[preset], **settings}
    if dataset != "digits":
        values.setdefault("epochs", LARGE_DATASET_EPOCHS)
    return FitConfig.from_dict({"dataset": dataset, "preset": preset, **values})


def check_output_layer(output_layer: str, strides: Sequence[int]) -> None:
    """Raise `InputError` if the output layer is unknown, or cannot have the last of the strides."""
    check_name("output layer", output_layer, OUTPUT_LAYERS)
    if output_layer == "conv" and strides[-1] != 1:
        raise InputError(
            "a convolution as output layer cannot enlarge its input: the last of the "
            f"⟨decoder_strides⟩ must be 1, received {strides[-1]}"
        )


def check_strides(image_shape: Sequence[int], strides: Sequence[int]) -> int:
    """Return the product of `strides`; raise `InputError` if images of this shape do not fit.

    The encoder divides the sides of an image by the product and the decoder multiplies them by it,
    so both must be multiples of the product.
    """
    scale = math.prod(strides)
    height, width = image_shape[:2]
    if height % scale or width % scale:
        smaller, nearest, larger = (
            "x".join(str(max(scale, scale * turn(side / scale))) for side in (height, width))
            for turn in (math.floor, round, math.ceil)
        )
        sizes = " or ".join(dict.fromkeys((smaller, nearest, larger)))
        raise InputError(
            f"images of {height}x{width} do not fit the strides {tuple(strides)}: both sides must "
            f"be multiples of {scale}; the nearest sizes are {sizes} (⟨image_size⟩)"
        )
    return scale
