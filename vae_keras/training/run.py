"""The folder of a training run: what its files are called, and how they are read and written."""

import contextlib
import csv
import importlib.metadata
import io
import math
import os
import platform
import re
import shlex
from pathlib import Path
from typing import Any

import numpy as np

from vae_keras.config import EXPORTS, PLACES, FitConfig
from vae_keras.data.arrays import as_image_data
from vae_keras.data.images import ImageData
from vae_keras.data.source import Files
from vae_keras.data.sources import find_source, load_configured
from vae_keras.support.errors import InputError, check_text
from vae_keras.support.files import (
    MOST_ARRAY_BYTES,
    absolute,
    check_writable,
    read_file,
    read_json,
    remove,
    remove_unfinished,
    replacing,
    unpack,
    write_csv,
    write_json,
)
from vae_keras.support.reporting import warn
from vae_keras.support.settings import is_count, is_number
from vae_keras.training.history import read_history
from vae_keras.training.lock import FolderLock

FORMAT = 1  # of config.json; raised when older versions of the package could misread it
VERSIONED_PACKAGES = ("vae_keras", "tensorflow", "keras", "numpy")


# TensorFlow takes them for a pattern in the path of a SavedModel.
UNLOADABLE = re.compile(r"[\[\]*?]")

FILE_NAME_ERRORS = "surrogateescape"  # file names can hold bytes that are not UTF-8


