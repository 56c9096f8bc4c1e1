"""What the command lines share: one line on stderr for what goes wrong, and its exit status."""

import argparse
import difflib
import errno
import os
import signal
import sys
from collections.abc import Callable
from typing import Any, NoReturn

from vae_keras.support import signals, terminal
from vae_keras.support.encoding import make_streams_tolerant
from vae_keras.support.errors import DivergedError, InputError, UserError, with_options
from vae_keras.support.reporting import fitted, showing
from vae_keras.support.settings import whole_number
from vae_keras.support.text import wrap

EXIT_FAILED, EXIT_USAGE = 1, 2
EXIT_SYSTEM = 71  # the system's failure, which may pass; EX_OSERR of sysexits.h


class _HelpFormatter(argparse.ArgumentDefaultsHelpFormatter, argparse.RawDescriptionHelpFormatter):
    """Says the default of each option that has one, and leaves the lines of an example alone."""


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors are one line; an omitted option is absent from the result.

    Args:
        description, epilog: Texts before and after the options.
        example: A command that `--help` ends with.
        **kwargs: Other arguments of `argparse.ArgumentParser`.
    """

    def __init__(
        self, *, description: str = "", epilog: str = "", example: str = "", **kwargs: Any
    ) -> None:
        width = terminal.width() - 2  # as argparse
        paragraphs = [wrap(epilog, width), f"example:\n  {example}" if example else ""]
        super().__init__(
            allow_abbrev=False,
            argument_default=argparse.SUPPRESS,
            description=wrap(description, width),
            epilog="\n\n".join(filter(None, paragraphs)),
            formatter_class=_HelpFormatter,
            **kwargs,
        )
        self.register("type", int, whole_number)  # int takes blanks and digits of all scripts

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As in argparse, but an unknown option is the first error, and has the nearest match."""
        known = [text for action in self._actions for text in action.option_strings]
        for argument in sys.argv[1:] if args is None else args:
            name = argument.partition("=")[0]
            if argument == "--":
                break
            if name.startswith("--") and " " not in argument and name not in known:
                words = [option.removeprefix("--") for option in known]
                nearest = difflib.get_close_matches(name.removeprefix("--"), words, n=1)
                hint = f"did you mean --{nearest[0]}?" if nearest else "see --help"
                self.error(f"unknown option {name}: {hint}")
        return super().parse_known_args(args, namespace)

    def error(self, message: str) -> NoReturn:
        fail(message, EXIT_USAGE)


def fail(message: object, status: int) -> NoReturn:
    """Say in one line what went wrong, and end the program."""
    _end(f"error: {' '.join(str(message).split())}", status)


def run_command(command: Callable[[], Any], verbose: int = 1) -> Any:
    """Call `command()` and show what it reports; turn an error that a user can fix into one line.

    Returns:
        What `command` returns. Exit status 2 for input that cannot be used, 1 for a diverged
        training and a full disk, 71 for another failure of the system, 128 + signal for an
        interruption, 141 if nobody reads the output any more.
    """
    signals.handle(signals.interrupt)
    make_streams_tolerant()
    try:
        with showing(verbose, with_options):
            return _call(command)
    except UserError as error:
        status = EXIT_FAILED if isinstance(error, DivergedError) else EXIT_USAGE
        fail(_with_notes(error.for_command_line(), error), status)
    except KeyboardInterrupt as error:
        number = getattr(error, "signal_number", signal.SIGINT)
        _end(_with_notes(signals.describe(number), error), 128 + number)
    except BrokenPipeError as error:  # the reader of the output, such as `head`, is gone
        terminal.give_up(sys.stdout)
        _end(_with_notes("stopped: the output was closed", error), 128 + signal.SIGPIPE)
    except MemoryError as error:
        message, status = OUT_OF_MEMORY
        fail(_with_notes(message, error), status)
    except Exception as error:  # what the system refuses comes as errors of many kinds
        if refusal := _refusal(error):
            message, status = refusal
            fail(_with_notes(message, error), status)
        if not isinstance(error, OSError):
            raise
        place = f"{error.filename} cannot be used: " if error.filename else ""
        reason = error.strerror or str(error)
        fail(_with_notes(f"{place}{reason}", error), EXIT_USAGE if place else EXIT_SYSTEM)


def _call(command: Callable[[], Any]) -> Any:
    """Call `command()`; what it has written by `print`, as argparse does, goes out, too."""
    try:
        result = command()
    except SystemExit:
        sys.stdout.flush()
        raise
    sys.stdout.flush()
    return result


def _end(text: str, status: int) -> NoReturn:
    try:
        terminal.erase_line(sys.stderr)  # the ^C that a terminal shows
        print(fitted(text, sys.stderr), file=sys.stderr, flush=True)
    except BrokenPipeError:
        terminal.give_up(sys.stderr)
    sys.exit(status)


def add_dataset(parser: argparse.ArgumentParser) -> None:
    """Add the option that says where the images of a run are now."""
    parser.add_argument(
        "--dataset", metavar="PATH", help="where the images of the run are now, if they have moved"
    )


def add_data_dir(parser: argparse.ArgumentParser) -> None:
    """Add the option that says where tensorflow-datasets keeps its data now."""
    parser.add_argument(
        "--data-dir",
        metavar="DIR",
        help="where tensorflow-datasets keeps its data (default: where it was in training)",
    )


def check_range(name: str, value: int | None, least: int, most: int = 10**9) -> None:
    """Raise `InputError` if a number is outside of what an option allows."""
    if value is not None and value < least:
        raise InputError(f"⟨{name}⟩ must be at least {least}, received {value}")
    if value is not None and value > most:
        raise InputError(f"⟨{name}⟩ must be at most {most:,}, received {value:,}")


def _with_notes(message: str, error: BaseException) -> str:
    return "; ".join([message, *getattr(error, "__notes__", [])])


# What the system refuses, whatever is asked of it, and the exit status.
DISK_FULL = "the disk is full: make room", EXIT_FAILED
OUT_OF_MEMORY = "out of memory", EXIT_SYSTEM
REFUSALS = {
    errno.ENOSPC: DISK_FULL,
    errno.EDQUOT: DISK_FULL,
    errno.EFBIG: ("a file may not be as large as is needed: raise ulimit -f", EXIT_FAILED),
    errno.EMFILE: ("too few files may be open at once: raise ulimit -n", EXIT_SYSTEM),
    errno.ENFILE: ("the machine has too many open files", EXIT_SYSTEM),
    errno.ENOMEM: OUT_OF_MEMORY,
}


def _refusal(error: Exception) -> tuple[str, int] | None:
    """What the system refused, as a message and an exit status; None for any other error."""
    for number, refusal in REFUSALS.items():
        # TensorFlow and HDF5 wrap the operating system's error in one of their own.
        if getattr(error, "errno", None) == number or os.strerror(number) in str(error):
            return refusal
    # Of TensorFlow, which is not imported here.
    return OUT_OF_MEMORY if type(error).__name__ == "ResourceExhaustedError" else None
