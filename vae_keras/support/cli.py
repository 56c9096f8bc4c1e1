"""Shared parts of the command lines: parsers, one-line errors and exit statuses."""

import argparse
import difflib
import os
import signal
import sys
from collections.abc import Callable
from typing import Any, NoReturn

from vae_keras.support import signals, terminal
from vae_keras.support.encoding import make_streams_tolerant
from vae_keras.support.errors import (
    EXIT_FAILED,
    EXIT_SYSTEM,
    EXIT_USAGE,
    OUT_OF_MEMORY,
    DivergedError,
    InputError,
    UserError,
    refusal,
    with_options,
)
from vae_keras.support.reporting import fitted, showing
from vae_keras.support.settings import whole_number
from vae_keras.support.text import wrap

LONGEST_ERROR = 2000


class _HelpFormatter(argparse.ArgumentDefaultsHelpFormatter, argparse.RawDescriptionHelpFormatter):
    """Shows the default of each option that has one, and keeps the lines of an example."""


class Parser(argparse.ArgumentParser):
    """An argument parser with one-line errors, whose result lacks omitted options.

    Args:
        description, epilog: Texts before and after the options.
        example: A command to show at the end of `--help`.
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
        self.register("type", int, whole_number)  # int accepts blanks and digits of all scripts

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As in argparse, but unknown options are checked first and get the nearest match."""
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

    def _print_message(self, message: str, file: Any = None) -> None:
        """Write the help; argparse itself ignores a full disk."""
        (file or sys.stderr).write(message)

    def error(self, message: str) -> NoReturn:
        fail(message, EXIT_USAGE)


def fail(message: object, status: int) -> NoReturn:
    """Print a one-line error and end the program."""
    text = " ".join(str(message).split())
    _end(f"error: {text[:LONGEST_ERROR]}{'…' * (len(text) > LONGEST_ERROR)}", status)


def run_command(command: Callable[[], Any], verbose: int = 1) -> Any:
    """Call `command()` and show its messages; turn errors that a user can fix into one line.

    Returns:
        The return value of `command`. The exit status is 2 for invalid input, 1 for a diverged
        training and a full disk, 71 for another failure of the system, 128 + signal for an
        interruption, 141 for a closed output.
    """
    signals.handle(signals.interrupt)
    os.environ["MPLBACKEND"] = "agg"  # commands only write files
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
    except Exception as error:  # the system's refusals are exceptions of many kinds
        if found := refusal(error):
            message, status = found
            fail(_with_notes(message, error), status)
        if not isinstance(error, OSError):
            raise
        place = f"{error.filename} cannot be used: " if error.filename else ""
        reason = error.strerror or str(error)
        fail(_with_notes(f"{place}{reason}", error), EXIT_USAGE if place else EXIT_SYSTEM)


def _call(command: Callable[[], Any]) -> Any:
    """Call `command()` and flush stdout, also when argparse exits."""
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
    """Add the option for the new location of the images of a run."""
    parser.add_argument(
        "--dataset", metavar="PATH", help="new location of the run's images, if they have moved"
    )


def add_data_dir(parser: argparse.ArgumentParser) -> None:
    """Add the option for the data folder of tensorflow-datasets."""
    parser.add_argument(
        "--data-dir",
        metavar="DIR",
        help="data folder of tensorflow-datasets (default: as in training)",
    )


def check_range(name: str, value: int | None, least: int, most: int = 10**9) -> None:
    """Raise `InputError` if a number is outside of the range of an option."""
    if value is not None and value < least:
        raise InputError(f"⟨{name}⟩ must be at least {least}, received {value}")
    if value is not None and value > most:
        raise InputError(f"⟨{name}⟩ must be at most {most:,}, received {value:,}")


def _with_notes(message: str, error: BaseException) -> str:
    return "; ".join([message, *getattr(error, "__notes__", [])])
