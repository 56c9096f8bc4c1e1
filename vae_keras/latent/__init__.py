"""The latent space: encoding and decoding of arrays, planes, paths and directions."""
