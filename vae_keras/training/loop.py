"""Training: from settings to a trained, saved and exported model."""

import contextlib
import importlib.util
import math
import os
import shlex
from collections.abc import Iterator, Sequence
from typing import Any

import keras
import numpy as np

from vae_keras.backend.devices import distribution
from vae_keras.backend.precision import has_fast_bfloat16
from vae_keras.config import PLACES, FitConfig
from vae_keras.data.arrays import PASSED, as_image_data
from vae_keras.data.batches import ordered_batches, split_validation, training_batches
from vae_keras.data.images import ImageData
from vae_keras.data.sources import find_source, load_configured
from vae_keras.export.formats import check_formats, export_run
from vae_keras.likelihood import AUTO
from vae_keras.model import Autoencoder
from vae_keras.support.errors import InputError, UserError
from vae_keras.support.files import remove
from vae_keras.support.reporting import report, showing, warn
from vae_keras.support.signals import Interrupted, PendingSignal, deferred_signals
from vae_keras.support.start import check_backend
from vae_keras.training.build import build_model
from vae_keras.training.callbacks import (
    CollapseCheck,
    EpochNoise,
    Guard,
    KLWarmup,
    Progress,
    Recorder,
    SampleKeeper,
    Validation,
)
from vae_keras.training.checkpoints import BEST, restore_checkpoint, save_checkpoint
from vae_keras.training.lock import MovedError
from vae_keras.training.names import create_run, run_name
from vae_keras.training.requirements import check_requirements, test_batch_size
from vae_keras.training.run import Run, check_run
from vae_keras.training.saving import check_best, finish
from vae_keras.training.stopping import is_to_stop, kept_epoch

MOST_STEPS_AT_ONCE = 25
MOST_VALUES_AT_ONCE = 10_000_000  # pixels × channels of all images in these steps


