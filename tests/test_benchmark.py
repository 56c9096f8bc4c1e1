import importlib.util
import time

import numpy as np
import pytest
from commands import SERVER

from vae_keras.benchmark import __main__ as benchmark
from vae_keras.benchmark.flops import flops_per_image
from vae_keras.benchmark.workers import Worker
from vae_keras.config import make_config
from vae_keras.training.build import build_model


def test_flops_of_the_digits_network_are_those_counted_by_hand():
    first = 28 * 28 * 9 * 32
    convolutions = 14 * 14 * 9 * 32 * 64 + 2 * 7 * 7 * 9 * 64 * 64
    transposed = 2 * 7 * 7 * 9 * 64 * 64 + 14 * 14 * 9 * 64 * 32 + 28 * 28 * 9 * 32
    dense = 3 * 2 * 7 * 7 * 64  # to the mean, to the log-variance, from z
    expected = 2 * (2 * first + 3 * (convolutions + transposed + dense))
    assert flops_per_image(build_model(make_config(), (28, 28, 1))) == expected
    assert expected == pytest.approx(89e6, rel=0.01)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["vae_keras", "plain Keras", "plain PyTorch", "compiled PyTorch"])
def test_a_worker_times_blocks_of_steps(name):
    if "PyTorch" in name and importlib.util.find_spec("torch") is None:
        pytest.skip("PyTorch is not installed")
    images = np.zeros((16, 28, 28, 1), np.uint8)
    contestants = [(name, "gelu", precision) for precision in ("float32", "bfloat16")]
    worker = Worker(1, images, 4, contestants)
    try:
        for contestant in contestants:
            worker.time(contestant, 1)  # traces
            begin = time.perf_counter()
            seconds = worker.time(contestant, 40)
            assert 0 < 40 * seconds < time.perf_counter() - begin
    finally:
        worker.close()


@pytest.fixture
def short_benchmark(monkeypatch):
    tested = [
        ("vae_keras", "leaky_relu", "float32"),
        ("plain Keras", "gelu", "bfloat16"),
    ]
    monkeypatch.setattr(benchmark, "TESTED", tested)
    # The processes find TensorFlow imported.
    monkeypatch.setattr("multiprocessing.get_context", lambda method: SERVER)
    monkeypatch.setattr(
        "sys.argv", ["benchmark", "--blocks", "2", "--steps", "1", "--batch-size", "4"]
    )


@pytest.mark.slow
def test_the_command_prints_a_row_for_every_contestant(short_benchmark, capsys):
    benchmark.main()
    lines = capsys.readouterr().out.splitlines()
    assert "batch 4, 89.1 MFLOP per image" in " ".join(lines)
    rows = {line[:47].rstrip(): line[47:].split() for line in lines if "%" in line[47:]}
    ours, plain = (
        rows[f"{name:<23}{activation:<16}{precision}"]
        for name, activation, precision in benchmark.TESTED
    )
    assert ours[2] == "1.00"
    assert float(plain[0]) > 0
    side_by_side = [line.split() for line in lines if line.startswith(("leaky_relu", "gelu"))]
    assert [row[0] for row in side_by_side] == ["leaky_relu", "gelu"]
    assert all(int(row[1].replace(",", "")) > 0 for row in side_by_side)


@pytest.mark.parametrize("option", ["--blocks", "--steps", "--batch-size"])
def test_a_number_out_of_range_is_one_line(option, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["benchmark", option, "0"])
    with pytest.raises(SystemExit, match="2"):
        benchmark.main()
    assert capsys.readouterr().err.count("\n") == 1
