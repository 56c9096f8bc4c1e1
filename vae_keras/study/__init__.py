"""Studies: variants × seeds, trained in parallel and compared with error bars.

`python -m vae_keras.study gelu` trains, `python -m vae_keras.study report DIR` rewrites the report.
"""
