"""The runs of a study: planning, checks, training and collection."""

import asyncio
import contextlib
import csv
import dataclasses
import importlib.util
import io
import re
import threading
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from vae_keras.config import MODELS, DataSettings, FitConfig
from vae_keras.data.sources import find_source
from vae_keras.study.definition import (
    OUTPUTS,
    RUNS,
    SEED,
    TEST,
    TRAIN,
    Study,
    check_outputs,
    within,
)
from vae_keras.study.job import STOPPED, is_finished, run_job
from vae_keras.support.errors import InputError, check_name
from vae_keras.support.files import MOST_ARRAY_BYTES, absolute, read_file
from vae_keras.support.reporting import progress_bar, report
from vae_keras.support.signals import PendingSignal, deferred_signals
from vae_keras.support.start import load
from vae_keras.training.names import create_run
from vae_keras.training.requirements import check_requirements
from vae_keras.training.run import Run

if TYPE_CHECKING:
    from vae_keras.study.table import RunTable

POLL = 0.5  # seconds
SCHEDULER_TIMEOUT = 10  # seconds
MARKER = ".running"


@dataclasses.dataclass(frozen=True)
class PlannedRun:
    """One run of a study: a variant with a seed."""

    variant: str
    seed: int
    run: Run
    config: FitConfig

    @property
    def name(self) -> str:
        return f"{self.variant}/seed-{self.seed}"

    @property
    def finished(self) -> bool:
        return is_finished(self.run, self.config)

    @property
    def epochs(self) -> int:
        """Number of finished epochs, at most that of the settings."""
        return min(len(self.run.read_history()), self.config.epochs)


def plan_runs(
    study: Study, directory: str | Path, dataset: str, seeds: int, **settings: Any
) -> list[PlannedRun]:
    """All runs of a study, seed by seed, so that variants can be compared early.

    Args:
        study: The study.
        directory: Folder of the study, with runs in `<variant>/seed-<n>`.
        dataset: Name of the data set.
        seeds: Number of seeds, counted from 0; seeds of existing runs are added.
        **settings: Fields of `FitConfig` that override the study's own.
    """
    directory = Path(directory).absolute()
    present = [path.name for name in study.variants for path in (directory / name).glob("seed-*")]
    found = filter(SEED.fullmatch, (name.removeprefix("seed-") for name in present))
    all_seeds = {*range(seeds), *map(int, found)}
    return [
        PlannedRun(variant, seed, Run(directory / variant / f"seed-{seed}"), config)
        for seed in sorted(all_seeds)
        for variant, config in study.configs(dataset, seed, **settings).items()
    ]


def check_directory(study: Study, directory: str | Path) -> None:
    """Raise `InputError` if a folder contains anything but this study. Changes nothing."""
    absolute(directory)  # raises for an unexpanded ~
    directory = Path(directory)
    if not directory.is_dir():
        return
    names = {path.name for path in directory.iterdir() if path.name[0] != "."}
    if RUNS in names:
        text = read_file(directory / RUNS, MOST_ARRAY_BYTES).decode(errors="replace")
        other = _study_of(text)
        if other not in (study.name, None):
            raise InputError(
                f"{directory} contains the study {other!r}, not {study.name!r}: "
                "choose another --directory"
            )
    elif foreign := names - set(study.variants) - set(OUTPUTS):
        raise InputError(
            f"{directory} contains {min(foreign)} and is not a study: choose another --directory"
        )
    check_outputs(directory)


def _study_of(text: str) -> str | None:
    """The study of a table as text; None if the text is not a table."""
    with contextlib.suppress(csv.Error):
        return next(csv.DictReader(io.StringIO(text, newline="")), {}).get("study")
    return None


def check_columns(study: Study, configs: Iterable[FitConfig]) -> None:
    """Raise `InputError` if a claim names a column that no run of the study will have."""
    named = {column for claim in study.claims for pair in claim.below for _, column in pair}
    if named <= {TRAIN, TEST}:  # every model has them; other columns require Keras
        return
    models = load("vae_keras.model")
    terms = {term for each in configs for term in getattr(models, MODELS[each.model]).term_names}
    known = [f"{split}{term}" for split in ("", "val_") for term in ("loss", *sorted(terms))]
    for column in sorted(named):
        check_name("column", column, known)


