"""The callbacks of training."""

import math
import time
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
from tqdm import tqdm

from vae_keras.config import FitConfig
from vae_keras.latent.dimensions import active_dimensions, is_collapsed, kl_per_dimension
from vae_keras.latent.inference import encode_images
from vae_keras.likelihood import FINEST_VARIANCE, log_likelihood
from vae_keras.support import terminal
from vae_keras.support.errors import DivergedError
from vae_keras.support.reporting import progress_bar, report, warn
from vae_keras.support.seeds import derive_seed
from vae_keras.support.signals import PendingSignal
from vae_keras.support.terms import loss_columns, title
from vae_keras.training.checkpoints import BEST, EPOCH, save_checkpoint
from vae_keras.training.history import OTHER_COLUMNS
from vae_keras.training.stopping import best_epoch, is_to_stop

if TYPE_CHECKING:
    from vae_keras.training.run import Run

SAMPLES = 12  # images to decode after every epoch
FIRST_JUDGED = 5  # epochs; earlier, many VAEs have learned the average image only
CHECKED_IMAGES = 1000  # images whose posteriors are checked for collapse


class EpochNoise(keras.callbacks.Callback):
    """Makes the noise of an epoch depend only on the seed and the number of the epoch."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.seed = seed
        self.epoch = 0

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.epoch = epoch
        self.model.reset_noise(self.seed, "train", epoch)

    def on_test_begin(self, logs: Any = None) -> None:
        self.model.reset_noise(self.seed, "test", self.epoch)


class KLWarmup(keras.callbacks.Callback):
    """Increases the weight of the KL divergence from 0 to its value, epoch by epoch.

    Tests use the final weight, so that their losses can be compared between epochs.
    """

    def __init__(self, config: FitConfig) -> None:
        super().__init__()
        self.config = config

    def weight_in(self, epoch: int) -> float:
        """The weight in an epoch, counted from 0."""
        return (self.config.kl_weight or 0.0) * min(1.0, epoch / self.config.kl_warmup)

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.model.kl_weight = self.weight_in(epoch)

    def on_test_begin(self, logs: Any = None) -> None:
        self.model.kl_weight = self.config.kl_weight

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        logs["kl_weight"] = self.weight_in(epoch)


class Validation(keras.callbacks.Callback):
    """Evaluates the validation images after every epoch; adds `validation_loss` to the logs.

    A decoder with automatic variance is evaluated at the best variance for these images.
    """

    def __init__(self, batches: Any, seed: int, guard: "Guard") -> None:
        super().__init__()
        self.batches = batches
        self.seed = seed
        self.guard = guard

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.model.reset_noise(self.seed, "validation", epoch)
        losses = self.model.evaluate(
            self.batches, return_dict=True, verbose=0, callbacks=[self.guard]
        )
        if self.model.likelihood is not None:
            best = max(losses["mse"], FINEST_VARIANCE)
            at_best = float(log_likelihood(losses["mse"], self.model.pixels, best))
            losses["loss"] -= losses["reconstruction_loss"] + at_best
            logs["validation_mse"] = losses["mse"]
        logs["validation_loss"] = losses["loss"]


class CollapseCheck(keras.callbacks.Callback):
    """Warns once about posterior collapse, after a tenth of the epochs, but at least five."""

    def __init__(self, images: np.ndarray, config: FitConfig) -> None:
        super().__init__()
        self.images = images[:CHECKED_IMAGES]
        self.config = config
        self.after = config.kl_warmup + max(FIRST_JUDGED, math.ceil(config.epochs / 10))

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if epoch + 1 != self.after:
            return
        encoded = encode_images(self.model, self.images)
        kl = kl_per_dimension(encoded["mean"], encoded["log_var"])
        if is_collapsed(kl):
            warn(describe_collapse(kl, epoch + 1))


def describe_collapse(kl: np.ndarray, epoch: int) -> str:
    """A message about a posterior collapse: the dimensions, the consequence, the remedies."""
    active = active_dimensions(kl)
    which = f"{len(kl) - len(active)} of {len(kl)}" if len(active) else f"all {len(kl)}"
    return (
        f"posterior collapse after epoch {epoch}: {which} dimensions of z contain less than 0.01 "
        f"nats about an image (KL {kl.sum():.4f} nats in total), so all reconstructions look "
        "alike: try ⟨reconstruction_weight⟩ auto or a larger one, ⟨kl_warmup⟩ 10, or another "
        "⟨activation⟩"
    )


class Guard(keras.callbacks.Callback):
    """Stops training at a signal, or if a loss is not finite.

    It checks whenever TensorFlow returns from the steps of one execution.
    """

    def __init__(self, pending_signal: PendingSignal) -> None:
        super().__init__()
        self.pending_signal = pending_signal
        self.epoch = 0

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self._check_finite(logs, self._describe_steps(batch + 1))
        self.pending_signal.check()

    def on_test_batch_end(self, batch: int, logs: Any = None) -> None:
        self._check_finite(logs, "test")
        self.pending_signal.check()

    def _describe_steps(self, last: int) -> str:
        first = last - self.model.steps_per_execution + 1
        return f"step {last}" if first == last else f"steps {first} to {last}"

    def _check_finite(self, logs: dict[str, Any], steps: str) -> None:
        diverged = [name for name in logs if not math.isfinite(logs[name])]
        if diverged:
            terms = [name for name in diverged if name != "loss"] or diverged  # not their sum
            values = " and ".join(f"{name} is {logs[name]}" for name in terms)
            remedy = "⟨learning_rate⟩ or ⟨kl_weight⟩" if "kl_loss" in logs else "⟨learning_rate⟩"
            raise DivergedError(
                f"{values} in epoch {self.epoch + 1}, {steps}: training has diverged; "
                f"try a smaller {remedy}"
            )


class Recorder(keras.callbacks.Callback):
    """Writes the history, then the checkpoint, after every epoch.

    In this order, because an epoch is finished when its checkpoint exists. Also does early
    stopping.
    """

    def __init__(self, run: "Run", rows: list[dict[str, Any]], config: FitConfig) -> None:
        super().__init__()
        self.run = run
        self.rows = rows
        self.config = config
        self.identity = run.identity(config)

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.begin = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        seconds = round(time.perf_counter() - self.begin, 3)
        names = ("loss", *self.model.term_names, "mse")
        columns = (*names, *(f"val_{name}" for name in names))
        columns = (*columns, "validation_loss", "validation_mse", *OTHER_COLUMNS)
        row = {"epoch": epoch + 1, **{name: logs[name] for name in columns if name in logs}}
        if self.model.likelihood is not None:
            row["sigma"] = math.sqrt(self.model.variance)
        self.rows.append({**row, "seconds": seconds})
        if self.config.keep == "best" and best_epoch(self.rows, self.config) == epoch + 1:
            self._save(epoch + 1, BEST)
        self.run.write_history(self.rows)
        self._save(epoch + 1, EPOCH)
        # Only ever set to True, because another callback may have asked to stop.
        if is_to_stop(self.rows, self.config):
            self.model.stop_training = True

    def _save(self, epoch: int, kind: str) -> None:
        save_checkpoint(self.model, self.run.checkpoints, epoch, kind, self.identity)


class SampleKeeper(keras.callbacks.Callback):
    """Decodes the same z from the prior after every epoch, to show the progress of a VAE.

    The kept samples depend only on the seed and the number of epochs: those of the latest epoch
    and, to keep the file small, fewer and fewer of the earlier ones. Runs before `Recorder`,
    because an epoch is finished when its checkpoint exists.
    """

    def __init__(self, run: "Run", seed: int, finished_epochs: int) -> None:
        super().__init__()
        self.run = run
        self.seed = seed
        self.finished_epochs = finished_epochs

    def on_train_begin(self, logs: Any = None) -> None:
        shape = (SAMPLES, *self.model.image_shape)
        self.samples = self.run.read_samples(self.finished_epochs, shape)
        random = np.random.default_rng(derive_seed(self.seed, "samples"))
        self.z = random.standard_normal((SAMPLES, self.model.latent_dim), np.float32)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        kept = {number: images for number, images in self.samples.items() if is_kept(number)}
        images = np.clip(np.asarray(self.model.decode(self.z)), 0, 1)
        self.samples = {**kept, epoch + 1: np.round(255 * images).astype(np.uint8)}
        self.run.write_samples(self.samples)


def is_kept(epoch: int) -> bool:
    """Whether samples of an epoch are kept: all of the first 20, every second up to 40,
    every fourth up to 80, and so on.
    """
    spacing = 1
    while epoch > 20 * spacing:
        spacing *= 2
    return epoch % spacing == 0


class Progress(keras.callbacks.Callback):
    """A progress bar over all steps on a terminal, and one line for each epoch everywhere."""

    def __init__(self, rows: list[dict[str, Any]], epochs: int, steps_per_epoch: int) -> None:
        super().__init__()
        self.rows = rows
        self.epochs = epochs
        self.steps_per_epoch = steps_per_epoch

    def on_train_begin(self, logs: Any = None) -> None:
        self.first_epoch = len(self.rows)
        self.bar = progress_bar(
            total=self.epochs * self.steps_per_epoch,
            initial=self.first_epoch * self.steps_per_epoch,
            desc="training",
            unit="step",
        )

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.bar.update(self.model.steps_per_execution)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        row = self.rows[-1]
        here = self.rows[self.first_epoch :]
        here = here[1:] or here  # the first one includes the time to compile
        left = sum(row["seconds"] for row in here) / len(here) * (self.epochs - row["epoch"])
        report(describe_epoch(row, self.epochs, left, terminal.width()))

    def close(self) -> None:
        """Remove the bar, also after an error."""
        if hasattr(self, "bar"):
            self.bar.close()


def describe_epoch(row: dict[str, Any], epochs: int, left: float, width: int) -> str:
    """One line about an epoch. On a narrow terminal, it omits the terms of the losses.

    Args:
        row: The epoch's row of the history.
        epochs: Total number of epochs.
        left: Estimated remaining seconds.
        width: Columns of the terminal.
    """
    time = f"{row['seconds']:.1f} s"
    if left:
        time += f"  {tqdm.format_interval(left)} left"
    for of_training, of_test in ((True, True), (True, False), (False, False)):
        line = (
            f"epoch {row['epoch']:>{len(str(epochs))}}/{epochs}  "
            f"loss {describe(row, terms=of_training)}  "
            f"test {describe(row, 'val_', of_test)}  {time}"
        )
        if len(line) <= width:
            break
    return line


def describe(row: dict[str, Any], prefix: str = "", terms: bool = True) -> str:
    """`46.02 (40.71 + KL 5.31)`, from a row of the history; without `terms` the sum only.

    If the loss is not the plain sum because of weights or regularizers, commas separate the terms.
    """
    total, reconstruction, *others = loss_columns(row)
    value = row[prefix + total]
    if not others or not terms:
        return f"{value:.2f}"
    values = [row[prefix + name] for name in (reconstruction, *others)]
    names = ["", *(title(name).partition(" (")[0] + " " for name in others)]
    is_sum = math.isclose(value, sum(values), rel_tol=1e-4, abs_tol=0.01)
    parts = (" + " if is_sum else ", ").join(f"{n}{v:.2f}" for n, v in zip(names, values))
    return f"{value:.2f} ({parts})"
