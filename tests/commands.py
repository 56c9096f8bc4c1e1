"""The package's commands, in processes of their own that find TensorFlow imported.

To import it takes longer than most commands. What a command does before that, as a user starts it,
is for `subprocess`.
"""

import multiprocessing
import os
import runpy
import subprocess
import sys
import tempfile
from pathlib import Path

SERVER = multiprocessing.get_context("forkserver")
SERVER.set_forkserver_preload(["tensorflow", "vae_keras.training.loop", "vae_keras.evaluation"])


def run_command(name, *arguments, cwd=None, **environment):
    """Run `python -m vae_keras.NAME ARGUMENTS`.

    Returns:
        `subprocess.CompletedProcess` with the output as text.
    """
    arguments = [str(argument) for argument in arguments]
    with tempfile.TemporaryDirectory() as folder:
        streams = [Path(folder, stream) for stream in ("output", "errors")]
        process = SERVER.Process(
            target=_run,
            args=(name, arguments, cwd or os.getcwd(), {**os.environ, **environment}, streams),
        )
        process.start()
        process.join()
        texts = [path.read_text(encoding="utf-8") for path in streams]
    return subprocess.CompletedProcess([name, *arguments], process.exitcode, *texts)


def _run(name, arguments, cwd, environment, streams):
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(environment)
    for number, path in enumerate(streams, start=1):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT), number)
    sys.argv[1:] = arguments
    runpy.run_module(f"vae_keras.{name}", run_name="__main__", alter_sys=True)
