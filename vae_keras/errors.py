"""Errors that a user can mend, and how names are looked up."""

import difflib


class InputError(ValueError):
    """A value that cannot be used: says what is wrong, what was expected and what to do."""


class DivergedError(ArithmeticError):
    """A loss became infinite or not a number during training."""


def check_text(name):
    """Raise `InputError` if a file's name holds bytes that are no UTF-8, which settings cannot."""
    try:
        name.encode()
    except UnicodeEncodeError:
        raise InputError(f"the name {name!r} is not UTF-8: give it another") from None


def check_name(kind, name, known):
    """Return `name` if it is one of `known`; raise `InputError` with the nearest match if not."""
    if name in known:
        return name
    nearest = difflib.get_close_matches(str(name), known, n=1)
    hint = f"did you mean {nearest[0]!r}? " if nearest else ""
    raise InputError(f"unknown {kind} {name!r}: {hint}Known: {', '.join(sorted(known))}")
