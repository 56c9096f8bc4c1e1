"""The terminal: its width, its colors, and standard streams that may be closed."""

import contextlib
import os
import shutil
import sys
from typing import Any, TextIO

LEAST_WIDTH = 40
RED, YELLOW = "\033[31m", "\033[33m"
PLAIN = "\033[0m"


def width() -> int:
    """Columns of the terminal, or the value of `COLUMNS`; 80 without a terminal."""
    return max(LEAST_WIDTH, shutil.get_terminal_size().columns)


def shows_colors(stream: TextIO) -> bool:
    """Whether a stream is a terminal that may show colors (https://no-color.org)."""
    unwanted = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return stream.isatty() and not unwanted


def erase_line(stream: TextIO) -> None:
    """Move to the start of the line, and erase it and all below on a terminal."""
    if stream.isatty() and os.environ.get("TERM") != "dumb":
        stream.write("\r\033[J")


def in_notebook() -> bool:
    """Whether a Jupyter kernel runs this process."""
    shell: Any = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return hasattr(shell, "kernel")


def open_closed_streams() -> None:
    """Connect standard streams that are closed (`2>&-`) to the null device.

    Otherwise the next file that is opened gets the number of the closed stream, and a library that
    writes to the stream writes into the file.
    """
    for number, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # gets the lowest free number
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115


def give_up(stream: TextIO) -> None:
    """Discard the unwritten output of a broken stream, which Python would flush at exit."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