def check_runs(planned: Sequence[PlannedRun], training: bool = True) -> None:
    """Raise `InputError` unless every existing run can be part of the study.

    A run must have the study's settings. To be trained further, it must have its checkpoints, and
    no other process may use it. Changes nothing.

    Args:
        planned: Runs of the study.
        training: Whether the runs will be trained, or only reported.
    """
    digests: dict[str | None, Path] = {}
    for item in planned:
        run, config = item.run, item.config
        if not run.exists:
            if training:
                run.check_startable()
            continue
        stored = run.read_config()
        for name, (value, wanted) in stored.differences(config).items():
            raise InputError(
                f"{run.directory} has {name} {value!r}, but the study has {wanted!r}: "
                "choose another --directory"
            )
        if stored.epochs > config.epochs:
            raise InputError(
                f"{run.directory} has epochs {stored.epochs}, but the study has {config.epochs}: "
                "a study cannot be shortened"
            )
        digests.setdefault(run.read_data_summary().get("sha256"), run.directory)
        if len(digests) > 1:
            first, second = digests.values()
            raise InputError(
                f"{first} and {second} were trained on different images: choose another --directory"
            )
        epochs = item.epochs  # of all runs, so that a damaged history is found here
        if item.finished or not training:
            continue
        run.check_unlocked()
        run.check_places()
        if (run.finished or epochs > 1) and not run.checkpoints.is_dir():
            raise InputError(
                f"{run.directory} has {epochs} of {config.epochs} epochs and no checkpoint: "
                "restore its checkpoints, or choose another --directory"
            )


def check_trainable(planned: Sequence[PlannedRun]) -> None:
    """Raise `InputError` unless the unfinished runs fit their images and this machine.

    Decodes no image, imports no TensorFlow and changes nothing.
    """
    # The requirements of a run do not depend on its seed.
    configs = {item.variant: item.config for item in planned if not item.finished}
    found: dict[DataSettings, Any] = {}
    for variant, config in configs.items():
        names = (field.name for field in dataclasses.fields(DataSettings))
        settings = DataSettings(**{name: getattr(config, name) for name in names})
        with within(f"variant {variant!r}"):
            if settings not in found:
                found[settings] = find_source(config.dataset).inspect(settings)
            shape, train_images = found[settings]
            if shape is not None:
                check_requirements(config, shape, train_images)
    shapes = sorted({shape for shape, _ in found.values() if shape is not None})
    if len(shapes) > 1:
        raise InputError(
            f"the variants have images of different shapes, {shapes[0]} and {shapes[1]}: set "
            "image_size for all of them"
        )


def collect(study: Study, planned: Sequence[PlannedRun]) -> "RunTable | None":
    """The existing histories as a `RunTable`; None if no run has an epoch."""
    from vae_keras.study.table import RunTable  # imports SciPy, only after arguments are checked

    runs: dict[str, dict[int, list[dict[str, float]]]] = {}
    for variant in study.variants:
        for item in planned:
            rows = item.run.read_history() if item.variant == variant and item.run.exists else []
            if rows:
                runs.setdefault(variant, {})[item.seed] = rows[: item.config.epochs]
    if not runs:
        return None
    config = planned[0].config
    part = f"[:{config.max_train_images}]" if config.max_train_images else ""
    return RunTable(study.name, config.dataset + part, study.reference, runs)


def train_runs(
    planned: Sequence[PlannedRun], directory: str | Path, jobs: int, scheduler: str | None = None
) -> dict[str, str]:
    """Train the unfinished runs, several at a time, each in its own process.

    Args:
        planned: Runs of the study, of which some may be finished.
        directory: Folder of the study, created if it is missing.
        jobs: Runs at a time on this machine; −1 for the number of cores.
        scheduler: Address of a Dask scheduler whose workers train instead; they must share the
            folder.

    Returns:
        Dictionary from the names of runs that cannot be finished to the reason.

    Raises:
        InputError: If another process uses the folder, or Dask cannot be used.
        MovedError: If the folder was renamed or removed.
        Interrupted: At Ctrl-C or SIGTERM, after all training runs have stopped.
    """
    with _joblib_backend(min(jobs, len(planned)), scheduler) as run_all:
        directory = create_run(Path(directory).absolute()).directory
        folder = Run(directory)
        with folder.locked(), deferred_signals() as signals:
            todo = [item for item in planned if not item.finished]
            with _marker(directory) as (marker, token), _Progress(planned, signals, marker):
                outcomes = run_all(
                    (str(item.run.directory), item.config.to_dict(), marker, token) for item in todo
                )
            signals.check()
            folder.check_in_place()
    lost = f"it did not find {marker}: every worker needs access to the folder of the study"
    return {
        item.name: lost if outcome == STOPPED else outcome
        for item, outcome in zip(todo, outcomes)
        if outcome is not None
    }


