"""The export formats: their requirements, and the functions that write them."""

import importlib.util
import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from vae_keras.config import EXPORTS
from vae_keras.support.errors import InputError, check_name
from vae_keras.support.files import check_new_folder, replacing
from vae_keras.support.reporting import working
from vae_keras.support.start import check_backend
from vae_keras.training.names import is_pretrained
from vae_keras.training.run import Run

if TYPE_CHECKING:
    from vae_keras.export.check import Check
    from vae_keras.model import Autoencoder


class Format(NamedTuple):
    """A format, and the modules that it needs besides TensorFlow.

    Attributes:
        title: Its name in texts.
        reader: The function or class that opens an export.
        writers: Modules that write it.
        runtimes: Modules that run it.
    """

    title: str
    reader: str
    writers: tuple[str, ...] = ()
    runtimes: tuple[str, ...] = ()


FUNCTIONS = {"encode": "images", "decode": "z", "reconstruct": "images"}  # and their inputs
_LITERT = ("ai_edge_litert.interpreter.Interpreter", (), ("ai_edge_litert",))
FORMATS = {
    "saved_model": Format("SavedModel", "tf.saved_model.load"),
    "onnx": Format(
        "ONNX", "onnxruntime.InferenceSession", ("onnx", "tf2onnx"), ("onnx", "onnxruntime")
    ),
    "litert": Format("LiteRT", *_LITERT),
    "litert_int8": Format("LiteRT int8", *_LITERT),
}


def check_formats(formats: Iterable[str], is_to_run: bool = False) -> None:
    """Raise `InputError` unless the modules that formats need are installed. Imports none of them.

    Args:
        formats: Names in `EXPORTS`.
        is_to_run: Whether the exports will also be run.
    """
    for name in formats:
        check_name("format", name, EXPORTS)
        needed = FORMATS[name].writers + (FORMATS[name].runtimes if is_to_run else ())
        missing = [module for module in dict.fromkeys(needed) if not _is_installed(module)]
        if missing:
            packages = " ".join(module.replace("_", "-") for module in missing)
            raise InputError(
                f"{'to run' if is_to_run else 'to export to'} {name}, {' and '.join(missing)} must "
                f"be installed: pip install {packages}"
            )


def _is_installed(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


def export_model(model: "Autoencoder", path: str | os.PathLike, format: str) -> None:
    """Write a model in one format.

    Args:
        model: `VAE` or `Autoencoder`.
        path: File or folder to write.
        format: A name in `EXPORTS`.

    Raises:
        InputError: If a package is missing, Keras's backend is not TensorFlow, or the format lacks
            an operation of the model.
    """
    check_backend()
    check_formats([format])
    if format == "saved_model":
        from vae_keras.export.saved_model import export_saved_model

        export_saved_model(model, path)
    elif format == "onnx":
        from vae_keras.export.onnx import export_onnx

        export_onnx(model, path)
    else:
        from vae_keras.export.litert import export_litert

        export_litert(model, path, int8=format == "litert_int8")


def check_output(run: Run, output: str | os.PathLike | None) -> None:
    """Raise `InputError` unless the exports of a run can be written."""
    if output is not None:
        check_new_folder(output)
    elif is_pretrained(run):
        raise InputError(
            f"{run.directory.name} is a model of the package: choose a folder to write (⟨output⟩)"
        )
    else:
        run.check_places()


def export_run(
    run: Run,
    formats: Iterable[str],
    output: str | os.PathLike | None = None,
    check: bool = False,
) -> dict[str, "Check"]:
    """Export the model of a finished run.

    Args:
        run: `Run`.
        formats: Names in `EXPORTS`.
        output: A new folder to write; None for the folder of the run, whose own exports are
            replaced.
        check: Also run each export, and compare it with the model.

    Returns:
        Dictionary from each format to its `Check`; empty without `check`.

    Raises:
        InputError: As `export_model`, or if the run is not finished, the folder cannot be written,
            or an export differs from the model. That export is not written.
    """
    from vae_keras.export.check import check_export
    from vae_keras.export.loading import load_model_of

    formats = tuple(dict.fromkeys(formats))
    check_formats(formats, is_to_run=check)
    run.check_finished()
    check_output(run, output)
    model = load_model_of(run)

    def write(folder: Path) -> dict[str, "Check"]:
        checks = {}
        for name in formats:
            place = folder / EXPORTS[name]
            with working(f"Exporting to {FORMATS[name].title}"), replacing(place) as path:
                export_model(model, path, name)
                if check:
                    checks[name] = check_export(model, path, name)
        return checks

    if output is None:
        with run.locked():
            run.remove_unfinished()
            return write(run.directory)
    with replacing(output) as folder:
        folder.mkdir()
        return write(folder)
