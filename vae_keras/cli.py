"""What the command lines share: one line on stderr for what goes wrong, and its exit status."""

import argparse
import errno
import os
import signal
import sys

from vae_keras.errors import DivergedError, InputError

EXIT_FAILED, EXIT_USAGE = 1, 2


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors are one line."""

    def __init__(self, **kwargs):
        super().__init__(
            allow_abbrev=False, formatter_class=argparse.ArgumentDefaultsHelpFormatter, **kwargs
        )

    def error(self, message):
        fail(message, EXIT_USAGE)


def fail(message, status):
    """Say in one line what went wrong, and end the program."""
    print("error:", " ".join(str(message).split()), file=sys.stderr)
    sys.exit(status)


def quiet_tensorflow():
    """Keep TensorFlow's start-up remarks off the terminal, unless the user set the level."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


def run_command(command, how_to_go_on=None):
    """Call `command()`; turn what a user can mend into one line and an exit status.

    Args:
        command: Function without arguments.
        how_to_go_on: Function without arguments that gives the text to print when the
            command was interrupted or the disk was full.

    Returns:
        What `command` returns. Exit status 2 for input that cannot be used, 1 for a
        diverged training and a full disk, 128 + signal for an interruption.
    """
    go_on = lambda: f"; {how_to_go_on()}" if how_to_go_on else ""
    try:
        return command()
    except InputError as error:
        fail(error, EXIT_USAGE)
    except DivergedError as error:
        fail(error, EXIT_FAILED)
    except KeyboardInterrupt as error:
        number = getattr(error, "signal_number", signal.SIGINT)
        fail(f"stopped by {signal.Signals(number).name}{go_on()}", 128 + number)
    except Exception as error:
        if not _is_disk_full(error):
            raise
        fail(f"the disk is full: make room{go_on()}", EXIT_FAILED)


def _is_disk_full(error):
    # TensorFlow and HDF5 wrap the operating system's error in one of their own.
    full = (errno.ENOSPC, errno.EDQUOT)
    return getattr(error, "errno", None) in full or any(
        os.strerror(number) in str(error) for number in full
    )
