"""Work on a trained model, split among processes with one thread each.

The threads of one process wait for each other after each of the many small operations of a network.
Processes with one thread each do not.
"""

import os
import signal
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from vae_keras.support.errors import InputError
from vae_keras.support.start import THREADS, load

IDLE = 10  # seconds after which a process without work ends

_model: Any  # the model in a worker process


def map_with_model(
    function: Callable[..., Any], model: Any, arguments: Sequence[tuple], processes: int = 1
) -> Iterator[Any]:
    """`function(model, *each)` for each of `arguments`.

    Args:
        function: Function of a module, whose results can be pickled.
        model: `keras.Model` that can be saved.
        arguments: List of tuples.
        processes: Number of processes to start; 1 to do the work in this process.

    Yields:
        The results, in the order of `arguments`.

    Raises:
        InputError: If one of the processes is killed.
    """
    if processes == 1 or len(arguments) < 2:
        yield from (function(model, *each) for each in arguments)
        return
    import joblib
    from joblib.externals.loky.process_executor import TerminatedWorkerError

    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "model.keras"
        model.save(path)
        with joblib.parallel_config(
            "loky",
            n_jobs=min(processes, len(arguments)),
            initializer=_load,
            initargs=(path,),
            idle_worker_timeout=IDLE,
        ):
            tasks = (joblib.delayed(_apply)(function, *each) for each in arguments)
            try:
                yield from joblib.Parallel(return_as="generator")(tasks)
            except TerminatedWorkerError:
                raise InputError(
                    f"one of {processes} processes was killed, perhaps because memory ran out: "
                    "start fewer processes (--jobs)"
                ) from None


def _load(path: Path) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the main process handles Ctrl-C
    os.environ.update(dict.fromkeys(THREADS, "1"))
    global _model
    _model = load("vae_keras.export.loading").load_model(path)


def _apply(function: Callable[..., Any], *arguments: Any) -> Any:
    return function(_model, *arguments)
