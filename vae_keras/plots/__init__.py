"""Figures: functions from arrays to a `matplotlib.figure.Figure`.

An array may be a NumPy array, a tensor of any backend of Keras, or a list.
"""

from vae_keras.plots.colors import class_colors, variant_colors
from vae_keras.plots.distributions import plot_density, plot_histograms, plot_posteriors
from vae_keras.plots.evaluation import plot_evaluation
from vae_keras.plots.functions import plot_functions
from vae_keras.plots.images import plot_images, plot_reconstructions
from vae_keras.plots.latent import plot_latent, plot_latent_and_quantiles, plot_places
from vae_keras.plots.losses import plot_loss_comparison, plot_losses
from vae_keras.plots.manifold import plot_lattice, plot_manifold
from vae_keras.plots.paths import plot_arithmetic, plot_convergence, plot_interpolations
from vae_keras.plots.study import plot_curves, plot_differences, plot_rate_distortion
from vae_keras.plots.training import plot_training, training_frames
from vae_keras.plots.traversals import plot_traversals

__all__ = [
    "class_colors",
    "plot_arithmetic",
    "plot_convergence",
    "plot_curves",
    "plot_density",
    "plot_differences",
    "plot_evaluation",
    "plot_functions",
    "plot_histograms",
    "plot_images",
    "plot_interpolations",
    "plot_latent",
    "plot_latent_and_quantiles",
    "plot_lattice",
    "plot_loss_comparison",
    "plot_losses",
    "plot_manifold",
    "plot_places",
    "plot_posteriors",
    "plot_rate_distortion",
    "plot_reconstructions",
    "plot_training",
    "plot_traversals",
    "training_frames",
    "variant_colors",
]
