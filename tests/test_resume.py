"""Runs that are killed, share a folder, or meet a full disk."""

import errno
import subprocess
import time

import numpy as np
import pytest
from commands import SERVER
from quick import train_eagerly
from test_fit import TINY, run_fit
from test_training import assert_equal_runs

from vae_keras.support.errors import InputError
from vae_keras.support.files import TEMPORARY_PREFIX
from vae_keras.training.loop import train
from vae_keras.training.run import Run

KILLS = 20


def start(config, directory, data, resume, train=train):
    process = SERVER.Process(
        target=train, args=(config, directory, data), kwargs={"resume": resume}
    )
    process.start()
    return process


def wait_until(condition, process, seconds=300.0, pause=0.01):
    """Wait for a condition; False if the process ended or time ran out first."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and process.is_alive():
        if condition():
            return True
        time.sleep(pause)
    return False


def finished_epochs(run):
    names = sorted(path.name for path in run.checkpoints.glob("epoch-*.npz"))
    return int(names[-1].split("-")[1]) if names else 0


@pytest.mark.slow
def test_a_run_killed_many_times_equals_one_that_was_not(
    tiny_config, tiny_data, tmp_path, quick_training
):
    config = tiny_config.replace(
        encoder_filters=(4,),
        encoder_strides=(2,),
        decoder_strides=(2, 1),
        dropout=0.2,
        normalization="batch",
        lr_decay=0.99,
        learning_rate=1e-3,
        batch_size=40,
        epochs=50,
    )
    whole = train(config, tmp_path / "whole", tiny_data)
    random = np.random.default_rng(0)
    run = Run(tmp_path / "killed")

    def go_on():
        return start(config, run.directory, tiny_data, resume=run.exists, train=train_eagerly)

    def checkpoint_is_being_written():
        return any(run.checkpoints.glob(f"{TEMPORARY_PREFIX}*"))

    def is_being_written(path):
        return any(path.parent.glob(f"{TEMPORARY_PREFIX}*{path.name}"))

    moments = []
    while len(moments) < KILLS:
        process = go_on()
        before = finished_epochs(run)
        moment = ("anywhere", "between epochs", "while a file is written")[len(moments) % 3]
        if moment == "anywhere":  # but not so late that the run might end
            wait_until(lambda: finished_epochs(run) > before, process, random.uniform(0, 3))
        elif wait_until(lambda: finished_epochs(run) > before, process):
            if moment == "between epochs":
                process.join(random.uniform(0, 0.05))
            else:
                assert wait_until(checkpoint_is_being_written, process, pause=0.0005)
        assert process.is_alive(), f"ended by itself after {len(moments)} kills"
        process.kill()
        process.join()
        moments.append(moment)
        # A finished epoch is never missing from the history.
        assert len(run.read_history()) >= finished_epochs(run) >= before
    assert 0 < finished_epochs(run) < config.epochs
    for path in (run.model_file, run.saved_model, run.figures):
        process = go_on()
        assert wait_until(lambda: is_being_written(path), process, pause=0.0005)
        assert finished_epochs(run) == config.epochs and not run.finished
        process.kill()
        process.join()
    process = go_on()
    process.join()
    assert process.exitcode == 0
    assert_equal_runs(whole, run)
    assert not list(run.directory.rglob(".unfinished-*"))


@pytest.mark.slow
def test_a_second_process_in_the_same_folder_is_refused_at_once(tiny_config, tiny_data, tmp_path):
    run = Run(tmp_path / "run")
    process = start(tiny_config.replace(epochs=10_000), run.directory, tiny_data, resume=False)
    try:
        assert wait_until(lambda: finished_epochs(run) > 0, process)
        for options in (["--resume"], ["--overwrite", "--dataset", "digits"]):
            result = run_fit("--directory", run.directory, *options)
            assert result.returncode == 2
            assert "is in use by another process" in result.stderr
        with pytest.raises(InputError, match="is in use by another process"):
            train(tiny_config, run.directory, tiny_data, overwrite=True)
        epochs = finished_epochs(run)
        assert wait_until(lambda: finished_epochs(run) > epochs, process)  # undisturbed
    finally:
        process.kill()
        process.join()


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 2 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)], capture_output=True
    )
    if mount.returncode:
        pytest.skip("only root can mount the small file system that this test fills")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def fill(path):
    """Use up the disk; return the file that does."""
    with open(path, "wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(1024))
        except OSError:
            return path


@pytest.mark.slow
def test_a_disk_too_small_for_a_checkpoint_is_one_line(small_disk):
    run = Run(small_disk / "run")
    # A checkpoint of the book's network takes 2.4 MiB.
    result = run_fit(*TINY, "--directory", run.directory, quick=True)
    assert result.returncode == 1, result.stderr
    assert result.stderr.count("\n") == 1
    assert "the disk is full" in result.stderr and f"--resume {run.directory}" in result.stderr
    assert not list(run.directory.rglob(".unfinished-*"))
    subprocess.run(["mount", "-o", "remount,size=64m", str(small_disk)], check=True)
    result = run_fit("--resume", run.directory, quick=True)
    assert result.returncode == 0, result.stderr
    assert run.finished


@pytest.mark.slow
@pytest.mark.usefixtures("quick_training")
def test_a_disk_that_fills_up_leaves_the_checkpoint_and_the_run_goes_on(
    tiny_config, tiny_data, tmp_path, small_disk
):
    run = train(tiny_config, small_disk / "run", tiny_data)
    checkpoints = set(run.checkpoints.iterdir())
    filler = fill(small_disk / "filler")
    longer = tiny_config.replace(epochs=4)
    with pytest.raises(OSError) as caught:
        train(longer, run.directory, tiny_data, resume=True)
    assert caught.value.errno == errno.ENOSPC
    assert f"--resume {run.directory}" in caught.value.__notes__[0]
    assert set(run.checkpoints.iterdir()) == checkpoints
    filler.unlink()
    train(longer, run.directory, tiny_data, resume=True)
    assert_equal_runs(train(longer, tmp_path / "whole", tiny_data), run)
