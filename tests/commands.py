"""The package's commands, in processes of their own that find TensorFlow imported.

To import it takes longer than most commands. What a command does before that, as a user starts it,
is for `subprocess`.
"""

import contextlib
import multiprocessing
import os
import resource
import runpy
import subprocess
import sys
import tempfile
from pathlib import Path

SERVER = multiprocessing.get_context("forkserver")
SERVER.set_forkserver_preload(["tensorflow", "vae_keras.training.loop", "vae_keras.evaluation"])


class Command:
    """`python -m vae_keras.NAME ARGUMENTS` at work, with the methods of `subprocess.Popen`.

    Args:
        name: Name of the command.
        *arguments: Its arguments.
        cwd: Working directory.
        quick: Whether training leaves out what takes longer than its steps, see `quick`.
        limit: A limit of the system, as `resource.setrlimit` takes it, and its value.
        **environment: Changes of the environment.
    """

    def __init__(self, name, *arguments, cwd=None, quick=False, limit=None, **environment):
        self.words = [name, *map(str, arguments)]
        self.folder = tempfile.TemporaryDirectory()
        self.streams = [Path(self.folder.name, stream) for stream in ("output", "errors")]
        settings = cwd or os.getcwd(), {**os.environ, **environment}, quick, limit
        self.process = SERVER.Process(target=_run, args=(self.words, self.streams, *settings))
        self.process.start()
        self.pid = self.process.pid

    def poll(self):
        self.process.join(0)
        return self.process.exitcode

    @property
    def returncode(self):
        return self.process.exitcode

    def send_signal(self, number):
        os.kill(self.pid, number)

    def kill(self):
        self.process.kill()

    def terminate(self):
        self.process.terminate()

    def communicate(self, timeout=None):
        """Wait for the end; return output and errors, texts."""
        self.process.join(timeout)
        if self.process.exitcode is None:
            raise subprocess.TimeoutExpired(self.words, timeout)
        texts = [path.read_text(encoding="utf-8") for path in self.streams]
        self.folder.cleanup()
        return tuple(texts)


def run_command(*arguments, **options):
    """Run a `Command` to its end; return what `subprocess.run` returns."""
    command = Command(*arguments, **options)
    output, errors = command.communicate()
    return subprocess.CompletedProcess(command.words, command.returncode, output, errors)


def _run(words, streams, cwd, environment, quick, limit):
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(environment)
    for number, path in enumerate(streams, start=1):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT), number)
    if limit is not None:
        number, value = limit
        resource.setrlimit(number, (value, resource.getrlimit(number)[1]))
    sys.argv[1:] = words[1:]
    with contextlib.ExitStack() as stack:
        if quick:
            from quick import without_graphs_and_files

            stack.enter_context(without_graphs_and_files())
        runpy.run_module(f"vae_keras.{words[0]}", run_name="__main__", alter_sys=True)
