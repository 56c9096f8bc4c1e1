"""One training run of a study, in its own process, which may be killed without harm."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from vae_keras.config import FitConfig
from vae_keras.support import cli
from vae_keras.support.errors import InputError
from vae_keras.support.start import THREADS, load
from vae_keras.training.run import Run

COMMAND = [sys.executable, "-m", "vae_keras.study.job"]
ATTEMPTS = 3
POLL = 0.2  # seconds
PATIENCE = 60.0  # seconds for a training to stop, or for another one to release its folder
STOPPED = "stopped"


def is_finished(run: Run, config: FitConfig) -> bool:
    """Whether a run is finished with the settings of a study. Its weights may be missing."""
    if not run.finished:
        return False
    stored = run.read_config()
    return stored.epochs == config.epochs and not stored.differences(config)


def run_job(directory: str, settings: dict[str, Any], marker: str, token: str) -> str | None:
    """Train or resume one run to its end, in its own process.

    A process that ends without an error message, killed or out of memory, is restarted from its
    last checkpoint.

    Args:
        directory: Folder of the run.
        settings: `FitConfig.to_dict()`.
        marker: File that contains `token` as long as the study is running.
        token: Text.

    Returns:
        None if the run is finished, `STOPPED` if the study was stopped, otherwise a one-line reason
        why the run cannot be finished.
    """
    run, config = Run(directory), FitConfig.from_dict(settings)
    reason = STOPPED
    for _ in range(ATTEMPTS):
        try:
            if not _wait_until_unlocked(run, marker, token):
                return STOPPED
            if is_finished(run, config):
                return None
            status, output = _train_in_process(directory, settings, marker, token)
        except (InputError, OSError) as error:  # no memory for a process, no room for its output
            return str(error)
        if status == 0:
            return None
        if not wanted(marker, token):
            return STOPPED
        lines = output.strip().splitlines() or [""]
        explained = lines[-1].startswith("error: ")
        if status < 0:
            reason = f"killed by {signal.Signals(-status).name}"
        else:
            reason = lines[-1].removeprefix("error: ") or f"ended with exit status {status}"
        if explained and status in (cli.EXIT_FAILED, cli.EXIT_USAGE):
            return reason  # a restart would end in the same way
    return f"{reason}, {ATTEMPTS} times"


def wanted(marker: str, token: str) -> bool:
    """Whether the study of a job is still running."""
    try:
        return Path(marker).read_text() == token
    except OSError:
        return False


def _wait_until_unlocked(run: Run, marker: str, token: str) -> bool:
    """Wait for an orphaned process to release the folder; False if the study was stopped."""
    deadline = time.monotonic() + PATIENCE
    while wanted(marker, token):
        try:
            run.check_unlocked()
            return True
        except InputError:
            if time.monotonic() > deadline:
                raise
        time.sleep(POLL)
    return False


def _train_in_process(
    directory: str, settings: dict[str, Any], marker: str, token: str
) -> tuple[int, str]:
    """Train until the run is finished or the study is stopped; return exit status and output."""
    environment = {**os.environ, **dict.fromkeys(THREADS, "1")}
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as output:
        process = subprocess.Popen(
            COMMAND,
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment,
            text=True,
            start_new_session=True,  # Ctrl-C reaches only the study, which then stops its runs
        )
        assert process.stdin is not None  # for the type checker
        try:
            process.stdin.write(json.dumps({"directory": directory, "settings": settings}) + "\n")
            process.stdin.flush()
            while process.poll() is None and wanted(marker, token):
                time.sleep(POLL)
        except BrokenPipeError:
            pass  # the process ended at once; its output has the reason
        finally:
            _end(process)
        output.seek(0)
        return process.returncode, output.read()


def _end(process: subprocess.Popen) -> None:
    """Let a training finish its steps and stop; kill it if it does not."""
    with contextlib.suppress(BrokenPipeError):
        if process.stdin is not None:
            process.stdin.close()
    try:
        process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def main() -> None:
    """Train the job on standard input; stop when it is closed, for example if the owner dies."""
    job = json.loads(sys.stdin.readline())

    def stop_with_owner() -> None:
        while os.read(sys.stdin.fileno(), 1):  # sys.stdin's own lock would hang the exit
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    def train_job() -> None:
        threading.Thread(target=stop_with_owner, daemon=True).start()
        train = load("vae_keras.training.loop").train
        run = Run(job["directory"])
        train(FitConfig.from_dict(job["settings"]), run.directory, resume=run.exists)

    cli.run_command(train_job)


if __name__ == "__main__":
    main()
