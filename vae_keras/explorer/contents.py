"""The data of the explorer's page for some runs, for JSON."""

import base64
import dataclasses
import io
import math
import os
from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image

from vae_keras.data.images import ImageData
from vae_keras.explorer.colors import page_colors
from vae_keras.explorer.network import (
    Layer,
    count_multiplications,
    count_weights,
    describe_encoder,
    describe_network,
    encode_array,
)
from vae_keras.export.loading import load_model_of
from vae_keras.latent.dimensions import active_dimensions, kl_per_dimension
from vae_keras.latent.inference import decode_points, encode_images
from vae_keras.latent.space import LatentPlane, latent_plane
from vae_keras.losses import kl_divergence
from vae_keras.model import VAE, Autoencoder
from vae_keras.plots.images import tile
from vae_keras.support.errors import InputError
from vae_keras.support.seeds import derive_seed
from vae_keras.support.settings import is_number
from vae_keras.support.terms import title
from vae_keras.support.text import minus
from vae_keras.training.names import is_pretrained, run_titles
from vae_keras.training.run import Run

# Larger networks do not run in the page.
MOST_MULTIPLICATIONS = 25_000_000
MOST_WEIGHTS = 750_000  # 2 MiB in the page
SHEET_VALUES = 8_000_000  # pixels times channels that the browser of a phone can store
ATLAS_SIDE = 25  # maximum number of images along each side of an atlas
ATLAS_BYTES = 2_000_000  # maximum size of an atlas in the page
INK = 64  # smallest value of a pixel that is not background


@dataclasses.dataclass(frozen=True)
class TrainedRun:
    """A run, its model, and the latent points of the test images.

    Attributes:
        run: `Run`.
        title: Its title among other runs.
        model: `VAE` or `Autoencoder`.
        points: float32 array `(images, latent_dim)`.
        log_var: float32 array of the same shape: log σ² of each image's posterior; None for a
            plain autoencoder.
        plane: `LatentPlane` to show.
        importance: float64 array `(latent_dim,)`: the KL divergence of each dimension in nats, or
            its variance for a plain autoencoder.
        decoder: Its decoder from `describe_network`; None if it is too large for a page.
    """

    run: Run
    title: str
    model: Autoencoder
    points: np.ndarray
    log_var: np.ndarray | None
    plane: LatentPlane
    importance: np.ndarray
    decoder: list[Layer] | None


def load_runs(runs: Sequence[Run], data: ImageData) -> list[TrainedRun]:
    """Load the models and latent points of runs of the same data set.

    Models of the package may be shown with other images.

    Args:
        runs: List of `Run`, finished.
        data: Their complete `ImageData`.

    Returns:
        List of `TrainedRun`.

    Raises:
        InputError: If a model cannot be loaded or has only one latent dimension, or a run was
            trained on other images.
    """
    found = []
    for run, name in zip(runs, run_titles(runs), strict=True):
        if not is_pretrained(run):
            run.check_data(data.head(run.read_config().max_train_images))
        model = load_model_of(run)
        if model.image_shape != data.image_shape:
            raise InputError(
                f"{name} takes images of shape {model.image_shape}, but {data.name} has "
                f"{data.image_shape}: pass runs of one shape"
            )
        encoded = encode_images(model, data.test_images)
        points = encoded[model.encoder_outputs[0]]
        importance = (
            kl_per_dimension(encoded["mean"], encoded["log_var"])
            if model.has_prior
            else points.var(axis=0)
        )
        decoder = describe_network(model.decoder)
        found.append(
            TrainedRun(
                run,
                name,
                model,
                points,
                encoded.get("log_var"),
                latent_plane(points),
                importance,
                decoder if _fits(decoder) else None,
            )
        )
    return found


def describe_page(runs: Sequence[TrainedRun], data: ImageData) -> dict[str, Any]:
    """The data of a page except for test images.

    Args:
        runs: List of `TrainedRun`.
        data: `ImageData`.

    Returns:
        Dictionary for JSON.
    """
    limits = plane_limits([trained.plane.project(trained.points) for trained in runs])
    names = data.class_names if data.has_test_classes else ()
    return {
        "data": os.path.basename(data.name) or data.name,  # without the path of a folder
        "imageShape": list(data.image_shape),
        "classes": [
            {"name": name, **colors} for name, colors in zip(names, page_colors(len(names)))
        ],
        "limits": limits,
        "drawing": drawing_frame(data.test_images),
        "runs": [describe_run(trained, data.name, limits) for trained in runs],
    }


