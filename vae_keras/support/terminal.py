"""What is known of the terminal: its width, its colors, and streams that may be closed."""

import contextlib
import os
import shutil
import sys
from typing import Any, TextIO

LEAST_WIDTH = 40
RED, YELLOW = "\033[31m", "\033[33m"
PLAIN = "\033[0m"


def width() -> int:
    """Columns of the terminal, or what `COLUMNS` says; 80 where there is no terminal."""
    return max(LEAST_WIDTH, shutil.get_terminal_size().columns)


def shows_colors(stream: TextIO) -> bool:
    """Whether a stream is a terminal that may show colors (https://no-color.org)."""
    unwanted = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return stream.isatty() and not unwanted


def erase_line(stream: TextIO) -> None:
    """Begin the line anew, and erase what a terminal shows in it and below."""
    if stream.isatty() and os.environ.get("TERM") != "dumb":
        stream.write("\r\033[J")


def in_notebook() -> bool:
    """Whether a Jupyter kernel runs this process."""
    shell: Any = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return hasattr(shell, "kernel")


def open_closed_streams() -> None:
    """Connect standard streams that are closed (`2>&-`) to the null device.

    Otherwise the next file to be opened gets the number of the closed stream, and what a library
    writes to that stream ends in the file.
    """
    for number, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # gets the lowest free number
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115


def give_up(stream: TextIO) -> None:
    """Let what is left to write to a broken stream vanish: Python writes it out at exit."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