class Run:
    """A folder that holds one training run, existing or to be made.

    Attributes:
        directory: The folder.
        config_file: `config.json`: settings, data set and its digest, package versions.
        files_file: `files.csv`: the files of a folder of pictures, and which are for the test.
        history_file: `history.csv`: one row for each finished epoch.
        metrics_file: `metrics.json`: losses and ELBO at the end; written last, so
            that a run that has it is finished.
        model_file: `model.keras`, for `keras.saving.load_model`.
        exports: A path for each format in `EXPORTS`; those that were asked for are there.
        saved_model: `saved_model/`, the export for `tf.saved_model.load`.
        figures: `figures/`.
        evaluation_file, evaluation_figure: `evaluation.json` and `figures/evaluation.png`,
            where the run was evaluated.
        attributes: `attributes/`, a folder for each attribute whose vector was asked for.
        samples_file: `samples.npz`, what a VAE decoded from the same z after each epoch.
        checkpoints: `checkpoints/`, from which training goes on.
        tensorboard: `tensorboard/`, logs if they were asked for.
    """

    def __init__(self, directory: str | os.PathLike) -> None:
        check_text(os.fspath(directory))
        self.directory = Path(directory)
        self.config_file = self.directory / "config.json"
        self.files_file = self.directory / "files.csv"
        self.history_file = self.directory / "history.csv"
        self.metrics_file = self.directory / "metrics.json"
        self.model_file = self.directory / "model.keras"
        self.exports = {name: self.directory / file for name, file in EXPORTS.items()}
        self.saved_model = self.exports["saved_model"]
        self.figures = self.directory / "figures"
        self.evaluation_file = self.directory / "evaluation.json"
        self.evaluation_figure = self.figures / "evaluation.png"
        self.attributes = self.directory / "attributes"
        self.samples_file = self.directory / "samples.npz"
        self.checkpoints = self.directory / "checkpoints"
        self.tensorboard = self.directory / "tensorboard"
        self._lock = FolderLock(self.directory)

    @property
    def exists(self) -> bool:
        return self.config_file.exists()

    @property
    def finished(self) -> bool:
        return self.metrics_file.exists()

    def check_startable(self, overwrite: bool = False) -> None:
        """Raise `InputError` unless a new run may be started here. Changes nothing."""
        absolute(self.directory)  # refuses an unexpanded ~
        if found := UNLOADABLE.search(str(self.directory)):
            raise InputError(
                f"{self.directory} has a {found[0]} in its name, and tf.saved_model.load would not "
                "find the exported model: choose another ⟨directory⟩"
            )
        if self.exists and not overwrite:
            raise InputError(
                f"{self.directory} already holds a run: continue it with ⟨resume⟩, replace it with "
                "⟨overwrite⟩, or choose another ⟨directory⟩"
            )
        if not self.exists and self.directory.is_dir():
            # Hidden files may be a lock, or what a process left that was killed early.
            others = [path.name for path in self.directory.iterdir() if path.name[0] != "."]
            if others:
                raise InputError(
                    f"{self.directory} holds {others[0]} and is not a run: choose another "
                    "⟨directory⟩"
                )
        check_writable(self.directory, "⟨directory⟩")

    def check_finished(self) -> None:
        """Raise `InputError` unless the run is finished and has its model."""
        self.read_config()
        if not self.finished:
            raise InputError(
                f"{self.directory} is not finished: resume with python -m vae_keras.fit --resume "
                f"{shlex.quote(str(self.directory))}"
            )
        if not self.model_file.exists():
            raise InputError(
                f"{self.model_file} does not exist: restore it, or train the run again"
            )

    def read_config(self) -> FitConfig:
        """The settings of the run, a `FitConfig`; `InputError` if they cannot be trusted."""
        try:
            return FitConfig.from_dict(self._read_config_file()["settings"])
        except InputError as error:
            raise InputError(f"{self.config_file}: {error}") from None

    def load_data(self, **places: Any) -> ImageData:
        """The data that the run was trained on.

        Args:
            **places: Settings such as `data_dir` that are not as they were in training.

        Returns:
            `ImageData`, all of it: `head(max_train_images)` is what was trained on.

        Raises:
            InputError: If it cannot be had, or is no longer the same.
        """
        config = self.read_config().replace(**places)
        data = load_configured(config, self.read_files())
        self.check_data(data.head(config.max_train_images))
        return data

    def find_data(
        self, data: Any = None, dataset: str | os.PathLike | None = None, **places: Any
    ) -> ImageData:
        """The data that the run was trained on, passed again or found in another place.

        Args:
            data: What was passed to `train`; with test images of its own, as `ImageData`. None to
                load it.
            dataset: Where the images are now; None for where they were in training.
            **places: Settings such as `data_dir`; None for the run's own.

        Raises:
            InputError: As `load_data`.
        """
        config = self.read_config()
        if data is not None:
            found = as_image_data(data, test_fraction=config.test_fraction)
            self.check_data(found.head(config.max_train_images))
            return found
        given = {name: value for name, value in places.items() if value is not None}
        if dataset is not None:
            given["dataset"] = find_source(dataset).name
        return self.load_data(**{"attributes": None, **given})

    def read_data_summary(self) -> dict[str, Any]:
        """What `write_config` noted of the data."""
        return self._read_config_file()["data"]

    def _read_config_file(self) -> dict[str, Any]:
        if not self.exists:
            raise InputError(f"{self.directory} holds no run: config.json is missing")
        content = read_json(self.config_file)
        version, data = content.get("format", FORMAT), content.get("data")
        if not isinstance(content.get("settings"), dict) or not _is_data_summary(data):
            raise InputError(
                f"{self.config_file} is damaged: it must have settings and data. Restore it, or "
                "start the run again with ⟨overwrite⟩"
            )
        if version != FORMAT:
            raise InputError(
                f"{self.config_file} has format {version!r}, this vae_keras reads {FORMAT}: "
                "use the version that trained the run, or a newer one"
            )
        return content

    def check_data(self, data: ImageData) -> None:
        """Raise `InputError` unless `ImageData` holds the images that the run was trained on."""
        if self.read_data_summary().get("sha256") != data.sha256():
            raise InputError(
                f"the images of {data.name} are not those that {self.directory} was trained on: "
                "restore them, name where they are now with ⟨dataset⟩, or start a new run"
            )

    def write_config(self, config: FitConfig, data: ImageData) -> None:
        """Note the settings, the data and the packages that make the run what it is."""
        content: dict[str, Any] = {
            "format": FORMAT,
            "settings": config.to_dict(),
            "data": {
                "name": data.name,
                "train_images": len(data.train_images),
                "test_images": len(data.test_images),
                "image_shape": list(data.image_shape),
                "sha256": data.sha256(),
            },
            "versions": {
                "python": platform.python_version(),
                **{name: importlib.metadata.version(name) for name in VERSIONED_PACKAGES},
            },
        }
        if names := data.varied_attributes():
            content["data"]["attributes"] = names
        if data.files:
            columns = ("file", "bytes", "split")
            rows = (dict(zip(columns, file)) for file in data.files)
            write_csv(self.files_file, rows, columns, FILE_NAME_ERRORS)
        write_json(self.config_file, content)

    def read_files(self) -> Files | None:
        """The rows of `files.csv`, as `ImageData.files`; None if the data was no folder."""
        if not self.files_file.exists():
            return None
        content = read_file(self.files_file, MOST_ARRAY_BYTES).decode("utf-8", FILE_NAME_ERRORS)
        try:
            rows = list(csv.reader(io.StringIO(content, newline="")))[1:]
            return tuple((name, int(size), split) for name, size, split in rows)
        except (ValueError, csv.Error):
            raise InputError(
                f"{self.files_file} is damaged: restore it, or start a new run"
            ) from None

    def read_history(self) -> list[dict[str, Any]]:
        """The rows of `history.csv` as dictionaries of numbers; empty without the file."""
        return read_history(self.history_file) if self.history_file.exists() else []

    def write_history(self, rows: list[dict[str, Any]]) -> None:
        """Write all rows; numbers are written in full, so that they read back as they were."""
        self.check_in_place()
        # A run that an older version began may lack columns.
        columns = list(dict.fromkeys(name for row in rows for name in row))
        write_csv(self.history_file, rows, columns)

    def read_samples(
        self, until: int | None = None, shape: tuple[int, ...] | None = None
    ) -> dict[int, np.ndarray]:
        """What `write_samples` kept, up to an epoch.

        Args:
            until: The last epoch; None for all.
            shape: What the samples of an epoch must be, `(count, height, width, channels)`; None
                for any.

        Returns:
            Dictionary from epoch to a uint8 array `(count, height, width, channels)`; empty
            without a file, or with a damaged one, which is said: no run depends on it.
        """
        if not os.path.lexists(self.samples_file):
            return {}
        try:
            arrays = unpack(read_file(self.samples_file, MOST_ARRAY_BYTES))
            epochs, images = arrays["epochs"], arrays["images"]
            fits = images.ndim == 5 and shape in (None, images.shape[1:])
            if images.dtype != np.uint8 or not fits or epochs.dtype.kind not in "iu":
                raise ValueError
            samples = dict(zip(epochs.tolist(), images, strict=True))
        except (KeyError, TypeError, ValueError):
            warn(f"{self.samples_file} is damaged: the samples of earlier epochs are left out")
            return {}
        last = math.inf if until is None else until
        return {epoch: images for epoch, images in samples.items() if 1 <= epoch <= last}

    def write_samples(self, samples: dict[int, np.ndarray]) -> None:
        """Keep what was decoded after some epochs, a dictionary as `read_samples` returns it."""
        self.check_in_place()
        with replacing(self.samples_file) as path:
            np.savez_compressed(path, epochs=list(samples), images=np.stack(list(samples.values())))

    def read_metrics(self) -> dict[str, Any]:
        """What `metrics.json` says; `InputError` if it is damaged."""
        metrics = read_json(self.metrics_file)
        losses = [metrics.get("train"), metrics.get("test")]
        variances = [metrics.get(name, 1) for name in ("implied_variance", "calibrated_variance")]
        if (
            not all(map(_are_losses, losses))
            or len({*map(frozenset, losses)}) > 1  # type: ignore[arg-type]
            or not is_count(metrics.get("epochs"))
            or not all(is_number(value) and value > 0 for value in variances)
        ):
            raise InputError(
                f"{self.metrics_file} is damaged: restore it, or remove it and resume the run"
            )
        return metrics

    def read_evaluation(self) -> dict[str, Any]:
        """What `evaluation.json` says; `InputError` if it is damaged."""
        try:
            found = read_json(self.evaluation_file)
            settings = found.get("settings", {})
            used = ("images", "seed", "importance_samples")
            if not isinstance(settings, dict) or not all(
                is_number(settings.get(name, 0)) for name in used
            ):
                raise InputError(f"{self.evaluation_file} is damaged: its settings are no numbers")
            return found
        except InputError as error:
            raise InputError(f"{error}; remove it and evaluate again") from None

    def clear(self) -> None:
        """Remove the files of an earlier run, and nothing else."""
        # In this order: what says that a run is finished goes first.
        for path in (
            self.metrics_file,
            self.evaluation_file,
            self.model_file,
            self.history_file,
            self.files_file,
            *self.exports.values(),
            self.figures,
            self.attributes,
            self.samples_file,
            self.checkpoints,
            self.tensorboard,
            self.config_file,
        ):
            remove(path)

    def locked(self, patience: float = 0) -> contextlib.AbstractContextManager[None]:
        """Keep the folder for this process inside a `with`: see `FolderLock.held`."""
        return self._lock.held(patience)

    def check_unlocked(self) -> None:
        """Raise `InputError` if another process works in the folder."""
        self._lock.check_free()

    def check_in_place(self) -> None:
        """Raise `MovedError` if the folder that is locked no longer has its name."""
        self._lock.check_in_place()

    def remove_unfinished(self) -> None:
        """Remove what a killed process left half-written."""
        for folder in (self.directory, self.checkpoints):
            remove_unfinished(folder)