@contextlib.contextmanager
def _joblib_backend(jobs: int, scheduler: str | None) -> Iterator[Callable]:
    """Yields a function that calls `run_job` with each of several tuples of arguments."""
    import joblib

    def run_all(arguments: Iterable[tuple]) -> list[str | None]:
        try:
            return joblib.Parallel(batch_size=1)(
                joblib.delayed(run_job)(*each) for each in arguments
            )
        except TimeoutError:
            raise InputError(
                f"no worker at the scheduler {scheduler}: start one with dask worker {scheduler}"
            ) from None
        except Exception as error:  # a worker without this package, or killed repeatedly
            if scheduler is None:
                raise
            reason = str(error).strip().partition("\n")[0]
            raise InputError(
                f"the workers of {scheduler} failed: {type(error).__name__}: {reason}"
            ) from None

    if scheduler is None:
        # Threads suffice to wait for processes, and need no cleanup.
        with joblib.parallel_config("threading", n_jobs=jobs):
            yield run_all
    else:
        with _dask_client(scheduler) as client, joblib.parallel_config("dask", client=client):
            yield run_all


def check_dask(scheduler: str) -> None:
    """Raise `InputError` unless Dask is installed and the address is valid."""
    if importlib.util.find_spec("distributed") is None:
        raise InputError("Dask is not installed: pip install distributed")
    if not re.fullmatch(r"\w+://\S+:\d+", scheduler):
        raise InputError(f"--scheduler must be like tcp://HOST:PORT, received {scheduler!r}")


def _dask_client(scheduler: str) -> Any:
    from distributed import Client
    from distributed.core import connect

    async def check_answer() -> None:
        async with asyncio.timeout(SCHEDULER_TIMEOUT):
            connection = await connect(scheduler)
        connection.abort()

    try:
        # A client waits forever for a scheduler that accepts its connection and does not answer.
        asyncio.run(check_answer())
        return Client(scheduler, timeout=SCHEDULER_TIMEOUT, set_as_default=False)
    except TimeoutError:
        raise InputError(
            f"no Dask scheduler answers at {scheduler} within {SCHEDULER_TIMEOUT} seconds"
        ) from None
    except (OSError, ValueError) as error:
        reason = str(error).strip().splitlines()[0]
        raise InputError(f"no Dask scheduler answers at {scheduler}: {reason}") from None


@contextlib.contextmanager
def _marker(directory: Path) -> Iterator[tuple[str, str]]:
    """A file that shows the jobs, on any machine, that their study is still running."""
    marker, token = directory / MARKER, uuid.uuid4().hex
    marker.write_text(token)
    try:
        yield str(marker), token
    finally:
        marker.unlink(missing_ok=True)


class _Progress:
    """A bar over all epochs of all runs, and one line for each finished run.

    It reads the files of the runs, and therefore includes runs on other machines.
    """

    def __init__(self, planned: Sequence[PlannedRun], signals: PendingSignal, marker: str) -> None:
        self._planned = planned
        self._signals = signals
        self._marker = Path(marker)
        self._ended = threading.Event()
        self._error: OSError | None = None

    def __enter__(self) -> Self:
        self._finished = {item.name for item in self._planned if item.finished}
        self._epochs = {item.name: item.epochs for item in self._planned if item.run.exists}
        self._bar = progress_bar(
            total=sum(item.config.epochs for item in self._planned),
            initial=sum(self._epochs.values()),
            unit="epoch",
            smoothing=0,  # the overall mean, because several epochs end at the same time
        )
        self._describe()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()
        try:
            if self._error is not None:
                raise self._error
            self._look()
        finally:
            self._bar.close()

    def _watch(self) -> None:
        try:
            while not self._ended.wait(POLL):
                if self._signals.number is not None and self._marker.exists():
                    self._marker.unlink(missing_ok=True)
                    report("stopping: every training finishes its current steps")
                self._look()
        except OSError as error:  # the output is closed, or its disk is full
            self._error = error
            self._marker.unlink(missing_ok=True)

    def _look(self) -> None:
        for item in self._planned:
            if item.name in self._finished:
                continue
            with contextlib.suppress(InputError, OSError, LookupError):  # files may be changing
                self._epochs[item.name] = item.epochs
                if item.finished:
                    self._finished.add(item.name)
                    report(self._line(item))
        self._bar.n = sum(self._epochs.values())
        self._describe()

    def _describe(self) -> None:
        self._bar.set_description(f"{len(self._finished)}/{len(self._planned)} runs", refresh=False)
        self._bar.refresh()

    def _line(self, item: PlannedRun) -> str:
        loss = item.run.read_history()[-1]["val_loss"]
        return (
            f"{len(self._finished)}/{len(self._planned)} runs   {item.name}   "
            f"test loss {loss:.2f} after {item.config.epochs} epochs"
        )
