"""Command line: `python -m vae_keras.explore RUN_DIR [RUN_DIR …]`."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from vae_keras.data.images import ImageData
from vae_keras.data.sources import load_configured, resolve_dataset
from vae_keras.support import cli
from vae_keras.support.errors import InputError, check_text
from vae_keras.support.files import absolute, read_file, replacing
from vae_keras.support.reporting import report, working
from vae_keras.support.start import load
from vae_keras.training.names import PRETRAINED, find_run, is_pretrained
from vae_keras.training.run import Run

PAGE_TITLE = b"<title>Latent space explorer</title>"


def build_parser() -> cli.Parser:
    """The options of the command line."""
    parser = cli.Parser(
        prog="python -m vae_keras.explore",
        description="Write an HTML file that shows the latent space of trained models: the page "
        "decodes the point under the pointer. Several runs of one data set are shown side by side. "
        "The file needs no server and no network.",
        example="python -m vae_keras.explore saved_models/digits-gelu",
    )
    parser.add_argument(
        "directories",
        nargs="+",
        metavar="RUN_DIR",
        help=f"folder of a finished run, or a model of the package: {', '.join(PRETRAINED)}",
    )
    parser.add_argument(
        "--output",
        metavar="FILE",
        help="file to write (default: explorer.html in the folder of the first run, or in the "
        "current folder for a model of the package; explorer-2.html and so on if that name is "
        "taken)",
    )
    parser.add_argument(
        "--images",
        type=int,
        default=2000,
        metavar="N",
        help="maximum number of test images, chosen at random",
    )
    cli.add_data_dir(parser)
    cli.add_dataset(parser)
    parser.add_argument(
        "--overwrite", action="store_true", help="replace a page that this command wrote"
    )
    return parser


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the page for the runs that the arguments name."""
    cli.run_command(lambda: explore(**vars(build_parser().parse_args(arguments))))


def explore(
    directories: Sequence[str],
    images: int,
    output: str | None = None,
    data_dir: str | None = None,
    overwrite: bool = False,
    dataset: str | None = None,
) -> None:
    """Write the page for some runs, and report its path."""
    runs = [find_run(directory) for directory in directories]
    cli.check_range("images", images, 1)
    for run in runs:
        run.check_finished()
    _check_same_data([run for run in runs if not is_pretrained(run)])
    file = _default_output(runs[0], overwrite) if output is None else Path(output)
    _check_output(file, overwrite)
    build_page = load("vae_keras.explorer").build_page
    data = _load_images(runs, dataset, data_dir)
    with working("Encoding the images and packing the networks"):
        page, shown = build_page(runs, data, images)
    with replacing(file) as aside:
        aside.write_text(page, encoding="utf-8")
    size = file.stat().st_size / 2**20
    report(f"written: {file} ({size:.1f} MiB, {shown:,} test images); open it in a browser")


def _load_images(runs: Sequence[Run], dataset: str | None, data_dir: str | None) -> ImageData:
    """The data set of the runs. Models of the package are shown with the images of the others."""
    for run in runs:
        if not is_pretrained(run):
            return run.find_data(dataset=dataset, data_dir=data_dir)
    source, remark = resolve_dataset(dataset or "auto", data_dir)
    if remark:
        report(remark)
    return load_configured(runs[0].read_config().replace(dataset=source.name, data_dir=data_dir))


def _check_same_data(runs: Sequence[Run]) -> None:
    """Raise `InputError` unless all runs have the same test images."""
    configs = [run.read_config() for run in runs]
    for run, config in zip(runs[1:], configs[1:]):
        first = configs[0]
        if run.read_data_summary().get("sha256") == runs[0].read_data_summary().get("sha256"):
            continue  # even if they were at another place
        for name in ("dataset", "image_size", "channels", "test_fraction"):
            if getattr(config, name) != getattr(first, name):
                raise InputError(
                    f"⟨{name}⟩ is {getattr(first, name)!r} in {runs[0].directory} and "
                    f"{getattr(config, name)!r} in {run.directory}: pass runs of one data set"
                )


def _default_output(run: Run, overwrite: bool) -> Path:
    """A path in the folder of a run, with the first free name."""
    # The models of the package are in the folder of the package, not in the user's.
    is_own = not is_pretrained(run)
    folder = run.directory if is_own and _is_writable(run.directory) else Path()
    number = 1
    while True:
        file = folder / ("explorer.html" if number == 1 else f"explorer-{number}.html")
        if not os.path.lexists(file) or (overwrite and _is_page(file)):
            return file
        number += 1


def _check_output(output: Path, overwrite: bool) -> None:
    """Raise `InputError` unless the page may be written."""
    absolute(output)  # raises for an unexpanded ~
    check_text(os.fspath(output))
    if output.is_dir():
        raise InputError(f"{output} is a folder: choose a file as ⟨output⟩")
    if os.path.lexists(output):
        if not _is_page(output):
            raise InputError(f"{output} is not a page of this command: choose another ⟨output⟩")
        if not overwrite:
            raise InputError(
                f"{output} exists: replace it with ⟨overwrite⟩, or choose another ⟨output⟩"
            )
    if not _is_writable(output.parent):
        raise InputError(f"{output.parent} is not a writable folder: choose another ⟨output⟩")


def _is_page(file: Path) -> bool:
    """Whether this command wrote a file, so that it may be replaced."""
    try:
        return not file.is_symlink() and PAGE_TITLE in read_file(file)[:4096]
    except InputError:
        return False


def _is_writable(folder: Path) -> bool:
    return folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)


if __name__ == "__main__":
    main(sys.argv[1:])
