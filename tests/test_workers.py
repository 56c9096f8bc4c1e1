"""Work shared among processes."""

import os
import signal
import subprocess
import sys

import numpy as np
import pytest

from vae_keras import build_model
from vae_keras.backend.workers import map_with_model
from vae_keras.support.errors import InputError

pytestmark = pytest.mark.slow  # processes import TensorFlow


@pytest.fixture
def model(tiny_config):
    return build_model(tiny_config, (8, 8, 1))


def look(model, number):
    """Which process this is, how many threads it has, and what its model makes of a number."""
    image = model.decoder.predict_on_batch(np.float32([[number, -number]]))
    return os.getpid(), os.environ.get("TF_NUM_INTRAOP_THREADS"), image


def die(model, number):
    """End as a process does that takes too much memory."""
    if number == 3:
        os.kill(os.getpid(), signal.SIGKILL)


def test_processes_of_one_thread_do_what_this_one_does(model):
    numbers = [(number,) for number in range(8)]
    here = list(map_with_model(look, model, numbers))
    there = list(map_with_model(look, model, numbers, processes=2))
    for mine, theirs in zip(here, there, strict=True):
        assert mine[0] == os.getpid() != theirs[0]
        assert theirs[1] == "1"
        np.testing.assert_allclose(mine[2], theirs[2], rtol=1e-5)


def test_processes_start_without_tensorflow():
    """They import it quietly once they know how many threads it may have."""
    code = "import sys; sys.argv[0] = '-m'; sys.orig_argv.append('vae_keras.evaluate'); "
    code += "import vae_keras.backend.workers; print('tensorflow' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.stdout.split() == ["False"], result.stderr


def test_a_process_that_is_killed_is_one_line(model):
    with pytest.raises(InputError, match="one of 2 processes was killed"):
        list(map_with_model(die, model, [(number,) for number in range(8)], processes=2))
