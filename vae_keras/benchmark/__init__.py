"""How fast a training step is, beside the same network written in other ways.

`python -m vae_keras.benchmark` prints the tables; it asserts nothing about time.
"""
