"""Numbers, missing numbers and tables as text. The minus sign is −, not a hyphen."""

import re
import textwrap
from collections.abc import Sequence

NOT_AVAILABLE = "n/a"
GAP = 2  # between the columns of a table
# Text that stays on one line: a command up to the end, and a label with the path behind it.
_WHOLE = re.compile(
    r"\b(?:python -m|pip install|saved_model_cli|tensorboard --) .*|^\w+(?: \w+)?:? +\S*/\S*"
)
_JOINT = "\0"  # replaces a space at which no line may be broken


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


def p_value(value: float | None) -> str:
    """A p-value."""
    if value is None:
        return NOT_AVAILABLE
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def count(number: int, noun: str) -> str:
    """A number of things."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def escape(text: str) -> str:
    """One line of text that Markdown shows literally, without HTML and without table cells."""
    text = " ".join(text.split()).replace("|", "\\|")
    return re.sub(r"<(?=[A-Za-z/!?])", "&lt;", text)  # "< 0.001" is not HTML


def markdown(rows: Sequence[Sequence[str]]) -> str:
    """Rows of texts as a Markdown table, the header first."""
    lines = ["| " + " | ".join(map(escape, row)) + " |" for row in rows]
    return "\n".join([lines[0], "|" + "---|" * len(rows[0]), *lines[1:]])


def plain(rows: Sequence[Sequence[str]], width: int) -> str:
    """Rows of texts as aligned columns, for a terminal.

    Args:
        rows: The heading of each column, then the rows. The first column names the rows.
        width: Columns of the terminal. If the table is wider, headings are broken between words,
            and the remaining columns follow below, with the first column repeated.
    """
    columns = list(zip(*rows))
    widths = [max(map(len, column)) for column in columns]
    if sum(widths) + GAP * (len(widths) - 1) > width:
        widths = [max(map(len, [*_words(head), *body])) for head, *body in columns]
    blocks = [[0]]
    for number in range(1, len(columns)):
        used = sum(widths[i] + GAP for i in blocks[-1])
        if used + widths[number] > width and len(blocks[-1]) > 1:
            blocks.append([0])
        blocks[-1].append(number)
    return "\n\n".join(
        _block([columns[i] for i in block], [widths[i] for i in block]) for block in blocks
    )


def _block(columns: Sequence[Sequence[str]], widths: Sequence[int]) -> str:
    heads = [textwrap.wrap(head, size) for (head, *_), size in zip(columns, widths)]
    height = max(map(len, heads))
    padded = [[""] * (height - len(lines)) + lines for lines in heads]
    rows = zip(*([*lines, *body] for lines, (_, *body) in zip(padded, columns)))
    lines = (
        row[0].ljust(widths[0])
        + "".join(text.rjust(GAP + size) for text, size in zip(row[1:], widths[1:]))
        for row in rows
    )
    return "\n".join(map(str.rstrip, lines))


def _words(text: str) -> list[str]:
    """The words of a text, one per line."""
    return textwrap.wrap(text, 1, break_long_words=False) or [""]


def wrap(text: str, width: int, indent: str = "") -> str:
    """A text whose lines are broken between words if they are longer than `width`.

    A path stays whole and beside its label, and a command at the end of a line stays whole, so that
    both can be copied.

    Args:
        text: Any number of lines.
        width: Columns of the terminal.
        indent: Text at the start of continuation lines, after the indentation of the line.
    """
    return "\n".join(_wrap_line(line, width, indent) for line in text.split("\n"))


def _wrap_line(line: str, width: int, indent: str) -> str:
    if len(line) <= width:
        return line
    margin = line[: len(line) - len(line.lstrip())]
    joined = _WHOLE.sub(lambda found: found[0].replace(" ", _JOINT), line.lstrip())
    lines = textwrap.wrap(
        margin.replace(" ", _JOINT) + joined,
        width,
        subsequent_indent=margin + indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return "\n".join(lines).replace(_JOINT, " ")
