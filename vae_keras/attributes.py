"""Command line: `python -m vae_keras.attributes RUN_DIR --attribute NAME`."""

import sys

from vae_keras import cli
from vae_keras.runs import Run
from vae_keras.signals import deferred_signals


def build_parser():
    """The options of the command line."""
    parser = cli.Parser(
        prog="python -m vae_keras.attributes",
        description="Find the direction in the latent space that stands for an attribute of the "
        "images, such as a smile, and add it to some of them.",
    )
    parser.add_argument("run", metavar="RUN_DIR", help="folder of a finished run")
    parser.add_argument("--attribute", required=True, metavar="NAME", help="such as Smiling")
    parser.add_argument(
        "--attributes",
        metavar="FILE",
        help="CSV file: the name of a picture's file, then its attributes; by default the run's",
    )
    parser.add_argument("--data-dir", metavar="DIR", help="where tensorflow-datasets keeps its data")
    return parser


def main(arguments=None):
    """Do what the arguments ask for, and print what was found."""
    cli.run_command(lambda: find(**vars(build_parser().parse_args(arguments))))


def find(run, attribute, attributes=None, data_dir=None):
    """Find the vector of an attribute and say what it is like."""
    run = Run(run)
    run.check_finished()
    run.check_unlocked()
    with deferred_signals() as signals:  # an interrupted import fails in many ways
        cli.import_tensorflow()
        from vae_keras.attribute_vectors import attribute_of_run
    signals.check()
    folder, found = attribute_of_run(run, attribute, attributes, data_dir)
    print(
        f"{attribute}: {found['images_with']:,} training images with it, "
        f"{found['images_without']:,} without\nlength of the vector: {found['norm']:.3f}"
    )
    if found["last_change"] is not None:
        print(f"changed by the last batch of images: {found['last_change']:.1%}")
    print(f"written: {folder}")


if __name__ == "__main__":
    main(sys.argv[1:])
