"""Command line: `python -m vae_keras.attributes RUN_DIR --attribute NAME`."""

import sys
from collections.abc import Sequence

from vae_keras.support import cli
from vae_keras.support.reporting import report
from vae_keras.support.start import load
from vae_keras.training.run import Run


def build_parser() -> cli.Parser:
    """The options of the command line."""
    parser = cli.Parser(
        prog="python -m vae_keras.attributes",
        description="Find the latent direction of an attribute of the images, such as a smile, and "
        "add it to some test images.",
        example="python -m vae_keras.attributes saved_models/photos-gelu --attribute Smiling",
    )
    parser.add_argument("directory", metavar="RUN_DIR", help="folder of a finished run")
    parser.add_argument(
        "--attribute", required=True, metavar="NAME", help="name of the attribute, such as Smiling"
    )
    parser.add_argument(
        "--attributes",
        metavar="FILE",
        help="CSV file: the name of a picture file, then its attributes (default: the run's)",
    )
    cli.add_data_dir(parser)
    cli.add_dataset(parser)
    return parser


def main(arguments: Sequence[str] | None = None) -> None:
    """Find the vector that the arguments name, and print its properties."""
    cli.run_command(lambda: find(**vars(build_parser().parse_args(arguments))))


def find(
    directory: str,
    attribute: str,
    attributes: str | None = None,
    data_dir: str | None = None,
    dataset: str | None = None,
) -> None:
    """Find the vector of an attribute and report its properties."""
    run = Run(directory)
    run.check_finished()
    run.check_places()
    run.check_unlocked()
    attribute_of_run = load("vae_keras.latent.attribute_vectors").attribute_of_run
    folder, found = attribute_of_run(run, attribute, attributes, data_dir, dataset)
    report(
        f"{attribute}: {found['images_with']:,} training images with it, "
        f"{found['images_without']:,} without\nlength of the vector: {found['norm']:.3f}"
    )
    if found["last_change"] is not None:
        report(f"the last batch of images changed the vector by {found['last_change']:.1%}")
    report(f"written: {folder}")


if __name__ == "__main__":
    main(sys.argv[1:])
