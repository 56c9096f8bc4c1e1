"""The variational autoencoder of "Generative Deep Learning" for Keras 3."""

import os
import sys

import lazy_loader

__version__ = "0.2.0"

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)


def _runs_a_command() -> bool:
    """Whether Python was started to run a command of this package.

    Commands answer --help at once, and import TensorFlow when their arguments are valid.
    """
    program = sys.argv[0] if sys.argv else ""
    if program == "-m":  # Python is still looking for the module to run
        module = sys.orig_argv[-len(sys.argv)].removeprefix("-m")
        return module.partition(".")[0] == __name__
    is_script = os.path.splitext(os.path.basename(program))[0] == "vae-keras"
    return is_script or program.startswith(os.path.dirname(__file__) + os.sep)


def _prepare_command() -> None:
    """Open the standard streams and handle signals without traceback, before modules load."""
    from vae_keras.support import signals, terminal

    # Worker processes of a command look like commands, but are started in another way.
    if sys.argv[0] == "-m" or sys.argv[0] in sys.orig_argv:
        terminal.open_closed_streams()
        signals.handle(signals.end_process)


def _is_to_be_quiet() -> bool:
    from vae_keras.support.terminal import in_notebook

    return in_notebook() or os.environ.get("TF_CPP_MIN_LOG_LEVEL") == "3"


if _runs_a_command():
    _prepare_command()
else:
    if _is_to_be_quiet():
        # TensorFlow itself does not apply its log level to its first lines.
        from vae_keras.support.start import import_tensorflow

        import_tensorflow()
    import vae_keras.backend.registered
    import vae_keras.model  # noqa: F401
