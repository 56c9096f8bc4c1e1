"""The figures of a run."""

import numpy as np

from vae_keras import plots
from vae_keras.data import scale
from vae_keras.model import VAE

MANIFOLD_SIDE = 19


def save_figures(directory, model, data, rows, seed):
    """Draw what a trained model does and save it as PNG files.

    Args:
        directory: Folder to make.
        model: `VAE` or `Autoencoder`.
        data: `ImageData`.
        rows: The history.
        seed: Integer that decides the samples.
    """
    directory.mkdir()
    figures = {"losses": plots.plot_losses(rows)}
    images = data.test_images[:10]
    figures["reconstructions"] = plots.plot_reconstructions(
        images, np.asarray(model.reconstruct(scale(images)))
    )
    if model.latent_dim == 2:
        figures["latent"] = plots.plot_latent(
            latent_points(model, data.test_images), data.test_labels, data.class_names
        )
    if isinstance(model, VAE):  # a plain autoencoder has no prior to draw from
        figures["samples"] = plots.plot_images(np.asarray(model.generate(50, seed)))
    if isinstance(model, VAE) and model.latent_dim == 2:
        z = plots.manifold_points(MANIFOLD_SIDE)
        figures["manifold"] = plots.plot_manifold(np.asarray(model.decode(z)), MANIFOLD_SIDE)
    for name, figure in figures.items():
        figure.savefig(directory / f"{name}.png", dpi=150)


def latent_points(model, images, batch_size=500):
    """Where the encoder puts images: the mean, or the point of a plain autoencoder.

    Args:
        model: `VAE` or `Autoencoder`.
        images: uint8 array `(count, height, width, channels)`.
        batch_size: Images encoded at a time.

    Returns:
        float32 array `(count, latent_dim)`.
    """
    points = []
    for start in range(0, len(images), batch_size):
        encoded = model.encode(scale(images[start : start + batch_size]))
        points.append(np.asarray(encoded["mean"] if isinstance(encoded, dict) else encoded))
    return np.concatenate(points)
