"""Errors that a user can fix, and the lookup of names."""

import difflib
import errno
import os
import re
from collections.abc import Iterable

EXIT_FAILED, EXIT_USAGE = 1, 2
EXIT_SYSTEM = 71  # a failure of the system, possibly temporary; EX_OSERR of sysexits.h
# Messages and exit statuses for errors of the operating system.
DISK_FULL = "the disk is full: free some space", EXIT_FAILED
OUT_OF_MEMORY = "out of memory", EXIT_SYSTEM
REFUSALS = {
    errno.ENOSPC: DISK_FULL,
    errno.EDQUOT: DISK_FULL,
    errno.EFBIG: ("a file exceeds the size limit: raise ulimit -f", EXIT_FAILED),
    # Before EMFILE, because its message contains that of EMFILE.
    errno.ENFILE: ("the machine has too many open files", EXIT_SYSTEM),
    errno.EMFILE: ("too many open files: raise ulimit -n", EXIT_SYSTEM),
    errno.ENOMEM: OUT_OF_MEMORY,
}

MOST_SHOWN = 100  # characters of a value in an error
_ARGUMENT = re.compile(r"⟨(\w+)⟩")


def with_names(text: str) -> str:
    """A text whose ⟨batch_size⟩ becomes `batch_size`."""
    return _ARGUMENT.sub(r"\1", text)


def with_options(text: str) -> str:
    """A text whose ⟨batch_size⟩ becomes `--batch-size`."""
    return _ARGUMENT.sub(lambda found: f"--{found[1].replace('_', '-')}", text)


class UserError(Exception):
    """An error that a user can fix, described in one line.

    Messages name arguments as ⟨batch_size⟩. `str` gives the argument's name, `batch_size`;
    `for_command_line` gives the option, `--batch-size`.
    """

    def __str__(self) -> str:
        return with_names(self.text)

    @property
    def text(self) -> str:
        """The message with ⟨argument_names⟩, for a part of another error or warning."""
        return super().__str__()

    def for_command_line(self) -> str:
        """The message with options in place of argument names."""
        return with_options(self.text)


class InputError(UserError, ValueError):
    """An invalid value. The message states the problem, what was expected, and what to do."""


class DivergedError(UserError, ArithmeticError):
    """A loss became infinite or not a number during training."""


def check_text(name: str) -> None:
    """Raise `InputError` if a name contains a null character, or bytes that are not UTF-8.

    The system does not accept null characters, and JSON can only store UTF-8.
    """
    if "\0" in name:
        raise InputError(f"the name {shown(name)} contains a null character")
    try:
        name.encode()
    except UnicodeEncodeError:
        raise InputError(f"the name {shown(name)} is not UTF-8: rename it") from None


def shown(value: object) -> str:
    """A value as text for an error message: its `repr`, cut if it is long."""
    try:
        text = repr(value)
    except ValueError:  # Python cannot print a number of more than 4,300 digits
        return "a number with too many digits"
    return text if len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN]}…"


def check_name(kind: str, name: str, known: Iterable[str]) -> str:
    """Return `name` if it is one of `known`; raise `InputError` with the nearest match if not."""
    known = list(known)
    if name in known:
        return name
    nearest = difflib.get_close_matches(str(name), known, n=1)
    hint = f": did you mean {nearest[0]!r}?" if nearest else "."
    raise InputError(f"unknown {kind} {name!r}{hint} Known: {', '.join(sorted(known))}")


def refusal(error: Exception) -> tuple[str, int] | None:
    """Message and exit status for a refusal of the system; None for any other error."""
    for number, message_and_status in REFUSALS.items():
        # TensorFlow and HDF5 wrap the operating system's error in their own.
        if getattr(error, "errno", None) == number or os.strerror(number) in str(error):
            return message_and_status
    # TensorFlow's error, by name, because TensorFlow may not be imported.
    return OUT_OF_MEMORY if type(error).__name__ == "ResourceExhaustedError" else None


def is_refusal(error: Exception) -> bool:
    """Whether an error is a refusal of the system or a closed output, not the fault of a file."""
    return isinstance(error, (BrokenPipeError, MemoryError)) or refusal(error) is not None
