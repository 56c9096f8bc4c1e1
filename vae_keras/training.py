"""The one path from settings to a trained, saved and exported model."""

import contextlib
import importlib.util
import math
import sys

import keras

from vae_keras.callbacks import EpochNoise, Guard, Progress, Recorder, SampleKeeper
from vae_keras.checkpoints import restore_checkpoint
from vae_keras.data import load_configured, ordered_batches, training_batches
from vae_keras.errors import InputError
from vae_keras.files import remove, replacing
from vae_keras.losses import elbo, implied_variance
from vae_keras.model import VAE, Autoencoder
from vae_keras.networks import build_decoder, build_encoder
from vae_keras.report import save_figures
from vae_keras.runs import Run, check_run, create_run, run_name, write_json
from vae_keras.signals import Interrupted, deferred_signals

TEST_BATCH_SIZE = 500
MOST_STEPS_AT_ONCE = 25
MOST_VALUES_AT_ONCE = 10_000_000  # pixels × channels of all images in these steps


def build_model(config, image_shape):
    """The model that the settings describe, compiled with Adam.

    Args:
        config: `FitConfig`.
        image_shape: Tuple `(height, width, channels)`.

    Returns:
        `VAE` or `Autoencoder`. Its initial weights follow from `config.seed`.

    Raises:
        InputError: If the strides cannot rebuild images of this shape.
    """
    common = {
        "image_shape": image_shape,
        "latent_dim": config.latent_dim,
        "kernel_size": config.kernel_size,
        "normalization": config.normalization,
        "normalization_position": config.normalization_position,
        "dropout": config.dropout,
        "seed": config.seed,
    }
    encoder = build_encoder(
        filters=config.encoder_filters,
        strides=config.encoder_strides,
        outputs=("mean", "log_var") if config.model == "vae" else ("z",),
        activation=config.encoder_activation or config.activation,
        **common,
    )
    decoder = build_decoder(
        filters=config.decoder_filters,
        strides=config.decoder_strides,
        activation=config.decoder_activation or config.activation,
        first_filters=config.encoder_filters[-1],
        dense_activation=config.decoder_dense_activation,
        output_layer=config.decoder_output_layer,
        **common,
    )
    loss = {
        "reconstruction": config.reconstruction,
        "reconstruction_weight": config.reconstruction_weight,
    }
    if config.model == "vae":
        model = VAE(
            encoder, decoder, **loss, kl_weight=config.kl_weight, seed=config.seed, name="vae"
        )
    else:
        model = Autoencoder(encoder, decoder, **loss, name="autoencoder")
    model.compile(optimizer=keras.optimizers.Adam(config.learning_rate))
    return model


