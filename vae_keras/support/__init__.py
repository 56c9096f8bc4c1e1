"""What is not about variational autoencoders: errors, files, seeds, signals, command lines."""
