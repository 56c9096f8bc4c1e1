"""Errors that a user can fix, and the lookup of names."""

import difflib
import re
from collections.abc import Iterable

_ARGUMENT = re.compile(r"⟨(\w+)⟩")


def with_names(text: str) -> str:
    """A text whose ⟨batch_size⟩ becomes `batch_size`."""
    return _ARGUMENT.sub(r"\1", text)


def with_options(text: str) -> str:
    """A text whose ⟨batch_size⟩ becomes `--batch-size`."""
    return _ARGUMENT.sub(lambda found: f"--{found[1].replace('_', '-')}", text)


class UserError(Exception):
    """An error that a user can fix, told in one line.

    Messages name arguments as ⟨batch_size⟩. `str` gives the argument's name, `batch_size`;
    `for_command_line` gives the option, `--batch-size`.
    """

    def __str__(self) -> str:
        return with_names(super().__str__())

    def for_command_line(self) -> str:
        """The message with options in place of argument names."""
        return with_options(super().__str__())


class InputError(UserError, ValueError):
    """A value that cannot be used: what is wrong, what was expected, what to do."""


class DivergedError(UserError, ArithmeticError):
    """A loss became infinite or not a number during training."""


def check_text(name: str) -> None:
    """Raise `InputError` if a file name holds bytes that are not UTF-8, which JSON cannot store."""
    try:
        name.encode()
    except UnicodeEncodeError:
        raise InputError(f"the name {name!r} is not UTF-8: rename it") from None


def check_name(kind: str, name: str, known: Iterable[str]) -> str:
    """Return `name` if it is one of `known`; raise `InputError` with the nearest match if not."""
    known = list(known)
    if name in known:
        return name
    nearest = difflib.get_close_matches(str(name), known, n=1)
    hint = f"did you mean {nearest[0]!r}? " if nearest else ""
    raise InputError(f"unknown {kind} {name!r}: {hint}Known: {', '.join(sorted(known))}")
