"""The time of a training step, compared with other implementations of the same network.

`python -m vae_keras.benchmark` prints the tables; it asserts nothing about time.
"""
