"""What the command lines share: one line on stderr for what goes wrong, and its exit status."""

import argparse
import errno
import os
import signal
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any, NoReturn

from vae_keras.support.errors import DivergedError, InputError, UserError, with_options
from vae_keras.support.reporting import showing
from vae_keras.support.settings import whole_number
from vae_keras.support.signals import Interrupted

EXIT_FAILED, EXIT_USAGE = 1, 2
EXIT_SYSTEM = 71  # the system's failure, which may pass; EX_OSERR of sysexits.h


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors are one line; an omitted option is absent from the result."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(allow_abbrev=False, argument_default=argparse.SUPPRESS, **kwargs)
        self.register("type", int, whole_number)  # int takes blanks and digits of all scripts

    def error(self, message: str) -> NoReturn:
        fail(message, EXIT_USAGE)


def fail(message: object, status: int) -> NoReturn:
    """Say in one line what went wrong, and end the program."""
    print("error:", " ".join(str(message).split()), file=sys.stderr)
    sys.exit(status)


def run_command(command: Callable[[], Any], verbose: int = 1) -> Any:
    """Call `command()` and show what it reports; turn an error that a user can fix into one line.

    Returns:
        What `command` returns. Exit status 2 for input that cannot be used, 1 for a diverged
        training and a full disk, 71 for another failure of the system, 128 + signal for an
        interruption.
    """
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        with showing(verbose, with_options):
            return command()
    except UserError as error:
        status = EXIT_FAILED if isinstance(error, DivergedError) else EXIT_USAGE
        fail(error.for_command_line(), status)
    except KeyboardInterrupt as error:
        number = getattr(error, "signal_number", signal.SIGINT)
        fail(_with_notes(f"stopped by {signal.Signals(number).name}", error), 128 + number)
    except BrokenPipeError as error:  # the reader of the output, such as `head`, is gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for the flush at exit
        fail(_with_notes("the output was closed", error), 128 + signal.SIGPIPE)
    except MemoryError as error:
        fail(_with_notes("out of memory", error), EXIT_SYSTEM)
    except Exception as error:  # a full disk comes as errors of many kinds
        if _is_disk_full(error):
            fail(_with_notes("the disk is full: make room", error), EXIT_FAILED)
        if not isinstance(error, OSError):
            raise
        place = f"{error.filename} cannot be used: " if error.filename else ""
        reason = error.strerror or str(error)
        fail(_with_notes(f"{place}{reason}", error), EXIT_USAGE if place else EXIT_SYSTEM)


def add_dataset(parser: argparse.ArgumentParser) -> None:
    """Add the option that says where the images of a run are now."""
    parser.add_argument(
        "--dataset", metavar="PATH", help="where the images of the run are now, if they were moved"
    )


def check_range(name: str, value: int | None, least: int, most: int = 10**9) -> None:
    """Raise `InputError` if a number is outside of what an option allows."""
    if value is not None and value < least:
        raise InputError(f"⟨{name}⟩ must be at least {least}, received {value}")
    if value is not None and value > most:
        raise InputError(f"⟨{name}⟩ must be at most {most:,}, received {value:,}")


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    raise Interrupted(number)


def _with_notes(message: str, error: BaseException) -> str:
    return "; ".join([message, *getattr(error, "__notes__", [])])


def _is_disk_full(error: Exception) -> bool:
    # TensorFlow and HDF5 wrap the operating system's error in one of their own.
    full = (errno.ENOSPC, errno.EDQUOT)
    return getattr(error, "errno", None) in full or any(
        os.strerror(number) in str(error) for number in full
    )
