"""The folder of a training run, and the reading and writing of its files."""

import contextlib
import csv
import hashlib
import importlib.metadata
import io
import json
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
from vae_keras.data.source import Files, NoSuchPlace
from vae_keras.data.sources import find_source, load_configured
from vae_keras.support.errors import InputError, check_text
from vae_keras.support.files import (
    MOST_ARRAY_BYTES,
    absolute,
    check_file,
    check_places,
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

FORMAT = 1  # of config.json; increased if older versions of the package would misread it
VERSIONED_PACKAGES = ("vae_keras", "tensorflow", "keras", "numpy")


# TensorFlow reads them as a pattern in the path of a SavedModel.
UNLOADABLE = re.compile(r"[\[\]*?]")

FILE_NAME_ERRORS = "surrogateescape"  # file names can contain bytes that are not UTF-8


class Run:
    """The folder of one training run, which need not exist yet.

    Attributes:
        directory: The folder.
        config_file: `config.json`: settings, data set and its digest, package versions.
        files_file: `files.csv`: the files of an image folder, and their split.
        history_file: `history.csv`: one row for each finished epoch.
        metrics_file: `metrics.json`: final losses and ELBO; written last, so that it marks a
            finished run.
        model_file: `model.keras`, for `keras.saving.load_model`.
        exports: A path for each format in `EXPORTS`; only the requested exports exist.
        saved_model: `saved_model/`, the export for `tf.saved_model.load`.
        figures: `figures/`.
        evaluation_file, evaluation_figure: `evaluation.json` and `figures/evaluation.png` of an
            evaluated run.
        attributes: `attributes/`, a folder for each attribute with a vector.
        samples_file: `samples.npz`, images that a VAE decoded from the same z after some epochs.
        checkpoints: `checkpoints/`, for resuming.
        tensorboard: `tensorboard/`, logs if requested.
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
        absolute(self.directory)  # raises for an unexpanded ~
        if found := UNLOADABLE.search(str(self.directory)):
            raise InputError(
                f"{self.directory} has a {found[0]} in its name, so tf.saved_model.load would not "
                "find the exported model: choose another ⟨directory⟩"
            )
        if self.exists and not overwrite:
            raise InputError(
                f"{self.directory} already contains a run: continue it with ⟨resume⟩, replace it "
                "with ⟨overwrite⟩, or choose another ⟨directory⟩"
            )
        if not self.exists and self.directory.is_dir():
            # Hidden files may be a lock, or temporary files of a killed process.
            others = [path.name for path in self.directory.iterdir() if path.name[0] != "."]
            if others:
                raise InputError(
                    f"{self.directory} contains {others[0]} and is not a run: choose another "
                    "⟨directory⟩"
                )
        check_writable(self.directory, "⟨directory⟩")
        self.check_places()

    def check_places(self) -> None:
        """Raise `InputError` unless the files and folders of the run can be written or replaced.

        It is called before anything is removed, computed or written.
        """
        files, folders = self._places()
        check_places([self.config_file, *files, self.evaluation_figure], folders)

    def _places(self) -> tuple[list[Path], list[Path]]:
        """The files of the run except for its settings, and its folders.

        `metrics.json` is first, so that a run that is being removed no longer counts as finished.
        """
        exports = self.exports.values()  # files have an ending
        files = [
            self.metrics_file,
            self.evaluation_file,
            self.model_file,
            self.history_file,
            self.files_file,
            self.samples_file,
            *(path for path in exports if path.suffix),
        ]
        folders = [
            *(path for path in exports if not path.suffix),
            self.figures,
            self.attributes,
            self.checkpoints,
            self.tensorboard,
        ]
        return files, folders

    def check_finished(self) -> None:
        """Raise `InputError` unless the run is finished and has its model."""
        self.read_config()
        if not self.finished:
            raise InputError(
                f"{self.directory} is not finished: resume it with "
                f"python -m vae_keras.fit --resume {shlex.quote(str(self.directory))}"
            )
        check_file(self.model_file)
        if not self.model_file.exists():
            raise InputError(
                f"{self.model_file} does not exist: restore it, or train the run again"
            )

    def read_config(self) -> FitConfig:
        """The settings of the run, a `FitConfig`; `InputError` if they are invalid."""
        settings = self._read_config_file()["settings"]
        try:
            return FitConfig.from_dict(settings)
        except InputError as error:
            raise InputError(f"{self.config_file}: {error}") from None

    def load_data(self, **places: Any) -> ImageData:
        """Load the data that the run was trained on.

        Args:
            **places: Settings such as `data_dir` that have changed since training.

        Returns:
            Complete `ImageData`; `head(max_train_images)` are the training images of the run.

        Raises:
            InputError: If the data cannot be loaded or has changed.
        """
        config = self.read_config().replace(**places)
        try:
            data = load_configured(config, self.read_files())
        except NoSuchPlace as error:
            if "dataset" in places:
                raise
            raise InputError(
                f"{error.text}: if the images have moved, pass their new location as ⟨dataset⟩"
            ) from None
        self.check_data(data.head(config.max_train_images))
        return data

    def find_data(
        self, data: Any = None, dataset: str | os.PathLike | None = None, **places: Any
    ) -> ImageData:
        """The data that the run was trained on, passed again or loaded from a new location.

        Args:
            data: The data passed to `train`. If test images were passed separately, an `ImageData`
                with both. None to load it.
            dataset: New location of the images; None for the location in training.
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
        """The summary of the data that `write_config` wrote."""
        return self._read_config_file()["data"]

    def _read_config_file(self) -> dict[str, Any]:
        if not self.exists:
            raise InputError(f"{self.directory} is not a run: config.json is missing")
        content = read_json(self.config_file)
        version, data = content.get("format", FORMAT), content.get("data")
        if not isinstance(content.get("settings"), dict) or not _is_data_summary(data):
            raise InputError(
                f"{self.config_file} is damaged: it must have settings and data. Restore it, or "
                "restart the run with ⟨overwrite⟩"
            )
        if version != FORMAT:
            raise InputError(
                f"{self.config_file} has format {version!r}, but this vae_keras reads {FORMAT}: "
                "use the version that trained the run, or a newer one"
            )
        return content

    def identity(self, config: FitConfig) -> str:
        """Digest of the settings that determine the weights, and of the images: hexadecimal.

        Places may change. Settings with their defaults do not count, so that later versions can add
        settings.
        """
        defaults = FitConfig().identity()
        settings = {
            name: value
            for name, value in config.identity().items()
            if name not in PLACES and value != defaults[name]
        }
        content = [settings, self.read_data_summary().get("sha256")]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]

    def check_data(self, data: ImageData) -> None:
        """Raise `InputError` unless `data` contains the images that the run was trained on."""
        summary = self.read_data_summary()
        if summary.get("sha256") != data.sha256():
            raise InputError(
                f"the images of {data.name} are not those that {self.directory} was trained on: "
                "restore them, pass their new location as ⟨dataset⟩, or start a new run"
            )
        for name, value in _size(data).items():
            if summary.get(name, value) != value:
                raise InputError(
                    f"{self.config_file} is damaged: {name} is {summary[name]}, but the images "
                    f"have {value}"
                )

    def write_config(self, config: FitConfig, data: ImageData) -> None:
        """Write settings, data summary and package versions."""
        content: dict[str, Any] = {
            "format": FORMAT,
            "settings": config.to_dict(),
            "data": {
                "name": data.name,
                **_size(data),
                "sha256": data.sha256(),
            },
            "versions": {
                "python": platform.python_version(),
                **{name: importlib.metadata.version(name) for name in VERSIONED_PACKAGES},
            },
        }
        # They are suggested on a terminal, which control characters would change.
        if names := [name for name in data.varied_attributes() if name.isprintable()]:
            content["data"]["attributes"] = names
        if data.files:
            columns = ("file", "bytes", "split")
            rows = (dict(zip(columns, file)) for file in data.files)
            write_csv(self.files_file, rows, columns, FILE_NAME_ERRORS)
        write_json(self.config_file, content)

    def read_files(self) -> Files | None:
        """The rows of `files.csv`, as `ImageData.files`; None without an image folder."""
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
        """Write all rows. Numbers are written with all digits."""
        self.check_in_place()
        # A run started by an older version may lack columns.
        columns = list(dict.fromkeys(name for row in rows for name in row))
        write_csv(self.history_file, rows, columns)

    def read_samples(
        self, until: int | None = None, shape: tuple[int, ...] | None = None
    ) -> dict[int, np.ndarray]:
        """The samples that `write_samples` wrote, up to an epoch.

        Args:
            until: The last epoch; None for all.
            shape: Required shape of the samples of an epoch, `(count, height, width, channels)`;
                None for any.

        Returns:
            Dictionary from epoch to a uint8 array `(count, height, width, channels)`; empty without
            a file, or, with a warning, for a damaged one, because no run depends on it.
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
            warn(f"{self.samples_file} is damaged: the samples of earlier epochs are omitted")
            return {}
        last = math.inf if until is None else until
        return {epoch: images for epoch, images in samples.items() if 1 <= epoch <= last}

    def write_samples(self, samples: dict[int, np.ndarray]) -> None:
        """Write samples of some epochs, a dictionary as `read_samples` returns it."""
        self.check_in_place()
        with replacing(self.samples_file) as path:
            np.savez_compressed(path, epochs=list(samples), images=np.stack(list(samples.values())))

    def read_metrics(self) -> dict[str, Any]:
        """The content of `metrics.json`; `InputError` if it is damaged."""
        metrics = read_json(self.metrics_file)
        losses = [metrics.get("train"), metrics.get("test")]
        variances = [metrics.get(name, 1) for name in ("implied_variance", "calibrated_variance")]
        epochs: Any = metrics.get("epochs")
        kept: Any = metrics.get("kept_epoch", 1)
        most = len(self.read_history()) or epochs  # a model may be given away without its history
        if (
            not all(map(_are_losses, losses))
            or len({*map(frozenset, losses)}) > 1  # type: ignore[arg-type]
            or not is_count(epochs)
            or not is_count(kept)
            or not kept <= epochs <= most
            or not all(is_number(value) and value > 0 for value in variances)
        ):
            raise InputError(
                f"{self.metrics_file} is damaged: restore it, or remove it and resume the run"
            )
        return metrics

    def read_evaluation(self) -> dict[str, Any]:
        """The content of `evaluation.json`; `InputError` if it is damaged."""
        try:
            found = read_json(self.evaluation_file)
            settings = found.get("settings", {})
            used = ("images", "seed", "importance_samples")
            if not isinstance(settings, dict) or not all(
                is_number(settings.get(name, 0)) for name in used
            ):
                raise InputError(f"{self.evaluation_file} is damaged: its settings are not numbers")
            return found
        except InputError as error:
            raise InputError(f"{error}; remove it and evaluate again") from None

    def clear(self) -> None:
        """Remove the files of an earlier run, and nothing else."""
        files, folders = self._places()
        # The settings are last: they mark a run, so an interrupted removal can be repeated.
        for path in (*files, *folders, self.config_file):
            remove(path)

    def locked(self, patience: float = 0) -> contextlib.AbstractContextManager[None]:
        """Hold the lock on the folder inside a `with` block, see `FolderLock.held`."""
        return self._lock.held(patience)

    def check_unlocked(self) -> None:
        """Raise `InputError` if another process uses the folder."""
        self._lock.check_free()

    def check_in_place(self) -> None:
        """Raise `MovedError` if the locked folder was renamed or removed."""
        self._lock.check_in_place()

    def remove_unfinished(self) -> None:
        """Remove the temporary paths that a killed process left."""
        for folder in (self.directory, self.checkpoints):
            remove_unfinished(folder)


def check_run(config: FitConfig, run: Run, resume: bool = False, overwrite: bool = False) -> None:
    """Raise `InputError` unless a run can be started or resumed in a folder.

    Args:
        config: `FitConfig`. To resume, it must equal the run's settings, except for more epochs and
            other locations of data and cache.
        run: `Run`.
        resume: Whether to resume the run in the folder.
        overwrite: Whether a run in the folder may be replaced.
    """
    run.check_unlocked()
    if not resume:
        run.check_startable(overwrite)
        return
    stored = run.read_config()
    run.check_places()
    if config.epochs < stored.epochs:
        raise InputError(
            f"epochs is {stored.epochs} in {run.config_file}, received {config.epochs}: a run "
            "cannot be shortened"
        )
    for name, (value, received) in stored.differences(config).items():
        if name not in PLACES:  # the digest of the images is checked instead
            raise InputError(
                f"{name} is {value!r} in {run.config_file}, received {received!r}: omit it, or "
                "start a new run"
            )


def _size(data: ImageData) -> dict[str, int | list[int]]:
    """The number and the shape of the images, as in a data summary."""
    return {
        "train_images": len(data.train_images),
        "test_images": len(data.test_images),
        "image_shape": list(data.image_shape),
    }


def _is_data_summary(data: Any) -> bool:
    """Whether this can be a data summary of `Run.write_config`."""
    if not isinstance(data, dict):
        return False
    shape = data.get("image_shape", [1, 1, 1])
    counts = [data.get(name, 1) for name in ("train_images", "test_images")]
    attributes = data.get("attributes", [])
    return (
        all(isinstance(data.get(name, ""), str) for name in ("name", "sha256"))
        and isinstance(attributes, list)
        and all(isinstance(name, str) and name.isprintable() for name in attributes)
        and isinstance(shape, list)
        and len(shape) == 3
        and all(map(is_count, (*shape, *counts)))
    )


def _are_losses(values: Any) -> bool:
    """Whether this is a dictionary of numbers with a loss."""
    return isinstance(values, dict) and "loss" in values and all(map(is_number, values.values()))
