"""Processes that train steps on request."""

import multiprocessing
import signal
import sys
import time
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from typing import Any

import numpy as np

from vae_keras.benchmark.contestants import CONTESTANTS
from vae_keras.support.start import load


class Worker:
    """A process with its own number of threads and any number of contestants.

    Args:
        threads: Threads that TensorFlow or PyTorch may use.
        images: uint8 array `(images, height, width, channels)`.
        batch_size: Images in a step.
        contestants: Tuples of a name in `CONTESTANTS`, an activation and a precision.
    """

    def __init__(
        self,
        threads: int,
        images: np.ndarray,
        batch_size: int,
        contestants: Sequence[tuple[str, str, str]],
    ) -> None:
        context = multiprocessing.get_context("spawn")
        self._connection, other_end = context.Pipe()
        self._process = context.Process(
            target=_work, args=(other_end, threads, images, batch_size, contestants), daemon=True
        )
        self._process.start()
        other_end.close()

    def begin(self, contestant: Any, steps: int) -> None:
        """Start a block of at least this many steps and return at once."""
        self._connection.send((contestant, steps))

    def wait(self) -> float:
        """Wait for the block and return the mean seconds per step."""
        return self._connection.recv()

    def time(self, contestant: Any, steps: int) -> float:
        """Run a block of at least this many steps and return the mean seconds per step."""
        self.begin(contestant, steps)
        return self.wait()

    def close(self) -> None:
        """End the process."""
        self._process.terminate()
        self._process.join()


def _work(
    connection: Connection,
    threads: int,
    images: np.ndarray,
    batch_size: int,
    contestants: Sequence[tuple[str, str, str]],
) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the main process handles Ctrl-C
    trainings: dict[Any, Callable[[], int]] = {}
    if any("PyTorch" in name for name, *_ in contestants):
        # Triton's LLVM aborts a process that has loaded TensorFlow's, which a script or notebook
        # may have imported. Triton is not used on a CPU.
        sys.modules["triton"] = None  # type: ignore[assignment]
        import torch

        torch.set_num_threads(threads)
    else:
        load("tensorflow")
        import tensorflow as tf

        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(threads)
        trainings["matmul"] = _matmul()
    for name, activation, precision in contestants:
        training = CONTESTANTS[name](images, batch_size, activation, precision)
        trainings[name, activation, precision] = training
    while True:
        contestant, count = connection.recv()
        train = trainings[contestant]
        done = 0
        begin = time.perf_counter()
        while done < count:
            done += train()
        connection.send((time.perf_counter() - begin) / done)


MATMUL_SIDE = 2048
MATMUL_FLOPS = 2 * MATMUL_SIDE**3


def _matmul() -> Callable[[], int]:
    """A product of two float32 matrices, whose speed is the ceiling in the tables."""
    import tensorflow as tf

    left, right = tf.random.stateless_normal((2, MATMUL_SIDE, MATMUL_SIDE), seed=(0, 0))

    def multiply() -> int:
        tf.linalg.matmul(left, right).numpy()
        return 1

    return multiply
