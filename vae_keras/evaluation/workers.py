"""Work on a trained model, shared among processes of one thread each.

The threads of one process wait for each other after each of a network's many small operations;
on two cores, two processes with one thread each decode a third more images.
"""

import os
import tempfile
from pathlib import Path

from vae_keras.support.errors import InputError
from vae_keras.support.start import THREADS, load

IDLE = 10  # seconds that a process without work stays


def map_with_model(function, model, arguments, processes=1):
    """`function(model, *each)` for each of `arguments`.

    Args:
        function: Function of a module, with results that can be pickled.
        model: `keras.Model` that can be saved.
        arguments: List of tuples.
        processes: How many to start; 1 to do the work in this process.

    Yields:
        The results, in the order of `arguments`.

    Raises:
        InputError: If one of the processes is killed.
    """
    if processes == 1:
        yield from (function(model, *each) for each in arguments)
        return
    import joblib
    from joblib.externals.loky.process_executor import TerminatedWorkerError

    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "model.keras"
        model.save(path)
        with joblib.parallel_config(
            "loky",
            n_jobs=processes,
            initializer=_load,
            initargs=(path,),
            idle_worker_timeout=IDLE,
        ):
            tasks = (joblib.delayed(_apply)(function, *each) for each in arguments)
            try:
                yield from joblib.Parallel(return_as="generator")(tasks)
            except TerminatedWorkerError:
                raise InputError(
                    f"one of {processes} processes was killed, perhaps for want of memory: start fewer "
                    "with --jobs"
                ) from None


def _load(path):
    os.environ.update(dict.fromkeys(THREADS, "1"))
    global _model
    _model = load("vae_keras.export.loading").load_model(path)


def _apply(function, *arguments):
    return function(_model, *arguments)
