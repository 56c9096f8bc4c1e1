"""A page in which people explore the latent space of trained models."""

from vae_keras.explorer.page import PAGE_LIMIT, build_page

__all__ = ["PAGE_LIMIT", "build_page"]
