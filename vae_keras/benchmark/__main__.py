"""Command line: `python -m vae_keras.benchmark`."""

import importlib.util
import itertools
import os
import platform
import statistics
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from vae_keras.activations import ACTIVATIONS
from vae_keras.config import PRECISIONS
from vae_keras.data.digits import IMAGES, TEST_IMAGES
from vae_keras.support import cli
from vae_keras.support.reporting import progress_bar, report
from vae_keras.support.start import load

REFERENCE = ("vae_keras", "leaky_relu", "float32")
COMPARED = tuple(itertools.product(PRECISIONS, ("leaky_relu", "gelu")))
TESTED = [
    *(("vae_keras", activation, "float32") for activation in ACTIVATIONS),
    ("vae_keras", "leaky_relu", "bfloat16"),
    ("vae_keras", "gelu", "bfloat16"),
    ("vae_keras, no pipeline", "gelu", "float32"),
    *(
        (name, activation, precision)
        for name in ("plain Keras", "plain PyTorch", "compiled PyTorch")
        for precision, activation in COMPARED
    ),
]


def build_parser() -> cli.Parser:
    """The options of the command line."""
    parser = cli.Parser(
        prog="python -m vae_keras.benchmark",
        description="Time a training step of the book's digits network, in alternating blocks "
        "with the same network in plain Keras and, if it is installed, in plain PyTorch.",
        example="python -m vae_keras.benchmark --blocks 7",
    )
    add = parser.add_argument
    add("--batch-size", type=int, default=32, metavar="N", help="images per training step")
    add(
        "--blocks",
        type=int,
        default=15,
        metavar="N",
        help="number of timed blocks of steps for each implementation, activation and precision",
    )
    add("--steps", type=int, default=30, metavar="N", help="minimum number of steps per block")
    return parser


def main(arguments: Sequence[str] | None = None) -> None:
    """Time every contestant in alternating blocks and print the tables."""
    cli.run_command(lambda: benchmark(**vars(build_parser().parse_args(arguments))))


def benchmark(batch_size: int, blocks: int, steps: int) -> None:
    """Report the time of a step: for one training run alone, then for one per core side by side."""
    for name, value, least in (
        ("blocks", blocks, 2),
        ("steps", steps, 1),
    ):
        cli.check_range(name, value, least)
    cli.check_range("batch_size", batch_size, 1, IMAGES - TEST_IMAGES)
    load("tensorflow")
    import keras
    import tensorflow as tf

    from vae_keras.benchmark.flops import flops_per_image
    from vae_keras.config import make_config
    from vae_keras.data.sources import load_data
    from vae_keras.training.build import build_model

    images = load_data("digits").train_images
    flops = flops_per_image(build_model(make_config(), images.shape[1:])) * batch_size
    cores = os.cpu_count() or 1
    report(
        f"{_processor()}, {cores} cores; Python {platform.python_version()}, TensorFlow "
        f"{tf.__version__}, Keras {keras.__version__}; batch {batch_size}, "
        f"{flops / batch_size / 1e6:.1f} MFLOP per image and step; medians and quartiles of "
        f"{blocks} blocks of at least {steps} steps; the rows take turns, block by block"
    )
    _one_at_a_time(images, batch_size, blocks, steps, flops, cores)
    _side_by_side(images, batch_size, blocks, steps, flops, cores)


def _one_at_a_time(
    images: np.ndarray, batch_size: int, blocks: int, steps: int, flops: int, threads: int
) -> None:
    from vae_keras.benchmark.workers import MATMUL_FLOPS, Worker

    of_torch = [row for row in TESTED if "PyTorch" in row[0]]
    tensorflow_rows = [row for row in TESTED if row not in of_torch]
    tensorflow_worker = Worker(threads, images, batch_size, tensorflow_rows)
    workers: dict[Any, Worker] = dict.fromkeys([*tensorflow_rows, "matmul"], tensorflow_worker)
    if importlib.util.find_spec("torch"):
        workers |= dict.fromkeys(of_torch, Worker(threads, images, batch_size, of_torch))
    else:
        report("PyTorch is not installed and therefore omitted: pip install torch")
    seconds: dict[Any, list[float]] = {row: [] for row in workers}
    for block in progress_bar(range(-1, blocks), desc="one at a time", unit="block"):
        for row, worker in workers.items():
            count = 3 if row == "matmul" else steps
            taken = worker.time(row, count)
            if block >= 0:  # the first block warms up
                seconds[row].append(taken)
    for worker in set(workers.values()):
        worker.close()

    ceiling = MATMUL_FLOPS / statistics.median(seconds.pop("matmul"))
    report(
        f"\nOne training run, {threads} threads\n"
        f"ratio: to {REFERENCE[0]} with {REFERENCE[1]} in {REFERENCE[2]} (median over blocks)\n"
        f"share: of the peak, the speed of a matrix product, {ceiling / 1e9:.0f} GFLOP/s"
    )
    report(f"{'':<23}{'':<16}{'':<8}{'ms/step':>8}{'quartiles':>12}{'ratio':>6}{'share':>6}")
    for row, values in seconds.items():
        ratio = statistics.median(a / b for a, b in zip(values, seconds[REFERENCE]))
        low, middle, high = statistics.quantiles(values, n=4)
        quartiles = f"{low * 1e3:.1f}–{high * 1e3:.1f}"
        report(
            f"{row[0]:<23}{row[1]:<16}{row[2]:<8}{middle * 1e3:>8.1f}{quartiles:>12}{ratio:>6.2f}"
            f"{flops / middle / ceiling:>6.0%}"
        )


def _side_by_side(
    images: np.ndarray, batch_size: int, blocks: int, steps: int, flops: int, cores: int
) -> None:
    from vae_keras.benchmark.workers import MATMUL_FLOPS, Worker

    report(f"\n{cores} training runs side by side, one thread each")
    report(f"{'':<12}{'images/s':>10}{'matrix product':>18}{'of peak':>12}")
    rows = [("vae_keras", activation, "float32") for activation in ("leaky_relu", "gelu")]
    workers = [Worker(1, images, batch_size, rows) for _ in range(cores)]
    for row in rows:
        activation = row[1]
        rates: list[float] = []
        ceilings: list[float] = []
        tasks: tuple[tuple[Any, int, list[float], int], ...] = (
            (row, steps, rates, batch_size),
            ("matmul", 2, ceilings, MATMUL_FLOPS),
        )
        for block in progress_bar(range(-1, blocks), desc=activation, unit="block"):
            for what, count, results, work in tasks:
                for worker in workers:
                    worker.begin(what, count)
                rate = sum(work / worker.wait() for worker in workers)
                if block >= 0:
                    results.append(rate)
        share = statistics.median(
            rate * flops / batch_size / ceiling for rate, ceiling in zip(rates, ceilings)
        )
        report(
            f"{activation:<12}{statistics.median(rates):>10,.0f}"
            f"{f'{statistics.median(ceilings) / 1e9:.0f} GFLOP/s':>18}{share:>12.0%}"
        )
    for worker in workers:
        worker.close()


def _processor() -> str:
    try:
        with open("/proc/cpuinfo") as file:
            return next(
                line.split(":")[1].strip() for line in file if line.startswith("model name")
            )
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


if __name__ == "__main__":
    main(sys.argv[1:])
