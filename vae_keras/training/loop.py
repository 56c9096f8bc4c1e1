"""The one path from settings to a trained, saved and exported model."""

import contextlib
import importlib.util
import math
import os
from collections.abc import Iterator, Sequence
from typing import Any

import keras

from vae_keras.backend.devices import distribution, unshared
from vae_keras.backend.precision import has_fast_bfloat16
from vae_keras.config import FitConfig
from vae_keras.data.batches import ordered_batches, training_batches
from vae_keras.data.images import ImageData
from vae_keras.data.sources import load_configured
from vae_keras.likelihood import elbo, implied_variance
from vae_keras.model import Autoencoder
from vae_keras.support.errors import InputError
from vae_keras.support.files import remove, replacing, write_json
from vae_keras.support.reporting import report, showing, warn
from vae_keras.support.signals import Interrupted, PendingSignal, deferred_signals
from vae_keras.support.start import check_backend
from vae_keras.support.terms import loss_columns
from vae_keras.training.build import build_model
from vae_keras.training.callbacks import EpochNoise, Guard, Progress, Recorder, SampleKeeper
from vae_keras.training.checkpoints import restore_checkpoint
from vae_keras.training.figures import save_figures
from vae_keras.training.run import Run, check_run, create_run, run_name

TEST_BATCH_SIZE = 500
MOST_STEPS_AT_ONCE = 25
MOST_VALUES_AT_ONCE = 10_000_000  # pixels × channels of all images in these steps


def train(
    config: FitConfig,
    directory: str | os.PathLike | None = None,
    data: ImageData | None = None,
    resume: bool = False,
    overwrite: bool = False,
    tensorboard: bool = False,
    devices: int | str = 1,
    verbose: int = 1,
) -> Run:
    """Train a model and keep everything about it in one folder.

    Every epoch ends with a checkpoint. A run that was stopped, in whatever way, goes
    on with `resume=True` and ends with the weights that it would have had anyway.

    Args:
        config: `FitConfig`.
        directory: Folder of the run; None for a new one in `saved_models/`.
        data: `ImageData` to train on; None to load what `config.dataset` names.
        resume: Go on with the run in `directory`.
        overwrite: Replace the run in `directory`.
        tensorboard: Also write logs for TensorBoard.
        devices: GPUs of this host to share every batch, a number or `"all"`; without
            GPUs, the CPU.
        verbose: 0 for silence, 1 for one line per epoch and, on a terminal, a progress bar.

    Returns:
        The finished `Run`.

    Raises:
        InputError: If settings, data and folder do not fit together, or Keras is configured for
            another backend than TensorFlow; no run is changed then.
        DivergedError: If a loss is no longer finite; the last checkpoint stays.
        Interrupted: At Ctrl-C or SIGTERM, after at most 25 steps of training or of the test;
            the last checkpoint stays.
    """
    check_backend()
    with showing(verbose):
        return _train(config, directory, data, resume, overwrite, tensorboard, devices)


def _train(
    config: FitConfig,
    directory: str | os.PathLike | None,
    data: ImageData | None,
    resume: bool,
    overwrite: bool,
    tensorboard: bool,
    devices: int | str,
) -> Run:
    if directory is None and resume:
        raise InputError("nothing to resume: name the ⟨directory⟩ of the run")
    run = None if directory is None else Run(directory)
    if run is not None:
        check_run(config, run, resume, overwrite)
        if resume and run.finished and run.read_config() == config:
            return run
    if tensorboard and importlib.util.find_spec("tensorboard") is None:
        raise InputError("TensorBoard is not installed: pip install tensorboard")
    if data is None:
        expected_files = run.read_files() if run is not None and resume else None
        data = load_configured(config, expected_files).head(config.max_train_images)
    if len(data.train_images) < config.batch_size:
        raise InputError(
            f"{len(data.train_images)} training images are fewer than one batch of "
            f"{config.batch_size}: choose a smaller ⟨batch_size⟩"
        )
    if config.precision == "bfloat16" and not has_fast_bfloat16():
        warn("this processor has no bfloat16 instructions: float32 is faster here")
    strategy = distribution(devices)
    if config.batch_size % strategy.num_replicas_in_sync:
        raise InputError(
            f"⟨batch_size⟩ {config.batch_size} cannot be shared by {strategy.num_replicas_in_sync} "
            "devices: choose a multiple"
        )
    with strategy.scope():
        several_devices = strategy.num_replicas_in_sync > 1
        model = build_model(config, data.image_shape, several_devices)
    if run is None or not resume:
        run = create_run(directory, run_name(config))
    with run.locked(), deferred_signals() as signals, _how_to_resume(run):
        if resume:
            rows = _restore(run, model, config, data)
        else:
            run.check_startable(overwrite)  # again: another process may have been faster
            run.clear()
            rows = []
        run.remove_unfinished()
        run.write_config(config, data)
        report(
            f"{data.name}: {len(data.train_images):,} training and {len(data.test_images):,} test "
            f"images of {'×'.join(map(str, data.image_shape))}; {config.model} with "
            f"{model.count_params():,} parameters\nrun folder: {run.directory}"
        )
        _fit(model, config, data, run, rows, signals, tensorboard)
        _finish(unshared(model), config, data, run, rows, signals)
    return run


@contextlib.contextmanager
def _how_to_resume(run: Run) -> Iterator[None]:
    """Tell an error that ends the block how the run goes on."""
    try:
        yield
    except (Exception, Interrupted) as error:
        error.add_note(f"go on with: python -m vae_keras.fit --resume {run.directory}")
        raise


