import importlib.util

import numpy as np
import pytest

from vae_keras.benchmark.flops import flops_per_image
from vae_keras.benchmark.workers import Worker
from vae_keras.config import make_config
from vae_keras.training import build_model


def test_flops_of_the_digits_network_are_those_counted_by_hand():
    first = 28 * 28 * 9 * 32
    convolutions = 14 * 14 * 9 * 32 * 64 + 2 * 7 * 7 * 9 * 64 * 64
    transposed = 2 * 7 * 7 * 9 * 64 * 64 + 14 * 14 * 9 * 64 * 32 + 28 * 28 * 9 * 32
    dense = 3 * 2 * 7 * 7 * 64  # to the mean, to the log-variance, from z
    expected = 2 * (2 * first + 3 * (convolutions + transposed + dense))
    assert flops_per_image(build_model(make_config(), (28, 28, 1))) == expected
    assert expected == pytest.approx(89e6, rel=0.01)


@pytest.mark.parametrize("contestant", ["vae_keras", "plain Keras", "plain PyTorch"])
def test_a_worker_times_blocks_of_steps(contestant):
    if contestant == "plain PyTorch" and importlib.util.find_spec("torch") is None:
        pytest.skip("PyTorch is not installed")
    images = np.zeros((16, 28, 28, 1), np.uint8)
    worker = Worker(1, images, 4, [(contestant, "gelu")])
    try:
        worker.time((contestant, "gelu"), 1)  # traces
        seconds = [worker.time((contestant, "gelu"), count) for count in (1, 20)]
        assert 0 < seconds[0] < seconds[1] < 60
    finally:
        worker.close()
