"""Limits of the system, and folders that go away: one line says what happened and what to do."""

import errno
import os
import re
import resource
import shutil
import subprocess
import sys
import time

import pytest
from commands import Command, run_command
from test_fit import TINY
from test_training import assert_equal_runs

from vae_keras.support import cli
from vae_keras.training.run import Run

pytestmark = pytest.mark.slow  # processes import TensorFlow

MANY = ["--epochs", "100000"]


def run_fit(*arguments, limit=None, value=0):
    """Run the command, as a user starts it, with a limit of the system.

    Returns:
        Tuple of its status, output and errors.
    """

    def set_limit():
        resource.setrlimit(limit, (value, resource.getrlimit(limit)[1]))

    done = subprocess.run(
        [sys.executable, "-m", "vae_keras.fit", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=200,
        preexec_fn=set_limit,
    )
    return done.returncode, done.stdout, done.stderr


def start(*arguments):
    return Command("fit", *arguments, quick=True)


def wait_for(condition, process):
    deadline = time.monotonic() + 120
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def check_one_line(errors):
    assert errors.startswith("error: ") and errors.count("\n") == 1, errors


def test_a_limit_on_the_size_of_files_is_one_line_and_the_run_goes_on(tmp_path):
    run = Run(tmp_path / "run")
    # A checkpoint of the book's network takes 2.4 MiB.
    files = resource.RLIMIT_FSIZE, 2**20
    done = run_command("fit", *TINY, "--directory", run.directory, quick=True, limit=files)
    check_one_line(done.stderr)
    assert done.returncode == 1 and "raise ulimit -f" in done.stderr
    assert f"--resume {run.directory}" in done.stderr
    assert not list(run.directory.rglob(".unfinished-*"))
    done = run_command("fit", "--resume", run.directory, quick=True)
    assert (done.returncode, done.stderr) == (0, "")
    whole = Run(tmp_path / "whole")
    assert run_command("fit", *TINY, "--directory", whole.directory, quick=True).returncode == 0
    assert_equal_runs(run, whole)


@pytest.mark.parametrize("count", [12, 40])
def test_few_open_files_are_enough_or_one_line(tmp_path, count):
    status, _, errors = run_fit(
        *TINY, "--directory", tmp_path / "run", limit=resource.RLIMIT_NOFILE, value=count
    )
    if status:
        check_one_line(errors)
        assert "ulimit -n" in errors


@pytest.mark.parametrize("gibibytes", [1, 2, 3])
def test_too_little_address_space_is_one_line_and_makes_no_folder(tmp_path, gibibytes):
    status, _, errors = run_fit(
        *TINY,
        "--directory",
        tmp_path / "run",
        limit=resource.RLIMIT_AS,
        value=gibibytes * 2**30,
    )
    check_one_line(errors)
    assert status == 2 and "raise ulimit -v" in errors
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("change", ["renamed", "removed", "replaced"])
def test_a_folder_that_goes_away_is_one_line(tmp_path, change):
    run = Run(tmp_path / "run")
    process = start(*TINY, *MANY, "--directory", run.directory)
    wait_for(lambda: run.history_file.exists(), process)
    kept = run.directory.rename(tmp_path / "kept")
    if change == "removed":
        shutil.rmtree(kept)
    elif change == "replaced":
        run.directory.mkdir()
    _, errors = process.communicate(timeout=60)
    check_one_line(errors)
    assert process.returncode == 2
    assert "was renamed or removed while it was in use: move it back" in errors
    assert re.search(f"resume with: .*fit --resume {run.directory}", errors)
    if change == "replaced":
        assert not list(run.directory.iterdir())
        run.directory.rmdir()
    if change == "removed":
        assert not list(tmp_path.iterdir())
        return
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]
    kept.rename(run.directory)
    epochs = len(run.read_history())
    process = start("--resume", run.directory)
    wait_for(lambda: len(run.read_history()) > epochs, process)
    process.terminate()
    process.communicate(timeout=60)
    assert process.returncode == 143


@pytest.mark.parametrize("number, text", [("EMFILE", "ulimit -n"), ("ENFILE", "the machine has")])
def test_too_many_open_files_are_those_of_the_process_or_of_the_machine(number, text, capsys):
    code = getattr(errno, number)

    def refuse():
        raise OSError(code, os.strerror(code))

    with pytest.raises(SystemExit):
        cli.run_command(refuse)
    assert text in capsys.readouterr().err
