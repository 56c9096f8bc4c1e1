"""A trained model applied to new images: latents, errors and anomaly scores."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
from PIL import Image

from vae_keras.data.images import ImageData
from vae_keras.data.inputs import Batch, Inputs
from vae_keras.evaluation.likelihood import reconstruction_errors
from vae_keras.export.loading import load_model_of
from vae_keras.latent.inference import batch_size, decode_points, encode_images
from vae_keras.latent.space import linear_path
from vae_keras.likelihood import log_likelihood
from vae_keras.losses import kl_divergence
from vae_keras.model import Autoencoder
from vae_keras.plots.images import tile
from vae_keras.support.errors import InputError
from vae_keras.support.files import check_new_folder, replacing, write_csv
from vae_keras.support.reporting import progress_bar, report, warn, working
from vae_keras.support.seeds import derive_seed
from vae_keras.training.names import find_run
from vae_keras.training.run import Run

DRAWS = 5  # of z for each image in its ELBO
REFERENCES = 2000  # training images that an anomaly score compares with
PATH_STEPS = 10

Columns = dict[str, np.ndarray]


def score_images(model: Autoencoder, images: np.ndarray, seed: int = 0) -> Columns:
    """Latent points, errors and scores of images.

    Args:
        model: `VAE` or `Autoencoder`.
        images: uint8 array `(count, height, width, channels)`.
        seed: Integer seed of the draws of z.

    Returns:
        Dictionary of arrays, one value or row for each image: the outputs of the encoder (`mean`
        and `log_var`, or `z`); `reconstruction_error`, the error of the image decoded from the
        latent point (without noise), averaged over pixels; for a VAE also `kl` in nats, and `elbo`
        in nats, an average over five draws of z.
    """
    encoded = encode_images(model, images)
    points = encoded[model.encoder_outputs[0]]
    columns = {**encoded, "reconstruction_error": reconstruction_errors(model, images, points)}
    if model.has_prior:
        kl = keras.ops.convert_to_numpy(kl_divergence(encoded["mean"], encoded["log_var"]))
        # The same draws for all images, so that scores do not depend on other images.
        random = np.random.default_rng(derive_seed(seed, "apply"))
        noise = random.standard_normal((DRAWS, model.latent_dim), np.float32)
        deviation = np.exp(0.5 * encoded["log_var"])
        errors = np.mean(
            [reconstruction_errors(model, images, points + deviation * each) for each in noise],
            axis=0,
        )
        columns["kl"] = kl
        columns["elbo"] = log_likelihood(errors, model.pixels, model.variance) - kl
    return columns


def badness(columns: Columns) -> np.ndarray:
    """An anomaly score for each image: the negative ELBO, or the error for an autoencoder."""
    return -columns["elbo"] if "elbo" in columns else columns["reconstruction_error"]


def share_worse(values: np.ndarray, references: np.ndarray) -> np.ndarray:
    """For each value, the share of reference values above it. A small share marks an anomaly."""
    ranks = np.searchsorted(np.sort(references), values, side="right")
    return 1 - ranks / len(references)


def apply_model(
    run: Run | str | os.PathLike,
    inputs: Sequence[str | os.PathLike] | np.ndarray,
    output: str | os.PathLike,
    reconstructions: bool = False,
    samples: int = 0,
    between: Sequence[str | os.PathLike] | None = None,
    seed: int = 0,
    dataset: str | os.PathLike | None = None,
    data_dir: str | None = None,
    data: Any = None,
) -> Path:
    """Apply the model of a run to images, see `vae_keras.apply`."""
    run = run if isinstance(run, Run) else find_run(run)
    run.check_finished()
    output = Path(output)
    check_new_folder(output)
    if isinstance(inputs, (str, os.PathLike)):
        inputs = [inputs]
    model = load_model_of(run)
    if samples and not model.has_prior:
        raise InputError("⟨samples⟩ needs a prior, which an autoencoder does not have")
    found = Inputs(inputs, model.image_shape, data_dir) if len(inputs) else None
    path = None if between is None else _path_between(model, between)
    references = (
        None if found is None else _reference_scores(run, model, seed, dataset, data_dir, data)
    )
    with replacing(output) as folder:
        folder.mkdir(parents=True)
        if found is not None:
            _write_latents(folder, model, found, references, reconstructions, seed)
        if samples:
            random = np.random.default_rng(derive_seed(seed, "prior"))
            z = random.standard_normal((samples, model.latent_dim), np.float32)
            names = [f"{number:05d}" for number in range(1, samples + 1)]
            _write_pictures(folder / "samples", names, decode_points(model, z))
        if path is not None:
            save_picture(tile(path, len(path)), folder / "between.png")
    return output


def _write_latents(
    folder: Path,
    model: Autoencoder,
    inputs: Inputs,
    references: np.ndarray | None,
    reconstructions: bool,
    seed: int,
) -> None:
    names: list[str] = []
    parts: list[Columns] = []
    with progress_bar(total=inputs.count, desc="apply", unit="image") as bar:
        for batch in inputs.batches(batch_size(model)):
            columns = score_images(model, batch.images, seed)
            if references is not None:
                columns["share_worse"] = share_worse(badness(columns), references)
            if reconstructions:
                decoded = decode_points(model, columns[model.encoder_outputs[0]])
                _write_reconstructions(folder, batch, decoded, inputs.array_count)
            names += batch.names
            parts.append(columns)
            bar.update(len(batch.images))
    inputs.warn()
    joined = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    arrays: dict[str, Any] = {"files": np.array(names, np.str_), **joined}
    np.savez_compressed(folder / "latents.npz", **arrays)
    columns = _flat(joined)
    rows = (
        {"file": name, **{key: str(values[i]) for key, values in columns.items()}}
        for i, name in enumerate(names)
    )
    write_csv(folder / "latents.csv", rows, ["file", *columns], errors="surrogateescape")
    report(f"{len(names):,} images")


def _flat(columns: Columns) -> Columns:
    """Columns of one float32 for each image: `mean_1`, `mean_2`, `deviation_1` and so on."""
    flat = {}
    for name, values in columns.items():
        if name == "log_var":
            name, values = "deviation", np.exp(0.5 * values)
        values = values.astype(np.float32)  # printed in as few digits as it takes
        if values.ndim == 1:
            flat[name] = values
        else:
            flat |= {f"{name}_{i + 1}": values[:, i] for i in range(values.shape[1])}
    return flat


def _reference_scores(
    run: Run,
    model: Autoencoder,
    seed: int,
    dataset: str | os.PathLike | None,
    data_dir: str | None,
    data: Any,
) -> np.ndarray | None:
    """The anomaly scores of some training images; None if they are not available."""
    report("Loading the training images for comparison …")
    try:
        found: ImageData = run.find_data(data, dataset, data_dir=data_dir)
    except InputError as error:
        if data is not None or dataset is not None:
            raise
        warn(f"share_worse is omitted, because it needs the training images: {error.text}")
        return None
    images = found.head(run.read_config().max_train_images).train_images
    chosen = np.random.default_rng(0).permutation(len(images))[:REFERENCES]
    with working("Scoring training images for comparison"):
        return badness(score_images(model, images[np.sort(chosen)], seed))


def _path_between(model: Autoencoder, places: Sequence[str | os.PathLike]) -> np.ndarray:
    """Images on the straight line between the latent points of two images, both included."""
    images = []
    for place in places:
        inputs = Inputs([place], model.image_shape)
        if inputs.count != 1:
            raise InputError(f"⟨between⟩ takes two single images, but {place} has {inputs.count}")
        images.append(next(inputs.batches(1)).images[0])
    first, last = encode_images(model, np.stack(images))[model.encoder_outputs[0]]
    return decode_points(model, linear_path(first, last, PATH_STEPS))


def _write_reconstructions(folder: Path, batch: Batch, decoded: np.ndarray, count: int) -> None:
    """Write the decoded images of a batch: PNG files for pictures, one array for all arrays.

    Args:
        folder: Folder for the results.
        batch: The inputs.
        decoded: uint8 array `(images, height, width, channels)`.
        count: Number of images in all arrays.
    """
    if batch.row is None:
        _write_pictures(folder / "reconstructions", batch.names, decoded)
        return
    file = folder / "reconstructions.npy"
    if batch.row == 0:
        shape = (count, *decoded.shape[1:])
        np.lib.format.open_memmap(file, "w+", np.uint8, shape).flush()
    # Opened for each batch, so that the memory does not grow with the file.
    np.load(file, mmap_mode="r+")[batch.row : batch.row + len(decoded)] = decoded


def _write_pictures(folder: Path, names: Sequence[str], images: np.ndarray) -> None:
    """Write PNG files with the names and folders of the inputs."""
    for name, image in zip(names, images):
        inside = Path(os.path.relpath(os.path.join("/", name), "/"))  # never above the folder
        path = folder / inside.with_name(f"{inside.name}.png")
        number = 1
        while path.exists():  # "../a.png" and "a.png" have the same path
            number += 1
            path = folder / inside.with_name(f"{inside.name}-{number}.png")
        path.parent.mkdir(parents=True, exist_ok=True)
        save_picture(image, path)


def save_picture(image: np.ndarray, path: Path) -> None:
    """Write a uint8 array `(height, width, 1 or 3)` as an image file."""
    Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image).save(path)
