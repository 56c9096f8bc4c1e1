"""Starting TensorFlow for commands: without its messages, and without interruption by Ctrl-C."""

import contextlib
import gc
import importlib
import importlib.metadata
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from types import ModuleType

from vae_keras.support.errors import InputError, shown
from vae_keras.support.files import read_text
from vae_keras.support.memory import check_address_space
from vae_keras.support.reporting import report
from vae_keras.support.signals import deferred_signals

WIDE_VECTORS = "--xla_cpu_prefer_vector_width=512"
KERAS_CHOICES = {
    "floatx": ("float32", "float64", "float16", "bfloat16"),
    "image_data_format": ("channels_last", "channels_first"),
}
THREADS = ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")


def load(module: str) -> ModuleType:
    """Import a module that needs TensorFlow; signals take effect after the import."""
    check_backend()
    check_address_space()
    collection: contextlib.AbstractContextManager = contextlib.nullcontext()
    if "tensorflow" not in sys.modules:
        report("Starting TensorFlow …")
        collection = without_collection()
    use_wide_vectors()
    with deferred_signals() as signals, collection:  # an interrupted import fails in many ways
        import_tensorflow()
        loaded = importlib.import_module(module)
    signals.check()
    return loaded


def check_backend() -> None:
    """Raise `InputError` unless Keras's configured backend is TensorFlow. Imports nothing.

    It is also raised if `keras.json` cannot be read or has invalid values. Text that is not JSON is
    ignored, as Keras does.
    """
    home = os.environ.get("KERAS_HOME") or os.path.expanduser("~/.keras")
    path = os.path.join(home, "keras.json")
    configured = None
    if os.path.lexists(path):
        text = read_text(path)  # refuses a pipe, for which Keras would wait forever
        try:
            content = json.loads(text)
        except ValueError:
            content = {}
        if not isinstance(content, dict):
            raise InputError(f"{path} is damaged: it must be a JSON object")
        configured = content.get("backend")
        for name, choices in KERAS_CHOICES.items():
            if content.get(name, choices[0]) not in choices:
                raise InputError(
                    f"{path}: {name} must be one of {', '.join(choices)}, received "
                    f"{shown(content[name])}"
                )
    backend = os.environ.get("KERAS_BACKEND") or configured or "tensorflow"
    if backend != "tensorflow":
        raise InputError(
            f"this needs Keras's backend tensorflow, but {backend!r} is configured: set "
            "KERAS_BACKEND=tensorflow. The VAE class itself trains with any backend"
        )


def import_tensorflow() -> None:
    """Import TensorFlow without the messages that it writes to stderr at its start.

    TensorFlow's log level, which the user may have set, does not apply to the first of them.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with quiet_stderr():
        import tensorflow
    if os.environ["TF_CPP_MIN_LOG_LEVEL"] in ("2", "3"):  # TensorFlow's Python code ignores it
        tensorflow.get_logger().setLevel("ERROR")


@contextlib.contextmanager
def without_collection() -> Iterator[None]:
    """Turn garbage collection off, and exclude all objects at the end of the block from it.

    TensorFlow's modules consist of many objects that live as long as the process. Searching them
    delays their import and the end of the process.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if enabled:
            gc.enable()


@contextlib.contextmanager
def quiet_stderr() -> Iterator[None]:
    """Hide output to stderr inside the block, and show it if the block raises."""
    try:
        terminal = os.dup(2)
    except OSError:  # stderr is closed
        yield
        return
    if sys.stderr is not None:
        sys.stderr.flush()
    with tempfile.TemporaryFile() as remarks:
        os.dup2(remarks.fileno(), 2)
        try:
            yield
        except BaseException:
            remarks.seek(0)
            os.write(terminal, remarks.read())
            raise
        finally:
            if sys.stderr is not None:
                sys.stderr.flush()
            os.dup2(terminal, 2)
            os.close(terminal)


def use_wide_vectors() -> None:
    """Let XLA use vectors of 512 bits, if the processor has them.

    The default is 256 bits. XLA reads its flags when it first compiles, and ends the process at an
    unknown flag: hence the check of the version.
    """
    given = os.environ.get("XLA_FLAGS", "")
    known = importlib.metadata.version("tensorflow").startswith("2.21.")
    if known and WIDE_VECTORS.partition("=")[0] not in given:
        os.environ["XLA_FLAGS"] = f"{given} {WIDE_VECTORS}".strip()
