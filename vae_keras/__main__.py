"""The commands: `python -m vae_keras COMMAND …`, or the script `vae-keras COMMAND …`."""

import importlib
import sys
from collections.abc import Sequence

COMMANDS = {
    "fit": "train a model, draw figures, save and export it",
    "evaluate": "measure trained models: loss, likelihood, latent space, samples",
    "apply": "encode, reconstruct and score new images with a trained model",
    "export": "write a trained model for other runtimes: SavedModel, ONNX, LiteRT",
    "attributes": "find the latent direction of an attribute, such as a smile",
    "explore": "write a web page that shows the latent space of trained models",
    "study": "train and compare many variants with several seeds",
    "benchmark": "time a training step against plain Keras and PyTorch",
}
# Commands that are packages: their command line is in __main__.py.
PACKAGES = ("export", "study", "benchmark")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command that the first argument names."""
    from vae_keras.support.cli import run_command

    command, *rest = (sys.argv[1:] if arguments is None else arguments) or ["--help"]
    if command in COMMANDS:
        module = f"vae_keras.{command}.__main__" if command in PACKAGES else f"vae_keras.{command}"
        importlib.import_module(module).main(rest)
    else:
        run_command(lambda: _answer(command))


def _answer(word: str) -> None:
    """Print help or the version; raise `InputError` for an unknown command."""
    import vae_keras
    from vae_keras.support.errors import check_name

    if word in ("-h", "--help"):
        print(_usage())
    elif word == "--version":
        print(f"vae_keras {vae_keras.__version__}")
    else:
        check_name("command", word, COMMANDS)


def _usage() -> str:
    commands = "\n".join(f"  {name:<12}{purpose}" for name, purpose in COMMANDS.items())
    return (
        f"usage: python -m vae_keras COMMAND [--help]\n\n{commands}\n\n"
        "example:\n  python -m vae_keras fit --activation gelu"
    )


if __name__ == "__main__":
    main()
