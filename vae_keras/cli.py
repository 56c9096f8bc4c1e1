"""What the command lines share: one line on stderr for what goes wrong, and its exit status."""

import argparse
import errno
import os
import signal
import sys
import tempfile

from vae_keras.errors import DivergedError, InputError
from vae_keras.signals import Interrupted

EXIT_FAILED, EXIT_USAGE = 1, 2


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors are one line; an option that is not given is absent."""

    def __init__(self, **kwargs):
        super().__init__(allow_abbrev=False, argument_default=argparse.SUPPRESS, **kwargs)

    def error(self, message):
        fail(message, EXIT_USAGE)


def fail(message, status):
    """Say in one line what went wrong, and end the program."""
    print("error:", " ".join(str(message).split()), file=sys.stderr)
    sys.exit(status)


def run_command(command):
    """Call `command()`; turn what a user can mend into one line and an exit status.

    Returns:
        What `command` returns. Exit status 2 for input that cannot be used, 1 for a
        diverged training and a full disk, 128 + signal for an interruption.
    """
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        return command()
    except InputError as error:
        fail(error, EXIT_USAGE)
    except DivergedError as error:
        fail(error, EXIT_FAILED)
    except KeyboardInterrupt as error:
        number = getattr(error, "signal_number", signal.SIGINT)
        fail(_with_notes(f"stopped by {signal.Signals(number).name}", error), 128 + number)
    except Exception as error:  # a full disk comes as errors of many kinds; others go on
        if not _is_disk_full(error):
            raise
        fail(_with_notes("the disk is full: make room", error), EXIT_FAILED)


def import_tensorflow():
    """Import TensorFlow without the remarks that it writes to stderr while it starts.

    Its log level, which the user may have set, does not govern the first of them.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.stderr.flush()
    terminal = os.dup(2)
    with tempfile.TemporaryFile() as remarks:
        os.dup2(remarks.fileno(), 2)
        try:
            import tensorflow  # noqa: F401
        except BaseException:
            remarks.seek(0)
            os.write(terminal, remarks.read())
            raise
        finally:
            os.dup2(terminal, 2)
            os.close(terminal)


def _interrupt(number, frame):
    raise Interrupted(number)


def _with_notes(message, error):
    return "; ".join([message, *getattr(error, "__notes__", [])])


def _is_disk_full(error):
    # TensorFlow and HDF5 wrap the operating system's error in one of their own.
    full = (errno.ENOSPC, errno.EDQUOT)
    return getattr(error, "errno", None) in full or any(
        os.strerror(number) in str(error) for number in full
    )
