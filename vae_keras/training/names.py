"""Names, titles and folders of runs."""

import os
from collections.abc import Sequence
from pathlib import Path

from vae_keras.config import PRESETS, FitConfig
from vae_keras.data.sources import find_source
from vae_keras.support.errors import InputError
from vae_keras.training.lock import unwritable
from vae_keras.training.run import UNLOADABLE, Run

# Finished runs that come with the package: settings, metrics and the model.
PRETRAINED_FOLDER = Path(__file__).parents[1] / "pretrained"
PRETRAINED = tuple(sorted(path.parent.name for path in PRETRAINED_FOLDER.glob("*/config.json")))


def create_run(directory: str | os.PathLike | None = None, name: str = "run") -> Run:
    """Create the folder of a new run.

    Args:
        directory: The folder; None for the first free one of `saved_models/<name>`,
            `saved_models/<name>-2` and so on.
        name: Name of the default folder.

    Returns:
        `Run`, with an existing folder.

    Raises:
        InputError: If the folder cannot be written.
    """
    if directory is not None:
        run = Run(directory)
        try:
            run.directory.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise unwritable(run.directory, error.strerror) from None
        return run
    parent = Path("saved_models")
    number = 1
    while True:
        run = Run(parent / (name if number == 1 else f"{name}-{number}"))
        try:
            run.directory.mkdir(parents=True)
            return run
        except FileExistsError:
            number += 1
        except OSError as error:
            raise unwritable(run.directory, error.strerror) from None


def find_run(name: str | os.PathLike, accepted: str = "the folder of a finished run") -> Run:
    """The run in a folder, or one that comes with the package, by its name in `PRETRAINED`.

    Args:
        name: The folder or the name.
        accepted: Other possible values than names, for the error.

    Raises:
        InputError: If there is no such folder and no such model.
    """
    text = os.fspath(name)
    if not os.path.lexists(text):
        if text in PRETRAINED:
            return Run(PRETRAINED_FOLDER / text)
        raise InputError(
            f"{text} does not exist: pass {accepted}, or a model of the package "
            f"({', '.join(PRETRAINED)})"
        )
    return Run(name)


def is_pretrained(run: Run) -> bool:
    """Whether a run comes with the package."""
    return run.directory.parent == PRETRAINED_FOLDER


def run_name(config: FitConfig) -> str:
    """A name with the settings that are often compared: `mnist-gelu-batchnorm_before`."""
    encoder = config.encoder_activation or config.activation
    decoder = config.decoder_activation or config.activation
    parts = [UNLOADABLE.sub("_", find_source(config.dataset).title)]
    parts.append(encoder if encoder == decoder else f"{encoder}-{decoder}")
    if config.normalization != "none":
        parts.append(f"{config.normalization}norm_{config.normalization_position}")
    usual = PRESETS[config.preset].get("reconstruction_weight", FitConfig.reconstruction_weight)
    if config.reconstruction_weight != usual:
        weight = config.reconstruction_weight
        parts.append(weight if isinstance(weight, str) else f"weight{weight:g}")
    if config.dropout:
        parts.append(f"dropout{config.dropout:g}")
    if config.model != "vae":
        parts.append(config.model)
    if config.precision != FitConfig.precision:
        parts.append(config.precision)
    return "-".join(parts)


def run_titles(runs: Sequence[Run]) -> list[str]:
    """Titles of several runs: their names, or their folders if names are not unique."""
    names = [run_name(run.read_config()) for run in runs]
    return names if len(set(names)) == len(names) else [str(run.directory) for run in runs]
