"""Command line: `python -m vae_keras.apply RUN_DIR INPUT … --output DIR`."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vae_keras.support import cli
from vae_keras.support.errors import InputError
from vae_keras.support.files import check_new_folder
from vae_keras.support.reporting import report
from vae_keras.support.start import load
from vae_keras.training.names import PRETRAINED, find_run
from vae_keras.training.run import Run

if TYPE_CHECKING:
    import numpy as np


def build_parser() -> cli.Parser:
    """The options of the command line."""
    parser = cli.Parser(
        prog="python -m vae_keras.apply",
        description="Apply a trained model to new images. latents.csv and latents.npz contain the "
        "latent point, reconstruction error, KL divergence and ELBO of each image, and "
        "share_worse, the share of training images that the model explains worse (small for "
        "anomalies).",
        example="python -m vae_keras.apply saved_models/photos-gelu new/ --output latents",
    )
    parser.add_argument(
        "directory",
        metavar="RUN_DIR",
        help=f"folder of a finished run, or a model of the package: {', '.join(PRETRAINED)}",
    )
    parser.add_argument(
        "inputs",
        nargs="*",
        metavar="INPUT",
        help="picture files, folders, .npy or .npz files, or a data set (its test images)",
    )
    parser.add_argument("--output", required=True, metavar="DIR", help="folder to write")
    parser.add_argument(
        "--reconstructions",
        action="store_true",
        help="also write the reconstructions: PNG files of pictures, reconstructions.npy of arrays "
        "and data sets",
    )
    parser.add_argument(
        "--samples",
        type=int,
        metavar="N",
        help="also write N new images from the prior",
    )
    parser.add_argument(
        "--between", nargs=2, metavar=("A", "B"), help="also draw a path between two pictures"
    )
    parser.add_argument(
        "--seed", type=int, metavar="N", help="seed of all random draws (default: 0)"
    )
    cli.add_data_dir(parser)
    cli.add_dataset(parser)
    return parser


def main(arguments: Sequence[str] | None = None) -> None:
    """Apply the model that the arguments name."""
    cli.run_command(lambda: _apply(**vars(build_parser().parse_args(arguments))))


def apply(
    run: Run | str | os.PathLike,
    inputs: "Sequence[str | os.PathLike] | np.ndarray",
    output: str | os.PathLike,
    reconstructions: bool = False,
    samples: int = 0,
    between: Sequence[str | os.PathLike] | None = None,
    seed: int = 0,
    dataset: str | os.PathLike | None = None,
    data_dir: str | None = None,
    data: Any = None,
) -> Path:
    """Apply the model of a run to images, and write the results into a new folder.

    The folder has `latents.csv`, one row for each image, and `latents.npz`, the same as arrays:

    * `file` (array: `files`)
    * the outputs of the encoder. For a VAE, the means `mean_1`, `mean_2`, … and the standard
      deviations `deviation_1`, `deviation_2`, … (arrays: `mean` and `log_var`). For a plain
      autoencoder, `z_1`, `z_2`, … (array: `z`).
    * `reconstruction_error`: the error of the image decoded from the latent point (without noise),
      averaged over pixels
    * `kl`: the KL divergence in nats, of a VAE only
    * `elbo`: the ELBO in nats, averaged over five draws of z, of a VAE only
    * `share_worse`: the share of up to 2,000 random training images that the model explains worse.
      A small share marks an anomaly. The column is omitted, with a warning, if the training images
      are not available.

    Args:
        run: A finished run, its folder, or the name of a model that comes with the package.
        inputs: An array of images, or paths and data sets, see `vae_keras.data.inputs.Inputs`.
        output: Folder to write. It must not exist.
        reconstructions: Also write the reconstruction of each image: a PNG file for a picture, and
            for arrays and data sets the uint8 array `reconstructions.npy`, in the order of their
            rows in `latents.csv`.
        samples: Number of new images from the prior to write.
        between: Two inputs of one image each; writes a path between them in latent space.
        seed: Seed of all random draws.
        dataset, data_dir, data: New location of the training images, see `Run.find_data`.

    Returns:
        The folder.

    Raises:
        InputError: If the run is not finished, an input cannot be used, or the folder exists.
    """
    if not len(inputs) and not samples and between is None:
        raise InputError("nothing to do: pass inputs, ⟨samples⟩ or ⟨between⟩")
    apply_model = load("vae_keras.evaluation.application").apply_model
    folder: Path = apply_model(
        run,
        inputs,
        output,
        reconstructions=reconstructions,
        samples=samples,
        between=between,
        seed=seed,
        dataset=dataset,
        data_dir=data_dir,
        data=data,
    )
    return folder


def _apply(directory: str, output: str, inputs: Sequence[str] = (), **options: Any) -> None:
    run = find_run(directory)
    cli.check_range("samples", options.get("samples"), 1)
    cli.check_range("seed", options.get("seed"), 0)
    run.check_finished()
    check_new_folder(output)  # before TensorFlow is imported
    report(f"written: {apply(run, inputs, output, **options)}")


if __name__ == "__main__":
    main(sys.argv[1:])
