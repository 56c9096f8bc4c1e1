"""Work on a trained model, shared among processes of one thread each.

The threads of one process wait for each other after each of a network's many small operations;
on two cores, two processes with one thread each decode a third more images.
"""

import os
import tempfile
from pathlib import Path

from vae_keras import cli

THREADS = ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
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
    """
    if processes == 1:
        yield from (function(model, *each) for each in arguments)
        return
    import joblib

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
            yield from joblib.Parallel(return_as="generator")(tasks)


def _load(path):
    os.environ.update(dict.fromkeys(THREADS, "1"))
    cli.import_tensorflow()
    from vae_keras.loading import load_model

    global _model
    _model = load_model(path)


def _apply(function, *arguments):
    return function(_model, *arguments)