def _restore(
    run: Run, model: Autoencoder, config: FitConfig, data: ImageData
) -> list[dict[str, Any]]:
    """Bring `model` to the last checkpoint; return the history up to there."""
    run.check_data(data)
    epoch = restore_checkpoint(model, run.checkpoints)
    rows = run.read_history()
    # The history may be one epoch ahead, had the process been killed before its checkpoint.
    if not epoch and (run.finished or len(rows) > 1):
        raise InputError(
            f"{run.checkpoints} holds no whole checkpoint to go on from: restore one, or start the "
            "run again with ⟨overwrite⟩"
        )
    if len(rows) < epoch:
        raise InputError(
            f"{run.history_file} has {len(rows)} rows but the checkpoint is of epoch {epoch}: "
            "restore it, or start the run again with ⟨overwrite⟩"
        )
    run.metrics_file.unlink(missing_ok=True)
    run.evaluation_file.unlink(missing_ok=True)
    remove(run.attributes)
    return rows[:epoch]


def _fit(
    model: Autoencoder,
    config: FitConfig,
    data: ImageData,
    run: Run,
    rows: list[dict[str, Any]],
    signals: PendingSignal,
    tensorboard: bool,
) -> None:
    steps_per_epoch = -(-len(data.train_images) // config.batch_size)
    devices = model.distribute_strategy.num_replicas_in_sync
    # Keras wants a first batch that its devices can share evenly.
    test_batch_size = max(devices, min(TEST_BATCH_SIZE, len(data.test_images)) // devices * devices)
    if devices == 1:  # TensorFlow cannot gather among devices within Keras's loop over steps
        largest_batch = max(config.batch_size, test_batch_size)
        model.steps_per_execution = steps_at_once(steps_per_epoch, largest_batch, data.image_shape)
    progress = Progress(rows, config.epochs, steps_per_epoch)
    callbacks = [
        EpochNoise(config.seed),
        keras.callbacks.LearningRateScheduler(
            lambda epoch, _: config.learning_rate * config.lr_decay**epoch
        ),
        Guard(signals),
        *([SampleKeeper(run, config.seed, len(rows))] if model.has_prior else []),
        Recorder(run, rows),
        progress,
    ]
    if tensorboard:
        callbacks.append(keras.callbacks.TensorBoard(run.tensorboard))
    try:
        model.fit(
            training_batches(data.train_images, config.batch_size, config.seed, len(rows)),
            initial_epoch=len(rows),
            epochs=config.epochs,
            steps_per_epoch=steps_per_epoch,
            validation_data=ordered_batches(data.test_images, test_batch_size),
            callbacks=callbacks,
            shuffle=False,  # the data set does it
            verbose=0,
        )
    finally:
        progress.close()


def steps_at_once(steps_per_epoch: int, batch_size: int, image_shape: Sequence[int]) -> int:
    """How many steps TensorFlow takes before it comes back to Python and to the callbacks.

    Coming back after every step slows small networks down. Large images are taken in few steps at
    once, or one, so that a signal need not wait. Keras would
    overrun the end of an epoch whose steps are not shared out evenly.

    Args:
        steps_per_epoch: Steps in an epoch of training.
        batch_size: Images in a step of training or of the test, whichever has more: Keras takes
            as many at once in both.
        image_shape: Tuple `(height, width, channels)`.

    Returns:
        Integer, a divisor of `steps_per_epoch`.
    """
    most = min(MOST_STEPS_AT_ONCE, MOST_VALUES_AT_ONCE // (batch_size * math.prod(image_shape)))
    return max((steps for steps in range(1, most + 1) if steps_per_epoch % steps == 0), default=1)


def _finish(
    model: Autoencoder,
    config: FitConfig,
    data: ImageData,
    run: Run,
    rows: list[dict[str, Any]],
    signals: PendingSignal,
) -> None:
    """Save, export and draw the trained model; the metrics come last and mean that all is there."""
    signals.check()
    with replacing(run.model_file) as path:
        model.save(path)
    signals.check()
    if keras.backend.backend() == "tensorflow":
        from vae_keras.export.saved_model import export_saved_model

        with replacing(run.saved_model) as path:
            export_saved_model(model, path)
        signals.check()
    with replacing(run.figures) as path:
        save_figures(path, model, data, rows, run.read_samples(), config.seed)
    signals.check()
    write_json(run.metrics_file, final_metrics(config, data, rows, model.count_params()))


def final_metrics(
    config: FitConfig, data: ImageData, rows: list[dict[str, Any]], parameters: int
) -> dict[str, Any]:
    """Losses of the last epoch, and what they mean in nats.

    Args:
        config: `FitConfig`.
        data: `ImageData`.
        rows: The history.
        parameters: Number of parameters of the model.

    Returns:
        Dictionary with `train` and `test` (each `loss`, `reconstruction_loss`, and for a
        VAE `kl_loss` in nats and `elbo` in nats per image), `epochs`, `parameters`,
        `seconds`, and `implied_variance` where the error is squared.
    """
    last = rows[-1]
    pixels = int(data.image_shape[0] * data.image_shape[1] * data.image_shape[2])
    metrics = {
        "epochs": last["epoch"],
        "seconds": round(sum(row["seconds"] for row in rows), 3),
        "parameters": parameters,
    }
    if config.reconstruction == "mse":
        metrics["implied_variance"] = implied_variance(config.reconstruction_weight, pixels)
    for split, prefix in (("train", ""), ("test", "val_")):
        terms = {name: last[f"{prefix}{name}"] for name in loss_columns(last)}
        if "kl_loss" in terms:
            terms["elbo"] = elbo(
                config.reconstruction,
                terms["reconstruction_loss"],
                terms["kl_loss"],
                config.reconstruction_weight,
                pixels,
            )
        metrics[split] = terms
    return metrics