def train(
    config: FitConfig,
    directory: str | os.PathLike | None = None,
    data: Any = None,
    resume: bool = False,
    overwrite: bool = False,
    tensorboard: bool = False,
    devices: int | str = 1,
    verbose: int = 1,
    test: Any = None,
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> Run:
    """Train a model and save everything about it in one folder.

    Every epoch ends with a checkpoint. A run that was stopped for any reason continues with
    `resume=True` and ends with the same weights as without interruption.

    Args:
        config: `FitConfig`.
        directory: Folder of the run; None for a new one in `saved_models/`.
        data: Training data: `ImageData`, an array of images, or a tuple of images and labels (see
            `vae_keras.data.arrays.as_images`); None to load `config.dataset`.
        resume: Resume the run in `directory`.
        overwrite: Replace the run in `directory`.
        tensorboard: Also write logs for TensorBoard.
        devices: Number of GPUs of this host that share every batch, or `"all"`; without GPUs, the
            CPU is used.
        verbose: 0 for warnings only; 1 for one line per epoch and, on a terminal or in a notebook,
            a progress bar.
        test: Test images for an array of training images, in the same form; None to hold out
            `config.test_fraction` of them. They are evaluated after every epoch.
        callbacks: Additional Keras callbacks. Checkpoints do not contain their state.

    Returns:
        The finished `Run`.

    Raises:
        InputError: If settings, data and folder do not fit together, or Keras is configured for
            a backend other than TensorFlow. No run is changed.
        DivergedError: If a loss is not finite. The last checkpoint is kept.
        KeyboardInterrupt: At Ctrl-C or SIGTERM, after at most 25 steps of training or of the test.
            The last checkpoint is kept.
    """
    check_backend()
    with showing(verbose):
        if data is not None:
            data = as_image_data(data, test, test_fraction=config.test_fraction)
            _check_shape(config, data)
            config = _name_data(config, data, Run(directory) if resume and directory else None)
        elif test is not None:
            raise InputError("⟨test⟩ needs ⟨data⟩: pass both, or neither")
        return _train(config, directory, data, resume, overwrite, tensorboard, devices, callbacks)


def _check_shape(config: FitConfig, data: ImageData) -> None:
    """Raise `InputError` if the given images do not have the shape in the settings."""
    height, width, channels = data.image_shape
    for name, wanted, given in (
        ("image_size", config.image_size, (height, width)),
        ("channels", config.channels, channels),
    ):
        if wanted not in (None, given):
            raise InputError(f"⟨{name}⟩ is {wanted}, but the given images have {given}")


def _name_data(config: FitConfig, data: ImageData, resumed: Run | None) -> FitConfig:
    """Settings whose `dataset` is the name of the given data.

    A resumed run keeps its name of the data; their digest is checked later.
    """
    if resumed is not None and resumed.exists:
        return config.replace(dataset=resumed.read_config().dataset)
    if data.name == find_source(config.dataset).name:
        return config
    return config.replace(dataset=f"{PASSED}{data.name.removeprefix(PASSED)}")


def _train(
    config: FitConfig,
    directory: str | os.PathLike | None,
    data: ImageData | None,
    resume: bool,
    overwrite: bool,
    tensorboard: bool,
    devices: int | str,
    extra_callbacks: Sequence[keras.callbacks.Callback],
) -> Run:
    check_formats(config.export)
    if directory is None and resume:
        raise InputError("nothing to resume: pass the ⟨directory⟩ of the run")
    run = None if directory is None else Run(directory)
    if run is not None:
        check_run(config, run, resume, overwrite)
        if resume and run.finished and _is_trained(run.read_config(), config):
            return _stay_finished(run, config, data)
    if tensorboard and importlib.util.find_spec("tensorboard") is None:
        raise InputError("TensorBoard is not installed: pip install tensorboard")
    if data is None:
        # The source makes a path absolute, so that the run can be resumed from another folder.
        config = config.replace(dataset=find_source(config.dataset).name)
        expected_files = run.read_files() if run is not None and resume else None
        data = load_configured(config, expected_files)
    data = data.head(config.max_train_images)
    fitted, _ = _split(config, data)
    check_requirements(config, data.image_shape, len(fitted), data.bytes_in_memory)
    if config.precision == "bfloat16" and not has_fast_bfloat16():
        warn("this processor has no bfloat16 instructions: float32 is faster here")
    strategy = distribution(devices)
    if config.batch_size % strategy.num_replicas_in_sync:
        raise InputError(
            f"⟨batch_size⟩ {config.batch_size} cannot be split among "
            f"{strategy.num_replicas_in_sync} devices: choose a multiple"
        )
    with strategy.scope():
        model = build_model(config, data.image_shape, strategy.num_replicas_in_sync > 1)
        # Built here, because restoring a checkpoint would build it outside of the scope.
        model.optimizer.build(model.trainable_variables)
    if run is None or not resume:
        run = create_run(directory, run_name(config))
    how_to_resume = _how_to_resume(run, tensorboard, devices)
    with how_to_resume, run.locked(), deferred_signals() as signals:
        if resume:
            rows = _restore(run, model, config, data)
        else:
            run.check_startable(overwrite)  # again: another process may have started a run
            run.clear()
            rows = []
        run.remove_unfinished()
        run.write_config(config, data)
        report(_first_lines(config, data, model, run))
        if rows:
            report(f"resuming after epoch {len(rows)}")
        _warn_of_blur(config, model)
        if not (rows and is_to_stop(rows, config)):
            _fit(model, config, data, run, rows, signals, tensorboard, extra_callbacks)
        finish(model, config, data, run, rows, signals)
    return run


def _is_trained(stored: FitConfig, config: FitConfig) -> bool:
    """Whether the settings of a finished run require no more training."""
    others = {name: getattr(config, name) for name in (*PLACES, "export")}
    return stored.replace(**others) == config


def _stay_finished(run: Run, config: FitConfig, data: ImageData | None) -> Run:
    """Return a finished run after checking new locations of its images and writing new exports."""
    stored = run.read_config()
    is_changed = stored != config
    if data is None and is_changed:
        data = load_configured(config, run.read_files())
    if data is not None:
        data = data.head(config.max_train_images)
        run.check_data(data)
        new = [name for name in config.export if name not in stored.export]
        if new:
            export_run(run, new)
        if is_changed:
            with run.locked():
                run.write_config(config, data)
    limits = "⟨epochs⟩ or ⟨early_stopping⟩" if config.early_stopping else "⟨epochs⟩"
    report(f"{run.directory} is finished: nothing to train. To continue, raise {limits}")
    return run


def _split(config: FitConfig, data: ImageData) -> tuple[np.ndarray, np.ndarray]:
    """Indices of the images to train on, and of those held out for validation."""
    if data.validation_images is None:
        return split_validation(len(data.train_images), config.held_out)
    if config.validation_fraction is not None:
        raise InputError(f"{data.name} has its own validation images: omit ⟨validation_fraction⟩")
    return split_validation(len(data.train_images), 0)


def _first_lines(config: FitConfig, data: ImageData, model: Autoencoder, run: Run) -> str:
    """The messages at the start: the data, the model and the folder."""
    fitted, held_out = _split(config, data)
    count = len(held_out) if data.validation_images is None else len(data.validation_images)
    validation = f", {count:,} validation" if count else ""
    text = (
        f"{data.name}: {len(fitted):,} training{validation} and {len(data.test_images):,} test "
        f"images of {'×'.join(map(str, data.image_shape))}; {config.model} with "
        f"{model.count_params():,} parameters\nrun folder: {run.directory}"
    )
    if config.reconstruction_weight == AUTO:
        return f"{text}\nreconstruction weight: auto (Gaussian decoder with automatic variance)"
    return text


def _warn_of_blur(config: FitConfig, model: Autoencoder) -> None:
    """Warn about a fixed weight that implies larger errors than pixels can have."""
    if config.reconstruction_weight != AUTO and model.variance is not None and model.variance > 1:
        warn(
            f"a reconstruction weight of {config.reconstruction_weight:g} implies a standard "
            f"deviation of {math.sqrt(model.variance):.1f} for pixels between 0 and 1: expect "
            "blurred images; try ⟨reconstruction_weight⟩ auto"
        )


@contextlib.contextmanager
def _how_to_resume(run: Run, tensorboard: bool, devices: int | str) -> Iterator[None]:
    """Add the command that resumes the run to an error that ends the block."""
    try:
        yield
    except (Exception, Interrupted) as error:
        # Invalid input and a diverged loss would also end a resumed run.
        if isinstance(error, MovedError) or not isinstance(error, UserError):
            command = ["python", "-m", "vae_keras.fit", "--resume", str(run.directory)]
            command += ["--tensorboard"] * tensorboard
            command += ["--devices", str(devices)] * (devices != 1)
            error.add_note(f"resume with: {shlex.join(command)}")
        raise


def _restore(
    run: Run, model: Autoencoder, config: FitConfig, data: ImageData
) -> list[dict[str, Any]]:
    """Load the last checkpoint into `model`; return the history up to its epoch."""
    run.check_data(data)
    identity = run.identity(config)
    epoch = restore_checkpoint(model, run.checkpoints, identity=identity)
    rows = run.read_history()
    # The history is one epoch ahead if the process was killed before the checkpoint.
    if not epoch and (run.finished or len(rows) > 1):
        raise InputError(
            f"{run.checkpoints} has no valid checkpoint: restore one, or restart the run with "
            "⟨overwrite⟩"
        )
    if len(rows) < epoch:
        raise InputError(
            f"{run.history_file} has {len(rows)} rows, but the checkpoint is of epoch {epoch}: "
            f"restore {run.history_file.name}, or restart the run with ⟨overwrite⟩"
        )
    rows = rows[:epoch]
    has_validation = config.held_out > 0 or data.validation_images is not None
    _check_columns(run, rows, model, has_validation)
    if rows and (kept := kept_epoch(rows, config)) < epoch:
        check_best(model, run, kept, config)  # before any file changes
    elif rows and config.keep == "best":  # the file of these weights may be damaged
        save_checkpoint(model, run.checkpoints, epoch, BEST, identity)
    for path in (run.metrics_file, run.evaluation_file, run.attributes):
        remove(path)
    return rows


def _check_columns(
    run: Run, rows: Sequence[dict[str, Any]], model: Autoencoder, has_validation: bool
) -> None:
    """Raise `InputError` if a history lacks numbers that the rest of the run needs."""
    losses = ["loss", *model.term_names] + (["mse"] if model.likelihood is not None else [])
    needed = ["seconds", *losses, *(f"val_{name}" for name in losses)]
    if has_validation:
        needed += ["validation_loss"] + (["validation_mse"] if model.likelihood is not None else [])
    for row in rows:
        for name in needed:
            if name not in row:
                raise InputError(
                    f"{run.history_file} is damaged: epoch {row['epoch']} has no {name}. Restore "
                    "it, or restart the run with ⟨overwrite⟩"
                )


def _fit(
    model: Autoencoder,
    config: FitConfig,
    data: ImageData,
    run: Run,
    rows: list[dict[str, Any]],
    signals: PendingSignal,
    tensorboard: bool,
    extra_callbacks: Sequence[keras.callbacks.Callback],
) -> None:
    fitted, held_out = _split(config, data)
    steps_per_epoch = -(-len(fitted) // config.batch_size)
    devices = model.distribute_strategy.num_replicas_in_sync
    # Keras needs a first batch that can be split evenly among the devices.
    test_size = min(test_batch_size(config, data.image_shape), len(data.test_images))
    test_size = max(devices, test_size // devices * devices)
    if devices == 1:  # TensorFlow cannot gather among devices within Keras's loop over steps
        largest_batch = max(config.batch_size, test_size)
        model.steps_per_execution = steps_at_once(steps_per_epoch, largest_batch, data.image_shape)
    progress = Progress(rows, config.epochs, steps_per_epoch)
    guard = Guard(signals)
    callbacks = [
        EpochNoise(config.seed),
        keras.callbacks.LearningRateScheduler(
            lambda epoch, _: config.learning_rate * config.lr_decay**epoch
        ),
        guard,
    ]
    if config.kl_warmup:
        callbacks.append(KLWarmup(config))
    batches = None
    if data.validation_images is not None:
        batches = ordered_batches(data.validation_images, test_size)
    elif len(held_out):
        batches = ordered_batches(data.train_images, test_size, held_out)
    if batches is not None:
        callbacks.append(Validation(batches, config.seed, guard))
    if model.has_prior:
        callbacks.append(SampleKeeper(run, config.seed, len(rows)))
        callbacks.append(CollapseCheck(data.train_images, config))
    callbacks += [Recorder(run, rows, config), progress, *extra_callbacks]
    if tensorboard:
        callbacks.append(keras.callbacks.TensorBoard(run.tensorboard))
    try:
        model.fit(
            training_batches(
                data.train_images,
                config.batch_size,
                config.seed,
                len(rows),
                fitted if len(held_out) else None,
            ),
            initial_epoch=len(rows),
            epochs=config.epochs,
            steps_per_epoch=steps_per_epoch,
            validation_data=ordered_batches(data.test_images, test_size),
            callbacks=callbacks,
            shuffle=False,  # training_batches shuffles
            verbose=0,
        )
    finally:
        progress.close()


def steps_at_once(steps_per_epoch: int, batch_size: int, image_shape: Sequence[int]) -> int:
    """Number of steps that TensorFlow runs before it returns to Python and to the callbacks.

    Returning after every step slows small networks down. For large images, the number is small, so
    that signals are handled soon. It divides the steps of an epoch, because Keras would otherwise
    overrun the end of the epoch.

    Args:
        steps_per_epoch: Steps in an epoch of training.
        batch_size: Images in a step of training or of the test, whichever has more: Keras uses the
            same number of steps in both.
        image_shape: Tuple `(height, width, channels)`.

    Returns:
        Integer, a divisor of `steps_per_epoch`.
    """
    most = min(MOST_STEPS_AT_ONCE, MOST_VALUES_AT_ONCE // (batch_size * math.prod(image_shape)))
    return max((steps for steps in range(1, most + 1) if steps_per_epoch % steps == 0), default=1)
