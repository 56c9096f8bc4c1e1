"""The commands: `python -m vae_keras COMMAND …`, or the script `vae-keras COMMAND …`."""

import importlib
import sys
from collections.abc import Sequence

COMMANDS = {
    "fit": "train a model, draw figures, save and export it",
    "evaluate": "measure trained models: loss, likelihood, latent space, samples",
    "apply": "encode, reconstruct and score new images with a trained model",
    "attributes": "find and show the direction of an attribute, such as a smile",
    "explore": "write a page for exploring the latent space of trained models",
    "study": "train and compare many variants with several seeds",
    "benchmark": "time a training step against plain Keras and PyTorch",
}
PACKAGES = ("study", "benchmark")  # whose command lines are their __main__


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command that the first argument names."""
    from vae_keras.support.cli import EXIT_USAGE, fail
    from vae_keras.support.errors import InputError, check_name

    command, *rest = (sys.argv[1:] if arguments is None else arguments) or ["--help"]
    if command in ("-h", "--help"):
        print(_usage())
        return
    if command == "--version":
        import vae_keras

        print(f"vae_keras {vae_keras.__version__}")
        return
    try:
        check_name("command", command, COMMANDS)
    except InputError as error:
        fail(error, EXIT_USAGE)
    module = f"vae_keras.{command}"
    if command in PACKAGES:
        module += ".__main__"
    importlib.import_module(module).main(rest)


def _usage() -> str:
    commands = "\n".join(f"  {name:<12}{purpose}" for name, purpose in COMMANDS.items())
    return f"usage: python -m vae_keras COMMAND [--help]\n\n{commands}"


if __name__ == "__main__":
    main()
