"""Numbers, tables and what cannot be said, as a report writes them. Minus is −."""

NOT_AVAILABLE = "n/a"


def number(value, digits=2):
    """A number, or n/a."""
    return NOT_AVAILABLE if value is None else f"{value:.{digits}f}".replace("-", "−")


def signed(value):
    """A number with its sign."""
    return NOT_AVAILABLE if value is None else f"{value:+.2f}".replace("-", "−")


def plus_minus(mean, half_width, digits=2):
    """A mean and half the width of its interval."""
    if mean is None:
        return NOT_AVAILABLE
    return f"{number(mean, digits)} ± {number(half_width, digits)}"


def interval(mean, half_width):
    """The ends of an interval, with their signs."""
    if half_width is None:
        return NOT_AVAILABLE
    return f"{signed(mean - half_width)} to {signed(mean + half_width)}"


def p_value(value, prefix=""):
    """A p-value, with what is to stand before it."""
    if value is None:
        return prefix + NOT_AVAILABLE
    if value < 0.001:
        return prefix + "< 0.001"
    return f"{prefix}{'= ' if prefix else ''}{value:.3f}"


def count(number, noun):
    """A number of things."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def markdown(rows):
    """Rows of texts as a Markdown table, the header first."""
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([lines[0], "|" + "---|" * len(rows[0]), *lines[1:]])


def plain(rows):
    """Rows of texts as aligned columns, for a terminal."""
    widths = [max(map(len, column)) for column in zip(*rows)]
    return "\n".join(
        "  ".join([row[0].ljust(widths[0]), *(t.rjust(w) for t, w in zip(row[1:], widths[1:]))])
        for row in rows
    )
