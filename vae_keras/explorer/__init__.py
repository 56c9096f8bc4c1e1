"""A web page that shows the latent space of trained models."""

from vae_keras.explorer.page import build_page

__all__ = ["build_page"]
