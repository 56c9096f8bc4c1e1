"""The latent space: whole arrays into it and out of it, planes, paths and directions."""
