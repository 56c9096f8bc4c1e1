"""Command line: `python -m vae_keras.export RUN_DIR --format FORMATS`."""

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from vae_keras.config import EXPORTS
from vae_keras.export.formats import FORMATS, FUNCTIONS, check_formats, check_output, export_run
from vae_keras.support import cli, terminal
from vae_keras.support.reporting import report
from vae_keras.support.settings import parse_names
from vae_keras.support.start import load
from vae_keras.support.text import plain, wrap
from vae_keras.training.names import PRETRAINED, find_run

if TYPE_CHECKING:
    from vae_keras.export.check import Check


def build_parser() -> cli.Parser:
    """The options of the command line."""
    parser = cli.Parser(
        prog="python -m vae_keras.export",
        description="Export the encoder and the decoder of a trained model for other runtimes.",
        example="python -m vae_keras.export saved_models/mnist-gelu --format onnx,litert",
    )
    parser.add_argument(
        "directory",
        metavar="RUN_DIR",
        help=f"folder of a finished run, or a model of the package: {', '.join(PRETRAINED)}",
    )
    parser.add_argument(
        "--format",
        required=True,
        dest="formats",
        type=parse_names,
        metavar="NAME,NAME,…",
        help=f"formats, separated by commas: {', '.join(EXPORTS)}",
    )
    parser.add_argument(
        "--output",
        metavar="DIR",
        help="folder to create (default: the folder of the run; needed for models of the package)",
    )
    parser.add_argument(
        "--check",
        action="store_true",
        help="also run each export in its own runtime, compare it with the model and time it",
    )
    return parser


def main(arguments: Sequence[str] | None = None) -> None:
    """Export the model that the arguments name."""
    cli.run_command(lambda: _export(**vars(build_parser().parse_args(arguments))))


def _export(
    directory: str, formats: Sequence[str], output: str | None = None, check: bool = False
) -> None:
    run = find_run(directory)
    check_formats(formats, is_to_run=check)  # all of this before TensorFlow is imported
    run.check_finished()
    check_output(run, output)
    load("vae_keras.export.loading")  # imports TensorFlow
    checks = export_run(run, formats, output, check)
    for name in dict.fromkeys(formats):
        report(f"written: {run.exports[name] if output is None else f'{output}/{EXPORTS[name]}'}")
    if checks:
        report(describe(checks))


def describe(checks: Mapping[str, "Check"]) -> str:
    """A table of the differences between exports and the model."""
    rows = [["", "KiB", *FUNCTIONS, "ms/image"]]
    for name, found in checks.items():
        rows.append(
            [
                FORMATS[name].title,
                f"{found.bytes / 1024:,.0f}",
                *(f"{found.differences[function]:.1e}" for function in FUNCTIONS),
                f"{found.milliseconds:.2f}",
            ]
        )
    text = "Largest absolute differences from the model; shortest time of reconstruct."
    width = terminal.width()
    return "\n".join(["", plain(rows, width), wrap(text, width)])


if __name__ == "__main__":
    main(sys.argv[1:])
