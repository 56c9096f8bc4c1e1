"""A page in which people explore the latent space of trained models."""

from vae_keras.explorer.page import build_page

__all__ = ["build_page"]
