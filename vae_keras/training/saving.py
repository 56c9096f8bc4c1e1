"""The end of training: the best weights, the saved model, its exports and figures."""

from collections.abc import Sequence
from typing import Any

from vae_keras.backend.devices import unshared
from vae_keras.config import FitConfig
from vae_keras.data.images import ImageData
from vae_keras.export.formats import FORMATS, export_model
from vae_keras.likelihood import AUTO, FINEST_VARIANCE, log_likelihood
from vae_keras.model import Autoencoder
from vae_keras.support.errors import InputError
from vae_keras.support.files import remove, replacing, write_json
from vae_keras.support.reporting import report, working
from vae_keras.support.signals import PendingSignal
from vae_keras.support.terms import loss_columns
from vae_keras.training.callbacks import SAMPLES
from vae_keras.training.checkpoints import BEST, find_checkpoint, restore_checkpoint
from vae_keras.training.figures import save_figures
from vae_keras.training.run import Run
from vae_keras.training.stopping import kept_epoch


def check_best(model: Autoencoder, run: Run, epoch: int, config: FitConfig) -> None:
    """Raise `InputError` unless there is a valid checkpoint of the best epoch."""
    found, _ = find_checkpoint(model, run.checkpoints, BEST, epoch, run.identity(config))
    if found != epoch:
        raise InputError(
            f"{run.checkpoints} has no valid checkpoint of epoch {epoch}, which has the lowest "
            "validation loss: restore it, or restart the run with ⟨overwrite⟩"
        )


def finish(
    model: Autoencoder,
    config: FitConfig,
    data: ImageData,
    run: Run,
    rows: list[dict[str, Any]],
    signals: PendingSignal,
) -> None:
    """Save, export and draw the trained model. The metrics, written last, mark a finished run."""
    signals.check()
    kept = kept_epoch(rows, config)
    if len(rows) < config.epochs:
        patience = config.early_stopping
        why = f": the validation loss has not fallen for {patience} epochs" if patience else ""
        report(f"stopped after {len(rows)} of {config.epochs} epochs{why}")
    if kept < len(rows):
        check_best(model, run, kept, config)
        restore_checkpoint(model, run.checkpoints, BEST, kept, run.identity(config))
        report(f"keeping the weights of epoch {kept}, which has the lowest validation loss")
    if "validation_mse" in rows[kept - 1]:  # the training error underestimates the variance
        assert model.likelihood is not None  # for the type checker
        variance = max(rows[kept - 1]["validation_mse"], FINEST_VARIANCE)
        model.likelihood.variance.assign(variance)
    model = unshared(model)
    with working("Saving the model"), replacing(run.model_file) as path:
        model.save(path)
    signals.check()
    for name, place in run.exports.items():
        if name not in config.export:
            remove(place)  # an export of an earlier epoch
            continue
        with working(f"Exporting to {FORMATS[name].title}"), replacing(place) as path:
            export_model(model, path, name)
        signals.check()
    with working("Drawing the figures"), replacing(run.figures) as path:
        samples = run.read_samples(shape=(SAMPLES, *data.image_shape))
        save_figures(path, model, data, rows, samples, config.seed)
    signals.check()
    write_json(run.metrics_file, final_metrics(config, model, rows))


def final_metrics(
    config: FitConfig, model: Autoencoder, rows: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    """Losses of the epoch whose weights the model has, and the ELBO in nats.

    Args:
        config: `FitConfig`.
        model: The finished model.
        rows: The history.

    Returns:
        Dictionary with `train` and `test` (each `loss`, `reconstruction_loss`, and for a
        VAE `kl_loss` in nats and `elbo` in nats per image), `epochs`, `parameters`,
        `seconds`; `implied_variance` or `calibrated_variance`, σ² of the decoder, for a squared
        error; `kept_epoch` if it is not the last one.
    """
    kept = kept_epoch(rows, config)
    row = rows[kept - 1]
    metrics = {
        "epochs": rows[-1]["epoch"],
        "seconds": round(sum(row["seconds"] for row in rows), 3),
        "parameters": model.count_params(),
    }
    if kept != metrics["epochs"]:
        metrics["kept_epoch"] = kept
    calibrated = config.reconstruction_weight == AUTO
    if config.reconstruction == "mse":
        metrics["calibrated_variance" if calibrated else "implied_variance"] = model.variance
    for split, prefix in (("train", ""), ("test", "val_")):
        terms = {name: row[f"{prefix}{name}"] for name in loss_columns(row)}
        if isinstance(config.reconstruction_weight, str):
            nats = float(log_likelihood(row[f"{prefix}mse"], model.pixels, model.variance))
            # The history has the variance of the epoch, the model has the final one.
            terms["loss"] -= nats + terms["reconstruction_loss"]
            terms["reconstruction_loss"] = -nats
        else:
            error = terms["reconstruction_loss"] / config.reconstruction_weight
            nats = float(log_likelihood(error, model.pixels, model.variance))
        if "kl_loss" in terms:
            terms["elbo"] = nats - terms["kl_loss"]
        metrics[split] = terms
    return metrics
