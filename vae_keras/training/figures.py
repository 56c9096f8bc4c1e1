"""The figures of a run."""

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from vae_keras import plots
from vae_keras.data.batches import scale
from vae_keras.data.images import ImageData
from vae_keras.latent.dimensions import kl_per_dimension
from vae_keras.latent.inference import decode_points, encode_images, latent_points
from vae_keras.latent.space import latent_plane, manifold_points
from vae_keras.model import Autoencoder

MANIFOLD_SIDE = 19
HISTOGRAMS = 50  # maximum number of latent dimensions with histograms, the first ones
FRAME_COLORS = {1: 32, 3: 256}  # by channels; more grays double the file without visible effect
TRAVERSALS = 10  # maximum number of dimensions with traversals, those with the largest KL
TRAVERSED = np.linspace(-3, 3, 7)  # standard deviations of the prior
FRAME_SECONDS, LAST_FRAME_SECONDS = 0.25, 2.0


def save_figures(
    directory: Path,
    model: Autoencoder,
    data: ImageData,
    rows: list[dict[str, Any]],
    samples: dict[int, np.ndarray],
    seed: int,
) -> None:
    """Draw the figures of a trained model and save them as PNG files and a GIF.

    Args:
        directory: Folder to create.
        model: `VAE` or `Autoencoder`.
        data: `ImageData`.
        rows: The history.
        samples: Images decoded from the same z after some epochs, see `Run.read_samples`.
        seed: Integer seed of the samples.
    """
    directory.mkdir()
    figures = {"losses": plots.plot_losses(rows)}
    images = data.test_images[:10]
    figures["reconstructions"] = plots.plot_reconstructions(
        images, np.asarray(model.reconstruct(scale(images)))
    )
    if model.latent_dim > 1:
        figures |= _draw_plane(model, data)
    if model.has_prior:  # a plain autoencoder has no prior to draw from
        figures["samples"] = plots.plot_images(np.asarray(model.generate(50, seed)))
    if model.has_prior and model.latent_dim > 2:
        encoded = encode_images(model, data.test_images)
        kl = kl_per_dimension(encoded["mean"], encoded["log_var"])
        draws = _posterior_draws(encoded, seed)[:, :HISTOGRAMS]
        figures["histograms"] = plots.plot_histograms(draws, kl[:HISTOGRAMS])
        figures["traversals"] = _draw_traversals(model, kl)
    if samples:
        figures["training"] = plots.plot_training(samples)
        colors = FRAME_COLORS[data.image_shape[-1]]
        save_animation(plots.training_frames(samples), directory / "training.gif", colors)
    for name, figure in figures.items():
        figure.savefig(directory / f"{name}.png", dpi=150)


def save_animation(frames: list[Image.Image], path: Path, colors: int = FRAME_COLORS[1]) -> None:
    """Write images as a looping GIF that pauses at the last one.

    Args:
        frames: List of `PIL.Image.Image`.
        path: File to write.
        colors: Number of colors of a frame, at most 256.
    """
    frames = [frame.quantize(colors, dither=Image.Dither.NONE) for frame in frames]
    seconds = [FRAME_SECONDS] * (len(frames) - 1) + [LAST_FRAME_SECONDS]
    frames[0].save(
        path,
        save_all=True,
        append_images=frames[1:],
        duration=[round(1000 * each) for each in seconds],
        loop=0,
    )


def _draw_plane(model: Autoencoder, data: ImageData) -> dict[str, Figure]:
    """The latent plane: the test images, and for a VAE images decoded on a grid."""
    points = latent_points(model, data.test_images)
    plane = latent_plane(points)
    labels, names = (data.test_labels, data.class_names) if data.has_test_classes else (None, ())
    places, prior = plane.project(points), model.has_prior
    figures = {"latent": plots.plot_latent(places, labels, names, plane.names, prior=prior)}
    if model.has_prior:
        images = decode_points(model, plane.lift(manifold_points(MANIFOLD_SIDE)))
        figures["manifold"] = plots.plot_manifold(images, MANIFOLD_SIDE, plane.names)
    return figures


def _draw_traversals(model: Autoencoder, kl: np.ndarray) -> Figure:
    """Traversals through the origin along the dimensions with the largest KL divergence."""
    dimensions = np.argsort(-kl, kind="stable")[:TRAVERSALS]
    z = np.zeros((len(dimensions), len(TRAVERSED), len(kl)))
    for row, dimension in enumerate(dimensions):
        z[row, :, dimension] = TRAVERSED
    images = decode_points(model, z.reshape(-1, len(kl))).reshape(*z.shape[:2], *model.image_shape)
    return plots.plot_traversals(images, TRAVERSED, dimensions, kl[dimensions])


def _posterior_draws(encoded: dict[str, np.ndarray], seed: int) -> np.ndarray:
    noise = np.random.default_rng(seed).standard_normal(encoded["mean"].shape)
    return encoded["mean"] + np.exp(0.5 * encoded["log_var"]) * noise