def describe_images(runs: Sequence[TrainedRun], data: ImageData, count: int) -> dict[str, Any]:
    """Random test images, and their encodings by each run.

    Args:
        runs: List of `TrainedRun`.
        data: `ImageData`.
        count: Number of images.

    Returns:
        Dictionary for JSON, with the encoded images of each run.
    """
    random = np.random.default_rng(derive_seed(0, "images"))
    chosen = np.sort(random.permutation(len(data.test_images))[:count])
    labels = np.zeros(len(chosen))
    if data.has_test_classes and data.test_labels is not None:
        labels = data.test_labels[chosen]
    return {
        "sheet": picture(data.test_images[chosen]),
        "labels": encode_array(labels, "uint16"),
        "encoded": [describe_encoded(trained, chosen) for trained in runs],
    }


def describe_encoded(trained: TrainedRun, chosen: np.ndarray) -> dict[str, Any]:
    """The encodings of some test images by a run.

    Args:
        trained: `TrainedRun`.
        chosen: Integer array `(count,)`, indices of the images.

    Returns:
        Dictionary for JSON: `mean`, the latent points, and, for a VAE, `logVar`, log σ². If an
        atlas replaces the decoder, the points are on the plane, and instead of `logVar` there are
        the `covariance` of each posterior on the plane, as σ₁², σ₁₂ and σ₂², and its `kl`
        divergence in all dimensions.
    """
    points, log_var = trained.points[chosen], trained.log_var
    if trained.decoder is not None:
        arrays = {"mean": points}
        if log_var is not None:
            arrays["logVar"] = log_var[chosen]
    else:
        arrays = {"mean": trained.plane.project(points)}
        if log_var is not None:
            covariances = trained.plane.covariances(log_var[chosen])
            arrays["covariance"] = covariances[:, [0, 0, 1], [0, 1, 1]]
            arrays["kl"] = np.asarray(kl_divergence(points, log_var[chosen]))
    return {name: encode_array(values, "float16") for name, values in arrays.items()}


def describe_run(
    trained: TrainedRun, dataset: str, limits: dict[str, list[float]]
) -> dict[str, Any]:
    """The data of one run in a page: its networks and losses.

    An atlas, images decoded on a grid over the plane, replaces a decoder that is too large for the
    page. The page then treats the plane as the whole latent space.
    """
    model, plane = trained.model, trained.plane
    has_atlas = trained.decoder is None
    projection = plane.directions if has_atlas else None
    # The variances of single dimensions cannot be projected.
    outputs = dict(zip(("mean",) if has_atlas else ("mean", "logVar"), model.encoder_outputs))
    encoder = describe_encoder(model.encoder, outputs, projection)
    return {
        "title": trained.title,
        "losses": [
            *describe_origin(trained.run, dataset),
            *describe_losses(trained.run),
            *describe_active(trained),
        ],
        "axes": ["z₁", "z₂"] if model.latent_dim == 2 else list(plane.names),
        "coordinates": ["z₁", "z₂"] if model.latent_dim == 2 else ["PC 1", "PC 2"],
        "directions": np.eye(2).tolist() if has_atlas else plane.directions.tolist(),
        "encoder": encoder if _fits(encoder["trunk"], *encoder["heads"].values()) else None,
        "decoder": trained.decoder,
        "atlas": draw_atlas(model, plane, limits) if has_atlas else None,
        "dimensions": [] if has_atlas else describe_dimensions(trained),
        "loss": describe_loss(model),
    }


def describe_loss(model: Autoencoder) -> dict[str, Any]:
    """The terms and weights of the loss of a model.

    Returns:
        Dictionary for JSON: `reconstruction`, the kind of error; its `weight`, None if the term is
        −log p(x|z) of a Gaussian decoder with automatic variance; `variance`, σ² of the decoder,
        None for `"bce"`; `klWeight`, None without a prior; and `others`, the titles of terms that a
        page cannot compute.
    """
    return {
        "reconstruction": model.reconstruction,
        "weight": model.reconstruction_weight if model.likelihood is None else None,
        "variance": model.variance,
        "klWeight": model.kl_weight if model.has_prior else None,
        "others": [title(name) for name in model.term_names if name not in VAE.term_names],
    }


def describe_origin(run: Run, dataset: str) -> list[tuple[str, str]]:
    """The data set of the losses of a model of the package, if it is shown with other images."""
    trained_on = run.read_config().dataset
    if is_pretrained(run) and trained_on != dataset:
        return [("trained and tested on", trained_on)]
    return []


def describe_losses(run: Run) -> list[tuple[str, str]]:
    """Losses of a run on its test images: titles and values as texts.

    They come from its evaluation, or without one from the end of its training.
    """
    is_evaluated = run.evaluation_file.exists()
    losses = _evaluated_losses(run) if is_evaluated else run.read_metrics()["test"]
    return [
        ("test loss" if name == "loss" else title(name), minus(f"{value:.2f}"))
        for name, value in losses.items()
    ]