def check_run(config: FitConfig, run: Run, resume: bool = False, overwrite: bool = False) -> None:
    """Raise `InputError` unless a run can be started or resumed in a folder.

    Args:
        config: `FitConfig`. To resume, it must equal the run's own settings; only more epochs
            and other places of data and cache are allowed.
        run: `Run`.
        resume: Whether to resume the run in the folder.
        overwrite: Whether a run in the folder may be replaced.
    """
    run.check_unlocked()
    if not resume:
        run.check_startable(overwrite)
        return
    stored = run.read_config()
    if config.epochs < stored.epochs:
        raise InputError(
            f"epochs is {stored.epochs} in {run.config_file}, received {config.epochs}: a run "
            "can be made longer, not shorter"
        )
    for name, (value, received) in stored.differences(config).items():
        if name not in PLACES:  # whether the images are the same, their digest decides
            raise InputError(
                f"{name} is {value!r} in {run.config_file}, received {received!r}: leave it out, "
                "or start a new run"
            )


def _is_data_summary(data: Any) -> bool:
    """Whether this is what `Run.write_config` notes of the data, as far as it goes."""
    if not isinstance(data, dict):
        return False
    shape = data.get("image_shape", [1, 1, 1])
    counts = [data.get(name, 1) for name in ("train_images", "test_images")]
    return (
        all(isinstance(data.get(name, ""), str) for name in ("name", "sha256"))
        and isinstance(shape, list)
        and len(shape) == 3
        and all(map(is_count, (*shape, *counts)))
    )


def _are_losses(values: Any) -> bool:
    """Whether this is a dictionary of numbers that has a loss."""
    return isinstance(values, dict) and "loss" in values and all(map(is_number, values.values()))
