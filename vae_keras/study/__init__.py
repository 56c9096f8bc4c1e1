"""Variants × seeds: trained side by side, compared with error bars.

`python -m vae_keras.study gelu` trains, `python -m vae_keras.study report DIR` redraws.
"""
