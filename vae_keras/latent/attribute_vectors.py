"""Latent directions of attributes of the images."""

import hashlib
import os
import re
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from vae_keras import plots
from vae_keras.data.attribute_table import read_attributes, split_by
from vae_keras.data.images import ImageData
from vae_keras.data.sources import check_options, find_source
from vae_keras.export.loading import load_model_of
from vae_keras.latent.inference import batch_size, decode_points, latent_points
from vae_keras.latent.space import attribute_vector, linear_path, vector_convergence
from vae_keras.model import Autoencoder
from vae_keras.support.errors import InputError, check_name
from vae_keras.support.files import check_places, replacing, write_csv, write_json
from vae_keras.support.reporting import progress_bar, working
from vae_keras.training.run import Run

BATCH = 500  # images between two rows of the convergence
LEAST_LOOKS = 10
FACTORS = range(-4, 5)
STRIPS = 5
MORPH_STEPS = 10


def attribute_of_run(
    run: Run,
    attribute: str,
    attributes: str | os.PathLike | None = None,
    data_dir: str | os.PathLike | None = None,
    dataset: str | os.PathLike | None = None,
    data: Any = None,
) -> tuple[Path, dict[str, Any]]:
    """Find the vector of an attribute; write it, with figures, into the folder of a run.

    Args:
        run: `Run`, finished.
        attribute: Name of the attribute.
        attributes: CSV file, see `vae_keras.data.attribute_table`; None for that of the run.
        data_dir: Data folder of tensorflow-datasets; None for the one in training.
        dataset: New location of the images; None for the location in training.
        data: The data passed to `train`; None to load it.

    Returns:
        Tuple of the written folder and the dictionary in its `vector.json`.

    Raises:
        InputError: If the run is not finished, or its images have no such attribute.
    """
    run.check_finished()
    run.check_places()
    folder = run.attributes / file_name(attribute)
    check_places([], [folder])
    config = run.read_config()
    places: dict[str, Any] = {
        "data_dir": data_dir,
        "attributes": config.attributes,
    }
    if attributes is not None:
        check_options(find_source(config.dataset), ["attributes"])
        places["attributes"] = os.path.abspath(attributes)
    if places["attributes"]:  # before an image folder is decoded
        check_name("attribute", attribute, read_attributes(places["attributes"]).names)
    with run.locked():
        model = load_model_of(run)
        data = run.find_data(data, dataset, **places).head(config.max_train_images)
        vector, rows, counts = find_vector(model, data, attribute)
        norm = float(np.linalg.norm(vector))
        if not norm:
            raise InputError(f"attribute {attribute!r} has no effect on the latent points")
        found = {
            "attribute": attribute,
            **counts,
            "norm": norm,
            "last_change": None if len(rows) == 1 else rows[-1]["change"] / norm,
            "direction": (vector / norm).tolist(),
        }
        run.attributes.mkdir(exist_ok=True)
        with working("Drawing the figures"), replacing(folder) as path:
            path.mkdir()
            write_json(path / "vector.json", found)
            write_csv(path / "convergence.csv", rows, list(rows[0]))
            for name, figure in {
                "convergence": plots.plot_convergence(rows),
                "strips": draw_strips(model, data.test_images[:STRIPS], vector / norm, attribute),
                "morph": draw_morph(model, *choose_pair(data, attribute)),
            }.items():
                figure.savefig(path / f"{name}.png", dpi=150)
    return folder, found


def find_vector(
    model: Autoencoder, data: ImageData, attribute: str
) -> tuple[np.ndarray, list[dict[str, Any]], dict[str, int]]:
    """The difference of the means of training images with and without an attribute.

    Args:
        model: `VAE` or `Autoencoder`.
        data: `ImageData` with attributes.
        attribute: Name of the attribute.

    Returns:
        Tuple of a float64 array `(latent_dim,)`, the rows of `vector_convergence`, and a dictionary
        with the numbers of images, `images_with` and `images_without`.

    Raises:
        InputError: If the data has no such attribute, or it is the same in all images.
    """
    known, present = _split(data, attribute)["train"]
    chosen = np.flatnonzero(known)
    if present[chosen].all() or not present[chosen].any():
        raise InputError(f"attribute {attribute!r} is the same in all training images")
    batch = min(BATCH, -(-len(chosen) // LEAST_LOOKS))
    parts, size = [], batch_size(model)
    for start in progress_bar(range(0, len(chosen), size), desc="encoding", unit="batch"):
        parts.append(latent_points(model, data.train_images[chosen[start : start + size]]))
    points, present = np.concatenate(parts), present[chosen]
    rows = vector_convergence(points, present, batch)
    counts = {"images_with": int(present.sum()), "images_without": int((~present).sum())}
    return attribute_vector(points, present), rows, counts


def draw_strips(model: Autoencoder, images: np.ndarray, direction: np.ndarray, name: str) -> Figure:
    """Images decoded after adding −4 to 4 times a direction of length 1 to their latent points.

    Args:
        model: `VAE` or `Autoencoder`.
        images: uint8 array `(count, height, width, channels)`.
        direction: Array `(latent_dim,)`.
        name: Name of the attribute.

    Returns:
        Figure.
    """
    factors = np.array(FACTORS)
    points = latent_points(model, images)[:, None] + factors[:, None] * direction
    decoded = decode_points(model, points.reshape(-1, model.latent_dim))
    rows = decoded.reshape(len(images), len(factors), *model.image_shape)
    return plots.plot_arithmetic(rows, factors, f"“{name}”", images)


def draw_morph(model: Autoencoder, start: np.ndarray, end: np.ndarray) -> Figure:
    """One image turning into another, along the straight line between their latent points.

    Args:
        model: `VAE` or `Autoencoder`.
        start, end: uint8 arrays `(height, width, channels)`.

    Returns:
        Figure, with the original images at both ends.
    """
    first, last = latent_points(model, np.stack([start, end]))
    path = linear_path(first, last, MORPH_STEPS)
    shares = np.linspace(0, 1, MORPH_STEPS)
    return plots.plot_images(
        np.stack([start, *decode_points(model, path), end]),
        columns=MORPH_STEPS + 2,
        captions=["image", *(f"{share:.0%}" for share in shares), "image"],
    )


def choose_pair(data: ImageData, attribute: str) -> list[np.ndarray]:
    """The first image without an attribute and the first with it, test images if possible."""
    splits, pair = _split(data, attribute), []
    for wanted in (False, True):
        for split in ("test", "train"):
            known, present = splits[split]
            found = np.flatnonzero(known & (present == wanted))
            if len(found):
                pair.append(getattr(data, f"{split}_images")[found[0]])
                break
    return pair


def file_name(attribute: str) -> str:
    """A unique name for the folder of an attribute."""
    name = re.sub(r"[^\w-]+", "_", attribute).strip("_")[:60]
    if name == attribute:
        return name
    return f"{name}-{hashlib.sha256(attribute.encode()).hexdigest()[:6]}"


def _split(data: ImageData, attribute: str) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Dictionary from split to two boolean arrays, see `split_by`."""
    train, test = data.train_attributes, data.test_attributes
    if train is None or test is None:
        raise InputError(
            f"the images of {data.name} have no attributes: for an image folder, pass a CSV file "
            "as ⟨attributes⟩"
        )
    check_name("attribute", attribute, data.attribute_names)
    column = data.attribute_names.index(attribute)
    values = np.concatenate([train[:, column], test[:, column]])
    known, present = split_by(values, attribute)
    count = len(data.train_images)
    return {"train": (known[:count], present[:count]), "test": (known[count:], present[count:])}
