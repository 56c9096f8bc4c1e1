"""Command line: `python -m vae_keras.apply RUN_DIR INPUT … --output DIR`."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vae_keras.support import cli
from vae_keras.support.errors import InputError
from vae_keras.support.reporting import report
from vae_keras.support.start import load
from vae_keras.training.run import Run

if TYPE_CHECKING:
    import numpy as np


def build_parser() -> cli.Parser:
    """The options of the command line."""
    parser = cli.Parser(
        prog="python -m vae_keras.apply",
        description="Apply a trained model to new images: latents.csv and latents.npz have the "
        "latent point, reconstruction error, KL divergence, ELBO and an anomaly score of each.",
        epilog="Example: python -m vae_keras.apply saved_models/photos-gelu new/ --output latents",
    )
    parser.add_argument("directory", metavar="RUN_DIR", help="folder of a finished run")
    parser.add_argument(
        "inputs",
        nargs="*",
        metavar="INPUT",
        help="picture files, folders, .npy or .npz files, or a data set's name (its test images)",
    )
    parser.add_argument("--output", required=True, metavar="DIR", help="folder to write")
    parser.add_argument(
        "--reconstructions", action="store_true", help="also write the reconstructions"
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
    parser.add_argument("--seed", type=int, metavar="N", help="decides every draw (0)")
    parser.add_argument(
        "--data-dir", metavar="DIR", help="where tensorflow-datasets keeps its data"
    )
    cli.add_dataset(parser)
    return parser


def main(arguments: Sequence[str] | None = None) -> None:
    """Apply the model that the arguments name."""
    cli.run_command(lambda: _apply(**vars(build_parser().parse_args(arguments))))


def apply(
    run: Run | str | os.PathLike,
    inputs: "Sequence[str | os.PathLike] | np.ndarray",
    output: str | os.PathLike,
    **options: Any,
) -> Path:
    """Apply the model of a run to images; see `vae_keras.evaluation.application.apply_model`."""
    folder: Path = load("vae_keras.evaluation.application").apply_model(
        run, inputs, output, **options
    )
    return folder


def _apply(directory: str, output: str, inputs: Sequence[str] = (), **options: Any) -> None:
    run = Run(directory)
    cli.check_range("samples", options.get("samples"), 1)
    cli.check_range("seed", options.get("seed"), 0)
    run.check_finished()
    if not inputs and not options.keys() & {"samples", "between"}:
        raise InputError("nothing to do: name inputs, ⟨samples⟩ or ⟨between⟩")
    if os.path.lexists(output):  # before TensorFlow is imported
        raise InputError(f"{output} exists: name another ⟨output⟩")
    report(f"written: {apply(run, inputs, output, **options)}")


if __name__ == "__main__":
    main(sys.argv[1:])
