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
    if program == "-m":  # Python is still looking for the module that it is to run
        module = sys.orig_argv[-len(sys.argv)].removeprefix("-m")
        return module.partition(".")[0] == __name__
    is_script = os.path.splitext(os.path.basename(program))[0] == "vae-keras"
    return is_script or program.startswith(os.path.dirname(__file__) + os.sep)


if not _runs_a_command():
    if os.environ.get("TF_CPP_MIN_LOG_LEVEL") == "3":
        # TensorFlow itself does not apply it to its first lines.
        from vae_keras.support.start import import_tensorflow

        import_tensorflow()
    # Keras finds the classes of a saved model only once they are registered.
    import vae_keras.backend.smooth
    import vae_keras.model  # noqa: F401
