"""What a study compares, as data: the built-in studies, and those that users write."""

import dataclasses
import json
import re
import tomllib
from pathlib import Path

from vae_keras.config import FitConfig, make_config
from vae_keras.support.errors import InputError, check_name

# Named changes to the settings of a run. The first variant is the reference of the differences.
STUDIES = {
    # The vae-gelu study's nine.
    "gelu": {
        "leaky_relu": {"activation": "leaky_relu"},
        "gelu_encoder": {"activation": "leaky_relu", "encoder_activation": "gelu"},
        "gelu_decoder": {"activation": "leaky_relu", "decoder_activation": "gelu"},
        "gelu": {"activation": "gelu"},
        "gelu_dropout": {"activation": "gelu", "dropout": 0.25},
        "gelu_batchnorm_after": {
            "activation": "gelu",
            "normalization": "batch",
            "normalization_position": "after",
        },
        "gelu_batchnorm_before": {
            "activation": "gelu",
            "normalization": "batch",
            "normalization_position": "before",
        },
        "gelu_layernorm_after": {
            "activation": "gelu",
            "normalization": "layer",
            "normalization_position": "after",
        },
        "gelu_layernorm_before": {
            "activation": "gelu",
            "normalization": "layer",
            "normalization_position": "before",
        },
    },
    "activations": {
        name: {"activation": name}
        for name in (
            "leaky_relu", "relu", "elu", "selu", "silu", "mish", "gelu", "gelu_tanh", "tanh",
            "sigmoid",
        )
    },
}  # fmt: skip

# The curves drawn in one figure; a study without an entry gets one figure with all its variants.
COMPARISONS = {
    "gelu": {
        "activation": ("leaky_relu", "gelu_encoder", "gelu_decoder", "gelu"),
        "dropout": ("gelu", "gelu_dropout"),
        "batchnorm": ("gelu", "gelu_batchnorm_after", "gelu_batchnorm_before"),
        "layernorm": ("gelu", "gelu_layernorm_after", "gelu_layernorm_before"),
        "all": tuple(STUDIES["gelu"]),
    },
}

# Variants that differed in these could not be paired.
SHARED_SETTINGS = (
    "dataset", "epochs", "image_size", "channels", "test_fraction", "attributes", "cache",
    "max_train_images",
)  # fmt: skip
# What a study writes beside its runs.
OUTPUTS = ("runs.csv", "summary.csv", "evaluations.csv", "report.md", "figures")
# Given on the command line, or by the study itself.
RESERVED_SETTINGS = ("seed", "data_dir")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Study:
    """Variants to compare.

    Attributes:
        name: Name of the study.
        variants: Dictionary of names, each with what it changes in the settings.
        reference: The variant that the others are compared with; None for the first.
        settings: What all variants change.

    Raises:
        InputError: If a name cannot be used, or a setting is unknown, of the wrong type or
            out of range.
    """

    name: str
    variants: dict
    reference: str | None = None
    settings: dict = dataclasses.field(default_factory=dict)

    def __post_init__(self):
        _check_dictionary("settings", self.settings)
        _check_dictionary("variants", self.variants)
        if len(self.variants) < 2:
            raise InputError(f"variants must be two at least, received {len(self.variants)}")
        for kind, name in [("name", self.name), *(("variant", name) for name in self.variants)]:
            if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z0-9][\w.+-]{0,99}", name):
                raise InputError(
                    f"{kind} {name!r} cannot name a folder: take letters, digits and . _ + -"
                )
        for name in OUTPUTS:
            if name in self.variants:
                raise InputError(f"variant {name!r} would share its name with what a study writes")
        if self.reference is None:
            object.__setattr__(self, "reference", next(iter(self.variants)))
        check_name("reference", self.reference, self.variants)
        self._check_settings("settings", self.settings, RESERVED_SETTINGS)
        for name, changes in self.variants.items():
            _check_dictionary(f"variant {name!r}", changes)
            self._check_settings(f"variant {name!r}", changes, RESERVED_SETTINGS + SHARED_SETTINGS)
        self.configs(self.settings.get("dataset", "digits"), seed=0)

    def _check_settings(self, place, settings, refused):
        known = [field.name for field in dataclasses.fields(FitConfig)]
        for name in settings:
            try:
                check_name("setting", name, known)
            except InputError as error:
                raise InputError(f"{place}: {error}") from None
            if name in refused:
                shared = name in SHARED_SETTINGS
                remedy = "put it into 'settings', for all" if shared else "the study sets it"
                raise InputError(f"{place}: {name} cannot differ here: {remedy}")

    def configs(self, dataset, seed, **settings):
        """The settings of every variant's run with one seed.

        Args:
            dataset: Name of the data set, not `"auto"`.
            seed: Integer.
            **settings: Fields of `FitConfig` that stand above the study's own.

        Returns:
            Dictionary from the variants' names to `FitConfig`, all with the same epochs.
        """
        shared = {**self.settings, **settings, "seed": seed}
        shared.pop("dataset", None)
        configs = {}
        for name, changes in self.variants.items():
            try:
                config = make_config(dataset, **{**shared, **changes})
            except InputError as error:
                raise InputError(f"variant {name!r}: {error}") from None
            # A variant may have a preset, with epochs, of its own.
            shared.setdefault("epochs", config.epochs)
            configs[name] = config
        return configs


def find_study(name):
    """A study by its name in `STUDIES`, or from a file that ends in .json or .toml.

    The file has the fields of `Study`: `variants`, and as far as they differ from the
    defaults `name` (else the file's), `reference` and `settings`.

    Raises:
        InputError: If the name is unknown, or the file cannot be read or used.
    """
    if not name.endswith((".json", ".toml")):
        if name not in STUDIES:
            try:
                check_name("study", name, STUDIES)
            except InputError as error:
                raise InputError(f"{error}, or a file that ends in .json or .toml") from None
        return Study(name=name, variants=STUDIES[name])
    path = Path(name)
    try:
        text = path.read_text(encoding="utf-8")
        content = tomllib.loads(text) if path.suffix == ".toml" else json.loads(text)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is no {path.suffix[1:].upper()}: {error}") from None
    try:
        _check_dictionary("a study", content)
        for field in content:
            check_name("field", field, [field.name for field in dataclasses.fields(Study)])
        if "variants" not in content:
            raise InputError("'variants' is missing: a table of names and changed settings")
        study = Study(**{"name": path.stem, **content})
        if study.name in STUDIES:
            raise InputError(f"name {study.name!r} belongs to a built-in study: choose another")
        return study
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def _check_dictionary(name, value):
    if not isinstance(value, dict):
        raise InputError(f"{name} must be a table, received {value!r}")
