"""Processes that train steps when they are told to, and wait meanwhile."""

import multiprocessing
import sys
import time

from vae_keras.benchmark.contestants import CONTESTANTS
from vae_keras.support.start import load


class Worker:
    """A process with its own number of threads and any number of contestants.

    Args:
        threads: Threads that TensorFlow or PyTorch may use.
        images: uint8 array `(images, height, width, channels)`.
        batch_size: Images in a step.
        contestants: Pairs of a name in `CONTESTANTS` and an activation.
    """

    def __init__(self, threads, images, batch_size, contestants):
        context = multiprocessing.get_context("spawn")
        self._connection, other_end = context.Pipe()
        self._process = context.Process(
            target=_work, args=(other_end, threads, images, batch_size, contestants), daemon=True
        )
        self._process.start()
        other_end.close()

    def begin(self, contestant, steps):
        """Start a block of at least so many steps and return at once."""
        self._connection.send((contestant, steps))

    def wait(self):
        """Seconds that each of these steps took, on average."""
        return self._connection.recv()

    def time(self, contestant, steps):
        """Run a block of at least so many steps and return the seconds of one, on average."""
        self.begin(contestant, steps)
        return self.wait()

    def close(self):
        """End the process."""
        self._process.terminate()
        self._process.join()


def _work(connection, threads, images, batch_size, contestants):
    if "plain PyTorch" in dict(contestants):
        # Triton brings an LLVM of its own, and a process that has TensorFlow's already, as one
        # started by a script or a notebook does, would abort. On a CPU it has no use.
        sys.modules["triton"] = None
        import torch

        torch.set_num_threads(threads)
        trainings = {}
    else:
        load("tensorflow")
        import tensorflow as tf

        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(threads)
        trainings = {"matmul": _matmul()}
    for name, activation in contestants:
        trainings[name, activation] = CONTESTANTS[name](images, batch_size, activation)
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


def _matmul():
    """A product of two float32 matrices, whose speed is the ceiling for everything else."""
    import tensorflow as tf

    left, right = tf.random.stateless_normal((2, MATMUL_SIDE, MATMUL_SIDE), seed=(0, 0))

    def multiply():
        tf.linalg.matmul(left, right).numpy()
        return 1

    return multiply