def _evaluated_losses(run: Run) -> dict[str, float]:
    """The losses in a run's evaluation; `InputError` if it is damaged."""
    found = run.read_evaluation()
    try:
        draws = found["loss"].get("draws", {})
        losses = {name: value["mean"] for name, value in draws.items()}
        losses = losses or dict(found["loss"]["through_the_mean"])
        losses.pop("reconstruction_error", None)
        if "likelihood" in found:
            losses["elbo"] = found["likelihood"]["elbo"]
    except (AttributeError, KeyError, TypeError):
        losses = {}
    if not losses or not all(map(is_number, losses.values())):
        raise InputError(f"{run.evaluation_file} is damaged: remove it and evaluate again")
    return losses


def describe_active(trained: TrainedRun) -> list[tuple[str, str]]:
    """The number of active dimensions of a VAE, as a title and a text."""
    if not trained.model.has_prior:
        return []
    active = len(active_dimensions(trained.importance))
    return [("active dimensions", f"{active} of {trained.model.latent_dim}")]


def describe_dimensions(trained: TrainedRun) -> list[dict[str, Any]]:
    """All latent dimensions, by decreasing importance."""
    unit = "KL {:.2f} nats" if trained.model.has_prior else "variance {:.2f}"
    return [
        {"dimension": int(dimension), "note": unit.format(trained.importance[dimension])}
        for dimension in np.argsort(-trained.importance)
    ]


def draw_atlas(
    model: Autoencoder, plane: LatentPlane, limits: dict[str, list[float]]
) -> dict[str, Any]:
    """Images decoded on a grid, row by row from the top of the plane.

    Returns:
        Dictionary with `side`, the number of images along each side, and `sheet`, the images.
    """
    side = max(2, min(ATLAS_SIDE, math.isqrt(SHEET_VALUES // math.prod(model.image_shape))))
    while True:
        (left, right), (bottom, top) = limits["x"], limits["y"]
        x, y = np.meshgrid(np.linspace(left, right, side), np.linspace(top, bottom, side))
        places = np.stack([x.ravel(), y.ravel()], axis=1)
        sheet = picture(decode_points(model, plane.lift(places)))
        if len(sheet) <= ATLAS_BYTES or side == 2:
            return {"side": side, "sheet": sheet}
        side = max(2, int(side * math.sqrt(ATLAS_BYTES / len(sheet))))


def plane_limits(places: Sequence[np.ndarray]) -> dict[str, list[float]]:
    """A square of the plane that contains nearly all test images of all runs.

    Args:
        places: List of arrays `(images, 2)`.

    Returns:
        Dictionary with `x` and `y`, each the smallest and the largest value.
    """
    least, most = np.quantile(np.concatenate(places), [0.001, 0.999], axis=0)
    # In a collapsed VAE, all means are alike, but the prior keeps its width.
    half = max(2.5, 0.54 * float(np.max(most - least)))
    middle = (least + most) / 2
    return {name: [float(m - half), float(m + half)] for name, m in zip("xy", middle)}


def drawing_frame(images: np.ndarray) -> dict[str, Any]:
    """Size and position of the objects in images, for placing a drawing in the same way.

    Args:
        images: uint8 array `(count, height, width, channels)`.

    Returns:
        Dictionary: `side`, the median of the longer sides of the objects in pixels, and `center`,
        the mean of their centers of mass, `(x, y)` in pixels from the top left corner.
    """
    gray = images.mean(axis=-1)
    inked = gray > INK
    longer = np.maximum(_extents(inked.any(axis=1)), _extents(inked.any(axis=2)))
    mass = gray.mean(axis=0) + 1e-9
    rows, columns = np.indices(mass.shape) + 0.5
    center = [float(np.average(positions, weights=mass)) for positions in (columns, rows)]
    return {"side": float(np.median(longer)), "center": center}


def picture(images: np.ndarray) -> str:
    """Images joined into one, row by row, as a data URI: PNG, or JPEG for color images.

    Args:
        images: uint8 array `(count, height, width, channels)`.
    """
    columns = math.ceil(math.sqrt(len(images)))
    missing = -len(images) % columns
    sheet = tile(np.pad(images, ((0, missing), (0, 0), (0, 0), (0, 0))), columns, gap=0)
    file = io.BytesIO()
    if images.shape[-1] == 1:
        kind = "png"
        Image.fromarray(sheet[..., 0]).save(file, kind, optimize=True)
    else:
        kind = "jpeg"
        Image.fromarray(sheet).save(file, kind, quality=85, subsampling=0)
    return f"data:image/{kind};base64,{base64.b64encode(file.getvalue()).decode()}"


def _fits(*networks: list[Layer]) -> bool:
    """Whether a page can run the described networks while the pointer moves."""
    return (
        sum(map(count_multiplications, networks)) <= MOST_MULTIPLICATIONS
        and sum(map(count_weights, networks)) <= MOST_WEIGHTS
    )


def _extents(inked: np.ndarray) -> np.ndarray:
    """Distance from the first to the last true value of each row, both included."""
    first, last = inked.argmax(axis=1), inked.shape[1] - inked[:, ::-1].argmax(axis=1)
    return np.where(inked.any(axis=1), last - first, inked.shape[1])
