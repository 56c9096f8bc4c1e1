"""Numbers and tables as texts, and what to write where a number is missing. Minus is −."""

import re
from collections.abc import Sequence

NOT_AVAILABLE = "n/a"


def minus(text: str) -> str:
    """A formatted number with − in place of the hyphen."""
    return text.replace("-", "−")


def number(value: float | None, digits: int = 2) -> str:
    """A number, or n/a."""
    return NOT_AVAILABLE if value is None else minus(f"{value:.{digits}f}")


def signed(value: float | None) -> str:
    """A number with its sign, or n/a."""
    return NOT_AVAILABLE if value is None else minus(f"{value:+.2f}")


def plus_minus(mean: float | None, half_width: float | None, digits: int = 2) -> str:
    """A mean and half the width of its interval."""
    if mean is None:
        return NOT_AVAILABLE
    return f"{number(mean, digits)} ± {number(half_width, digits)}"


def interval(mean: float | None, half_width: float | None) -> str:
    """The ends of an interval, with their signs."""
    if mean is None or half_width is None:
        return NOT_AVAILABLE
    return f"{signed(mean - half_width)} to {signed(mean + half_width)}"


def p_value(value: float | None, prefix: str = "") -> str:
    """A p-value, with `prefix` before it."""
    if value is None:
        return prefix + NOT_AVAILABLE
    if value < 0.001:
        return prefix + "< 0.001"
    return f"{prefix}{'= ' if prefix else ''}{value:.3f}"


def count(number: int, noun: str) -> str:
    """A number of things."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def escape(text: str) -> str:
    """A text of one line that Markdown shows as it is: no HTML, no cell of its own."""
    text = " ".join(text.split()).replace("|", "\\|")
    return re.sub(r"<(?=[A-Za-z/!?])", "&lt;", text)  # "< 0.001" is not HTML


def markdown(rows: Sequence[Sequence[str]]) -> str:
    """Rows of texts as a Markdown table, the header first."""
    lines = ["| " + " | ".join(map(escape, row)) + " |" for row in rows]
    return "\n".join([lines[0], "|" + "---|" * len(rows[0]), *lines[1:]])


def plain(rows: Sequence[Sequence[str]]) -> str:
    """Rows of texts as aligned columns, for a terminal."""
    widths = [max(map(len, column)) for column in zip(*rows)]
    return "\n".join(
        "  ".join([row[0].ljust(widths[0]), *(t.rjust(w) for t, w in zip(row[1:], widths[1:]))])
        for row in rows
    )