def train(
    config,
    directory=None,
    data=None,
    resume=False,
    overwrite=False,
    tensorboard=False,
    devices=1,
):
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

    Returns:
        The finished `Run`.

    Raises:
        InputError: If settings, data and folder do not fit together; no run is changed then.
        DivergedError: If a loss is no longer finite; the last checkpoint stays.
        Interrupted: At Ctrl-C or SIGTERM, after at most 25 steps of training or of the test;
            the last checkpoint stays.
    """
    if directory is not None:
        check_run(config, Run(directory), resume, overwrite)
    elif resume:
        raise InputError("nothing to resume: name the folder of the run")
    if resume and Run(directory).finished and Run(directory).read_config() == config:
        return Run(directory)
    if tensorboard and importlib.util.find_spec("tensorboard") is None:
        raise InputError("TensorBoard is not installed: pip install tensorboard")
    if data is None:
        expected_files = Run(directory).read_files() if resume else None
        data = load_configured(config, expected_files).head(config.max_train_images)
    if len(data.train_images) < config.batch_size:
        raise InputError(
            f"{len(data.train_images)} training images are fewer than one batch of "
            f"{config.batch_size}: choose a smaller --batch-size"
        )
    strategy = distribution(devices)
    if config.batch_size % strategy.num_replicas_in_sync:
        raise InputError(
            f"batch_size {config.batch_size} cannot be shared by {strategy.num_replicas_in_sync} "
            "devices: choose a multiple"
        )
    with strategy.scope():
        model = build_model(config, data.image_shape)
    run = Run(directory) if resume else create_run(directory, run_name(config))
    with run.locked(), deferred_signals() as signals, _how_to_resume(run):
        if resume:
            rows = _restore(run, model, config, data)
        else:
            run.check_startable(overwrite)  # again: another process may have been faster
            run.clear()
            rows = []
        run.remove_unfinished()
        run.write_config(config, data)
        print(
            f"{data.name}: {len(data.train_images):,} training and {len(data.test_images):,} test "
            f"images of {'×'.join(map(str, data.image_shape))}; {config.model} with "
            f"{model.count_params():,} parameters\nrun folder: {run.directory}"
        )
        _fit(model, config, data, run, rows, signals, tensorboard)
        _finish(model, config, data, run, rows, signals)
    return run


def distribution(devices):
    """The `tf.distribute.Strategy` that trains on so many devices of this host.

    Args:
        devices: A number, or `"all"`.

    Raises:
        InputError: If there are fewer.
    """
    import tensorflow as tf

    if devices == 1:
        return tf.distribute.get_strategy()
    kind = "GPU" if tf.config.list_logical_devices("GPU") else "CPU"
    present = [device.name for device in tf.config.list_logical_devices(kind)]
    wanted = len(present) if devices == "all" else devices
    if not 1 <= wanted <= len(present):
        raise InputError(f"{wanted} devices asked for, but there are {len(present)}: {', '.join(present)}")
    return tf.distribute.MirroredStrategy(present[:wanted])


@contextlib.contextmanager
def _how_to_resume(run):
    """Tell an error that ends the block how the run goes on."""
    try:
        yield
    except (Exception, Interrupted) as error:
        error.add_note(f"go on with: python -m vae_keras.fit --resume {run.directory}")
        raise


def _restore(run, model, config, data):
    """Bring `model` to the last checkpoint; return the history up to there."""
    run.check_data(data)
    epoch = restore_checkpoint(
        model, run.checkpoints, warn=lambda line: print(line, file=sys.stderr)
    )
    rows = run.read_history()
    # The history may be one epoch ahead, had the process been killed before its checkpoint.
    if not epoch and (run.finished or len(rows) > 1):
        raise InputError(
            f"{run.checkpoints} holds no whole checkpoint to go on from: restore one, or start the "
            "run again with --overwrite"
        )
    if len(rows) < epoch:
        raise InputError(
            f"{run.history_file} has {len(rows)} rows but the checkpoint is of epoch {epoch}: "
            "restore it, or start the run again with --overwrite"
        )
    run.metrics_file.unlink(missing_ok=True)
    run.evaluation_file.unlink(missing_ok=True)
    remove(run.attributes)
    return rows[:epoch]


def _fit(model, config, data, run, rows, signals, tensorboard):
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
        *([SampleKeeper(run, config.seed, len(rows))] if isinstance(model, VAE) else []),
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


def steps_at_once(steps_per_epoch, batch_size, image_shape):
    """How many steps TensorFlow takes before it comes back to Python and to the callbacks.

    To come back after every step of the book's digits network costs 8 to 10% of its time. Large
    images are taken in few steps at once, or one, so that a signal need not wait. Keras would
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


def _finish(model, config, data, run, rows, signals):
    """Save, export and draw the trained model; the metrics come last and mean that all is there."""
    signals.check()
    with replacing(run.model_file) as path:
        model.save(path)
    signals.check()
    if keras.backend.backend() == "tensorflow":
        from vae_keras.export import export_saved_model

        with replacing(run.saved_model) as path:
            export_saved_model(model, path)
        signals.check()
    with replacing(run.figures) as path:
        save_figures(path, model, data, rows, run.read_samples(), config.seed)
    signals.check()
    write_json(run.metrics_file, final_metrics(config, data, rows, model.count_params()))


def final_metrics(config, data, rows, parameters):
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
        terms = {
            name: last[f"{prefix}{name}"]
            for name in ("loss", "reconstruction_loss", "kl_loss")
            if f"{prefix}{name}" in last
        }
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
