"""The figures of a run."""

import numpy as np
from PIL import Image

from vae_keras import plots
from vae_keras.data import scale
from vae_keras.inference import decode_points, encode_images, latent_points
from vae_keras.latent_space import latent_plane, manifold_points
from vae_keras.model import VAE

MANIFOLD_SIDE = 19
HISTOGRAMS = 50  # latent dimensions whose histograms fit into a figure: the first so many
FRAME_COLORS = 32  # more would double the file, and are not seen
FRAME_SECONDS, LAST_FRAME_SECONDS = 0.25, 2.0


def save_figures(directory, model, data, rows, samples, seed):
    """Draw what a trained model does and save it as PNG files and a GIF.

    Args:
        directory: Folder to make.
        model: `VAE` or `Autoencoder`.
        data: `ImageData`.
        rows: The history.
        samples: What was decoded from the same z after some epochs, see `Run.read_samples`.
        seed: Integer that decides the samples.
    """
    directory.mkdir()
    figures = {"losses": plots.plot_losses(rows)}
    images = data.test_images[:10]
    figures["reconstructions"] = plots.plot_reconstructions(
        images, np.asarray(model.reconstruct(scale(images)))
    )
    if model.latent_dim > 1:
        figures |= _draw_plane(model, data)
    if isinstance(model, VAE):  # a plain autoencoder has no prior to draw from
        figures["samples"] = plots.plot_images(np.asarray(model.generate(50, seed)))
    if isinstance(model, VAE) and model.latent_dim > 2:
        draws = _posterior_draws(model, data, seed)
        figures["histograms"] = plots.plot_histograms(draws[:, :HISTOGRAMS])
    if samples:
        figures["training"] = plots.plot_training(samples)
        save_animation(plots.training_frames(samples), directory / "training.gif")
    for name, figure in figures.items():
        figure.savefig(directory / f"{name}.png", dpi=150)


def save_animation(frames, path):
    """Write images as an endless GIF that rests on the last one.

    Args:
        frames: List of `PIL.Image.Image`.
        path: File to write.
    """
    frames = [frame.quantize(FRAME_COLORS, dither=Image.Dither.NONE) for frame in frames]
    seconds = [FRAME_SECONDS] * (len(frames) - 1) + [LAST_FRAME_SECONDS]
    frames[0].save(
        path,
        save_all=True,
        append_images=frames[1:],
        duration=[round(1000 * each) for each in seconds],
        loop=0,
    )


def _draw_plane(model, data):
    """The latent plane: test images in it, and for a VAE what is decoded over it."""
    points = latent_points(model, data.test_images)
    plane = latent_plane(points)
    labels, names = data.test_labels, data.class_names
    figures = {"latent": plots.plot_latent(plane.project(points), labels, names, plane.names)}
    if isinstance(model, VAE):
        images = decode_points(model, plane.lift(manifold_points(MANIFOLD_SIDE)))
        figures["manifold"] = plots.plot_manifold(images, MANIFOLD_SIDE, plane.names)
    return figures


def _posterior_draws(model, data, seed):
    encoded = encode_images(model, data.test_images)
    noise = np.random.default_rng(seed).standard_normal(encoded["mean"].shape)
    return encoded["mean"] + np.exp(0.5 * encoded["log_var"]) * noise
